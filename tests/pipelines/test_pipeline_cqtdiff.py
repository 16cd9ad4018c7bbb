import numpy as np
import pytest
import torch

from aidd.pipelines import CQTDiffPipeline
from aidd.schedulers import EDMHeunScheduler
from aidd.signals.resampling import resample


RATE = 24_000


@pytest.fixture
def pipe(tiny_cqtdiff_pipeline) -> CQTDiffPipeline:
    return tiny_cqtdiff_pipeline


def gap(num_samples: int, start: int, stop: int) -> np.ndarray:
    mask = np.zeros(num_samples, bool)
    mask[start:stop] = True
    return mask


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("rate", [8000, 22_050, 24_000, 44_100])
def test_known_samples_are_those_of_the_intact_audio(pipe, tones, rate):
    """No sample that the network takes for known depends on what stands in the gap."""
    audio = tones(int(0.3 * rate), rate)
    mask = gap(audio.shape[-1], int(0.1 * rate), int(0.12 * rate))
    seen = []
    pipe.sample_window = lambda known, options: seen.append(known) or np.zeros((1, len(known)))
    pipe(np.where(mask, np.nan, audio), mask, sampling_rate=rate)
    ((known),) = seen
    (window,) = pipe.plan(mask, rate).windows
    intact = resample(audio[0], rate, RATE)[window.start : window.end]
    missing = np.isnan(known)
    np.testing.assert_allclose(known[~missing], intact[~missing], atol=1e-12)
    assert 0.02 * RATE <= missing.sum() < 0.025 * RATE


def test_windows_are_filled_at_the_level_that_the_network_knows(pipe, tones):
    audio, mask, levels = tones(6000, RATE), gap(6000, 3000, 3400), []

    def callback(pipe, step, sigma, tensors):
        levels.append(tensors["denoised"].square().mean().sqrt().item())
        return {}

    for factor in (1.0, 1 / 64):
        pipe(factor * audio, mask, generator=generator(), callback_on_step_end=callback)
    assert levels[:5] == levels[5:] and all(0.5 * 0.06 < level < 2 * 0.06 for level in levels)


def test_softer_audio_is_filled_more_softly(pipe, tones):
    audio, mask = tones(6000, RATE), gap(6000, 3000, 3400)
    loud, soft = (pipe(factor * audio, mask, generator=generator()).audios for factor in (1.0, 1 / 64))
    np.testing.assert_allclose(64 * soft, loud, atol=1e-6)


def test_known_samples_stand_in_every_denoised_signal(pipe, tones):
    audio, mask = tones(2048, RATE), gap(2048, 900, 1300)
    seen = []

    def callback(pipe, step, sigma, tensors):
        seen.append(tensors["denoised"][0].double().numpy())
        return {}

    pipe(audio, mask, generator=generator(), callback_on_step_end=callback)
    gain = 0.06 / np.sqrt((audio[0, ~mask] ** 2).mean())
    assert len(seen) == 5
    for denoised in seen:
        np.testing.assert_allclose(denoised[~mask], gain * audio[0, ~mask], rtol=1e-6)


def test_what_a_callback_returns_is_what_fills_the_gap(pipe, tones):
    audio, mask = tones(2048, RATE), gap(2048, 900, 1300)
    zero = pipe.generate
    filled = []
    pipe.generate = lambda *arguments: filled.append(zero(*arguments)) or filled[-1]
    pipe(audio, mask, callback_on_step_end=lambda *_: {"denoised": torch.full((1, 2048), 0.03)})
    # The last step leads to what was denoised.
    gain = 0.06 / np.sqrt((audio[0, ~mask] ** 2).mean())
    np.testing.assert_allclose(filled[0], 0.03 / gain, rtol=1e-4)


def test_recordings_shorter_than_a_window_are_filled(pipe, tones):
    audio, mask = tones(900, RATE), gap(900, 400, 600)
    restored = pipe(audio, mask, generator=generator()).audios
    assert np.array_equal(restored[:, ~mask], audio[:, ~mask]) and np.isfinite(restored).all()


def test_longer_gaps_are_refused(pipe, tones):
    seconds = pipe.max_gap_seconds
    fits, longer = (gap(9600, 3000, 3000 + round((seconds + more) * RATE)) for more in (-0.001, 0.003))
    assert np.isfinite(pipe(tones(9600, RATE), fits).audios).all()
    with pytest.raises(ValueError, match=r"the waveform model fills gaps of up to 0.04 s, got one of 0.04 s"):
        pipe(tones(9600, RATE), longer)


def test_guidance_changes_the_filling_and_is_kept(pipe, tones, tmp_path):
    audio, mask = tones(2048, RATE), gap(2048, 900, 1300)
    results = [pipe(audio, mask, guidance_scale=scale, generator=generator()).audios for scale in (None, 0.2, 0.0)]
    assert np.array_equal(results[0], results[1]) and not np.array_equal(results[0], results[2])
    CQTDiffPipeline(pipe.unet, EDMHeunScheduler(), guidance_scale=0.7).save_pretrained(tmp_path)
    assert CQTDiffPipeline.from_pretrained(tmp_path).config.guidance_scale == 0.7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"guidance_scale": -0.1}, "guidance_scale must be a finite number of at least 0, got -0.1"),
        ({"guidance_scale": float("inf")}, "guidance_scale must be a finite number of at least 0, got inf"),
        ({"num_inference_steps": 1}, "num_inference_steps must be an integer of at least 2, got 1"),
    ],
)
def test_other_numbers_are_refused(pipe, tones, options, message):
    with pytest.raises(ValueError, match=message):
        pipe(tones(2048, RATE), gap(2048, 900, 1300), **options)
    with pytest.raises(ValueError, match=message):
        CQTDiffPipeline(pipe.unet, pipe.scheduler, **options)
