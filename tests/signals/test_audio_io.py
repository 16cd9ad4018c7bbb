import os
import time
import tracemalloc

import numpy as np
import pytest
import soundfile as sf
import torch

from aidd.masks.files import read_mask
from aidd.masks.gaps import find_gaps
from aidd.signals.files import read_audio, write_audio, write_audio_files
from aidd.signals.resampling import resample


INTEGER_FILES = [
    ("wav", "WAV", "PCM_U8", 8),
    ("wav", "WAV", "PCM_16", 16),
    ("wav", "WAV", "PCM_24", 24),
    ("wav", "WAV", "PCM_32", 32),
    ("wav", "WAVEX", "PCM_24", 24),
    ("wav", "RF64", "PCM_16", 16),
    ("flac", "FLAC", "PCM_S8", 8),
    ("flac", "FLAC", "PCM_16", 16),
    ("flac", "FLAC", "PCM_24", 24),
    ("aiff", "AIFF", "PCM_24", 24),
    ("caf", "CAF", "PCM_16", 16),
    ("w64", "W64", "PCM_32", 32),
]


def codes_of(bits):
    """All codes of few bits; for more, both extremes, those around zero, and random ones between."""
    if bits <= 16:
        return np.arange(-(2 ** (bits - 1)), 2 ** (bits - 1))
    extremes = [-(2 ** (bits - 1)), -(2 ** (bits - 1)) + 1, -1, 0, 1, 2 ** (bits - 1) - 2, 2 ** (bits - 1) - 1]
    draw = np.random.default_rng(bits)
    return np.concatenate([extremes, draw.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), 20_001)])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("suffix", "format", "subtype", "bits"), INTEGER_FILES)
def test_integer_files_come_back_to_the_bit(tmp_path, suffix, format, subtype, bits, channels):
    codes = codes_of(bits)
    left_justified = (codes << (32 - bits)).astype(np.int32)
    data = np.stack([left_justified, left_justified[::-1]][:channels], axis=-1)
    first, second = tmp_path / f"first.{suffix}", tmp_path / f"second.{suffix}"
    sf.write(first, data, 44_100, subtype=subtype, format=format)

    audio = read_audio(first)
    assert (audio.sampling_rate, audio.subtype, audio.format) == (44_100, subtype, format)
    assert np.array_equal(audio.samples[0], codes / 2 ** (bits - 1))
    write_audio(second, audio.samples, sampling_rate=44_100, subtype=audio.subtype, format=audio.format)
    assert np.array_equal(sf.read(second, dtype="int32", always_2d=True)[0], data)
    info = sf.info(second)
    assert (info.samplerate, info.subtype, info.format) == (44_100, subtype, format)


@pytest.mark.parametrize(("subtype", "bits"), [("ALAC_16", 16), ("ALAC_20", 20), ("ALAC_24", 24)])
def test_apple_lossless_comes_back_to_the_bit(tmp_path, subtype, bits):
    # A smooth signal: libsndfile fails on noise at full scale, which no write may pass over in silence.
    smooth = np.round(0.9 * np.sin(np.arange(20_000) / 30) * 2 ** (bits - 1)) / 2 ** (bits - 1)
    write_audio(tmp_path / "a.caf", smooth, sampling_rate=44_100, subtype=subtype)
    assert np.array_equal(read_audio(tmp_path / "a.caf").samples, smooth[None])


@pytest.mark.parametrize(("subtype", "dtype"), [("FLOAT", np.float32), ("DOUBLE", np.float64)])
def test_float_files_come_back_to_the_bit(tmp_path, subtype, dtype):
    draw = np.random.default_rng(0)
    limits = np.finfo(dtype)
    extremes = np.array([0.0, -0.0, limits.tiny, limits.smallest_subnormal, 1.0, -1.0, 1.5, limits.max, limits.min])
    data = np.concatenate([extremes, draw.standard_normal(10_000) * 10.0 ** draw.integers(-30, 3, 10_000)])
    data = data.astype(dtype)
    first, second = tmp_path / "first.wav", tmp_path / "second.wav"
    sf.write(first, data, 96_000, subtype=subtype)
    audio = read_audio(first)
    write_audio(second, audio.samples, sampling_rate=96_000, subtype=audio.subtype)
    written = sf.read(second, dtype=np.dtype(dtype).name)[0]
    assert written.tobytes() == data.tobytes()


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24"])
def test_an_odd_number_of_bytes(tmp_path, subtype):
    samples = np.array([[0.5, -0.25, 0.125]])
    write_audio(tmp_path / "odd.wav", samples, sampling_rate=8_000, subtype=subtype)
    assert np.array_equal(read_audio(tmp_path / "odd.wav").samples, samples)


