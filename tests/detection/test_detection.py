"""Laws of all detectors: synthetic damage of tones and of the shipped excerpt is found, and nothing in intact ones."""

from pathlib import Path

import numpy as np
import pytest

from aidd.detection import find_clicks, find_clipping, find_dropouts, project_to_bounds
from aidd.masks.gaps import find_gaps
from aidd.signals.files import read_audio


EXCERPT = Path(__file__).parents[2] / "examples" / "audio" / "prelude_bwv848.flac"
RATE = 24_000
DETECTORS = {
    "dropouts": find_dropouts,
    "clicks": find_clicks,
    "clipping": lambda signal, sampling_rate: find_clipping(signal)[0],
}


@pytest.fixture(scope="module")
def excerpt():
    """Three seconds, 48 kHz, stereo."""
    audio = read_audio(EXCERPT)
    return audio.samples[:, : 3 * audio.sampling_rate], audio.sampling_rate


def tones(num_samples=2 * RATE, noise=1e-3):
    time = np.arange(num_samples) / RATE
    clean = sum(np.sin(2 * np.pi * 220 * k * time + k) / k for k in range(1, 6)) * (1 + 0.5 * np.sin(4 * time)) / 4
    return clean + noise * np.random.default_rng(0).standard_normal(num_samples)


def recall_and_precision(found, truth):
    return (found & truth).sum() / truth.sum(), (found & truth).sum() / found.sum()


@pytest.mark.parametrize("kind", DETECTORS)
def test_nothing_is_found_in_intact_music(excerpt, kind):
    audio, rate = excerpt
    assert not DETECTORS[kind](audio, sampling_rate=rate).any()
    assert not DETECTORS[kind](tones(), sampling_rate=RATE).any()
    assert not DETECTORS[kind](tones(noise=0), sampling_rate=RATE).any()


@pytest.mark.parametrize("kind", DETECTORS)
@pytest.mark.parametrize("value", [0.0, 0.25])
def test_silence_and_single_samples_are_intact(kind, value):
    for num_samples in (1, 2, 100, RATE):
        assert not DETECTORS[kind](np.full((2, num_samples), value), sampling_rate=RATE).any()


@pytest.mark.parametrize("kind", DETECTORS)
def test_bad_signals_are_refused(kind):
    find = DETECTORS[kind]
    signal = tones(1000)
    signal[[5, 7]] = np.nan, np.inf
    with pytest.raises(ValueError, match=r"2 samples that are not, the first at index \(5,\)"):
        find(signal, sampling_rate=RATE)
    for bad in (np.zeros(100, np.int16), np.zeros((1, 1, 100)), np.zeros((2, 0)), [0.0, 1.0]):
        with pytest.raises(ValueError, match="signal must"):
            find(bad, sampling_rate=RATE)


@pytest.mark.parametrize("find", [find_dropouts, find_clicks])
def test_bad_rates_are_refused(find):
    with pytest.raises(ValueError, match="positive integer"):
        find(tones(1000), sampling_rate=0)


@pytest.mark.parametrize("kind", DETECTORS)
def test_found_alike_at_any_gain_and_channel_by_channel(excerpt, kind):
    audio, rate = excerpt
    damaged = clip(drop_out(click(audio, rate)[0], rate)[0], 0.5)[0]
    found = DETECTORS[kind](damaged, sampling_rate=rate)
    assert found.any() and found.shape == damaged.shape and found.dtype == bool
    assert np.array_equal(found, DETECTORS[kind](damaged, sampling_rate=rate))
    assert np.array_equal(found[1], DETECTORS[kind](damaged[1], sampling_rate=rate))
    for gain in (2.0**-10, -4.0):
        assert np.array_equal(found, DETECTORS[kind](gain * damaged, sampling_rate=rate))


