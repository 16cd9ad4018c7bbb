"""Makes this package's classes known to diffusers, so that repositories that name them load."""

from diffusers.pipelines import pipeline_loading_utils


# Parts of pipelines, as `model_index.json` names them: ["aidd", class name].
COMPONENTS = (
    "DiTTokenModel",
    "EntropyBoundScheduler",
    "EulerTauLeapingScheduler",
    "MaskedDiscreteScheduler",
    "SpectrogramFrontEnd",
    "TauLeapingScheduler",
    "ThetaTrapezoidalScheduler",
    "WavTokenizerModel",
)


def register() -> None:
    """
    Adds the package's models and schedulers to the classes that diffusers' pipelines save and load by name. Without
    it a local folder loads, but a repository on the Hub does not. Calling it again changes nothing.
    """
    methods = {name: ["save_pretrained", "from_pretrained"] for name in COMPONENTS}
    pipeline_loading_utils.LOADABLE_CLASSES["aidd"] = methods
    pipeline_loading_utils.ALL_IMPORTABLE_CLASSES.update(methods)
