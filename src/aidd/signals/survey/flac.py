"""
FLAC streams: how long they are where their header does not say so, and what can be read of damaged ones.

Source: RFC 9639.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import soundfile as sf

from .file_view import FileView, Segment
from .part import Part, Survey


# STREAMINFO's number of samples: 36 bits that end 22 bytes behind the stream's name.
TOTAL = slice(21, 26)
# A stream's name, and the header of STREAMINFO, which comes first.
NAME = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
SYNC = re.compile(rb"\xff[\xf8\xf9]")
LONGEST_HEADER = 16
BLOCK_BYTES = 2**22
BLOCK_SAMPLES = 2**16


def _crc(content: Iterable[int], width: int, polynomial: int) -> int:
    """Checksum of bytes, CRC of so many bits and of a polynomial without its leading term."""
    crc, top = 0, 1 << width - 1
    for byte in content:
        crc ^= byte << width - 8
        for _ in range(8):
            crc = (crc << 1 ^ polynomial if crc & top else crc << 1) & (1 << width) - 1
    return crc


# By byte, its CRC-16 of the polynomial x^16 + x^15 + x^2 + 1.
CRC_16 = [_crc([byte], 16, 0x8005) for byte in range(256)]


@dataclass(frozen=True)
class Frame:
    """A frame: the offset of its header, its first sample, and its number of samples."""

    offset: int
    start: int
    num_samples: int

    @property
    def stop(self) -> int:
        """First sample behind the frame."""
        return self.start + self.num_samples


@dataclass(frozen=True)
class Link:
    """A stream in a file of one or several: offsets of its name, its first frame and its end, and its samples."""

    start: int
    first: int
    stop: int
    num_samples: int


def survey_flac(file: BinaryIO, length: int, start: int = 0) -> Survey:
    """
    Compares STREAMINFO with the last frame, and looks for a second stream behind the first. Whether all frames can be
    decoded shows when they are.

    Args:
        file: the file.
        length: bytes of the file.
        start: offset of the stream's name.
    """
    links = _links(file, length, start)
    parts, promised, is_whole = [], 0, len(links) == 1
    for number, link in enumerate(links):
        promised += link.num_samples
        num_samples = link.num_samples
        ends = {frame.stop for frame in _last_frames(file, link)}
        if ends and num_samples not in ends and max(ends) > num_samples:
            is_whole, num_samples = False, max(ends)
        segments = (*_head(file, link, num_samples), Segment(link.first, link.stop))
        parts.append(Part(segments, link=number))
    promises_all = all(link.num_samples for link in links)
    return Survey(
        () if is_whole else tuple(parts),
        container="fLaC",
        num_samples=promised if promises_all else None,
        notes=_notes(file, links),
    )


def survey_damaged_flac(file: BinaryIO, length: int, start: int = 0) -> Survey:
    """Decodes streams that libFLAC stops in, again from each frame behind one that it cannot decode."""
    links = _links(file, length, start)
    parts = [part for number, link in enumerate(links) for part in _decodable(file, link, number)]
    promised = sum(link.num_samples for link in links)
    return Survey(tuple(parts), container="fLaC", num_samples=promised or None, notes=_notes(file, links))


def _notes(file: BinaryIO, links: list[Link]) -> tuple[str, ...]:
    notes = [f"the file is a chain of {len(links)} streams, which are read as one recording"] if len(links) > 1 else []
    for number, link in enumerate(links):
        stop = _frames_stop(file, link)
        if stop is not None and stop < link.stop:
            place = "of the file" if number == len(links) - 1 else f"before stream {number + 2} of the chain"
            notes.append(f"the last {link.stop - stop} bytes {place} are no samples, and are not read")
    return tuple(notes)


def _decodable(file: BinaryIO, link: Link, number: int) -> Iterator[Part]:
    frames: list[Frame] = []
    for frame in _frames_between(file, link, link.first, link.stop):
        if (not frames or frame.start >= frames[-1].start + frames[-1].num_samples) and (
            not link.num_samples or frame.start < link.num_samples
        ):
            frames.append(frame)
    index = 0
    while index < len(frames):
        begin = frames[index]
        total = frames[-1].start + frames[-1].num_samples - begin.start
        decoded = _num_decoded(file, (*_head(file, link, total), Segment(begin.offset, link.stop)))
        behind, num_samples = index, 0
        while behind < len(frames) and num_samples < decoded and frames[behind].start == begin.start + num_samples:
            num_samples += frames[behind].num_samples
            behind += 1
        if behind > index:
            stop = frames[behind].offset if behind < len(frames) else link.stop
            segments = (*_head(file, link, num_samples), Segment(begin.offset, stop))
            yield Part(segments, start=begin.start, link=number)
        # A frame that cannot be decoded is left out; one behind a hole is where the next part begins.
        is_broken = behind == index or (behind < len(frames) and frames[behind].start == begin.start + num_samples)
        index = behind + is_broken


def _links(file: BinaryIO, length: int, start: int) -> list[Link]:
    starts, position = [start], first_frame(file, start)
    while position < length:
        file.seek(position)
        block = file.read(BLOCK_BYTES + 8)
        starts += [position + match.start() for match in NAME.finditer(block) if match.start() < BLOCK_BYTES]
        position += BLOCK_BYTES
    stops = [*starts[1:], length]
    return [
        # Sizes of damaged blocks of metadata reach into the next stream.
        Link(begin, min(first_frame(file, begin), stop), stop, _num_samples(file, begin))
        for begin, stop in zip(starts, stops, strict=True)
    ]


def _last_frames(file: BinaryIO, link: Link) -> list[Frame]:
    """Frames near the end of a stream: those that follow on another, or come first."""
    stop = link.stop
    while stop > link.first:
        begin = max(stop - BLOCK_BYTES, link.first)
        frames = list(_frames_between(file, link, begin, link.stop))
        ends = {frame.stop for frame in frames}
        found = [frame for frame in frames if frame.start in ends or frame.offset == link.first]
        if found:
            return found
        stop = begin
    return []


def _frames_stop(file: BinaryIO, link: Link) -> int | None:
    """Offset behind a stream's last frame, or None where that cannot be decoded."""
    last = max(_last_frames(file, link), key=lambda frame: frame.stop, default=None)
    if last is None:
        return None
    _, depth, channels = _format(file, link)
    # Samples stored as they are, one bit wider for a difference of channels, and what describes them.
    longest = last.num_samples * channels * (depth + 1) // 8 + LONGEST_HEADER + 8 * channels
    file.seek(last.offset)
    crc = 0
    for size, byte in enumerate(file.read(min(longest, link.stop - last.offset)), 1):
        crc = (crc << 8 & 0xFF00) ^ CRC_16[crc >> 8 ^ byte]
        # A frame ends in its checksum, by which that of the whole is 0. Where it is so by chance, nothing is decoded.
        if crc == 0:
            stop = last.offset + size
            segments = (*_head(file, link, last.num_samples), Segment(last.offset, stop))
            if _num_decoded(file, segments) == last.num_samples:
                return stop
    return None