def test_integers_are_rounded_to_the_nearest_code(tmp_path):
    samples = np.array([0.4, 0.6, -0.4, -0.6, 1.4, 32766.6, -32768.4]) / 2**15
    write_audio(tmp_path / "a.wav", samples, sampling_rate=8_000, subtype="PCM_16")
    assert (read_audio(tmp_path / "a.wav").samples[0] * 2**15).tolist() == [0, 1, 0, -1, 1, 32767, -32768]


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.mp3", "MPEG_LAYER_III"), ("a.ogg", "VORBIS"), ("a.opus", "OPUS"), ("a.wav", "ULAW")]
)
def test_lossy_files_keep_rate_channels_subtype_and_sound(tmp_path, name, subtype):
    # libsndfile's Vorbis encoder crashes on a write of this length at once.
    time = np.arange((90 if subtype == "VORBIS" else 3) * 48_000) / 48_000
    samples = 0.4 * np.stack([np.sin(2 * np.pi * 440 * time), np.sin(2 * np.pi * 550 * time)])
    write_audio(tmp_path / name, samples, sampling_rate=48_000, subtype=subtype)
    audio = read_audio(tmp_path / name)
    assert (audio.sampling_rate, audio.subtype, len(audio.samples)) == (48_000, subtype, 2)
    middle = slice(48_000, 96_000)
    assert np.sqrt(np.mean((audio.samples - samples)[:, middle] ** 2)) < 0.02


def test_a_failed_write_leaves_everything_as_it_was(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"precious")
    for paths, audios in [([path], [np.array([2.0])]), ([path, tmp_path / "b.wav"], [np.zeros(5), np.array([2.0])])]:
        with pytest.raises(ValueError, match="the subtype FLOAT"):
            write_audio_files(paths, audios, sampling_rate=8_000, subtype="PCM_16")
        assert path.read_bytes() == b"precious" and list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_and_its_target_is_written(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "old.wav").write_bytes(b"old")
    for name, target in [("a.wav", "elsewhere/old.wav"), ("b.wav", "elsewhere/new.wav"), ("c.wav", "a.wav")]:
        (tmp_path / name).symlink_to(target)
        samples = np.full((1, 5), len(target) / 100)
        write_audio(tmp_path / name, samples, sampling_rate=8_000, subtype="DOUBLE")
        assert (tmp_path / name).is_symlink()
        assert np.array_equal(read_audio(tmp_path / target).samples, samples)
    assert not (tmp_path / "elsewhere" / "old.wav").is_symlink()
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(
        ["elsewhere", "old.wav", "new.wav", "a.wav", "b.wav", "c.wav"]
    )


@pytest.mark.parametrize("length", [244, 255])
def test_names_may_be_as_long_as_the_file_system_allows(tmp_path, length):
    path = tmp_path / ("a" * (length - 4) + ".wav")
    write_audio(path, np.zeros(5), sampling_rate=8_000, subtype="PCM_16")
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def plain_user(monkeypatch):
    """Root may write everywhere; under root, what the permissions say to everyone else."""
    if os.geteuid() == 0:
        monkeypatch.setattr(os, "access", lambda path, mode: bool(os.stat(path).st_mode & 0o222))


def test_write_protection_is_respected(tmp_path, plain_user):
    path = tmp_path / "a.wav"
    path.write_bytes(b"precious")
    path.chmod(0o444)
    with pytest.raises(ValueError, match=r"a\.wav: no permission to write to .*a\.wav"):
        write(path)
    assert path.read_bytes() == b"precious"
    path.chmod(0o644)
    tmp_path.chmod(0o555)
    with pytest.raises(ValueError, match=rf"a\.wav: no permission to write to {tmp_path}$"):
        write(path)
    tmp_path.chmod(0o755)
    write(path)
    assert read_audio(path).samples.shape == (1, 2)


