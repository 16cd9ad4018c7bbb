"""The models that come with the package, on the recording that comes with the repository."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import aidd
from aidd.evaluation.metrics import log_spectral_distance
from aidd.repair.methods import default_pipeline
from aidd.signals.files import read_audio


REPORTED = ("musicnet_four_gap", "maestro_one_gap")
EXCERPT = Path(__file__).parents[2] / "examples" / "audio" / "prelude_bwv848.flac"


@pytest.fixture(scope="module")
def damaged():
    audio = read_audio(EXCERPT)
    mask = np.zeros(audio.samples.shape[-1], bool)
    mask[round(3.2 * audio.sampling_rate) : round(3.5 * audio.sampling_rate)] = True
    return audio.samples, mask, audio.sampling_rate


def distances_at_24_khz(damaged, restored) -> dict[str, float]:
    """Distances of what was restored, of a line and of silence. The models generate nothing above 12 kHz."""
    audio, mask, rate = damaged
    others = {
        "restored": restored,
        "linear": aidd.METHODS["linear"](audio, mask, sampling_rate=rate),
        "silence": np.where(mask, 0, audio),
    }
    return {
        name: log_spectral_distance(*aidd.audio_io.resample(np.stack([audio, other]), rate, 24_000))
        for name, other in others.items()
    }


def test_aidd_fills_a_gap_better_than_a_line_and_changes_nothing_else(damaged):
    audio, mask, rate = damaged
    restored = aidd.METHODS["aidd"](
        np.where(mask, np.nan, audio), mask, sampling_rate=rate, generator=torch.Generator().manual_seed(0)
    )
    assert np.array_equal(restored[:, ~mask], audio[:, ~mask])
    distances = distances_at_24_khz(damaged, restored)
    assert distances["restored"] < 0.5 * distances["linear"] and distances["restored"] < 0.5 * distances["silence"]


def test_the_spectrogram_model_fills_a_gap_better_than_a_line_and_changes_nothing_else(damaged):
    audio, mask, rate = damaged
    restored = default_pipeline("spectrogram_repaint")(
        np.where(mask, np.nan, audio),
        mask,
        sampling_rate=rate,
        generator=torch.Generator().manual_seed(0),
        # A fifth of the preset's calls.
        num_inference_steps=12,
        jump_length=4,
        num_resamplings=2,
    ).audios
    assert np.array_equal(restored[:, ~mask], audio[:, ~mask])
    distances = distances_at_24_khz(damaged, restored)
    assert distances["restored"] < 0.6 * distances["linear"] and distances["restored"] < 0.6 * distances["silence"]


@pytest.mark.parametrize(("model", "most"), [(aidd.DEFAULT_MODEL, 35e6), (aidd.DEFAULT_SPECTROGRAM_MODEL, 7e6)])
def test_weights_are_small_enough_to_travel_with_the_package(model, most):
    files = [path for path in Path(model).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < most
    assert {path.name for path in files} >= {"README.md", "model_index.json", "pipeline.py"}
    assert not [path for path in files if path.suffix not in (".json", ".md", ".png", ".py", ".safetensors")]
    # Nobody else can use this: where on a machine a part was loaded from.
    configurations = [json.loads(path.read_text()) for path in files if path.suffix == ".json"]
    assert not [one for one in configurations if Path(one.get("_name_or_path") or "").is_absolute()]


def test_the_spectrogram_models_card_shows_the_recorded_results():
    record = Path(__file__).parents[2] / "model_cards" / "spectrogram-piano-small"
    card = (record / "README.md").read_text()
    for evaluation in ("evaluation_gaps", "evaluation_cells"):
        assert (record / evaluation / "summary.md").read_text().strip() in card
    assert card == (Path(aidd.DEFAULT_SPECTROGRAM_MODEL) / "README.md").read_text()


def table_lines(text: str) -> dict[str, list[str]]:
    """Cells by the first one of each line; of several tables, those of the later ones behind."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            name, *cells = line[2:-2].split(" | ")
            found.setdefault(name, []).extend(cells)
    return found


def marked_table(page: Path, comment: str) -> dict[str, list[str]]:
    """The lines of the table between a comment that begins so and the next `<!-- end -->`, see `write_report.py`."""
    _, _, after = page.read_text().partition(f"<!-- {comment}")
    return table_lines(after.split("<!-- end -->")[0])


def test_pages_show_lsd_and_snr_of_the_report_side_by_side():
    root = Path(__file__).parents[2]
    shown = marked_table(root / "docs" / "choosing_a_method.md", "musicnet_four_gap, maestro_one_gap -->")
    heading = shown.pop("LSD / SNR in gap (dB)")
    parts = [table_lines((root / "docs/report" / name / "summary.md").read_text()) for name in REPORTED]
    assert heading == [cell for part in parts for cell in part["LSD"]] and len(heading) == 8
    assert set(shown) == {name for part in parts for name in part} - {"LSD", "SNR in gap (dB)"}
    for method, cells in shown.items():
        expected = []
        for part in parts:
            half = len(part[method]) // 2
            pairs = zip(part[method][:half], part[method][half:], strict=True)
            expected += [lsd if lsd == snr else f"{lsd} / {snr}" for lsd, snr in pairs]
        assert cells == expected, method


def test_the_readme_shows_some_lines_of_the_evaluation_of_the_default_model():
    root = Path(__file__).parents[2]
    shown = marked_table(root / "README.md", "evaluation: ")
    recorded = table_lines((root / "model_cards" / "aidd-mel-small" / "evaluation" / "summary.md").read_text())
    heading, columns = recorded["LSD"], shown.pop("LSD / SNR in gap (dB)")
    assert 3 <= len(shown) <= 4 and "aidd" in shown
    for method, cells in shown.items():
        half = len(recorded[method]) // 2
        assert cells == [
            f"{recorded[method][place]} / {recorded[method][half + place]}" for place in map(heading.index, columns)
        ], method


def test_the_card_shows_the_recorded_results():
    root = Path(__file__).parents[2]
    record = root / "model_cards" / "aidd-mel-small" / "evaluation"
    card = (root / "model_cards" / "aidd-mel-small" / "README.md").read_text()
    assert (record / "results.md").read_text() in card
    assert card == (Path(aidd.DEFAULT_MODEL) / "README.md").read_text()
