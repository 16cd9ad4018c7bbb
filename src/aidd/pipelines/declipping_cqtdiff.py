"""Declipping by guided diffusion: a sampler that knows at which level samples were cut, and on which side."""

import numpy as np
import torch

from ..detection.clipping import find_clipping, project_to_bounds
from ..signals.arrays import Waveform, as_signals
from ..splice.contract import read, write_back
from .options import CallOptions
from .pipeline_cqtdiff import CQTDiffPipeline, CQTDiffSteps, check_guidance


@torch.no_grad()
def declip(
    pipe: CQTDiffPipeline,
    audio: Waveform,
    *,
    sampling_rate: int,
    num_inference_steps: int | None = None,
    guidance_scale: float | None = None,
    generator: torch.Generator | None = None,
) -> Waveform:
    """
    Restores what [`~aidd.detection.find_clipping`] finds. In every step, the sampler is guided by the distance of the
    denoised signal from what is known, and brought to it: intact samples are themselves, and clipped ones lie at or
    beyond the level at which they were cut (section V of arXiv:2210.15228 guides by the distance of clipped signals).

    Windows follow one another: each takes what those before it have restored as intact.

    Args:
        pipe: the pipeline.
        audio: float32 or float64, `(samples,)`, `(channels, samples)` or `(batch, channels, samples)`, finite.
            Channels are restored one by one.
        sampling_rate: Hz, that of the pipeline: resampling would move clipped samples off their level.
        num_inference_steps, guidance_scale: of the sampler. Default: the pipeline's own.
        generator: source of the draws. Same seed, same audio.

    Returns:
        Audio of the same type, shape and dtype. Samples that are not clipped are equal to the bit, those that are lie
        within their bounds.

    Raises:
        ValueError: another rate than the pipeline's, audio that the detection refuses, and as the pipeline's call.
    """
    if sampling_rate != pipe.sampling_rate:
        raise ValueError(f"expected audio at the pipeline's rate of {pipe.sampling_rate} Hz, got {sampling_rate} Hz")
    scale = pipe.config.guidance_scale if guidance_scale is None else guidance_scale
    check_guidance(scale)
    num_steps = pipe.config.num_inference_steps if num_inference_steps is None else num_inference_steps
    pipe.scheduler.noise_levels(num_steps)
    options = CallOptions(steps=CQTDiffSteps(num_steps, scale), generator=generator)
    signals = as_signals(audio)
    channels = signals.reshape(-1, signals.shape[-1]).astype(np.float64)
    found = [find_clipping(channel) for channel in channels]
    restored = np.stack(
        [_declip_channel(pipe, channel, *one, options) for channel, one in zip(channels, found, strict=True)]
    )
    mask = np.stack([one[0] for one in found]).reshape(signals.shape)
    prepared = read(audio, mask)
    pipe.maybe_free_model_hooks()
    filled = restored.reshape(prepared.missing.shape)
    return write_back(prepared, np.where(prepared.missing, filled, prepared.signals))


def _declip_channel(
    pipe: CQTDiffPipeline,
    channel: np.ndarray,
    clipped: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    options: CallOptions,
) -> np.ndarray:
    """A channel, float64 `(samples,)`, with its clipped samples restored."""
    restored, remaining, length = channel.copy(), clipped.copy(), pipe.window_hops
    while remaining.any():
        # A quarter of a window before the first clipped sample, and no context for those in the last quarter.
        start = max(min(int(remaining.argmax()) - length // 4, len(channel) - length), 0)
        stop = start + length
        seen = slice(start, stop)
        low, high = (np.where(remaining, bound, restored)[seen] for bound in (lower, upper))
        (sampled,) = pipe.sample_within(low, high, options)
        settled = slice(start, stop if stop >= len(channel) else stop - length // 4)
        sampled = project_to_bounds(sampled, clipped[seen], lower[seen], upper[seen])[: settled.stop - start]
        restored[settled] = np.where(remaining[settled], sampled, restored[settled])
        remaining[settled] = False
    return restored
