"""One unit of sensitivity for all detectors."""

import numpy as np
import pytest

from aidd.detection.clicks import THRESHOLD
from aidd.detection.dropouts import MIN_SECONDS
from aidd.detection.sensitivity import (
    DEFAULT_SENSITIVITY,
    SENSITIVITIES,
    click_threshold,
    dropout_seconds,
    flat_peaks,
)
from aidd.repair import request


def test_more_false_alarms_allow_more_to_be_found():
    asked = np.geomspace(SENSITIVITIES[0], SENSITIVITIES[-1], 50)
    for of_detector in (click_threshold, dropout_seconds):
        assert (np.diff([of_detector(one) for one in asked]) < 0).all()
    for values in zip(*map(flat_peaks, asked), strict=True):
        assert (np.diff(values) <= 0).all()


def test_the_default_is_that_of_the_functions():
    assert click_threshold(DEFAULT_SENSITIVITY) == pytest.approx(THRESHOLD)
    assert dropout_seconds(DEFAULT_SENSITIVITY) == pytest.approx(MIN_SECONDS)


def test_requests_and_detectors_know_the_same_sensitivities():
    assert request.DEFAULT_SENSITIVITY == DEFAULT_SENSITIVITY
    assert (SENSITIVITIES[0], SENSITIVITIES[-1]) == (request.LEAST_SENSITIVITY, request.MOST_SENSITIVITY)


@pytest.mark.parametrize("sensitivity", [0, 0.05, 11, float("nan")])
def test_nothing_is_said_of_what_was_not_measured(sensitivity):
    for of_detector in (click_threshold, dropout_seconds, flat_peaks):
        with pytest.raises(ValueError, match="must lie in"):
            of_detector(sensitivity)
