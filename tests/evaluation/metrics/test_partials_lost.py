import numpy as np
import pytest

from aidd.evaluation.metrics import partials_lost


RATE = 24_000
TIME = np.arange(RATE) / RATE
MASK = (TIME >= 0.3) & (TIME < 0.7)


def chord(seed: int = 0, shift: float = 1.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return sum(
        np.sin(2 * np.pi * shift * pitch * k * TIME + generator.uniform(0, 2 * np.pi)) / k
        for pitch in (220, 277.2, 329.6)
        for k in range(1, 9)
    )


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=RATE)


def measure(reference, estimate, **options) -> float:
    return partials_lost(
        reference, np.where(MASK, estimate, reference), **{"mask": MASK, "sampling_rate": RATE, **options}
    )


def test_nothing_is_lost_at_any_level_or_phase():
    audio = chord() + 0.01 * noise()
    for gain in (1, -1, 1e-3, 1e3):
        assert partials_lost(audio, gain * audio, MASK, sampling_rate=RATE) == pytest.approx(0, abs=1e-9)
    others = chord(seed=1) + 0.01 * noise(1)
    assert abs(partials_lost(audio, others, MASK, sampling_rate=RATE)) < 1


def test_a_chord_that_becomes_a_cloud_has_lost_its_partials():
    """The more noise there is in the place of the chord, the more is lost; silence has lost all."""
    audio = chord() + 0.01 * noise()
    lost = [measure(audio, (1 - share) * chord(1) + share * noise(1)) for share in (0, 0.1, 0.5, 1)]
    assert lost == sorted(lost) and lost[-1] > 8
    assert measure(audio, np.zeros(RATE)) > lost[-1]


def test_noise_has_as_few_as_other_noise_and_a_chord_has_more():
    assert abs(measure(noise(), noise(1))) < 0.5
    assert measure(noise(), chord()) < -8


def test_what_lies_outside_the_frames_of_the_gap_does_not_count():
    audio, changed = chord() + 0.01 * noise(), chord() + 0.01 * noise()
    changed[(TIME < 0.24) | (TIME > 0.76)] = noise()[(TIME < 0.24) | (TIME > 0.76)]
    assert partials_lost(audio, changed, MASK, sampling_rate=RATE) == 0


def test_gaps_and_channels_are_pooled():
    audio = chord() + 0.01 * noise()
    cloud = np.where(MASK, noise(1), audio)
    both = partials_lost(np.stack([audio, audio]), np.stack([audio, cloud]), MASK, sampling_rate=RATE)
    assert both == pytest.approx(measure(audio, noise(1)) / 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hop_seconds": 0.1}, "hop <= window"),
        ({"f_min": 4000.0}, "f_min < f_max"),
        ({"f_max": 13_000.0}, "f_min < f_max"),
        ({"slot_hertz": 20.0}, "at least three bins"),
        ({"slot_hertz": 4000.0}, "at least three bins"),
        ({"mask": np.zeros(RATE, bool)}, "mask"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        measure(noise(), noise(1), **options)
