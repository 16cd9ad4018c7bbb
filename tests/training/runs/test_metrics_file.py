import json

from aidd.training.runs.metrics_file import append_metrics, cut_metrics


def test_what_was_measured_behind_a_step_is_dropped(tmp_path):
    for step in (1, 2, 2, 3):
        append_metrics(tmp_path, step, {"loss": step / 2})
    whole = (tmp_path / "metrics.jsonl").read_text()
    assert [json.loads(line) for line in whole.splitlines()][2] == {"step": 2, "loss": 1.0}
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')
    cut_metrics(tmp_path, 3)
    assert (tmp_path / "metrics.jsonl").read_text() == whole
    cut_metrics(tmp_path, 2)
    assert (tmp_path / "metrics.jsonl").read_text() == "".join(whole.splitlines(keepends=True)[:3])
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_folder_without_metrics_stays_without(tmp_path):
    cut_metrics(tmp_path, 2)
    assert list(tmp_path.iterdir()) == []
