import numpy as np
import pytest
import torch

from aidd.classical import linear


def as_given(audio, framework):
    return audio if framework == "numpy" else torch.from_numpy(audio)


@pytest.mark.parametrize("framework", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(400,), (1, 400), (2, 400), (3, 2, 400)])
def test_contract(shape, dtype, framework):
    draw = np.random.default_rng(0)
    audio = draw.standard_normal(shape).astype(dtype)
    mask = np.zeros(400, bool)
    for start, end in [(0, 7), (50, 51), (53, 90), (200, 260), (390, 400)]:
        mask[start:end] = True
    audio[..., mask] = np.nan
    given = as_given(audio.copy(), framework)
    restored = linear(given, as_given(mask, framework), sampling_rate=44_100)
    assert type(restored) is type(given) and restored.dtype == given.dtype and restored.shape == given.shape
    bits = np.dtype(f"u{dtype().itemsize}")
    assert np.array_equal(np.asarray(restored).view(bits)[..., ~mask], audio.view(bits)[..., ~mask])
    assert np.isfinite(np.asarray(restored)).all()
    # The input is as it was, NaN included.
    assert np.array_equal(np.asarray(given).view(bits), audio.view(bits))


def test_lines_are_restored_exactly():
    line = np.linspace(-1, 1, 101)
    mask = np.zeros(101, bool)
    mask[[1, 2, 3, 30, 50, 51, 99]] = True
    assert np.allclose(linear(np.where(mask, np.nan, line), mask, sampling_rate=8_000), line, rtol=0, atol=1e-15)


def test_constant_at_the_edges():
    audio = np.array([9.0, 9.0, 1.0, 2.0, 3.0, 9.0])
    mask = np.array([True, True, False, False, False, True])
    assert linear(audio, mask, sampling_rate=8_000).tolist() == [1.0, 1.0, 1.0, 2.0, 3.0, 3.0]


def test_values_under_the_mask_do_not_matter():
    draw = np.random.default_rng(0)
    audio = draw.standard_normal((2, 100))
    mask = draw.random((2, 100)) < 0.3
    other = np.where(mask, 1e9, audio)
    assert np.array_equal(linear(audio, mask, sampling_rate=8_000), linear(other, mask, sampling_rate=8_000))


def test_channels_have_their_own_gaps():
    draw = np.random.default_rng(0)
    audio = draw.standard_normal((2, 100))
    mask = np.zeros((2, 100), bool)
    mask[0, 10:20] = True
    mask[1, 40:60] = True
    restored = linear(audio, mask, sampling_rate=8_000)
    for channel in range(2):
        assert np.array_equal(restored[channel], linear(audio[channel], mask[channel], sampling_rate=8_000))


def test_an_empty_mask_returns_the_input_and_warns():
    audio = np.random.default_rng(0).standard_normal((2, 100)).astype(np.float32)
    with pytest.warns(UserWarning, match="mask is empty"):
        restored = linear(audio, np.zeros(100, bool), sampling_rate=8_000)
    assert np.array_equal(restored, audio) and restored is not audio


def test_bad_input_is_refused_as_everywhere():
    with pytest.raises(ValueError, match="everything is missing"):
        linear(np.zeros(10), np.ones(10, bool), sampling_rate=8_000)
