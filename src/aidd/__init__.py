"""Repair music with gaps in it. Names are imported when first used: `import aidd` alone loads no framework."""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING

from .models.registration import RegisterWithDiffusers
from .models.tested_versions import naming_untested_versions
from .models.uncollected import uncollected


if TYPE_CHECKING:
    from diffusers.pipelines.pipeline_utils import AudioPipelineOutput

    from . import classical, masks
    from .masks import cells as tf_masks
    from .masks import files as mask_io
    from .models.band_tokenizer import BandTokenizerConfig, BandTokenizerModel
    from .models.cqtdiff import CQTDiffPlusUNet, CQTDiffUNet
    from .models.dit_token import DiTTokenConfig, DiTTokenModel
    from .models.mel_tokenizer import MelTokenizerConfig, MelTokenizerModel
    from .models.spectrogram import SpectrogramFrontEnd
    from .models.speech_codecs import NeuCodecTokenizerModel, XCodec2TokenizerModel
    from .pipelines.pipeline_aidd import AIDDPipeline
    from .pipelines.pipeline_cqtdiff import CQTDiffPipeline
    from .pipelines.pipeline_spectrogram_repaint import SpectrogramRePaintPipeline
    from .repair import auto
    from .repair import clipping as saturation
    from .repair.filling import inpaint_file
    from .repair.methods import DEFAULT_MODEL, DEFAULT_SPECTROGRAM_MODEL, METHODS
    from .repair.recipe import repair_file
    from .repair.report import RepairReport
    from .repair.request import RepairRequest
    from .schedulers import (
        EDMAncestralScheduler,
        EDMHeunScheduler,
        EulerTauLeapingScheduler,
        MaskedDiscreteScheduler,
        MaskedEntropyBoundScheduler,
        TauLeapingScheduler,
        ThetaTrapezoidalScheduler,
    )
    from .signals import files as audio_io

__version__ = "0.1.0.dev0"

__all__ = [
    "DEFAULT_MODEL",
    "DEFAULT_SPECTROGRAM_MODEL",
    "METHODS",
    "AIDDPipeline",
    "AudioPipelineOutput",
    "BandTokenizerConfig",
    "BandTokenizerModel",
    "CQTDiffPipeline",
    "CQTDiffPlusUNet",
    "CQTDiffUNet",
    "DiTTokenConfig",
    "DiTTokenModel",
    "EDMAncestralScheduler",
    "EDMHeunScheduler",
    "EulerTauLeapingScheduler",
    "MaskedDiscreteScheduler",
    "MaskedEntropyBoundScheduler",
    "MelTokenizerConfig",
    "MelTokenizerModel",
    "NeuCodecTokenizerModel",
    "RepairReport",
    "RepairRequest",
    "SpectrogramFrontEnd",
    "SpectrogramRePaintPipeline",
    "TauLeapingScheduler",
    "ThetaTrapezoidalScheduler",
    "XCodec2TokenizerModel",
    "__version__",
    "audio_io",
    "auto",
    "classical",
    "inpaint_file",
    "mask_io",
    "masks",
    "repair_file",
    "saturation",
    "tf_masks",
]

_SUBMODULES = {
    "audio_io": "aidd.signals.files",
    "auto": "aidd.repair.auto",
    "classical": "aidd.classical",
    "mask_io": "aidd.masks.files",
    "masks": "aidd.masks",
    "saturation": "aidd.repair.clipping",
    "tf_masks": "aidd.masks.cells",
}
_MODULES = {
    "DEFAULT_MODEL": "aidd.repair.methods",
    "DEFAULT_SPECTROGRAM_MODEL": "aidd.repair.methods",
    "METHODS": "aidd.repair.methods",
    "AIDDPipeline": "aidd.pipelines.pipeline_aidd",
    "AudioPipelineOutput": "diffusers",
    "BandTokenizerConfig": "aidd.models.band_tokenizer",
    "BandTokenizerModel": "aidd.models.band_tokenizer",
    "CQTDiffPipeline": "aidd.pipelines.pipeline_cqtdiff",
    "CQTDiffPlusUNet": "aidd.models.cqtdiff",
    "CQTDiffUNet": "aidd.models.cqtdiff",
    "DiTTokenConfig": "aidd.models.dit_token",
    "DiTTokenModel": "aidd.models.dit_token",
    "EDMAncestralScheduler": "aidd.schedulers",
    "EDMHeunScheduler": "aidd.schedulers",
    "EulerTauLeapingScheduler": "aidd.schedulers",
    "MaskedDiscreteScheduler": "aidd.schedulers",
    "MaskedEntropyBoundScheduler": "aidd.schedulers",
    "MelTokenizerConfig": "aidd.models.mel_tokenizer",
    "MelTokenizerModel": "aidd.models.mel_tokenizer",
    "NeuCodecTokenizerModel": "aidd.models.speech_codecs",
    "RepairReport": "aidd.repair.report",
    "RepairRequest": "aidd.repair.request",
    "SpectrogramFrontEnd": "aidd.models.spectrogram",
    "SpectrogramRePaintPipeline": "aidd.pipelines.pipeline_spectrogram_repaint",
    "TauLeapingScheduler": "aidd.schedulers",
    "ThetaTrapezoidalScheduler": "aidd.schedulers",
    "XCodec2TokenizerModel": "aidd.models.speech_codecs",
    "inpaint_file": "aidd.repair.filling",
    "repair_file": "aidd.repair.recipe",
}
# Former names, which folders still say, and the present ones.
_RENAMED = {"EntropyBoundScheduler": "MaskedEntropyBoundScheduler"}
# Classes that are transformers' own now, which former folders name as well.
_MOVED = ("WavTokenizerConfig", "WavTokenizerModel")


# A type checker would take any name for one that is here.
if not TYPE_CHECKING:

    def __getattr__(name: str):
        if name in _SUBMODULES:
            return import_module(_SUBMODULES[name])
        if name in _RENAMED:
            warnings.warn(
                f"aidd.{name} is now aidd.{_RENAMED[name]}, as diffusers has another scheduler of that name. Save the "
                "folder that says it again",
                FutureWarning,
                stacklevel=2,
            )
            return __getattr__(_RENAMED[name])
        if name in _MOVED:
            raise AttributeError(
                f"aidd.{name} is now transformers.{name}. Folders that an earlier version of aidd saved are converted "
                "by: python -m aidd.models.wavtokenizer.convert_former_folder OLD_FOLDER NEW_FOLDER"
            )
        if name not in _MODULES:
            raise AttributeError(f"module 'aidd' has no attribute {name!r}")
        with uncollected(), naming_untested_versions():
            value = getattr(import_module(_MODULES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


RegisterWithDiffusers("aidd.pipelines").install()
