"""
MPEG audio (MP3, and Layers I and II): frames that follow one another, tags between them, and what is neither.

Source: ISO/IEC 11172-3 and 13818-3 (frame headers), and the Xing and LAME headers as their programs write them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import BinaryIO

from .file_view import Segment
from .part import Part, Survey


# kbit/s by the header's index: Layers I, II and III of MPEG-1, Layer I and Layers II and III of MPEG-2.
BIT_RATES = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = {0b11: (44100, 48000, 32000), 0b10: (22050, 24000, 16000), 0b00: (11025, 12000, 8000)}
# Frames that must follow one another for bytes to be taken as MPEG audio, and again behind damage.
NUM_FIRST, NUM_AGAIN = 3, 2
BLOCK_BYTES = 2**20
# Behind the name of the frame that counts the others: 12 bits of samples that LAME has added at the end.
LAME_PADDING = 142
# Bytes that a frame's sound can begin before the frame.
LONGEST_REACH = 511


@dataclass(frozen=True)
class FrameHeader:
    """A frame's first four bytes: what all frames of a stream share, and its own bit rate and size in bytes."""

    version: int
    layer: int
    rate: int
    is_mono: bool
    has_crc: bool
    bit_rate: int
    size: int

    @property
    def kind(self) -> tuple[int, int, int]:
        """What does not change within a stream."""
        return self.version, self.layer, self.rate

    @property
    def num_samples(self) -> int:
        """Samples of each channel."""
        return 384 if self.layer == 1 else 576 if self.layer == 3 and self.version != 0b11 else 1152

    @property
    def side_bytes(self) -> int:
        """Bytes of a Layer III frame's side information, which stands behind the header and its checksum."""
        return (17 if self.is_mono else 32) if self.version == 0b11 else (9 if self.is_mono else 17)

    @property
    def xing_offset(self) -> int:
        """Where a Layer III frame that counts the others has its name, behind the side information."""
        return 4 + self.side_bytes


