"""Inpainting by diffusion of waveforms: CQT-Diff (arXiv:2210.15228) and CQT-Diff+ (arXiv:2305.15266)."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..masks.gaps import given_mask, missing_when_resampled
from ..models.cqtdiff import CQTDiffPlusUNet, CQTDiffUNet, denoise
from ..schedulers.reconstruction_guidance import guide, within_bounds
from ..schedulers.scheduling_edm import EDMScheduler
from ..signals.arrays import Seconds
from ..signals.resampling import RESAMPLING_REACH, resample
from .inpainting import InpaintingPipeline
from .options import CallOptions
from .windows import Plan


# RMS of intact audio below which a window is given to the network as it is.
SILENCE = 1e-6


class CQTDiffSteps(NamedTuple):
    """How gaps are sampled: the number of steps, and how strongly each is guided."""

    num_inference_steps: int
    guidance_scale: float


class CQTDiffPipeline(InpaintingPipeline):
    """
    Fills gaps in music with a diffusion model of waveforms, which knows of no gaps: each step of the sampler is guided
    by the distance of the denoised signal from what is intact, and what is intact is put in its place to the sample.

    Args:
        unet ([`CQTDiffPlusUNet`] or [`CQTDiffUNet`]): Denoises waveforms; `sample_size` is a window.
        scheduler ([`EDMHeunScheduler`] or [`EDMAncestralScheduler`]): Takes the steps.
        num_inference_steps (`int`, defaults to 35):
            Steps of the sampler. Each calls the network once with an `EDMAncestralScheduler`, twice with an
            `EDMHeunScheduler`; guidance takes the network's gradients as well, which triples the time.
        guidance_scale (`float`, defaults to 0.2):
            How far a step is guided, see [`~aidd.schedulers.reconstruction_guidance.guide`].
        reach_seconds, short_gap_seconds, fine_structure (`float`, default to 0.01, 0.02 and 0):
            How what is generated is put into gaps, see [`~aidd.splice.filling.SpliceSettings`].
    """

    model_name = "waveform model"
    model_cpu_offload_seq: Any = "unet"  # None to the base class.
    _callback_tensor_inputs = ("sample", "denoised")

    unet: CQTDiffPlusUNet | CQTDiffUNet
    scheduler: EDMScheduler

    def __init__(
        self,
        unet: CQTDiffPlusUNet | CQTDiffUNet,
        scheduler: EDMScheduler,
        num_inference_steps: int = 35,
        guidance_scale: float = 0.2,
        reach_seconds: float = 0.01,
        short_gap_seconds: float = 0.02,
        fine_structure: float = 0.0,
    ):
        super().__init__()
        check_guidance(guidance_scale)
        scheduler.noise_levels(num_inference_steps)
        self.register_modules(unet=unet, scheduler=scheduler)
        self.register_to_config(
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            reach_seconds=reach_seconds,
            short_gap_seconds=short_gap_seconds,
            fine_structure=fine_structure,
        )
        self.check_settings()

    @property
    def sampling_rate(self) -> int:
        """The network's sampling rate, in Hz."""
        return self.unet.config["sampling_rate"]

    @property
    def hop_length(self) -> int:
        """1: the network sees every sample."""
        return 1

    @property
    def window_hops(self) -> int:
        """Samples of a window: as many as the network was trained on."""
        return self.unet.config["sample_size"]

    @property
    def context_hops(self) -> int:
        """Samples that are read on either side of a gap, at most, with the reach of resampling and of rounding."""
        return self.window_hops + 2 * RESAMPLING_REACH

    @property
    def max_gap_seconds(self) -> float:
        """Longest gap that can be filled, in seconds: half of a window, with the reach of resampling."""
        return (self.window_hops // 2 - 4 * RESAMPLING_REACH) / self.sampling_rate

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
        guidance_scale: float | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        output_type: Literal["np", "pt"] | None = None,
        return_dict: bool = True,
        callback_on_step_end: Callable[["CQTDiffPipeline", int, Tensor, dict], dict] | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("denoised",),
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
                Orders the variations in each gap, the best first ([`aidd.splice.ranking`]).
            num_inference_steps (`int`, *optional*): Steps of the sampler. Default: the pipeline's own number.
            guidance_scale (`float`, *optional*): How far each step is guided. Default: the pipeline's own number.
            generator (`torch.Generator` or a list of one for each variation, *optional*): Same seed, same audio.
            output_type (`"np"` or `"pt"`, *optional*): Default: the type of `audio`.
            return_dict (`bool`, defaults to `True`): Whether to return an output object or a tuple.
            callback_on_step_end (`Callable`, *optional*):
                Called as `callback(pipeline, step, sigma, tensors)` after every call of the network; may return
                another denoised signal.
            callback_on_step_end_tensor_inputs (sequence of `str`): Tensors it gets: `sample`, `denoised`.

        Returns:
            [`~diffusers.AudioPipelineOutput`] with `audios` of the shape, dtype and type of `audio`, behind an axis of
            variations if there are several, equal to it to the bit where nothing was missing.

        Raises:
            ValueError: audio, masks, gaps or options that do not fit, with what was expected and what came.
        """
        rate = self.sampling_rate if sampling_rate is None else sampling_rate
        scale = self.config.guidance_scale if guidance_scale is None else guidance_scale
        check_guidance(scale)
        num_steps = self.config.num_inference_steps if num_inference_steps is None else num_inference_steps
        self.scheduler.noise_levels(num_steps)
        options = CallOptions(
            num_variations=num_variations,
            select=select,
            steps=CQTDiffSteps(num_steps, scale),
            generator=generator,
            output_type=output_type,
            return_dict=return_dict,
            callback_on_step_end=callback_on_step_end,
            callback_on_step_end_tensor_inputs=callback_on_step_end_tensor_inputs,
        )
        options.check_tensor_inputs(self._callback_tensor_inputs)
        mask = given_mask(audio, mask, mask_start_seconds, mask_end_seconds, sampling_rate=rate)
        return options.as_output(self.inpaint(audio, mask, rate, options))

    def missing_hops(self, missing: np.ndarray, sampling_rate: int) -> np.ndarray:
        """Samples at the network's rate that depend on missing ones: bool `(samples,)` to `(hops,)`."""
        return missing_when_resampled(missing, from_rate=sampling_rate, to_rate=self.sampling_rate)

    def generate(self, mono: np.ndarray, plan: Plan, options: CallOptions) -> np.ndarray:
        """Samples the missing parts of windows, see [`InpaintingPipeline.generate`]."""
        # What stands in the gaps reaches no known sample.
        mono = resample(np.where(plan.missing, 0.0, mono), plan.sampling_rate, self.sampling_rate)
        known = np.where(plan.missing_hops, np.nan, mono)
        windows = [known[window.start : window.end] for window in plan.windows]
        return np.stack([self.sample_window(window, options) for window in windows], axis=1)

    def sample_window(self, known: np.ndarray, options: CallOptions) -> np.ndarray:
        """
        Fills one window.

        Args:
            known: float64 `(samples,)`, at most a window, NaN where missing. What a window has more is missing, too.
            options: steps, generators and callback.

        Returns:
            float64 `(variations, samples)`.
        """
        missing = np.isnan(known)
        return self.sample_within(np.where(missing, -np.inf, known), np.where(missing, np.inf, known), options)

    def sample_within(self, lower: np.ndarray, upper: np.ndarray, options: CallOptions) -> np.ndarray:
        """
        Samples one window, of a level that the network was trained on, within bounds.

        Args:
            lower, upper: float64 `(samples,)`, at most a window: equal where a sample is known, infinite where nothing
                is, and one of them finite where it is known on which side of a level a sample lies.
            options: steps, generators and callback.

        Returns:
            float64 `(variations, samples)`, within the bounds to the rounding of float32.
        """
        num_samples = len(lower)
        known = np.clip(0.0, lower, upper)[np.isfinite(lower) | np.isfinite(upper)]
        level, sigma_data = np.sqrt(np.mean(known**2)), self.unet.config["sigma_data"]
        gain = sigma_data / level if level > SILENCE else 1.0
        device, steps, calls = self._execution_device, options.steps, count()
        generators = [one for one in options.generators if one is not None]
        padding = (0, self.window_hops - num_samples)
        bounds = [
            torch.from_numpy(np.pad(gain * bound, padding, constant_values=nothing)).float().to(device)[None]
            for bound, nothing in ((lower, -np.inf), (upper, np.inf))
        ]

        def denoiser(sample: Tensor, sigma: float) -> Tensor:
            sample = sample.detach().requires_grad_()
            sigmas = torch.full((len(sample),), sigma, device=device)
            with torch.set_grad_enabled(steps.guidance_scale > 0):
                estimate = self.unet.without_ends(denoise(self.unet, sample, sigmas, sigma_data))
                guided = guide(estimate, sample, sigma, *bounds, guidance_scale=steps.guidance_scale)
            denoised = within_bounds(guided, *bounds)
            state = {"sample": sample.detach(), "denoised": denoised}
            changed = options.call_back(self, next(calls), sigmas[0], state, changeable=["denoised"])
            return changed.get("denoised", denoised)

        filled = self.scheduler.sample(
            denoiser,
            (options.num_variations, self.window_hops),
            num_inference_steps=steps.num_inference_steps,
            generator=generators or None,
            device=device,
            progress=self.progress_bar,
        )
        return filled[:, :num_samples].double().cpu().numpy() / gain


def check_guidance(guidance_scale: float) -> None:
    """Raises `ValueError` for a guidance that is negative or not finite."""
    if not 0 <= guidance_scale < float("inf"):
        raise ValueError(f"guidance_scale must be a finite number of at least 0, got {guidance_scale!r}")
