from argparse import Namespace
from pathlib import Path

import pytest

from aidd.training.runs.arguments import check_kept, read_arguments, write_arguments


ARGUMENTS = {"learning_rate": 1e-3, "max_train_steps": 5, "output_dir": Path("a"), "speeds": (1, 2), "start": None}


@pytest.fixture
def checkpoint(tmp_path):
    write_arguments(tmp_path, Namespace(**ARGUMENTS), trained_steps=5)
    return tmp_path


def test_what_was_written_is_read_and_nothing_where_nothing_was(checkpoint):
    assert read_arguments(checkpoint) == ARGUMENTS | {"output_dir": "a", "speeds": [1, 2], "trained_steps": 5}
    assert read_arguments(checkpoint / "elsewhere") == {}


@pytest.mark.parametrize(
    "changes", [{}, {"max_train_steps": 9, "output_dir": Path("b")}, {"max_train_minutes": 3.0}, {"new": 3}]
)
def test_a_run_may_be_longer_and_lie_elsewhere(checkpoint, changes):
    check_kept(Namespace(**ARGUMENTS | changes), checkpoint)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"learning_rate": 2e-3}, "learning_rate is 0.001 in .*, got 0.002"), ({"start": 4}, "start is None in .*4")],
)
def test_what_would_be_passed_over_is_refused(checkpoint, changes, message):
    with pytest.raises(ValueError, match=f"{message}: a resumed run keeps it"):
        check_kept(Namespace(**ARGUMENTS | changes), checkpoint)
