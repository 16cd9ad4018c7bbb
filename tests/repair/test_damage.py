import warnings

import numpy as np
import pytest
import soundfile as sf

from aidd.masks.gaps import gaps_of, mask_of
from aidd.repair.damage import detect, found_gaps, given_gaps, warn_of_silence_beside
from aidd.repair.scan import survey_audio


RATE = 24_000


@pytest.fixture
def damaged(tmp_path):
    """A function that writes noise with silent gaps, and gives its samples, its mask, and a survey of them."""

    def write(*gaps: tuple[int, int], change=lambda samples, mask: None):
        samples = 0.1 * np.random.default_rng(0).normal(size=(2, 24_000))
        mask = np.zeros(24_000, bool)
        for start, end in gaps:
            samples[:, start:end] = 0
            mask[start:end] = True
        change(samples, mask)
        sf.write(tmp_path / "in.wav", samples.T, RATE, subtype="FLOAT")
        return mask, survey_audio(tmp_path / "in.wav")

    return write


def warn(mask, survey):
    dropouts = detect([], survey).dropouts
    warn_of_silence_beside(dropouts, [gaps_of(mask)] * 2, sampling_rate=RATE)


@pytest.mark.parametrize("left", [24, 600])
def test_silence_left_beside_a_gap_is_told_of(damaged, left):
    mask, survey = damaged((10_000, 14_000))
    mask[10_000 : 10_000 + left] = False
    with pytest.warns(UserWarning, match=f"{left // 24} ms of the dropout from 0.417 s to 0.583 s are not marked"):
        warn(mask, survey)


def test_nothing_is_told_of_gaps_marked_whole_or_silence_elsewhere(damaged):
    def put_nan(samples, mask):
        samples[:, 12_000] = np.nan

    mask, survey = damaged((10_000, 14_000), (18_000, 18_100), change=put_nan)
    mask[18_000:18_100] = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn(mask, survey)


def test_a_dropouts_edge_is_no_click(damaged):
    def put_tone_and_click(samples, mask):
        samples[:] = np.sin(2 * np.pi * 440 * np.arange(24_000) / RATE) + 0.01 * samples
        samples[:, mask] = 0
        samples[0, 5000:5003] += 0.5

    mask, survey = damaged((10_000, 10_500), change=put_tone_and_click)
    kinds = ["dropouts", "clicks"]
    found = {
        kind: np.stack([mask_of(gaps, 0, 24_000) for gaps in of_kind])
        for kind, of_kind in found_gaps(kinds, detect(kinds, survey)).items()
    }
    assert found["dropouts"][:, mask].mean() > 0.99
    assert found["clicks"][0, 5000:5003].all()
    assert not found["clicks"][:, 9000:11_500].any()


def test_damage_is_looked_for_in_finite_samples_alone(damaged):
    def put_nan(samples, mask):
        samples[1, [700, 900]] = np.nan

    _, survey = damaged(change=put_nan)
    with pytest.raises(ValueError, match=r"must be finite, got 2 samples that are not, the first at index \(1, 700\)"):
        detect(["clipping"], survey)


def test_gaps_of_all_options_unite(damaged, tmp_path):
    _, survey = damaged()
    mask = np.zeros((2, 24_000), bool)
    mask[1, 100:200] = True
    np.save(tmp_path / "a.npy", mask)
    np.save(tmp_path / "b.npy", np.asfortranarray(mask[1:]))
    (tmp_path / "c.txt").write_text("0.5\t0.6\ta\n0.55\t0.7\tb\n")
    masks = [tmp_path / name for name in ("a.npy", "b.npy", "c.txt")]
    assert [gaps.tolist() for gaps in given_gaps([(0.0, 0.001)], masks[:1], survey)] == [
        [[0, 24]],
        [[0, 24], [100, 200]],
    ]
    assert [gaps.tolist() for gaps in given_gaps([], masks, survey)] == [[[100, 200], [12_000, 16_800]]] * 2
    assert [gaps.tolist() for gaps in given_gaps([], [], survey)] == [[], []]
