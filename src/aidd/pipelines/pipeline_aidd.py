"""Token-based audio inpainting by discrete diffusion (AIDD, ICLR 2026, arXiv:2507.08333)."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ..classical.autoregressive import continue_edges
from ..masks.gaps import given_mask, resample_mask, tokens_touched
from ..models.codecs import Codec, check_codec
from ..models.dit_token import DiTTokenModel
from ..schedulers import DiscreteScheduler
from ..signals.arrays import Seconds
from ..signals.autoregressive import EDGE_ORDER, EDGE_SECONDS
from .adaptable import AdaptablePipeline
from .options import CallOptions
from .windows import Plan


class AIDDPipeline(AdaptablePipeline):
    """
    Fills gaps in music: windows around the gaps become tokens, the missing tokens are sampled, and the decoded audio
    is put into the gaps. Everything else comes back as it was, to the bit.

    Args:
        codec (`WavTokenizerModel`, `MelTokenizerModel` or another [`~aidd.models.codecs.Codec`]): In float32.
        transformer ([`DiTTokenModel`]): Predicts missing tokens.
        scheduler ([`MaskedDiscreteScheduler`]): Samples them. Its siblings are exchanged with `from_config`.
        guard_tokens (`int`, defaults to 2):
            Tokens on each side of a gap that are sampled too: the codec's encoder sees the gap beyond its edges.
        reach_seconds, short_gap_seconds, fine_structure, edge_lines, expected_levels, steady_partials (`float`):
            How what is generated is put into gaps, see [`~aidd.splice.filling.SpliceSettings`].
        num_candidates (`int`, defaults to 1): Draws of each window, of which the most agreed with is taken.
    """

    model_name = "AIDD model"
    model_cpu_offload_seq: Any = "codec->transformer"  # None to the base class.
    _callback_tensor_inputs = ("tokens", "missing")

    transformer: DiTTokenModel
    scheduler: DiscreteScheduler

    def __init__(
        self,
        codec: Codec,
        transformer: DiTTokenModel,
        scheduler: DiscreteScheduler,
        guard_tokens: int = 2,
        reach_seconds: float = 0.08,
        short_gap_seconds: float = 0.02,
        fine_structure: float = 1.0,
        edge_lines: float = 1.0,
        expected_levels: float = 0.5,
        steady_partials: float = 1.0,
        num_candidates: int = 1,
    ):
        super().__init__()
        check_codec(codec, transformer.config.codebook_size)
        for name, number, least in (("guard_tokens", guard_tokens, 0), ("num_candidates", num_candidates, 1)):
            if isinstance(number, bool) or not isinstance(number, int) or number < least:
                raise ValueError(f"{name} must be an integer of at least {least}, got {number!r}")
        window = transformer.config.max_position_embeddings
        if 2 * guard_tokens + 1 > window // 2:
            raise ValueError(
                f"guard_tokens on both sides must leave room in half a window of {window} tokens, got {guard_tokens}"
            )
        self.register_modules(codec=codec.float(), transformer=transformer, scheduler=scheduler)
        self.register_to_config(
            guard_tokens=guard_tokens,
            reach_seconds=reach_seconds,
            short_gap_seconds=short_gap_seconds,
            fine_structure=fine_structure,
            edge_lines=edge_lines,
            expected_levels=expected_levels,
            steady_partials=steady_partials,
            num_candidates=num_candidates,
        )
        self.check_settings()

    @property
    def window_hops(self) -> int:
        """Tokens of a window, as in the transformer's training."""
        return self.transformer.config.max_position_embeddings

    @property
    def context_hops(self) -> int:
        """
        Tokens of a recording that are read on either side of a gap, at most: at the recording's ends, a gap with its
        guard tokens may lie at the end of its window. Two more are spared for rounding outwards.
        """
        return self.window_hops + self.config.guard_tokens + 2

    @property
    def max_gap_seconds(self) -> float:
        """Longest gap that can be filled, in seconds: with its guard tokens, half of a training window."""
        return (self.window_hops // 2 - 2 * self.config.guard_tokens - 1) * self.hop_length / self.sampling_rate

    # Any: `return_dict` makes it a tuple, and `audios`, to diffusers an array, may be a tensor.
    @torch.no_grad()
    def __call__(
        self,
        audio: np.ndarray | Tensor,
        mask: np.ndarray | Tensor | None = None,
        *,
        sampling_rate: int | None = None,
        mask_start_seconds: Seconds | None = None,
        mask_end_seconds: Seconds | None = None,
        num_variations: int = 1,
        select: Literal["ranked", "agreement"] | None = None,
        num_inference_steps: int | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        output_type: Literal["np", "pt"] | None = None,
        return_dict: bool = True,
        callback_on_step_end: Callable[["AIDDPipeline", int, Tensor, dict], dict] | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("tokens",),
    ) -> Any:
        """
        Fills gaps (`mask`: True = missing; some diffusers pipelines mean the opposite). Gaps are not read.

        Args:
            audio (`np.ndarray` or `torch.Tensor`):
                Float audio in about [-1, 1], `(samples,)`, `(channels, samples)` or `(batch, channels, samples)`.
            mask (`np.ndarray` or `torch.Tensor`, *optional*): bool, `(samples,)` or broadcastable to the audio.
            sampling_rate (`int`, *optional*): Hz of the audio. Default: the pipeline's own rate.
            mask_start_seconds, mask_end_seconds (`float` or sequence of them, *optional*):
                Gaps in seconds, instead of a mask or in addition to it.
            num_variations (`int`, defaults to 1): With more than one, a leading axis of variations is added.
            select (`"agreement"` or `"ranked"`, *optional*):
                Orders the variations in each gap, the best first, by how much the others agree with them or by how
                well they continue the gap's edges ([`aidd.splice.ranking`]). Default: as drawn.
            num_inference_steps (`int`, *optional*): For schedulers with a number of steps to choose.
            generator (`torch.Generator` or a list of one for each variation, *optional*): Same seed, same audio.
            output_type (`"np"` or `"pt"`, *optional*): Default: the type of `audio`.
            return_dict (`bool`, defaults to `True`): Whether to return an output object or a tuple.
            callback_on_step_end (`Callable`, *optional*):
                Called as `callback(pipeline, step, timesteps, tensors)` after every step; returns tensors to use.
            callback_on_step_end_tensor_inputs (sequence of `str`): Tensors the callback gets: `tokens`, `missing`.

        Returns:
            [`~diffusers.AudioPipelineOutput`] with `audios` of the shape, dtype and type of `audio` (a leading axis of
            `num_variations`, where that is more than 1), equal to it to the bit where nothing was missing.

        Raises:
            ValueError: audio, mask, gaps or options that do not fit, with what was expected and what came.
        """
        rate = self.sampling_rate if sampling_rate is None else sampling_rate
        options = CallOptions(
            num_variations=num_variations,
            select=select,
            steps=num_inference_steps,
            generator=generator,
            output_type=output_type,
            return_dict=return_dict,
            callback_on_step_end=callback_on_step_end,
            callback_on_step_end_tensor_inputs=callback_on_step_end_tensor_inputs,
        )
        self.check_inputs(options)
        mask = given_mask(audio, mask, mask_start_seconds, mask_end_seconds, sampling_rate=rate)
        return options.as_output(self.inpaint(audio, mask, rate, options))

    def check_inputs(self, options: CallOptions) -> None:
        """Raises `ValueError` for options that do not fit the scheduler, before any work."""
        options.check_tensor_inputs(self._callback_tensor_inputs)
        steps = options.steps
        if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int)):
            raise ValueError(f"num_inference_steps must be an integer, got {steps!r}")
        if not isinstance(self.scheduler, DiscreteScheduler):
            raise ValueError(
                f"expected a scheduler of discrete diffusion, of aidd.schedulers, got {type(self.scheduler).__name__}"
            )
        # It refuses a number of steps that it has no use for.
        self.scheduler.set_timesteps(steps, num_missing=torch.zeros(1, dtype=torch.long))

    def missing_hops(self, missing: np.ndarray, sampling_rate: int) -> np.ndarray:
        """Tokens that missing samples touch, and the guard tokens around them: bool `(samples,)` to `(tokens,)`."""
        resampled = resample_mask(missing, from_rate=sampling_rate, to_rate=self.sampling_rate)
        return tokens_touched(resampled, self.hop_length, self.config.guard_tokens)

    def generate(self, mono: np.ndarray, plan: Plan, options: CallOptions) -> np.ndarray:
        """Samples the missing tokens of windows and decodes them, see [`InpaintingPipeline.generate`]."""
        # With edges that go on, the encoder gives the tokens beside a gap nearly the codes they have without one.
        mono = continue_edges(mono, plan.missing, EDGE_ORDER, round(EDGE_SECONDS * plan.sampling_rate))
        tokens, gains = self.encode_windows(mono, plan.windows, plan.sampling_rate)
        missing = np.stack([plan.missing_hops[window.start : window.end] for window in plan.windows])
        # A batch of variations, each of its candidates, each of all windows.
        number = options.num_variations * self.config.num_candidates
        tokens = self.sample_tokens(
            tokens.repeat(number, 1), torch.from_numpy(missing).repeat(number, 1).to(tokens.device), options
        )
        audio = self.decode_windows(tokens, np.tile(gains, number))
        audio = audio.reshape(options.num_variations, -1, len(missing), audio.shape[-1])
        return np.stack([self.most_agreed(candidates, missing) for candidates in audio])

    def sample_tokens(self, tokens: Tensor, missing: Tensor, options: CallOptions) -> Tensor:
        """
        Samples missing tokens with the scheduler.

        Args:
            tokens: int64 `(rows, tokens)`; the missing ones are not read.
            missing: bool `(rows, tokens)`, True = missing.
            options: number of steps, generators and callback.

        Returns:
            int64 `(rows, tokens)`.

        Raises:
            ValueError: a callback that returns something else than tensors it got, or leaves tokens missing.
        """
        self.scheduler.set_timesteps(
            options.steps, num_missing=missing.sum(-1), generator=options.generator, device=tokens.device
        )
        positions = missing.any(0).nonzero().flatten()
        bar = self.progress_bar(self.scheduler.timesteps)
        for step, timestep in enumerate(bar):
            # Some schedulers need fewer calls than they have times.
            if not missing.any():
                bar.total = step
                break
            log_probs = self._predict(tokens, missing, timestep, positions)
            output = self.scheduler.step(
                log_probs, timestep, tokens[:, positions], missing=missing[:, positions], generator=options.generator
            )
            state = {
                "tokens": tokens.index_copy(1, positions, output.prev_sample),
                "missing": missing.index_copy(1, positions, output.prev_missing),
            }
            state |= options.call_back(self, step, timestep, state, changeable=self._callback_tensor_inputs)
            tokens, missing = state["tokens"], state["missing"]
        if missing.any():
            raise ValueError(f"{int(missing.sum())} tokens are still missing after the last step")
        return tokens

    def _predict(self, tokens: Tensor, missing: Tensor, timestep: Tensor, positions: Tensor) -> Tensor:
        """Log-probabilities `(rows, positions, codes)` at a time `(rows,)`; zero in rows that miss nothing."""
        sigma = self.scheduler.schedule.sigma(timestep) if self.transformer.config.time_conditioning else None
        log_probs = torch.zeros(len(tokens), len(positions), self.codec.config.codebook_size, device=tokens.device)
        rows = missing.any(-1).nonzero().flatten()
        # No row reads another. A processor's cache holds the activations of one, but hardly those of many.
        for some in rows.split(1 if tokens.device.type == "cpu" else len(rows)):
            log_probs[some] = self.transformer(
                tokens[some], missing[some], None if sigma is None else sigma[some], positions=positions
            ).log_probs
        return log_probs
