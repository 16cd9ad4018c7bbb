"""Damage found in files, gaps that are given, and silence that is left next to them."""

import warnings

import numpy as np
import pytest
import soundfile as sf

from aidd.masks.gaps import gaps_of, mask_of
from aidd.repair.damage import UnmarkedSilenceWarning, find_damage, warn_of_unmarked_silence
from aidd.repair.recipe import marks_of
from aidd.repair.scan import scan_audio


RATE = 24_000


@pytest.fixture
def damaged(tmp_path):
    """A function that writes noise with silent gaps, and gives its samples, its mask, and a scan of them."""

    def write(*gaps: tuple[int, int], change=lambda samples, mask: None):
        samples = 0.1 * np.random.default_rng(0).normal(size=(2, 24_000))
        mask = np.zeros(24_000, bool)
        for start, end in gaps:
            samples[:, start:end] = 0
            mask[start:end] = True
        change(samples, mask)
        sf.write(tmp_path / "in.wav", samples.T, RATE, subtype="FLOAT")
        return mask, scan_audio(tmp_path / "in.wav")

    return write


def warn(mask, scan):
    dropouts = find_damage(scan, []).dropouts
    warn_of_unmarked_silence(dropouts, [gaps_of(mask)] * 2, sampling_rate=RATE)


@pytest.mark.parametrize("left", [24, 600])
def test_silence_left_next_to_a_gap_is_warned_of(damaged, left):
    mask, scan = damaged((10_000, 14_000))
    mask[10_000 : 10_000 + left] = False
    place = "of the dropout from 0.417 s to 0.583 s"
    with pytest.warns(UnmarkedSilenceWarning, match=f"{left // 24} ms {place} are not marked"):
        warn(mask, scan)


def test_gaps_marked_whole_and_silence_elsewhere_are_not_warned_of(damaged):
    def put_nan(samples, mask):
        samples[:, 12_000] = np.nan

    mask, scan = damaged((10_000, 14_000), (18_000, 18_100), change=put_nan)
    mask[18_000:18_100] = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn(mask, scan)


def test_a_dropouts_edge_is_no_click(damaged):
    def put_tone_and_click(samples, mask):
        samples[:] = np.sin(2 * np.pi * 440 * np.arange(24_000) / RATE) + 0.01 * samples
        samples[:, mask] = 0
        samples[0, 5000:5003] += 0.5

    mask, scan = damaged((10_000, 10_500), change=put_tone_and_click)
    kinds = ["dropouts", "clicks"]
    found = {
        kind: np.stack([mask_of(gaps, 0, 24_000) for gaps in of_kind])
        for kind, of_kind in find_damage(scan, kinds).found.items()
    }
    assert found["dropouts"][:, mask].mean() > 0.99
    assert found["clicks"][0, 5000:5003].all()
    assert not found["clicks"][:, 9000:11_500].any()


def test_damage_is_looked_for_in_finite_samples_alone(damaged):
    def put_nan(samples, mask):
        samples[1, [700, 900]] = np.nan

    _, scan = damaged(change=put_nan)
    with pytest.raises(
        ValueError, match=r"in\.wav: audio holds 2 .*the first at 0\.029167 s \(index 700\) in channel 2"
    ):
        find_damage(scan, ["clipping"])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(700, 701), (0, 30), (23_990, 24_000), (9_000, 11_000)])
def test_what_lies_in_a_given_gap_is_not_listened_to(damaged, value, place):
    def put(samples, mask):
        samples[:, ~mask] = 0.3 * np.sin(np.arange(24_000) / 9)[~mask] + 0.001 * samples[:, ~mask]
        samples[:, 5000:5003] += 0.5
        samples[:, slice(*place)] = value

    _, scan = damaged((15_000, 15_500), change=put)
    given = [np.array([[max(place[0] - 10, 0), min(place[1] + 10, 24_000)]])] * 2
    found = find_damage(scan, ["dropouts", "clicks", "clipping"], given=given).found
    for channel in range(2):
        assert [15_000, 15_500] in found["dropouts"][channel].tolist()
        assert len(found["dropouts"][channel]) == 1
        assert mask_of(found["clicks"][channel], 5000, 5003).any()
        clicks = found["clicks"][channel].tolist()
        assert all(stop <= 5003 or given[channel][0, 0] <= start for start, stop in clicks)
    with pytest.raises(ValueError, match="channel 2"):
        find_damage(scan, ["clicks"], given=[given[0], given[0][:0]])


def test_gaps_of_all_kinds_of_masks_unite(damaged, tmp_path):
    _, scan = damaged()
    mask = np.zeros((2, 24_000), bool)
    mask[1, 100:200] = True
    np.save(tmp_path / "a.npy", mask)
    np.save(tmp_path / "b.npy", np.asfortranarray(mask[1:]))
    (tmp_path / "c.txt").write_text("0.5\t0.6\ta\n0.55\t0.7\tb\n")
    masks = [tmp_path / name for name in ("a.npy", "b.npy", "c.txt")]
    assert [gaps.tolist() for gaps in marks_of(scan, masks[:1]).gaps] == [[], [[100, 200]]]
    assert [gaps.tolist() for gaps in marks_of(scan, masks).gaps] == [[[100, 200], [12_000, 16_800]]] * 2
    assert [gaps.tolist() for gaps in marks_of(scan, []).gaps] == [[], []]
