"""Tiny real components, with random weights: for laws, not for quality."""

import copy
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

import torch
from diffusers import DDPMScheduler, UNet2DModel
from transformers import NeuCodecConfig, Wav2Vec2BertConfig, WavTokenizerConfig, WavTokenizerModel, Xcodec2Config

from aidd.models.band_tokenizer import BandTokenizerConfig, BandTokenizerModel
from aidd.models.cqtdiff import CQTDiffPlusUNet
from aidd.models.dit_token import DiTTokenConfig, DiTTokenModel
from aidd.models.mel_tokenizer import MelTokenizerConfig, MelTokenizerModel
from aidd.models.spectrogram import SpectrogramFrontEnd
from aidd.models.speech_codecs import NeuCodecTokenizerModel, XCodec2TokenizerModel
from aidd.pipelines import AIDDPipeline, CQTDiffPipeline, SpectrogramRePaintPipeline
from aidd.schedulers import EDMHeunScheduler, MaskedDiscreteScheduler
from aidd.training.codec.straight_through import StraightThroughWavTokenizer


Model = TypeVar("Model", bound=torch.nn.Module)
Codec = TypeVar("Codec", bound=WavTokenizerModel)


def built_once(build: Callable[[], Model]) -> Callable[[], Model]:
    """Gives copies of what a function builds, and leaves the state of torch's own draws that building left."""
    built: list[tuple[Model, torch.Tensor]] = []

    @wraps(build)
    def copied() -> Model:
        if not built:
            built.append((build(), torch.get_rng_state()))
        model, state = built[0]
        torch.set_rng_state(state)
        return copy.deepcopy(model)

    return copied


# What both codecs have.
SIZES = {
    "num_filters": 4,
    "codebook_size": 32,
    "codebook_dim": 16,
    "hidden_size": 16,
    "decoder_hidden_size": 32,
    "decoder_intermediate_size": 48,
    "decoder_num_layers": 2,
    "adanorm_num_embeddings": 1,
}


@built_once
def codec() -> WavTokenizerModel:
    torch.manual_seed(0)
    return with_codebook(WavTokenizerModel, WavTokenizerConfig(upsampling_ratios=[8, 5, 4, 2], **SIZES))


@built_once
def mel_codec() -> MelTokenizerModel:
    torch.manual_seed(0)
    encoder = {"encoder_hidden_size": 32, "encoder_intermediate_size": 48, "encoder_num_layers": 2}
    config = MelTokenizerConfig(num_mel_bins=20, num_short_mel_bins=8, **encoder, **SIZES)
    return with_codebook(MelTokenizerModel, config)


@built_once
def band_codec() -> BandTokenizerModel:
    torch.manual_seed(0)
    encoder = {"encoder_hidden_size": 32, "encoder_intermediate_size": 48, "encoder_num_layers": 2}
    config = BandTokenizerConfig(num_mel_bins=20, num_short_mel_bins=8, num_bands=12, **encoder, **SIZES)
    return with_codebook(BandTokenizerModel, config)


def with_codebook(model_class: type[Codec], config: WavTokenizerConfig) -> Codec:
    model = model_class(config).eval()
    generator = torch.Generator().manual_seed(0)
    trained = StraightThroughWavTokenizer(model)
    latents = trained.encoder(0.3 * torch.randn(4, 1, 16_000, generator=generator)).transpose(1, 2).flatten(0, 1)
    trained.codebook.start(latents.detach(), generator, num_iterations=5)
    # As it is loaded: its codebook is transformers' own again.
    loaded = model_class(config).eval()
    loaded.load_state_dict(model.state_dict())
    return loaded


# The codecs of speech have these in common, and 256 codes. Their group norms want 32 groups.
SPEECH_SIZES = {
    "hidden_size": 32,
    "head_dim": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "encoder_hidden_size": 4,
    "quantization_dim": 48,
    "quantization_levels": (4, 4, 4, 4),
}


@built_once
def xcodec2() -> XCodec2TokenizerModel:
    return _with_random_weights(XCodec2TokenizerModel, Xcodec2Config)


@built_once
def neucodec() -> NeuCodecTokenizerModel:
    return _with_random_weights(NeuCodecTokenizerModel, NeuCodecConfig)


def _with_random_weights(model_class: type[Model], config_class: type) -> Model:
    torch.manual_seed(0)
    semantic = Wav2Vec2BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, output_hidden_size=16
    )
    model = model_class(config_class(semantic_model_config=semantic, **SPEECH_SIZES)).eval()
    # With transformers' initial weights, all codes are one.
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=1.5 * parameter[0].numel() ** -0.5)
    torch.nn.init.normal_(model.quantizer.project_in.weight, std=0.5)
    return model


@built_once
def transformer() -> DiTTokenModel:
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


def pipeline(codec: WavTokenizerModel, transformer: DiTTokenModel) -> AIDDPipeline:
    pipe = AIDDPipeline(codec, transformer, MaskedDiscreteScheduler(), guard_tokens=2)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def unet(num_bins: int, num_frames: int) -> UNet2DModel:
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


def spectrogram_pipeline(n_fft: int = 62, hop_length: int = 31, num_frames: int = 64) -> SpectrogramRePaintPipeline:
    front_end = SpectrogramFrontEnd(n_fft=n_fft, hop_length=hop_length)
    network = unet(front_end.grid.num_bins, num_frames)
    # From random weights, this prediction makes noise and no explosions.
    scheduler = DDPMScheduler(prediction_type="v_prediction", clip_sample=False)
    pipe = SpectrogramRePaintPipeline(network, scheduler, front_end, short_gap_seconds=0.0)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@built_once
def cqt_unet() -> CQTDiffPlusUNet:
    torch.manual_seed(0)
    network = CQTDiffPlusUNet(
        sample_size=2048,
        bins_per_octave=8,
        block_out_channels=(4, 8, 8),
        layers_per_block=(1, 1, 1),
        attention_levels=(False, True, False),
        num_attention_heads=1,
        norm_num_groups=2,
        embedding_size=16,
    ).eval()
    # Gates that are shut would leave a network that is linear.
    for name, parameter in network.named_parameters():
        if name.endswith("gate.weight"):
            torch.nn.init.normal_(parameter, std=0.1)
    return network


def cqtdiff_pipeline() -> CQTDiffPipeline:
    # So few steps between levels further apart would lead anywhere.
    scheduler = EDMHeunScheduler(sigma_min=0.05, sigma_max=0.5)
    pipe = CQTDiffPipeline(cqt_unet(), scheduler, num_inference_steps=3, short_gap_seconds=0.0)
    pipe.set_progress_bar_config(disable=True)
    return pipe
