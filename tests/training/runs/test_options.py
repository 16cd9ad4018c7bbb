import argparse

import pytest

from aidd.training.runs import options
from aidd.training.runs.options import add_run_options, check_run_options


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_run_options(parser)
    args = parser.parse_args(["--output_dir", "run", *arguments])
    check_run_options(parser, args)
    return args


def test_a_tracker_that_is_not_there_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(options, "get_available_trackers", lambda: ["wandb"])
    for name in ("none", "wandb"):
        parsed("--report_to", name)
    with pytest.raises(SystemExit, match="2"):
        parsed("--report_to", "tensorboard")
    assert "tensorboard is not installed: pip install aidd[train]" in capsys.readouterr().err


def test_minutes_are_a_positive_number_or_none(capsys):
    assert parsed().max_train_minutes is None and parsed("--max_train_minutes", "0.5").max_train_minutes == 0.5
    for value in ("0", "-1", "inf", "nan"):
        with pytest.raises(SystemExit, match="2"):
            parsed("--max_train_minutes", value)
        assert f"--max_train_minutes: expected a number above 0, got {float(value)}" in capsys.readouterr().err
