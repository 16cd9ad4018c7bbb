"""WavTokenizer (Ji et al., ICLR 2025, arXiv:2408.16532): one codebook, 40 or 75 tokens a second of 24 kHz audio."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel
from transformers import initialization as init
from transformers.models.encodec.modeling_encodec import EncodecEncoder, EncodecPreTrainedModel
from transformers.models.xcodec2.modeling_xcodec2 import Xcodec2ISTFTHead, Xcodec2ResNetBlock
from transformers.utils import ModelOutput

from ...decorators import apply_forward_hook
from ..complete_loading import CompleteLoadingMixin
from .codebook_wavtokenizer import WavTokenizerCodebook
from .configuration_wavtokenizer import WavTokenizerConfig


@dataclass
class WavTokenizerEncoderOutput(ModelOutput):
    """
    Args:
        audio_codes (`torch.LongTensor` of shape `(batch_size, 1, num_tokens)`): Codes in `[0, codebook_size)`.
        audio_codes_mask (`torch.BoolTensor` of shape `(batch_size, 1, num_tokens)`):
            True at tokens of audio, False behind the end of a shorter item.
    """

    audio_codes: Tensor
    audio_codes_mask: Tensor | None = None


@dataclass
class WavTokenizerDecoderOutput(ModelOutput):
    """
    Args:
        audio_values (`torch.FloatTensor` of shape `(batch_size, 1, num_tokens * hop_length)`): The waveform.
    """

    audio_values: Tensor


@dataclass
class WavTokenizerOutput(ModelOutput):
    """
    Args:
        audio_values (`torch.FloatTensor` of shape `(batch_size, 1, num_samples)`): The reconstruction.
        audio_codes (`torch.LongTensor` of shape `(batch_size, 1, num_tokens)`): The codes it was decoded from.
        commitment_loss (`torch.FloatTensor` of shape `()`):
            Mean squared distance of the encoder's output to its codes' vectors.
    """

    audio_values: Tensor
    audio_codes: Tensor | None = None
    commitment_loss: Tensor | None = None


class WavTokenizerAdaptiveLayerNorm(nn.Module):
    """Layer norm whose scale and shift are looked up by bandwidth. Maps `(batch, time, hidden)` to the same."""

    def __init__(self, config: WavTokenizerConfig):
        super().__init__()
        self.norm = nn.LayerNorm(config.hidden_size, eps=1e-6, elementwise_affine=False)
        self.scale = nn.Parameter(torch.ones(config.num_bandwidths, config.hidden_size))
        self.shift = nn.Parameter(torch.zeros(config.num_bandwidths, config.hidden_size))

    def forward(self, hidden_states: Tensor, bandwidth_id: int) -> Tensor:
        return self.norm(hidden_states) * self.scale[bandwidth_id] + self.shift[bandwidth_id]


class WavTokenizerAttention(nn.Module):
    """Single-head self-attention over time, without positions. Maps `(batch, time, hidden)` to the same."""

    def __init__(self, config: WavTokenizerConfig):
        super().__init__()
        self.norm = nn.GroupNorm(32, config.hidden_size, eps=1e-6)
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.k_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.v_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden_states: Tensor) -> Tensor:
        normed = self.norm(hidden_states.transpose(1, 2)).transpose(1, 2)
        attended = nn.functional.scaled_dot_product_attention(
            self.q_proj(normed), self.k_proj(normed), self.v_proj(normed)
        )
        return hidden_states + self.o_proj(attended)


class WavTokenizerConvNeXtBlock(nn.Module):
    """ConvNeXt block along time (Liu et al. 2022; Vocos, Siuzdak 2023). Maps `(batch, time, hidden)` to the same."""

    def __init__(self, config: WavTokenizerConfig):
        super().__init__()
        self.dwconv = nn.Conv1d(config.hidden_size, config.hidden_size, 7, padding=3, groups=config.hidden_size)
        self.norm = WavTokenizerAdaptiveLayerNorm(config)
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)
        self.gamma = nn.Parameter(torch.full((config.hidden_size,), 1 / config.num_hidden_layers))

    def forward(self, hidden_states: Tensor, bandwidth_id: int) -> Tensor:
        residual = hidden_states
        hidden_states = self.dwconv(hidden_states.transpose(1, 2)).transpose(1, 2)
        hidden_states = self.norm(hidden_states, bandwidth_id)
        hidden_states = self.fc2(nn.functional.gelu(self.fc1(hidden_states)))
        return residual + self.gamma * hidden_states


class WavTokenizerDecoder(nn.Module):
    """Backbone of the decoder: vectors of the codes `(batch, codebook_dim, time)` to `(batch, time, hidden)`."""

    def __init__(self, config: WavTokenizerConfig):
        super().__init__()
        # What the blocks read of an Xcodec2Config.
        block_config: Any = SimpleNamespace(
            hidden_size=config.hidden_size, activation_dropout=config.activation_dropout
        )
        self.embed = nn.Conv1d(config.codebook_dim, config.hidden_size, 7, padding=3)
        self.prior_net = nn.ModuleList([Xcodec2ResNetBlock(block_config) for _ in range(2)])
        self.attention = WavTokenizerAttention(config)
        self.post_net = nn.ModuleList([Xcodec2ResNetBlock(block_config) for _ in range(2)])
        self.group_norm = nn.GroupNorm(32, config.hidden_size, eps=1e-6)
        self.norm = WavTokenizerAdaptiveLayerNorm(config)
        self.layers = nn.ModuleList([WavTokenizerConvNeXtBlock(config) for _ in range(config.num_hidden_layers)])
        self.final_norm = nn.LayerNorm(config.hidden_size, eps=1e-6)

    def forward(self, features: Tensor, bandwidth_id: int) -> Tensor:
        hidden_states = self.embed(features).transpose(1, 2)
        for block in self.prior_net:
            hidden_states = block(hidden_states)
        hidden_states = self.attention(hidden_states)
        for block in self.post_net:
            hidden_states = block(hidden_states)
        hidden_states = self.group_norm(hidden_states.transpose(1, 2)).transpose(1, 2)
        hidden_states = self.norm(hidden_states, bandwidth_id)
        for layer in self.layers:
            hidden_states = layer(hidden_states, bandwidth_id)
        return self.final_norm(hidden_states)


class WavTokenizerModel(CompleteLoadingMixin, EncodecPreTrainedModel):
    """
    Audio tokenizer with a single codebook: a SEANet encoder, a Euclidean codebook, and a decoder of attention and
    ConvNeXt blocks that ends in an inverse short-time Fourier transform.

    Decoding is global in time (group norms and attention see the whole input): decode windows with context.
    """

    config: WavTokenizerConfig  # type: ignore[assignment]  # The base is written for Encodec's own.
    config_class = WavTokenizerConfig
    base_model_prefix = "wavtokenizer"
    main_input_name = "input_values"
    # The head ends in an exponential and a Fourier transform; differences of distances are lost in bfloat16.
    _keep_in_fp32_modules_strict: Any = ("head", "codebook")  # A list to the base class.

    def __init__(self, config: WavTokenizerConfig):
        super().__init__(config)
        self.encoder = EncodecEncoder(config.encoder_config)
        self.codebook = WavTokenizerCodebook(config.encoder_config, config.codebook_decay, config.dead_code_threshold)
        self.decoder = WavTokenizerDecoder(config)
        # What the head reads of an Xcodec2Config.
        head_config: Any = SimpleNamespace(
            hidden_size=config.hidden_size, n_fft=config.n_fft, hop_length=config.hop_length
        )
        self.head = Xcodec2ISTFTHead(head_config)
        # The head's own window takes the default dtype, which is the model's while it is loaded.
        self.head.window = nn.Buffer(torch.hann_window(config.n_fft, dtype=torch.float32), persistent=False)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, WavTokenizerCodebook):
            init.zeros_(module.inited)
        elif isinstance(module, WavTokenizerAdaptiveLayerNorm):
            init.ones_(module.scale)
            init.zeros_(module.shift)
        elif isinstance(module, WavTokenizerConvNeXtBlock):
            init.constant_(module.gamma, 1 / self.config.num_hidden_layers)
        elif isinstance(module, Xcodec2ISTFTHead):
            init.copy_(module.window, torch.hann_window(module.n_fft, dtype=torch.float32))
        elif type(module) is nn.Conv1d:
            # Of the decoder: weight norm makes the encoder's convolutions a class of their own.
            init.trunc_normal_(module.weight, std=self.config.initializer_range)
            if module.bias is not None:
                init.zeros_(module.bias)

    def start_codebook(self, latents: Tensor, generator: torch.Generator, num_iterations: int = 50) -> None:
        """
        Starts the codebook by k-means.

        Args:
            latents (`torch.FloatTensor` of shape `(num_latents, codebook_dim)`):
                Encoder outputs, at least as many as codes; tens of thousands, from an encoder that has already learned
                to reconstruct, keep the codebook from collapsing.
            generator (`torch.Generator`): Source of the start.
            num_iterations (`int`, defaults to 50): Lloyd iterations.
        """
        self.codebook.start(latents, generator, num_iterations)

    @apply_forward_hook
    def encode(self, input_values: Tensor, padding_mask: Tensor | None = None) -> WavTokenizerEncoderOutput:
        """
        Audio to codes. Items of a batch get the codes they would get alone.

        Args:
            input_values (`torch.FloatTensor` of shape `(batch_size, 1, num_samples)`): Audio in about [-1, 1].
            padding_mask (`torch.BoolTensor` of shape `(batch_size, num_samples)`, *optional*):
                True at samples of audio, False at the padding behind the end of a shorter item.

        Returns:
            [`WavTokenizerEncoderOutput`], `ceil(num_samples / hop_length)` tokens.

        Raises:
            ValueError: another shape, a padding mask that pads elsewhere than at the end, or an empty codebook.
        """
        self.codebook.check_started()
        lengths = self._lengths(input_values, padding_mask)
        num_tokens = -(-lengths // self.config.hop_length)
        codes = input_values.new_zeros((len(lengths), 1, int(num_tokens.max())), dtype=torch.long)
        # The encoder pads by reflection at the true end, so only items of one length share a pass.
        for length in lengths.unique().tolist():
            rows = lengths == length
            latents = self.encoder(input_values[rows, :, :length])
            codes[rows, 0, : latents.shape[-1]] = self.codebook.encode(latents.transpose(1, 2))
        positions = torch.arange(codes.shape[-1], device=codes.device)
        return WavTokenizerEncoderOutput(codes, (positions < num_tokens[:, None])[:, None])

    @apply_forward_hook
    def decode(self, audio_codes: Tensor, bandwidth_id: int = 0) -> WavTokenizerDecoderOutput:
        """
        Codes to audio.

        Args:
            audio_codes (`torch.LongTensor` of shape `(batch_size, 1, num_tokens)`): Codes in `[0, codebook_size)`.
            bandwidth_id (`int`, defaults to 0): Row of the adaptive norms' tables.

        Raises:
            ValueError: another shape, codes outside the codebook, or an empty codebook.
        """
        self.codebook.check_started()
        if audio_codes.ndim != 3 or audio_codes.shape[1] != 1 or audio_codes.numel() == 0:
            raise ValueError(
                f"audio_codes must have shape (batch_size, 1, num_tokens), got {tuple(audio_codes.shape)}"
            )
        if audio_codes.dtype != torch.long:
            raise ValueError(f"audio_codes must be int64, got {audio_codes.dtype}")
        low, high = audio_codes.aminmax()
        if low < 0 or high >= self.config.codebook_size:
            raise ValueError(
                f"audio_codes must lie in [0, {self.config.codebook_size}), got values from {low} to {high}"
            )
        features = self.codebook.decode(audio_codes[:, 0]).transpose(1, 2)
        return WavTokenizerDecoderOutput(self.decode_features(features, bandwidth_id))

    @apply_forward_hook
    def decode_features(self, features: Tensor, bandwidth_id: int = 0) -> Tensor:
        """Vectors `(batch_size, codebook_dim, num_tokens)` to audio `(batch_size, 1, num_tokens * hop_length)`."""
        hidden_states = self.decoder(features.to(self.decoder.embed.weight.dtype), bandwidth_id)
        return self.head(hidden_states.to(self.head.linear.weight.dtype))

    def forward(
        self, input_values: Tensor, padding_mask: Tensor | None = None, quantize: bool = True
    ) -> WavTokenizerOutput:
        """
        Round trip with gradients: straight through the codebook (van den Oord et al. 2017), or past it.

        Args:
            input_values (`torch.FloatTensor` of shape `(batch_size, 1, num_samples)`): Audio in about [-1, 1].
            padding_mask (`torch.BoolTensor`, *optional*): Must not pad: a round trip is of one length.
            quantize (`bool`, defaults to `True`): `False` decodes the encoder's output itself, as in the first phase
                of training, before the codebook was started.
        """
        lengths = self._lengths(input_values, padding_mask)
        if (lengths != input_values.shape[-1]).any():
            raise ValueError("forward takes items of one length; encode and decode take padded batches")
        latents = self.encoder(input_values)
        if not quantize:
            return WavTokenizerOutput(self.decode_features(latents)[..., : input_values.shape[-1]])
        self.codebook.check_started()
        codes = self.codebook.encode(latents.transpose(1, 2))
        vectors = self.codebook.decode(codes).transpose(1, 2)
        commitment_loss = nn.functional.mse_loss(latents.float(), vectors.float())
        audio_values = self.decode_features(latents + (vectors - latents).detach())
        return WavTokenizerOutput(audio_values[..., : input_values.shape[-1]], codes[:, None], commitment_loss)

    def _lengths(self, input_values: Tensor, padding_mask: Tensor | None) -> Tensor:
        if input_values.ndim != 3 or input_values.shape[1] != 1 or input_values.numel() == 0:
            raise ValueError(
                f"input_values must have shape (batch_size, 1, num_samples), got {tuple(input_values.shape)}"
            )
        if padding_mask is None:
            return torch.full((len(input_values),), input_values.shape[-1], device=input_values.device)
        if padding_mask.shape != (len(input_values), input_values.shape[-1]) or padding_mask.dtype != torch.bool:
            raise ValueError(
                f"padding_mask must be bool of shape {(len(input_values), input_values.shape[-1])}, "
                f"got {padding_mask.dtype} of shape {tuple(padding_mask.shape)}"
            )
        lengths = padding_mask.sum(-1)
        if (padding_mask[:, 1:] & ~padding_mask[:, :-1]).any() or (lengths == 0).any():
            raise ValueError("padding_mask must be True at the start of every item and False only behind its end")
        return lengths


AutoConfig.register(WavTokenizerConfig.model_type, WavTokenizerConfig)
# transformers has a class of this name since 5.24, and looks at names alone.
AutoModel.register(WavTokenizerConfig, WavTokenizerModel, exist_ok=True)

__all__ = [
    "WavTokenizerDecoderOutput",
    "WavTokenizerEncoderOutput",
    "WavTokenizerModel",
    "WavTokenizerOutput",
]
