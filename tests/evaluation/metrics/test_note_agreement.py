import importlib.util

import numpy as np
import pytest

from aidd.evaluation.metrics import note_onset_agreement, note_pitch_agreement
from aidd.evaluation.metrics.note_agreement import TOLERANCE_FRAMES, _heard_once, f1_of_onsets, note_onsets
from aidd.evaluation.metrics.note_posteriors import _session, note_posteriors


needs_basic_pitch = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnxruntime", "basic_pitch")),
    reason="onnxruntime and basic-pitch are not installed",
)
RATE = 22_050
METRICS = (note_onset_agreement, note_pitch_agreement)
# MIDI numbers of a melody, a note each third of a second.
MELODY = (60, 64, 67, 72, 71, 67, 65, 62, 60, 64)


def melody(transposition: int = 0, delay: float = 0.0, rate: int = RATE) -> np.ndarray:
    """Decaying notes of six partials."""
    signal, time = np.zeros(4 * rate), np.arange(rate // 2) / rate
    for place, pitch in enumerate(MELODY):
        frequency = 440 * 2 ** ((pitch + transposition - 69) / 12)
        note = sum(np.cos(2 * np.pi * frequency * k * time) / k**2 for k in range(1, 7)) * np.exp(-4 * time)
        start = round((0.2 + place / 3 + delay) * rate)
        signal[start : start + len(note)] += 0.1 * note[: len(signal) - start]
    return signal


def gap(start: float = 1.3, end: float = 2.3, rate: int = RATE) -> np.ndarray:
    mask = np.zeros(4 * rate, bool)
    mask[round(start * rate) : round(end * rate)] = True
    return mask


def events(*places: tuple[int, int], num_frames: int = 60) -> np.ndarray:
    onsets = np.zeros((num_frames, 3), bool)
    onsets[tuple(np.transpose(places))] = True
    return onsets


def test_onsets_are_the_maxima_in_time_of_one_half_or_more():
    posteriors = np.zeros((40, 2))
    posteriors[[5, 6, 7], 0] = 0.6, 0.9, 0.7
    posteriors[[20, 21 + TOLERANCE_FRAMES], 0] = 0.5, 0.8
    posteriors[30, 1] = 0.49
    assert np.argwhere(note_onsets(posteriors)).tolist() == [[6, 0], [20, 0], [21 + TOLERANCE_FRAMES, 0]]


def test_f1_counts_onsets_of_the_same_pitch_within_50_ms():
    reference = events((20, 0), (30, 1))
    for estimate, expected in [
        (reference, 1.0),
        (events((20 + TOLERANCE_FRAMES, 0), (30 - TOLERANCE_FRAMES, 1)), 1.0),
        (events((21 + TOLERANCE_FRAMES, 0), (30, 1)), 0.5),
        (events((20, 1), (30, 0)), 0.0),
        (events((20, 0)), 2 / 3),
        (events((20, 0), (30, 1), (25, 2), (35, 2)), 2 / 3),
        (np.zeros_like(reference), 0.0),
    ]:
        assert f1_of_onsets([(reference, estimate)]) == pytest.approx(expected)
        assert f1_of_onsets([(estimate, reference)]) == pytest.approx(expected)
    nothing = np.zeros_like(reference)
    assert f1_of_onsets([(nothing, nothing)]) == 1 and f1_of_onsets([(nothing, reference)]) == 0


def test_onsets_beside_a_gap_count_for_nobody_and_may_be_what_one_inside_is():
    beside, inside = events((7, 0)), events((9, 0))
    assert f1_of_onsets([(beside, np.zeros_like(beside))]) == 1
    assert f1_of_onsets([(inside, beside)]) == f1_of_onsets([(beside, inside)]) == 1
    assert f1_of_onsets([(inside, events((4, 0)))]) == 0


def test_without_the_packages_it_says_what_to_install(monkeypatch):
    _session.cache_clear()
    _heard_once.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for metric in METRICS:
        with pytest.raises(ImportError, match=r'pip install "aidd\[notes\]", and basic-pitch 0.4.0 without'):
            metric(melody(), melody(), gap(), sampling_rate=RATE)


@needs_basic_pitch
@pytest.mark.parametrize("metric", METRICS)
def test_the_reference_has_all_its_notes_and_silence_none(metric):
    reference = melody()
    assert metric(reference, reference, gap(), sampling_rate=RATE) == 1
    assert metric(reference, 0.3 * reference, gap(), sampling_rate=RATE) > 0.9
    assert metric(reference, np.where(gap(), 0, reference), gap(), sampling_rate=RATE) < 0.35
    silence = np.zeros_like(reference)
    assert metric(silence, silence, gap(), sampling_rate=RATE) == 1


@needs_basic_pitch
@pytest.mark.parametrize("metric", METRICS)
def test_other_pitches_and_other_times_are_other_notes(metric):
    reference = melody()
    changed = [
        metric(reference, np.where(gap(), other, reference), gap(), sampling_rate=RATE)
        for other in (melody(transposition=1), melody(delay=0.1))
    ]
    assert changed[0] < 0.4 and changed[1] < 0.9


@needs_basic_pitch
def test_every_note_of_a_melody_is_heard_where_it_is():
    posteriors = note_posteriors(melody(), 0, 4 * RATE // 256)
    found = np.argwhere(note_onsets(posteriors.onsets))
    heard = {(round((frame * 256 / RATE - 0.2) * 3), key + 21) for frame, key in found}
    assert set(enumerate(MELODY)) <= heard
    assert abs(found[:, 0] * 256 / RATE - 0.2 - np.round((found[:, 0] * 256 / RATE - 0.2) * 3) / 3).max() < 0.06


@needs_basic_pitch
def test_frames_do_not_depend_on_the_window_that_they_are_heard_in():
    all_at_once = note_posteriors(melody(), 40, 260)
    for first, last in ((40, 60), (100, 180), (200, 260)):
        part = note_posteriors(melody(), first, last)
        for whole, one in zip(all_at_once, part, strict=True):
            assert np.abs(whole[first - 40 : last - 40] - one).max() < 0.25
            assert ((whole[first - 40 : last - 40] > 0.3) != (one > 0.3)).mean() < 0.01


@needs_basic_pitch
def test_rates_channels_and_short_gaps():
    reference, mask = melody(rate=44_100), gap(rate=44_100)
    estimate = np.where(mask, melody(transposition=2, rate=44_100), reference)
    stereo = [np.stack([one, one]) for one in (reference, estimate)]
    for metric in METRICS:
        mono = metric(reference, estimate, mask, sampling_rate=44_100)
        assert metric(*stereo, mask, sampling_rate=44_100) == mono < 0.5
        short = gap(1.3, 1.305, rate=44_100)
        assert 0 <= metric(reference, estimate, short, sampling_rate=44_100) <= 1
