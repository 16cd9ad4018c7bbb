import numpy as np
import pytest
import torch

from aidd.pipelines.declipping_cqtdiff import declip


RATE = 24_000


@pytest.fixture
def pipe(tiny_cqtdiff_pipeline):
    return tiny_cqtdiff_pipeline


def clipped(tones, num_samples: int, channels: int = 1) -> tuple[np.ndarray, float]:
    """Tones that are cut off on both sides, and where; the second channel is softer, and cut less."""
    audio = tones(num_samples, RATE, channels)
    level = 0.5 * float(abs(audio).max())
    return np.clip(audio, -level, level), level


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipped_samples_lie_at_or_beyond_their_level_and_intact_ones_are_themselves(pipe, tones, dtype):
    audio = clipped(tones, 6000)[0].astype(dtype)
    level = audio.max()
    above, below = audio == level, audio == -level
    restored = declip(pipe, audio, sampling_rate=RATE, generator=generator())
    assert restored.dtype == audio.dtype and restored.shape == audio.shape
    assert above.sum() > 100 and below.sum() > 100
    assert (restored[above] >= level).all() and (restored[below] <= -level).all()
    assert np.array_equal(restored[~(above | below)], audio[~(above | below)])
    again = declip(pipe, audio, sampling_rate=RATE, generator=generator())
    assert np.array_equal(restored, again)


def test_the_sampler_knows_the_level_on_one_side_and_what_was_restored_before(pipe, tones):
    audio, level = clipped(tones, 5000)
    seen = []

    def sample_within(lower, upper, options):
        seen.append((lower, upper))
        return np.clip(np.zeros((1, len(lower))), lower, upper)

    pipe.sample_within = sample_within
    declip(pipe, audio[0], sampling_rate=RATE)
    above, below = audio[0] == level, audio[0] == -level
    lower, upper = seen[0]
    start = max(int((above | below).argmax()) - 512, 0)
    window = slice(start, start + 2048)
    assert (lower[above[window]] == level).all() and np.isinf(upper[above[window]]).all()
    assert (upper[below[window]] == -level).all() and np.isinf(lower[below[window]]).all()
    intact = ~(above | below)[window]
    assert np.array_equal(lower[intact], audio[0, window][intact]) and np.array_equal(lower[intact], upper[intact])
    # Three quarters of the first window are settled when the next one, which starts in its middle, is sampled.
    lower, upper = seen[1]
    assert np.array_equal(lower[:512], upper[:512])
    assert len(seen) <= 5


def test_a_denoiser_that_knows_the_music_restores_it(pipe, tones, monkeypatch):
    audio, _ = clipped(tones, 2048)
    clean = tones(2048, RATE)
    gain = 0.06 / np.sqrt(np.mean(audio**2))
    known = torch.from_numpy(gain * clean).float()
    monkeypatch.setattr("aidd.pipelines.pipeline_cqtdiff.denoise", lambda unet, noisy, *_: known + 0 * noisy)
    # The tiny network has three octaves alone, which leave out most of the music.
    monkeypatch.setattr(type(pipe.unet), "without_ends", lambda unet, signal: signal)
    np.testing.assert_allclose(declip(pipe, audio, sampling_rate=RATE), clean, atol=1e-5)


def test_channels_and_batches_are_restored_one_by_one(pipe, tones):
    audio, _ = clipped(tones, 2048, channels=2)
    restored = declip(pipe, torch.from_numpy(audio)[None], sampling_rate=RATE, generator=generator())
    assert isinstance(restored, torch.Tensor) and restored.shape == (1, 2, 2048)
    alone = declip(pipe, audio[0], sampling_rate=RATE, generator=generator())
    assert np.array_equal(restored[0, 0].numpy(), alone)


def test_audio_that_is_not_clipped_comes_back(pipe, tones):
    audio = tones(3000, RATE)
    assert np.array_equal(declip(pipe, audio, sampling_rate=RATE), audio)


def test_other_rates_and_numbers_are_refused(pipe, tones):
    with pytest.raises(ValueError, match="expected audio at the pipeline's rate of 24000 Hz, got 44100 Hz"):
        declip(pipe, tones(3000, 44_100), sampling_rate=44_100)
    with pytest.raises(ValueError, match="guidance_scale must be"):
        declip(pipe, tones(3000, RATE), sampling_rate=RATE, guidance_scale=-1.0)
