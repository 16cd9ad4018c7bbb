import numpy as np
import pytest
from scipy.signal import lfilter

from aidd.evaluation.metrics import seam_discontinuity
from aidd.signals.autoregressive import burg


RATE = 24_000
NUM_SAMPLES = 4000
GAP = (1800, 2300)


def process(seed: int = 0) -> np.ndarray:
    """A resonant autoregressive process: its own best predictor is known not to see the future."""
    return lfilter([1.0], [1.0, -1.8, 0.9], np.random.default_rng(seed).normal(size=NUM_SAMPLES))


def gap_mask(*gaps: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(NUM_SAMPLES, bool)
    for start, end in gaps:
        mask[start:end] = True
    return mask


def measure(estimate, mask=None, reference=None, **options) -> float:
    reference = process() if reference is None else reference
    mask = gap_mask(GAP) if mask is None else mask
    return seam_discontinuity(reference, estimate, mask, sampling_rate=RATE, **options)


def with_click(place: int, height: float) -> np.ndarray:
    estimate = process().copy()
    estimate[place] += height
    return estimate


def test_the_reference_scores_exactly_nothing():
    assert measure(process()) == 0
    assert measure(process(), gap_mask((0, 10), (11, 40), (3000, NUM_SAMPLES))) == 0


def test_clicks_steps_jumps_and_silence_stick_out():
    inside = gap_mask(GAP)
    step, silent, inverted = (
        process() + 50 * inside,
        np.where(inside, 0, process()),
        np.where(inside, -process(), process()),
    )
    assert min(measure(e) for e in (with_click(GAP[0], 50), step, silent, inverted)) > 5
    values = [measure(with_click(GAP[0], height)) for height in (0, 3, 10, 30, 100)]
    assert values == sorted(values) and values[0] == 0


def test_a_tall_click_grows_by_20_db_a_factor_of_ten():
    # Two seams, of which one sees it.
    difference = measure(with_click(GAP[0], 1e5)) - measure(with_click(GAP[0], 1e4))
    assert difference == pytest.approx(20 / 2, abs=0.01)


def test_only_the_order_around_a_seam_is_seen():
    order = 32
    for place in (GAP[0] - 1, GAP[0], GAP[0] + order - 1, GAP[1] - order, GAP[1] - 1, GAP[1]):
        assert measure(with_click(place, 1e6), order=order) > 5
    far = process().copy()
    far[GAP[0] + order : GAP[1] - order] = 1e6
    far[: GAP[0] - order] = 1e6
    assert measure(far, order=order) == 0


def test_the_level_of_both_and_the_direction_of_time_do_not_matter():
    estimate, mask = with_click(GAP[0] + 1, 30), gap_mask(GAP)
    value = measure(estimate)
    assert measure(1024 * estimate, reference=1024 * process()) == value
    assert measure(estimate[::-1], mask[::-1], process()[::-1]) == pytest.approx(value, rel=1e-9)


def test_against_a_model_of_order_one_worked_out_by_hand():
    reference, estimate = process(), 5 * process(1)
    seam, num_context = GAP[0], round(0.02 * RATE)
    _, a = burg(reference[seam - num_context : seam + num_context], 1)

    def energy(y: np.ndarray) -> float:
        return (y[seam] + a * y[seam - 1]) ** 2 + (y[seam - 1] + a * y[seam]) ** 2

    expected = max(0, 10 * np.log10(energy(estimate) / energy(reference)))
    assert expected > 0
    assert measure(estimate, gap_mask((seam, NUM_SAMPLES)), order=1) == pytest.approx(expected, rel=1e-9)


def test_seams_and_channels_are_averaged_and_smooth_ones_make_up_for_nothing():
    smooth = process().copy()
    smooth[2700:3300] = 0
    quiet_reference = smooth.copy()
    quiet_reference[2700:3300] += 1e3 * np.random.default_rng(2).normal(size=600)
    both = gap_mask(GAP, (2900, 3000))
    clicked = with_click(GAP[0], 50)
    clicked[2700:3300] = 0
    alone = measure(clicked, reference=quiet_reference)
    # The second gap's seams, far smoother than the reference there, add zeros.
    assert alone > 5 and measure(clicked, both, quiet_reference) == pytest.approx(alone / 2)
    stacked = np.stack([process(), with_click(GAP[0], 50)])
    assert measure(stacked, reference=np.stack([process()] * 2)) == pytest.approx(measure(stacked[1]) / 2)


def test_beside_silence_everything_is_infinite_but_silence():
    silent = np.zeros(NUM_SAMPLES)
    assert measure(silent, reference=silent) == 0
    assert measure(process(), reference=silent) == np.inf


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="one shape"):
        measure(process()[1:])
    with pytest.raises(ValueError, match="mask must be bool"):
        measure(process(), np.ones(NUM_SAMPLES))
    with pytest.raises(ValueError, match="mask is empty"):
        measure(process(), gap_mask())
    with pytest.raises(ValueError, match="no seam"):
        measure(process(), gap_mask((0, NUM_SAMPLES)))
    for order in (0, 480):
        with pytest.raises(ValueError, match="below the 480 samples of context"):
            measure(process(), order=order)
    with pytest.raises(ValueError, match="and the signals' 20"):
        measure(process()[:20], gap_mask((5, 9))[:20], process()[:20])
