import numpy as np
import pytest

from aidd.evaluation.metrics import level_error, log_spectral_distance, seam_discontinuity, snr_in_gap


@pytest.mark.parametrize("metric", ["snr", "level", "lsd", "seam"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_score_comes_of_what_is_not_finite(metric, value):
    reference, mask = np.random.default_rng(0).normal(size=2000), np.arange(2000) // 100 == 10
    estimate = reference.copy()
    estimate[1050] = value
    measure = {
        "snr": lambda: snr_in_gap(reference, estimate, mask),
        "level": lambda: level_error(reference, estimate, mask),
        "lsd": lambda: log_spectral_distance(reference, estimate),
        "seam": lambda: seam_discontinuity(reference, estimate, mask, sampling_rate=24_000),
    }[metric]
    with pytest.raises(ValueError, match="estimate must be finite, got 1 samples that are not"):
        measure()


@pytest.mark.parametrize("shape", [(1999,), (3, 2000), (1, 2, 2000)])
def test_masks_of_other_shapes_are_refused(shape):
    audio = np.ones((2, 2000))
    with pytest.raises(ValueError, match=r"mask must have shape \(2000,\), or one that broadcasts to \(2, 2000\)"):
        level_error(audio, audio, np.ones(shape, bool))
