"""How far a filling can be trusted: limits, halvings, and what makes it less."""

import numpy as np
import pytest

from aidd.repair.confidence import Evidence, evidence_of, level_step
from aidd.splice.continuation import continuation
from aidd.splice.surroundings import surroundings_of


RATE = 16_000


def gap_of(signal, start, stop):
    missing = np.zeros(len(signal), bool)
    missing[start:stop] = True
    return surroundings_of(signal, missing, (start, stop))


def test_what_the_edges_predict_is_trusted(tones):
    signal = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    around = gap_of(signal, 8_000, 8_400)
    filling, _ = continuation(around, sampling_rate=RATE, reach_seconds=0.08)
    (evidence,) = evidence_of(filling[None], around, sampling_rate=RATE)
    assert evidence.edge_distance_db == 0 and evidence.disagreement_db is None
    assert evidence.predicted_share == pytest.approx(1, abs=0.01) and evidence.confidence > 0.95
    # Twenty times as long a gap in noisy tones is a guess.
    around = gap_of(tones(RATE, RATE)[0], 4_000, 12_000)
    (evidence,) = evidence_of(tones(RATE, RATE)[:, 4_000:12_000], around, sampling_rate=RATE)
    assert evidence.predicted_share < 0.5 and evidence.confidence < 0.75


def test_each_doubt_halves_the_confidence():
    sure = Evidence(1.0, 0.0, 0.0, None)
    assert sure.confidence == 1 and Evidence(0.0, 0.0, 0.0, None).confidence == 0.5
    assert Evidence(1.0, 0.0, 0.0, 0.0).confidence == 1
    for doubtful in (Evidence(1.0, 12.0, 0.0, None), Evidence(1.0, 0.0, 12.0, None), Evidence(1.0, 0.0, 0.0, 6.0)):
        assert doubtful.confidence == 0.5
    assert 0 <= Evidence(0.0, 1e4, 1e4, 1e4).confidence < 1e-9


def test_silence_and_noise_in_place_of_a_tone_are_found_out():
    signal = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    around = gap_of(signal, 8_000, 8_400)
    noise = np.random.default_rng(0).normal(size=400) / np.sqrt(2)
    fillings = np.stack([signal[8_000:8_400], noise, np.zeros(400)])
    right, wrong, silent = (evidence_of(one[None], around, sampling_rate=RATE)[0].confidence for one in fillings)
    assert right > 0.9 > wrong > silent and silent < 0.05
    # One filling that the others agree with is trusted more than the one that they do not.
    agreed, _, alone = evidence_of(fillings[[0, 0, 1]], around, sampling_rate=RATE)
    assert 0 < agreed.disagreement_db < alone.disagreement_db


def test_steps_of_the_level_are_those_that_were_made():
    signal = np.random.default_rng(0).choice([-1.0, 1.0], RATE)
    around = gap_of(signal, 8_000, 9_000)
    for gain, step in ((1.0, 0.0), (0.5, 6.0206), (2.0, 6.0206), (0.0, 80.0)):
        assert level_step(gain * signal[8_000:9_000], around, sampling_rate=RATE) == pytest.approx(step, abs=1e-3)
    # At an end of the recording there is no seam; in silence, no step.
    assert level_step(0.5 * signal[:1_000], gap_of(signal, 0, 1_000), sampling_rate=RATE) == pytest.approx(
        6.02, abs=0.01
    )
    assert level_step(np.zeros(100), gap_of(np.zeros(1_000), 400, 500), sampling_rate=RATE) == 0


@pytest.mark.parametrize("num_samples", [1, 3, 50])
def test_the_shortest_gaps_have_a_confidence(num_samples, tones):
    signal = tones(RATE, RATE)[0]
    for start in (0, 1, 8_000, RATE - num_samples):
        around = gap_of(signal, start, start + num_samples)
        (evidence,) = evidence_of(signal[None, start : start + num_samples], around, sampling_rate=RATE)
        assert 0 < evidence.confidence <= 1
