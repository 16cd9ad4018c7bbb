"""
Files of chunks, which give a chunk's size before its content: WAV (RIFF, RIFX, RF64, BW64), AIFF, Wave64, CAF and AU.

Sources: RIFF and WAVE (Microsoft, "Multiple Channel Audio Data and WAVE Files"), RF64 (EBU Tech 3306), AIFF and AIFF-C
(Apple), Wave64 (Sony), CAF (Apple), AU (Sun).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal

from .file_view import Segment, patched
from .part import Part, Survey


# The chunk that holds the sound, by container.
SOUND = {b"FORM": b"SSND"}
# Bytes in the sound's chunk before the first sample.
PREFIX = {b"FORM": 8, b"caff": 4}
# Sizes that programs write which cannot go back: the length is not known. The second range is that of SoX.
UNKNOWN_SIZES = (range(1), range(0x7FFFF000, 0x7FFFF100), range(0x7FFFFF00, 0x80000001), range(0xFFFFFF00, 2**32))
# What a file begins with, by which one behind another is known.
FILE_HEAD = re.compile(
    rb"(?s:(?:RIF[FX]|RF64|BW64).{4}WAVE|FORM.{4}AIF[CF]|caff\x00\x01\x00\x00desc|riff\x2e\x91\xcf\x11|\.snd\x00\x00)"
)
# Names of chunks and files that stand behind the samples, and what other tags there begin with.
LATE_NAMES = re.compile(
    rb"(?i:RIF[FX]|RF64|BW64|FORM|caff|\.snd|LIST|id3 |bext|iXML|axml|cue |smpl|inst|JUNK|PEAK|_PMX|chna|DISP|acid|"
    rb"aXML|afsp|MARK|INST|COMT|NAME|AUTH|ANNO|\(c\) |APPL|MIDI|info|strg|uuid|mark|free|fact|PAD |umid|levl|cart|"
    rb"minf|elm1|regn|SAUR|aidd)"
)
TRAILERS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3")
SEARCHED_BYTES = 2**24
# Chunks begin at multiples of so many bytes, by container: 2 in most.
ALIGNMENT = {b"riff": 8, b"caff": 1}
# COMM's sample size is that of the sound before compression.
AIFC_BYTES = {b"ulaw": 1, b"ULAW": 1, b"alaw": 1, b"ALAW": 1}
# Codings of AIFF-C whose frames are packets of several samples.
AIFC_PACKETS = (b"ima4", b"GSM ", b"ADP4", b"DWVW", b"MAC3", b"MAC6", b"QDMC")
# Bytes of a sample by AU's number of the encoding.
AU_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}


@dataclass(frozen=True)
class FileChunk:
    """
    A chunk of a file.

    Args:
        name: four characters; the first four of a Wave64 name.
        header, start: offsets of its header and of its content.
        size: bytes of content, as the header has them.
    """

    name: bytes
    header: int
    start: int
    size: int

    @property
    def stop(self) -> int:
        """Offset of the first byte behind the content."""
        return self.start + self.size


@dataclass(frozen=True)
class ChunkFile:
    """
    Where the chunks of a file are.

    Args:
        container: four bytes.
        chunks: all chunks but the sound, in order; those behind it where it truly ends.
        sound: the chunk of the sound, or None.
        sound_stop: where the sound truly ends.
        order: of the bytes of numbers.
        start, stop: offsets of the file's first byte and of the one behind its last, in a chain of files.
    """

    container: bytes
    chunks: tuple[FileChunk, ...]
    sound: FileChunk | None
    sound_stop: int
    order: Literal["big", "little"]
    start: int
    stop: int

    def find(self, name: bytes) -> FileChunk | None:
        """The first chunk of a name."""
        return next((chunk for chunk in self.chunks if chunk.name == name), None)


def padding(container: bytes, num_bytes: int) -> int:
    """How many bytes stand between a chunk of `num_bytes`, with or without its header, and the next chunk."""
    return -num_bytes % ALIGNMENT.get(container, 2)


def read_chunk(file: BinaryIO, chunk: FileChunk, num_bytes: int | None = None) -> bytes:
    """Content of a chunk, or its first bytes."""
    file.seek(chunk.start)
    return file.read(chunk.size if num_bytes is None else min(num_bytes, chunk.size))


def chunks_of(file: BinaryIO, length: int, begin: int = 0) -> ChunkFile:
    """
    Finds the chunks of a file, and where its sound truly ends.

    Args:
        file: one file, or several in a chain.
        length: bytes of all.
        begin: offset of the one to look at.
    """
    file.seek(begin)
    container = file.read(4)
    order: Literal["big", "little"] = "big" if container in (b"RIFX", b"FORM", b"caff", b".snd") else "little"
    if container == b".snd":
        sound = _au_sound(file, begin)
        is_first = not _is_unknown(sound.size) and _begins_file(file, sound.stop)
        stop = sound.stop if is_first else length
        return ChunkFile(container, (), sound, stop, order, begin, stop)
    chunks: list[FileChunk] = []
    found: FileChunk | None = None
    long_size: int | None = None
    first = begin + {b"riff": 40, b"caff": 8}.get(container, 12)
    for chunk in _walk(file, container, first, length, order):
        if chunk.name == b"ds64" and container in (b"RF64", b"BW64"):
            long_size = int.from_bytes(read_chunk(file, chunk, 16)[8:16], "little")
        if chunk.name == SOUND.get(container, b"data"):
            size = long_size if long_size is not None and chunk.size == 0xFFFFFFFF else chunk.size
            found = FileChunk(chunk.name, chunk.header, chunk.start, size)
            break
        chunks.append(chunk)
    if found is None:
        return ChunkFile(container, tuple(chunks), None, length, order, begin, length)
    sound_stop = _sound_stop(file, container, found, length, order)
    stop = length
    # Some programs pad nothing.
    for behind in (sound_stop + padding(container, sound_stop - found.start), sound_stop):
        chain_stop = _chain_stop(file, container, behind, length, order)
        if chain_stop is not None:
            stop = chain_stop
            chunks += _walk(file, container, behind, stop, order)
            break
    return ChunkFile(container, tuple(chunks), found, sound_stop, order, begin, stop)


def survey_chunks(file: BinaryIO, length: int) -> Survey:
    """Compares the sound's size, as headers have it, with what lies in the file, or in each file of a chain."""
    files, surveys, begin = [], [], 0
    while begin < length:
        files.append(chunks_of(file, length, begin))
        surveys.append(_survey_file(file, files[-1]))
        begin = files[-1].stop
    if len(files) == 1:
        return surveys[0]
    notes = [f"the file is a chain of {len(files)} files, which are read as one recording"]
    parts = []
    for link, (found, survey) in enumerate(zip(files, surveys, strict=True)):
        parts += [replace(part, link=link) for part in survey.parts or (Part((Segment(found.start, found.stop),)),)]
        notes += [f"file {link + 1} of the chain: {note}" for note in survey.notes]
        if survey.read_share != 1:
            notes.append(
                f"file {link + 1} of the chain has {survey.read_share:.1%} of the sound that its header promises"
            )
    return Survey(tuple(parts), container=surveys[0].container, notes=tuple(notes))