def drop_out(audio, rate):
    """A dropout of 1 to 10 ms every 0.2 s, of silence and of held values in turn."""
    damaged, missing = audio.copy(), np.zeros(audio.shape, bool)
    generator = np.random.default_rng(1)
    for number, start in enumerate(range(rate // 10, audio.shape[-1] - rate // 10, rate // 5)):
        end = start + round(generator.uniform(0.001, 0.01) * rate)
        damaged[..., start:end] = audio[..., start - 1, None] * (number % 2)
        missing[..., start:end] = True
    return damaged, missing


def click(audio, rate, power=0.3):
    """A burst of noise of 1 to 20 samples every 0.1 s."""
    damaged, missing = audio.copy(), np.zeros(audio.shape, bool)
    generator = np.random.default_rng(2)
    for start in range(rate // 20, audio.shape[-1] - rate // 20, rate // 10):
        num_samples = int(generator.integers(1, 21))
        noise = generator.choice([-1, 1], num_samples) * generator.uniform(0.5, 1, num_samples)
        damaged[..., start : start + num_samples] += power * noise
        missing[..., start : start + num_samples] = True
    return damaged, missing


def clip(audio, share=0.8):
    ceiling = share * np.abs(audio).max(-1, keepdims=True)
    return audio.clip(-ceiling, ceiling), np.abs(audio) >= ceiling


def test_dropouts_are_found(excerpt):
    for audio, rate in (excerpt, (tones(), RATE)):
        damaged, missing = drop_out(audio, rate)
        found = find_dropouts(damaged, sampling_rate=rate)
        assert min(recall_and_precision(found, missing)) > 0.99


def test_pauses_and_ends_of_music_are_no_dropouts():
    silence = np.zeros(RATE // 2)
    fade = np.linspace(1, 0, RATE) ** 2
    music = np.round(np.concatenate([silence, tones(RATE) * fade, silence, tones(RATE), silence]) * 2**15) / 2**15
    assert not find_dropouts(music, sampling_rate=RATE).any()
    music[2 * RATE + RATE // 2 : 3 * RATE - RATE // 4] = 0
    assert find_gaps(find_dropouts(music, sampling_rate=RATE)).tolist() == [[5 * RATE // 2, 11 * RATE // 4]]


def with_silences(seconds, starts, length):
    music = tones(round(seconds * RATE))
    for start in starts:
        music[round(start * RATE) : round((start + length) * RATE)] = 0
    return music


def dropouts_in(music):
    return len(find_gaps(find_dropouts(music, sampling_rate=RATE)))


def test_long_silence_is_a_pause():
    for length, found in ((0.3, 1), (0.74, 1), (0.76, 0), (2.0, 0)):
        assert dropouts_in(with_silences(4, [1.0], length)) == found
    music = with_silences(4, [1.0], 2.0)
    music[RATE // 2 : RATE // 2 + 240] = 0
    assert find_gaps(find_dropouts(music, sampling_rate=RATE)).tolist() == [[RATE // 2, RATE // 2 + 240]]


@pytest.mark.parametrize("length", [0.04, 0.1, 0.2])
def test_regular_silences_are_pauses_and_others_are_not(length):
    """A gate's, and a rhythm's of long and short notes; losses come at any time, and short ones may be regular."""
    every = max(0.25, 3 * length)
    assert dropouts_in(with_silences(4, np.arange(0.2, 3.7, every), length)) == 0
    assert dropouts_in(with_silences(4, 0.1 + every / 2 * np.array([0, 1.5, 3, 6, 7.5, 9]), length)) == 0
    irregular = np.array([0.31, 1.13, 1.77, 3.2])
    assert dropouts_in(with_silences(5, irregular, length)) == 4
    assert dropouts_in(with_silences(4, np.arange(0.2, 3.7, 0.2), 0.01)) == 18


def test_a_gate_without_a_rhythm_is_told_by_how_much_is_silent():
    draw = np.random.default_rng(7)
    starts = np.cumsum(draw.uniform(0.3, 0.7, 12))
    assert dropouts_in(with_silences(7, starts, 0.18)) == 0
    # As many shorter ones may be lost packets.
    assert dropouts_in(with_silences(7, starts, 0.02)) == 12


def test_slow_turns_of_a_quiet_signal_are_no_dropouts():
    """A rumble of some steps of 16 bits stands still for many samples at every turn."""
    time = np.arange(4 * RATE) / RATE
    rumble = np.round(20 * np.sin(2 * np.pi * 15 * time)) / 2**15
    assert (np.diff(find_gaps(np.diff(rumble) == 0)) > 40).any()
    assert not find_dropouts(rumble, sampling_rate=RATE).any()


def test_short_runs_are_left():
    damaged, missing = tones(), np.zeros(2 * RATE, bool)
    missing[RATE : RATE + 48] = True
    damaged[missing] = 0
    assert np.array_equal(find_dropouts(damaged, sampling_rate=RATE, min_seconds=0.002), missing)
    assert not find_dropouts(damaged, sampling_rate=RATE, min_seconds=0.0021).any()
    with pytest.raises(ValueError, match="min_seconds"):
        find_dropouts(damaged, sampling_rate=RATE, min_seconds=0)


def test_clicks_are_found(excerpt):
    for audio, rate in (excerpt, (tones(), RATE)):
        damaged, missing = click(audio, rate)
        assert min(recall_and_precision(find_clicks(damaged, sampling_rate=rate), missing)) > 0.9


@pytest.mark.parametrize("num_samples", [1, 2, 5, 24, 60])
def test_the_ends_of_a_click_are_its_own(num_samples):
    damaged = tones()
    damaged[RATE : RATE + num_samples] += np.random.default_rng(4).choice([-0.5, 0.5], num_samples)
    found = find_clicks(damaged, sampling_rate=RATE)
    assert find_gaps(found).tolist() == [[RATE, RATE + num_samples]]
    widened = find_clicks(damaged, sampling_rate=RATE, widen=3)
    assert find_gaps(widened).tolist() == [[RATE - 3, RATE + num_samples + 3]]


def test_a_click_is_found_whole_across_samples_that_it_left_intact():
    damaged = tones()
    damaged[RATE : RATE + 16] += 0.5 * np.array([1, -1, 1, -1, 1, 0, 0, 0, 0, 0, 0, -1, 1, -1, 1, -1])
    assert find_gaps(find_clicks(damaged, sampling_rate=RATE)).tolist() == [[RATE, RATE + 16]]


def test_longer_than_a_click_is_none():
    damaged = tones()
    burst = slice(RATE, RATE + RATE // 100)
    damaged[burst] += 0.3 * np.random.default_rng(5).standard_normal(RATE // 100)
    assert not find_clicks(damaged, sampling_rate=RATE).any()


def test_the_threshold_is_what_a_click_must_exceed():
    """A higher threshold leaves the larger ones of clicks that grow from one to the next."""
    damaged, starts = tones(), np.arange(RATE // 10, 2 * RATE - RATE // 10, RATE // 10)
    damaged[starts] += np.geomspace(0.01, 1, len(starts))
    found = [find_clicks(damaged, sampling_rate=RATE, threshold=threshold)[starts] for threshold in (10.0, 1e2, 1e3)]
    assert found[0].sum() > found[1].sum() > found[2].sum() > 0
    assert all((np.diff(mask.astype(int)) >= 0).all() for mask in found)


@pytest.mark.parametrize("decay", [0.005, 0.02, 0.05])
def test_an_attack_is_no_click(decay):
    """Noise that sets in at once and dies away, far above the tones before it."""
    time = np.arange(RATE) / RATE
    attack = np.random.default_rng(3).standard_normal(RATE) * np.exp(-time / decay)
    assert not find_clicks(np.concatenate([tones(RATE), tones(RATE) + 0.3 * attack]), sampling_rate=RATE).any()


def test_struck_notes_are_no_clicks():
    """Ten notes a second, whose partials set in within a millisecond, with the knock of a hammer, and die away."""
    generator, time = np.random.default_rng(6), np.arange(RATE) / RATE
    music = 1e-4 * generator.standard_normal(4 * RATE)
    for start in range(RATE // 10, 3 * RATE, RATE // 10):
        pitch = 110 * 2 ** generator.uniform(0, 3)
        partials = sum(np.sin(2 * np.pi * pitch * k * time) * np.exp(-3 * k * time) / k**2 for k in range(1, 9))
        knock = 0.02 * generator.standard_normal(RATE) * np.exp(-time / 0.01)
        music[start : start + RATE] += (1 - np.exp(-time / 0.001)) * (1 - time) * (0.2 * partials + knock)
    assert not find_clicks(music, sampling_rate=RATE).any()


@pytest.mark.parametrize("arguments", [{"order": 0}, {"widen": -1}, {"threshold": 0.0}])
def test_bad_arguments_of_clicks(arguments):
    with pytest.raises(ValueError, match="|".join(arguments)):
        find_clicks(tones(1000), sampling_rate=RATE, **arguments)


def hits(kind, rate, seed):
    """Two seconds of a percussion instrument over hiss, 16 bits: each hit begins at once and dies away."""
    draw, time = np.random.default_rng(seed), np.arange(rate // 3) / rate
    pitch, decay = {
        "woodblock": (draw.uniform(500, 2000), draw.uniform(70, 200)),
        "castanets": (draw.uniform(2500, 4500), draw.uniform(350, 700)),
        "rim shot": (draw.uniform(1200, 3000), draw.uniform(200, 500)),
        "tom": (draw.uniform(80, 250), draw.uniform(15, 50)),
        "pizzicato": (draw.uniform(110, 500), 8),
    }.get(kind, (0, 0))
    music = np.zeros(2 * rate)
    for start in np.arange(0.1, 1.6, draw.uniform(0.15, 0.3)):
        if kind == "claps":
            hit = np.zeros(len(time))
            for burst in range(4):
                first = round(burst * draw.uniform(0.010, 0.012) * rate)
                hit[first : first + rate // 500] += draw.standard_normal(rate // 500)
        elif kind == "hi-hat":
            hit = draw.standard_normal(len(time)) * np.exp(-time * 60)
        else:
            partials = range(1, 10) if kind == "pizzicato" else (1,)
            hit = sum(np.cos(2 * np.pi * pitch * k * time) / k * np.exp(-time * decay * (1 + k) / 2) for k in partials)
        first = round(start * rate)
        # Damped at its end, not cut off.
        music[first : first + len(hit)] += draw.uniform(0.5, 1) * hit * (1 - time / time[-1])
    music = 0.7 * music / np.abs(music).max() + 1e-4 * draw.standard_normal(len(music))
    return np.round(music * 2**15) / 2**15


@pytest.mark.parametrize("rate", [24_000, 44_100])
@pytest.mark.parametrize("kind", ["woodblock", "castanets", "rim shot", "tom", "pizzicato", "claps", "hi-hat"])
def test_hits_are_no_clicks(kind, rate):
    for seed in range(2):
        assert not find_clicks(hits(kind, rate, seed), sampling_rate=rate).any()


@pytest.mark.parametrize("rate", [24_000, 44_100])
def test_a_note_that_is_cut_off_under_another_one_is_no_click(rate):
    time, draw = np.arange(round(0.3 * rate)) / rate, np.random.default_rng(1)
    music = 1e-4 * draw.standard_normal(2 * rate)
    for start in np.arange(0.13, 1.6, 0.23):
        note = sum(np.cos(2 * np.pi * 220 * k * time) / k * np.exp(-time * (8 + 4 * k)) for k in range(1, 12))
        music[round(start * rate) :][: len(note)] += 0.2 * draw.uniform(0.5, 1) * note
    assert not find_clicks(np.round(music * 2**15) / 2**15, sampling_rate=rate).any()


def bulge(num_samples, smooth):
    return np.sin(np.pi * (np.arange(num_samples) + 0.5) / num_samples) if smooth else np.ones(num_samples)


@pytest.mark.parametrize(("num_samples", "smooth"), [(12, False), (20, False), (44, False), (22, True), (44, True)])
def test_wide_clicks_are_found_flat_or_smooth(excerpt, num_samples, smooth):
    audio, rate = excerpt
    music, damaged = audio[0], audio[0].copy()
    starts = np.arange(rate // 5, len(music) - rate // 5, rate // 5)
    for number, start in enumerate(starts):
        level = np.sqrt(np.mean(music[start - rate // 20 : start + rate // 20] ** 2))
        width = round(num_samples * rate / 24_000)
        damaged[start : start + width] += 6 * level * (-1) ** number * bulge(width, smooth)
    found = find_clicks(damaged, sampling_rate=rate)
    share = np.mean([found[start : start + width].mean() > 0.5 for start in starts])
    assert share > (0.6 if smooth else 0.85)


@pytest.mark.parametrize("share", [0.8, 0.9, 0.95])
def test_clipping_is_found_with_its_bounds(excerpt, share):
    for audio in (excerpt[0], tones()):
        damaged, clipped = clip(audio, share)
        found, lower, upper = find_clipping(damaged)
        above, below = clipped & (audio > 0), clipped & (audio < 0)
        # A channel's other side may stay below the ceiling, and a single peak may touch it too shortly to tell.
        assert recall_and_precision(found, clipped)[0] > 0.99 and not (found & ~clipped).any()
        assert np.array_equal(lower, np.where(above & found, damaged, -np.inf))
        assert np.array_equal(upper, np.where(below & found, damaged, np.inf))
        # The intact signal is one of those that the bounds allow.
        assert np.array_equal(project_to_bounds(audio, found, lower, upper), audio)


def test_the_other_side_counts_where_it_ends_at_the_same_magnitude():
    signal = tones(1000, noise=0.05)
    signal *= 0.4 / np.abs(signal).max()
    signal[100:104], signal[500] = 0.5, -0.5
    found, lower, upper = find_clipping(signal)
    assert find_gaps(found).tolist() == [[100, 104], [500, 501]]
    assert (lower[500], upper[500], lower[100], upper[100]) == (-np.inf, -0.5, 0.5, np.inf)
    signal[500] = -0.49
    assert find_gaps(find_clipping(signal)[0]).tolist() == [[100, 104]]


def test_one_louder_sample_hides_no_clipping():
    damaged, clipped = clip(tones(), 0.7)
    damaged[np.flatnonzero(~clipped)[1000]] = 0.99
    found, lower, upper = find_clipping(damaged)
    assert found[clipped].mean() > 0.8 and not (found & ~clipped).any()
    above = found & (damaged > 0)
    assert np.array_equal(lower[above], damaged[above]) and np.isinf(upper[above]).all()


def test_a_part_that_was_clipped_and_made_softer_is_found():
    damaged, clipped = clip(tones(), 0.7)
    music = np.round(np.concatenate([0.4 * damaged, tones(), 0.25 * damaged]) * 2**15) / 2**15
    found, _, _ = find_clipping(music)
    truth = np.concatenate([clipped, np.zeros(2 * RATE, bool), clipped])
    assert found[truth].mean() > 0.7 and not (found & ~truth).any()


def test_projection_is_the_nearest_allowed_signal():
    damaged, _ = clip(tones())
    found, lower, upper = find_clipping(damaged)
    restored = np.random.default_rng(0).standard_normal((2, len(damaged))).astype(np.float32)
    projected = project_to_bounds(restored, found, lower, upper)
    assert projected.dtype == np.float32 and projected.shape == restored.shape
    assert np.array_equal(projected[:, ~found], restored[:, ~found])
    assert np.array_equal(project_to_bounds(projected, found, lower, upper), projected)
    inside = (restored >= lower) & (restored <= upper)
    assert np.array_equal(projected[inside], restored[inside])
    assert np.array_equal(projected[~inside], np.broadcast_to(damaged, restored.shape)[~inside].astype(np.float32))
    with pytest.raises(ValueError, match="mask must be bool"):
        project_to_bounds(restored, found.astype(float), lower, upper)
    with pytest.raises(ValueError, match="upper must have the shape"):
        project_to_bounds(restored, found, lower, upper[1:])
    with pytest.raises(ValueError, match="must not exceed"):
        project_to_bounds(restored, found, upper, lower)


def test_masks_know_nothing_of_detection():
    from aidd import masks

    assert not [name for name in dir(masks) if name.startswith(("find_c", "find_d", "project"))]
    with pytest.raises(AttributeError, match="no attribute 'find_clicks'"):
        _ = masks.find_clicks
