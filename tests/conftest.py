"""What all tests are given, where they run, and what a run of all of them may cost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING


# Models this small gain nothing from threads, and how work is shared out among them changes the rounding: one thread
# here, and one in the processes that tests start. Libraries read this when they are loaded.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import processes
import pytest


# A process that shares tests out to others imports no model: they are imported where they are asked for.
if TYPE_CHECKING:
    from diffusers import UNet2DModel
    from transformers import WavTokenizerModel

    from aidd.models.dit_token import DiTTokenModel
    from aidd.pipelines import AIDDPipeline, CQTDiffPipeline, SpectrogramRePaintPipeline


# Starts of Python in a run of all tests: most of the time that these take, libraries are imported.
MAX_STARTS = 40
# Tests of a file share what they build, and so do those of these files: each group runs in one process. What takes
# longest comes first.
GROUPS = {
    **dict.fromkeys(("test_examples", "test_studies", "test_cards"), "examples"),
    **dict.fromkeys(("test_hub_loading", "test_publishing", "test_train"), "hub"),
    **dict.fromkeys(("test_community_pipeline", "test_import", "test_tested_versions"), "imports"),
}
FIRST = ("test_types", "test_studies", "test_examples", "test_benchmarks", "test_docs", "test_hub_loading")
FIRST += ("test_publishing", "test_train", "test_evaluate", "test_train_wavtokenizer", "test_images", "test_inpaint")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Whole folders are shared out, to as many processes as there are cores; a file or two are done sooner in one."""
    is_shown = config.option.collectonly or config.option.capture == "no"
    has_folders = any(Path(place).is_dir() for place in config.args)
    return min(os.cpu_count() or 1, 4) if has_folders and not is_shown else 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    from xdist.scheduler import LoadScopeScheduling

    class GroupScheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = Path(nodeid.split("::")[0])
            return GROUPS.get(file.stem, str(file))

    return GroupScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: FIRST.index(item.path.stem) if item.path.stem in FIRST else len(FIRST))


def pytest_sessionfinish(session: pytest.Session) -> None:
    processes.stop_all()
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["starts"] = processes.starts
    elif len(processes.starts) > MAX_STARTS:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node) -> None:
    processes.starts += getattr(node, "workeroutput", {}).get("starts", [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    num_starts = len(processes.starts)
    if num_starts > MAX_STARTS:
        terminalreporter.section("Python was started too often", red=True)
        terminalreporter.line(f"Expected at most {MAX_STARTS}, got {num_starts}: `processes.python` needs none.")
        for start in processes.starts:
            terminalreporter.line(start)
    elif num_starts:
        terminalreporter.line(f"Python was started {num_starts} times, {MAX_STARTS} are allowed")


@pytest.fixture
def tiny_codec() -> WavTokenizerModel:
    import tiny_models

    return tiny_models.codec()


@pytest.fixture
def tiny_transformer() -> DiTTokenModel:
    import tiny_models

    return tiny_models.transformer()


@pytest.fixture
def tiny_pipeline(tiny_codec, tiny_transformer) -> AIDDPipeline:
    import tiny_models

    return tiny_models.pipeline(tiny_codec, tiny_transformer)


@pytest.fixture
def tiny_unet() -> Callable[[int, int], UNet2DModel]:
    """
    `tiny_unet(num_bins, num_frames)`: of images of so many cells, their real and imaginary parts and coordinates. The
    seed of torch's own draws is 0 before its weights.
    """
    import tiny_models

    return tiny_models.unet


@pytest.fixture
def tiny_spectrogram_pipeline() -> Callable[..., SpectrogramRePaintPipeline]:
    """
    `tiny_spectrogram_pipeline(n_fft, hop_length, num_frames)`, by default with windows of 83 ms for gaps of up to
    38 ms, all of which go to the network, however short.
    """
    import tiny_models

    return tiny_models.spectrogram_pipeline


@pytest.fixture
def tiny_cqtdiff_pipeline() -> CQTDiffPipeline:
    """With windows of 85 ms for gaps of up to 40 ms, all of which go to the network, however short."""
    import tiny_models

    return tiny_models.cqtdiff_pipeline()


@pytest.fixture
def tones():
    """
    `tones(num_samples, sampling_rate, channels)`: decaying harmonic tones in some noise, without which they would be
    continued for sure and nothing generated; float64 `(channels, num_samples)`.
    """

    def make(num_samples: int, sampling_rate: int, channels: int = 1) -> np.ndarray:
        time = np.arange(num_samples) / sampling_rate
        signal = sum(np.sin(2 * np.pi * 220 * k * time + k) / k for k in range(1, 6)) * np.exp(-2 * (time % 0.4))
        signal += 0.01 * np.random.default_rng(0).normal(size=num_samples)
        return 0.2 * np.stack([signal * (1 - 0.3 * channel) for channel in range(channels)])

    return make
