"""WavTokenizer's training path: round trips with gradients, which transformers' model does not have."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from transformers import WavTokenizerModel

from ...models.wavtokenizer import check_started
from .codebook import WavTokenizerCodebook


@dataclass
class RoundTrip:
    """
    Result of a round trip.

    Args:
        audio_values: float32 `(batch, 1, num_samples)`, the reconstruction.
        latents: `(batch, codebook_dim, num_tokens)`, the encoder's output.
        audio_codes: int64 `(batch, 1, num_tokens)`, the codes it was decoded from; None without quantisation.
        commitment_loss: `()`, mean squared distance of the latents to their codes' vectors; None without quantisation.
    """

    audio_values: Tensor
    latents: Tensor
    audio_codes: Tensor | None = None
    commitment_loss: Tensor | None = None


class StraightThroughWavTokenizer(nn.Module):
    """
    Round trips through a codec with gradients, which pass the quantisation unchanged (straight-through, van den Oord
    et al. 2017), or without quantisation. It is the codec itself that is trained and saved; its codebook is replaced
    by one that learns and starts with the same vectors.

    Args:
        codec: transformers' model, trained or new.
        decay: decay of the codebook's moving averages, per batch.
        dead_code_threshold: uses per batch below which a code is replaced.
        dropout: probability of dropout in the decoder's residual blocks, in training.
    """

    def __init__(
        self, codec: WavTokenizerModel, decay: float = 0.99, dead_code_threshold: float = 2.0, dropout: float = 0.1
    ):
        super().__init__()
        self.codec = codec
        codebook = WavTokenizerCodebook(codec.config, decay, dead_code_threshold).to(codec.device)
        trained = codec.encoder_model.quantizer.codebook
        if trained.embed.any():
            codebook.load_state_dict(trained.state_dict())
        codec.encoder_model.quantizer.codebook = codebook
        for module in codec.modules():
            if isinstance(module, nn.Dropout):
                module.p = dropout

    @property
    def encoder(self) -> nn.Module:
        """Audio `(batch, 1, num_samples)` to latents `(batch, codebook_dim, num_tokens)`."""
        return self.codec.encoder_model.encoder

    @property
    def codebook(self) -> WavTokenizerCodebook:
        """The codebook that learns."""
        return cast(WavTokenizerCodebook, self.codec.encoder_model.quantizer.codebook)

    def decode_features(self, features: Tensor) -> Tensor:
        """Vectors `(batch, codebook_dim, num_tokens)` to audio `(batch, 1, num_tokens * hop_length)`."""
        hidden_states = self.codec.backbone(features, torch.zeros(1, dtype=torch.long, device=features.device))
        # The head ends in an exponential and a Fourier transform: float32 under autocast too.
        with torch.autocast(features.device.type, enabled=False):
            return self.codec.head(hidden_states.float())

    def forward(self, input_values: Tensor, quantize: bool = True) -> RoundTrip:
        """
        Args:
            input_values: float `(batch, 1, num_samples)`, items of one length.
            quantize: False decodes the encoder's output itself, as in the first phase of training, before the codebook
                was started.

        Raises:
            ValueError: `quantize` with an empty codebook.
        """
        latents = self.encoder(input_values)
        if not quantize:
            return RoundTrip(self.decode_features(latents)[..., : input_values.shape[-1]], latents)
        check_started(self.codec)
        codes = self.codebook.encode(latents.transpose(1, 2))
        vectors = self.codebook.decode(codes).transpose(1, 2)
        commitment_loss = nn.functional.mse_loss(latents.float(), vectors.float())
        audio_values = self.decode_features(latents + (vectors - latents).detach())
        return RoundTrip(audio_values[..., : input_values.shape[-1]], latents, codes[:, None], commitment_loss)


@torch.no_grad()
def initialise_decoder(codec: WavTokenizerModel, std: float = 0.02) -> None:
    """
    Gives the decoder's convolutions the initial weights of the published training, truncated normal with biases of
    zero; transformers' model starts them otherwise.
    """
    for module in codec.backbone.modules():
        if isinstance(module, nn.Conv1d):
            nn.init.trunc_normal_(module.weight, std=std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