def frame_header(head: bytes) -> FrameHeader | None:
    """Reads four bytes; None where they are no header, or one of a free bit rate."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer, index = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3), head[2] >> 4
    if version == 1 or layer == 4 or index in (0, 15) or head[2] >> 2 & 3 == 3:
        return None
    rate = RATES[version][head[2] >> 2 & 3]
    bit_rate = 1000 * BIT_RATES[1 if version == 3 else 2, layer][index - 1]
    padding = head[2] >> 1 & 1
    if layer == 1:
        size = (12 * bit_rate // rate + padding) * 4
    else:
        size = (72 if layer == 3 and version != 3 else 144) * bit_rate // rate + padding
    return FrameHeader(version, layer, rate, head[3] >> 6 == 3, not head[1] & 1, bit_rate, size)


@dataclass
class _Stream:
    """Frames of one stream as they are found."""

    segments: list[Segment] = field(default_factory=list)
    num_frames: int = 0
    num_bytes: int = 0
    rates: set[int] = field(default_factory=set)
    counter: tuple[int, FrameHeader, bytes] | None = None
    holes: list[tuple[int, int]] = field(default_factory=list)
    # Bytes of sound since the last hole, as far as frames can reach back; None before there is one.
    num_bytes_behind: int | None = None
    # Where the silent frames of the last hole are among the segments, and whether the last frame is incomplete.
    hole_segment: int = 0
    is_cut: bool = False

    def append(self, segment: Segment) -> None:
        """Adds a range of the file, or bytes in place of one."""
        last = self.segments[-1] if self.segments else None
        if last is not None and last.content is None and segment.content is None and last.stop == segment.start:
            self.segments[-1] = Segment(last.start, segment.stop)
        else:
            self.segments.append(segment)


class _Bytes:
    """Bytes of a file, read ahead."""

    def __init__(self, file: BinaryIO, length: int):
        self.file, self.length, self.start, self.content = file, length, 0, b""

    def at(self, position: int, size: int) -> bytes:
        if position < self.start or position + size > self.start + len(self.content):
            self.file.seek(position)
            self.start, self.content = position, self.file.read(max(size, BLOCK_BYTES))
        return self.content[position - self.start : position - self.start + size]


def synchsafe(four: bytes) -> int:
    """A number of 28 bits as ID3 writes it: seven in each byte, so that no tag holds the start of a frame."""
    return sum(byte << 7 * (3 - place) for place, byte in enumerate(four))


def tag_size(head: bytes) -> int:
    """Bytes of an ID3v2, APE or ID3v1 tag that begins with `head`, of 32 bytes; 0 where none does."""
    if head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 128:
        return 10 + synchsafe(head[6:10]) + (10 if head[5] & 0x10 else 0)
    if head[:8] == b"APETAGEX" and len(head) >= 24:
        has_header, is_header = head[23] >> 7, head[23] >> 5 & 1
        return int.from_bytes(head[12:16], "little") + (32 if has_header and is_header else 0) if is_header else 32
    if head[:3] == b"TAG":
        return 128
    return 0


def is_mpeg(file: BinaryIO, length: int) -> bool:
    """Whether a file holds frames from its start on, or behind its tags."""
    content = _Bytes(file, length)
    position = _behind_tags(content, 0)
    return _is_run(content, position, NUM_FIRST, None)


def survey_mpeg(file: BinaryIO, length: int) -> Survey:
    """
    Counts the frames of a file. Silent frames take the place of damage, so that what lies behind it stays where it
    was; a second stream behind the first becomes a part of its own.
    """
    content = _Bytes(file, length)
    position = _behind_tags(content, 0)
    streams, notes = [_Stream()], []
    last = None
    while position < length:
        head = content.at(position, 4)
        header = frame_header(head)
        if header is not None and last is not None and header.kind != last.kind:
            header = None
        if header is None:
            tag = tag_size(content.at(position, 32))
            if tag and position + tag <= length:
                position += tag
                continue
            again = _next_run(content, position + 1, last)
            if again is None:
                if length - position > 8 and not content.at(position, 11).startswith(b"LYRICSBEGIN"):
                    notes.append(f"the last {length - position} bytes of the file are no frames, and are not read")
                break
            if last is not None:
                _bridge(streams[-1], last, again - position)
            position = again
            continue
        if position + header.size > length:
            notes.append("the file is cut short: its last frame is incomplete")
            streams[-1].is_cut = True
            break
        stream = streams[-1]
        name = content.at(position + header.xing_offset, 4) if header.layer == 3 else b""
        if name in (b"Xing", b"Info"):
            if stream.num_frames or stream.counter:
                stream = _Stream()
                streams.append(stream)
            stream.counter = (position, header, content.at(position, header.size))
        else:
            stream.num_frames += 1
            stream.num_bytes += header.size
            stream.rates.add(header.bit_rate)
        if stream.num_bytes_behind is None or not _reaches_back(stream, header, content, position):
            stream.append(Segment(position, position + header.size))
        last, position = header, position + header.size
    if last is None:
        return Survey()
    parts = [_part(stream, number, notes, last) for number, stream in enumerate(streams)]
    if len(streams) > 1:
        notes.append(f"the file is a chain of {len(streams)} streams, which are read as one recording")
    rates = set().union(*(stream.rates for stream in streams))
    return Survey(
        tuple(parts) if notes or any(stream.counter is None for stream in streams) else (),
        container="MPEG",
        notes=tuple(notes),
        num_bytes=sum(stream.num_bytes for stream in streams),
        is_constant=len(rates) == 1,
    )


def _behind_tags(content: _Bytes, position: int) -> int:
    while (size := tag_size(content.at(position, 32))) and position + size < content.length:
        position += size
    # Some programs leave zeros behind a tag.
    while position < content.length and not (block := content.at(position, 4096)).strip(b"\0"):
        position += len(block)
    block = content.at(position, 4096)
    return position + len(block) - len(block.lstrip(b"\0"))


def _is_run(content: _Bytes, position: int, num_frames: int, like: FrameHeader | None) -> bool:
    """Whether frames of one kind follow one another from a position on, or up to the end."""
    for number in range(num_frames):
        header = frame_header(content.at(position, 4))
        if header is None or (like is not None and header.kind != like.kind):
            return number > 0 and (position >= content.length or tag_size(content.at(position, 32)) > 0)
        like, position = header, position + header.size
    return True


def _next_run(content: _Bytes, position: int, like: FrameHeader | None) -> int | None:
    while position < content.length:
        block = content.at(position, 65536)
        place = block.find(b"\xff")
        if place < 0:
            position += len(block)
            continue
        position += place
        if _is_run(content, position, NUM_AGAIN, like):
            return position
        position += 1
    return None


def _bridge(stream: _Stream, last: FrameHeader, num_bytes: int) -> None:
    """Silent frames in the place of as many bytes that are none."""
    mean = stream.num_bytes / stream.num_frames if stream.num_frames else last.size
    num_frames = max(round(num_bytes / mean), 1)
    stream.hole_segment = len(stream.segments)
    stream.segments.append(Segment(content=_silent_frame(last) * num_frames))
    stream.holes.append((stream.num_frames, num_frames))
    stream.num_frames += num_frames
    stream.num_bytes += num_bytes
    stream.num_bytes_behind = 0


def _reaches_back(stream: _Stream, header: FrameHeader, content: _Bytes, position: int) -> bool:
    """
    Adds a frame whose sound begins in frames that are missing, without its side information, which makes it silent.
    What it holds of the sound of the next frames stays.
    """
    behind = stream.num_bytes_behind or 0
    start = 4 + 2 * header.has_crc
    stream.num_bytes_behind = behind + header.size - start - header.side_bytes
    if stream.num_bytes_behind > LONGEST_REACH:
        stream.num_bytes_behind = None
    bits = int.from_bytes(content.at(position + start, 2), "big")
    reach = bits >> 7 if header.version == 0b11 else bits >> 8
    if header.layer != 3 or reach <= behind:
        return False
    side = position + start + header.side_bytes
    stream.append(Segment(position, position + start))
    stream.append(Segment(content=bytes(header.side_bytes)))
    stream.append(Segment(side, position + header.size))
    first, num_frames = stream.holes[-1]
    if first + num_frames == stream.num_frames - 1:
        stream.holes[-1] = (first, num_frames + 1)
    return True


def _silent_frame(like: FrameHeader) -> bytes:
    """A frame without sound: all of its side information, and what follows it, is zero."""
    kinds = 1 if like.version == 0b11 else 2
    index = BIT_RATES[kinds, like.layer].index(like.bit_rate // 1000) + 1
    rate = RATES[like.version].index(like.rate)
    head = bytes([0xFF, 0xE1 | like.version << 3 | (4 - like.layer) << 1, index << 4 | rate << 2, like.is_mono * 0xC0])
    header = frame_header(head)
    return head if header is None else head.ljust(header.size, b"\0")


def _complete(stream: _Stream, last: FrameHeader) -> None:
    """Lengthens the one hole of a stream that ends as it should by the frames that are missing in all."""
    if stream.counter is None or len(stream.holes) != 1 or stream.is_cut:
        return
    _, header, frame = stream.counter
    place = header.xing_offset + 8
    missing = int.from_bytes(frame[place : place + 4], "big") - stream.num_frames
    if not frame[place - 1] & 1 or missing <= 0:
        return
    first, num_frames = stream.holes[0]
    stream.segments.insert(stream.hole_segment, Segment(content=_silent_frame(last) * missing))
    stream.holes[0] = (first, num_frames + missing)
    stream.num_frames += missing
    stream.num_bytes += missing * len(_silent_frame(last))


def _part(stream: _Stream, number: int, notes: list[str], last: FrameHeader) -> Part:
    """A stream's bytes, with the frames counted that are there, and words on those that are not."""
    seconds = last.num_samples / last.rate
    _complete(stream, last)
    for first, num_frames in stream.holes:
        notes.append(
            f"frames are damaged or missing from about {first * seconds:.3f} to "
            f"{(first + num_frames) * seconds:.3f} s: silence is read in their place"
        )
    if stream.counter is None:
        return Part(tuple(stream.segments), num_samples=stream.num_frames * last.num_samples, link=number)
    position, header, frame = stream.counter
    place = header.xing_offset + 8
    flags, is_cut = int.from_bytes(frame[place - 4 : place], "big"), False
    if flags & 1:
        promised = int.from_bytes(frame[place : place + 4], "big")
        is_cut = promised > stream.num_frames
        if promised != stream.num_frames:
            notes.append(
                f"the header promises {promised} frames ({promised * seconds:.3f} s), the stream has "
                f"{stream.num_frames} ({stream.num_frames * seconds:.3f} s)"
            )
        frame = frame[:place] + stream.num_frames.to_bytes(4, "big") + frame[place + 4 :]
        place += 4
    if flags & 2:
        size = min(header.size + stream.num_bytes, 2**32 - 1)
        frame = frame[:place] + size.to_bytes(4, "big") + frame[place + 4 :]
    padding = header.xing_offset + LAME_PADDING
    if is_cut and len(frame) > padding + 1 and flags & 15 == 15:
        # A stream that is cut short ends in sound, not in the samples that its encoder added.
        frame = frame[:padding] + bytes([frame[padding] & 0xF0, 0]) + frame[padding + 2 :]
    stop = position + header.size
    rest = [
        Segment(max(one.start, stop), one.stop) if one.start <= position < one.stop else one for one in stream.segments
    ]
    return Part((Segment(position, stop, frame), *(one for one in rest if len(one))), link=number)
