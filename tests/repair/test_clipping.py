import numpy as np
import pytest
import torch

from aidd.classical import janssen, linear
from aidd.detection import find_clipping
from aidd.repair.clipping import joined, restore_saturated


def saturated(num_samples: int = 3000, level: float = 0.12) -> tuple[np.ndarray, np.ndarray]:
    """An amplitude-modulated chirp, whole, and with everything beyond a level cut off."""
    time = np.arange(num_samples) / 8000
    chirp = 0.2 * np.sin(np.pi * time / time[-1]) ** 4 * np.sin(2 * np.pi * (200 + 300 * time) * time)
    return chirp, np.clip(chirp, -level, level)


@pytest.mark.parametrize("join_seconds", [0.0, 0.005])
@pytest.mark.parametrize("method", [linear, janssen])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_restored_samples_respect_the_level_and_all_others_are_bit_identical(method, join_seconds, dtype):
    _, audio = saturated()
    audio = np.stack([audio, 0.7 * audio]).astype(dtype)
    mask, lower, upper = find_clipping(audio)
    assert 0.05 < mask.mean() < 0.5
    restored = restore_saturated(audio, method, sampling_rate=8000, join_seconds=join_seconds)
    assert restored.dtype == dtype and np.array_equal(restored[~mask], audio[~mask])
    assert (restored >= lower.astype(dtype)).all() and (restored <= upper.astype(dtype)).all()
    as_tensor = restore_saturated(torch.tensor(audio), method, sampling_rate=8000, join_seconds=join_seconds)
    assert np.array_equal(as_tensor.numpy(), restored)


def test_what_is_cut_off_is_restored_better_than_it_was_left():
    chirp, audio = saturated(8000, level=0.15)
    restored = restore_saturated(audio, janssen, sampling_rate=8000)
    assert np.square(restored - chirp).sum() < 1e-3 * np.square(audio - chirp).sum()


def test_the_method_is_given_joined_gaps():
    _, audio = saturated()
    masks = []

    def method(audio, mask, *, sampling_rate, generator):
        masks.append(mask)
        return linear(audio, mask, sampling_rate=sampling_rate)

    for seconds in (0.0, 0.01):
        restore_saturated(audio, method, sampling_rate=8000, join_seconds=seconds)
    assert np.array_equal(masks[0], find_clipping(audio)[0]) and np.array_equal(masks[1], joined(masks[0], 80))


def test_gaps_are_joined_up_to_a_distance():
    mask = np.array([0, 1, 0, 1, 0, 0, 1, 0], bool)
    assert joined(mask, 0).tolist() == mask.tolist()
    assert np.flatnonzero(joined(mask, 1)).tolist() == [1, 2, 3, 6]
    assert np.flatnonzero(joined(mask, 2)).tolist() == [1, 2, 3, 4, 5, 6]


def test_a_negative_distance_is_refused():
    with pytest.raises(ValueError, match="join_seconds must be at least 0, got -1"):
        restore_saturated(saturated()[1], linear, sampling_rate=8000, join_seconds=-1)
