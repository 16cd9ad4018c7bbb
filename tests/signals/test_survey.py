"""What a file's header and stream promise against what it holds: nothing is lost without a word, and nothing moves."""

import io
import struct
import warnings

import numpy as np
import pytest
import soundfile as sf

from aidd.signals.blocks import AudioReader
from aidd.signals.files import read_audio
from aidd.signals.survey.mpeg import frame_header
from aidd.signals.survey.ogg import pages_of
from aidd.signals.survey.survey import survey_audio


RATE, NUM_SAMPLES = 44_100, 30_000


def tones(channels=1, num_samples=NUM_SAMPLES):
    time = np.arange(num_samples) / RATE
    draw = np.random.default_rng(0)
    chord = sum(np.sin(2 * np.pi * f * time) for f in (220, 331, 553)) / 8
    return np.stack([chord + 0.02 * draw.standard_normal(num_samples) for _ in range(channels)], -1)


def encoded(format, subtype, *, channels=1, rate=RATE, num_samples=NUM_SAMPLES, **options):
    """The bytes of a file."""
    file = io.BytesIO()
    sf.write(file, tones(channels, num_samples), rate, subtype, format=format, **options)
    return file.getvalue()


def with_u32(content, place, number, order="little"):
    return content[:place] + number.to_bytes(4, order) + content[place + 4 :]


def read(tmp_path, content, name="a.wav"):
    """Samples of the first channel, and what was said."""
    (tmp_path / name).write_bytes(content)
    with warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter("always")
        samples = read_audio(tmp_path / name).samples
    words = [str(message.message).removeprefix(f"{tmp_path / name}: ") for message in messages]
    return samples, words


# By name: encoding, where the header has the size of the sound, its bytes and order, and what it counts in beside it.
SIZES = {
    "WAV": ("WAV", "PCM_16", b"data", 4, 4, "little", 0),
    "WAV of 24 bits in stereo": ("WAV", "PCM_24", b"data", 4, 4, "little", 0),
    "RIFX": ("WAV", "PCM_16", b"data", 4, 4, "big", 0),
    "WAVEX": ("WAVEX", "FLOAT", b"data", 4, 4, "little", 0),
    "RF64": ("RF64", "PCM_16", b"ds64", 16, 8, "little", 0),
    "W64": ("W64", "PCM_16", b"data\xf3", 16, 8, "little", 24),
    "AU": ("AU", "PCM_16", b".snd", 8, 4, "big", 0),
    "CAF": ("CAF", "PCM_24", b"data", 4, 8, "big", 4),
    "AIFF": ("AIFF", "PCM_16", b"SSND", 4, 4, "big", 8),
    "little AIFF": ("AIFF", "PCM_16", b"SSND", 4, 4, "big", 8),
}


def file_of(name):
    format, subtype, *_ = SIZES[name]
    endian = {"RIFX": "BIG", "little AIFF": "LITTLE"}.get(name, "FILE")
    return encoded(format, subtype, channels=2 if "stereo" in name else 1, endian=endian)


