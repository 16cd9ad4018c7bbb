import json
import sys

import numpy as np
import pytest
import torch

from aidd.classical.cells import zeroing
from aidd.classical.linear import linear
from aidd.evaluation.embedders import RandomProjectionEmbedder
from aidd.evaluation.methods.evaluated_methods import masked
from aidd.evaluation.methods.method_set import MethodSet
from aidd.evaluation.metrics import metrics_in_cells, snr_in_gap
from aidd.evaluation.protocols.protocol import Protocol, read_item
from aidd.evaluation.protocols.selection import select_items
from aidd.evaluation.protocols.tf_geometry import GRID
from aidd.evaluation.runs.journal import Journal
from aidd.evaluation.runs.measuring import load_metrics, window_starts
from aidd.evaluation.runs.results import collect
from aidd.evaluation.runs.runner import audio_file, check_intact, run
from aidd.signals.samples import sample_recordings


RECORDINGS = dict(list(sample_recordings().items())[:2])
PROVENANCE = {"protocol": "tiny", "seed": 0}


@pytest.fixture(scope="module")
def items():
    return select_items(Protocol.load("tiny"), RECORDINGS, seed=0).items


def noise(audio, mask, *, sampling_rate, generator):
    return np.where(mask, 0.1 * torch.randn(len(audio), generator=generator).numpy(), audio)


def refusing(audio, mask, *, sampling_rate, generator):
    raise ValueError("expected less")


def go(items, folder, methods=None, cell_methods=None, models=None, **options):
    methods = methods or {"masked": masked, "linear": linear, "noise": noise}
    defaults = {"provenance": PROVENANCE, "embedder": RandomProjectionEmbedder(dimension=8)}
    run(
        items,
        RECORDINGS,
        MethodSet(methods, cell_methods or {}, models or {}),
        output_dir=folder,
        **defaults | options,
    )


def test_a_row_an_item_and_method_holds_what_the_metrics_say(items, tmp_path):
    go(items, tmp_path)
    rows, embeddings = collect(tmp_path)
    assert len(rows) == 3 * len(items) == 3 * len(RECORDINGS) * 3
    for item in items:
        of_item = rows[rows["item"] == item.key].set_index("method")
        segment, mask = read_item(item, RECORDINGS)
        generator = torch.Generator().manual_seed(item.seed)
        restored = noise(segment, mask, sampling_rate=item.sampling_rate, generator=generator)
        assert of_item.loc["noise", "snr"] == pytest.approx(snr_in_gap(segment, restored, mask))
        assert of_item.loc["masked", "level_error"] == -np.inf
        assert (of_item["missing_seconds"] == mask.sum() / item.sampling_rate).all()
        assert (of_item["protocol"] == "tiny").all() and (of_item["recording"] == item.recording).all()
    assert set(embeddings["method"]) == {"reference", "masked", "linear", "noise"}
    assert all(len(embedding) == 8 for embedding in embeddings["embedding"])
    assert (tmp_path / "items.parquet").is_file() and not list(tmp_path.glob(".aidd*"))


def test_a_run_that_was_stopped_ends_as_one_that_was_not(items, tmp_path):
    go(items, tmp_path / "whole")
    go(items[:2], tmp_path / "parts")
    with (tmp_path / "parts" / "rows-0.jsonl").open("a") as file:
        file.write('{"item": "half a')
    go(items, tmp_path / "parts", {"masked": masked})
    # Another number of processes, and the methods that were not run yet.
    for process in range(2):
        go(items, tmp_path / "parts", share=(process, 2))
    (rows, embeddings), (expected_rows, expected_embeddings) = (
        collect(tmp_path / name) for name in ("parts", "whole")
    )
    key = ["item", "method"]
    drop = {"columns": "seconds"}
    rows, expected_rows = (one.sort_values(key).reset_index(drop=True).drop(**drop) for one in (rows, expected_rows))
    assert rows[sorted(rows)].equals(expected_rows[sorted(rows)])
    assert embeddings.equals(expected_embeddings)


def test_what_is_done_is_not_run_again(items, tmp_path):
    go(items, tmp_path)
    before = (tmp_path / "rows-0.jsonl").read_bytes()
    go(items, tmp_path, {"masked": refusing, "linear": refusing, "noise": refusing})
    assert (tmp_path / "rows-0.jsonl").read_bytes() == before


def test_another_run_does_not_mix(items, tmp_path):
    go(items[:1], tmp_path)
    with pytest.raises(ValueError, match=r"rows of masked of another run: expected \{'seed': 1\}, got \{'seed': 0\}"):
        go(items, tmp_path, provenance={"protocol": "tiny", "seed": 1})


