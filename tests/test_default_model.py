"""The model that comes with the package, on the recording that comes with the repository."""

from pathlib import Path

import numpy as np
import pytest
import torch

import aidd
from aidd.audio_io import read_audio
from aidd.evaluation.metrics import log_spectral_distance


EXCERPT = Path(__file__).parents[1] / "examples" / "audio" / "prelude_bwv848.flac"


@pytest.fixture(scope="module")
def damaged():
    audio = read_audio(EXCERPT)
    mask = np.zeros(audio.samples.shape[-1], bool)
    mask[round(3.2 * audio.sampling_rate) : round(3.5 * audio.sampling_rate)] = True
    return audio.samples, mask, audio.sampling_rate


def test_it_fills_a_gap_better_than_a_line_and_changes_nothing_else(damaged):
    audio, mask, rate = damaged
    restored = aidd.METHODS["aidd"](
        np.where(mask, np.nan, audio), mask, sampling_rate=rate, generator=torch.Generator().manual_seed(0)
    )
    assert np.array_equal(restored[:, ~mask], audio[:, ~mask])
    # At the codec's rate: it generates nothing above 12 kHz.
    distances = [
        log_spectral_distance(*aidd.audio_io.resample(np.stack([audio, other]), rate, 24_000))
        for other in (restored, aidd.METHODS["linear"](audio, mask, sampling_rate=rate), np.where(mask, 0, audio))
    ]
    assert distances[0] < 0.5 * distances[1] and distances[0] < 0.5 * distances[2]


def test_its_weights_are_small_enough_to_travel_with_the_package():
    files = [path for path in Path(aidd.DEFAULT_MODEL).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 25e6
    assert {path.name for path in files} >= {"README.md", "model_index.json"}
    assert not [path for path in files if path.suffix not in (".json", ".md", ".png", ".safetensors")]


def test_the_readme_and_the_card_show_the_recorded_results():
    root = Path(__file__).parents[1]
    record = root / "model_cards" / "aidd-piano-small" / "evaluation"
    card = (root / "model_cards" / "aidd-piano-small" / "README.md").read_text()
    readme = (root / "README.md").read_text()
    for protocol in ("musicnet_four_gap", "maestro_one_gap"):
        assert (root / "docs" / "report" / protocol / "summary.md").read_text() in readme
    assert (record / "results.md").read_text() in card
    assert card == (Path(aidd.DEFAULT_MODEL) / "README.md").read_text()
