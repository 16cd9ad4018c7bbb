"""
KAD, FAD and VGGish against published implementations, on the same arrays and the same random weights.

Needed, as folders of checkouts, none of which has to be installed:

- `KADTK_OFFICIAL_REPO`: github.com/YoonjinXD/kadtk
- `FAD_OFFICIAL_REPO`: github.com/gudgud96/frechet-audio-distance
- `VGGISH_OFFICIAL_REPO`: github.com/harritaylor/torchvggish

Their modules import packages that pin old versions of numpy and torch, or load models; so only the definitions under
test are taken out of the files.
"""

import ast
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import nn

from aidd.evaluation.embedders import VGGishEmbedder
from aidd.evaluation.embedders.log_mel import log_mel
from aidd.evaluation.metrics import frechet_audio_distance, kernel_audio_distance


# The warnings are the original code's.
pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"),
]


def definitions(variable: str, file: str, *names: str, **imports) -> SimpleNamespace:
    """Functions, classes, methods and constants of one file of a checkout, run with no imports but these."""
    folder = os.environ.get(variable)
    if folder is None:
        pytest.skip(f"needs {variable}, a folder: see this file's docstring")
    path = Path(folder) / file
    tree = ast.parse(path.read_text())

    def is_wanted(node: ast.AST) -> bool:
        targets = node.targets if isinstance(node, ast.Assign) else [node]
        return any(getattr(target, "id", getattr(target, "name", None)) in names for target in targets)

    methods = [node for part in tree.body if isinstance(part, ast.ClassDef) for node in part.body]
    wanted = [node for node in tree.body + methods if is_wanted(node)]
    namespace = dict(imports)
    exec(compile(ast.Module(wanted, type_ignores=[]), str(path), "exec"), namespace)
    return SimpleNamespace(**{name: namespace[name] for name in names})


def draws(num: int, dims: int, seed: int, offset: float = 0.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return offset + generator.normal(size=(num, dims)) @ generator.normal(size=(dims, dims))


SETS = [
    (draws(60, 16, 0), draws(45, 16, 1, 0.3)),
    (draws(7, 3, 2), draws(200, 3, 3)),
    (10 + draws(30, 128, 4), 10 + draws(30, 128, 5)),
]


@pytest.mark.parametrize("sets", SETS)
@pytest.mark.parametrize("bandwidth", [None, 100.0])
def test_kernel_audio_distance(sets, bandwidth):
    kadtk = definitions(
        "KADTK_OFFICIAL_REPO",
        "kadtk/kad.py",
        *("SCALE_FACTOR", "calc_kernel_audio_distance", "median_pairwise_distance"),
        **{"torch": torch, "np": np, "Path": Path},
    )
    reference, estimate = sets
    # The bandwidth is that of the function's second argument, and found in float32.
    theirs = kadtk.calc_kernel_audio_distance(
        *(torch.tensor(estimate), torch.tensor(reference), (None, None), "cpu", bandwidth),
        precision=torch.float64,
    )
    ours = kernel_audio_distance(reference, estimate, bandwidth=bandwidth)
    assert ours == pytest.approx(theirs.item(), abs=1e-6 if bandwidth is None else 1e-7)
    assert kadtk.SCALE_FACTOR == 100


@pytest.mark.parametrize("sets", SETS[:2])
def test_frechet_audio_distance_of_kadtk(sets):
    kadtk = definitions(
        "KADTK_OFFICIAL_REPO",
        "kadtk/fad.py",
        "calc_frechet_distance",
        **{"torch": torch, "np": np, "Path": Path, "scipy": scipy},
    )
    theirs = kadtk.calc_frechet_distance(*sets, (None, None), "cpu", precision=torch.float64)
    assert frechet_audio_distance(*sets) == pytest.approx(theirs.item(), rel=1e-6)


@pytest.mark.parametrize("sets", SETS[:2])
def test_frechet_audio_distance_of_the_package(sets):
    package = definitions(
        "FAD_OFFICIAL_REPO",
        "frechet_audio_distance/fad.py",
        *("calculate_frechet_distance", "calculate_embd_statistics"),
        **{"np": np, "linalg": scipy.linalg},
    )
    statistics = [package.calculate_embd_statistics(None, embeddings) for embeddings in sets]
    theirs = package.calculate_frechet_distance(None, *statistics[0], *statistics[1])
    assert frechet_audio_distance(*sets) == pytest.approx(float(theirs), rel=1e-6)


def test_the_log_mel_patch_of_vggish():
    """The patch of a second with silence, a tone and noise in it."""
    original = definitions(
        "VGGISH_OFFICIAL_REPO",
        "torchvggish/mel_features.py",
        *("frame", "periodic_hann", "stft_magnitude", "hertz_to_mel", "spectrogram_to_mel_matrix"),
        *("log_mel_spectrogram", "_MEL_BREAK_FREQUENCY_HERTZ", "_MEL_HIGH_FREQUENCY_Q"),
        np=np,
    )
    audio = 0.1 * np.random.default_rng(0).normal(size=16_000) * (np.arange(16_000) > 8000)
    audio += 0.5 * np.sin(2 * np.pi * 700 * np.arange(16_000) / 16_000) * (np.arange(16_000) > 4000)
    settings = {"log_offset": 0.01, "num_mel_bins": 64, "lower_edge_hertz": 125, "upper_edge_hertz": 7500}
    theirs = original.log_mel_spectrogram(audio, audio_sample_rate=16_000, **settings)
    np.testing.assert_allclose(log_mel(audio), theirs, rtol=1e-9, atol=1e-9)


def test_the_network_of_vggish(tmp_path):
    """The full-sized network with random weights, but for the ReLU that torchvggish appends."""
    original = definitions("VGGISH_OFFICIAL_REPO", "torchvggish/vggish.py", "VGG", "make_layers", nn=nn, torch=torch)
    torch.manual_seed(0)
    network = original.VGG(original.make_layers()).eval()
    torch.save(network.state_dict(), tmp_path / "vggish.pth")
    audio = 0.1 * np.random.default_rng(0).normal(size=(2, 15_600))
    patches = torch.tensor(log_mel(audio), dtype=torch.float32)[:, None]
    with torch.no_grad():
        theirs = network(patches).numpy()
    ours = VGGishEmbedder(tmp_path / "vggish.pth")(audio)
    assert (theirs > 0).any()
    np.testing.assert_allclose(np.maximum(0, ours), theirs, atol=1e-6)
