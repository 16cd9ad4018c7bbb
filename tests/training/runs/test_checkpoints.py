import pytest

from aidd.training.runs.checkpoints import checkpoint_to_resume, latest_checkpoint, list_checkpoints, prune_checkpoints


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


@pytest.mark.parametrize("left", ["checkpoint-3", "metrics.jsonl", "training_arguments.json"])
def test_a_run_is_not_written_over_unasked(left, tmp_path):
    assert checkpoint_to_resume(tmp_path / "new", None, 5) is None
    (tmp_path / left).mkdir()
    with pytest.raises(ValueError, match="by --resume_from_checkpoint latest, or choose another --output_dir"):
        checkpoint_to_resume(tmp_path, None, 5)


def test_a_checkpoint_is_resumed_by_name_or_as_the_latest(tmp_path):
    for step in (4, 5):
        (tmp_path / f"checkpoint-{step}").mkdir()
    assert checkpoint_to_resume(tmp_path, "latest", 5) == tmp_path / "checkpoint-5"
    assert checkpoint_to_resume(tmp_path / "new", str(tmp_path / "checkpoint-4"), 5) == tmp_path / "checkpoint-4"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("latest", "holds no checkpoint-<step> folder to resume from"),
        ("checkpoint-4", "there is no .*checkpoint-4"),
        ("model", "expected a folder checkpoint-<step>, got .*model"),
        ("checkpoint-6", "checkpoint-6 is after the last step, --max_train_steps 5"),
    ],
)
def test_what_cannot_be_resumed_is_refused(name, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        checkpoint_to_resume(tmp_path, name if name == "latest" else str(tmp_path / name), 5)
