"""The measurement of detection, on the shipped excerpt."""

import importlib.util
import re
import shutil
import sys
from pathlib import Path


EXAMPLES = Path(__file__).parents[2] / "examples"


def measure(capsys, monkeypatch, *arguments) -> str:
    spec = importlib.util.spec_from_file_location("evaluate_detection", EXAMPLES / "evaluate_detection.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", ["evaluate_detection.py", *map(str, arguments)])
    module.main()
    return capsys.readouterr().out


def test_the_table_holds_every_kind_and_is_reproducible(tmp_path, capsys, monkeypatch):
    shutil.copy(EXAMPLES / "audio" / "prelude_bwv848.flac", tmp_path)
    options = ("--data_dir", tmp_path, "--max_seconds", 4)
    table = measure(capsys, monkeypatch, *options, "--seed", 1)
    rows = re.findall(r"^\| (\w+) \| (\d+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", table, re.MULTILINE)
    assert [row[0] for row in rows] == ["dropouts", "clipping", "clicks"]
    for _, num_samples, recall, precision, false_alarms in rows:
        assert int(num_samples) > 0 and 0.8 < float(recall) <= 1 and 0.8 < float(precision) <= 1
        assert float(false_alarms) == 0
    assert "0.1 minutes, seed 1. False alarms: none." in table
    assert table == measure(capsys, monkeypatch, *options, "--seed", 1)
    assert table != measure(capsys, monkeypatch, *options, "--seed", 2)
