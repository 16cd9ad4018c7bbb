"""Any file is read as audio, or refused: files of many formats with bytes that were changed, taken out or cut off."""

import io
import struct

import numpy as np
import soundfile as sf
from hypothesis import example, given
from hypothesis import strategies as st

from aidd.repair.recipe import repair_file
from aidd.repair.request import RepairRequest
from aidd.repair.scan import scan_audio


RATE, NUM_SAMPLES = 8000, 1200
FORMATS = [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAVEX", "PCM_24"), ("RF64", "PCM_16"), ("W64", "PCM_16")]
FORMATS += [("AIFF", "PCM_16"), ("CAF", "PCM_16"), ("AU", "ULAW"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")]
FORMATS += [("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
# What sizes, counts and rates are set to.
NUMBERS = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1]


def written(format: str, subtype: str) -> bytes:
    file = io.BytesIO()
    noise = 0.1 * np.random.default_rng(0).standard_normal((NUM_SAMPLES, 2))
    sf.write(file, noise, RATE, subtype, format=format)
    return file.getvalue()


def chunk(name: bytes, content: bytes, size: int | None = None) -> bytes:
    size = len(content) if size is None else size
    return name + struct.pack("<I", size & 0xFFFFFFFF) + content + b"\0" * (len(content) % 2)


FILES = {format: written(format, subtype) for format, subtype in FORMATS}
# As recorders write them, between the format and the samples.
RIFF_CHUNKS = chunk(b"bext", bytes(602)) + chunk(b"cue ", struct.pack("<I6I", 1, 1, 0, 0x61746164, 0, 0, 7))
RIFF_CHUNKS += chunk(b"LIST", b"INFO" + chunk(b"INAM", b"name\0")) + chunk(b"smpl", bytes(36))
CHANGES = st.one_of(
    st.binary(min_size=1, max_size=4),
    st.tuples(st.sampled_from(NUMBERS), st.sampled_from("HIQ"), st.sampled_from("<>")).map(
        lambda one: struct.pack(one[2] + one[1], one[0] & (256 ** struct.calcsize(one[1]) - 1))
    ),
)


@st.composite
def files(draw) -> bytes:
    content = bytearray(FILES[draw(st.sampled_from(sorted(FILES)))])
    # Most places are in the header, where most is decided.
    places = st.one_of(st.integers(0, 120), st.integers(0, len(content)))
    if draw(st.booleans()):
        content[36:36] = RIFF_CHUNKS
    for place, change in draw(st.lists(st.tuples(places, CHANGES), max_size=4)):
        content[place : place + len(change)] = change
    match draw(st.sampled_from(["whole", "cut", "hole", "tail"])):
        case "cut":
            del content[draw(places) :]
        case "hole":
            start = draw(places)
            del content[start : start + draw(st.integers(1, 64))]
        case "tail":
            content += draw(st.binary(max_size=64))
    return bytes(content)


@given(st.one_of(files(), st.binary(max_size=200)))
@example(b"")
@example(b".snd")
@example(b"fLaC")
@example(
    b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\xff\xff\xff\xff\xff\x7f\0\0\0\0\xff\xff\x20\0data\xff\xff\xff\xff"
)
def test_audio(tmp_path, read_or_refused, content):
    path = tmp_path / "recording.wav"
    path.write_bytes(content)
    scan = read_or_refused(scan_audio, path)
    if scan is not None:
        assert scan.num_samples > 0 and scan.sampling_rate > 0 and scan.channels > 0
        # No file of this size holds more; lossy formats and silence take few bytes.
        assert scan.num_samples * scan.channels < 20_000 * max(len(content), 1)


@given(files())
def test_repairs(tmp_path, read_or_refused, content):
    """What is repaired is whole, tags and chunks and all; of what is refused, nothing is written."""
    path, output = tmp_path / "recording.wav", tmp_path / "out" / "recording.wav"
    output.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    request = RepairRequest(gaps=[(0.001, 0.002)], method="linear", subtype="PCM_16")
    report = read_or_refused(lambda path: repair_file(path, output, request), path, names="")
    if report is None:
        assert not list(output.parent.iterdir())
        return
    assert list(output.parent.iterdir()) == [output]
    assert scan_audio(output).num_samples == report.num_samples
    output.unlink()
