"""
Fills gaps in music by discrete diffusion over the tokens of a codec (AIDD, ICLR 2026, arXiv:2507.08333): what of
`aidd.AIDDPipeline` fits into one file of diffusers' community pipelines. `export.py` beside it writes a folder with
this file and all that it needs, which diffusers loads where aidd is not installed.

It takes audio at the codec's rate, and fills each channel by itself. The package resamples, fills what channels share
once, matches levels and spectral lines to the gap's surroundings, and draws and ranks several fillings.
"""

from fractions import Fraction
from typing import Any

import numpy as np
import torch
from diffusers import AudioPipelineOutput, DiffusionPipeline
from torch import Tensor

from aidd.classical.autoregressive import continue_edges
from aidd.masks.gaps import find_gaps, tokens_touched
from aidd.pipelines.windows import Window, plan_windows
from aidd.signals.autoregressive import EDGE_ORDER, EDGE_SECONDS
from aidd.signals.levels import gain_to_peak
from aidd.splice.contract import prepare, write_back


# Gaps up to this length are filled by the continuation of their edges alone.
SHORT_GAP_SECONDS = 0.02
# Over so much of a gap, at each of its ends, the continuation gives way to what is generated.
CROSSFADE_SECONDS = 0.01


class AIDDInpaintingPipeline(DiffusionPipeline):
    """
    Fills gaps in music: windows around the gaps become tokens, the missing tokens are sampled, and the decoded audio
    is put into the gaps. Everything else comes back as it was, to the bit.

    Args:
        codec: makes tokens of mono audio, and audio of tokens; a WavTokenizer of transformers, or one like it.
        transformer: predicts missing tokens.
        scheduler: samples them.
        guard_tokens (`int`, defaults to 2):
            Tokens on each side of a gap that are sampled too: the codec's encoder sees the gap beyond its edges.
    """

    model_cpu_offload_seq = "codec->transformer"

    def __init__(self, codec: Any, transformer: Any, scheduler: Any, guard_tokens: int = 2):
        super().__init__()
        # In bfloat16, the codec's encoder would choose other codes.
        self.register_modules(codec=codec.float(), transformer=transformer, scheduler=scheduler)
        self.register_to_config(guard_tokens=guard_tokens)

    @torch.no_grad()
    def __call__(
        self,
        audio: np.ndarray | Tensor,
        mask: np.ndarray | Tensor,
        *,
        sampling_rate: int | None = None,
        num_inference_steps: int | None = None,
        generator: torch.Generator | None = None,
        return_dict: bool = True,
    ) -> AudioPipelineOutput | tuple:
        """
        Fills gaps (`mask`: True = missing; some diffusers pipelines mean the opposite). Gaps are not read.

        Args:
            audio (`np.ndarray` or `torch.Tensor`):
                Float audio in about [-1, 1], `(samples,)`, `(channels, samples)` or `(batch, channels, samples)`.
            mask (`np.ndarray` or `torch.Tensor`): bool, `(samples,)` or broadcastable to the audio.
            sampling_rate (`int`, *optional*): Hz of the audio, to be checked: it must be the codec's.
            num_inference_steps (`int`, *optional*): For schedulers with a number of steps to choose.
            generator (`torch.Generator`, *optional*): Same seed, same audio.
            return_dict (`bool`, defaults to `True`): Whether to return an output object or a tuple.

        Returns:
            [`~diffusers.AudioPipelineOutput`] with `audios` of the shape, dtype and type of `audio`, equal to it to
            the bit where nothing was missing.

        Raises:
            ValueError: audio or a mask that does not fit, another rate than the codec's, a gap that is too long, or a
                codec that is not in float32.
        """
        if self.codec.dtype != torch.float32:
            raise ValueError(f"expected the codec in float32, got {self.codec.dtype}: load the pipeline again")
        rate = self.codec.config.sampling_rate
        if sampling_rate not in (None, rate):
            raise ValueError(f"expected audio at the codec's rate of {rate} Hz, got {sampling_rate} Hz: resample it")
        prepared = prepare(audio, mask, rate)
        restored = prepared.signals.copy()
        for channel in np.ndindex(restored.shape[:-1]):
            if prepared.missing[channel].any():
                restored[channel] = self.fill(
                    restored[channel], prepared.missing[channel], num_inference_steps, generator
                )
        self.maybe_free_model_hooks()
        audios = write_back(prepared, restored)
        return AudioPipelineOutput(audios) if return_dict else (audios,)

    def fill(
        self, signal: np.ndarray, missing: np.ndarray, num_inference_steps: int | None, generator: Any
    ) -> np.ndarray:
        """One channel, float64 `(samples,)` and NaN where missing, with its gaps filled."""
        rate, hop_length = self.codec.config.sampling_rate, self.codec.config.hop_length
        # With edges that go on, the encoder gives the tokens beside a gap nearly the codes they have without one.
        continued = continue_edges(signal, missing, EDGE_ORDER, round(EDGE_SECONDS * rate))
        is_long = np.zeros(len(missing), bool)
        for start, end in find_gaps(missing).tolist():
            is_long[start:end] = end - start > SHORT_GAP_SECONDS * rate
        if not is_long.any():
            return continued
        hops = tokens_touched(is_long, hop_length, self.config["guard_tokens"])
        window_length = self.transformer.config.max_position_embeddings
        windows = plan_windows(hops, window_length, window_length // 2)
        tokens, gains = self.encode_windows(continued, windows)
        missing_tokens = torch.from_numpy(np.stack([hops[window.start : window.end] for window in windows]))
        tokens = self.sample_tokens(tokens, missing_tokens.to(tokens.device), num_inference_steps, generator)
        generated = self.codec.decode(audio_codes=tokens[:, None]).audio_values[:, 0]
        generated = generated.double().cpu().numpy() / gains[:, None]
        for window, audio in zip(windows, generated, strict=True):
            first = window.start * hop_length
            here = slice(first, first + len(audio))
            for start, end in window.gaps_to_fill(is_long[here], first, hop_rate=Fraction(1, hop_length)):
                into = np.minimum(np.arange(1, end - start + 1), np.arange(end - start, 0, -1))
                weight = np.sin(np.pi / 2 * np.minimum(into / (CROSSFADE_SECONDS * rate), 1)) ** 2
                gap = slice(first + start, first + end)
                continued[gap] += weight * (audio[start:end] - continued[gap])
        return continued

    def encode_windows(self, signal: np.ndarray, windows: list[Window]) -> tuple[Tensor, np.ndarray]:
        """Codes of windows, int64 `(windows, tokens)`, and the gains that they were encoded with, `(windows,)`."""
        hop_length = self.codec.config.hop_length
        padded = np.pad(signal, (0, -len(signal) % hop_length))
        audio = np.stack([padded[one.start * hop_length : one.end * hop_length] for one in windows])
        gains = gain_to_peak(audio)
        input_values = torch.from_numpy(audio * gains[:, None])[:, None].to(self._execution_device, self.codec.dtype)
        return self.codec.encode(input_values=input_values).audio_codes[:, 0], gains

    def sample_tokens(
        self, tokens: Tensor, missing: Tensor, num_inference_steps: int | None, generator: Any
    ) -> Tensor:
        """Samples missing tokens: int64 and bool `(windows, tokens)` to int64 of that shape."""
        scheduler = self.scheduler
        scheduler.set_timesteps(
            num_inference_steps, num_missing=missing.sum(-1), generator=generator, device=tokens.device
        )
        positions = missing.any(0).nonzero().flatten()
        size = (len(tokens), len(positions), self.codec.config.codebook_size)
        for timestep in self.progress_bar(scheduler.timesteps):
            # Some schedulers need fewer calls than they have times.
            if not missing.any():
                break
            rows = missing.any(-1)
            sigma = scheduler.schedule.sigma(timestep)[rows] if self.transformer.config.time_conditioning else None
            log_probs = torch.zeros(size, device=tokens.device)
            log_probs[rows] = self.transformer(tokens[rows], missing[rows], sigma, positions=positions).log_probs
            output = scheduler.step(
                log_probs, timestep, tokens[:, positions], missing=missing[:, positions], generator=generator
            )
            tokens = tokens.index_copy(1, positions, output.prev_sample)
            missing = missing.index_copy(1, positions, output.prev_missing)
        return tokens
