"""Makes this package's classes known to diffusers, so that folders and repositories that name them load."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType


# Parts of pipelines, as `model_index.json` names them: ["aidd", class name].
COMPONENTS = (
    "DiTTokenModel",
    "EulerTauLeapingScheduler",
    "MaskedDiscreteScheduler",
    "MaskedEntropyBoundScheduler",
    "SpectrogramFrontEnd",
    "TauLeapingScheduler",
    "ThetaTrapezoidalScheduler",
)
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
            import_module(self.pipelines_module)
        else:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != BASE_MODULE:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
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
        import_module(self.pipelines_module)
