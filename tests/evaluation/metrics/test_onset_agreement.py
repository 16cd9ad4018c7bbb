import numpy as np
import pytest

from aidd.evaluation.metrics import onset_agreement


RATE = 16_000
NUM_SAMPLES = 16_000
GAP = (6000, 11_000)


def notes(*starts: float, pitch: float = 330, seed: int = 0) -> np.ndarray:
    """Decaying notes of four partials, begun at some samples, upon a little noise."""
    generator, time = np.random.default_rng(seed), np.arange(NUM_SAMPLES) / RATE
    signal = 1e-3 * generator.normal(size=NUM_SAMPLES)
    for start in starts:
        since = time - start / RATE
        tone = sum(np.sin(2 * np.pi * pitch * k * since + generator.uniform(0, 6)) / k for k in range(1, 5))
        signal += np.where(since >= 0, tone * np.exp(-8 * np.maximum(since, 0)), 0)
    return signal


def gap_mask(start: int = GAP[0], end: int = GAP[1]) -> np.ndarray:
    mask = np.zeros(NUM_SAMPLES, bool)
    mask[start:end] = True
    return mask


def measure(reference, estimate, mask=None, **options) -> float:
    """The estimate in the gap, and the reference around it."""
    mask = gap_mask() if mask is None else mask
    return onset_agreement(reference, np.where(mask, estimate, reference), mask, sampling_rate=RATE, **options)


@pytest.mark.parametrize("mask", [gap_mask(), gap_mask(0, 600), gap_mask(15_000, NUM_SAMPLES), gap_mask(8000, 8001)])
def test_the_reference_agrees_wholly_at_any_level(mask):
    reference = notes(1000, 8000)
    for gain in (1, -1, 1e-3, 1e3):
        value = onset_agreement(reference, gain * reference, mask, sampling_rate=RATE)
        assert value == pytest.approx(1, abs=1e-9)


def test_notes_at_the_same_time_agree_and_at_another_time_do_not():
    reference = notes(1000, 8000)
    assert measure(reference, notes(1000, 8000, pitch=415, seed=1)) > 0.9
    for start in (7000, 9600):
        assert abs(measure(reference, notes(1000, start, seed=1))) < 0.3
    early, late = measure(reference, notes(1000, 7800)), measure(reference, notes(1000, 7600))
    assert 1 > early > late
    assert measure(reference, notes(1000)) < 0.3


def test_a_gap_left_empty_has_its_onset_where_the_music_returns():
    reference = notes(1000, 8000)
    assert measure(reference, np.zeros(NUM_SAMPLES)) < 0.1
    # A rest that the reference has there too.
    rest = np.where(gap_mask(), 0, reference)
    assert measure(rest, np.zeros(NUM_SAMPLES)) == pytest.approx(1)


def test_constant_curves_agree_with_each_other_only():
    silence, click = np.zeros(NUM_SAMPLES), np.zeros(NUM_SAMPLES)
    click[8000] = 1
    whole = gap_mask(0, NUM_SAMPLES)
    assert measure(silence, silence, whole) == 1
    assert measure(silence, click, whole) == measure(click, silence, whole) == 0
    # A tone with a whole number of cycles in a hop looks the same in each frame, up to rounding.
    steady = np.sin(2 * np.pi * 1000 * np.arange(NUM_SAMPLES) / RATE)
    assert measure(steady, silence, whole) == 1
    assert measure(steady, click, whole) == 0


def test_only_what_frames_at_the_gap_read_counts():
    reference = notes(1000, 8000)
    estimate = reference.copy()
    reach = round((0.032 + 0.008) * RATE)
    estimate[GAP[0] - reach - 200 : GAP[0] - reach] *= 4
    value = onset_agreement(reference, estimate, gap_mask(), sampling_rate=RATE)
    assert value == pytest.approx(1, abs=1e-12)
    estimate[GAP[0] - 200 : GAP[0]] *= 4
    assert onset_agreement(reference, estimate, gap_mask(), sampling_rate=RATE) < 0.99


def test_against_a_correlation_worked_out_by_hand():
    # Clicks of one sample: a frame's power in all bins is the window's value at the click, squared. Windows of 4, hop
    # 4, sine squared: a click at sample 4 t + 2 has power 1 in frame t, at 4 t + 1 or 4 t + 3 1/4.
    reference, estimate = np.zeros(24), np.zeros(24)
    reference[[6, 13]], estimate[[6, 21]] = 1, 1
    options = {"window_seconds": 4, "hop_seconds": 4, "n_mels": 1, "f_min": 0, "f_max": 0.5, "floor_db": 10}
    value = onset_agreement(reference, estimate, np.ones(24, bool), sampling_rate=1, **options)
    rise, small = np.log10(1.1 / 0.1), np.log10(0.35 / 0.1)
    # Frames 0 to 5: into frame 1 both rise by all; the reference into frame 3, the estimate into frame 5.
    expected = np.corrcoef([rise, 0, small, 0, 0], [rise, 0, 0, 0, small])[0, 1]
    assert value == pytest.approx(expected, rel=1e-9)


def test_gaps_are_pooled_and_channels_averaged():
    reference, estimate = notes(1000, 8000), notes(1000, 9600)
    alone = measure(reference, estimate)
    stacked = np.stack([reference] * 2), np.stack([reference, np.where(gap_mask(), estimate, reference)])
    value = onset_agreement(*stacked, gap_mask(), sampling_rate=RATE)
    assert value == pytest.approx((1 + alone) / 2, rel=1e-9)
    # A channel without a gap has no say.
    masks = np.stack([gap_mask(0, 0), gap_mask()])
    assert onset_agreement(*stacked, masks, sampling_rate=RATE) == pytest.approx(alone, rel=1e-9)


def test_what_does_not_fit_is_refused():
    reference = notes(1000)
    with pytest.raises(ValueError, match="one shape"):
        onset_agreement(reference, reference[1:], gap_mask(), sampling_rate=RATE)
    with pytest.raises(ValueError, match="mask is empty"):
        measure(reference, reference, gap_mask(0, 0))
    with pytest.raises(ValueError, match=r"512 \+ 128 samples"):
        measure(reference[:600], reference[:600], gap_mask(0, 9)[:600])
    with pytest.raises(ValueError, match="hop at least 1"):
        measure(reference, reference, hop_seconds=0)
    with pytest.raises(ValueError, match="f_max <= 8000"):
        measure(reference, reference, f_max=9000)
    cut = slice(0, 15_999)
    with pytest.raises(ValueError, match="no pair of frames"):
        measure(reference[cut], reference[cut], gap_mask(15_998, NUM_SAMPLES)[cut])