def first_frame(file: BinaryIO, start: int) -> int:
    """Offset of the first byte behind the blocks of metadata."""
    position = start + 4
    while True:
        file.seek(position)
        head = file.read(4)
        if len(head) < 4:
            return position
        position += 4 + int.from_bytes(head[1:], "big")
        if head[0] & 0x80:
            return position


def _num_samples(file: BinaryIO, start: int) -> int:
    file.seek(start + TOTAL.start)
    return int.from_bytes(file.read(5), "big") & (2**36 - 1)


def _head(file: BinaryIO, link: Link, num_samples: int) -> list[Segment]:
    """STREAMINFO alone, of as many samples, and without the digest of the whole."""
    file.seek(link.start)
    # A file may end in it, which the decoder then says.
    head = bytearray(file.read(42).ljust(42, b"\0"))
    head[4] |= 0x80
    packed = int.from_bytes(head[TOTAL], "big") & ~(2**36 - 1) | num_samples
    head[TOTAL] = packed.to_bytes(5, "big")
    head[26:42] = bytes(16)
    return [Segment(content=bytes(head))]


def _num_decoded(file: BinaryIO, segments: tuple[Segment, ...]) -> int:
    decoded = 0
    try:
        with FileView(file, segments) as view, sf.SoundFile(view) as stream:
            # The position, as what comes before an error is not returned.
            while len(stream.read(BLOCK_SAMPLES, dtype="int32")):
                decoded = stream.tell()
    except sf.LibsndfileError:
        return _decoded_one_by_one(file, segments, decoded)
    return decoded