def with_size(content, name, num_bytes):
    """The file with another size of its sound in the header, and in AIFF another number of frames."""
    _, _, mark, offset, width, order, extra = SIZES[name]
    place = content.index(mark) + offset
    size = num_bytes + extra if num_bytes else 0
    content = content[:place] + size.to_bytes(width, order) + content[place + width :]
    if "AIFF" in name:
        content = with_u32(content, content.index(b"COMM") + 10, num_bytes // 2, "big")
    return content


@pytest.mark.parametrize("name", SIZES)
def test_a_file_that_is_as_its_header_says_is_read_as_it_is(tmp_path, name):
    content = file_of(name)
    samples, words = read(tmp_path, content)
    expected = sf.read(io.BytesIO(content), always_2d=True)[0].T
    assert np.array_equal(samples, expected) and not words


@pytest.mark.parametrize("name", SIZES)
def test_more_samples_than_the_header_counts_are_all_read(tmp_path, name):
    content = file_of(name)
    samples, words = read(tmp_path, with_size(content, name, 20_000 // 6 * 6))
    assert np.array_equal(samples, sf.read(io.BytesIO(content), always_2d=True)[0].T)
    assert len(words) == 1 and "the header promises fewer samples than the file has" in words[0]
    assert f"{NUM_SAMPLES} samples" in words[0]


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("num_missing", [20_000, 20_001])
def test_a_file_that_is_cut_short_is_said_to_be(tmp_path, name, num_missing):
    content = file_of(name)
    samples, words = read(tmp_path, content[:-num_missing])
    expected = sf.read(io.BytesIO(content), always_2d=True)[0].T
    assert 0 < samples.shape[1] < NUM_SAMPLES
    assert np.array_equal(samples, expected[:, : samples.shape[1]])
    assert len(words) == 1
    assert f"its header promises {NUM_SAMPLES} samples" in words[0] and f"{samples.shape[1]} samples" in words[0]


@pytest.mark.parametrize("name", [name for name in SIZES if name not in ("W64", "CAF")])
def test_a_file_that_was_written_to_a_pipe_is_read_to_its_end(tmp_path, name):
    content = file_of(name)
    samples, words = read(tmp_path, with_size(content, name, 0))
    assert np.array_equal(samples, sf.read(io.BytesIO(content), always_2d=True)[0].T) and not words


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFD4, 0xFFFFFFFF])
@pytest.mark.parametrize("riff_size", [0, 0xFFFFFFFF, None])
@pytest.mark.parametrize(
    "tail", [b"", b"LIST" + struct.pack("<I", 16) + b"INFOINAM" + struct.pack("<I", 4) + b"abc\0"]
)
def test_a_wav_of_unknown_size_ends_where_other_chunks_begin(tmp_path, size, riff_size, tail):
    content = with_u32(file_of("WAV"), 40, size)
    content = content if riff_size is None else with_u32(content, 4, riff_size)
    samples, words = read(tmp_path, content + tail)
    assert samples.shape == (1, NUM_SAMPLES) and not words


@pytest.mark.parametrize("size", [20_000, 10_000_000])
def test_chunks_behind_wrongly_counted_samples_are_no_sound(tmp_path, size):
    content = file_of("WAV")
    tail = b"cue " + struct.pack("<I", 4) + bytes(4) + b"LIST" + struct.pack("<I", 4) + b"adtl"
    samples, words = read(tmp_path, with_u32(content + tail, 40, size))
    assert samples.shape == (1, NUM_SAMPLES) and len(words) == 1


@pytest.mark.parametrize("rest", [bytes(5000), b"TAG" + bytes(125)], ids=["zeros", "ID3v1"])
@pytest.mark.parametrize("format", ["WAV", "FLAC"])
def test_what_is_no_sound_behind_the_samples_is_named(tmp_path, format, rest):
    samples, words = read(tmp_path, encoded(format, "PCM_16") + rest)
    assert samples.shape == (1, NUM_SAMPLES) and len(words) == 1 and "no samples" in words[0]
    assert f"the last {len(rest)} bytes of the file" in words[0]


def test_the_frames_of_aiff_are_counted_twice(tmp_path):
    content = file_of("AIFF")
    samples, words = read(tmp_path, with_u32(content, content.index(b"COMM") + 10, 10_000, "big"), "a.aiff")
    assert samples.shape == (1, NUM_SAMPLES) and "promises fewer" in words[0]


def test_bw64_is_read(tmp_path):
    samples, words = read(tmp_path, b"BW64" + file_of("RF64")[4:])
    assert samples.shape == (1, NUM_SAMPLES) and not words


CHAINS = {
    "WAV": ("WAV", "PCM_16", RATE),
    "WAV of 24 bits": ("WAV", "PCM_24", RATE),
    "RF64": ("RF64", "PCM_16", RATE),
    "W64": ("W64", "PCM_16", RATE),
    "AIFF": ("AIFF", "PCM_16", RATE),
    "CAF": ("CAF", "PCM_16", RATE),
    "AU": ("AU", "PCM_16", RATE),
    "FLAC": ("FLAC", "PCM_16", RATE),
    "Vorbis": ("OGG", "VORBIS", RATE),
    "Opus": ("OGG", "OPUS", 48_000),
    "MP3": ("MP3", "MPEG_LAYER_III", RATE),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_of_streams_is_one_recording(tmp_path, name):
    format, subtype, rate = CHAINS[name]
    streams = [encoded(format, subtype, rate=rate, num_samples=number) for number in (NUM_SAMPLES, 20_001, 5_000, 7)]
    for num_streams in range(2, len(streams) + 1):
        samples, words = read(tmp_path, b"".join(streams[:num_streams]))
        expected = np.concatenate([read(tmp_path, stream)[0] for stream in streams[:num_streams]], -1)
        assert np.array_equal(samples, expected)
        assert len(words) == 1 and f"a chain of {num_streams} " in words[0]


INFO = b"LIST" + struct.pack("<I", 16) + b"INFOINAM" + struct.pack("<I", 4) + b"abc\0"


@pytest.mark.parametrize("size", [0, 20_000, 0xFFFFFFFF], ids=["unknown", "too small", "all ones"])
@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("tail", [b"", INFO], ids=["no tags", "tags"])
def test_headers_in_a_chain_may_count_wrongly(tmp_path, size, number, tail):
    """The size of the sound, and that of the file, which programs that write to a pipe do not know either."""
    files = [file_of("WAV")] * 3
    files[number] = with_u32(with_u32(files[number], 4, size), 40, size)
    samples, words = read(tmp_path, b"".join(file + tail for file in files))
    assert np.array_equal(samples, np.tile(read(tmp_path, file_of("WAV"))[0], 3))
    assert "a chain of 3 files" in words[0]
    assert [f"file {number + 1} of the chain has 300.0%" in word for word in words[1:]] == [True] * (size == 20_000)


@pytest.mark.parametrize("name", ["FLAC", "Vorbis", "MP3"])
def test_a_stream_of_another_rate_in_a_chain_is_named(tmp_path, name):
    format, subtype, rate = CHAINS[name]
    first = encoded(format, subtype, rate=rate)
    samples, words = read(tmp_path, first + encoded(format, subtype, rate=22_050))
    assert samples.shape == (1, NUM_SAMPLES)
    assert any("22050 Hz, unlike the first, and is not read" in word or "are not read" in word for word in words)


@pytest.mark.parametrize("damage", ["zeros", "removed"])
def test_what_lies_behind_damage_in_flac_stays_where_it_was(tmp_path, damage):
    content = encoded("FLAC", "PCM_16")
    place = len(content) // 2
    broken = content[:place] + (bytes(3000) if damage == "zeros" else b"") + content[place + 3000 :]
    samples, words = read(tmp_path, broken, "a.flac")
    expected = sf.read(io.BytesIO(content), always_2d=True)[0].T
    differ = np.flatnonzero((samples != expected).any(0))
    assert samples.shape == expected.shape and 0 < len(differ) <= 3 * 4096
    assert not samples[:, differ[0] : differ[-1] + 1].any()
    assert any(f"from {differ[0] / RATE:.3f}"[:-1] in word and "silence" in word for word in words)
    with AudioReader(tmp_path / "a.flac") as reader:
        # A jump over the damage, and one back.
        for start in (NUM_SAMPLES - 500, differ[0] - 100, 100):
            reader.jump(int(start))
            assert np.array_equal(reader.read(start, start + 400), samples[:, start : start + 400])


@pytest.mark.parametrize("num_samples", [0, 10_000, 99_999])
def test_flac_is_as_long_as_its_frames(tmp_path, num_samples):
    content = bytearray(encoded("FLAC", "PCM_16"))
    content[21] &= 0xF0
    content[22:26] = num_samples.to_bytes(4, "big")
    samples, words = read(tmp_path, bytes(content), "a.flac")
    assert np.array_equal(samples, sf.read(io.BytesIO(encoded("FLAC", "PCM_16")), always_2d=True)[0].T)
    assert bool(words) == bool(num_samples)


@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_24"])
@pytest.mark.parametrize("num_samples", [1, 4096, 10_000])
def test_bytes_behind_the_last_frame_of_flac_are_counted(tmp_path, channels, subtype, num_samples):
    """A frame does not say how long it is; noise, which is not compressed, makes the longest."""
    draw = np.random.default_rng(0)
    file, rest = io.BytesIO(), draw.bytes(3_000)
    sf.write(file, draw.uniform(-1, 1, (num_samples, channels)), RATE, subtype, format="FLAC")
    whole = file.getvalue()
    samples, words = read(tmp_path, whole)
    assert samples.shape == (channels, num_samples) and not words
    for content in (whole, whole[:21] + bytes([whole[21] & 0xF0]) + bytes(4) + whole[26:]):
        with_rest, words = read(tmp_path, content + rest)
        assert np.array_equal(with_rest, samples)
        assert words == ["the last 3000 bytes of the file are no samples, and are not read"]
    chained, words = read(tmp_path, whole + rest + whole)
    assert np.array_equal(chained, np.concatenate([samples, samples], -1))
    assert "the last 3000 bytes before stream 2 of the chain are no samples, and are not read" in words


def test_damaged_metadata_of_a_stream_in_a_chain(tmp_path):
    """A size that reaches beyond the next stream, which begins where it does all the same."""
    first, second = (encoded("FLAC", "PCM_16", num_samples=number) for number in (5_000, 6_000))
    place = first.index(b"fLaC") + 42
    damaged = first[:place] + b"\x04\x00\xff\xff" + first[place + 4 :]
    samples, words = read(tmp_path, second + damaged + second)
    assert np.array_equal(samples, np.tile(read(tmp_path, second)[0], 2))
    assert any("a chain of 3 streams" in word for word in words)
    assert any("its header promises 17000 samples" in word for word in words)


def test_flac_that_is_cut_short(tmp_path):
    content = encoded("FLAC", "PCM_16")
    samples, words = read(tmp_path, content[: len(content) // 2], "a.flac")
    assert samples.shape[1] % 4096 == 0 and len(words) == 1
    assert f"promises {NUM_SAMPLES} samples" in words[0]


def test_flac_behind_an_id3_tag(tmp_path):
    content = encoded("FLAC", "PCM_16")
    samples, words = read(tmp_path, b"ID3\3\0\0\0\0\0\x0a" + bytes(10) + content, "a.flac")
    assert samples.shape == (1, NUM_SAMPLES) and not words


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_what_lies_behind_a_hole_in_ogg_stays_where_it_was(tmp_path, subtype):
    rate = 48_000 if subtype == "OPUS" else RATE
    content = encoded("OGG", subtype, rate=rate, num_samples=10 * RATE)
    whole, words = read(tmp_path, content, "a.ogg")
    assert not words
    pages = list(pages_of(io.BytesIO(content), len(content)))
    assert b"".join(content[page.start : page.stop] for page in pages) == content
    hit = pages[len(pages) // 2]
    spoilt = content[: hit.start + 100] + bytes(300) + content[hit.start + 400 :]
    missing = content[: hit.start] + content[hit.stop :]
    for broken in (spoilt, missing):
        samples, words = read(tmp_path, broken, "a.ogg")
        assert samples.shape == whole.shape
        assert len(words) == 1 and "silence is read in its place" in words[0]
        # Opus finds its feet within a fifth of a second, to an error that nobody hears; Vorbis at once and exactly.
        differ = np.flatnonzero(np.abs(samples - whole).max(0) > (1e-2 if subtype == "OPUS" else 0))
        assert len(differ) < 4 * whole.shape[1] / len(pages)
        silent = np.flatnonzero(samples[0] == 0)
        assert f"from {silent[0] / rate:.3f}"[:-1] in words[0]
        assert differ[-1] < silent[-1] + rate / 5


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_sound_that_is_missing_at_the_start_of_ogg_is_silent(tmp_path, subtype):
    rate = 48_000 if subtype == "OPUS" else RATE
    content = encoded("OGG", subtype, rate=rate, num_samples=10 * RATE)
    whole, _ = read(tmp_path, content, "a.ogg")
    first = list(pages_of(io.BytesIO(content), len(content)))[2]
    samples, words = read(tmp_path, content[: first.start] + content[first.stop :], "a.ogg")
    assert samples.shape == whole.shape and len(words) == 1 and "from 0.000 to" in words[0]
    assert np.abs(samples - whole)[:, rate * 3 // 2 :].max() < 1e-2


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_that_is_cut_short(tmp_path, subtype):
    rate = 48_000 if subtype == "OPUS" else RATE
    content = encoded("OGG", subtype, rate=rate, num_samples=5 * RATE)
    samples, words = read(tmp_path, content[: len(content) * 2 // 3], "a.ogg")
    assert 0 < samples.shape[1] < 5 * RATE and "cut short" in words[0]


def test_a_stream_beside_the_sound_is_named(tmp_path):
    """As of Theora, whose first page stands beside that of the sound."""
    vorbis = encoded("OGG", "VORBIS")
    other = bytearray(vorbis[: next(pages_of(io.BytesIO(vorbis), len(vorbis))).stop])
    other[14:18] = b"abcd"
    other[29:35] = b"theora"
    # Its checksum, by the definition.
    other[22:26] = bytes(4)
    crc = 0
    for byte in other:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x104C11DB7) if crc & 1 << 31 else crc << 1
    other[22:26] = crc.to_bytes(4, "little")
    samples, words = read(tmp_path, bytes(other) + vorbis, "a.ogg")
    assert samples.shape == (1, NUM_SAMPLES) and "beside the sound" in words[0]


MP3_MODES = {
    "constant": {"bitrate_mode": "CONSTANT", "compression_level": 0.5},
    "variable": {"bitrate_mode": "VARIABLE", "compression_level": 0.3},
}


@pytest.mark.parametrize("mode", MP3_MODES)
@pytest.mark.parametrize("rate", [44_100, 22_050])
def test_what_lies_behind_a_hole_in_mp3_stays_where_it_was(tmp_path, mode, rate, capfd):
    content = encoded("MP3", "MPEG_LAYER_III", rate=rate, num_samples=3 * RATE, **MP3_MODES[mode])
    whole, words = read(tmp_path, content, "a.mp3")
    assert not words
    place = len(content) // 2
    broken = content[:place] + bytes(1500) + content[place + 1500 :]
    samples, words = read(tmp_path, broken, "a.mp3")
    assert any("silence is read in their place" in word for word in words)
    # Nothing that was not in the recording is louder than it.
    assert np.abs(samples).max() < 1.5 * np.abs(whole).max()
    if mode == "constant":
        assert samples.shape == whole.shape
        differ = np.flatnonzero(np.abs(samples - whole).max(0) > 1e-6)
        assert len(differ) < 0.6 * rate and not np.abs(samples - whole)[:, -rate // 2 :].any()
    assert not capfd.readouterr().err


def test_frames_that_are_missing_altogether_leave_a_hole_as_long(tmp_path):
    content = encoded("MP3", "MPEG_LAYER_III", num_samples=3 * RATE, **MP3_MODES["constant"])
    whole, _ = read(tmp_path, content, "a.mp3")
    place = len(content) // 2
    samples, words = read(tmp_path, content[:place] + content[place + 5000 :], "a.mp3")
    assert samples.shape == whole.shape and len(words) == 1
    assert not np.abs(samples - whole)[:, -RATE // 2 :].any()


@pytest.mark.parametrize(("subtype", "rate"), [("GSM610", 8000), ("MS_ADPCM", RATE), ("IMA_ADPCM", RATE)])
def test_codings_that_cannot_be_sought_in_are_read(tmp_path, subtype, rate):
    content = encoded("WAV", subtype, rate=rate)
    samples, words = read(tmp_path, content)
    assert np.array_equal(samples, sf.read(io.BytesIO(content), always_2d=True)[0].T) and not words


def test_compressed_core_audio_that_is_cut_short(tmp_path):
    content = encoded("CAF", "ALAC_16")
    samples, words = read(tmp_path, content[: len(content) // 2], "a.caf")
    assert 0 < samples.shape[1] < NUM_SAMPLES and any("cut short" in word for word in words)


def test_mp3_that_is_cut_short(tmp_path, capfd):
    content = encoded("MP3", "MPEG_LAYER_III", num_samples=3 * RATE, **MP3_MODES["variable"])
    whole, _ = read(tmp_path, content, "a.mp3")
    samples, words = read(tmp_path, content[: len(content) // 2], "a.mp3")
    assert samples.shape[1] < whole.shape[1] and any("promises" in word for word in words)
    assert np.abs(samples - whole[:, : samples.shape[1]])[:, :-1200].max() < 1e-6
    assert not capfd.readouterr().err


def test_tags_around_mp3_are_no_damage(tmp_path):
    content = encoded("MP3", "MPEG_LAYER_III")
    tags = b"ID3\3\0\0\0\0\2\x0a" + bytes(266), b"TAG" + bytes(125)
    samples, words = read(tmp_path, tags[0] + content + tags[1], "a.mp3")
    assert samples.shape == (1, NUM_SAMPLES) and not words
    samples, words = read(tmp_path, tags[0] + content + tags[1] + tags[0] + content, "a.mp3")
    assert samples.shape == (1, 2 * NUM_SAMPLES) and len(words) == 1 and "chain" in words[0]


@pytest.mark.parametrize(("head", "bit_rate", "size"), [("fffb9000", 128_000, 417), ("fff38000", 64_000, 208)])
def test_frame_headers(head, bit_rate, size):
    """Sizes by the formula of the standard: 144 (for MPEG-2, 72) bit rates over the rate, and padding."""
    header = frame_header(bytes.fromhex(head))
    assert (header.bit_rate, header.size) == (bit_rate, size)
    assert frame_header(bytes(4)) is None and frame_header(b"\xff\xff\xff\xff") is None


def test_a_survey_is_made_once_for_a_file_and_anew_for_a_changed_one(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(file_of("WAV"))
    assert survey_audio(path) is survey_audio(path)
    path.write_bytes(file_of("WAV")[:-2000])
    assert survey_audio(path).read_share < 1


def test_a_file_that_cannot_be_opened_is_refused_with_what_is_wrong_with_it(tmp_path):
    content = encoded("OGG", "OPUS", rate=48_000)
    pages = list(pages_of(io.BytesIO(content), len(content)))
    (tmp_path / "a.opus").write_bytes(content[: pages[1].stop + 50])
    with pytest.raises(ValueError, match=r"a\.opus: cannot be read as audio .*the last \d+ bytes"):
        read_audio(tmp_path / "a.opus")
