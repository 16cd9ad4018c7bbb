"""Repair music with holes in it. Names are imported when first used: `import aidd` alone loads no framework."""

from importlib import import_module
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from diffusers.pipelines.pipeline_utils import AudioPipelineOutput

    from . import audio_io, auto, classical, mask_io, masks, saturation, tf_masks
    from .file_inpainting import inpaint_file
    from .methods import DEFAULT_MODEL, DEFAULT_SPECTROGRAM_MODEL, METHODS
    from .models.dit_token import DiTTokenConfig, DiTTokenModel
    from .models.spectrogram import SpectrogramFrontEnd
    from .models.wavtokenizer import WavTokenizerConfig, WavTokenizerModel
    from .pipelines.pipeline_aidd import AIDDPipeline
    from .pipelines.pipeline_spectrogram_repaint import SpectrogramRePaintPipeline
    from .schedulers import (
        EntropyBoundScheduler,
        EulerTauLeapingScheduler,
        MaskedDiscreteScheduler,
        TauLeapingScheduler,
        ThetaTrapezoidalScheduler,
    )

__version__ = "0.1.0.dev0"

__all__ = [
    "DEFAULT_MODEL",
    "DEFAULT_SPECTROGRAM_MODEL",
    "METHODS",
    "AIDDPipeline",
    "AudioPipelineOutput",
    "DiTTokenConfig",
    "DiTTokenModel",
    "EntropyBoundScheduler",
    "EulerTauLeapingScheduler",
    "MaskedDiscreteScheduler",
    "SpectrogramFrontEnd",
    "SpectrogramRePaintPipeline",
    "TauLeapingScheduler",
    "ThetaTrapezoidalScheduler",
    "WavTokenizerConfig",
    "WavTokenizerModel",
    "__version__",
    "audio_io",
    "auto",
    "classical",
    "inpaint_file",
    "mask_io",
    "masks",
    "saturation",
    "tf_masks",
]

_SUBMODULES = ("audio_io", "auto", "classical", "mask_io", "masks", "saturation", "tf_masks")
_MODULES = {
    "DEFAULT_MODEL": "aidd.methods",
    "DEFAULT_SPECTROGRAM_MODEL": "aidd.methods",
    "METHODS": "aidd.methods",
    "inpaint_file": "aidd.file_inpainting",
}
# Parts of pipelines and pipelines: diffusers is told of our classes before the first of them is handed out.
_REGISTERED_MODULES = {
    "AIDDPipeline": "aidd.pipelines.pipeline_aidd",
    "AudioPipelineOutput": "diffusers",
    "DiTTokenConfig": "aidd.models.dit_token",
    "DiTTokenModel": "aidd.models.dit_token",
    "EntropyBoundScheduler": "aidd.schedulers",
    "EulerTauLeapingScheduler": "aidd.schedulers",
    "MaskedDiscreteScheduler": "aidd.schedulers",
    "SpectrogramFrontEnd": "aidd.models.spectrogram",
    "SpectrogramRePaintPipeline": "aidd.pipelines.pipeline_spectrogram_repaint",
    "TauLeapingScheduler": "aidd.schedulers",
    "ThetaTrapezoidalScheduler": "aidd.schedulers",
    "WavTokenizerConfig": "aidd.models.wavtokenizer",
    "WavTokenizerModel": "aidd.models.wavtokenizer",
}


# A type checker would take any name for one that is here.
if not TYPE_CHECKING:

    def __getattr__(name: str):
        if name in _SUBMODULES:
            return import_module(f"aidd.{name}")
        if name in _REGISTERED_MODULES:
            import_module("aidd.registration").register()
            value = getattr(import_module(_REGISTERED_MODULES[name]), name)
        elif name in _MODULES:
            value = getattr(import_module(_MODULES[name]), name)
        else:
            raise AttributeError(f"module 'aidd' has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