def _decoded_one_by_one(file: BinaryIO, segments: tuple[Segment, ...], decoded: int) -> int:
    """How many samples come before the error that stops libFLAC: what a block holds up to there is lost with it."""
    try:
        with FileView(file, segments) as view, sf.SoundFile(view) as stream:
            while stream.tell() < decoded:
                stream.read(min(BLOCK_SAMPLES, decoded - stream.tell()), dtype="int32")
            while len(stream.read(256, dtype="int32")):
                decoded = stream.tell()
    except sf.LibsndfileError:
        return decoded
    return decoded


def _frames_between(file: BinaryIO, link: Link, begin: int, stop: int) -> Iterator[Frame]:
    """Headers of frames whose checksum is right, from one offset up to another."""
    fixed_size, depth, _ = _format(file, link)
    position = begin
    while position < stop:
        file.seek(position)
        block = file.read(min(BLOCK_BYTES + LONGEST_HEADER, link.stop - position))
        for match in SYNC.finditer(block, 0, min(len(block), stop - position, BLOCK_BYTES)):
            frame = _frame_at(block, match.start(), position, fixed_size, depth)
            if frame is not None:
                yield frame
        position += BLOCK_BYTES


def _format(file: BinaryIO, link: Link) -> tuple[int, int, int]:
    """From STREAMINFO: samples of a frame, where all frames have as many, bits of a sample, and channels."""
    file.seek(link.start + 8)
    info = file.read(34)
    packed = int.from_bytes(info[12:14], "big")
    return int.from_bytes(info[:2], "big"), (packed >> 4 & 31) + 1, (packed >> 9 & 7) + 1


def _frame_at(block: bytes, offset: int, base: int, fixed_size: int, depth: int) -> Frame | None:
    head = block[offset : offset + LONGEST_HEADER]
    if len(head) < 6 or head[3] & 1 or head[3] >> 4 > 10:
        return None
    size_code, rate_code, depth_code = head[2] >> 4, head[2] & 15, head[3] >> 1 & 7
    depths = {0: depth, 1: 8, 2: 12, 4: 16, 5: 20, 6: 24, 7: 32}
    if size_code == 0 or rate_code == 15 or depths.get(depth_code) != depth:
        return None
    # The number is coded as UTF-8 codes characters, in up to seven bytes.
    lead = head[4]
    num_bytes = 1 if lead < 0x80 else 8 - (lead ^ 0xFF).bit_length()
    if num_bytes > 7 or (lead >= 0x80 and num_bytes < 2) or len(head) < 4 + num_bytes + 1:
        return None
    number = lead if num_bytes == 1 else lead & (0x7F >> num_bytes)
    for byte in head[5 : 4 + num_bytes]:
        if byte & 0xC0 != 0x80:
            return None
        number = number << 6 | byte & 0x3F
    place = 4 + num_bytes
    if size_code == 6:
        num_samples, place = head[place] + 1, place + 1
    elif size_code == 7:
        num_samples, place = int.from_bytes(head[place : place + 2], "big") + 1, place + 2
    else:
        num_samples = 192 if size_code == 1 else 576 << size_code - 2 if size_code < 6 else 256 << size_code - 8
    place += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if place >= len(head) or _crc(head[:place], 8, 0x07) != head[place]:
        return None
    return Frame(base + offset, number if head[1] & 1 else number * fixed_size, num_samples)
