"""NeuCodec (Julian et al. 2025, arXiv:2509.09550), encoding audio alone and at the rate that it decodes to."""

import math
import os
from typing import Any

from torch import Tensor, nn
from transformers.models.neucodec.configuration_neucodec import NeuCodecConfig
from transformers.models.neucodec.feature_extraction_neucodec import NeuCodecFeatureExtractor
from transformers.models.neucodec.modeling_neucodec import NeuCodecEncoderOutput, NeuCodecModel, NeuCodecOutput

from ...signals.resampling import resample
from ..loading import CompleteLoadingMixin
from .semantic_features import check_frames, with_features


class NeuCodecTokenizerModel(CompleteLoadingMixin, NeuCodecModel):
    """
    transformers' `NeuCodecModel` as a [`~aidd.models.codecs.Codec`]: 50 tokens a second, of 65,536 codes, at 24 kHz.
    The published encoder takes 16 kHz and the decoder gives 24: this one takes the decoder's rate and resamples, so
    that a token has one place and one `hop_length`, 480 samples, on both ways. It makes the features of the semantic
    encoder itself, and its `config` has a `codebook_size`, the product of the `quantization_levels`, and a
    `sampling_rate`, the `output_sampling_rate`.

    Weights and folders are the published ones, which both classes load. Codes are not local: the semantic encoder
    attends to the whole input, over which its features are normalised.

    Args:
        config (`NeuCodecConfig`): Architecture, with a hop of 320 samples of the encoder, in whole samples of the
            decoder.

    Raises:
        ValueError: another hop.
    """

    config_class = NeuCodecConfig

    def __init__(self, config: NeuCodecConfig):
        super().__init__(config)
        if config.encoder_hop_length * config.output_sampling_rate % config.input_sampling_rate:
            raise ValueError(
                f"expected rates at which a hop of {config.encoder_hop_length} samples is one of whole samples, got "
                f"{config.input_sampling_rate} and {config.output_sampling_rate} Hz"
            )
        self.config.codebook_size = math.prod(config.quantization_levels)
        self.config.sampling_rate = config.output_sampling_rate
        self.feature_extractor = NeuCodecFeatureExtractor(
            sampling_rate=config.input_sampling_rate, hop_length=config.encoder_hop_length
        )
        check_frames(self.feature_extractor)

    def encode(self, input_values: Tensor) -> NeuCodecEncoderOutput:
        """
        Encodes audio.

        Args:
            input_values: float `(batch, 1, num_samples)`, in about [-1, 1], at the `sampling_rate`.

        Returns:
            `audio_codes`, int64 `(batch, 1, ceil(num_samples / hop_length))`: those of the published model for the
            resampled audio, padded to whole hops, without the one for the hop of silence that it appends.
        """
        hop_length = self.config.hop_length
        num_tokens = -(-input_values.shape[-1] // hop_length)
        # The published model drops a hop at the end that is not whole.
        audio = nn.functional.pad(input_values, (0, num_tokens * hop_length - input_values.shape[-1]))
        audio = resample(audio, self.config.sampling_rate, self.config.input_sampling_rate)
        output = super().encode(**with_features(self.feature_extractor, audio))
        return NeuCodecEncoderOutput(audio_codes=output.audio_codes[..., :num_tokens].long())

    def forward(self, input_values: Tensor) -> NeuCodecOutput:
        """Codes of audio, as `encode` gives them, and what they decode to, as long as the audio."""
        audio_codes = self.encode(input_values).audio_codes
        audio_values = super().decode(audio_codes).audio_values[..., : input_values.shape[-1]]
        return NeuCodecOutput(audio_values=audio_values, audio_codes=audio_codes)

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        """Saves as transformers does, and the feature extractor's file, as the published folder has it."""
        super().save_pretrained(save_directory, *args, **kwargs)
        self.feature_extractor.save_pretrained(save_directory)