def _survey_file(file: BinaryIO, found: ChunkFile) -> Survey:
    name = found.container.decode("latin-1")
    if found.sound is None:
        return Survey(container=name)
    prefix = PREFIX.get(found.container, 0)
    held = found.sound_stop - found.sound.start - prefix
    block, common = _block_bytes(file, found), found.find(b"COMM")
    held -= held % block
    promises = [] if _is_unknown(found.sound.size) else [found.sound.size - prefix]
    if block > 1 and common is not None:
        # AIFF makes two promises: COMM counts the frames, and SSND has a size.
        num_frames = int.from_bytes(read_chunk(file, common, 6)[2:6], "big")
        promises += [] if _is_unknown(num_frames) else [num_frames * block]
    broken = [promised for promised in promises if abs(promised - held) >= max(block, 2)]
    notes = []
    rest = found.stop - found.sound_stop
    if rest > 8 and not any(chunk.header >= found.sound_stop for chunk in found.chunks):
        notes.append(f"the last {rest} bytes of the file are no samples and no chunk, and are not read")
    # libsndfile does not know BW64, and takes what stands behind the sound of Wave64 for sound.
    is_shown = found.container == b"BW64" or (found.container == b"riff" and rest > 0)
    if held <= 0 or (not broken and promises and not is_shown):
        return Survey(container=name, notes=tuple(notes))
    if broken and found.container == b"caff" and block == 1:
        # Packets of any size, which do not tell how many samples are missing.
        notes.append(f"the file is cut short: its header promises {broken[0]} bytes of sound, and it has {held}")
        broken = []
    return Survey(
        (_shown(found, held, block),),
        container=name,
        read_share=held / broken[0] if broken else 1.0,
        notes=tuple(notes),
    )


def _walk(
    file: BinaryIO, container: bytes, position: int, length: int, order: Literal["big", "little"]
) -> Iterator[FileChunk]:
    header = {b"riff": 24, b"caff": 12}.get(container, 8)
    while position + header <= length and not _begins_file(file, position):
        file.seek(position)
        head = file.read(header)
        if container == b"riff":
            size = int.from_bytes(head[16:], "little") - header
        elif container == b"caff":
            size = int.from_bytes(head[4:], "big", signed=True)
            size = 0xFFFFFFFF if size == -1 else size
        else:
            size = int.from_bytes(head[4:], order)
        if size < 0:
            return
        yield FileChunk(head[:4], position, position + header, size)
        position += header + size + padding(container, size)


