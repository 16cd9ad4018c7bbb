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

from ..masks.cells import RESAMPLING_REACH, columns, frames_touched, samples_on_grid
from ..models.spectrogram import SpectrogramFrontEnd, predict
from ..schedulers.repaint import PRESETS, repaint, resampling_schedule
from ..signals.arrays import Seconds, Waveform
from ..signals.resampling import resample
from ..splice.cells import fill_cells
from ..splice.channels import polarities, relations
from ..splice.continuation import splice_short_gaps
from ..splice.contract import prepare, write_back
from .filling import fill_window
from .inpainting import InpaintingPipeline
from .inputs import as_asked, check_options, check_splicing, given_mask
from .windows import (
    WINDOW_PEAK,
    TokenWindow,
    first_sample,
    not_filled,
    plan_successive_windows,
    plan_windows,
    window_cells,
    window_frames,
    window_signal,
)


class SpectrogramRePaintPipeline(InpaintingPipeline):
    """
    Fills holes in music with a diffusion model of complex spectrograms, which knows of no holes: RePaint asks it for
    the missing cells of frequency and time, given the others. For holes in time, these are the frames whose windows
    touch a missing sample; what has been generated is put into the holes alone, and everything else comes back as it
    was, to the bit. Masks of cells may have any shape.

    Args:
        unet ([`~diffusers.UNet2DModel`]):
            Predicts the noise of a spectrogram; its `sample_size` is a window, (bins, frames).
        scheduler ([`~diffusers.DDPMScheduler`] or [`~diffusers.DDIMScheduler`]): Takes the steps.
        front_end ([`SpectrogramFrontEnd`]): Signals to spectrograms and back.
        reach_seconds (`float`, defaults to 0.08):
            How far from a gap's edges their autoregressive continuation is heard, see
            [`~aidd.splice.continuation.continuation`].
        short_gap_seconds (`float`, defaults to 0.02):
            Gaps no longer than this are filled by the continuation of their edges alone.
        fine_structure (`float`, defaults to 0):
            How much of the fine structure of the spectra beside a gap what was generated for it takes on, in [0, 1],
            see [`~aidd.splice.fine_structure.match_fine_structure`].
    """

    # Any: the base class's own is None.
    model_cpu_offload_seq: Any = "unet"
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
            raise ValueError(
                "the unet must take 4 channels (real, imaginary, two of coordinates) and give 2, "
                f"got {unet.config['in_channels']} and {unet.config['out_channels']}"
            )
        check_splicing(reach_seconds, short_gap_seconds, fine_structure)
        self.register_modules(unet=unet, scheduler=scheduler, front_end=front_end)
        self.register_to_config(
            reach_seconds=reach_seconds, short_gap_seconds=short_gap_seconds, fine_structure=fine_structure
        )

    @property
    def sampling_rate(self) -> int:
        """The front end's sampling rate, in Hz."""
        return self.front_end.sampling_rate

    @property
    def hop_length(self) -> int:
        """Samples from one frame to the next, at the pipeline's rate."""
        return self.front_end.hop_length

    @property
    def context_hops(self) -> int:
        """
        Hops of a recording that are read on either side of a gap, at most: a window lies about the middle of a gap,
        but at the recording's ends may have the gap at its own end. Its frames hear `overlap - 1` hops more than there
        are of them, which there are silence beyond the recording. One is spared for rounding outwards.
        """
        return self._num_frames + 1

    @property
    def max_gap_seconds(self) -> float:
        """Longest gap that can be filled, in seconds: its frames are half of a training window at most."""
        grid = self.front_end.grid
        num_samples = (self._num_frames // 2 - grid.overlap) * grid.hop_length - 2 * RESAMPLING_REACH
        return num_samples / self.sampling_rate

    def tf_shape(self, num_samples: int, *, sampling_rate: int | None = None) -> tuple[int, int]:
        """Shape (bins, frames) of a `tf_mask` for audio of so many samples. Default of the rate: the pipeline's."""
        rate = self.sampling_rate if sampling_rate is None else sampling_rate
        grid = self.front_end.grid
        return grid.shape(grid.resampled_length(num_samples, rate))

    @property
    def _num_frames(self) -> int:
        return self.unet.config["sample_size"][1]

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
        preset: str = "fast",
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
            tf_mask (`np.ndarray` or `torch.Tensor`, *optional*):
                Instead of them: bool `(bins, frames)` of [`tf_shape`], True where cells are missing, on the front
                end's grid at the pipeline's rate; [`aidd.tf_masks`] makes them. The audio must be finite, and comes
                back changed where windows with a missing cell are; known cells change by the inconsistency of what is
                filled in ([`~aidd.splice.cells.fill_cells`]). Channels are filled with their relations to what they
                share.
            num_variations (`int`, defaults to 1): With more than one, a leading axis of variations is added.
            select (`"agreement"` or `"ranked"`, *optional*):
                Orders the variations in each gap, the best first: by how much the others agree with them
                ([`~aidd.splice.ranking.agreement_risk`]), or by how well they continue the gap's edges
                ([`~aidd.splice.ranking.edge_distance`]). A variation then has gaps of several draws. Default: as
                drawn. Not for a `tf_mask`.
            preset (`str`, defaults to `"fast"`): Of [`aidd.schedulers.repaint.PRESETS`]: "paper", "fast", "none".
            num_inference_steps, jump_length, num_resamplings (`int`, *optional*):
                As of [`~aidd.schedulers.repaint.repaint`]. Default: the preset's.
            generator (`torch.Generator` or a list of one for each variation, *optional*): Same seed, same audio.
            output_type (`"np"` or `"pt"`, *optional*): Default: the type of `audio`.
            return_dict (`bool`, defaults to `True`): Whether to return an output object or a tuple.
            callback_on_step_end (`Callable`, *optional*):
                Called as `callback(pipeline, step, timestep, tensors)` behind every call of the network; returns a
                dict, in which `prediction` replaces the network's.
            callback_on_step_end_tensor_inputs (sequence of `str`): Tensors the callback gets: `sample`, `prediction`.

        Returns:
            [`~diffusers.AudioPipelineOutput`] with `audios` of the shape, dtype and type of `audio` (a leading axis of
            `num_variations`, where that is more than 1), equal to it to the bit where nothing was missing.

        Raises:
            ValueError: on audio, masks, gaps or options that do not fit, with what was expected and what came.
        """
        rate = self.sampling_rate if sampling_rate is None else sampling_rate
        schedule = self.check_inputs(
            num_variations,
            preset,
            (num_inference_steps, jump_length, num_resamplings),
            generator,
            output_type,
            callback_on_step_end_tensor_inputs,
            select,
        )
        generators = generator if isinstance(generator, list) else [generator] * num_variations
        fill = partial(
            self._repaint,
            generators=generators,
            schedule=schedule,
            callback=callback_on_step_end,
            callback_tensor_inputs=callback_on_step_end_tensor_inputs,
        )
        if tf_mask is None:
            mask = given_mask(audio, mask, mask_start_seconds, mask_end_seconds, sampling_rate=rate)
            audios = self._fill_gaps(audio, mask, rate, generators, select, fill)
        else:
            if mask is not None or mask_start_seconds is not None or mask_end_seconds is not None or select:
                raise ValueError("tf_mask stands alone: no mask, gaps in seconds or select with it")
            audios = fill_cells(
                audio,
                tf_mask,
                partial(self._fill_cells, num_variations=num_variations, fill=fill),
                sampling_rate=rate,
                grid=self.front_end.grid,
            )
        self.maybe_free_model_hooks()
        return as_asked(audios, output_type, return_dict)

    def check_inputs(
        self,
        num_variations: int,
        preset: str,
        schedule: tuple[int | None, int | None, int | None],
        generator: torch.Generator | list[torch.Generator] | None,
        output_type: str | None,
        callback_on_step_end_tensor_inputs: Sequence[str],
        select: str | None,
    ) -> dict[str, int]:
        """RePaint's arguments about time. Raises `ValueError` on options that do not fit together."""
        check_options(
            num_variations,
            generator,
            output_type,
            select,
            callback_on_step_end_tensor_inputs,
            self._callback_tensor_inputs,
        )
        if preset not in PRESETS:
            raise ValueError(f"preset must be among {sorted(PRESETS)}, got {preset!r}")
        named = PRESETS[preset]._asdict()
        named |= {name: given for name, given in zip(named, schedule, strict=True) if given is not None}
        resampling_schedule(**named)
        return named

    def _fill_gaps(
        self,
        audio: Waveform,
        mask: np.ndarray | Tensor,
        sampling_rate: int,
        generators: Sequence[torch.Generator | None],
        select: str | None,
        fill: Callable,
    ) -> Waveform:
        prepared = prepare(audio, mask, sampling_rate)
        signals, missing = prepared.signals, prepared.missing
        restored = np.repeat(signals[None], len(generators), axis=0)
        for item, (channels, channels_missing) in enumerate(zip(signals, missing, strict=True)):
            if channels_missing.any():
                restored[:, item] = self._inpaint(channels, channels_missing, sampling_rate, generators, select, fill)
        return write_back(prepared, restored if len(generators) > 1 else restored[0])

    def _inpaint(
        self,
        channels: np.ndarray,
        missing: np.ndarray,
        sampling_rate: int,
        generators: Sequence[torch.Generator | None],
        select: str | None,
        fill: Callable,
    ) -> np.ndarray:
        """One item, float64 and bool `(channels, samples)`, to `(variations, channels, samples)`."""
        channels, missing = splice_short_gaps(
            channels, missing, sampling_rate=sampling_rate, longest_seconds=self.config.short_gap_seconds
        )
        any_missing = np.any(missing, axis=0)
        num_variations, grid = len(generators), self.front_end.grid
        if not any_missing.any():
            return np.repeat(channels[None], num_variations, axis=0)
        polarity = polarities(channels[:, ~any_missing])
        channels = polarity * channels
        frames_missing, windows = self._plan(any_missing, sampling_rate)
        # What stands in the holes reaches no known frame.
        mid = resample(np.where(any_missing, 0.0, channels.mean(0)), sampling_rate, self.sampling_rate)
        known = np.stack([window_cells(mid, window, self._num_frames, grid) for window in windows])
        cells_missing = np.stack(
            [columns(window_frames(frames_missing, window, self._num_frames), grid) for window in windows]
        )
        generated = fill(np.repeat(known[None], num_variations, axis=0), cells_missing)
        generated = window_signal(generated, grid)
        restored = np.repeat(channels[None], num_variations, axis=0)
        for index, window in enumerate(windows):
            self._fill_window(restored, missing, generated[:, index], window, sampling_rate, generators, select)
        return polarity * restored

    def _plan(self, missing: np.ndarray, sampling_rate: int) -> tuple[np.ndarray, list[TokenWindow]]:
        """Missing frames `(frames,)` of missing samples `(samples,)`, and the windows to fill them in."""
        frames_missing = frames_touched(
            samples_on_grid(missing, sampling_rate, self.front_end.grid), self.front_end.grid
        )
        try:
            windows = plan_windows(frames_missing, self._num_frames, self._num_frames // 2)
        except ValueError as error:
            raise not_filled("spectrogram model", error, missing, sampling_rate, self.max_gap_seconds) from error
        return frames_missing, windows

    def _fill_window(
        self,
        restored: np.ndarray,
        missing: np.ndarray,
        generated: np.ndarray,
        window: TokenWindow,
        sampling_rate: int,
        generators: Sequence[torch.Generator | None],
        select: str | None,
    ) -> None:
        """Puts what was generated for a window, `(variations, samples)`, into the gaps it is there for, in place."""
        grid = self.front_end.grid
        start = first_sample(window, grid)
        fill_window(
            restored,
            missing,
            generated[:, max(-start, 0) :],
            window,
            first=max(start, 0),
            hop_length=grid.hop_length,
            model_rate=self.sampling_rate,
            sampling_rate=sampling_rate,
            reach_seconds=self.config.reach_seconds,
            fine_structure=self.config.fine_structure,
            generators=generators,
            select=select,
        )

    def _fill_cells(self, known: np.ndarray, mask: np.ndarray, num_variations: int, fill: Callable) -> np.ndarray:
        """Spectrograms of an item `(channels, bins, frames)`, to `(variations, channels, bins, frames)`."""
        loudest = known[np.square(np.abs(known)).sum((1, 2)).argmax()]
        polarity = np.where((known * loudest.conj()).real.sum((1, 2)) < 0, -1.0, 1.0)[:, None, None]
        filled = np.repeat((polarity * known)[None], num_variations, axis=0)
        missing = mask.copy()
        for window in plan_successive_windows(np.any(mask, axis=0), self._num_frames, self._num_frames // 2):
            here = np.s_[..., window.start : window.end]
            behind = self._num_frames - (window.end - window.start)
            cells = np.pad(filled[here], [(0, 0), (0, 0), (0, 0), (0, behind)])
            cells_missing = np.pad(missing[here], [(0, 0), (0, behind)], constant_values=True)
            mid = cells.mean(1)
            generated = fill(mid[:, None], cells_missing[None])[:, 0]
            channels = relations(cells, mid, ~cells_missing)[..., None] * generated[:, None]
            part = slice(window.fill_start, window.fill_end)
            inside = slice(window.fill_start - window.start, window.fill_end - window.start)
            filled[..., part] = np.where(missing[:, part], channels[..., inside], filled[..., part])
            missing[:, part] = False
        filled = polarity * filled
        return filled if num_variations > 1 else filled[0]

    def _repaint(
        self,
        known: np.ndarray,
        mask: np.ndarray,
        *,
        generators: Sequence[torch.Generator | None],
        schedule: dict[str, int],
        callback: Callable | None,
        callback_tensor_inputs: Sequence[str],
    ) -> np.ndarray:
        """
        Spectrograms complex128 `(variations, windows, bins, frames)` of windows, and what is missing of each, bool
        `(windows, bins, frames)`, to such with these filled.
        """
        num_variations, num_windows = known.shape[:2]
        peaks = np.abs(window_signal(np.where(mask, 0, known), self.front_end.grid)).max(-1)
        gains = (WINDOW_PEAK / np.where(peaks > 0, peaks, 1.0))[..., None, None]
        images = torch.from_numpy(self.front_end.compress(gains * known)).flatten(0, 1).to(self._execution_device)
        missing = torch.from_numpy(mask)[:, None].repeat(num_variations, 1, 1, 1).to(images.device)
        coordinates = torch.from_numpy(self.front_end.coordinates(self._num_frames)).to(images.device, self.unet.dtype)
        steps = count()

        def model(sample: Tensor, timestep: Tensor) -> Tensor:
            prediction = predict(self.unet, coordinates, sample.to(self.unet.dtype), timestep).to(sample.dtype)
            if callback is None:
                return prediction
            state = {"sample": sample, "prediction": prediction}
            changed = callback(self, next(steps), timestep, {name: state[name] for name in callback_tensor_inputs})
            if not isinstance(changed, dict) or changed.keys() - {"prediction"}:
                raise ValueError(
                    f"callback_on_step_end must return a dict with nothing but a prediction, got {changed!r}"
                )
            return changed.get("prediction", prediction)

        drawn_with = [one for one in generators if one is not None for _ in range(num_windows)]
        images = repaint(
            model,
            self.scheduler,
            images,
            missing,
            **schedule,
            generator=None if None in generators else drawn_with,
            progress=self.progress_bar,
        )
        filled = self.front_end.expand(images.cpu().numpy()) / gains.reshape(-1, 1, 1)
        return filled.reshape(known.shape)
