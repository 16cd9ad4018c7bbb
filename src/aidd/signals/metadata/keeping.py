"""What of a file's metadata another one keeps: copied block by block where its format can hold it, named where not."""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, Literal

import mutagen
import soundfile as sf
from mutagen.flac import FLAC, Padding, SeekTable, StreamInfo

from ..survey.chunks import chunks_of, padding, read_chunk
from ..survey.file_view import Segment
from ..survey.stream import Stream
from .source import OGG_TAGS, SourceMetadata, is_tag, read_metadata
from .speakers import EXTENSIBLE, FLAC_MASKS, MASK_COMMENT, is_usual
from .tags import ENCODER, Tags, to_comments, to_id3_bytes


# Kinds of containers by libsndfile's formats.
KINDS = {"WAV": b"RIFF", "WAVEX": b"RIFF", "RF64": b"RIFF", "AIFF": b"FORM", "CAF": b"caff", "W64": b"riff"}
# A digest of the samples, which is another's after a repair.
STALE = {b"MD5 ": "the digest MD5 of the samples, which no longer holds"}
COPIED_BYTES = 2**20


class Keeping:
    """
    Plans what of a file's metadata another file keeps, and writes it there.

    Args:
        source: the file whose metadata is kept.
        format, subtype: of the file to write, in libsndfile's terms.
        source_format, source_subtype, source_endian: of the source.
        channels: number of channels of both.

    Attributes:
        format: the format to write: WAVEX in place of WAV where speakers have to be named.
        endian: the order of bytes to write, in libsndfile's terms.
        losses: what is not kept, in words.
        before, behind: bytes that are written before and behind the chunk of the sound, or the stream.
    """

    def __init__(
        self,
        source: str | Path,
        *,
        format: str,
        subtype: str,
        source_format: str,
        source_subtype: str,
        source_endian: str,
        channels: int,
    ):
        self._source: SourceMetadata = read_metadata(source)
        self.format, self._subtype, self._channels = format, subtype, channels
        self.losses = list(self._source.problems)
        self.before: list[Segment] = []
        self.behind: list[Segment] = []
        self._tags: Tags | None = None
        self._is_native = False
        self.endian = self._kept_endian(source_format, source_endian)
        self._plan_speakers(source_format)
        self._kind = KINDS.get(self.format, {"FLAC": b"fLaC", "OGG": b"OggS", "MP3": b"MPEG"}.get(self.format, b""))
        self._plan_chunks()
        self._plan_tags(source_format, source_subtype)
        if self._source.num_streams > 1:
            self.losses.append("tags and chunks of the streams behind the first, if they have any")
        self._plan_bits()

    @property
    def num_bytes(self) -> int:
        """Bytes beside the sound, but what libsndfile writes itself."""
        return sum(map(len, (*self.before, *self.behind)))

    @property
    def _order(self) -> Literal["big", "little"]:
        """Order of the bytes of sizes of chunks."""
        return "big" if self._kind == b"FORM" or self.endian == "BIG" else "little"

    def place(self, sampling_rate: int) -> int:
        """Where in the file to write `before` comes: before the sound's chunk, or first."""
        if self._kind not in KINDS.values():
            return 0
        probe = io.BytesIO()
        sf.SoundFile(
            probe, "w", sampling_rate, self._channels, self._subtype, endian=self.endian, format=self.format
        ).close()
        sound = chunks_of(probe, len(probe.getvalue())).sound
        return len(probe.getvalue()) if sound is None else sound.header

    def finish(self, path: Path, place: int) -> None:
        """
        Adds to a file of sound what is kept.

        Args:
            path: the file, closed, with room for `before` at `place`.
            place: from [`place`].

        Raises:
            OSError: the system's errors.
        """
        with path.open("r+b") as target, self._source.path.open("rb") as source:
            target.seek(place)
            _copy(source, target, self.before)
            end = target.seek(0, io.SEEK_END)
            if self._kind in KINDS.values():
                target.write(bytes(padding(self._kind, end)))
            _copy(source, target, self.behind)
            if self._kind in KINDS.values() and self.num_bytes:
                self._count(target)
            if self._kind in (b"RIFF", b"FORM"):
                self._describe(target)
        if self._kind == b"fLaC":
            self._finish_flac(path)
        elif self._kind == b"OggS" and self._subtype in OGG_TAGS and self._tags:
            ogg: Any = OGG_TAGS[self._subtype](path)
            ogg.tags.clear()
            ogg.tags.extend(to_comments(self._tags, with_pictures=True))
            ogg.save()

    def _kept_endian(self, source_format: str, source_endian: str) -> str:
        if source_endian not in ("LITTLE", "BIG") or KINDS.get(source_format, source_format) != KINDS.get(
            self.format, self.format
        ):
            return "FILE"
        if source_format == self.format and sf.check_format(self.format, self._subtype, source_endian):
            return source_endian
        self.losses.append(f"the byte order, which was {source_endian.lower()}-endian")
        return "FILE"

    def _plan_speakers(self, source_format: str) -> None:
        mask, channels = self._source.mask, self._channels
        if source_format == "OGG" and self.format != "OGG" and channels > 2:
            self.losses.append("the order of speakers in Ogg files: channels are written as they come")
        if is_usual(mask, channels) or mask is None:
            return
        if self.format == "WAV" and self._subtype in sf.available_subtypes("WAVEX"):
            self.format = "WAVEX"
        is_kept = self.format in ("WAVEX", "RF64", "FLAC") or (self.format == source_format == "CAF")
        if not is_kept:
            self.losses.append(f"the speakers of the channels (channel mask {mask:#x})")

    def _plan_chunks(self) -> None:
        source = self._source
        if source.found is None or source.found.sound is None:
            return
        is_same = source.kind == self._kind
        if is_same and source.kind == b"RIFF" and (source.found.order == "big") != (self.endian == "BIG"):
            is_same = False
        left = []
        with source.path.open("rb") as file:
            for chunk in source.extra:
                if chunk.name in STALE:
                    self.losses.append(STALE[chunk.name])
                elif is_same:
                    is_first = chunk.header < source.found.sound.header and source.kind in (b"RIFF", b"FORM")
                    zeros = bytes(padding(source.kind, chunk.stop - chunk.header))
                    kept = self.before if is_first else self.behind
                    kept += [Segment(chunk.header, chunk.stop), Segment(content=zeros)]
                elif not is_tag(file, chunk) and chunk.name not in (b"chan",):
                    left.append(chunk.name.decode("latin-1").strip())
        if left:
            names = ", ".join(dict.fromkeys(left))
            self.losses.append(f"the {'chunk' if len(set(left)) == 1 else 'chunks'} {names}")
        self._is_native = is_same

    def _plan_tags(self, source_format: str, source_subtype: str) -> None:
        if self._is_native:
            return
        if self._source.container == "MPEG" and self.format == "MP3":
            first, last = self._source.mpeg_tags()
            length = self._source.path.stat().st_size
            self.before, self.behind = [Segment(0, first)], [Segment(last, length)]
            return
        self._is_native = source_format == self.format == "FLAC"
        if self._is_native:
            return
        try:
            tags = self._source.tags(source_subtype)
        except mutagen.MutagenError as error:
            self.losses.append(f"tags that cannot be read ({error})")
            return
        if source_format != self.format:
            tags.comments = [one for one in tags.comments if one[0].upper() not in (ENCODER, MASK_COMMENT)]
        if tags.others:
            self.losses.append(f"the tags {', '.join(dict.fromkeys(tags.others))}")
        if not tags.comments and not tags.pictures:
            return
        if self._kind in (b"fLaC", b"OggS"):
            self._tags = tags
        elif self._kind in (b"RIFF", b"FORM"):
            content = to_id3_bytes(tags)
            name = b"id3 " if self._kind == b"RIFF" else b"ID3 "
            size = len(content).to_bytes(4, self._order)
            self.behind.append(Segment(content=name + size + content + bytes(len(content) % 2)))
        elif self._kind == b"MPEG":
            self.before.append(Segment(content=to_id3_bytes(tags)))
        else:
            names = ", ".join(dict.fromkeys(name for name, _ in tags.comments))
            what = [f"the tags {names}"] if names else []
            self.losses += what + (["pictures"] if tags.pictures else [])

    def _plan_bits(self) -> None:
        bits = self._source.valid_bits
        if bits is None or not self._subtype.startswith("PCM_"):
            return
        stored = int(self._subtype[-2:].lstrip("SU"))
        if bits < stored and not (self._kind == self._source.kind and self._kind in (b"RIFF", b"FORM")):
            self.losses.append(f"that only {bits} of {stored} bits are valid")

    def _count(self, target: BinaryIO) -> None:
        """Writes how long the file is into its head."""
        length = target.seek(0, io.SEEK_END)
        if self.format == "RF64":
            found = chunks_of(target, length).find(b"ds64")
            if found is not None:
                target.seek(found.start)
                target.write((length - 8).to_bytes(8, "little"))
        elif self._kind == b"riff":
            target.seek(16)
            target.write(length.to_bytes(8, "little"))
        elif self._kind in (b"RIFF", b"FORM"):
            target.seek(4)
            target.write((length - 8).to_bytes(4, self._order))

    def _describe(self, target: BinaryIO) -> None:
        """Writes the valid bits and the speakers of the source into the chunk of the format."""
        found = chunks_of(target, target.seek(0, io.SEEK_END))
        is_form = self._kind == b"FORM"
        described = found.find(b"COMM" if is_form else b"fmt ")
        if described is None:
            return
        content, layout = read_chunk(target, described), self._source.layout
        bits, order = self._source.valid_bits, found.order
        place = 6 if is_form else 18 if int.from_bytes(content[:2], order) == EXTENSIBLE else 14
        stored = int.from_bytes(content[place : place + 2], order)
        if (
            self._kind == self._source.kind
            and bits
            and self._subtype.startswith("PCM_")
            and -(-bits // 8) == stored // 8
        ):
            content = content[:place] + bits.to_bytes(2, order) + content[place + 2 :]
        if place == 18 and self._source.mask is not None:
            content = content[:20] + self._source.mask.to_bytes(4, order) + content[24:]
        if (
            self._kind == self._source.kind == b"RIFF"
            and len(layout) == len(content) == 40
            and layout[:16] == content[:16]
        ):
            # What kind of samples, as of ambisonics, and how many of their bits are valid.
            content = content[:16] + layout[16:]
        target.seek(described.start)
        target.write(content)

    def _finish_flac(self, path: Path) -> None:
        target: Any = FLAC(path)
        if self._is_native:
            own = (StreamInfo, SeekTable)
            kept = [block for block in FLAC(self._source.path).metadata_blocks if not isinstance(block, own)]
            target.metadata_blocks = [
                *(block for block in target.metadata_blocks if isinstance(block, StreamInfo)),
                *kept,
            ]
        else:
            target.metadata_blocks = [block for block in target.metadata_blocks if not isinstance(block, Padding)]
            tags = self._tags or Tags()
            comments = to_comments(tags, with_pictures=False)
            mask = self._source.mask
            if mask is not None and mask != FLAC_MASKS.get(self._channels) and not is_usual(mask, self._channels):
                comments.append((MASK_COMMENT, f"0x{mask:04X}"))
            if not comments and not tags.pictures:
                return
            if target.tags is None:
                target.add_tags()
            target.tags.extend(comments)
            for picture in tags.pictures:
                target.add_picture(picture)
        target.save(padding=lambda _: 0)


def keeping_of(source: str | Path, *, format: str, subtype: str) -> Keeping:
    """What a file of a format and a subtype keeps of another file's metadata."""
    with closing(Stream(source)) as stream:
        return Keeping(
            source,
            format=format,
            subtype=subtype,
            source_format=stream.format,
            source_subtype=stream.subtype,
            source_endian=stream.endian,
            channels=stream.channels,
        )


def _copy(source: BinaryIO, target: BinaryIO, segments: Iterable[Segment]) -> None:
    for segment in segments:
        if segment.content is not None:
            target.write(segment.content)
            continue
        source.seek(segment.start)
        left = len(segment)
        while left > 0 and (block := source.read(min(left, COPIED_BYTES))):
            target.write(block)
            left -= len(block)
