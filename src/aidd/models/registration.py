"""Registers this package's classes with diffusers, so that folders and repositories that name them load."""

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from os import PathLike
from pathlib import Path
from types import ModuleType


# Parts of pipelines, as `model_index.json` names them: ["aidd", class name].
COMPONENTS = (
    "BandTokenizerModel",
    "CQTDiffPlusUNet",
    "CQTDiffUNet",
    "DiTTokenModel",
    "EDMAncestralScheduler",
    "EDMHeunScheduler",
    "EulerTauLeapingScheduler",
    "MaskedDiscreteScheduler",
    "MaskedEntropyBoundScheduler",
    "MelTokenizerModel",
    "NeuCodecTokenizerModel",
    "SpectrogramFrontEnd",
    "TauLeapingScheduler",
    "ThetaTrapezoidalScheduler",
    "XCodec2TokenizerModel",
)
# Code in a pipeline's folder, with which `import aidd` is not needed for
# `DiffusionPipeline.from_pretrained(FOLDER, custom_pipeline=FOLDER, trust_remote_code=True)`.
PIPELINE_FILE = "pipeline.py"
PIPELINE_CODE = '''"""For `DiffusionPipeline.from_pretrained` with `trust_remote_code=True`. Needs aidd installed."""

import aidd


class {name}(aidd.{base}):
    """[`aidd.{base}`]."""
'''
# The module of `DiffusionPipeline`.
BASE_MODULE = "diffusers.pipelines.pipeline_utils"


def register(pipelines: Sequence[type]) -> None:
    """
    Adds the package's models and schedulers to the classes that diffusers' pipelines save and load by name, and the
    pipelines to those that `DiffusionPipeline.from_pretrained` finds, which looks for them in diffusers itself.
    Calling it again changes nothing.
    """
    import diffusers
    from diffusers.pipelines import pipeline_loading_utils

    methods = {name: ["save_pretrained", "from_pretrained"] for name in COMPONENTS}
    pipeline_loading_utils.LOADABLE_CLASSES["aidd"] = methods
    pipeline_loading_utils.ALL_IMPORTABLE_CLASSES.update(methods)
    for pipeline in pipelines:
        setattr(diffusers, pipeline.__name__, pipeline)


def write_pipeline_code(folder: str | PathLike, name: str, base: str) -> None:
    """
    Writes `pipeline.py` for a pipeline; the folder is made if need be.

    Args:
        folder: the pipeline's.
        name: name of its class in `model_index.json`.
        base: class of this package that it is, or is derived from.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / PIPELINE_FILE).write_text(PIPELINE_CODE.format(name=name, base=base), encoding="utf-8")


class RegisterWithDiffusers(MetaPathFinder, Loader):
    """
    Imports the package's pipelines, which register themselves, as soon as `DiffusionPipeline` is imported: `import
    aidd` alone imports no framework, and yet the plain `DiffusionPipeline.from_pretrained` has to work after it.
    """

    def __init__(self, pipelines_module: str):
        self.pipelines_module = pipelines_module

    def install(self) -> None:
        """Waits for the import, or imports the pipelines at once where it has happened already."""
        if BASE_MODULE in sys.modules:
            self.import_pipelines()
        else:
            sys.meta_path.insert(0, self)

    def import_pipelines(self) -> None:
        """Imports them. An error is a warning: diffusers and what needs no pipeline have to go on."""
        try:
            import_module(self.pipelines_module)
        # All exceptions: what a version of a library breaks shows in whatever way it chooses.
        except Exception as error:
            warnings.warn(
                f"DiffusionPipeline.from_pretrained will not find the pipelines of aidd, whose import failed: {error}",
                ImportWarning,
                stacklevel=2,
            )

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != BASE_MODULE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            self.loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        self.import_pipelines()
