"""Tiny real components, with random weights: for laws, not for quality."""

import os
from collections.abc import Callable


# Models this small gain nothing from threads, and how work is shared out among them changes the rounding: one thread
# here, and one in the processes that tests start. Libraries read this when they are loaded.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, UNet2DModel
from transformers import WavTokenizerConfig, WavTokenizerModel

from aidd.models.dit_token import DiTTokenConfig, DiTTokenModel
from aidd.models.spectrogram import SpectrogramFrontEnd
from aidd.pipelines import AIDDPipeline, SpectrogramRePaintPipeline
from aidd.schedulers import MaskedDiscreteScheduler
from aidd.training.codec.straight_through import StraightThroughWavTokenizer


torch.set_num_threads(1)


@pytest.fixture
def tiny_codec() -> WavTokenizerModel:
    torch.manual_seed(0)
    config = WavTokenizerConfig(
        upsampling_ratios=[8, 5, 4, 2],
        num_filters=4,
        codebook_size=32,
        codebook_dim=16,
        hidden_size=16,
        decoder_hidden_size=32,
        decoder_intermediate_size=48,
        decoder_num_layers=2,
        adanorm_num_embeddings=1,
    )
    model = WavTokenizerModel(config).eval()
    generator = torch.Generator().manual_seed(0)
    trained = StraightThroughWavTokenizer(model)
    latents = trained.encoder(0.3 * torch.randn(4, 1, 16_000, generator=generator)).transpose(1, 2).flatten(0, 1)
    trained.codebook.start(latents.detach(), generator, num_iterations=5)
    # As it is loaded: its codebook is transformers' own again.
    loaded = WavTokenizerModel(config).eval()
    loaded.load_state_dict(model.state_dict())
    return loaded


@pytest.fixture
def tiny_transformer() -> DiTTokenModel:
    torch.manual_seed(1)
    config = DiTTokenConfig(
        codebook_size=32,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=60,
    )
    model = DiTTokenModel(config).eval()
    # A zero-initialised model ignores its input.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    return model


@pytest.fixture
def tiny_pipeline(tiny_codec, tiny_transformer) -> AIDDPipeline:
    pipe = AIDDPipeline(tiny_codec, tiny_transformer, MaskedDiscreteScheduler(), guard_tokens=2)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture
def tiny_unet() -> Callable[[int, int], UNet2DModel]:
    """
    `tiny_unet(num_bins, num_frames)`: of images of so many cells, their real and imaginary parts and coordinates. The
    seed of torch's own draws is 0 before its weights.
    """

    def make(num_bins: int, num_frames: int) -> UNet2DModel:
        torch.manual_seed(0)
        return UNet2DModel(
            sample_size=(num_bins, num_frames),
            in_channels=4,
            out_channels=2,
            block_out_channels=(4, 8),
            layers_per_block=1,
            down_block_types=("DownBlock2D",) * 2,
            up_block_types=("UpBlock2D",) * 2,
            norm_num_groups=2,
            # Over all cells of a picture that is halved once, it would take most of the time.
            add_attention=False,
        ).eval()

    return make


@pytest.fixture
def tiny_spectrogram_pipeline(tiny_unet) -> Callable[..., SpectrogramRePaintPipeline]:
    """
    `tiny_spectrogram_pipeline(n_fft, hop_length, num_frames)`, by default with windows of 83 ms for gaps of up to
    38 ms, all of which go to the network, however short.
    """

    def make(n_fft: int = 62, hop_length: int = 31, num_frames: int = 64) -> SpectrogramRePaintPipeline:
        front_end = SpectrogramFrontEnd(n_fft=n_fft, hop_length=hop_length)
        unet = tiny_unet(front_end.grid.num_bins, num_frames)
        # From random weights, this prediction makes noise and no explosions.
        scheduler = DDPMScheduler(prediction_type="v_prediction", clip_sample=False)
        pipe = SpectrogramRePaintPipeline(unet, scheduler, front_end, short_gap_seconds=0.0)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    return make


@pytest.fixture
def tones():
    """
    `tones(num_samples, sampling_rate, channels)`: decaying harmonic tones in some noise, without which they would be
    continued for sure and nothing generated; float64 `(channels, num_samples)`.
    """

    def make(num_samples: int, sampling_rate: int, channels: int = 1) -> np.ndarray:
        time = np.arange(num_samples) / sampling_rate
        signal = sum(np.sin(2 * np.pi * 220 * k * time + k) / k for k in range(1, 6)) * np.exp(-2 * (time % 0.4))
        signal += 0.01 * np.random.default_rng(0).normal(size=num_samples)
        return 0.2 * np.stack([signal * (1 - 0.3 * channel) for channel in range(channels)])

    return make
