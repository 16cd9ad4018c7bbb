"""
Ogg files: pages of streams, in a chain or beside one another, with holes where pages are damaged or missing.

Source: RFC 3533 (Ogg), RFC 7845 (Opus in Ogg), the Vorbis I specification.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from .file_view import Segment
from .part import Part, Survey


CAPTURE = b"OggS"
HEADER_BYTES = 27
# Bits of a page's type.
CONTINUED, FIRST, LAST = 1, 2, 4
# What streams of sound begin with, and the packets of their headers. Others are not cut into parts.
SOUND_HEADERS = {b"\x01vorbis": 3, b"OpusHead": 2}
UNDEFINED = -1
# Offset of the number of samples to leave out in Opus's first packet.
PRESKIP = 10
# zlib's CRC takes the bits of each byte in the other order than Ogg's.
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class Page:
    """
    A page whose checksum is right.

    Args:
        start, stop: range of bytes.
        kind: bits of `CONTINUED`, `FIRST` and `LAST`.
        granule: sample that the last packet which ends in it goes to; `UNDEFINED` where none ends.
        serial: number of its stream.
        sequence: its number within the stream.
        packets: packets that end in it.
        head: the first bytes of its content.
    """

    start: int
    stop: int
    kind: int
    granule: int
    serial: int
    sequence: int
    packets: int
    head: bytes


def pages_of(file: BinaryIO, length: int) -> Iterator[Page]:
    """Every intact page of a file of `length` bytes, in order."""
    position, buffer, base = 0, b"", 0
    while position + HEADER_BYTES <= length:
        # A page has up to 65307 bytes.
        if position + 2**16 > base + len(buffer) and base + len(buffer) < length:
            file.seek(position)
            buffer, base = file.read(2**20), position
        offset = position - base
        page = _page_at(buffer, offset, position)
        if page is None:
            place = buffer.find(CAPTURE, offset + 1)
            position = base + place if place >= 0 else max(base + len(buffer) - 3, position + 1)
        else:
            yield page
            position = page.stop


def _page_at(buffer: bytes, offset: int, position: int) -> Page | None:
    if buffer[offset : offset + 4] != CAPTURE or len(buffer) < offset + HEADER_BYTES:
        return None
    num_segments = buffer[offset + 26]
    lacing = buffer[offset + HEADER_BYTES : offset + HEADER_BYTES + num_segments]
    size = HEADER_BYTES + num_segments + sum(lacing)
    content = buffer[offset : offset + size]
    if len(content) < size or len(lacing) < num_segments:
        return None
    if _with_checksum(content) != content:
        return None
    body = HEADER_BYTES + num_segments
    return Page(
        start=position,
        stop=position + size,
        kind=content[5],
        granule=int.from_bytes(content[6:14], "little", signed=True),
        serial=int.from_bytes(content[14:18], "little"),
        sequence=int.from_bytes(content[18:22], "little"),
        packets=sum(length < 255 for length in lacing),
        head=content[body : body + 19],
    )


def _with_checksum(page: bytes) -> bytes:
    """A page with the CRC-32 that Ogg asks for, of the page with zeros in its place."""
    crc = zlib.crc32((page[:22] + bytes(4) + page[26:]).translate(REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return page[:22] + int(f"{crc:032b}"[::-1], 2).to_bytes(4, "little") + page[26:]


def _without_preskip(file: BinaryIO, page: Page) -> bytes:
    """
    Opus's first page, which tells how many of the first samples to leave out, with none. (Behind a hole libsndfile
    leaves out none at the start, and would leave as many out at the end.)
    """
    file.seek(page.start)
    content = file.read(page.stop - page.start)
    place = content.index(b"OpusHead") + PRESKIP
    return _with_checksum(content[:place] + bytes(2) + content[place + 2 :])


@dataclass(frozen=True)
class Stretch:
    """
    Pages of a stream without a hole between them.

    Args:
        head: the stream's pages of headers.
        pages: pages of sound.
        link: number of the stream in the chain.
        is_late: whether pages of sound before these are missing.
    """

    head: tuple[Page, ...]
    pages: tuple[Page, ...]
    link: int
    is_late: bool

    @property
    def end(self) -> int | None:
        """Granule of the last page in which a packet ends."""
        return next((page.granule for page in reversed(self.pages) if page.granule != UNDEFINED), None)

    def segments(self, first: bytes | None = None) -> tuple[Segment, ...]:
        """Headers and pages, with bytes of other streams left out, and another first page if one is given."""
        found: list[Segment] = []
        if first is not None:
            found.append(Segment(self.head[0].start, self.head[0].stop, first))
        for page in (*self.head, *self.pages)[len(found) :]:
            if found and found[-1].content is None and found[-1].stop == page.start:
                found[-1] = replace(found[-1], stop=page.stop)
            else:
                found.append(Segment(page.start, page.stop))
        return tuple(found)


def survey_ogg(file: BinaryIO, length: int) -> Survey:
    """
    Finds the streams of sound in a chain, holes in them, and whether they end as they should. Parts come in the order
    of time; the samples that lie in holes are those between the end of a part and the start of the next.
    """
    stretches: list[Stretch] = []
    skipped: set[int] = set()
    head: list[Page] = []
    pages: list[Page] = []
    num_bytes, num_holes, ended, link = 0, 0, True, -1
    serial, packets_left = -1, 0
    end_of_sound = 0

    def close() -> None:
        if pages:
            is_late = pages[0].sequence != head[-1].sequence + 1
            stretches.append(Stretch(tuple(head), tuple(pages), link, is_late))
            pages.clear()

    for page in pages_of(file, length):
        if page.kind & FIRST:
            num_headers = next((n for name, n in SOUND_HEADERS.items() if page.head.startswith(name)), 0)
            # Streams that begin before the sound of this one has come are beside it, not behind it in a chain.
            beside = serial != -1 and not pages and not any(stretch.link == link for stretch in stretches)
            if num_headers == 0 or beside:
                skipped.add(page.serial)
                continue
            close()
            head, serial, packets_left, link, sequence = [page], page.serial, num_headers - 1, link + 1, page.sequence
            continue
        if page.serial != serial:
            continue
        if page.sequence != sequence + 1:
            num_holes += 1
            close()
        sequence = page.sequence
        if packets_left > 0:
            packets_left -= page.packets
            head.append(page)
            continue
        pages.append(page)
        num_bytes += page.stop - page.start
        end_of_sound = page.stop
        ended = bool(page.kind & LAST)
    close()
    notes = []
    if skipped:
        notes.append(f"{len(skipped)} further streams beside the sound that is read are not read")
    if link > 0:
        notes.append(f"the file is a chain of {link + 1} streams, which are read as one recording")
    if not ended:
        notes.append("the stream is cut short: it ends before the page that is marked as its last")
    elif length - end_of_sound > 8 and not skipped:
        notes.append(f"the last {length - end_of_sound} bytes of the file are no part of the stream, and are not read")
    whole = link <= 0 and num_holes == 0 and not skipped
    parts = []
    for stretch in stretches:
        first, origin, opening = None, 0, stretch.head[0].head
        if opening.startswith(b"OpusHead"):
            origin = int.from_bytes(opening[PRESKIP : PRESKIP + 2], "little")
            first = _without_preskip(file, stretch.head[0]) if stretch.is_late else None
        parts.append(
            Part(
                stretch.segments(first),
                end=stretch.end,
                origin=origin if stretch.is_late else None,
                link=stretch.link,
            )
        )
    return Survey(
        () if whole else tuple(parts),
        container="OggS",
        notes=tuple(notes),
        num_bytes=num_bytes if stretches else None,
    )
