"""A file's gaps are filled as those of an array, in memory that does not grow with the file."""

import hashlib
import tracemalloc
import warnings
from functools import partial

import numpy as np
import pytest
import soundfile as sf
import torch

from aidd import METHODS, inpaint_file
from aidd.masks.gaps import gaps_of, mask_of
from aidd.repair.filling import check_gaps
from aidd.repair.regions import Reach, reach_of
from aidd.repair.scan import scan_audio
from aidd.signals.files import read_audio, write_audio


RATE = 11_025


def scattered_gaps(num_samples, *, channels=2, seed=0):
    """Gaps of each channel: at both ends of the file, close together and far apart, of 1 sample to 20 ms."""
    draw = np.random.default_rng(seed)
    mask = np.zeros((channels, num_samples), bool)
    starts = np.concatenate([[0, num_samples - 200], draw.integers(RATE, num_samples - RATE, 3)])
    for channel in range(channels):
        for start in starts + (channel * draw.integers(0, 3000, len(starts)) if channel else 0):
            mask[channel, start : start + draw.integers(1, 250)] = True
    return [gaps_of(channel_gaps) for channel_gaps in mask]


@pytest.fixture
def recording(tmp_path, tones):
    """Twelve seconds in stereo, PCM_24."""
    path = tmp_path / "in.wav"
    write_audio(path, tones(12 * RATE + 77, RATE, channels=2), sampling_rate=RATE, subtype="PCM_24")
    return path


def masks_of(gaps, num_samples):
    return np.stack([mask_of(channel_gaps, 0, num_samples) for channel_gaps in gaps])


def filled(path, output, gaps, method, **options):
    inpaint_file(path, [output], gaps, METHODS[method], reach=reach_of(method, sampling_rate=RATE), **options)
    return read_audio(output).samples


@pytest.mark.parametrize("method", ["linear", "autoregressive", "janssen", "sparse", "u_phain", "auto"])
def test_a_file_is_filled_as_an_array_is_to_the_bit(recording, tmp_path, method):
    audio = read_audio(recording).samples
    gaps = scattered_gaps(audio.shape[1])
    if method == "sparse":
        # Which takes long.
        gaps = [gaps[0][:2], gaps[1][-2:]]
    if method == "auto":
        # Those that need no model.
        gaps = [channel_gaps[channel_gaps[:, 1] - channel_gaps[:, 0] <= 55] for channel_gaps in gaps]
    mask = masks_of(gaps, audio.shape[1])
    expected = METHODS[method](audio, mask, sampling_rate=RATE)
    restored = filled(recording, tmp_path / "out.wav", gaps, method, subtype="DOUBLE")
    assert np.array_equal(restored, expected)
    assert not np.array_equal(restored[mask], audio[mask])


@pytest.mark.parametrize("block_samples", [1, 4_001, 10**9])
def test_blocks_of_any_length_give_the_same_file(recording, tmp_path, block_samples):
    num_samples = 3 * RATE
    write_audio(recording, read_audio(recording).samples[:, :num_samples], sampling_rate=RATE, subtype="PCM_24")
    gaps = [np.array([[0, 5], [RATE, RATE + 50]]), np.array([[2 * RATE, 2 * RATE + 9]])]
    for name, options in (("a.flac", {}), ("b.flac", {"block_samples": block_samples})):
        filled(recording, tmp_path / name, gaps, "linear", format="FLAC", **options)
    assert (tmp_path / "a.flac").read_bytes() == (tmp_path / "b.flac").read_bytes()


def test_noise_in_one_gap_is_that_of_the_array(recording, tmp_path):
    audio = read_audio(recording).samples[:1]
    write_audio(recording, audio, sampling_rate=RATE, subtype="PCM_24")
    gap = np.array([[5 * RATE + 3, 5 * RATE + 1003]])
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    mask = mask_of(gap, 0, audio.shape[1])
    expected = METHODS["envelope_noise"](audio, mask, sampling_rate=RATE, generator=generators[0])
    restored = filled(
        recording, tmp_path / "o.wav", [gap], "envelope_noise", subtype="DOUBLE", generator=generators[1]
    )
    assert np.array_equal(restored, expected)