# The last two ratios are those of a kernel table of gigabytes.
RATIOS = [(44_100, 24_000), (24_000, 44_100), (48_000, 24_000), (37_800, 24_000), (44_101, 24_000), (24_000, 23_999)]


@pytest.mark.parametrize("framework", ["numpy", "torch"])
@pytest.mark.parametrize(("from_rate", "to_rate"), RATIOS)
def test_resampling_keeps_time_length_and_type(from_rate, to_rate, framework):
    def tone(rate, num_samples):
        return np.sin(2 * np.pi * 1000 * np.arange(num_samples) / rate)

    audio = tone(from_rate, from_rate + 17) * np.array([[1], [-1]])
    given = audio if framework == "numpy" else torch.from_numpy(audio)
    resampled = resample(given, from_rate, to_rate)
    assert type(resampled) is type(given) and resampled.dtype == given.dtype
    resampled = np.asarray(resampled)
    assert resampled.shape == (2, -(-audio.shape[1] * to_rate // from_rate))
    middle = slice(to_rate // 4, to_rate // 2)
    assert np.abs(resampled[0] - tone(to_rate, resampled.shape[1]))[middle].max() < 2e-3
    assert np.allclose(resampled[1], -resampled[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("from_rate", "to_rate"), [(44_100, 24_000), (24_000, 44_100)])
def test_both_ways_to_resample_agree(monkeypatch, from_rate, to_rate, dtype):
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal((2, from_rate)))
    # Noise below 6 kHz, half of the band that both rates hold.
    spectrum[:, 6_000:] = 0
    audio = np.fft.irfft(spectrum, from_rate).astype(dtype)
    by_table = resample(audio, from_rate, to_rate)
    monkeypatch.setattr("aidd.signals.resampling.MAX_KERNEL_TABLE", 0)
    by_filter = resample(audio, from_rate, to_rate)
    assert not np.array_equal(by_table, by_filter)
    assert by_table.shape == by_filter.shape and by_table.dtype == by_filter.dtype == dtype
    middle = slice(to_rate // 10, -to_rate // 10)
    signal, difference = by_table[:, middle], (by_table - by_filter)[:, middle]
    assert 10 * np.log10(np.sum(signal**2) / np.sum(difference**2)) > 40


@pytest.mark.parametrize(("from_rate", "to_rate"), [(44_101, 24_000), (24_000, 44_101), (23_999, 24_000)])
def test_no_rate_takes_long_or_much_memory(from_rate, to_rate):
    audio = np.zeros(10 * from_rate)
    tracemalloc.start()
    began = time.process_time()
    assert resample(audio, from_rate, to_rate).shape == (10 * to_rate,)
    assert time.process_time() - began < 5
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100e6


@pytest.mark.parametrize("shape", [(100,), (1, 100), (2, 100)])
def test_mask_arrays(tmp_path, shape):
    mask = np.random.default_rng(0).random(shape) < 0.3
    np.save(tmp_path / "mask.npy", mask)
    assert np.array_equal(read_mask(tmp_path / "mask.npy", num_samples=100, sampling_rate=10), mask)


def test_labels(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("0.100000\t0.200000\tdropout\n\n0.500000\t0.600000\n", encoding="utf-8-sig")
    mask = read_mask(path, num_samples=1000, sampling_rate=1000)
    assert find_gaps(mask).tolist() == [[100, 200], [500, 600]]


def test_a_label_to_the_end_may_be_rounded_up(tmp_path):
    path = tmp_path / "labels.txt"
    num_samples = 44_100 + 13
    path.write_text(f"1.0\t{num_samples / 44_100 + 5e-7:.6f}\tend\n")
    assert float(path.read_text().split()[1]) > num_samples / 44_100
    assert find_gaps(read_mask(path, num_samples=num_samples, sampling_rate=44_100)).tolist() == [
        [44_100, num_samples]
    ]


@pytest.mark.parametrize("name", ["a\u2028b", "a\x0bb", "a\x0cb", "a\x1cb", "a\x85b"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_names_of_labels_may_hold_anything_but_newlines(tmp_path, name, newline):
    path = tmp_path / "labels.txt"
    path.write_bytes(f"0.1\t0.2\t{name}{newline}0.5\t0.6\t{name}{newline}".encode())
    assert find_gaps(read_mask(path, num_samples=1000, sampling_rate=1000)).tolist() == [[100, 200], [500, 600]]


def written(path, content):
    if isinstance(content, np.ndarray):
        np.save(path, content)
    else:
        path.write_bytes(content)
    return path


def pipe(path):
    os.mkfifo(path)
    return path


def link(path, target):
    path.symlink_to(target)
    return path


def mask_of(path, content):
    return read_mask(written(path, content), num_samples=100, sampling_rate=100)


def write(path, audio=(0.0, 0.5), subtype="PCM_16", sampling_rate=8_000, **options):
    write_audio(path, np.asarray(audio), sampling_rate=sampling_rate, subtype=subtype, **options)


# What is wrong, the call in a folder, and what the message must say.
BAD_INPUTS = [
    ("missing audio file", lambda d: read_audio(d / "none.wav"), "none.wav: no such file"),
    ("folder for a file", lambda d: read_audio(d), "is a folder, expected a file"),
    ("pipe for a file", lambda d: read_audio(pipe(d / "a.wav")), "a.wav: is not a regular file"),
    ("link to nowhere", lambda d: read_audio(link(d / "a.wav", "none")), "a.wav: no such file"),
    ("text for audio", lambda d: read_audio(written(d / "a.wav", b"hello")), "a.wav: cannot be read as audio"),
    ("empty file", lambda d: read_audio(written(d / "a.wav", b"")), "a.wav: cannot be read as audio"),
    ("headerless audio", lambda d: read_audio(written(d / "a.raw", b"1234")), "a.raw: cannot be read as audio"),
    ("audio of no samples", lambda d: [sf.write(d / "a.wav", [], 8_000), read_audio(d / "a.wav")], "no samples"),
    ("unknown suffix", lambda d: write(d / "a.xyz"), r"a.xyz: expected a file name that ends in .*got .xyz"),
    ("no suffix", lambda d: write(d / "a"), "got no suffix"),
    ("no such folder", lambda d: write(d / "none" / "a.wav"), "there is no folder"),
    ("output is a folder", lambda d: [(d / "a.wav").mkdir(), write(d / "a.wav")], "is a folder"),
    ("output is a pipe", lambda d: write(pipe(d / "a.wav")), "a.wav: is not a regular file"),
    ("output is a device", lambda d: write(link(d / "a.wav", os.devnull)), "a.wav: is not a regular file"),
    ("link to no folder", lambda d: write(link(d / "a.wav", d / "none" / "a.wav")), "there is no folder .*none$"),
    (
        "unknown subtype",
        lambda d: write(d / "a.wav", subtype="PCM_17"),
        "hold no PCM_17; choose the subtype PCM_24, PCM_16 or FLOAT$",
    ),
    ("FLOAT in FLAC", lambda d: write(d / "a.flac", subtype="FLOAT"), "FLAC files hold no FLOAT"),
    ("Vorbis in .opus", lambda d: write(d / "a.opus", subtype="VORBIS"), "choose the subtype OPUS"),
    ("Opus at 44.1 kHz", lambda d: write(d / "a.opus", subtype="OPUS", sampling_rate=44_100), "at 44100 Hz cannot"),
    ("FLAC of 9 channels", lambda d: write(d / "a.flac", np.zeros((9, 4))), "of 9 channels at 8000 Hz cannot"),
    ("unknown format", lambda d: write(d / "a.wav", format="WOW"), "unknown format WOW"),
    ("AIFF that libsndfile pads", lambda d: write(d / "a.aiff", np.zeros(3), "PCM_S8"), "does not give back"),
    ("loud sample", lambda d: write(d / "a.wav", [0.0, 1.0]), "reach 1, beyond .*PCM_16.*the subtype FLOAT"),
    ("loud sample in FLAC", lambda d: write(d / "a.flac", [-1.1, 0.0]), "reach 1.1, beyond.*softer by 0.84 dB"),
    ("loud sample in u-law", lambda d: write(d / "a.wav", [1.5], "ULAW"), "reach 1.5, beyond.*the subtype FLOAT"),
    ("NaN to write", lambda d: write(d / "a.wav", [np.nan], "FLOAT"), "expected finite samples, got 1"),
    ("integers to write", lambda d: write(d / "a.wav", [1, 2]), "expected float audio.*got int64"),
    ("nothing to write", lambda d: write(d / "a.wav", np.zeros((2, 0))), r"got float64 of shape \(2, 0\)"),
    ("batch to write", lambda d: write(d / "a.wav", np.zeros((1, 2, 5))), r"got float64 of shape \(1, 2, 5\)"),
    ("rate to write is a fraction", lambda d: write(d / "a.wav", sampling_rate=0.5), "positive integer"),
    ("rate to resample to is zero", lambda d: resample(np.zeros(5), 8_000, 0), "positive integer"),
    ("missing mask file", lambda d: read_mask(d / "m.npy", num_samples=1, sampling_rate=1), "m.npy: no such file"),
    ("folder for a mask", lambda d: read_mask(d, num_samples=1, sampling_rate=1), "is a folder, expected a file"),
    ("mask of another kind", lambda d: mask_of(d / "m.csv", b"1,0"), r"\(.npy\) or an Audacity label file"),
    ("mask of text", lambda d: mask_of(d / "m.npy", b"hello"), "m.npy: cannot be read as a .npy array"),
    ("mask file is empty", lambda d: mask_of(d / "m.npy", b""), "m.npy: cannot be read as a .npy array"),
    ("mask of objects", lambda d: mask_of(d / "m.npy", np.array([None, {}])), "got object of shape"),
    ("mask of numbers", lambda d: mask_of(d / "m.npy", np.zeros(100)), "expected a bool array.*got float64"),
    (
        "mask of another length",
        lambda d: mask_of(d / "m.npy", np.zeros(99, bool)),
        r"\(100,\).*got bool of shape \(99,\)",
    ),
    (
        "mask of a batch",
        lambda d: mask_of(d / "m.npy", np.zeros((1, 1, 100), bool)),
        r"got bool of shape \(1, 1, 100\)",
    ),
    ("labels of words", lambda d: mask_of(d / "l.txt", b"0.1\t0.2\ta\nfrom\tto\tb"), "line 2: expected start and end"),
    ("labels parted by commas", lambda d: mask_of(d / "l.txt", b"0.1,0.2,a"), "line 1: expected start and end"),
    ("label behind the end", lambda d: mask_of(d / "l.txt", b"0.1\t1.2\ta"), "line 1: gap .*after the signal"),
    ("label at NaN", lambda d: mask_of(d / "l.txt", b"nan\t0.1\ta"), "line 1: expected start and end"),
    ("no labels", lambda d: mask_of(d / "l.txt", b"\n"), "holds no label"),
    ("labels in no text", lambda d: mask_of(d / "l.txt", b"\xff\xfe\x00"), "line 1: expected start and end"),
]


@pytest.mark.parametrize(("call", "message"), [pytest.param(*case[1:], id=case[0]) for case in BAD_INPUTS])
def test_bad_input_is_refused_in_words(tmp_path, call, message, record_property):
    with pytest.raises(ValueError, match=message) as refusal:
        call(tmp_path)
    record_property("message", str(refusal.value))
    assert not list(tmp_path.glob(".*"))


def test_arrays_that_are_not_contiguous_are_resampled():
    audio = np.random.default_rng(0).normal(size=(1000, 2, 3))
    for view in (audio.T, audio[::-1].T, audio.T[..., ::2]):
        expected = resample(view.copy(), 24_000, 16_000)
        np.testing.assert_array_equal(resample(view, 24_000, 16_000), expected)
    tensor = torch.from_numpy(audio).permute(2, 1, 0)
    np.testing.assert_array_equal(resample(tensor, 24_000, 16_000), resample(audio.T.copy(), 24_000, 16_000))


@pytest.mark.parametrize(
    "content", [b"\0\0\0\x20ftypM4A " + bytes(100), bytes.fromhex("3026b2758e66cf11"), bytes(1000)]
)
def test_what_is_in_another_format_says_what_to_do(tmp_path, content):
    (tmp_path / "a.m4a").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"a\.m4a: cannot be read as audio \(its format is not known; convert it to WAV"
    ):
        read_audio(tmp_path / "a.m4a")
