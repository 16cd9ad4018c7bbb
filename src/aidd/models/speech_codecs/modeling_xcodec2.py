"""XCodec2 (Ye et al. 2025, arXiv:2502.04128), encoding audio alone."""

import math
import os
from typing import Any

from torch import Tensor
from transformers.models.xcodec2.configuration_xcodec2 import Xcodec2Config
from transformers.models.xcodec2.feature_extraction_xcodec2 import Xcodec2FeatureExtractor
from transformers.models.xcodec2.modeling_xcodec2 import Xcodec2EncoderOutput, Xcodec2Model, Xcodec2Output

from ..loading import CompleteLoadingMixin
from .semantic_features import check_frames, with_features


class XCodec2TokenizerModel(CompleteLoadingMixin, Xcodec2Model):
    """
    transformers' `Xcodec2Model` as a [`~aidd.models.codecs.Codec`]: 50 tokens a second, of 65,536 codes, at 16 kHz. It
    makes the features of the semantic encoder itself, and its `config` has a `codebook_size`, the product of the
    `quantization_levels`.

    Weights and folders are the published ones, which both classes load. Codes are not local: the semantic encoder
    attends to the whole input, over which its features are normalised.

    Args:
        config (`Xcodec2Config`): Architecture, with a hop of 320 samples.

    Raises:
        ValueError: another hop.
    """

    config_class = Xcodec2Config

    def __init__(self, config: Xcodec2Config):
        super().__init__(config)
        self.config.codebook_size = math.prod(config.quantization_levels)
        self.feature_extractor = Xcodec2FeatureExtractor(
            sampling_rate=config.sampling_rate, hop_length=config.hop_length
        )
        check_frames(self.feature_extractor)

    def encode(self, input_values: Tensor) -> Xcodec2EncoderOutput:
        """
        Encodes audio.

        Args:
            input_values: float `(batch, 1, num_samples)`, in about [-1, 1], at the `sampling_rate`.

        Returns:
            `audio_codes`, int64 `(batch, 1, ceil(num_samples / hop_length))`: those of the published model, without
            the one for the hop of silence that it appends to whole hops.
        """
        num_tokens = -(-input_values.shape[-1] // self.config.hop_length)
        output = super().encode(**with_features(self.feature_extractor, input_values))
        return Xcodec2EncoderOutput(audio_codes=output.audio_codes[..., :num_tokens].long())

    def forward(self, input_values: Tensor) -> Xcodec2Output:
        """Codes of audio, as `encode` gives them, and what they decode to, as long as the audio."""
        audio_codes = self.encode(input_values).audio_codes
        audio_values = super().decode(audio_codes).audio_values[..., : input_values.shape[-1]]
        return Xcodec2Output(audio_values=audio_values, audio_codes=audio_codes)

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        """Saves as transformers does, and the feature extractor's file, as the published folder has it."""
        super().save_pretrained(save_directory, *args, **kwargs)
        self.feature_extractor.save_pretrained(save_directory)
