"""What a file holds beside its sound."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import mutagen
from mutagen.flac import FLAC
from mutagen.id3 import ID3, ID3NoHeaderError
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis

from ..survey.chunks import ChunkFile, FileChunk, chunks_of, read_chunk
from ..survey.mpeg import synchsafe, tag_size
from ..survey.survey import survey_audio
from .speakers import mask_of_caf, mask_of_comments, mask_of_format
from .tags import TEXT_CHUNKS, Tags, from_comments, from_id3, from_id3_bytes, from_info, from_text_chunk


# Chunks that say how the sound is stored, or are derived from it: every file has its own.
STRUCTURE = {
    b"RIFF": (b"fmt ", b"fact", b"ds64", b"PEAK", b"JUNK", b"junk", b"FLLR", b"PAD ", b"RIFF", b"RIFX"),
    b"FORM": (b"COMM", b"FVER", b"PEAK", b"FORM"),
    b"caff": (b"desc", b"pakt", b"kuki", b"free", b"peak"),
    b"riff": (b"fmt ", b"fact", b"junk"),
}
KINDS = {b"RIFX": b"RIFF", b"RF64": b"RIFF", b"BW64": b"RIFF"}
ID3_CHUNKS = (b"id3 ", b"ID3 ")
OGG_TAGS = {"VORBIS": OggVorbis, "OPUS": OggOpus}


@dataclass(frozen=True)
class SourceMetadata:
    """
    What a file holds beside its sound.

    Args:
        path: the file.
        container: four bytes, as [`~aidd.signals.survey.part.Survey`] names them.
        found: where its chunks are, if it is made of chunks.
        extra: the chunks that do not say how the sound is stored.
        mask: channel mask, if the file has one.
        layout: bytes of a WAV or AIFF file's chunk of the format.
        num_streams: streams in a chain.
        problems: what cannot be read, in words.
    """

    path: Path
    container: str
    found: ChunkFile | None
    extra: tuple[FileChunk, ...]
    mask: int | None
    layout: bytes
    num_streams: int
    problems: tuple[str, ...]

    @property
    def kind(self) -> bytes:
        """What kind of container: `RIFF`, `FORM`, `caff`, `riff` (Wave64), or another's four bytes."""
        name = self.container.encode()
        return KINDS.get(name, name)

    @property
    def valid_bits(self) -> int | None:
        """Bits of an integer sample that are used, where the file says so."""
        if self.kind == b"RIFF" and len(self.layout) >= 16:
            order = self.found.order if self.found is not None else "little"
            place = 18 if mask_of_format(self.layout, order) is not None else 14
            return int.from_bytes(self.layout[place : place + 2], order)
        if self.kind == b"FORM" and len(self.layout) >= 8:
            return int.from_bytes(self.layout[6:8], "big")
        return None

    def tags(self, subtype: str) -> Tags:
        """
        Tags and pictures, from chunks, comments or ID3.

        Args:
            subtype: encoding of the sound.

        Raises:
            MutagenError: tags that cannot be read.
        """
        if self.found is not None:
            tags = Tags()
            with self.path.open("rb") as file:
                for chunk in self.extra:
                    if is_tag(file, chunk):
                        tags.merge(_tags_of_chunk(chunk.name, read_chunk(file, chunk)))
            return tags
        if self.container == "fLaC":
            flac = FLAC(self.path)
            return from_comments(list(flac.tags or ()), flac.pictures)
        if self.container == "OggS" and subtype in OGG_TAGS:
            return from_comments(list(OGG_TAGS[subtype](self.path).tags or ()))
        if self.container == "MPEG":
            try:
                return from_id3(ID3(self.path))
            except ID3NoHeaderError:
                return Tags()
        return Tags()

    def mpeg_tags(self) -> tuple[int, int]:
        """Where the tags before an MPEG stream end, and where those behind it begin."""
        with self.path.open("rb") as file:
            length = file.seek(0, io.SEEK_END)
            first = 0
            while (size := tag_size(_bytes_at(file, first, 32))) and first + size < length:
                first += size
            return first, _tags_behind(file, length)


def read_metadata(path: str | Path) -> SourceMetadata:
    """Finds what a file holds beside its sound; what is large is not read before it is copied."""
    path, survey = Path(path), survey_audio(path)
    found, extra, layout, mask = None, [], b"", None
    name = survey.container.encode()
    kind = KINDS.get(name, name)
    problems: list[str] = []
    with path.open("rb") as file:
        if kind in STRUCTURE:
            found = chunks_of(file, file.seek(0, io.SEEK_END))
            extra = [chunk for chunk in found.chunks if chunk.name not in STRUCTURE[kind]]
            described = found.find({b"FORM": b"COMM", b"caff": b"chan"}.get(kind, b"fmt "))
            layout = b"" if described is None else read_chunk(file, described, 64)
            if kind == b"caff":
                mask = mask_of_caf(layout)
            elif kind != b"FORM":
                mask = mask_of_format(layout, found.order)
    if kind == b"fLaC":
        try:
            mask = mask_of_comments(list(FLAC(path).tags or ()))
        except mutagen.MutagenError as error:
            problems.append(f"tags that cannot be read ({error})")
    num_streams = 1 + max((part.link for part in survey.parts), default=0)
    return SourceMetadata(path, survey.container, found, tuple(extra), mask, layout, num_streams, tuple(problems))


def is_tag(file: BinaryIO, chunk: FileChunk) -> bool:
    """Whether a chunk holds tags that other kinds of files can hold as well."""
    return (
        chunk.name in ID3_CHUNKS
        or chunk.name in TEXT_CHUNKS
        or (chunk.name == b"LIST" and read_chunk(file, chunk, 4) == b"INFO")
    )


def _tags_of_chunk(name: bytes, content: bytes) -> Tags:
    if name in ID3_CHUNKS:
        return from_id3_bytes(content)
    return from_info(content) if name == b"LIST" else from_text_chunk(name, content)


def _tags_behind(file: BinaryIO, length: int) -> int:
    """Where ID3v1, APE and Lyrics3 tags at the end of a file begin; its length if there are none."""
    start = length
    if _bytes_at(file, start - 128, 3) == b"TAG":
        start -= 128
    while start >= 32:
        footer = _bytes_at(file, start - 32, 32)
        if footer[:8] == b"APETAGEX":
            start -= int.from_bytes(footer[12:16], "little") + (32 if footer[23] & 0x80 else 0)
        elif footer[-9:] == b"LYRICS200" and footer[-15:-9].isdigit():
            start -= int(footer[-15:-9]) + 15
        elif footer[22:25] == b"3DI":
            start -= synchsafe(footer[28:32]) + 20
        else:
            break
    return max(start, 0)


def _bytes_at(file: BinaryIO, position: int, size: int) -> bytes:
    file.seek(max(position, 0))
    return file.read(size)
