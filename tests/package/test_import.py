import json
import subprocess
import sys
from pathlib import Path

import pytest
from processes import without_diffusers

import aidd
from aidd.models.registration import COMPONENTS, register
from aidd.pipelines import AIDDPipeline, CQTDiffPipeline, SpectrogramRePaintPipeline


NO_MODEL = ("autoregressive", "envelope_noise", "janssen", "linear", "lines", "sinusoidal", "sparse", "u_phain")


HELP = ("--help", "inpaint --help", "info --help", "--version")
IMPORTED_FIRST = ("splice.continuation", "splice.matching", "splice.ranking", "splice.cells")
IMPORTED_FIRST += ("classical", "detection", "repair.auto", "repair.methods")
# Programs of which none may have to wait for the libraries of those below it.
PROGRAMS = {
    "the package alone": "import aidd; aidd.METHODS, aidd.DEFAULT_MODEL, dir(aidd)",
    **{
        command: f"from aidd.cli.main import main\ntry: main({command.split()})\nexcept SystemExit: pass"
        for command in HELP
    },
    "files": "import aidd; aidd.METHODS['linear'], aidd.classical.linear, aidd.masks, aidd.audio_io",
    "a line": (
        "import os, tempfile, numpy, soundfile; from aidd.cli.main import main\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    soundfile.write(f'{folder}/in.wav', numpy.sin(numpy.arange(8000) / 9), 8000)\n"
        "    options = ['--gap', '0.4', '0.5', '--method', 'linear']\n"
        "    main(['inpaint', f'{folder}/in.wav', f'{folder}/out.wav', *options])\n"
        "    assert os.path.exists(f'{folder}/out.wav')"
    ),
    "short gaps": (
        "import numpy as np, aidd; audio = np.sin(np.arange(8000) / 9); mask = np.arange(8000) % 1000 == 500\n"
        "aidd.METHODS['auto'](audio, mask, sampling_rate=8000); aidd.auto.find_gaps(mask)"
    ),
    **{module: f"import aidd.{module}" for module in IMPORTED_FIRST},
}
# Runs the programs, each with a package that is imported anew, and writes what is imported behind each.
RUN_PROGRAMS = """
import contextlib, json, sys
found = {}
for name, program in json.loads(sys.argv[1]).items():
    for module in [module for module in sys.modules if module.split(".")[0] == "aidd"]:
        del sys.modules[module]
    with contextlib.redirect_stdout(None):
        exec(program, {})
    found[name] = sorted(sys.modules)
json.dump(found, sys.stdout)
"""


