import numpy as np

from aidd.splice.channels import channel_factors


def cells(*shape: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def test_channels_that_are_multiples_of_one_signal_are_told_exactly():
    source, factors = cells(32, 20), np.array([1.0, 0.5j, -0.2])
    channels = factors[:, None, None] * source
    known = np.random.default_rng(1).random((32, 20)) < 0.7
    known[10:14] = False
    h = channel_factors(channels, channels.mean(0), known)
    np.testing.assert_allclose(h, np.repeat(factors[:, None] / factors.mean(), 32, axis=1))


def test_the_mean_of_the_channels_is_kept():
    channels = cells(2, 3, 32, 20)
    h = channel_factors(channels, channels.mean(1), np.ones((32, 20), bool))
    assert h.shape == (2, 3, 32)
    np.testing.assert_allclose(h.mean(1), 1)


def test_what_is_not_known_is_not_read():
    channels, known = cells(2, 32, 20), np.ones((32, 20), bool)
    known[5:9, 3:] = False
    others = np.where(known, channels, 100 * cells(2, 32, 20, seed=1))
    expected = channel_factors(channels, channels.mean(0), known)
    np.testing.assert_allclose(channel_factors(others, others.mean(0), known), expected)


def test_bins_have_factors_of_their_own():
    source, level = cells(64, 50), np.where(np.arange(64) < 32, 1.0, 0.1)[:, None]
    channels = np.stack([source, level * source])
    h = channel_factors(channels, channels.mean(0), np.ones((64, 50), bool))
    np.testing.assert_allclose((h[1] / h[0])[[2, 61]], [1.0, 0.1], atol=0.2)


def test_silence_has_the_factor_of_one_and_channels_that_cancel_a_finite_one():
    known = np.ones((32, 20), bool)
    silence = np.zeros((2, 32, 20), complex)
    assert (channel_factors(silence, silence[0], known) == 1).all()
    opposed = np.stack([cells(32, 20), -cells(32, 20)])
    assert np.abs(channel_factors(opposed, opposed.mean(0), known)).max() <= 1
