"""Token-based audio inpainting by discrete diffusion (AIDD, ICLR 2026, arXiv:2507.08333)."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from transformers import WavTokenizerModel
from typing_extensions import Self

from ..classical.autoregressive import continue_edges
from ..masks.gaps import resample_mask, tokens_touched
from ..models.dit_token import DiTTokenModel
from ..models.wavtokenizer import decode, encode, load_wavtokenizer, save_feature_extractor
from ..schedulers import DiscreteScheduler
from ..signals.arrays import Seconds, Waveform
from ..signals.resampling import resample
from ..splice.channels import polarities
from ..splice.continuation import splice_short_gaps
from ..splice.contract import prepare, write_back
from .filling import fill_window
from .inpainting import InpaintingPipeline
from .inputs import as_asked, check_options, check_splicing, given_mask
from .windows import WINDOW_PEAK, TokenWindow, not_filled, plan_windows


# Models that continue the edges for the encoder.
PREFILL_ORDER = 1000
PREFILL_CONTEXT_SECONDS = 0.1
# Arguments of `from_pretrained` that say where files come from.
HUB_ARGUMENTS = ("cache_dir", "force_download", "local_files_only", "revision", "token", "variant")


class AIDDPipeline(InpaintingPipeline):
    """
    Fills holes in music: windows around the gaps become tokens, the missing tokens are sampled, and the decoded audio
    is put into the gaps. Everything else comes back as it was, to the bit.

    Args:
        codec ([`~transformers.WavTokenizerModel`]):
            Audio to tokens and back. It is brought to float32 and stays there: in bfloat16 its encoder would choose
            other codes here and there.
        transformer ([`DiTTokenModel`]): Predicts missing tokens.
        scheduler ([`MaskedDiscreteScheduler`]): Samples them. Its siblings are exchanged with `from_config`.
        guard_tokens (`int`, defaults to 2):
            Tokens on each side of a gap that are sampled too: the codec's encoder sees the hole beyond its edges.
        reach_seconds (`float`, defaults to 0.08):
            How far from a gap's edges their autoregressive continuation is heard, at most, in gaps of up to 2/15 s;
            further in longer ones, see [`~aidd.splice.continuation.continuation`].
        short_gap_seconds (`float`, defaults to 0.02):
            Gaps no longer than this are filled by the continuation of their edges alone.
        fine_structure (`float`, defaults to 0.75):
            How much of the fine structure of the spectra beside a gap what was generated for it takes on, in [0, 1],
            see [`~aidd.splice.fine_structure.match_fine_structure`].
    """

    # Any: the base class's own is None.
    model_cpu_offload_seq: Any = "codec->transformer"
    # Layer by layer: weight norm is a module that hooks of Accelerate cannot take the weights from.
    _exclude_from_cpu_offload: Any = ("codec",)  # A list to the base class.
    _callback_tensor_inputs = ("tokens", "missing")

    codec: WavTokenizerModel
    transformer: DiTTokenModel
    scheduler: DiscreteScheduler

    def __init__(
        self,
        codec: WavTokenizerModel,
        transformer: DiTTokenModel,
        scheduler: DiscreteScheduler,
        guard_tokens: int = 2,
        reach_seconds: float = 0.08,
        short_gap_seconds: float = 0.02,
        fine_structure: float = 0.75,
    ):
        super().__init__()
        if codec.config.codebook_size != transformer.config.codebook_size:
            raise ValueError(
                "codec and transformer must have one codebook size, "
                f"got {codec.config.codebook_size} and {transformer.config.codebook_size}"
            )
        if isinstance(guard_tokens, bool) or not isinstance(guard_tokens, int) or guard_tokens < 0:
            raise ValueError(f"guard_tokens must be an integer of at least 0, got {guard_tokens!r}")
        if 2 * guard_tokens + 1 > transformer.config.max_position_embeddings // 2:
            raise ValueError(
                "guard_tokens on both sides of a gap must leave room in half of the transformer's window of "
                f"{transformer.config.max_position_embeddings} tokens, got {guard_tokens}"
            )
        check_splicing(reach_seconds, short_gap_seconds, fine_structure)
        self.register_modules(codec=codec.float(), transformer=transformer, scheduler=scheduler)
        self.register_to_config(
            guard_tokens=guard_tokens,
            reach_seconds=reach_seconds,
            short_gap_seconds=short_gap_seconds,
            fine_structure=fine_structure,
        )

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, **kwargs: Any) -> Self:
        """
        As [`~diffusers.DiffusionPipeline.from_pretrained`], in float32 unless told otherwise by `dtype`, and the codec
        in float32 in any case.

        Raises:
            ValueError: a codec that [`~aidd.models.wavtokenizer.load_wavtokenizer`] refuses.
        """
        if "codec" not in kwargs:
            hub_arguments = {name: kwargs[name] for name in HUB_ARGUMENTS if name in kwargs}
            kwargs["codec"] = load_wavtokenizer(pretrained_model_name_or_path, subfolder="codec", **hub_arguments)
        pipe = super().from_pretrained(pretrained_model_name_or_path, **kwargs)
        # A `device_map` places what diffusers loads.
        return pipe.to(pipe.transformer.device) if pipe.codec.device != pipe.transformer.device else pipe

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        """As of [`InpaintingPipeline`], with the feature extractor's file of the codec."""
        save_feature_extractor(self.codec.config, os.path.join(save_directory, "codec"))
        super().save_pretrained(save_directory, *args, **kwargs)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """As [`~diffusers.DiffusionPipeline.to`], but a `dtype` is that of the token model alone."""
        # Any: the annotation of its `to` takes no devices.
        codec: Any = self.codec
        # Directly, as diffusers would take it for a change of the pipeline.
        object.__setattr__(self, "codec", None)
        try:
            super().to(*args, **kwargs)
        finally:
            object.__setattr__(self, "codec", codec)
        # Offloaded layer by layer, the token model has no device of its own, and the codec stays where it is.
        device = self.transformer.device if self.transformer.device.type != "meta" else codec.device
        codec.to(device, torch.float32)
        return self

    @property
    def sampling_rate(self) -> int:
        """The codec's sampling rate, in Hz."""
        return self.codec.config.sampling_rate

    @property
    def hop_length(self) -> int:
        """Samples of a token, at the pipeline's rate."""
        return self.codec.config.hop_length

    @property
    def context_hops(self) -> int:
        """
        Tokens of a recording that are read on either side of a gap, at most: a window lies about the middle of a gap,
        but at the recording's ends may have the gap, with its guard tokens, at its own end. Two more are spared for
        rounding outwards.
        """
        return self.transformer.config.max_position_embeddings + self.config.guard_tokens + 2

    @property
    def max_gap_seconds(self) -> float:
        """Longest gap that can be filled, in seconds: with its guard tokens, half of a training window."""
        return (self._max_gap_tokens - 2 * self.config.guard_tokens - 1) * self.hop_length / self.sampling_rate

    @property
    def _max_gap_tokens(self) -> int:
        return self.transformer.config.max_position_embeddings // 2

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
        Args:
            audio (`np.ndarray` or `torch.Tensor`):
                Float audio in about [-1, 1], `(samples,)`, `(channels, samples)` or `(batch, channels, samples)`. What
                stands under the mask is not read.
            mask (`np.ndarray` or `torch.Tensor`, *optional*):
                bool, `(samples,)` or broadcastable to the audio. **True where samples are MISSING** (some diffusers
                pipelines mean the opposite).
            sampling_rate (`int`, *optional*):
                Hz of the audio. Default: the pipeline's own rate, whatever the recording's may be.
            mask_start_seconds, mask_end_seconds (`float` or sequence of them, *optional*):
                Gaps in seconds, instead of a mask or in addition to it.
            num_variations (`int`, defaults to 1): With more than one, a leading axis of variations is added.
            select (`"agreement"` or `"ranked"`, *optional*):
                Orders the variations in each gap, the best first: by how much the others agree with them
                ([`~aidd.splice.ranking.agreement_risk`]), or by how well they continue the gap's edges
                ([`~aidd.splice.ranking.edge_distance`]). A variation then has gaps of several draws. Default: as
                drawn.
            num_inference_steps (`int`, *optional*): For schedulers with a number of steps to choose.
            generator (`torch.Generator` or a list of one for each variation, *optional*): Same seed, same audio.
            output_type (`"np"` or `"pt"`, *optional*): Default: the type of `audio`.
            return_dict (`bool`, defaults to `True`): Whether to return an output object or a tuple.
            callback_on_step_end (`Callable`, *optional*):
                Called as `callback(pipeline, step, timesteps, tensors)` behind every step; returns tensors to go on
                with.
            callback_on_step_end_tensor_inputs (sequence of `str`): Tensors the callback gets: `tokens`, `missing`.

        Returns:
            [`~diffusers.AudioPipelineOutput`] with `audios` of the shape, dtype and type of `audio` (a leading axis of
            `num_variations`, where that is more than 1), equal to it to the bit where nothing was missing.

        Raises:
            ValueError: on audio, mask, gaps or options that do not fit, with what was expected and what came.
        """
        sampling_rate = self.sampling_rate if sampling_rate is None else sampling_rate
        self.check_inputs(
            num_variations, num_inference_steps, generator, output_type, callback_on_step_end_tensor_inputs, select
        )
        mask = given_mask(audio, mask, mask_start_seconds, mask_end_seconds, sampling_rate=sampling_rate)
        prepared = prepare(audio, mask, sampling_rate)
        signals, missing = prepared.signals, prepared.missing

        restored = np.repeat(signals[None], num_variations, axis=0)
        for item, (channels, channels_missing) in enumerate(zip(signals, missing, strict=True)):
            if channels_missing.any():
                restored[:, item] = self._inpaint(
                    channels,
                    channels_missing,
                    sampling_rate,
                    num_variations,
                    select,
                    num_inference_steps,
                    generator,
                    callback_on_step_end,
                    callback_on_step_end_tensor_inputs,
                )
        self.maybe_free_model_hooks()
        audios = write_back(prepared, restored if num_variations > 1 else restored[0])
        return as_asked(audios, output_type, return_dict)

    @torch.no_grad()
    def reconstruct(
        self,
        audio: Waveform,
        mask: np.ndarray | Tensor,
        *,
        sampling_rate: int,
        generator: torch.Generator | None = None,
    ) -> Waveform:
        """
        Fills the gaps of *intact* audio with the codec's round trip of itself: what the pipeline would give if its
        token model were perfect. The ceiling that evaluations compare with.

        Args:
            audio, mask, sampling_rate: as of `__call__`; samples under the mask are read.
            generator: of the noise above the codec's band.

        Returns:
            Audio of the same type, shape and dtype.
        """
        prepared = prepare(audio, mask, sampling_rate, read_missing=True)
        signals, missing = prepared.signals, prepared.missing
        restored = signals[None].copy()
        for item, (channels, channels_missing) in enumerate(zip(signals, missing, strict=True)):
            if not channels_missing.any():
                continue
            _, windows = self._plan(np.any(channels_missing, axis=0), sampling_rate)
            polarity = polarities(channels)
            filled = (polarity * channels)[None]
            tokens, gains = self._encode(filled[0].mean(0), windows, sampling_rate)
            for decoded, window in zip(self._decode(tokens, gains), windows, strict=True):
                self._fill(filled, channels_missing, decoded[None], window, sampling_rate, [generator], None)
            restored[0, item] = polarity * filled[0]
        self.maybe_free_model_hooks()
        return write_back(prepared, restored[0])

    def check_inputs(
        self,
        num_variations: int,
        num_inference_steps: int | None,
        generator: torch.Generator | list[torch.Generator] | None,
        output_type: str | None,
        callback_on_step_end_tensor_inputs: Sequence[str],
        select: str | None = None,
    ) -> None:
        """Raises `ValueError` on options that do not fit together."""
        check_options(
            num_variations,
            generator,
            output_type,
            select,
            callback_on_step_end_tensor_inputs,
            self._callback_tensor_inputs,
        )
        if num_inference_steps is not None and (
            isinstance(num_inference_steps, bool) or not isinstance(num_inference_steps, int)
        ):
            raise ValueError(f"num_inference_steps must be an integer, got {num_inference_steps!r}")
        if not isinstance(self.scheduler, DiscreteScheduler):
            raise ValueError(
                f"expected a scheduler of discrete diffusion, of aidd.schedulers, got {type(self.scheduler).__name__}"
            )
        # Before any work: the scheduler refuses a number of steps that it has no use for.
        self.scheduler.set_timesteps(num_inference_steps, num_missing=torch.zeros(1, dtype=torch.long))

    def _inpaint(
        self,
        channels: np.ndarray,
        missing: np.ndarray,
        sampling_rate: int,
        num_variations: int,
        select: str | None,
        num_inference_steps: int | None,
        generator: torch.Generator | list[torch.Generator] | None,
        callback: Callable | None,
        callback_tensor_inputs: Sequence[str],
    ) -> np.ndarray:
        """One item, float64 and bool `(channels, samples)`, to `(variations, channels, samples)`."""
        channels, missing = splice_short_gaps(
            channels, missing, sampling_rate=sampling_rate, longest_seconds=self.config.short_gap_seconds
        )
        any_missing = np.any(missing, axis=0)
        if not any_missing.any():
            return np.repeat(channels[None], num_variations, axis=0)
        polarity = polarities(channels[:, ~any_missing])
        channels = polarity * channels
        token_missing, windows = self._plan(any_missing, sampling_rate)
        # The model hears one signal, the mean of the channels. Its edges are continued into the holes, so that the
        # encoder gives the tokens beside them nearly the codes that they would have without a hole.
        num_context = round(PREFILL_CONTEXT_SECONDS * sampling_rate)
        mid = continue_edges(channels.sum(0) / len(channels), any_missing, PREFILL_ORDER, num_context)
        tokens, gains = self._encode(mid, windows, sampling_rate)
        window_missing = torch.stack([torch.from_numpy(token_missing[w.start : w.end]) for w in windows])
        # A batch of variations, each of all windows.
        tokens, window_missing = tokens.repeat(num_variations, 1), window_missing.repeat(num_variations, 1)
        tokens = self._sample(
            tokens, window_missing.to(tokens.device), num_inference_steps, generator, callback, callback_tensor_inputs
        )
        decoded = self._decode(tokens, np.tile(gains, num_variations))
        restored = np.repeat(channels[None], num_variations, axis=0)
        generators = generator if isinstance(generator, list) else [generator] * num_variations
        for index, window in enumerate(windows):
            of_window = decoded[index :: len(windows)]
            self._fill(restored, missing, of_window, window, sampling_rate, generators, select)
        return polarity * restored

    def _plan(self, missing: np.ndarray, sampling_rate: int) -> tuple[np.ndarray, list[TokenWindow]]:
        """Missing tokens `(tokens,)` of missing samples `(samples,)`, and the windows to fill them in."""
        resampled = resample_mask(missing, from_rate=sampling_rate, to_rate=self.sampling_rate)
        token_missing = tokens_touched(resampled, self.codec.config.hop_length, self.config.guard_tokens)
        try:
            windows = plan_windows(
                token_missing, self.transformer.config.max_position_embeddings, self._max_gap_tokens
            )
        except ValueError as error:
            raise not_filled("AIDD model", error, missing, sampling_rate, self.max_gap_seconds) from error
        return token_missing, windows

    def _encode(self, mid: np.ndarray, windows: list[TokenWindow], sampling_rate: int) -> tuple[Tensor, np.ndarray]:
        """Codes of the windows `(windows, tokens)`, and the gain each was encoded with `(windows,)`."""
        hop = self.codec.config.hop_length
        mid = resample(mid, sampling_rate, self.sampling_rate)
        padded = np.pad(mid, (0, -len(mid) % hop))
        audio = np.stack([padded[w.start * hop : w.end * hop] for w in windows])
        peaks = np.abs(audio).max(-1)
        gains = WINDOW_PEAK / np.where(peaks > 0, peaks, 1.0)
        input_values = torch.from_numpy(audio * gains[:, None])[:, None]
        input_values = input_values.to(self._execution_device, self.codec.dtype)
        return encode(self.codec, input_values)[:, 0], gains

    def _sample(
        self,
        tokens: Tensor,
        missing: Tensor,
        num_inference_steps: int | None,
        generator: torch.Generator | list[torch.Generator] | None,
        callback: Callable | None,
        callback_tensor_inputs: Sequence[str],
    ) -> Tensor:
        """Fills the missing tokens, int64 and bool `(rows, tokens)`."""
        self.scheduler.set_timesteps(
            num_inference_steps, num_missing=missing.sum(-1), generator=generator, device=tokens.device
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
                log_probs, timestep, tokens[:, positions], missing=missing[:, positions], generator=generator
            )
            tokens = tokens.index_copy(1, positions, output.prev_sample)
            missing = missing.index_copy(1, positions, output.prev_missing)
            if callback is not None:
                state = {"tokens": tokens, "missing": missing}
                changed = callback(self, step, timestep, {name: state[name] for name in callback_tensor_inputs})
                if not isinstance(changed, dict) or changed.keys() - state.keys():
                    raise ValueError(
                        f"callback_on_step_end must return a dict of tensors among {sorted(state)}, got {changed!r}"
                    )
                tokens, missing = changed.get("tokens", tokens), changed.get("missing", missing)
        if missing.any():
            raise ValueError(f"{int(missing.sum())} tokens are still missing behind the last step")
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

    def _decode(self, tokens: Tensor, gains: np.ndarray) -> np.ndarray:
        """Audio of codes `(rows, tokens)` at the levels before encoding: float64 `(rows, samples)`."""
        audio = decode(self.codec, tokens[:, None])[:, 0]
        return audio.double().cpu().numpy() / gains[:, None]

    def _fill(
        self,
        restored: np.ndarray,
        missing: np.ndarray,
        decoded: np.ndarray,
        window: TokenWindow,
        sampling_rate: int,
        generators: Sequence[torch.Generator | None],
        select: str | None,
    ) -> None:
        """Puts a window's decoded audio, of all variations, into the gaps it is there for, in place."""
        hop = self.codec.config.hop_length
        fill_window(
            restored,
            missing,
            decoded,
            window,
            first=window.start * hop,
            hop_length=hop,
            model_rate=self.sampling_rate,
            sampling_rate=sampling_rate,
            reach_seconds=self.config.reach_seconds,
            fine_structure=self.config.fine_structure,
            generators=generators,
            select=select,
        )