@pytest.fixture(scope="module")
def modules_of_programs():
    """Modules of the package that a program has imported, and of libraries those of the programs before it too."""
    command = [sys.executable, "-c", RUN_PROGRAMS, json.dumps(PROGRAMS)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {name: set(modules) for name, modules in found.items()}


def modules_after(code):
    """Names of the modules that a process which knows no diffusers holds behind running some code."""
    done = without_diffusers.run("-c", f"import sys\n{code}\nprint('\\n'.join(sys.modules), file=sys.stderr)")
    assert done.returncode == 0, done.stderr[-4000:]
    return set(done.stderr.split("\n"))


def test_the_package_alone_imports_no_framework(modules_of_programs):
    modules = modules_of_programs["the package alone"]
    assert "aidd.repair.methods" in modules
    assert not modules & {"torch", "numpy", "scipy", "soundfile", "transformers", "diffusers"}


@pytest.mark.parametrize("command", HELP)
def test_help_imports_no_framework(modules_of_programs, command):
    modules = modules_of_programs[command]
    assert "aidd.cli.main" in modules
    assert not modules & {"torch", "numpy", "scipy", "soundfile", "transformers", "diffusers"}


def test_classical_methods_and_files_import_no_torch(modules_of_programs):
    modules = modules_of_programs["files"]
    assert {"aidd.classical.linear", "aidd.signals.files"} <= modules and "torch" not in modules


def test_a_line_needs_no_signal_processing(modules_of_programs):
    modules = modules_of_programs["a line"]
    assert "aidd.repair.recipe" in modules
    assert not modules & {"torch", "scipy.signal", "scipy.ndimage", "scipy.linalg", "scipy.sparse"}


def test_short_gaps_need_no_torch(modules_of_programs):
    modules = modules_of_programs["short gaps"]
    assert "aidd.classical.janssen" in modules and not modules & {"torch", "transformers", "diffusers"}


@pytest.mark.parametrize("module", IMPORTED_FIRST)
def test_any_module_can_be_imported_first(modules_of_programs, module):
    modules = modules_of_programs[module]
    assert f"aidd.{module}" in modules and not modules & {"torch", "transformers", "diffusers"}


def test_every_public_name_is_there():
    for name in aidd.__all__:
        assert getattr(aidd, name) is not None
        assert name in dir(aidd)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = aidd.nothing


# Run with both libraries blocked: whatever breaks in them, what has no model works.
WITHOUT_THE_STACK = """
import sys
for name in [name for name in sys.modules if name.split(".")[0] in ("transformers", "diffusers")]:
    del sys.modules[name]
sys.modules["transformers"] = sys.modules["diffusers"] = None
import numpy as np
import aidd
from aidd.cli.main import main
audio, mask = np.random.default_rng(0).normal(size=4000), np.arange(4000) // 40 == 50
for method in sys.argv[2:]:
    restored = aidd.METHODS[method](audio, mask, sampling_rate=8000)
    assert np.array_equal(restored[~mask], audio[~mask])
    command = ["inpaint", sys.argv[1], f"{method}.flac", "--gap", "3.2", "3.21", "--method", method]
    assert main(command) == 0, method
assert main(["inpaint", sys.argv[1], "auto.flac", "--gap", "3.2", "3.204"]) == 0
assert main(["inpaint", sys.argv[1], "model.flac", "--gap", "3.2", "3.5"]) == 2
"""


def test_methods_without_a_model_need_neither_transformers_nor_diffusers(tmp_path):
    example = Path(__file__).parents[2] / "examples" / "audio" / "prelude_bwv848_damaged.flac"
    done = without_diffusers.run("-c", WITHOUT_THE_STACK, example, *NO_MODEL, folder=tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"{name}.flac" for name in sorted(("auto", *NO_MODEL))]


def test_registration_is_complete_and_repeatable():
    from diffusers.pipelines import pipeline_loading_utils

    pipelines = (AIDDPipeline, CQTDiffPipeline, SpectrogramRePaintPipeline)
    register(pipelines)
    before = {library: dict(classes) for library, classes in pipeline_loading_utils.LOADABLE_CLASSES.items()}
    register(pipelines)
    assert before == pipeline_loading_utils.LOADABLE_CLASSES
    assert set(COMPONENTS) <= set(pipeline_loading_utils.ALL_IMPORTABLE_CLASSES)
    for name in COMPONENTS:
        component = getattr(aidd, name)
        assert component.__name__ == name
        for method in pipeline_loading_utils.LOADABLE_CLASSES["aidd"][name]:
            assert callable(getattr(component, method))


def test_a_component_is_named_by_the_package():
    from diffusers.pipelines.pipeline_loading_utils import _fetch_class_library_tuple

    assert _fetch_class_library_tuple(aidd.TauLeapingScheduler()) == ("aidd", "TauLeapingScheduler")


@pytest.mark.parametrize(
    "imports",
    [
        "import aidd; from diffusers import DiffusionPipeline",
        "from diffusers import DiffusionPipeline; import aidd",
        "import aidd; aidd.AIDDPipeline; from diffusers import DiffusionPipeline",
        "import aidd, diffusers; DiffusionPipeline = diffusers.DiffusionPipeline",
    ],
)
def test_importing_the_package_makes_its_pipelines_known_to_diffusers(imports):
    code = f"{imports}; import diffusers; assert diffusers.AIDDPipeline is aidd.AIDDPipeline"
    assert "aidd.pipelines" in modules_after(code)


# A version of a library that our pipelines do not import with.
BROKEN_STACK = """
import sys, warnings
warnings.simplefilter("always")
import transformers
sys.modules["transformers.models.wavtokenizer"] = None
{imports}
from diffusers import DDPMPipeline, DiffusionPipeline
import numpy as np
audio = np.sin(np.arange(4000) / 9)
assert np.isfinite(aidd.METHODS["linear"](audio, np.arange(4000) // 40 == 50, sampling_rate=8000)).all()
"""


@pytest.mark.parametrize(
    "imports", ["import aidd; from diffusers import DDPMPipeline", "from diffusers import DDPMPipeline; import aidd"]
)
def test_pipelines_that_cannot_be_imported_break_nothing_else(imports):
    done = without_diffusers.run("-c", BROKEN_STACK.format(imports=imports))
    assert done.returncode == 0, done.stderr
    assert "ImportWarning: DiffusionPipeline.from_pretrained will not find the pipelines of aidd" in done.stderr


def test_looking_for_the_module_of_pipelines_leaves_the_registration_in_place():
    code = (
        "import aidd, importlib.util; importlib.util.find_spec('diffusers.pipelines.pipeline_utils')\n"
        "from diffusers import DiffusionPipeline; import diffusers; assert diffusers.AIDDPipeline is aidd.AIDDPipeline"
    )
    assert "aidd.pipelines" in modules_after(code)


def test_a_former_name_is_the_present_class_with_a_warning():
    with pytest.warns(FutureWarning, match=r"aidd.EntropyBoundScheduler is now aidd.MaskedEntropyBoundScheduler"):
        assert aidd.EntropyBoundScheduler is aidd.MaskedEntropyBoundScheduler
    assert "EntropyBoundScheduler" not in dir(aidd)
    with pytest.raises(AttributeError, match=r"now transformers.WavTokenizerModel.*convert_former_folder OLD_FOLDER"):
        _ = aidd.WavTokenizerModel


def test_methods_are_read_only_and_of_one_signature():
    import inspect

    assert set(aidd.METHODS) >= {"aidd", "auto", "linear"} and len(aidd.METHODS) == len(list(aidd.METHODS))
    with pytest.raises(TypeError):
        aidd.METHODS["linear"] = None
    with pytest.raises(KeyError):
        aidd.METHODS["nothing"]
    for name, method in aidd.METHODS.items():
        assert method.__name__ == name
        assert list(inspect.signature(method).parameters)[:4] == ["audio", "mask", "sampling_rate", "generator"]