def test_a_method_has_one_model_in_a_run_and_others_need_not_know_it(items, tmp_path):
    go(items[:1], tmp_path, {"masked": masked})
    go(items[:1], tmp_path, {"noise": noise}, models={"noise": {"model": "a"}})
    go(items[:1], tmp_path, {"masked": masked, "linear": linear}, models={"linear": {"model": "b"}})
    rows, _ = collect(tmp_path)
    models = rows.set_index("method")["model"]
    assert models["noise"] == "a" and models["linear"] == "b" and models.isna()["masked"]
    with pytest.raises(
        ValueError, match=r"rows of noise of another run: expected \{'model': 'b'\}, got \{'model': 'a'\}"
    ):
        go(items, tmp_path, {"noise": noise}, models={"noise": {"model": "b"}})


def test_rows_of_other_items_are_not_mixed_in(items, tmp_path):
    go(items[:1], tmp_path)
    with pytest.raises(ValueError, match=r"holds rows of other items, of sample_recordings/.* for one"):
        go(items[1:], tmp_path)


def test_a_refusal_is_a_row_without_figures(items, tmp_path):
    go(items[:1], tmp_path, {"refusing": refusing, "masked": masked})
    rows = {row["method"]: row for row in map(json.loads, (tmp_path / "rows-0.jsonl").read_text().splitlines())}
    assert rows["refusing"]["refusal"] == "expected less" and "lsd" not in rows["refusing"]
    assert rows["masked"]["lsd"] > 0


def test_what_is_to_be_listened_to_is_kept(items, tmp_path):
    go(items[:2], tmp_path, {"linear": linear}, kept=[items[1].key])
    segment, mask = read_item(items[1], RECORDINGS)
    kept = np.load(audio_file(tmp_path, items[1].key, "linear"))
    expected = linear(np.where(mask, np.nan, segment), mask, sampling_rate=items[1].sampling_rate)
    assert np.array_equal(kept, expected.astype(np.float32)) and len(list((tmp_path / "audio").iterdir())) == 1


def test_windows_are_centred_on_gaps_within_the_signal_and_never_overlap():
    mask = np.zeros(1000, bool)
    for start, end in ((0, 10), (40, 60), (300, 320), (345, 355), (990, 1000)):
        mask[start:end] = True
    # The second and the fourth gap lie in the windows of those before them.
    assert window_starts(mask, 100) == [0, 260, 900]


def test_what_cannot_be_measured_is_named(items, tmp_path):
    def failing(*arguments, sampling_rate):
        raise ValueError("no frame")

    with pytest.raises(ValueError, match=rf"{items[0].recording}, from sample \d+, centred_gap .*, masked: no frame"):
        go(items, tmp_path, metrics={"failing": failing})


def test_further_metrics_have_a_column_each_and_runs_without_them_do_not_mix(items, tmp_path):
    def num_missing(reference, estimate, mask, *, sampling_rate):
        return np.float32(mask.sum())

    def undefined(reference, estimate, mask, *, sampling_rate):
        return float("nan") if (estimate[mask] == 0).all() else float("inf")

    metrics = {"num_missing": num_missing, "undefined": undefined}
    options = {"metrics": metrics, "provenance": {**PROVENANCE, "metrics": "mine:num_missing, mine:undefined"}}
    go(items[:2], tmp_path, {"masked": masked, "linear": linear}, **options)
    rows, _ = collect(tmp_path)
    by_item = {item.key: item.mask.sum() for item in items[:2]}
    assert (rows["num_missing"] == rows["item"].map(by_item)).all()
    assert rows["undefined"].tolist() == pytest.approx(2 * [np.nan, np.inf], nan_ok=True)
    with pytest.raises(ValueError, match=r"another run: expected \{'metrics': None\}"):
        go(items, tmp_path)
    go(items[:2], tmp_path, {"masked": masked, "noise": noise}, **options)


def test_a_metric_returns_a_number(items, tmp_path):
    with pytest.raises(ValueError, match=r"masked: metric spectrum: expected a number, got array"):
        go(items, tmp_path, metrics={"spectrum": lambda reference, *_, sampling_rate: reference[:2]})


