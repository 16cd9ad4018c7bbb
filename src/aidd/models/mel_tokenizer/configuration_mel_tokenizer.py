"""Configuration of the codec whose encoder hears mel magnitudes."""

from huggingface_hub.dataclasses import strict
from transformers import WavTokenizerConfig


@strict
class MelTokenizerConfig(WavTokenizerConfig):
    """
    Configuration of a [`MelTokenizerModel`]. Quantiser and decoder have the fields of transformers'
    `WavTokenizerConfig`; those of its convolutional encoder are not used.

    Args:
        upsampling_ratios (`list[int]`, defaults to `(8, 5, 4, 3)`): Their product, 480 by default, is the hop length.
        num_mel_bins (`int`, defaults to 160): Bands of the long frames, which are five hops long, one hop apart.
        num_short_mel_bins (`int`, defaults to 32): Bands of the short frames, four to a hop.
        short_frame_length (`int`, defaults to 512): Samples of a short frame.
        encoder_hidden_size (`int`, defaults to 256): Width of the encoder.
        encoder_intermediate_size (`int`, defaults to 768): Width inside its blocks.
        encoder_num_layers (`int`, defaults to 6): Its number of ConvNeXt blocks.
    """

    model_type = "aidd_mel_tokenizer"

    upsampling_ratios: list[int] | tuple[int, ...] = (8, 5, 4, 3)
    hidden_size: int = 32
    codebook_size: int = 1024
    codebook_dim: int = 32
    decoder_hidden_size: int = 256
    decoder_intermediate_size: int = 768
    decoder_num_layers: int = 6
    adanorm_num_embeddings: int = 1
    num_mel_bins: int = 160
    num_short_mel_bins: int = 32
    short_frame_length: int = 512
    encoder_hidden_size: int = 256
    encoder_intermediate_size: int = 768
    encoder_num_layers: int = 6

    def validate_architecture(self) -> None:
        """Called by the validation of `@strict` configurations."""
        super().validate_architecture()
        if self.hop_length % 4:
            raise ValueError(f"the hop length must be a multiple of 4, for the short frames, got {self.hop_length}")


__all__ = ["MelTokenizerConfig"]
