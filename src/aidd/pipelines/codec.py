"""What inpainting pipelines share whose models work on a codec's tokens: windows as codes, and codes as audio."""

import os
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import WavTokenizerModel
from typing_extensions import Self

from ..masks.gaps import find_gaps
from ..models.loading_codecs import load_codec
from ..models.wavtokenizer import decode, encode, save_feature_extractor
from ..signals.arrays import Waveform
from ..signals.levels import gain_to_peak
from ..signals.resampling import resample
from ..splice.channels import polarities
from ..splice.contract import prepare, write_back
from ..splice.ranking import agreement_risk
from .inpainting import InpaintingPipeline
from .options import CallOptions
from .parts import HUB_ARGUMENTS
from .windows import Window


class CodecInpaintingPipeline(InpaintingPipeline):
    """
    An inpainting pipeline with a codec, whose tokens are its hops. The codec stays in float32, however the pipeline is
    loaded or moved: in bfloat16 its encoder would choose other codes here and there.
    """

    # Layer by layer: weight norm is a module that hooks of Accelerate cannot take the weights from.
    _exclude_from_cpu_offload: Any = ("codec",)  # A list to the base class.

    codec: WavTokenizerModel

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, **kwargs: Any) -> Self:
        """
        Loads as [`~diffusers.DiffusionPipeline.from_pretrained`] does, in float32 unless `dtype` says otherwise, and
        the codec in float32 in any case.

        Raises:
            ValueError: a codec that [`~aidd.models.loading_codecs.load_codec`] refuses.
        """
        if "codec" not in kwargs:
            hub_arguments = {name: kwargs[name] for name in (*HUB_ARGUMENTS, "variant") if name in kwargs}
            kwargs["codec"] = load_codec(pretrained_model_name_or_path, subfolder="codec", **hub_arguments)
        pipe = super().from_pretrained(pretrained_model_name_or_path, **kwargs)
        # A `device_map` places what diffusers loads.
        return pipe.to(pipe.model_device) if pipe.codec.device != pipe.model_device else pipe

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        """Saves as [`InpaintingPipeline.save_pretrained`] does, and the feature extractor's file of a WavTokenizer."""
        if isinstance(self.codec, WavTokenizerModel):
            save_feature_extractor(self.codec.config, os.path.join(save_directory, "codec"))
        super().save_pretrained(save_directory, *args, **kwargs)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Moves as [`~diffusers.DiffusionPipeline.to`] does, but a `dtype` is that of the other models alone."""
        # Any: the annotation of its `to` takes no devices.
        codec: Any = self.codec
        # Directly, as diffusers would take it for a change of the pipeline.
        object.__setattr__(self, "codec", None)
        try:
            super().to(*args, **kwargs)
        finally:
            object.__setattr__(self, "codec", codec)
        # Offloaded layer by layer, other models have no device of their own, and the codec stays where it is.
        device = self.model_device
        codec.to(device if device.type != "meta" else codec.device, torch.float32)
        return self

    @property
    def model_device(self) -> torch.device:
        """Where the models other than the codec are."""
        models = (part for part in self.components.values() if isinstance(part, nn.Module) and part is not self.codec)
        # Any: to a type checker, an attribute of a module may be anything.
        model: Any = next(models, self.codec)
        return model.device

    @property
    def sampling_rate(self) -> int:
        """The codec's sampling rate, in Hz."""
        return self.codec.config.sampling_rate

    @property
    def hop_length(self) -> int:
        """Samples of a token, at the pipeline's rate."""
        return self.codec.config.hop_length

    def encode_windows(self, mono: np.ndarray, windows: list[Window], sampling_rate: int) -> tuple[Tensor, np.ndarray]:
        """
        Encodes windows, each at the peak level that the codec's tokens were made at.

        Args:
            mono: finite float64 `(samples,)`.
            windows: of one length.
            sampling_rate: Hz of `mono`.

        Returns:
            Codes, int64 `(windows, tokens)`, and the gain that each window was encoded with, float64 `(windows,)`.
        """
        mono = resample(mono, sampling_rate, self.sampling_rate)
        padded = np.pad(mono, (0, -len(mono) % self.hop_length))
        audio = np.stack([padded[w.start * self.hop_length : w.end * self.hop_length] for w in windows])
        gains = gain_to_peak(audio)
        input_values = torch.from_numpy(audio * gains[:, None])[:, None]
        input_values = input_values.to(self._execution_device, self.codec.dtype)
        return encode(self.codec, input_values)[:, 0], gains

    def decode_windows(self, tokens: Tensor, gains: np.ndarray) -> np.ndarray:
        """Audio of codes `(windows, tokens)` at the levels before encoding: float64 `(windows, samples)`."""
        audio = decode(self.codec, tokens[:, None])[:, 0]
        return audio.double().cpu().numpy() / gains[:, None]

    def most_agreed(self, candidates: np.ndarray, missing: np.ndarray) -> np.ndarray:
        """
        Takes, for each window, the candidate whose gaps the others are most like (minimum Bayes risk, see
        [`~aidd.splice.ranking.agreement_risk`]).

        Args:
            candidates: float64 `(candidates, windows, samples)`.
            missing: bool `(windows, tokens)`, True = missing; each window misses some.

        Returns:
            float64 `(windows, samples)`.
        """
        risks = np.zeros((len(missing), len(candidates)))
        for window, hops in enumerate(missing):
            for start, end in find_gaps(hops) * self.hop_length:
                risks[window] += agreement_risk(candidates[:, window, start:end], sampling_rate=self.sampling_rate)
        return candidates[risks.argmin(-1), np.arange(len(missing))]

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
        Fills the gaps (`mask`: True = missing) of *intact* audio with the codec's round trip of itself: what the
        pipeline would give if its token model were perfect. The ceiling that evaluations compare with.

        Args:
            audio, mask, sampling_rate: the arguments of `__call__`; samples under the mask are read.
            generator: of the noise between lines, and above the codec's band.

        Returns:
            Audio of the same type, shape and dtype, equal to the bit outside the mask.

        Raises:
            ValueError: as `__call__`, or samples under the mask that are not finite.
        """
        options = CallOptions(generator=generator)
        # The levels of a round trip are no guess.
        settings = replace(self.splice_settings(sampling_rate), expected_levels=0.0)
        prepared = prepare(audio, mask, sampling_rate, read_missing=True)
        restored = prepared.signals.copy()
        for item, (channels, missing) in enumerate(zip(prepared.signals, prepared.missing, strict=True)):
            if not missing.any():
                continue
            plan = self.plan(np.any(missing, axis=0), sampling_rate)
            polarity = polarities(channels)
            filled = (polarity * channels)[None]
            tokens, gains = self.encode_windows(filled[0].mean(0), plan.windows, sampling_rate)
            self.fill(filled, missing, self.decode_windows(tokens, gains)[None], plan, options, settings)
            restored[item] = polarity * filled[0]
        self.maybe_free_model_hooks()
        return write_back(prepared, restored)
