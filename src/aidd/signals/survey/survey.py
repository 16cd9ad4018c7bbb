"""What an audio file's header and stream promise, against what can be read: one place for all formats."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from .chunks import survey_chunks
from .flac import survey_damaged_flac, survey_flac
from .mpeg import is_mpeg, survey_mpeg, tag_size
from .ogg import survey_ogg
from .part import Survey


# The bytes that a file starts with, and what surveys it then.
SURVEYS: dict[bytes, Callable[[BinaryIO, int], Survey]] = {
    b"RIFF": survey_chunks,
    b"RIFX": survey_chunks,
    b"RF64": survey_chunks,
    b"BW64": survey_chunks,
    b"FORM": survey_chunks,
    b"caff": survey_chunks,
    b"riff": survey_chunks,
    b".snd": survey_chunks,
    b"OggS": survey_ogg,
}


def survey_audio(source: str | Path | BinaryIO) -> Survey:
    """
    Looks through a file's header, and through the frames or pages of its stream. A file of samples is surveyed in no
    time, a compressed one about as fast as it is read. A file that has not been written to since is not looked
    through again.

    Args:
        source: path of the file, or its content as a binary file object.
    """
    return _surveyed(source, _survey)


def survey_damaged(source: str | Path | BinaryIO) -> Survey:
    """Looks through a FLAC file that cannot be decoded to its end, for all that can be decoded behind the damage."""
    return _surveyed(source, _survey_damaged)


def _surveyed(source: str | Path | BinaryIO, survey: Callable[[BinaryIO], Survey]) -> Survey:
    if not isinstance(source, str | Path):
        return survey(source)
    path = Path(source)
    status = path.stat()
    return _survey_once(survey, path, status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _survey_once(survey: Callable[[BinaryIO], Survey], path: Path, inode: int, size: int, modified: int) -> Survey:
    with path.open("rb") as file:
        return survey(file)


def _survey(file: BinaryIO) -> Survey:
    length = file.seek(0, io.SEEK_END)
    start = _behind_id3(file)
    file.seek(start)
    name = file.read(4)
    if name == b"fLaC":
        return survey_flac(file, length, start)
    if start == 0 and name in SURVEYS:
        return SURVEYS[name](file, length)
    if is_mpeg(file, length):
        return survey_mpeg(file, length)
    return Survey()


def _survey_damaged(file: BinaryIO) -> Survey:
    return survey_damaged_flac(file, file.seek(0, io.SEEK_END), _behind_id3(file))


def _behind_id3(file: BinaryIO) -> int:
    """Offset behind ID3v2 tags, which some programs write before a FLAC stream, too."""
    start = 0
    while True:
        file.seek(start)
        head = file.read(32)
        if not head.startswith(b"ID3") or not (size := tag_size(head)):
            return start
        start += size