@pytest.mark.parametrize("rate", [24_000, 44_100])
@pytest.mark.parametrize("place", [0.0, 0.07, 0.55, 0.97])
def test_one_gap_is_filled_as_the_pipeline_fills_it_in_the_array(tmp_path, tones, tiny_pipeline, rate, place):
    """At the file's ends, where the window is not about the gap's middle, too."""
    path = tmp_path / "in.wav"
    write_audio(path, tones(9 * rate + 31, rate, channels=2), sampling_rate=rate, subtype="FLOAT")
    audio = read_audio(path).samples
    start = round(place * audio.shape[1])
    gaps = [np.array([[start, start + rate // 8]])] * 2
    mask = mask_of(gaps[0], 0, audio.shape[1])
    generators = [torch.Generator().manual_seed(5) for _ in range(2)]
    options = {"num_variations": 2, "select": "agreement", "generator": generators[0]}
    expected = tiny_pipeline(audio, mask, sampling_rate=rate, **options).audios
    method = tiny_pipeline.as_method(num_variations=2, select="agreement")
    reach = reach_of("aidd", sampling_rate=rate, pipeline=tiny_pipeline)
    outputs = [tmp_path / "a.wav", tmp_path / "b.wav"]
    inpaint_file(path, outputs, gaps, method, reach=reach, generator=generators[1], subtype="DOUBLE")
    restored = np.stack([read_audio(output).samples for output in outputs])
    # The file is not read whole.
    assert reach.samples + rate // 8 < audio.shape[1] / 3
    assert np.allclose(restored, expected, rtol=0, atol=1e-6)
    assert np.array_equal(restored[..., ~mask], expected[..., ~mask])
    assert not np.array_equal(restored[0], restored[1])


@pytest.mark.parametrize(("rate", "subtype"), [(24_000, "DOUBLE"), (44_100, "FLOAT")])
@pytest.mark.parametrize("place", [0.0, 0.07, 0.55, 0.99])
def test_one_gap_is_filled_as_by_the_pipeline_of_waveforms(
    tmp_path, wide_stereo, tiny_cqtdiff_pipeline, rate, subtype, place
):
    audio = wide_stereo(rate)
    start = round(place * (audio.shape[1] - rate // 50))
    gap = np.array([[start, start + rate // 50]])
    mask, reach = (
        mask_of(gap, 0, audio.shape[1]),
        reach_of("cqtdiff", sampling_rate=rate, pipeline=tiny_cqtdiff_pipeline),
    )
    options = {"reach": reach, "generator": seeded(), "subtype": subtype}
    inpaint_file(tmp_path / "in.wav", [tmp_path / "out.wav"], [gap] * 2, tiny_cqtdiff_pipeline.as_method(), **options)
    restored = read_audio(tmp_path / "out.wav").samples
    expected = tiny_cqtdiff_pipeline(audio, mask, sampling_rate=rate, generator=seeded()).audios
    assert np.allclose(restored, expected, rtol=0, atol=1e-6) and not np.allclose(restored, audio, atol=1e-3)
    # The file is not read whole.
    assert reach.samples + reach.grid < audio.shape[1] / 3


def fill_by_spectrograms(pipe, audio, mask, **options):
    steps = {"num_inference_steps": 2, "jump_length": 1, "num_resamplings": 2}
    return pipe(audio, mask, **options, **steps).audios


def seeded(seed=5):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def wide_stereo(tmp_path, tones):
    """`wide_stereo(rate)`: 4 s of two channels that share much and not all, in `in.wav`."""

    def make(rate):
        audio = tones(4 * rate + 31, rate, channels=2)
        audio += 0.01 * np.random.default_rng(1).standard_normal(audio.shape)
        write_audio(tmp_path / "in.wav", audio, sampling_rate=rate, subtype="FLOAT")
        return read_audio(tmp_path / "in.wav").samples

    return make


# Resampled float64 values depend in their last bits on how much is resampled.
@pytest.mark.parametrize(
    ("rate", "hop_length", "num_frames", "dtype"), [(24_000, 63, 220, np.float64), (44_100, 42, 330, np.float32)]
)
@pytest.mark.parametrize("place", [0.0, 0.07, 0.55, 0.9, 1.0])
def test_one_gap_is_filled_as_by_the_spectrogram_pipeline_to_the_bit(
    tmp_path, wide_stereo, tiny_spectrogram_pipeline, rate, hop_length, num_frames, dtype, place
):
    """At the file's ends, where all of a window is on one side of the gap, too."""
    fill = partial(fill_by_spectrograms, tiny_spectrogram_pipeline(126, hop_length, num_frames))
    audio = wide_stereo(rate)
    start = round(place * (audio.shape[1] - rate // 100))
    gap = np.array([[start, start + rate // 100]])
    mask = mask_of(gap, 0, audio.shape[1])
    read = []
    reach = reach_of("spectrogram_repaint", sampling_rate=rate, pipeline=fill.args[0])

    def noted(audio, mask, **options):
        read.append(audio.shape[1])
        return fill(audio, mask, **options)

    subtype = {np.float32: "FLOAT", np.float64: "DOUBLE"}[dtype]
    options = {"reach": reach, "generator": seeded(), "subtype": subtype}
    inpaint_file(tmp_path / "in.wav", [tmp_path / "out.wav"], [gap] * 2, noted, **options)
    restored = read_audio(tmp_path / "out.wav").samples
    assert np.array_equal(restored, fill(audio, mask, sampling_rate=rate, generator=seeded()).astype(dtype))
    assert not np.array_equal(restored[:, mask], audio[:, mask])
    # The file is not read whole.
    assert read[0] <= 2 * reach.samples + reach.grid + rate // 100 < audio.shape[1] / 2


@pytest.mark.parametrize(("start", "share", "grid"), [(0, 0.9, 1), (63_000, 1, 0)])
def test_with_less_around_it_or_other_frames_a_gap_is_filled_otherwise(
    tmp_path, wide_stereo, tiny_spectrogram_pipeline, start, share, grid
):
    """A reach is no wider than it has to be: at the file's start by 10 %, and further on by frames of its own."""
    fill = partial(fill_by_spectrograms, tiny_spectrogram_pipeline(126, 63, 220))
    audio, gap = wide_stereo(24_000), np.array([[start, start + 240]])
    reach = reach_of("spectrogram_repaint", sampling_rate=24_000, pipeline=fill.args[0])
    less = Reach(round(share * reach.samples), grid * reach.grid or 1)
    results = []
    for one in (reach, less):
        options = {"reach": one, "generator": seeded(), "subtype": "DOUBLE"}
        inpaint_file(tmp_path / "in.wav", [tmp_path / "out.wav"], [gap] * 2, fill, **options)
        results.append(read_audio(tmp_path / "out.wav").samples)
    expected = fill(audio, mask_of(gap, 0, audio.shape[1]), sampling_rate=24_000, generator=seeded())
    assert np.array_equal(results[0], expected) and not np.array_equal(results[1], expected)


def test_regions_draw_one_after_the_other(tmp_path, tones, tiny_pipeline):
    path = tmp_path / "in.wav"
    write_audio(path, tones(8 * 24_000, 24_000), sampling_rate=24_000, subtype="FLOAT")
    gaps = [np.array([[48_000, 50_400], [144_000, 146_400]])]
    reach = reach_of("aidd", sampling_rate=24_000, pipeline=tiny_pipeline)

    def fill(seed):
        options = {"reach": reach, "generator": torch.Generator().manual_seed(seed)}
        inpaint_file(path, [tmp_path / "out.wav"], gaps, tiny_pipeline.as_method(), **options)
        return read_audio(tmp_path / "out.wav").samples[0]

    first = fill(0)
    assert np.array_equal(first, fill(0))
    for start, end in gaps[0]:
        assert not np.array_equal(first[start:end], fill(1)[start:end])


LOSSLESS = [
    ("wav", "WAV", "PCM_U8"),
    ("wav", "WAV", "PCM_16"),
    ("wav", "RF64", "PCM_24"),
    ("wav", "WAV", "PCM_32"),
    ("wav", "WAV", "FLOAT"),
    ("w64", "W64", "DOUBLE"),
    ("flac", "FLAC", "PCM_S8"),
    ("flac", "FLAC", "PCM_16"),
    ("flac", "FLAC", "PCM_24"),
    ("caf", "CAF", "ALAC_16"),
]


@pytest.mark.parametrize(("suffix", "format", "subtype"), LOSSLESS)
def test_nothing_changes_outside_the_gaps(tmp_path, tones, suffix, format, subtype):
    source, output = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    audio = tones(5 * RATE, RATE, channels=2)
    write_audio(source, audio, sampling_rate=RATE, subtype=subtype, format=format)
    gaps = scattered_gaps(audio.shape[1])
    mask = masks_of(gaps, audio.shape[1])
    filled(source, output, gaps, "linear")
    dtype = {"FLOAT": "float32", "DOUBLE": "float64"}.get(subtype, "int32")
    before, after = (sf.read(path, dtype=dtype, always_2d=True)[0].T for path in (source, output))
    digests = [hashlib.sha256(samples[~mask].tobytes()).hexdigest() for samples in (before, after)]
    assert digests[0] == digests[1] and not np.array_equal(before[mask], after[mask])
    info = sf.info(output)
    assert (info.format, info.subtype, info.samplerate, info.channels) == (format, subtype, RATE, 2)


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Ten minutes and half a minute, with a gap in every ten seconds."""

    def peak(seconds):
        path = tmp_path / "in.wav"
        noise = np.random.default_rng(0).integers(-(2**14), 2**14, (10 * RATE, 2)).astype(np.int16)
        with sf.SoundFile(path, "w", RATE, 2, "PCM_16") as file:
            for _ in range(seconds // 10):
                file.write(noise)
        starts = np.arange(5, seconds, 10) * RATE
        gaps = [np.stack([starts, starts + 500], axis=-1)] * 2
        tracemalloc.start()
        inpaint_file(
            scan_audio(path),
            [tmp_path / "out.wav"],
            gaps,
            METHODS["linear"],
            reach=reach_of("linear", sampling_rate=RATE),
        )
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak(600) < 1.1 * peak(60) < 8 * 600 * RATE


def test_a_failure_leaves_everything_as_it_was(recording, tmp_path):
    outputs = [tmp_path / "a.wav", tmp_path / "b.wav"]
    outputs[0].write_bytes(b"precious")
    gaps = [np.array([[5 * RATE, 5 * RATE + 100]])] * 2

    def failing(audio, mask, *, sampling_rate, generator):
        assert len(list(tmp_path.glob(".aidd-*.part"))) == 2
        raise ValueError("too hard")

    def careless(audio, mask, *, sampling_rate, generator):
        return np.stack([np.where(mask, 0.0, audio), np.where(mask, 0.0, 0.5 * audio)])

    def idle(audio, mask, *, sampling_rate, generator):
        return np.stack([np.where(mask, np.nan, audio)] * 2)

    def of_one_variation(audio, mask, *, sampling_rate, generator):
        return audio

    reach = reach_of("linear", sampling_rate=RATE)
    for method, message in (
        (failing, "too hard"),
        (careless, r"in\.wav, from 5.000 to 5.009 s: expected intact samples to come back as they were read, got \d+"),
        (idle, "expected every missing sample to be filled, got 400 that are not finite"),
        (of_one_variation, r"expected the method to return audio of shape \(2, 2, \d+\)"),
    ):
        with pytest.raises(ValueError, match=message):
            inpaint_file(recording, outputs, gaps, method, reach=reach)
        assert outputs[0].read_bytes() == b"precious"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "in.wav"]


@pytest.fixture
def non_finite(tmp_path):
    """Noise in stereo with samples that are no numbers: 10 to 19 of the first channel, 15 and 900 of the second."""
    samples = 0.1 * np.random.default_rng(0).standard_normal((1000, 2))
    samples[10:20, 0] = np.nan
    samples[[15, 900], 1] = np.inf
    sf.write(tmp_path / "non_finite.wav", samples, RATE, subtype="FLOAT")
    return tmp_path / "non_finite.wav"


def test_what_is_not_finite_must_be_missing(non_finite, tmp_path):
    marked = [np.array([[10, 20]]), np.array([[15, 16], [890, 901]])]
    assert np.isfinite(filled(non_finite, tmp_path / "out.wav", marked, "linear")).all()
    audio = read_audio(non_finite).samples
    for gaps in ([marked[0][:0], marked[1]], [np.array([[9, 13], [14, 30]]), marked[1][1:]], [marked[0], marked[0]]):
        mask = masks_of(gaps, 1000)
        with pytest.raises(ValueError) as of_array:
            METHODS["linear"](audio, mask, sampling_rate=RATE)
        with pytest.raises(ValueError) as of_file:
            filled(non_finite, tmp_path / "out.wav", gaps, "linear")
        # The file says the same, and where: by its name, the time and the channel.
        said, index = str(of_array.value).split(", the first at index ")
        channel, place = map(int, index.strip("()").split(", "))
        assert str(of_file.value) == (
            f"{non_finite}: {said}, the first at {place / RATE:.6f} s (index {place}) in channel {channel + 1}"
        )


@pytest.mark.parametrize("ends", [(1000, 1000), (1000, 5), (600, 400), (0, 0)])
def test_whole_files_are_checked_as_whole_arrays(tmp_path, ends):
    """Everything missing, more than half, and nothing: the same errors and warnings."""
    sf.write(tmp_path / "in.wav", 0.1 * np.random.default_rng(0).standard_normal((1000, 2)), RATE, subtype="FLOAT")
    audio, gaps = read_audio(tmp_path / "in.wav").samples, [np.array([[0, end]])[: end > 0] for end in ends]

    def said(call):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                call()
            except ValueError as error:
                return str(error)
        places.extend(warning.filename for warning in caught)
        return [str(warning.message) for warning in caught]

    places = []
    of_file = said(lambda: filled(tmp_path / "in.wav", tmp_path / "out.wav", gaps, "linear"))
    # Warnings of a file point at who calls `inpaint_file`.
    assert set(places) <= {__file__}
    assert of_file == said(lambda: METHODS["linear"](audio, masks_of(gaps, 1000), sampling_rate=RATE)) and of_file


def test_gaps_must_be_of_the_file(non_finite):
    scan = scan_audio(non_finite)
    with pytest.raises(ValueError, match="gaps of each of 2 channels, got 1"):
        check_gaps(scan, [np.array([[0, 5]])])
    for gap in ([-1, 5], [990, 1001]):
        with pytest.raises(ValueError, match="expected gaps within its 1000 samples"):
            check_gaps(scan, [np.array([gap])] * 2)
