"""What every inpainting pipeline shares: all but its models and its sampler."""

import os
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from torch import Tensor
from typing_extensions import Self

from ..models.registration import write_pipeline_code
from ..signals.arrays import Method, Waveform
from ..splice.channels import polarities
from ..splice.contract import prepare, write_back
from ..splice.filling import SpliceSettings, fill_gaps, splice_short_gaps
from .options import CallOptions
from .parts import loading_arguments
from .windows import Plan, Window, at_rate, not_filled, plan_windows


class InpaintingPipeline(DiffusionPipeline):
    """
    The way from audio with gaps to audio without: [`inpaint`] reads audio and mask, continues the edges of short gaps,
    places windows about the others ([`plan`]), has them generated ([`generate`]), and puts what was generated into the
    gaps ([`fill`]). Everything else comes back as it was, to the bit.

    A pipeline adds its models and their sampler:

    - a constructor that registers them, and `reach_seconds`, `short_gap_seconds` and `fine_structure`
      ([`~aidd.splice.filling.SpliceSettings`]);
    - the properties `sampling_rate`, `hop_length`, `window_hops`, `context_hops` and `max_gap_seconds`. A hop is the
      step in which the model sees time: a token, a frame, or a single sample;
    - [`missing_hops`] and [`generate`];
    - `__call__`, which makes [`~aidd.pipelines.options.CallOptions`] and the mask of its arguments for [`inpaint`].
    """

    config: Any  # diffusers' dict, whose items are attributes.
    __call__: Any  # Each pipeline has a signature of its own.
    # The model's name in errors.
    model_name = "model"
    # Names of the tensors that callbacks may ask for.
    _callback_tensor_inputs: Sequence[str] = ()

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, **kwargs: Any) -> Self:
        """Loads as [`~diffusers.DiffusionPipeline.from_pretrained`] does, as [`~.parts.loading_arguments`] says."""
        kwargs = loading_arguments(pretrained_model_name_or_path, kwargs)
        return super().from_pretrained(pretrained_model_name_or_path, **kwargs)

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        """
        Saves as [`~diffusers.DiffusionPipeline.save_pretrained`] does, with a `pipeline.py` by which
        `DiffusionPipeline` loads the folder without `import aidd`.
        """
        base = next(one for one in type(self).__mro__ if one.__module__.startswith(__package__))
        write_pipeline_code(save_directory, type(self).__name__, base.__name__)
        super().save_pretrained(save_directory, *args, **kwargs)

    def as_method(self, **options: Any) -> Method:
        """
        The pipeline as a method, a function `method(audio, mask, *, sampling_rate, generator=None) -> audio`.

        Args:
            options: of the pipeline's call, such as `num_variations`.
        """

        def method(
            audio: Waveform,
            mask: np.ndarray | Tensor,
            *,
            sampling_rate: int,
            generator: torch.Generator | None = None,
        ) -> Waveform:
            return self(audio, mask, sampling_rate=sampling_rate, generator=generator, **options).audios

        return method

    @property
    def sampling_rate(self) -> int:
        """The models' sampling rate, in Hz."""
        raise NotImplementedError

    @property
    def hop_length(self) -> int:
        """Samples of a hop, at the models' rate."""
        raise NotImplementedError

    @property
    def window_hops(self) -> int:
        """Hops of a window, as many as the model was trained on. The gaps it fills are half of one at most."""
        raise NotImplementedError

    @property
    def context_hops(self) -> int:
        """Hops of a recording that are read on either side of a gap, at most."""
        raise NotImplementedError

    @property
    def max_gap_seconds(self) -> float:
        """Longest gap that can be filled, in seconds."""
        raise NotImplementedError

    def missing_hops(self, missing: np.ndarray, sampling_rate: int) -> np.ndarray:
        """
        Finds the hops about which nothing certain is known.

        Args:
            missing: bool `(samples,)`, True = missing.
            sampling_rate: Hz of these samples.

        Returns:
            bool `(hops,)`.
        """
        raise NotImplementedError

    def generate(self, mono: np.ndarray, plan: Plan, options: CallOptions) -> np.ndarray:
        """
        Generates audio for windows around gaps.

        Args:
            mono: float64 `(samples,)`, the mean of the recording's channels at its own rate, NaN where missing.
            plan: the gaps and the windows.
            options: of the call: how many variations, their generators, the callback.

        Returns:
            float64 `(variations, windows, samples)` at the models' rate, from [`first_sample`] of each window on.
        """
        raise NotImplementedError

    def first_sample(self, window: Window) -> int:
        """Sample at the models' rate that the audio of a window starts with; before the recording where negative."""
        return window.start * self.hop_length

    def splice_settings(self, sampling_rate: int) -> SpliceSettings:
        """How generated audio is put into the gaps of a recording, whose rate is given in Hz."""
        config = self.config
        return SpliceSettings(
            sampling_rate=sampling_rate,
            generated_rate=self.sampling_rate,
            reach_seconds=config.reach_seconds,
            short_gap_seconds=config.short_gap_seconds,
            fine_structure=config.fine_structure,
            # A pipeline without these settings leaves levels and partials as they are generated.
            **{name: config.get(name, 0.0) for name in ("edge_lines", "expected_levels", "steady_partials")},
        )

    def check_settings(self) -> None:
        """Raises `ValueError` if a registered setting of the splice is out of its range."""
        self.splice_settings(self.sampling_rate)

    def plan(self, missing: np.ndarray, sampling_rate: int) -> Plan:
        """
        Places windows about the gaps.

        Args:
            missing: bool `(samples,)`, True where any channel is missing.
            sampling_rate: Hz of these samples.

        Raises:
            ValueError: a gap longer than the model can fill, or nothing intact next to it.
        """
        missing_hops = self.missing_hops(missing, sampling_rate)
        try:
            windows = plan_windows(missing_hops, self.window_hops, self.window_hops // 2)
        except ValueError as error:
            raise not_filled(self.model_name, error, missing, sampling_rate, self.max_gap_seconds) from error
        return Plan(missing, sampling_rate, missing_hops, windows)

    def inpaint(
        self, audio: Waveform, mask: np.ndarray | Tensor, sampling_rate: int, options: CallOptions
    ) -> Waveform:
        """
        Fills gaps (`mask`: True = missing).

        Args:
            audio, mask, sampling_rate: the arguments of every method, see [`~aidd.splice.contract.prepare`], which
                raises and warns.
            options: of the call.

        Returns:
            Audio of the same type, shape and dtype, equal to the bit outside the mask; with more than one variation,
            behind a leading axis of them.
        """
        prepared = prepare(audio, mask, sampling_rate)
        restored = np.repeat(prepared.signals[None], options.num_variations, axis=0)
        for item, (channels, missing) in enumerate(zip(prepared.signals, prepared.missing, strict=True)):
            if missing.any():
                restored[:, item] = self._inpaint_item(channels, missing, sampling_rate, options)
        self.maybe_free_model_hooks()
        return write_back(prepared, restored if options.num_variations > 1 else restored[0])

    def _inpaint_item(
        self, channels: np.ndarray, missing: np.ndarray, sampling_rate: int, options: CallOptions
    ) -> np.ndarray:
        """One item, float64 and bool `(channels, samples)`, to `(variations, channels, samples)`."""
        settings = self.splice_settings(sampling_rate)
        channels, missing = splice_short_gaps(
            channels, missing, sampling_rate=sampling_rate, longest_seconds=settings.short_gap_seconds
        )
        any_missing = np.any(missing, axis=0)
        if not any_missing.any():
            return np.repeat(channels[None], options.num_variations, axis=0)
        polarity = polarities(channels[:, ~any_missing])
        channels = polarity * channels
        plan = self.plan(any_missing, sampling_rate)
        generated = self.generate(channels.mean(0), plan, options)
        restored = np.repeat(channels[None], options.num_variations, axis=0)
        self.fill(restored, missing, generated, plan, options, settings)
        return polarity * restored

    def fill(
        self,
        restored: np.ndarray,
        missing: np.ndarray,
        generated: np.ndarray,
        plan: Plan,
        options: CallOptions,
        settings: SpliceSettings,
    ) -> None:
        """
        Puts generated audio into the gaps, in place ([`~aidd.splice.filling.fill_gaps`]).

        Args:
            restored: float64 `(variations, channels, samples)`, of a whole recording.
            missing: bool `(channels, samples)`, True = missing.
            generated: as [`generate`] returns it.
            plan: the windows. Each fills the gaps that it is there for.
            options, settings: of the call, and how the audio is put in.
        """
        rate = plan.sampling_rate
        for index, window in enumerate(plan.windows):
            first = self.first_sample(window)
            inside = generated[:, index, max(-first, 0) :]
            start, signals = at_rate(inside, max(first, 0), self.sampling_rate, rate)
            here = slice(start, min(start + signals.shape[-1], missing.shape[-1]))
            gaps = window.gaps_to_fill(
                np.any(missing[:, here], axis=0), start, hop_rate=Fraction(self.sampling_rate, self.hop_length * rate)
            )
            fill_gaps(
                restored[..., here],
                missing[:, here],
                signals[:, : here.stop - start],
                gaps,
                settings=settings,
                generators=options.generators,
                select=options.select,
            )
