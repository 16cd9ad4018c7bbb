import numpy as np
import pytest

from aidd.signals.bands import erb_powers
from aidd.splice.levels import move_levels
from aidd.splice.surroundings import Surroundings


RATE = 24_000
LENGTH = 9_600


def noise(seed: int, num_samples: int = LENGTH) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=num_samples)


def around(before: np.ndarray, after: np.ndarray) -> Surroundings:
    return Surroundings(len(before), len(before) + LENGTH, before, after)


def moved(filling, surroundings, amount=1.0, **options) -> np.ndarray:
    return move_levels(np.atleast_2d(filling), surroundings, sampling_rate=RATE, amount=amount, **options)


def levels(signal: np.ndarray) -> np.ndarray:
    """Levels of bands in dB, `(bands, frames)`, of the frames that lie well within a filling."""
    powers, centres = erb_powers(signal[None], RATE)
    return 10 * np.log10(powers[0][:, (centres > 512) & (centres < LENGTH - 512)] + 1e-9)


def test_levels_run_from_one_edge_to_the_other_in_db():
    # 20 dB less after the gap; the filling is as loud as neither.
    before, after = noise(1, 4000), 0.1 * noise(2, 4000)
    level = levels(moved(0.5 * noise(0), around(before, after))[0]).mean(0)
    powers = [10 ** (levels(np.resize(edge, LENGTH)) / 10) for edge in (before, after)]
    ends = [10 * np.log10(power.mean(1)).mean() for power in powers]
    progress = np.linspace(512 / LENGTH, 1 - 512 / LENGTH, len(level))
    np.testing.assert_allclose(level, ends[0] + progress * (ends[1] - ends[0]), atol=2)


@pytest.mark.parametrize("amount", [0.25, 0.5, 0.75])
def test_the_amount_is_a_share_of_the_way_in_db(amount):
    filling, surroundings = noise(0), around(0.3 * noise(1, 4000), 0.3 * noise(2, 4000))
    start, end = (levels(moved(filling, surroundings, one)[0]).mean() for one in (0.0, 1.0))
    # In ten dB on average.
    assert start - end == pytest.approx(10.4, abs=1.5)
    share = (start - levels(moved(filling, surroundings, amount)[0]).mean()) / (start - end)
    assert share == pytest.approx(amount, abs=0.03)


def test_fluctuations_shrink_with_the_amount():
    """By less than the amount, as frames overlap and each band shares its bins with its neighbours."""
    filling, surroundings = noise(0), around(noise(1, 4000), noise(2, 4000))
    spread = [levels(moved(filling, surroundings, amount)[0]).std(1).mean() for amount in (0.0, 0.5, 1.0)]
    assert spread[2] < 0.7 * spread[0] and spread[2] < spread[1] < 0.85 * spread[0]


def test_what_steadily_goes_on_stays_as_it_is():
    time = np.arange(4000 + LENGTH + 4000) / RATE
    tones = sum(np.cos(2 * np.pi * 220 * k * time) / k for k in range(1, 7))
    filled = moved(tones[4000:-4000], around(tones[:4000], tones[-4000:]))[0]
    error = filled - tones[4000:-4000]
    assert 10 * np.log10(np.mean(tones**2) / np.mean(error**2)) > 35


def test_bands_above_the_highest_stay_as_they_are():
    filled = moved(noise(0), around(0.1 * noise(1, 4000), 0.1 * noise(2, 4000)), highest_hertz=6000.0)[0]
    change = np.abs(np.fft.rfft(filled - noise(0))) ** 2
    frequencies = np.fft.rfftfreq(LENGTH, 1 / RATE)
    assert change[frequencies > 6200].mean() < 1e-3 * change[frequencies < 5800].mean()


def test_changes_are_held_to_20_db_and_follow_the_loudness_of_everything():
    surroundings = around(1e-4 * noise(1, 4000), 1e-4 * noise(2, 4000))
    filled = moved(noise(0), surroundings)[0]
    np.testing.assert_allclose(filled[512:-512], 0.1 * noise(0)[512:-512], atol=1e-9)
    louder = moved(1e3 * noise(0), around(1e3 * surroundings.before, 1e3 * surroundings.after))[0]
    np.testing.assert_allclose(louder, 1e3 * filled, rtol=1e-9, atol=1e-9)


def test_variations_are_moved_each_by_itself():
    surroundings = around(noise(1, 4000), 0.2 * noise(2, 4000))
    both = moved(np.stack([noise(3), 2 * noise(4)]), surroundings)
    np.testing.assert_allclose(both[0], moved(noise(3), surroundings)[0], atol=1e-12)
    np.testing.assert_allclose(both[1], moved(2 * noise(4), surroundings)[0], atol=1e-12)


@pytest.mark.parametrize(
    "sides",
    [
        (np.zeros(0), noise(2, 4000)),
        (noise(1, 400), noise(2, 4000)),
        (np.zeros(4000), noise(2, 4000)),
        (np.zeros(4000),) * 2,
    ],
    ids=["nothing before", "too little before", "silence before", "silence"],
)
def test_where_an_edge_tells_no_level_nothing_changes(sides):
    assert np.array_equal(moved(noise(0), around(*sides))[0], noise(0))
    assert np.array_equal(moved(noise(0), around(*sides[::-1]))[0], noise(0))


def test_no_amount_changes_nothing():
    assert np.array_equal(moved(noise(0), around(noise(1, 4000), noise(2, 4000)), amount=0.0)[0], noise(0))
