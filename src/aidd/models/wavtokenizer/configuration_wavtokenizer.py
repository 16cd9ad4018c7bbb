"""Configuration of WavTokenizer, the audio tokenizer of AIDD."""

import math

from huggingface_hub.dataclasses import strict
from transformers import EncodecConfig, PreTrainedConfig


@strict
class WavTokenizerConfig(PreTrainedConfig):
    """
    Configuration of a [`WavTokenizerModel`]. The defaults are those of the published 75-tokens-a-second checkpoints.

    Args:
        sampling_rate (`int`, defaults to 24000): Hz.
        upsampling_ratios (`list[int]`, defaults to `[8, 5, 4, 2]`):
            Strides of the encoder, in decoder order as in [`~transformers.EncodecConfig`]. Their product is the hop
            length: 320 samples, 75 tokens a second. `[6, 5, 5, 4]` gives the 40-tokens-a-second variant.
        num_filters (`int`, defaults to 32): Channels of the encoder's first convolution; doubled at every stride.
        num_lstm_layers (`int`, defaults to 2): Layers of the encoder's LSTM.
        codebook_size (`int`, defaults to 4096): Number of codes.
        codebook_dim (`int`, defaults to 512): Size of a code's vector, and of the encoder's output.
        hidden_size (`int`, defaults to 768): Width of the decoder's backbone, a multiple of 32.
        intermediate_size (`int`, defaults to 2304): Width inside a ConvNeXt block.
        num_hidden_layers (`int`, defaults to 12): Number of ConvNeXt blocks.
        num_bandwidths (`int`, defaults to 4): Rows of the adaptive layer norms' tables. Row 0 is used for decoding.
        activation_dropout (`float`, defaults to 0.1): Dropout inside the residual blocks.
        codebook_decay (`float`, defaults to 0.99): Decay of the codebook's moving averages in training.
        dead_code_threshold (`float`, defaults to 2.0):
            In training, a code whose moving average of uses a batch falls below this is replaced.
        initializer_range (`float`, defaults to 0.02): Standard deviation of the backbone's initial weights.
    """

    model_type = "aidd_wavtokenizer"

    sampling_rate: int = 24_000
    upsampling_ratios: list[int] | tuple[int, ...] = (8, 5, 4, 2)
    num_filters: int = 32
    num_lstm_layers: int = 2
    codebook_size: int = 4096
    codebook_dim: int = 512
    hidden_size: int = 768
    intermediate_size: int = 2304
    num_hidden_layers: int = 12
    num_bandwidths: int = 4
    activation_dropout: float = 0.1
    codebook_decay: float = 0.99
    dead_code_threshold: float = 2.0
    initializer_range: float = 0.02

    def validate_architecture(self) -> None:
        """Part of the validation of `@strict` configurations."""
        if self.hidden_size % 32:
            raise ValueError(f"hidden_size must be a multiple of 32 (group norm), got {self.hidden_size}")

    @property
    def hop_length(self) -> int:
        """Samples a token."""
        return math.prod(self.upsampling_ratios)

    @property
    def n_fft(self) -> int:
        """Length of the decoder's inverse Fourier transform, in samples: four hops."""
        return 4 * self.hop_length

    @property
    def frame_rate(self) -> float:
        """Tokens a second."""
        return self.sampling_rate / self.hop_length

    @property
    def encoder_config(self) -> EncodecConfig:
        """Configuration of the SEANet encoder and the codebook, in the terms of transformers' Encodec."""
        return EncodecConfig(
            sampling_rate=self.sampling_rate,
            upsampling_ratios=list(self.upsampling_ratios),
            num_filters=self.num_filters,
            num_lstm_layers=self.num_lstm_layers,
            hidden_size=self.codebook_dim,
            codebook_size=self.codebook_size,
            use_causal_conv=False,
        )


__all__ = ["WavTokenizerConfig"]
