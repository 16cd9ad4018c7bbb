"""No public class or model type of ours is called like one of transformers' or diffusers'."""

import inspect
import pkgutil
from importlib import import_module

import diffusers
import pytest
import transformers
from transformers import PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

import aidd


LIBRARIES = (transformers, diffusers)
# Listed once, as both load what they export when they are asked for it.
EXPORTS = {library: set(dir(library)) for library in LIBRARIES}


def our_classes() -> set[type]:
    """Every class that a module of the package defines without an underscore."""
    modules = [import_module(info.name) for info in pkgutil.walk_packages(aidd.__path__, "aidd.")]
    return {
        value
        for module in modules
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }


def clashes(classes: set[type]) -> list[str]:
    """One line for each name or model type that a library exports or registers as well."""
    found = []
    for one in sorted(classes, key=lambda one: one.__name__):
        for library in LIBRARIES:
            # The pipelines are made known to diffusers under their names; those are they themselves.
            if one.__name__ in EXPORTS[library] and getattr(library, one.__name__) is not one:
                found.append(f"{one.__name__}: {library.__name__} exports a class of this name")
        if issubclass(one, PreTrainedConfig) and one.model_type in CONFIG_MAPPING_NAMES:
            found.append(f"{one.__name__}: transformers registers the model type {one.model_type}")
    return found


def test_no_class_and_no_model_type_of_ours_is_taken():
    classes = our_classes()
    assert {"AIDDPipeline", "DiTTokenModel", "MaskedEntropyBoundScheduler"} <= {one.__name__ for one in classes}
    assert not clashes(classes)


def test_every_public_name_is_ours_or_the_librarys_own():
    for name in aidd.__all__:
        value = getattr(aidd, name)
        for library in LIBRARIES:
            assert name not in EXPORTS[library] or getattr(library, name) is value, (
                f"{name}: {library.__name__} has one"
            )


@pytest.mark.parametrize(
    ("name", "base", "attributes", "message"),
    [
        ("EncodecModel", object, {}, "EncodecModel: transformers exports a class of this name"),
        ("EntropyBoundScheduler", object, {}, "EntropyBoundScheduler: diffusers exports a class of this name"),
        ("OurConfig", PreTrainedConfig, {"model_type": "encodec"}, "transformers registers the model type encodec"),
    ],
)
def test_a_taken_name_is_found_and_who_has_it(name, base, attributes, message):
    assert any(message in line for line in clashes({type(name, (base,), attributes)}))
