import argparse

import pytest

from aidd.training.runs.scripts import HelpFormatter, errors_in_one_line


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