def _chain_stop(
    file: BinaryIO, container: bytes, position: int, length: int, order: Literal["big", "little"]
) -> int | None:
    """
    Where chunks that follow one another from a position on end: at the end of the bytes, or at a next file, which may
    begin at the position itself. None where anything else stands there.
    """
    stop = position
    for chunk in _walk(file, container, position, length, order):
        if not all(32 <= byte < 127 or byte == 0xA9 for byte in chunk.name) or chunk.stop > length:
            return None
        stop = chunk.stop + padding(container, chunk.size)
    if _begins_file(file, stop):
        return stop
    return length if stop > position and length - stop < 8 else None


def _begins_file(file: BinaryIO, position: int) -> bool:
    file.seek(position)
    return FILE_HEAD.match(file.read(12)) is not None


def _sound_stop(
    file: BinaryIO, container: bytes, sound: FileChunk, length: int, order: Literal["big", "little"]
) -> int:
    """Where the sound ends in truth: at the promised size, where chunks follow, or at the end of the file."""
    promised = min(sound.stop, length)
    if _is_unknown(sound.size) or sound.stop > length:
        promised = sound.start + PREFIX.get(container, 0)
    elif length - promised < 2 or any(
        _chain_stop(file, container, promised + pad, length, order) is not None
        for pad in range(8 if container == b"riff" else 2)
    ):
        return promised
    # Chunks that stand behind samples which the header does not count, or counts too many of.
    first = max(promised, length - SEARCHED_BYTES)
    file.seek(first)
    rest = file.read()
    for match in LATE_NAMES.finditer(rest):
        if _chain_stop(file, container, first + match.start(), length, order) is not None:
            return first + match.start()
    stop = length
    for trailer in TRAILERS:
        place = rest.rfind(trailer, max(len(rest) - 2**20, 0))
        if place >= 0 and (trailer != b"TAG" or len(rest) - place == 128):
            stop = min(stop, first + place)
    if not sound.stop > length and not any(rest[: stop - first]):
        return promised
    return stop


def _is_unknown(size: int) -> bool:
    return any(size in sizes for sizes in UNKNOWN_SIZES)


def _au_sound(file: BinaryIO, begin: int) -> FileChunk:
    file.seek(begin + 4)
    start, size = int.from_bytes(file.read(4), "big"), int.from_bytes(file.read(4), "big")
    return FileChunk(b"data", begin, begin + start, size)


def _block_bytes(file: BinaryIO, found: ChunkFile) -> int:
    """Bytes of a sample of all channels, or of a packet; 1 where that is not known."""
    if found.container == b".snd":
        file.seek(found.start + 12)
        head = file.read(12)
        return AU_BYTES.get(int.from_bytes(head[:4], "big"), 1) * max(int.from_bytes(head[8:], "big"), 1)
    described = found.find({b"FORM": b"COMM", b"caff": b"desc"}.get(found.container, b"fmt "))
    if described is None:
        return 1
    content = read_chunk(file, described, 24)
    if found.container == b"caff":
        return int.from_bytes(content[16:20], "big") or 1
    if found.container != b"FORM":
        return int.from_bytes(content[12:14], found.order) or 1
    coding = content[18:22]
    if coding in AIFC_PACKETS:
        return 1
    return (
        int.from_bytes(content[:2], "big") * AIFC_BYTES.get(coding, -(-int.from_bytes(content[6:8], "big") // 8)) or 1
    )


def _shown(found: ChunkFile, num_bytes: int, block: int) -> Part:
    """The file up to the end of its sound, with the sizes that are so."""
    sound, begin = found.sound, found.start
    if sound is None:
        raise ValueError("expected a file with a chunk of sound")
    stop = sound.start + PREFIX.get(found.container, 0) + num_bytes
    size, whole = stop - sound.start, stop - begin
    patches: dict[int, bytes] = {}
    if found.container == b".snd":
        patches[begin + 8] = min(size, 0xFFFFFFFF).to_bytes(4, "big")
    elif found.container == b"riff":
        patches |= {begin + 16: whole.to_bytes(8, "little"), sound.header + 16: (size + 24).to_bytes(8, "little")}
    elif found.container == b"caff":
        patches[sound.header + 4] = size.to_bytes(8, "big")
    else:
        patches[begin + 4] = min(whole - 8, 0xFFFFFFFF).to_bytes(4, found.order)
        patches[sound.header + 4] = min(size, 0xFFFFFFFF).to_bytes(4, found.order)
        long_sizes, common = found.find(b"ds64"), found.find(b"COMM")
        if long_sizes is not None and found.container in (b"RF64", b"BW64"):
            patches |= {begin: b"RF64", begin + 4: b"\xff" * 4, sound.header + 4: b"\xff" * 4}
            patches[long_sizes.start] = (whole - 8).to_bytes(8, "little") + size.to_bytes(8, "little")
        if block > 1 and common is not None:
            patches[common.start + 2] = min(num_bytes // block, 0xFFFFFFFF).to_bytes(4, "big")
    return Part(tuple(segment for segment in patched(begin, stop, patches) if len(segment) > 0))
