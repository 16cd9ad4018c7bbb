import pytest

from aidd.training.checkpoints import latest_checkpoint, list_checkpoints, prune_checkpoints


def test_checkpoints_are_ordered_by_step_and_pruned_from_the_oldest(tmp_path):
    for step in (900, 1000, 20):
        (tmp_path / f"checkpoint-{step}").mkdir()
    assert latest_checkpoint(tmp_path).name == "checkpoint-1000"
    prune_checkpoints(tmp_path, 2)
    assert [path.name for path in list_checkpoints(tmp_path)] == ["checkpoint-900", "checkpoint-1000"]
    prune_checkpoints(tmp_path, 5)
    assert len(list_checkpoints(tmp_path)) == 2
    prune_checkpoints(tmp_path, 0)
    assert list_checkpoints(tmp_path) == []


def test_a_checkpoint_being_written_is_none(tmp_path):
    (tmp_path / "checkpoint-20").mkdir()
    (tmp_path / "unfinished-checkpoint").mkdir()
    assert latest_checkpoint(tmp_path).name == "checkpoint-20"


def test_nothing_to_resume_from_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no checkpoint"):
        latest_checkpoint(tmp_path)
