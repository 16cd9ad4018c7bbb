"""Pipelines whose token model learns from the recording that it repairs."""

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..masks.gaps import find_gaps, given_mask
from ..models.dit_token import DiTTokenModel
from ..models.dit_token.adapter_dit_token import add_adapter, drop_adapter, has_adapter, load_adapter, save_adapter
from ..signals.arrays import Seconds
from ..signals.resampling import resample
from ..signals.warning import passing_over
from ..splice.channels import polarities
from ..splice.contract import MaskWarning, prepare
from .adaptation import RANK, SILENT_RMS, SILENT_SHARE, Adaptation, adapt_model, check_bounds, split_windows
from .codec import CodecInpaintingPipeline
from .windows import Window


class AdaptablePipeline(CodecInpaintingPipeline):
    """A pipeline of tokens whose model takes a low-rank adapter, which is learned from the recording to repair."""

    transformer: DiTTokenModel
    _adaptation: Any = None

    def adapt(
        self,
        audio: np.ndarray | Tensor,
        mask: np.ndarray | Tensor | None = None,
        *,
        sampling_rate: int | None = None,
        mask_start_seconds: Seconds | None = None,
        mask_end_seconds: Seconds | None = None,
        max_seconds: float = 60.0,
        max_steps: int | None = None,
        seed: int = 0,
    ) -> Adaptation:
        """
        Learns the intact music of a recording (`mask`: True = missing), to fill its gaps. The model's own weights stay
        as they are, to the bit; what is learned lies in an adapter, which counts in all calls until it is dropped.

        ```python
        pipe.adapt(audio, mask, sampling_rate=44_100, max_seconds=120)
        restored = pipe(audio, mask, sampling_rate=44_100).audios
        pipe.save_adapter("adapters/this_recording")
        pipe.drop_adapter()
        ```

        Args:
            audio: float, `(samples,)` or `(channels, samples)`, one recording. Values under the mask are not read.
            mask, sampling_rate, mask_start_seconds, mask_end_seconds: as of the pipeline's call.
            max_seconds: how long to learn, at most.
            max_steps: how many steps to learn, at most; None sets no bound. A number of steps that is reached before
                the time is over makes the result repeatable: same seed, same audio.
            seed: of all draws.

        Returns:
            What it has come to: the cross-entropy of held-out pieces of the recording before and after.

        Raises:
            ValueError: an adapter is there already, PEFT is not installed, bounds that are none, a recording with too
                little intact and audible music, and as the pipeline's call.
        """
        check_bounds(max_seconds, max_steps)
        rate = self.sampling_rate if sampling_rate is None else sampling_rate
        mask = given_mask(audio, mask, mask_start_seconds, mask_end_seconds, sampling_rate=rate)
        windows, held_out = self._tokens_to_learn(audio, mask, rate)
        return self._learn(windows, held_out, max_seconds=max_seconds, max_steps=max_steps, seed=seed)

    def adapt_to_recordings(
        self,
        recordings: Iterable[tuple[np.ndarray | Tensor, int]],
        *,
        max_seconds: float = 600.0,
        max_steps: int | None = None,
        seed: int = 0,
    ) -> Adaptation:
        """
        Learns intact recordings, of one artist for instance, as [`adapt`] learns one.

        Args:
            recordings: audio, float, `(samples,)` or `(channels, samples)`, and its rate in Hz, of one recording after
                another.
            max_seconds, max_steps, seed: as of `adapt`.

        Returns:
            What it has come to, with pieces of all recordings held out.

        Raises:
            ValueError: as `adapt`, with the number of the recording, from 1 on, or no recording.
        """
        check_bounds(max_seconds, max_steps)
        tokens: list[tuple[Tensor, Tensor]] = []
        for number, (audio, rate) in enumerate(recordings, start=1):
            try:
                with passing_over(MaskWarning):
                    tokens.append(self._tokens_to_learn(audio, np.zeros(audio.shape[-1], bool), rate))
            except ValueError as error:
                raise ValueError(f"recording {number}: {error}") from error
        if not tokens:
            raise ValueError("expected recordings to learn, got none")
        windows, held_out = map(torch.cat, zip(*tokens, strict=True))
        return self._learn(windows, held_out, max_seconds=max_seconds, max_steps=max_steps, seed=seed)

    def _learn(
        self, windows: Tensor, held_out: Tensor, *, max_seconds: float, max_steps: int | None, seed: int
    ) -> Adaptation:
        """Puts an adapter into the model that has learned windows; none if an error is raised."""
        add_adapter(self.transformer, RANK, torch.Generator().manual_seed(seed))
        try:
            self._adaptation = adapt_model(
                self.transformer.eval(),
                windows,
                held_out,
                max_seconds=max_seconds,
                max_steps=max_steps,
                max_gap=self.window_hops // 2,
                seed=seed,
            )
        except BaseException:
            drop_adapter(self.transformer)
            raise
        return self._adaptation

    @torch.no_grad()
    def _tokens_to_learn(
        self, audio: np.ndarray | Tensor, mask: np.ndarray | Tensor, sampling_rate: int
    ) -> tuple[Tensor, Tensor]:
        """Codes of the windows to learn from and of the pieces to hold out, each int64 `(windows, tokens)`."""
        prepared = prepare(audio, mask, sampling_rate)
        if len(prepared.signals) != 1:
            raise ValueError(f"expected one recording to adapt to, got {len(prepared.signals)}")
        channels, missing = prepared.signals[0], np.any(prepared.missing[0], axis=0)
        hops = self.missing_hops(missing, sampling_rate)
        mono = np.where(missing, 0.0, (polarities(channels[:, ~missing]) * channels).mean(0))
        mono = resample(mono, sampling_rate, self.sampling_rate)
        # The last token may be cut short. What is silent has nothing to be learned.
        hops[len(mono) // self.hop_length :] = True
        length = self.window_hops
        chunks = mono[: len(hops) * self.hop_length]
        chunks = np.pad(chunks, (0, len(hops) * self.hop_length - len(chunks))).reshape(len(hops), self.hop_length)
        for first, last in find_gaps(np.sqrt(np.mean(chunks**2, axis=-1)) < SILENT_RMS).tolist():
            if last - first >= SILENT_SHARE * length:
                hops[first:last] = True
        try:
            starts, held_out = split_windows(hops, length)
        except ValueError as error:
            seconds = length * self.hop_length / self.sampling_rate
            raise ValueError(f"too little intact and audible music, in windows of {seconds:.2f} s: {error}") from error
        codes = []
        for several in (starts, held_out):
            windows = [Window(start, start + length, start, start + length) for start in several]
            batches = [windows[first : first + 16] for first in range(0, len(windows), 16)]
            codes.append(torch.cat([self.encode_windows(mono, one, self.sampling_rate)[0] for one in batches]).cpu())
        return codes[0], codes[1]

    @property
    def adaptation(self) -> Adaptation | None:
        """What the adapter that is in the model has come to; None without one."""
        return self._adaptation

    def save_adapter(self, folder: str | os.PathLike) -> None:
        """
        Saves the adapter in PEFT's files, with the record of the adaptation, for [`load_adapter`].

        Raises:
            ValueError: there is no adapter.
        """
        save_adapter(self.transformer, os.fspath(folder), self._adaptation.to_dict() if self._adaptation else {})

    def load_adapter(self, folder: str | os.PathLike) -> None:
        """
        Loads an adapter that [`save_adapter`] has saved.

        Raises:
            ValueError: no such folder, an adapter of another model, an adapter is there already, or PEFT is not
                installed.
        """
        record = load_adapter(self.transformer, os.fspath(folder))
        record.pop("base_model_digest")
        self._adaptation = Adaptation(**record) if record else None

    def drop_adapter(self) -> None:
        """Takes the adapter out: the model is what it was before. Raises `ValueError` if there is none."""
        drop_adapter(self.transformer)
        self._adaptation = None

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        """
        Saves as [`CodecInpaintingPipeline.save_pretrained`] does.

        Raises:
            ValueError: an adapter is in the model; it is saved by [`save_adapter`].
        """
        if has_adapter(self.transformer):
            raise ValueError("expected a model without an adapter, got one with it: use save_adapter and drop_adapter")
        super().save_pretrained(save_directory, *args, **kwargs)
