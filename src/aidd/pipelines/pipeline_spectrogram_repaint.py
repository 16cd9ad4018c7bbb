"""Inpainting by diffusion of complex spectrograms: RePaint (CVPR 2022, arXiv:2201.09865) in time and frequency."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any, Literal

import numpy as np
import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from torch import Tensor

from ..masks.cells import columns, frames_touched, samples_on_grid
from ..masks.gaps import given_mask
from ..models.spectrogram import SpectrogramFrontEnd, predict
from ..schedulers.repaint import repaint, steps_of
from ..signals.arrays import Seconds
from ..signals.levels import gain_to_peak
from ..signals.resampling import RESAMPLING_REACH, resample
from ..splice.cells import fill_cells
from .cell_windows import fill_cell_windows, first_sample, window_cells, window_frames, window_signal
from .inpainting import InpaintingPipeline
from .options import CallOptions
from .windows import Plan, Window


class SpectrogramRePaintPipeline(InpaintingPipeline):
    """
    Fills gaps in music with a diffusion model of complex spectrograms, which knows of no gaps: RePaint asks it for the
    missing cells of frequency and time, given the others. For gaps in time, these are the frames whose windows touch a
    missing sample, and everything else comes back as it was, to the bit. Masks of cells may have any shape.

    Args:
        unet ([`~diffusers.UNet2DModel`]): Predicts a spectrogram's noise; `sample_size` is a window, (bins, frames).
        scheduler ([`~diffusers.DDPMScheduler`] or [`~diffusers.DDIMScheduler`]): Takes the steps.
        front_end ([`SpectrogramFrontEnd`]): Signals to spectrograms and back.
        reach_seconds, short_gap_seconds, fine_structure (`float`, default to 0.08, 0.02 and 0):
            How what is generated is put into gaps, see [`~aidd.splice.filling.SpliceSettings`].
    """

    model_name = "spectrogram model"
    model_cpu_offload_seq: Any = "unet"  # None to the base class.
    _callback_tensor_inputs = ("sample", "prediction")

    unet: UNet2DModel
    scheduler: DDPMScheduler | DDIMScheduler
    front_end: SpectrogramFrontEnd

    def __init__(
        self,
        unet: UNet2DModel,
        scheduler: DDPMScheduler | DDIMScheduler,
        front_end: SpectrogramFrontEnd,
        reach_seconds: float = 0.08,
        short_gap_seconds: float = 0.02,
        fine_structure: float = 0.0,
    ):
        super().__init__()
        size = unet.config["sample_size"]
        if not isinstance(size, (list, tuple)) or len(size) != 2 or size[0] != front_end.grid.num_bins:
            raise ValueError(
                f"the unet's sample_size must be (bins, frames) with the front end's {front_end.grid.num_bins} bins, "
                f"got {size}"
            )
        if (unet.config["in_channels"], unet.config["out_channels"]) != (4, 2):
            channels = f"{unet.config['in_channels']} and {unet.config['out_channels']}"
            raise ValueError(
                f"the unet must take 4 channels (2 of cells, 2 of coordinates) and give 2, got {channels}"
            )
        self.register_modules(unet=unet, scheduler=scheduler, front_end=front_end)
        self.register_to_config(
            reach_seconds=reach_seconds, short_gap_seconds=short_gap_seconds, fine_structure=fine_structure
        )
        self.check_settings()

    @property
    def sampling_rate(self) -> int:
        """The front end's sampling rate, in Hz."""
        return self.front_end.sampling_rate

    @property
    def hop_length(self) -> int:
        """Samples from one frame to the next, at the pipeline's rate."""
        return self.front_end.hop_length

    @property
    def window_hops(self) -> int:
        """Frames of a window: as many as the network was trained on."""
        return self.unet.config["sample_size"][1]

    @property
    def context_hops(self) -> int:
        """
        Hops of a recording that are read on either side of a gap, at most: those of a window, whose end a gap at the
        recording's end lies at, and one for rounding outwards.
        """
        return self.window_hops + 1

    @property
    def max_gap_seconds(self) -> float:
        """Longest gap that can be filled, in seconds: its frames are half of a training window at most."""
        hops = self.window_hops // 2 - self.front_end.grid.overlap
        return (hops * self.hop_length - 2 * RESAMPLING_REACH) / self.sampling_rate

    def tf_shape(self, num_samples: int, *, sampling_rate: int | None = None) -> tuple[int, int]:
        """Shape (bins, frames) of a `tf_mask` for audio of so many samples. Default of the rate: the pipeline's."""
        rate, grid = self.sampling_rate if sampling_rate is None else sampling_rate, self.front_end.grid
        return grid.shape(grid.resampled_length(num_samples, rate))

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
        tf_mask: np.ndarray | Tensor | None = None,
        num_variations: int = 1,
        select: Literal["ranked", "agreement"] | None = None,
        preset: str | None = None,
        num_inference_steps: int | None = None,
        jump_length: int | None = None,
        num_resamplings: int | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        output_type: Literal["np", "pt"] | None = None,
        return_dict: bool = True,
        callback_on_step_end: Callable[["SpectrogramRePaintPipeline", int, Tensor, dict], dict] | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("prediction",),
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
            tf_mask (`np.ndarray` or `torch.Tensor`, *optional*):
                Instead of them: bool `(bins, frames)` of [`tf_shape`], True where cells are missing; see
                [`aidd.tf_masks`], which makes them, and [`~aidd.splice.cells.fill_cells`] for what comes back.
            num_variations (`int`, defaults to 1): With more than one, a leading axis of variations is added.
            select (`"agreement"` or `"ranked"`, *optional*):
                Orders the variations in each gap, the best first ([`aidd.splice.ranking`]). Not for a `tf_mask`.
            preset (`str`, *optional*): See [`~aidd.schedulers.repaint.PRESETS`]. Default: "plain"; "fast" for cells.
            num_inference_steps, jump_length, num_resamplings (`int`, *optional*): Default: the preset's.
            generator (`torch.Generator` or a list of one for each variation, *optional*): Same seed, same audio.
            output_type (`"np"` or `"pt"`, *optional*): Default: the type of `audio`.
            return_dict (`bool`, defaults to `True`): Whether to return an output object or a tuple.
            callback_on_step_end (`Callable`, *optional*):
                Called as `callback(pipeline, step, timestep, tensors)` after every prediction; may return another.
            callback_on_step_end_tensor_inputs (sequence of `str`): Tensors it gets: `sample`, `prediction`.

        Returns:
            [`~diffusers.AudioPipelineOutput`] with `audios` of the shape, dtype and type of `audio`, behind an axis of
            variations if there are several, equal to it to the bit where nothing was missing.

        Raises:
            ValueError: audio, masks, gaps or options that do not fit, with what was expected and what came.
        """
        rate = self.sampling_rate if sampling_rate is None else sampling_rate
        if preset is None:
            preset = "plain" if tf_mask is None else "fast"
        options = CallOptions(
            num_variations=num_variations,
            select=select,
            steps=steps_of(preset, num_inference_steps, jump_length, num_resamplings),
            generator=generator,
            output_type=output_type,
            return_dict=return_dict,
            callback_on_step_end=callback_on_step_end,
            callback_on_step_end_tensor_inputs=callback_on_step_end_tensor_inputs,
        )
        options.check_tensor_inputs(self._callback_tensor_inputs)
        if tf_mask is None:
            mask = given_mask(audio, mask, mask_start_seconds, mask_end_seconds, sampling_rate=rate)
            return options.as_output(self.inpaint(audio, mask, rate, options))
        if mask is not None or mask_start_seconds is not None or mask_end_seconds is not None or select:
            raise ValueError("tf_mask stands alone: no mask, gaps in seconds or select with it")
        generate = partial(self.repaint_cells, options=options)
        fill = partial(
            fill_cell_windows, num_frames=self.window_hops, num_variations=num_variations, generate=generate
        )
        audios = fill_cells(audio, tf_mask, fill, sampling_rate=rate, grid=self.front_end.grid)
        self.maybe_free_model_hooks()
        return options.as_output(audios)

    def missing_hops(self, missing: np.ndarray, sampling_rate: int) -> np.ndarray:
        """Frames whose windows hold a sample that depends on missing ones: bool `(samples,)` to `(frames,)`."""
        grid = self.front_end.grid
        return frames_touched(samples_on_grid(missing, sampling_rate, grid), grid)

    def first_sample(self, window: Window) -> int:
        """First sample that the frames of a window read; before the recording where negative."""
        return first_sample(window, self.front_end.grid)

    def generate(self, mono: np.ndarray, plan: Plan, options: CallOptions) -> np.ndarray:
        """Repaints the missing frames of windows, see [`InpaintingPipeline.generate`]."""
        grid, num_frames = self.front_end.grid, self.window_hops
        # What stands in the gaps reaches no known frame.
        mono = resample(np.where(plan.missing, 0.0, mono), plan.sampling_rate, self.sampling_rate)
        known = np.stack([window_cells(mono, window, num_frames, grid) for window in plan.windows])
        frames = (window_frames(plan.missing_hops, window, num_frames) for window in plan.windows)
        missing = np.stack([columns(one, grid) for one in frames])
        cells = self.repaint_cells(np.repeat(known[None], options.num_variations, axis=0), missing, options)
        return window_signal(cells, grid)

    def repaint_cells(self, known: np.ndarray, missing: np.ndarray, options: CallOptions) -> np.ndarray:
        """
        Fills missing cells of windows by RePaint.

        Args:
            known: complex128 `(variations, windows, bins, frames)`; missing cells are not read.
            missing: bool `(windows, bins, frames)`, True = missing.
            options: steps, generators and callback.

        Returns:
            complex128, of the shape of `known`.
        """
        num_variations, num_windows = known.shape[:2]
        gains = gain_to_peak(window_signal(np.where(missing, 0, known), self.front_end.grid))[..., None, None]
        device, dtype = self._execution_device, self.unet.dtype
        images = torch.from_numpy(self.front_end.compress(gains * known)).flatten(0, 1).to(device)
        mask = torch.from_numpy(missing)[:, None].repeat(num_variations, 1, 1, 1).to(device)
        coordinates = torch.from_numpy(self.front_end.coordinates(self.window_hops)).to(device, dtype)
        steps = count()

        def model(sample: Tensor, timestep: Tensor) -> Tensor:
            prediction = predict(self.unet, coordinates, sample.to(dtype), timestep).to(sample.dtype)
            state = {"sample": sample, "prediction": prediction}
            changed = options.call_back(self, next(steps), timestep, state, changeable=["prediction"])
            return changed.get("prediction", prediction)

        drawn_with = [one for one in options.generators if one is not None for _ in range(num_windows)]
        images = repaint(
            model,
            self.scheduler,
            images,
            mask,
            **options.steps._asdict(),
            generator=None if None in options.generators else drawn_with,
            progress=self.progress_bar,
        )
        return (self.front_end.expand(images.cpu().numpy()) / gains.reshape(-1, 1, 1)).reshape(known.shape)
