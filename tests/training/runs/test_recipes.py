import json

import pytest

from aidd.training.runs.recipes import recipe_options


def test_a_file_holds_the_difference_from_its_base(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "base.json").write_text(json.dumps({"config_path": "model.json", "steps": 3, "rate": 1e-6}))
    (tmp_path / "b.json").write_text(json.dumps({"base": "a/base.json", "steps": 4, "folders": ["x", "y"]}))
    assert recipe_options(tmp_path / "b.json") == [
        *("--config_path", str(tmp_path / "a" / "model.json"), "--steps", "3", "--rate", "1e-06"),
        *("--steps", "4", "--folders", "x", "y"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [([1], "must hold an object of names and values, got list"), ({"flag": True}, "flag must be a number, text or")],
)
def test_what_is_no_argument_is_refused(content, message, tmp_path):
    (tmp_path / "recipe.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        recipe_options(tmp_path / "recipe.json")
