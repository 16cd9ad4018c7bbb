import numpy as np

from aidd.classical import linear


def test_lines_are_restored_exactly():
    line = np.linspace(-1, 1, 101)
    mask = np.zeros(101, bool)
    mask[[1, 2, 3, 30, 50, 51, 99]] = True
    assert np.allclose(linear(np.where(mask, np.nan, line), mask, sampling_rate=8_000), line, rtol=0, atol=1e-15)


def test_constant_at_the_edges():
    audio = np.array([9.0, 9.0, 1.0, 2.0, 3.0, 9.0])
    mask = np.array([True, True, False, False, False, True])
    assert linear(audio, mask, sampling_rate=8_000).tolist() == [1.0, 1.0, 1.0, 2.0, 3.0, 3.0]


def test_channels_have_their_own_gaps():
    draw = np.random.default_rng(0)
    audio = draw.standard_normal((2, 100))
    mask = np.zeros((2, 100), bool)
    mask[0, 10:20] = True
    mask[1, 40:60] = True
    restored = linear(audio, mask, sampling_rate=8_000)
    for channel in range(2):
        assert np.array_equal(restored[channel], linear(audio[channel], mask[channel], sampling_rate=8_000))
