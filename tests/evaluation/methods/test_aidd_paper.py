import numpy as np
import pytest
import torch

from aidd.evaluation.methods.aidd_paper import aidd_paper, inpaint_as_published
from aidd.masks.gaps import find_gaps, resample_mask, tokens_touched
from aidd.repair.methods import default_pipeline


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mask_of(num_samples: int, *gaps: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(num_samples, bool)
    for start, end in gaps:
        mask[start:end] = True
    return mask


@pytest.mark.parametrize("rate", [24_000, 44_100])
def test_crossfades_are_linear_and_lie_outside_of_the_gaps(tiny_pipeline, tones, rate):
    num_samples, fade = rate, round(0.01 * rate)
    mono = tones(num_samples, rate)[0]
    # Two channels of one mean: both get the same audio, and their difference shows its weight.
    difference = np.full(num_samples, 0.25)
    audio = np.stack([mono + difference, mono - difference])
    mask = mask_of(num_samples, (0, 700), (9_000, 11_000), (num_samples - 500, num_samples))
    restored = inpaint_as_published(
        tiny_pipeline, np.where(mask, np.nan, audio), mask, sampling_rate=rate, generator=seeded()
    )
    weight = 1 - (restored[0] - restored[1]) / (2 * difference)
    distance = np.full(num_samples, num_samples)
    for start, end in find_gaps(mask).tolist():
        positions = np.arange(num_samples)
        distance = np.minimum(distance, np.maximum(np.maximum(start - positions, positions - end + 1), 0))
    np.testing.assert_allclose(weight, np.clip(1 - distance / (fade + 1), 0, 1), atol=1e-12)
    far = distance > fade
    assert np.array_equal(restored[:, far], audio[:, far])
    assert not (restored[:, ~far] == audio[:, ~far]).any(axis=0).all()


def test_tokens_that_the_gap_touches_are_sampled_and_no_others(tiny_pipeline, tones):
    audio, mask = tones(24_000, 24_000), mask_of(24_000, (9_599, 11_201))
    inpaint_as_published(tiny_pipeline, audio, mask, sampling_rate=24_000, generator=seeded())
    # From sample 9599, in token 29, to 11200, in token 35. The default scheduler takes a step for each.
    assert tiny_pipeline.scheduler.num_inference_steps == 7
    other_rate = resample_mask(mask, from_rate=44_100, to_rate=24_000)
    inpaint_as_published(tiny_pipeline, audio, mask, sampling_rate=44_100, generator=seeded())
    assert tiny_pipeline.scheduler.num_inference_steps == tokens_touched(other_rate, 320).sum()


def test_the_codec_hears_zeros_and_levels_are_not_matched(tiny_pipeline, tones):
    audio, mask = tones(24_000, 24_000)[0], mask_of(24_000, (9_000, 12_000))
    options = {"sampling_rate": 24_000}
    restored = [
        inpaint_as_published(tiny_pipeline, np.where(mask, value, audio), mask, generator=seeded(), **options)
        for value in (np.nan, 0, 1e3)
    ]
    assert np.array_equal(restored[0], restored[1]) and np.array_equal(restored[0], restored[2])
    # The audio's level changes that of the result, and nothing else.
    quiet = inpaint_as_published(tiny_pipeline, audio / 4, mask, generator=seeded(), **options)
    np.testing.assert_allclose(4 * quiet, restored[0], atol=1e-6)


def test_windows_beside_each_other_fill_their_own_gaps(tiny_pipeline, tones):
    audio = tones(72_000, 24_000)[0].astype(np.float32)
    mask = mask_of(72_000, (1_000, 2_000), (2_100, 2_200), (40_000, 46_000), (50_000, 54_000))
    restored = inpaint_as_published(tiny_pipeline, audio, mask, sampling_rate=24_000, generator=seeded())
    changed = find_gaps(restored != audio)
    assert restored.dtype == np.float32
    assert changed[0, 0] == 760 and changed[-1, 1] == 54_240
    for start, end in find_gaps(mask).tolist():
        assert (restored[start:end] != audio[start:end]).mean() > 0.99
    again = inpaint_as_published(
        tiny_pipeline, torch.from_numpy(audio)[None, None], mask, sampling_rate=24_000, generator=seeded()
    )
    assert again.shape == (1, 1, 72_000) and np.array_equal(again[0, 0].numpy(), restored)


def test_what_the_model_cannot_fill_is_refused(tiny_pipeline, tones):
    with pytest.raises(ValueError, match="missing tokens is longer than the model can fill, 30"):
        inpaint_as_published(
            tiny_pipeline, tones(72_000, 24_000), mask_of(72_000, (20_000, 31_000)), sampling_rate=24_000
        )


def test_the_method_is_that_of_the_default_model(tones):
    audio, mask = tones(24_000, 24_000), mask_of(24_000, (9_000, 11_000))
    options = {"sampling_rate": 24_000}
    expected = inpaint_as_published(default_pipeline(), audio, mask, generator=seeded(3), **options)
    assert np.array_equal(aidd_paper(audio, mask, generator=seeded(3), **options), expected)
