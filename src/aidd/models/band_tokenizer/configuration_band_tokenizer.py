"""Configuration of the codec whose decoder gives levels of bands."""

from huggingface_hub.dataclasses import strict

from ..mel_tokenizer import MelTokenizerConfig


@strict
class BandTokenizerConfig(MelTokenizerConfig):
    """
    Configuration of a [`BandTokenizerModel`]. Encoder, quantiser and the decoder's backbone have the fields of a
    [`~aidd.models.mel_tokenizer.MelTokenizerConfig`].

    Args:
        num_bands (`int`, defaults to 64): Bands of equal auditory bandwidth, from 0 Hz to half the sampling rate.
        frames_per_token (`int`, defaults to 4): Frames of levels that a token has; their step is its share of the hop.
    """

    model_type = "aidd_band_tokenizer"

    num_bands: int = 64
    frames_per_token: int = 4

    def validate_architecture(self) -> None:
        """Called by the validation of `@strict` configurations."""
        super().validate_architecture()
        if self.num_bands < 2:
            raise ValueError(f"num_bands must be at least 2, got {self.num_bands}")
        if self.frames_per_token < 1 or self.hop_length % self.frames_per_token:
            raise ValueError(
                f"frames_per_token must divide the hop length, {self.hop_length}, got {self.frames_per_token}"
            )


__all__ = ["BandTokenizerConfig"]
