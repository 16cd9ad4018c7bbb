import numpy as np
import pytest

from aidd.signals.measures.chroma_agreement import chroma_agreement


RATE = 16_000
NUM_SAMPLES = 16_000
GAP = (6000, 11_000)
C_MAJOR, F_SHARP_MAJOR = (48, 52, 55, 60), (54, 58, 61, 66)


def chord(notes, seed: int = 0) -> np.ndarray:
    """Six partials each, at random phases; notes as MIDI numbers."""
    time, generator = np.arange(NUM_SAMPLES) / RATE, np.random.default_rng(seed)
    partials = [(440 * 2 ** ((note - 69) / 12) * k, k) for note in notes for k in range(1, 7)]
    return sum(np.sin(2 * np.pi * f * time + generator.uniform(0, 2 * np.pi)) / k for f, k in partials)


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=NUM_SAMPLES)


def gap_mask(start: int = GAP[0], end: int = GAP[1]) -> np.ndarray:
    mask = np.zeros(NUM_SAMPLES, bool)
    mask[start:end] = True
    return mask


def measure(reference, estimate, mask=None, **options) -> float:
    """The estimate in the gap, and the reference around it."""
    mask = gap_mask() if mask is None else mask
    return chroma_agreement(reference, np.where(mask, estimate, reference), mask, sampling_rate=RATE, **options)


@pytest.mark.parametrize(
    "mask", [gap_mask(), gap_mask(0, 1), gap_mask(NUM_SAMPLES - 1, NUM_SAMPLES), gap_mask(0, NUM_SAMPLES)]
)
def test_the_reference_agrees_wholly_at_any_level(mask):
    reference = chord(C_MAJOR) + noise()
    for gain in (1, -1, 1e-3, 1e3):
        value = chroma_agreement(reference, gain * reference, mask, sampling_rate=RATE)
        assert value == pytest.approx(1, abs=1e-12)


def test_the_same_chord_agrees_and_another_does_not():
    reference = chord(C_MAJOR)
    same, inverted = measure(reference, chord(C_MAJOR, seed=1)), measure(reference, chord((52, 55, 60, 64), seed=1))
    other, hiss = measure(reference, chord(F_SHARP_MAJOR)), measure(reference, noise())
    assert same > 0.9 and same > inverted > 0.6
    assert other < hiss < same - 0.2 and other < 0.4


def test_octaves_join_and_semitones_do_not():
    whole = gap_mask(0, NUM_SAMPLES)
    for note in (50, 57, 61):
        tone = chord([note])
        assert measure(tone, chord([note + 12], seed=1), whole) > 0.8
        assert measure(tone, chord([note + 1], seed=1), whole) < 0.4


def test_a_pure_tone_folds_onto_its_pitch_class():
    time = np.arange(NUM_SAMPLES) / RATE

    def tone(*frequencies: float) -> np.ndarray:
        return sum(np.sin(2 * np.pi * f * time) for f in frequencies)

    whole = gap_mask(4000, 12_000)
    assert measure(tone(440), tone(880), whole) == pytest.approx(1, abs=0.03)
    # Equal energy on A and on E: half of the vector's square is along A. One frame, away from all edges.
    value = chroma_agreement(tone(440), tone(440, 1320), gap_mask(7999, 8001), sampling_rate=RATE)
    assert value == pytest.approx(np.sqrt(1 / 2), abs=1e-3)


def test_only_what_frames_in_the_gap_read_counts():
    reference, estimate = chord(C_MAJOR), chord(C_MAJOR).copy()
    reach = round((0.1 + 0.01) * RATE)
    estimate[: GAP[0] - reach] = 0
    estimate[GAP[1] + reach :] = 0
    value = chroma_agreement(reference, estimate, gap_mask(), sampling_rate=RATE)
    assert value == pytest.approx(1, abs=1e-12)
    estimate[GAP[0] - reach // 2 : GAP[0]] = 30 * noise()[: reach // 2]
    assert chroma_agreement(reference, estimate, gap_mask(), sampling_rate=RATE) < 0.99


def test_a_gap_left_empty_agrees_with_nothing_but_silence():
    silence = np.zeros(NUM_SAMPLES)
    for mask in (gap_mask(), gap_mask(7000, 7400)):
        assert measure(chord(C_MAJOR), silence, mask) == 0
        assert measure(chord(C_MAJOR), 1e-5 * noise(), mask) == 0
        rest = np.where(mask, 0, chord(C_MAJOR))
        assert measure(rest, silence, mask) == 1
        assert measure(rest, chord(C_MAJOR), mask) == 0
    assert measure(silence, silence) == 1


def test_what_has_nothing_in_the_band_is_silent():
    silence, constant = np.zeros(NUM_SAMPLES), np.ones(NUM_SAMPLES)
    # A Hann-windowed constant fills the first two bins only; of one so small, the energy of rounding is 0.
    inside = gap_mask(7000, 8000)
    value = chroma_agreement(silence, 2.0**-500 * constant, inside, sampling_rate=RATE)
    assert value == 1


def test_frames_of_gaps_and_channels_are_pooled():
    reference, other = chord(C_MAJOR), chord(F_SHARP_MAJOR)
    first, second = gap_mask(4000, 6080), gap_mask(12_000, 13_120)
    # Centres 25 to 38, and 75 to 82.
    numbers = 14, 8
    values = measure(reference, other, first), measure(reference, other, second)
    both = first | second
    assert measure(reference, other, both) == pytest.approx(np.average(values, weights=numbers), rel=1e-9)
    stacked = np.stack([reference] * 2), np.stack([reference, np.where(first, other, reference)])
    value = chroma_agreement(*stacked, first, sampling_rate=RATE)
    assert value == pytest.approx((1 + values[0]) / 2, rel=1e-9)


def test_what_does_not_fit_is_refused():
    reference = chord(C_MAJOR)
    with pytest.raises(ValueError, match="one shape"):
        chroma_agreement(reference, reference[1:], gap_mask(), sampling_rate=RATE)
    with pytest.raises(ValueError, match="mask is empty"):
        measure(reference, reference, gap_mask(0, 0))
    for hop_seconds in (1e-6, 0.3):
        with pytest.raises(ValueError, match="expected 1 <= hop <= window"):
            measure(reference, reference, hop_seconds=hop_seconds)
    for edges in ((0, 100), (300, 200), (100, 8001)):
        with pytest.raises(ValueError, match="expected 0 < f_min < f_max <= 8000"):
            measure(reference, reference, f_min=edges[0], f_max=edges[1])
    with pytest.raises(ValueError, match="has no bin between 101 and 104"):
        measure(reference, reference, f_min=101, f_max=104)
