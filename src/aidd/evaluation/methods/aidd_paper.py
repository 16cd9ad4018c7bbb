"""
AIDD's published stitching (arXiv:2507.08333), to compare with. It is no method of `aidd.METHODS`: it breaks their
promise to return every intact sample as it was.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...masks.gaps import find_gaps, resample_mask, tokens_touched
from ...pipelines.options import CallOptions
from ...pipelines.windows import Window, at_rate, plan_windows
from ...repair.methods import default_pipeline
from ...signals.resampling import resample
from ...splice.contract import prepare, write_back


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ...pipelines import AIDDPipeline
    from ...signals.arrays import Waveform

FADE_SECONDS = 0.01


def aidd_paper(
    audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
) -> Waveform:
    """
    Fills gaps (`mask`: True = missing) by the default model with the paper's stitching instead of [`AIDDPipeline`]'s:
    see [`inpaint_as_published`].

    **Exempt from the rule that intact samples come back identical**: 10 ms on both sides of every gap are overwritten
    with a crossfade into the decoded audio, because that is what was published and what its results were measured on.

    Args:
        audio: numpy array or torch tensor, float32 or float64, `(samples,)`, `(channels, samples)` or
            `(batch, channels, samples)`. Values under the mask are not read.
        mask: bool, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz.
        generator: of the draws. Same seed, same audio.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit further than 10 ms from every gap of a channel.

    Raises:
        ValueError: as [`~aidd.splice.contract.prepare`], or a gap longer than the model can fill.
    """
    return inpaint_as_published(default_pipeline(), audio, mask, sampling_rate=sampling_rate, generator=generator)


@torch.no_grad()
def inpaint_as_published(
    pipe: AIDDPipeline,
    audio: Waveform,
    mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    generator: Generator | None = None,
) -> Waveform:
    """
    Fills gaps (`mask`: True = missing) by [`aidd_paper`] with the codec, the transformer and the scheduler of a
    pipeline.

    The mean of the channels, with zeros in the gaps, is brought to the codec's rate and encoded. Tokens that a gap
    touches are missing (no guard tokens), and sampled. The decoded audio, at the recording's rate again, fills the
    gaps of all channels, with linear crossfades of 10 ms that lie outside of the gaps. Levels are not matched.

    Two things differ from the published code: tokens are counted from the samples that are missing, where that code
    may leave one of silence at a gap's end; and windows as long as the model was trained on stand for the whole file.
    As in the pipeline, each is encoded at a peak of -3 dBFS, from which the decoded audio is brought back.
    """
    prepared = prepare(audio, mask, sampling_rate)
    signals, missing = prepared.signals, prepared.missing
    heard = np.where(missing, 0.0, signals)
    restored, written = heard.copy(), missing.copy()
    hop, fade = pipe.codec.config.hop_length, round(FADE_SECONDS * sampling_rate)
    for item, channels_missing in enumerate(missing):
        if not channels_missing.any():
            continue
        any_missing = resample_mask(channels_missing.any(0), from_rate=sampling_rate, to_rate=pipe.sampling_rate)
        mono = resample(heard[item].mean(0), sampling_rate, pipe.sampling_rate)
        windows, decoded = _generate(pipe, np.where(any_missing, 0.0, mono), any_missing, generator)
        for window, window_audio in zip(windows, decoded, strict=True):
            offset, generated = at_rate(window_audio, window.start * hop, pipe.sampling_rate, sampling_rate)
            # The window's part to fill, in units that both rates divide.
            first, last = window.fill_start * hop * sampling_rate, window.fill_end * hop * sampling_rate
            for channel, channel_missing in enumerate(channels_missing):
                for start, end in find_gaps(channel_missing).tolist():
                    if first <= start * pipe.sampling_rate and end * pipe.sampling_rate <= last:
                        place = slice(max(start - fade, offset), min(end + fade, len(channel_missing)))
                        here = restored[item, channel, place]
                        weight = _weight(place, start, end, fade)
                        here += weight * (generated[place.start - offset : place.stop - offset] - here)
                        written[item, channel, place] = True
    return write_back(replace(prepared, missing=written), restored)


def _weight(place: slice, start: int, end: int, fade: int) -> np.ndarray:
    """Weight of the decoded audio: 1 in the gap, and falling linearly to 0 on the sample after the crossfades."""
    position = np.arange(place.start, place.stop)
    distance = np.maximum(np.maximum(start - position, position - (end - 1)), 0)
    return 1 - distance / (fade + 1)


def _generate(
    pipe: AIDDPipeline, mono: np.ndarray, missing: np.ndarray, generator: Generator | None
) -> tuple[list[Window], np.ndarray]:
    """
    Windows around the gaps, and their decoded audio, float64 `(windows, samples)`, of a signal, float64, and a mask,
    bool, both `(samples,)` at the codec's rate.
    """
    token_missing = tokens_touched(missing, pipe.hop_length)
    # Half of a training window at most, as the pipeline.
    windows = plan_windows(token_missing, pipe.window_hops, pipe.window_hops // 2)
    # The pipeline's own steps: only what is encoded, and what becomes of the decoded audio, is different.
    tokens, gains = pipe.encode_windows(mono, windows, pipe.sampling_rate)
    still_missing = torch.from_numpy(np.stack([token_missing[window.start : window.end] for window in windows]))
    tokens = pipe.sample_tokens(tokens, still_missing.to(tokens.device), CallOptions(generator=generator))
    decoded = pipe.decode_windows(tokens, gains)
    pipe.maybe_free_model_hooks()
    return windows, decoded
