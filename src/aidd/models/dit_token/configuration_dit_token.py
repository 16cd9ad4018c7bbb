"""Configuration of the Diffusion Transformer over audio tokens."""

from typing import Literal

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig


@strict
class DiTTokenConfig(PreTrainedConfig):
    """
    Configuration of a [`DiTTokenModel`]. The widths' defaults are those of AIDD's small model.

    Args:
        codebook_size (`int`, defaults to 4096): Number of codes of the audio tokenizer.
        hidden_size (`int`, defaults to 768): Width.
        num_hidden_layers (`int`, defaults to 12): Number of blocks.
        num_attention_heads (`int`, defaults to 12): Number of attention heads.
        intermediate_size (`int`, defaults to 3072): Width inside a block's perceptron.
        max_position_embeddings (`int`, defaults to 300):
            Tokens of a training window. Rotary positions work beyond it, but quality drops: keep windows this long.
        rope_theta (`float`, defaults to 10000.0): Base period of the rotary positions.
        parameterization (`str`, defaults to `"log_probs"`):
            `"log_probs"`: normalised log-probabilities of every code; the mask has an id of its own,
            `codebook_size`. `"score"`: SEDD's concrete score, as the published weights hold it; the last code's id
            stands for the mask as well, and that code is never generated.
        time_conditioning (`bool`, defaults to `False`): Whether the blocks are modulated by an embedding of sigma.
        conditioning_size (`int`, defaults to 128): Size of sigma's embedding.
        hidden_dropout (`float`, defaults to 0.1): Dropout after attention and perceptron.
        attention_dropout (`float`, defaults to 0.1): Dropout of attention weights.
        initializer_range (`float`, defaults to 0.02): Standard deviation of initial weights.
    """

    model_type = "aidd_dit_token"

    codebook_size: int = 4096
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    max_position_embeddings: int = 300
    rope_theta: float = 10_000.0
    parameterization: Literal["log_probs", "score"] = "log_probs"
    time_conditioning: bool = False
    conditioning_size: int = 128
    hidden_dropout: float = 0.1
    attention_dropout: float = 0.1
    initializer_range: float = 0.02

    def validate_architecture(self) -> None:
        """Called by the validation of `@strict` configurations."""
        if self.hidden_size % (2 * self.num_attention_heads):
            raise ValueError(
                "hidden_size must be a multiple of twice num_attention_heads (rotary positions turn pairs), "
                f"got {self.hidden_size} and {self.num_attention_heads}"
            )
        if self.parameterization == "score" and not self.time_conditioning:
            raise ValueError("the score depends on sigma: parameterization 'score' needs time_conditioning=True")

    @property
    def mask_token_id(self) -> int:
        """Row of the input embedding that stands for a missing token."""
        return self.codebook_size if self.parameterization == "log_probs" else self.codebook_size - 1

    @property
    def vocab_size(self) -> int:
        """Rows of the input embedding."""
        return self.mask_token_id + 1


__all__ = ["DiTTokenConfig"]
