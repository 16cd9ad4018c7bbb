"""What a repair has changed, as a file: with it, each of the two recordings gives the other, to the bit."""

import re

import numpy as np
import pytest
import soundfile as sf

from aidd import RepairRequest, repair_file
from aidd.cli.main import main
from aidd.repair.difference import DifferenceReader, append_chunk, as_payload, find_chunk, write_difference
from aidd.signals.blocks import BLOCK_SAMPLES
from aidd.signals.files import read_audio
from aidd.signals.formats import INTEGER_BITS


RATE = 8_000
# Encodings of a recording and of its repair.
LOSSLESS = [
    ("PCM_16", "PCM_16"),
    ("PCM_24", "PCM_24"),
    ("PCM_32", "PCM_32"),
    ("FLOAT", "FLOAT"),
    ("DOUBLE", "DOUBLE"),
    ("PCM_U8", "PCM_U8"),
    ("PCM_16", "PCM_24"),
    ("PCM_24", "FLOAT"),
]


def draw(rng, subtype, channels, num_samples):
    """Samples over the whole range of an encoding, as soundfile writes them, `(samples, channels)`."""
    if subtype in INTEGER_BITS:
        bits = INTEGER_BITS[subtype]
        codes = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (num_samples, channels))
        codes[: len(codes) // 4] = rng.choice([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1], (len(codes) // 4, channels))
        return (codes << (32 - bits)).astype(np.int32)
    dtype = {"FLOAT": np.float32, "DOUBLE": np.float64}[subtype]
    return (rng.normal(size=(num_samples, channels)) * 10.0 ** rng.integers(-30, 2, (num_samples, 1))).astype(dtype)


def bits_of(path):
    return read_audio(path).samples.view(np.uint64)


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
@pytest.mark.parametrize(("before", "after"), LOSSLESS, ids=" to ".join)
def test_each_of_two_recordings_gives_the_other(tmp_path, before, after, channels):
    rng = np.random.default_rng(channels)
    first, second, path = tmp_path / "in.wav", tmp_path / "out.wav", tmp_path / "difference.wav"
    sf.write(first, draw(rng, before, channels, 500), RATE, subtype=before)
    sf.write(second, draw(rng, after, channels, 500), RATE, subtype=after)
    write_difference(path, first, second)

    audio = read_audio(path)
    assert audio.sampling_rate == RATE and audio.samples.shape == (channels, 500)
    difference = read_audio(second).samples - read_audio(first).samples
    assert np.array_equal(audio.samples, difference)
    if {before, after} <= INTEGER_BITS.keys():
        scale = 2 ** (max(INTEGER_BITS[before], INTEGER_BITS[after]) - 1)
        codes = [np.round(scale * read_audio(one).samples).astype(np.int64) for one in (first, second, path)]
        assert np.array_equal(scale * audio.samples, codes[2])
        assert np.array_equal(codes[1] - codes[0], codes[2]) and np.array_equal(codes[0] + codes[2], codes[1])
        assert np.abs(codes[2]).max() > scale
    with DifferenceReader(path) as reader:
        assert np.array_equal(reader.before(read_audio(second).samples, 0).view(np.uint64), bits_of(first))
    with DifferenceReader(path) as reader:
        assert np.array_equal(reader.after(read_audio(first).samples, 0).view(np.uint64), bits_of(second))


def test_regions_give_what_the_whole_does(tmp_path):
    rng = np.random.default_rng(0)
    # One gap lies across the edge of two blocks.
    edge = BLOCK_SAMPLES
    before = rng.normal(size=(edge + 900, 2)).astype(np.float32)
    after = before.copy()
    for start, stop in ((10, 20), (edge - 40, edge + 30), (edge + 800, edge + 900)):
        after[start:stop, 1] = rng.normal(size=stop - start)
    for name, samples in (("in.wav", before), ("out.wav", after)):
        sf.write(tmp_path / name, samples, RATE, subtype="FLOAT")
    write_difference(tmp_path / "difference.wav", tmp_path / "in.wav", tmp_path / "out.wav")
    with DifferenceReader(tmp_path / "difference.wav") as reader:
        for start, stop in ((0, 15), (12, 30), (edge - 10, edge + 850), (edge, len(after))):
            assert np.array_equal(reader.before(after.T[:, start:stop].astype(float), start), before.T[:, start:stop])


def test_what_is_no_number_comes_back_and_is_silent_in_the_difference(tmp_path):
    before = np.linspace(-1, 1, 200, dtype=np.float32)
    before[50:54] = [np.nan, np.inf, -np.inf, -0.0]
    after = np.where(np.isfinite(before), before, 0.25).astype(np.float32)
    after[53] = 0.0
    for name, samples in (("in.wav", before), ("out.wav", after)):
        sf.write(tmp_path / name, samples, RATE, subtype="FLOAT")
    write_difference(tmp_path / "difference.wav", tmp_path / "in.wav", tmp_path / "out.wav")
    assert np.flatnonzero(read_audio(tmp_path / "difference.wav").samples[0]).tolist() == [50, 51, 52]
    with DifferenceReader(tmp_path / "difference.wav") as reader:
        restored = reader.before(after[None].astype(float), 0)
    assert np.array_equal(restored.view(np.uint64), bits_of(tmp_path / "in.wav"))


def test_a_repair_differs_in_its_gaps_alone(tmp_path, tones):
    sf.write(tmp_path / "in.flac", tones(RATE, RATE, 2).T, RATE, subtype="PCM_24")
    report = repair_file(
        tmp_path / "in.flac", tmp_path / "out.flac", RepairRequest(gaps=[(0.4, 0.5)], method="linear")
    )
    write_difference(tmp_path / "difference.wav", tmp_path / "in.flac", report.outputs[0])
    difference = read_audio(tmp_path / "difference.wav")
    assert difference.subtype == "FLOAT"
    changed = np.flatnonzero(difference.samples.any(0))
    assert changed[0] >= 3_200 and changed[-1] < 4_000


def test_the_command_line_writes_one_for_each_variation(tmp_path, tones, tiny_pipeline, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tiny_pipeline.save_pretrained("model")
    sf.write("in.wav", tones(RATE, RATE, 2).T, RATE, subtype="FLOAT")
    command = "inpaint in.wav out.wav --gap 0.4 0.5 --model model --seed 0 --difference d.wav"
    assert main([*command.split(), "--variations", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["d-1.wav: out-1.wav minus in.wav", "d-2.wav: out-2.wav minus in.wav"]
    before = read_audio("in.wav").samples
    for number in (1, 2):
        with DifferenceReader(f"d-{number}.wav") as reader:
            assert np.array_equal(reader.before(read_audio(f"out-{number}.wav").samples, 0), before)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("difference.flac", "difference.flac: expected a name that ends in .wav"),
        ("in.wav", "in.wav: expected another file than in.wav"),
        ("out.wav", "out.wav: expected another file than out.wav"),
        ("nowhere/d.wav", "nowhere/d.wav: no such folder: nowhere"),
        (".", ".: is a folder"),
    ],
)
def test_a_difference_that_cannot_be_written_is_refused_before_the_work(
    tmp_path, tones, monkeypatch, capsys, path, message
):
    monkeypatch.chdir(tmp_path)
    sf.write("in.wav", tones(RATE, RATE).T, RATE)
    assert main(["inpaint", "in.wav", "out.wav", "--gap", "0.4", "0.5", "--difference", path]) == 2
    assert capsys.readouterr().err.startswith(f"aidd: error: --difference {message}")
    assert [one.name for one in tmp_path.iterdir()] == ["in.wav"]


def test_a_lossy_repair_differs_by_what_decoding_gives(tmp_path, tones):
    sf.write(tmp_path / "in.wav", tones(RATE, RATE, 1).T, RATE, subtype="PCM_16")
    sf.write(tmp_path / "out.ogg", tones(RATE, RATE, 1).T, RATE, format="OGG", subtype="VORBIS")
    write_difference(tmp_path / "difference.wav", tmp_path / "in.wav", tmp_path / "out.ogg")
    before, after, difference = (read_audio(tmp_path / name) for name in ("in.wav", "out.ogg", "difference.wav"))
    assert difference.subtype == "DOUBLE" and np.array_equal(difference.samples, after.samples - before.samples)
    assert find_chunk(tmp_path / "difference.wav", b"aidd") is None


def test_what_does_not_fit_is_refused_and_leaves_nothing(tmp_path, tones):
    for name, samples, rate in (("in.wav", 100, RATE), ("short.wav", 99, RATE), ("rate.wav", 100, 2 * RATE)):
        sf.write(tmp_path / name, tones(samples, RATE).T, rate)
    sf.write(tmp_path / "stereo.wav", tones(100, RATE, 2).T, RATE)
    for other, message in (
        ("short.wav", "expected the num_samples of"),
        ("rate.wav", "expected the sampling_rate of"),
        ("stereo.wav", "expected the channels of"),
    ):
        with pytest.raises(ValueError, match=f"{other}: {message}"):
            write_difference(tmp_path / "difference.wav", tmp_path / "in.wav", tmp_path / other)
    with pytest.raises(ValueError, match=r"difference.flac: expected a name that ends in .wav"):
        write_difference(tmp_path / "difference.flac", tmp_path / "in.wav", tmp_path / "in.wav")
    with pytest.raises(ValueError, match=r"in.wav: expected another file than"):
        write_difference(tmp_path / "in.wav", tmp_path / "in.wav", tmp_path / "short.wav")
    assert not [path for path in tmp_path.iterdir() if "difference" in path.name or path.name.startswith(".")]


@pytest.mark.parametrize(
    "payload",
    [b"", b"nothing", as_payload(np.zeros((1, 3), np.int64), np.zeros(5, np.uint64)), as_payload(*2 * [np.zeros(3)])],
)
def test_a_damaged_chunk_is_told(tmp_path, payload, tones):
    sf.write(tmp_path / "difference.wav", tones(101, RATE).T, RATE, subtype="PCM_U8")
    append_chunk(tmp_path / "difference.wav", b"aidd", payload)
    assert find_chunk(tmp_path / "difference.wav", b"aidd") == payload
    assert read_audio(tmp_path / "difference.wav").samples.shape == (1, 101)
    with pytest.raises(ValueError, match=re.escape("difference.wav: ")):
        DifferenceReader(tmp_path / "difference.wav")


def test_a_chunk_is_found_in_files_beyond_four_gibibytes(tmp_path, tones):
    path = tmp_path / "difference.wav"
    sf.write(path, tones(101, RATE).T, RATE, subtype="DOUBLE", format="RF64")
    append_chunk(path, b"aidd", b"odd")
    assert find_chunk(path, b"aidd") == b"odd" and read_audio(path).samples.shape == (1, 101)


def test_floats_whose_chunk_passes_four_gibibytes_are_rf64_or_refused(tmp_path, monkeypatch):
    """The sound alone would fit, and the chunk of the bits that differ stands beside it."""
    rng = np.random.default_rng(0)
    first, second, path = tmp_path / "in.wav", tmp_path / "out.wav", tmp_path / "difference.wav"
    for name in (first, second):
        sf.write(name, rng.normal(size=(BLOCK_SAMPLES + 500, 1)), RATE, subtype="DOUBLE")
    num_bytes = 8 * (BLOCK_SAMPLES + 500)
    monkeypatch.setattr("aidd.signals.formats.MAX_SOUND_BYTES", num_bytes)
    write_difference(path, first, first)
    assert sf.info(path).format == "RF64"
    monkeypatch.setattr("aidd.signals.formats.MAX_SOUND_BYTES", 2 * num_bytes)
    write_difference(path, first, first)
    assert sf.info(path).format == "WAV"
    write_difference(path, first, second)
    assert sf.info(path).format == "RF64"
    with DifferenceReader(path) as reader:
        assert np.array_equal(reader.before(read_audio(second).samples, 0).view(np.uint64), bits_of(first))
    written = path.read_bytes()
    monkeypatch.setattr("aidd.repair.difference.MAX_CHUNK_BYTES", num_bytes)
    monkeypatch.setattr("aidd.repair.difference.writing_audio", None)
    with pytest.raises(ValueError, match=r"difference.wav: expected recordings whose differing bits fit into"):
        write_difference(path, first, second)
    assert path.read_bytes() == written and len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("num_cut", [1, 200, 3000])
def test_a_difference_that_is_cut_short_is_refused(tmp_path, num_cut):
    rng = np.random.default_rng(0)
    for name in ("in.wav", "out.wav"):
        sf.write(tmp_path / name, rng.normal(size=300), RATE, subtype="DOUBLE")
    path = tmp_path / "difference.wav"
    write_difference(path, tmp_path / "in.wav", tmp_path / "out.wav")
    path.write_bytes(path.read_bytes()[:-num_cut])
    with pytest.raises(ValueError, match=r"difference.wav: expected a difference that is whole, got"):
        DifferenceReader(path)
