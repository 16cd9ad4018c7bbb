"""The community pipeline: its one file of code, and that diffusers loads it where this package is not installed."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from processes import without_diffusers

import aidd


COMMUNITY = Path(__file__).parents[2] / "examples" / "community"
sys.path.append(str(COMMUNITY))
from bundling import bundle  # noqa: E402
from export import export  # noqa: E402


RATE = 24_000
GAP = slice(12_000, 14_400)

# Where nothing of the package can be imported.
ALONE = """
import sys

class Refusal:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "aidd":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refusal())
import numpy as np
import torch
from diffusers import DiffusionPipeline

folder = sys.argv[1]
pipe = DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True, dtype=torch.float32)
pipe.set_progress_bar_config(disable=True)
sample_tokens = pipe.sample_tokens

def kept(*arguments):
    np.save("tokens.npy", sample_tokens(*arguments))
    return torch.from_numpy(np.load("tokens.npy"))

pipe.sample_tokens = kept
audio, mask = np.load("audio.npy"), np.load("mask.npy")
np.save("filled.npy", pipe(audio, mask, sampling_rate=24_000, generator=torch.Generator().manual_seed(0)).audios)
assert not [name for name in sys.modules if name.split(".")[0] == "aidd"]
for wrong in ({"sampling_rate": 8_000}, {"mask": mask.astype(float)}):
    try:
        pipe(**{"audio": audio, "mask": mask, **wrong})
    except ValueError as error:
        print(error)
try:
    pipe.to(torch.bfloat16)(audio, mask)
except ValueError as error:
    print(error)
"""


@pytest.fixture
def damaged(tones, tmp_path):
    audio = tones(2 * RATE, RATE)[0]
    mask = np.zeros(len(audio), bool)
    mask[GAP] = True
    audio[mask] = np.nan
    np.save(tmp_path / "audio.npy", audio)
    np.save(tmp_path / "mask.npy", mask)
    return audio, mask


def test_diffusers_alone_loads_it_and_it_draws_the_same_tokens(damaged, tmp_path):
    audio, mask = damaged
    export(Path(aidd.DEFAULT_MODEL), tmp_path / "alone")
    done = without_diffusers.run(
        "-c", ALONE, tmp_path / "alone", folder=tmp_path, HF_MODULES_CACHE=str(tmp_path / "modules")
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "at the codec's rate of 24000 Hz, got 8000" in done.stdout and "mask must be bool" in done.stdout
    assert "expected the codec in float32, got torch.bfloat16" in done.stdout
    filled = np.load(tmp_path / "filled.npy")
    assert np.array_equal(filled[~mask], audio[~mask]) and np.isfinite(filled).all()

    pipe = aidd.AIDDPipeline.from_pretrained(aidd.DEFAULT_MODEL)
    pipe.set_progress_bar_config(disable=True)
    tokens = []
    pipe(
        audio,
        mask,
        generator=torch.Generator().manual_seed(0),
        callback_on_step_end=lambda _, step, time, tensors: tokens.append(tensors["tokens"]) or {},
    )
    assert np.array_equal(np.load(tmp_path / "tokens.npy"), tokens[-1].numpy())


def test_a_folder_that_holds_something_and_other_pipelines_are_refused(tiny_spectrogram_pipeline, tmp_path):
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "file").touch()
    with pytest.raises(SystemExit, match="a new folder, or an empty one"):
        export(Path(aidd.DEFAULT_MODEL), tmp_path / "some")
    tiny_spectrogram_pipeline().save_pretrained(tmp_path / "other")
    with pytest.raises(SystemExit, match="expected an AIDDPipeline, got a SpectrogramRePaintPipeline"):
        export(tmp_path / "other", tmp_path / "new")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """`package(**modules)` writes a package `some` with modules of these sources."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(**modules: str) -> None:
        (tmp_path / "some").mkdir()
        for name, source in {"__init__": "", **modules}.items():
            (tmp_path / "some" / f"{name}.py").write_text(source)
        importlib.invalidate_caches()

    yield write
    for name in [name for name in sys.modules if name.split(".")[0] == "some"]:
        del sys.modules[name]


def test_a_bundle_holds_what_is_needed_in_order_and_nothing_else(package):
    package(
        a="import math\n\nfrom .b import double\n\n\ndef area(r):\n    return math.pi * double(r)\n\n\nUNUSED = 1\n",
        b="# A comment.\nFACTOR = 2\n\n\ndef double(x):\n    return FACTOR * x\n\n\ndef unused():\n    return 1\n",
    )
    code = bundle("some.a", ["area"], package="some")
    namespace: dict = {}
    exec(code, namespace)
    assert namespace["area"](1.0) == 2 * np.pi
    assert "unused" not in code.lower() and "# A comment." in code and "some.b" in code and "from ." not in code


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        (
            {"a": "from .b import f\n\nX = 1\n\n\ndef g():\n    return f() + X\n"},
            "X is defined in some.b and in some.a",
        ),
        ({"a": "from .b import f as h\n\n\ndef g():\n    return h()\n"}, "name by name"),
        ({"a": "def g():\n    from .b import f\n\n    return f()\n"}, "no import of the package inside g"),
    ],
)
def test_what_one_file_cannot_hold_is_refused(package, modules, said):
    package(**modules, b="X = 2\n\n\ndef f():\n    return X\n")
    with pytest.raises(ValueError, match=said):
        bundle("some.a", ["g"], package="some")
