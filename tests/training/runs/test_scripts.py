import argparse

import pytest

from aidd.training.runs import scripts
from aidd.training.runs.scripts import HelpFormatter, check_tracker, errors_in_one_line, is_due


def test_help_tells_every_default_that_there_is(capsys):
    parser = argparse.ArgumentParser(description="One.\n\n    Two.", formatter_class=HelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="Of all.")
    parser.add_argument("--data", help="Folder. Default: none.")
    parser.add_argument("--dummy", action="store_true", help="Made-up data.")
    parser.add_argument("--frozen", action=argparse.BooleanOptionalAction, default=True, help="Or not.")
    parser.print_help()
    text = capsys.readouterr().out
    assert "One.\n\n    Two.\n" in text
    assert "Of all. (default: 0)" in text and text.count("(default: True)") == 1
    assert "(default: None)" not in text and "(default: False)" not in text


@pytest.mark.parametrize("error", [ValueError("expected one,\n  got two"), FileNotFoundError("expected one, got two")])
def test_what_the_user_got_wrong_is_told_in_one_line(error, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["examples/train.py"])
    with pytest.raises(SystemExit, match="2"), errors_in_one_line():
        raise error
    assert capsys.readouterr().err == "train.py: error: expected one, got two\n"


def test_bugs_keep_their_traceback():
    with pytest.raises(KeyError, match="loss"), errors_in_one_line():
        raise KeyError("loss")


def test_a_tracker_that_is_not_there_is_not_passed_over(monkeypatch, capsys):
    monkeypatch.setattr(scripts, "get_available_trackers", lambda: ["wandb"])
    for name in ("none", "wandb"):
        check_tracker(argparse.ArgumentParser(), name)
    with pytest.raises(SystemExit, match="2"):
        check_tracker(argparse.ArgumentParser(), "tensorboard")
    assert "tensorboard is not installed: pip install aidd[train]" in capsys.readouterr().err


def test_the_last_step_is_never_left_out():
    assert [step for step in range(1, 12) if is_due(step, 4, 11)] == [4, 8, 11]
    assert [step for step in range(1, 4) if is_due(step, 50, 3)] == [3]
