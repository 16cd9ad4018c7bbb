"""
Diffusion Transformer (Peebles & Xie 2023, arXiv:2212.09748) over audio tokens, as SEDD (Lou et al. 2024,
arXiv:2310.16834) and AIDD (arXiv:2507.08333) use it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers import initialization as init
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.utils import ModelOutput, logging

from ..loading import CompleteLoadingMixin
from .configuration_dit_token import DiTTokenConfig


logger = logging.get_logger(__name__)


@dataclass
class DiTTokenOutput(ModelOutput):
    """
    Args:
        log_probs (`torch.FloatTensor` of shape `(batch_size, num_tokens, codebook_size)`):
            Log-probability of every code given the visible tokens, float32, at all tokens or the `positions` asked
            for, `(number of True, codebook_size)` where these are bool. A `"log_probs"` model normalises them. A
            `"score"` model gives `log(score) + log(exp(sigma) - 1)`, whose exponentials sum over codes to the learned
            rate of unmasking, in units of the true one; the code whose id stands for the mask has `-inf`.
    """

    log_probs: Tensor


def sigma_embedding(sigma: Tensor, size: int = 256, max_period: float = 10_000.0) -> Tensor:
    """Cosines, then sines, of sigma at `size / 2` geometrically spaced frequencies: `(batch,)` to `(batch, size)`."""
    exponents = torch.arange(size // 2, dtype=torch.float32, device=sigma.device) / (size // 2)
    angles = sigma.float()[:, None] * torch.exp(-math.log(max_period) * exponents)
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def rotary_tables(num_tokens: int, head_dim: int, theta: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary positions (Su et al. 2021), float32 `(num_tokens, head_dim)`, halves alike."""
    frequencies = theta ** (-torch.arange(0, head_dim, 2, dtype=torch.float32, device=device) / head_dim)
    angles = torch.arange(num_tokens, dtype=torch.float32, device=device)[:, None] * frequencies
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def apply_rotary(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns `(batch, heads, num_tokens, head_dim)` by its positions, pairing the channels' first half and second."""
    first, second = states.chunk(2, dim=-1)
    rotated = torch.cat([-second, first], dim=-1)
    return (states * cos + rotated * sin).to(states.dtype)


def eager_attention_forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """Attention written out, in the form of transformers' attention interface."""
    weights = query @ key.transpose(2, 3) * scaling
    if attention_mask is not None:
        weights = weights + attention_mask
    weights = weights.softmax(-1, dtype=torch.float32).to(query.dtype)
    weights = nn.functional.dropout(weights, dropout, module.training)
    return (weights @ value).transpose(1, 2).contiguous(), weights


class DiTTokenLayerNorm(nn.Module):
    """Layer norm in float32 with a scale and no shift."""

    def __init__(self, hidden_size: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(hidden_size))

    def forward(self, hidden_states: Tensor) -> Tensor:
        normed = nn.functional.layer_norm(hidden_states.float(), hidden_states.shape[-1:])
        return (normed * self.weight.float()).to(self.weight.dtype)


class DiTTokenModulation(nn.Module):
    """
    Shifts, scales and gates of a block (adaLN-zero): linear in the embedding of sigma, or, in a time-free model,
    constants. Zero at the start of training.
    """

    def __init__(self, config: DiTTokenConfig, num_vectors: int):
        super().__init__()
        self.num_vectors = num_vectors
        self.bias = nn.Parameter(torch.zeros(num_vectors * config.hidden_size))
        if config.time_conditioning:
            self.weight = nn.Parameter(torch.zeros(num_vectors * config.hidden_size, config.conditioning_size))

    def forward(self, conditioning: Tensor | None) -> tuple[Tensor, ...]:
        """`(batch, conditioning_size)` or None to `num_vectors` tensors `(batch or 1, 1, hidden_size)`."""
        if conditioning is None:
            vectors = self.bias[None]
        else:
            vectors = nn.functional.linear(conditioning.to(self.weight.dtype), self.weight, self.bias)
        return vectors[:, None].chunk(self.num_vectors, dim=-1)


class DiTTokenAttention(nn.Module):
    """Bidirectional multi-head attention with rotary positions."""

    is_causal = False

    def __init__(self, config: DiTTokenConfig):
        super().__init__()
        self.config = config
        self.head_dim = config.hidden_size // config.num_attention_heads
        self.scaling = self.head_dim**-0.5
        self.qkv_proj = nn.Linear(config.hidden_size, 3 * config.hidden_size, bias=False)
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(
        self, hidden_states: Tensor, position_embeddings: tuple[Tensor, Tensor], attention_mask: Tensor | None
    ) -> Tensor:
        batch_size, num_tokens, _ = hidden_states.shape
        states = self.qkv_proj(hidden_states).view(batch_size, num_tokens, 3, -1, self.head_dim)
        query, key, value = states.permute(2, 0, 3, 1, 4)
        query, key = apply_rotary(query, *position_embeddings), apply_rotary(key, *position_embeddings)
        attend: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        attended, _ = attend(
            self,
            query,
            key,
            value,
            attention_mask,
            scaling=self.scaling,
            dropout=self.config.attention_dropout if self.training else 0.0,
        )
        return self.o_proj(attended.reshape(batch_size, num_tokens, -1))


class DiTTokenBlock(GradientCheckpointingLayer):
    """Attention and perceptron, each modulated before and gated after. The residual stream is float32."""

    def __init__(self, config: DiTTokenConfig):
        super().__init__()
        self.modulation = DiTTokenModulation(config, 6)
        self.attention_norm = DiTTokenLayerNorm(config.hidden_size)
        self.attention = DiTTokenAttention(config)
        self.mlp_norm = DiTTokenLayerNorm(config.hidden_size)
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(
        self,
        hidden_states: Tensor,
        conditioning: Tensor | None,
        position_embeddings: tuple[Tensor, Tensor],
        attention_mask: Tensor | None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """`(batch, num_tokens, hidden_size)` to the same, or to the tokens at `positions`, `(num_positions,)`."""
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.modulation(conditioning)
        modulated = self.attention_norm(hidden_states) * (1 + scale_a) + shift_a
        attended = self.attention(modulated, position_embeddings, attention_mask)
        hidden_states = hidden_states + gate_a * self.dropout(attended)
        if positions is not None:
            hidden_states = hidden_states[:, positions]
        modulated = self.mlp_norm(hidden_states) * (1 + scale_m) + shift_m
        perceived = self.fc2(nn.functional.gelu(self.fc1(modulated), approximate="tanh"))
        return hidden_states + gate_m * self.dropout(perceived)


class DiTTokenModel(CompleteLoadingMixin, PreTrainedModel):
    """Predicts missing audio tokens from the visible ones."""

    config: DiTTokenConfig
    config_class = DiTTokenConfig
    base_model_prefix = "dit_token"
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    # The base class annotates a list.
    _no_split_modules: Any = ("DiTTokenBlock",)

    def __init__(self, config: DiTTokenConfig):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        if config.time_conditioning:
            self.sigma_mlp = nn.Sequential(
                nn.Linear(256, config.conditioning_size),
                nn.SiLU(),
                nn.Linear(config.conditioning_size, config.conditioning_size),
            )
        self.layers = nn.ModuleList([DiTTokenBlock(config) for _ in range(config.num_hidden_layers)])
        self.modulation = DiTTokenModulation(config, 2)
        self.norm = DiTTokenLayerNorm(config.hidden_size)
        self.head = nn.Linear(config.hidden_size, config.codebook_size)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, DiTTokenLayerNorm):
            init.ones_(module.weight)
        elif isinstance(module, DiTTokenModulation):
            init.zeros_(module.bias)
            if self.config.time_conditioning:
                init.zeros_(module.weight)
        elif module is self.head:
            init.zeros_(module.weight)
            init.zeros_(module.bias)

    def forward(
        self,
        input_ids: Tensor,
        missing: Tensor,
        sigma: Tensor | None = None,
        attention_mask: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> DiTTokenOutput:
        """
        Args:
            input_ids (`torch.LongTensor` of shape `(batch_size, num_tokens)`):
                Codes in `[0, codebook_size)`. Values at missing tokens are not read.
            missing (`torch.BoolTensor` of shape `(batch_size, num_tokens)`): True at missing tokens.
            sigma (`torch.FloatTensor` of shape `(batch_size,)`, *optional*):
                Total noise, `-log(1 - masked fraction)`. Needed with, and only with, `time_conditioning`.
            attention_mask (`torch.BoolTensor` of shape `(batch_size, num_tokens)`, *optional*):
                True at tokens to attend to, False at padding.
            positions (`torch.Tensor`, *optional*):
                Tokens to predict. int64 `(num_positions,)`: these in every row, without what only the others need,
                and `log_probs` has `num_positions` in place of `num_tokens`. bool `(batch_size, num_tokens)`: those
                that are True, whose logits alone are computed, and `log_probs` is `(number of True, codebook_size)`,
                row by row. Default: all.

        Raises:
            ValueError: shapes that differ, codes outside the codebook, sigma missing or not asked for.
        """
        self._check_inputs(input_ids, missing, sigma, positions)
        hidden_states = self.embed_tokens(input_ids.masked_fill(missing, self.config.mask_token_id))
        conditioning = None
        if sigma is not None:
            embedding = sigma_embedding(sigma).to(next(self.sigma_mlp.parameters()).dtype)
            conditioning = nn.functional.silu(self.sigma_mlp(embedding))
        position_embeddings = rotary_tables(
            input_ids.shape[1],
            self.config.hidden_size // self.config.num_attention_heads,
            self.config.rope_theta,
            input_ids.device,
        )
        mask = create_bidirectional_mask(self.config, hidden_states, attention_mask)
        hidden_states = hidden_states.float()
        *layers, last_layer = self.layers
        for layer in layers:
            hidden_states = layer(hidden_states, conditioning, position_embeddings, mask)
        chosen = positions if positions is not None and positions.dtype == torch.bool else None
        # After the last attention, no token reads another.
        hidden_states = last_layer(
            hidden_states, conditioning, position_embeddings, mask, positions if chosen is None else None
        )
        shift, scale = self.modulation(conditioning)
        hidden_states = self.norm(hidden_states) * (1 + scale) + shift
        # With many codes, nothing is as large as the head's output.
        logits = self.head(hidden_states if chosen is None else hidden_states[chosen]).float()
        if self.config.parameterization == "log_probs":
            return DiTTokenOutput(logits.log_softmax(-1))
        # SEDD subtracts log(e^sigma - 1) and log(codes) from its output: a zero head is uniform over the other codes.
        log_probs = logits - math.log(self.config.codebook_size - 1)
        mask_token = torch.tensor(self.config.mask_token_id, device=log_probs.device)
        return DiTTokenOutput(log_probs.index_fill(-1, mask_token, -torch.inf))

    def _check_inputs(
        self, input_ids: Tensor, missing: Tensor, sigma: Tensor | None, positions: Tensor | None
    ) -> None:
        if input_ids.ndim != 2 or input_ids.numel() == 0:
            raise ValueError(f"input_ids must have shape (batch_size, num_tokens), got {tuple(input_ids.shape)}")
        if missing.shape != input_ids.shape or missing.dtype != torch.bool:
            raise ValueError(
                f"missing must be bool of input_ids' shape {tuple(input_ids.shape)}, "
                f"got {missing.dtype} of {tuple(missing.shape)}"
            )
        if self.config.time_conditioning and (sigma is None or sigma.shape != input_ids.shape[:1]):
            got = None if sigma is None else tuple(sigma.shape)
            raise ValueError(f"this model needs sigma of shape ({len(input_ids)},), got {got}")
        if not self.config.time_conditioning and sigma is not None:
            raise ValueError("this model is time-free (time_conditioning=False): it takes no sigma")
        is_mask = positions is not None and (positions.dtype, positions.shape) == (torch.bool, missing.shape)
        if positions is not None and not is_mask and (positions.dtype, positions.ndim) != (torch.int64, 1):
            raise ValueError(
                f"positions must be int64 of shape (num_positions,) or bool of shape {tuple(missing.shape)}, "
                f"got {positions.dtype} of {tuple(positions.shape)}"
            )
        low, high = input_ids.masked_fill(missing, 0).aminmax()
        if low < 0 or high >= self.config.codebook_size:
            raise ValueError(
                f"visible input_ids must lie in [0, {self.config.codebook_size}), got values from {low} to {high}"
            )
        if self.config.parameterization == "score" and (~missing & (input_ids == self.config.mask_token_id)).any():
            logger.warning_once(
                f"Code {self.config.mask_token_id} is visible, and its id stands for the mask in this model: "
                "the network takes it for a missing token, and it is never generated."
            )


AutoConfig.register(DiTTokenConfig.model_type, DiTTokenConfig)
AutoModel.register(DiTTokenConfig, DiTTokenModel)

__all__ = ["DiTTokenModel", "DiTTokenOutput"]
