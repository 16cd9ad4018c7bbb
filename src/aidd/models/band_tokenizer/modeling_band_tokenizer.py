"""A codec whose decoder gives levels of bands."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, WavTokenizerConfig
from transformers.models.wavtokenizer.modeling_wavtokenizer import WavTokenizerISTFTHead

from ...signals.bands import erb_rate
from ..mel_tokenizer import MelTokenizerModel
from .configuration_band_tokenizer import BandTokenizerConfig


# Log-magnitude that an untrained decoder gives all bands: about -30 dB of full scale.
FIRST_LEVEL = -3.0


def band_weights(num_bins: int, num_bands: int, sampling_rate: int) -> Tensor:
    """
    What levels of bands, evenly spaced in units of equal auditory bandwidth, give each frequency between them.

    Args:
        num_bins: frequencies, evenly spaced from 0 Hz to half the sampling rate.
        num_bands: the first is centred on 0 Hz, and the last on half the sampling rate.
        sampling_rate: Hz.

    Returns:
        float32 `(num_bands, num_bins)`; the weights of a frequency add up to one.
    """
    rate = torch.from_numpy(erb_rate(np.linspace(0, sampling_rate / 2, num_bins)))
    position = (num_bands - 1) * rate / rate[-1]
    bands = torch.arange(num_bands, dtype=torch.float64)[:, None]
    return (1 - (position - bands).abs()).clamp(min=0).float()


class BandSpectra(nn.Module):
    """
    Spectra of noise whose levels run from band to band: magnitudes are given, phases drawn. A spectrum of the decoder
    says what sounds band by band; which lines stand out, and their phases, are known at a gap's edges.

    In training, each call draws its phases. Otherwise they are the same in every call, so that codes have one audio.

    Args:
        config: of the codec.
        num_bins: of a spectrum.
    """

    def __init__(self, config: BandTokenizerConfig, num_bins: int):
        super().__init__()
        self.config, self.num_bins = config, num_bins
        self.levels = nn.Linear(config.decoder_hidden_size, config.frames_per_token * config.num_bands)
        nn.init.trunc_normal_(self.levels.weight, std=0.02)
        nn.init.constant_(self.levels.bias, FIRST_LEVEL)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """
        Args:
            hidden_states: float `(batch, num_tokens, decoder_hidden_size)`.

        Returns:
            float `(batch, num_tokens * frames_per_token, 2 * num_bins)`: log-magnitudes, and phases in [0, 2 pi).
        """
        batch, num_tokens, _ = hidden_states.shape
        num_frames = num_tokens * self.config.frames_per_token
        levels = self.levels(hidden_states).reshape(batch, num_frames, self.config.num_bands)
        weights = band_weights(self.num_bins, self.config.num_bands, self.config.sampling_rate)
        log_magnitudes = levels @ weights.to(levels)
        if self.training:
            turns = torch.rand_like(log_magnitudes)
        else:
            # On the processor, whose draws are the same for all devices.
            generator = torch.Generator().manual_seed(0)
            turns = torch.rand(1, *log_magnitudes.shape[1:], generator=generator).to(log_magnitudes)
        return torch.cat([log_magnitudes, (2 * math.pi * turns).expand_as(log_magnitudes)], -1)


class BandTokenizerModel(MelTokenizerModel):
    """
    A [`~aidd.models.mel_tokenizer.MelTokenizerModel`] whose decoder ends in levels of bands, which shape noise. Its
    round trip has no pitch of its own; in a gap, pitch comes from the lines of the edges
    ([`aidd.splice.edge_lines`]).

    It encodes, decodes and trains as a [`~transformers.WavTokenizerModel`] does.

    Args:
        config ([`BandTokenizerConfig`]): Architecture.
    """

    config_class = BandTokenizerConfig
    config: BandTokenizerConfig

    def __init__(self, config: BandTokenizerConfig):
        super().__init__(config)
        step = config.hop_length // config.frames_per_token
        head: Any = WavTokenizerISTFTHead(WavTokenizerConfig(upsampling_ratios=[step]))
        head.linear = BandSpectra(config, head.n_fft // 2 + 1)
        self.head = head


AutoConfig.register(BandTokenizerConfig.model_type, BandTokenizerConfig)
AutoModel.register(BandTokenizerConfig, BandTokenizerModel)

__all__ = ["BandTokenizerModel"]
