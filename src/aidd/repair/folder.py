"""What a folder holds for a repair of all its recordings: recordings, masks of theirs, and all that is neither."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..masks.files import MASK_SUFFIXES
from ..signals.formats import AUDIO_SUFFIXES


# Suffixes of sound that libsndfile does not read, and how files of sound begin, at which byte.
OTHER_AUDIO_SUFFIXES = frozenset(
    [
        *(".3gp", ".aac", ".ac3", ".alac", ".amr", ".ape", ".dff", ".dsf", ".dts", ".m4a", ".m4b", ".m4p", ".mka"),
        *(".mkv", ".mov", ".mp1", ".mp2", ".mp4", ".mpa", ".mpc", ".mpg", ".oma", ".ra", ".ram", ".sf", ".shn"),
        *(".sph", ".spx", ".tak", ".tta", ".voc", ".webm", ".wma", ".wv"),
    ]
)
BEGINNINGS: tuple[tuple[int, bytes], ...] = (
    *((0, b"RIFF"), (0, b"RIFX"), (0, b"RF64"), (0, b"FORM"), (0, b"fLaC"), (0, b"OggS"), (0, b"ID3"), (0, b"wvpk")),
    *((0, b"MAC "), (0, b"caff"), (0, b".snd"), (0, b"riff"), (4, b"ftyp"), (0, b"#!AMR")),
)
# What Macs write beside files on foreign disks, with the prefix of its name, and what systems write into folders.
APPLE_PREFIX, APPLE_DOUBLE = "._", bytes.fromhex("00051607")
SYSTEM_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Unused:
    """
    A file that a repair of its folder does not use.

    Args:
        path: of the file.
        why: what it is, or what is wrong with it.
        may_be_wanted: whether it may be a recording or a mask.
    """

    path: Path
    why: str
    may_be_wanted: bool


@dataclass(frozen=True)
class FolderContent:
    """
    What a folder, and the folders below it, hold.

    Args:
        recordings: audio files, sorted by path.
        masks: mask files of the recordings that have any.
        unused: all other files, but those of the system, sorted by path.
    """

    recordings: list[Path]
    masks: dict[Path, list[Path]]
    unused: list[Unused]

    @property
    def ambiguous(self) -> dict[Path, list[Unused]]:
        """Masks that could belong to a recording and to another one, and so are not used, by recordings."""
        found: dict[Path, list[Unused]] = defaultdict(list)
        for unused in self.unused:
            for recording in self.recordings:
                if unused.may_be_wanted and _is_mask(unused.path) and _belongs(unused.path, recording):
                    found[recording].append(unused)
        return found


def content_of(folder: str | Path) -> FolderContent:
    """
    Looks through a folder. A mask belongs to the recording beside it that has its name without the suffix (`song.txt`
    and `song.wav`) or whose whole name it has (`song.wav.txt`), whatever the case of suffixes. One that could belong
    to several is used for none.

    Raises:
        ValueError: not a folder, or no audio file in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"expected a folder of audio files, got {folder}")
    unused: list[Unused] = []
    recordings, masks = [], []
    for path in _files(folder, unused):
        reason = _no_file(path)
        if reason is not None:
            unused.append(Unused(path, reason, path.suffix.lower() in AUDIO_SUFFIXES | {*MASK_SUFFIXES}))
        elif path.suffix.lower() in AUDIO_SUFFIXES:
            recordings.append(path)
        elif _is_mask(path):
            masks.append(path)
        elif path.suffix.lower() in OTHER_AUDIO_SUFFIXES or _sounds(path):
            unused.append(Unused(path, "sound in a format, or under a suffix, that is not read", True))
        else:
            unused.append(Unused(path, "neither a recording nor a mask", False))
    if not recordings:
        seen = f"; {len(unused)} files of other kinds, such as {unused[0].path}" if unused else ""
        raise ValueError(f"{folder} holds no audio file (looked for {', '.join(sorted(AUDIO_SUFFIXES))}){seen}")
    beside: dict[Path, list[Path]] = defaultdict(list)
    for recording in recordings:
        beside[recording.parent].append(recording)
    owned: dict[Path, list[Path]] = defaultdict(list)
    for mask in masks:
        owners = [recording for recording in beside[mask.parent] if _belongs(mask, recording)]
        if len(owners) == 1:
            owned[owners[0]].append(mask)
        elif owners:
            names = " and ".join(owner.name for owner in owners)
            why = f"a mask that could belong to both {names}; name it {owners[0].name}{mask.suffix} or the like"
            unused.append(Unused(mask, why, True))
        else:
            unused.append(Unused(mask, "a mask without a recording of its name beside it", True))
    return FolderContent(sorted(recordings), dict(owned), sorted(unused, key=lambda one: one.path))


def _files(folder: Path, unused: list[Unused]) -> Iterator[Path]:
    """Files below a folder, but the system's. Folders that cannot be listed are added to what is not used."""

    def note(error: OSError) -> None:
        unused.append(Unused(Path(error.filename), f"a folder that cannot be listed ({error.strerror})", True))

    for place, folders, names in os.walk(folder, onerror=note):
        folders.sort()
        for name in sorted(names):
            if name.lower() not in SYSTEM_FILES:
                yield Path(place, name)


def _no_file(path: Path) -> str | None:
    """Why a path is no recording and no mask whatever its suffix, or None."""
    if not path.exists():
        return "a link to nothing"
    if not path.is_file():
        return "not a regular file"
    if path.name.startswith(APPLE_PREFIX) and (_begins(path, 0, APPLE_DOUBLE) or _beside(path).exists()):
        return f"a Mac's notes on {_beside(path).name}"
    return None


def _beside(path: Path) -> Path:
    return path.with_name(path.name.removeprefix(APPLE_PREFIX) or path.name)


def _is_mask(path: Path) -> bool:
    return path.suffix.lower() in MASK_SUFFIXES


def _belongs(mask: Path, recording: Path) -> bool:
    return mask.parent == recording.parent and mask.stem in (recording.stem, recording.name)


def _sounds(path: Path) -> bool:
    return any(_begins(path, place, beginning) for place, beginning in BEGINNINGS)


def _begins(path: Path, place: int, beginning: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(place + len(beginning))[place:] == beginning
    # What cannot be read is not known to be anything.
    except OSError:
        return False