@pytest.mark.parametrize("name", ["snr", "seconds", "kad", "param_level", "twice"])
def test_a_metric_has_a_name_of_its_own(tmp_path, monkeypatch, name):
    (tmp_path / "users_metrics.py").write_text(
        f"def {name}(reference, estimate, mask, *, sampling_rate):\n    return 0.0\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "users_metrics", raising=False)
    with pytest.raises(ValueError, match=rf"expected a metric of another name, as rows have a column {name} already"):
        load_metrics(2 * [f"users_metrics:{name}"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda restored, mask: np.where(mask, restored, 0.999 * restored), "outside the gaps as it was, got "),
        (lambda restored, mask: restored.astype(np.float32), "type float64, got .* float32"),
        (lambda restored, mask: restored[None], r"shape \(\d+,\) .* got \(1, \d+\)"),
        (lambda restored, mask: torch.from_numpy(restored), "as a numpy array, got Tensor"),
    ],
)
def test_a_method_that_changes_more_than_the_gap_stops_the_run(items, tmp_path, change, message):
    def meddling(audio, mask, *, sampling_rate, generator):
        return change(noise(audio, mask, sampling_rate=sampling_rate, generator=generator), mask)

    with pytest.raises(ValueError, match=rf"{items[0].recording}, from sample .*, meddling: expected .*{message}"):
        go(items, tmp_path, {"linear": linear, "meddling": meddling})
    # What was done before stays; the published stitching alone may overwrite samples next to gaps.
    assert [row["method"] for row in Journal(tmp_path, "rows").read()] == ["linear"]
    segment, mask = read_item(items[0], RECORDINGS)
    check_intact(segment, np.where(mask, 0.0, segment), mask)


def test_the_published_stitching_may_overwrite_samples_next_to_gaps(items, tmp_path):
    go(items[:1], tmp_path, {"aidd_paper": lambda audio, mask, **_: np.where(mask, 0.0, 0.9 * audio)})
    assert len(Journal(tmp_path, "rows").read()) == 1


def test_the_order_of_rows_is_that_of_the_anchors_whatever_came_first(items, tmp_path):
    go(items, tmp_path, {"noise": noise, "linear": linear})
    go(items, tmp_path, {"masked": masked})
    rows, _ = collect(tmp_path)
    assert list(rows["method"].unique()) == ["masked", "linear", "noise"]


def test_a_broken_journal_is_named(items, tmp_path):
    go(items[:2], tmp_path, {"masked": masked})
    (tmp_path / "rows-0.jsonl").write_text("{}\n{broken}\n{}\n")
    with pytest.raises(ValueError, match=r"rows-0\.jsonl, line 2: expected an object as JSON"):
        collect(tmp_path)


def test_missing_cells_go_to_methods_for_cells_and_are_measured_there(tmp_path):
    content = Protocol.load("tf_masks").to_dict() | {"segment_seconds": 0.5, "sampling_rate": None}
    box = {"geometry": "centred_box", "gap_seconds": 0.05, "lowest_hertz": 200, "height_hertz": 1000}
    content["conditions"] = [box, {"geometry": "centred_gap", "gap_seconds": 0.05}]
    items = select_items(Protocol.from_dict(content), RECORDINGS, seed=0).items
    assert [item.cells is None for item in items] == [False, True] * 2
    seen = []

    def for_cells(audio, tf_mask, *, sampling_rate, generator):
        seen.append(tf_mask)
        return zeroing(audio, tf_mask, sampling_rate=sampling_rate, grid=GRID)

    go(items, tmp_path, {"masked": masked}, cell_methods={"zeroing": for_cells})
    rows, embeddings = collect(tmp_path)
    assert list(rows["method"]) == ["zeroing", "masked"] * 2
    for mask, item in zip(list(seen), items[::2], strict=True):
        assert np.array_equal(mask, item.cells)
        row = rows[rows["item"] == item.key].iloc[0]
        segment, touched = read_item(item, RECORDINGS)
        restored = for_cells(segment, item.cells, sampling_rate=item.sampling_rate, generator=None)
        expected = metrics_in_cells(segment, restored, item.cells, sampling_rate=item.sampling_rate, grid=GRID)
        assert {name: row[name] for name in expected} == pytest.approx(expected)
        assert row["coverage"] == item.cells.mean() and row["missing_seconds"] == touched.sum() / item.sampling_rate
        assert np.array_equal(restored[~touched], segment[~touched])
    assert set(embeddings["method"]) == {"reference", "masked", "zeroing"}


@pytest.mark.parametrize("method", ["../../../up", "a/b", "a\\b", "module:function", ".."])
def test_kept_audio_stays_in_its_folder(tmp_path, method):
    """Whatever a method is called in a journal that somebody else wrote."""
    path = audio_file(tmp_path, "1234", method)
    assert path.resolve().parent == (tmp_path / "audio").resolve() and path.suffix == ".npy"
    assert not set(path.name) & set("/\\:")
