"""A WavTokenizer whose encoder hears mel magnitudes."""

from typing import Any

import torch
import torchaudio
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, WavTokenizerConfig, WavTokenizerModel
from transformers.models.wavtokenizer.modeling_wavtokenizer import WavTokenizerConvNeXtBlock

from .configuration_mel_tokenizer import MelTokenizerConfig


# Smallest mel magnitude, before log10 is taken.
FLOOR = 1e-5


def log_mels(audio: Tensor, *, sampling_rate: int, frame_length: int, frame_step: int, num_bins: int) -> Tensor:
    """
    Log-mel magnitudes of Hann-windowed frames; the n-th is centred on the n-th step.

    Args:
        audio: float, `(batch, num_samples)`, whole steps.
        sampling_rate: Hz.
        frame_length: samples of a frame.
        frame_step: samples from one frame to the next.
        num_bins: number of bands, on Slaney's mel scale and of equal area.

    Returns:
        float `(batch, num_samples / frame_step, num_bins)`, log10 of magnitudes of at least 1e-5.
    """
    before = (frame_length - frame_step) // 2
    padding = (before, frame_length - frame_step - before)
    # There is not enough to reflect in signals shorter than the padding.
    mode = "reflect" if audio.shape[-1] > frame_length else "constant"
    padded = nn.functional.pad(audio[:, None], padding, mode=mode)[:, 0]
    window = torch.hann_window(frame_length, dtype=audio.dtype, device=audio.device)
    magnitudes = torch.fft.rfft(padded.unfold(-1, frame_length, frame_step) * window).abs()
    filters = torchaudio.functional.melscale_fbanks(
        frame_length // 2 + 1, 0.0, sampling_rate / 2, num_bins, sampling_rate, norm="slaney", mel_scale="slaney"
    )
    return (magnitudes @ filters.to(magnitudes)).clamp(min=FLOOR).log10()


class MelEncoder(nn.Module):
    """
    Magnitudes to latents by ConvNeXt blocks at the rate of the tokens. The magnitudes of a token are those of a frame
    of five hops, for pitch, and of four short ones, for onsets.

    Args:
        config: of the codec.
    """

    def __init__(self, config: MelTokenizerConfig):
        super().__init__()
        self.config = config
        blocks = WavTokenizerConfig(
            decoder_hidden_size=config.encoder_hidden_size,
            decoder_intermediate_size=config.encoder_intermediate_size,
            decoder_num_layers=config.encoder_num_layers,
            adanorm_num_embeddings=1,
        )
        num_features = config.num_mel_bins + 4 * config.num_short_mel_bins
        self.embed = nn.Conv1d(num_features, config.encoder_hidden_size, kernel_size=3, padding=1)
        self.layers = nn.ModuleList(WavTokenizerConvNeXtBlock(blocks) for _ in range(config.encoder_num_layers))
        self.norm = nn.LayerNorm(config.encoder_hidden_size)
        self.out = nn.Linear(config.encoder_hidden_size, config.codebook_dim)

    def forward(self, input_values: Tensor) -> Tensor:
        """Audio `(batch, 1, num_samples)` to latents `(batch, codebook_dim, ceil(num_samples / hop_length))`."""
        config = self.config
        hop_length, rate = config.hop_length, config.sampling_rate
        audio = nn.functional.pad(input_values[:, 0], (0, -input_values.shape[-1] % hop_length))
        long = log_mels(
            audio,
            sampling_rate=rate,
            frame_length=5 * hop_length,
            frame_step=hop_length,
            num_bins=config.num_mel_bins,
        )
        short = log_mels(
            audio,
            sampling_rate=rate,
            frame_length=config.short_frame_length,
            frame_step=hop_length // 4,
            num_bins=config.num_short_mel_bins,
        )
        features = torch.cat([long, short.reshape(len(audio), -1, 4 * config.num_short_mel_bins)], -1)
        # Into about [-1, 1].
        hidden_states = self.embed((features / 2 + 1).transpose(1, 2))
        condition = torch.zeros(1, dtype=torch.long, device=audio.device)
        for layer in self.layers:
            hidden_states = layer(hidden_states, condition)
        return self.out(self.norm(hidden_states.transpose(1, 2))).transpose(1, 2)


class MelTokenizerModel(WavTokenizerModel):
    """
    WavTokenizer's quantiser and decoder behind a [`MelEncoder`]. Its tokens say nothing of phase, which no context can
    predict some 100 ms away: a recording and the same one with its polarity turned have the same tokens.

    It encodes, decodes and trains as a [`~transformers.WavTokenizerModel`] does.

    Args:
        config ([`MelTokenizerConfig`]): Architecture.
    """

    config_class = MelTokenizerConfig
    config: MelTokenizerConfig

    def __init__(self, config: MelTokenizerConfig):
        super().__init__(config)
        # Any: it has the call of the encoder in whose place it stands, and another type.
        encoder_model: Any = self.encoder_model
        encoder_model.encoder = MelEncoder(config)


AutoConfig.register(MelTokenizerConfig.model_type, MelTokenizerConfig)
AutoModel.register(MelTokenizerConfig, MelTokenizerModel)

__all__ = ["MelTokenizerModel"]
