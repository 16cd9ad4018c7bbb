"""Methods by name, what a repair must know of each, and methods of users."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from snippets import ROOT

import aidd
from aidd import METHODS, AIDDPipeline, SpectrogramRePaintPipeline
from aidd.evaluation.recipe import EvaluationRequest
from aidd.repair.methods import MODEL_METHODS, ROWS, default_pipeline, load_method, row_of


def test_every_method_has_a_row_and_those_with_a_model_their_default_or_what_trains_one():
    assert list(METHODS) == list(ROWS) and set(MODEL_METHODS) == {name for name in ROWS if ROWS[name].has_model}
    for name, row in ROWS.items():
        assert row.has_model == bool(row.pipeline_class) == (bool(row.default_model) != bool(row.trained_by))
        assert bool(row.needs_own_model) == bool(row.trained_by) == (name == "cqtdiff")
        assert METHODS[name].__name__ == name
    assert {"auto": aidd.DEFAULT_MODEL, "aidd": aidd.DEFAULT_MODEL}.items() <= MODEL_METHODS.items()
    assert MODEL_METHODS["spectrogram_repaint"] == aidd.DEFAULT_SPECTROGRAM_MODEL
    # Where the package carries its models, and `aidd info` looks for them.
    assert len({Path(model).parent for model in MODEL_METHODS.values() if model}) == 1
    with pytest.raises(TypeError):
        MODEL_METHODS["linear"] = aidd.DEFAULT_MODEL


@pytest.mark.parametrize(
    ("name", "pipeline_class"),
    [("aidd", AIDDPipeline), ("auto", AIDDPipeline), ("spectrogram_repaint", SpectrogramRePaintPipeline)],
)
def test_a_method_is_its_pipeline_with_the_default_model_which_is_loaded_once(tones, name, pipeline_class):
    default = default_pipeline(name)
    assert type(default) is pipeline_class and default_pipeline(name) is default
    row = ROWS[name]
    assert row.pipeline_class == pipeline_class.__name__
    assert row.longest_gap_seconds <= default.max_gap_seconds < row.longest_gap_seconds + 0.05
    # Short, as every step of a model takes a while; whatever the length, all but the gap is kept.
    audio, mask = tones(24_000, 24_000), np.zeros(24_000, bool)
    mask[12_000 : 12_000 + round(0.8 * default.config.short_gap_seconds * 24_000)] = True
    results = [
        method(np.where(mask, np.nan, audio), mask, sampling_rate=24_000, generator=torch.Generator().manual_seed(0))
        for method in (METHODS[name], default)
    ]
    assert np.array_equal(results[0], results[1].audios)
    assert np.array_equal(results[0][:, ~mask], audio[:, ~mask]) and np.isfinite(results[0]).all()


def test_the_default_model_of_a_method_without_one_is_refused():
    with pytest.raises(ValueError, match="expected a method with a model, got 'linear'"):
        default_pipeline("linear")


def test_a_method_whose_model_does_not_come_along_says_what_makes_one():
    scripts = re.findall(r"examples/\w+\.py", ROWS["cqtdiff"].trained_by)
    assert len(scripts) == 2 and all((ROOT / script).is_file() for script in scripts)
    said = "a folder with a CQTDiffPipeline, as none comes with the package: examples/train_cqtdiff.py and "
    for asked in (
        lambda: default_pipeline("cqtdiff"),
        lambda: METHODS["cqtdiff"](np.ones(100), np.arange(100) == 50, sampling_rate=8_000),
    ):
        with pytest.raises(ValueError, match=f"^cqtdiff needs {said}"):
            asked()
    for request, field in (
        (lambda: aidd.RepairRequest(method="cqtdiff"), "model"),
        (lambda: EvaluationRequest(Path("results"), methods=["cqtdiff"]), "cqtdiff_model"),
    ):
        with pytest.raises(ValueError, match=f"^{field} must be given for cqtdiff: it needs {said}"):
            request()


MODULE = """
number = 3


def fill(audio, mask, *, sampling_rate, generator=None):
    return audio


def takes_anything(*args, **options):
    return args[0]


def without_rate(audio, mask, *, generator=None):
    return audio


def without_mask(audio, *, sampling_rate, generator=None):
    return audio


def with_another(audio, mask, strength, *, sampling_rate, generator=None):
    return audio
"""


@pytest.fixture
def user_module(tmp_path, monkeypatch):
    (tmp_path / "users_methods.py").write_text(MODULE)
    (tmp_path / "users_broken.py").write_text("import there_is_no_such_module")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("name", ["fill", "takes_anything"])
def test_a_users_method_is_found_by_its_place(user_module, name):
    place = f"users_methods:{name}"
    assert load_method(place).__name__ == name
    # It may read everything.
    assert row_of(place).reach_seconds == np.inf and not row_of(place).has_model


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("users_methods", "expected a function's place as package.module:function"),
        (":fill", "expected a function's place as package.module:function"),
        ("users_methods:", "expected a function's place as package.module:function"),
        ("nowhere_at_all:fill", "no module named nowhere_at_all can be imported"),
        ("aidd.nowhere:fill", "no module named aidd.nowhere can be imported"),
        ("users_methods:fil", "module users_methods has no function fil"),
        ("users_methods:number", "expected a function, got int"),
        ("users_methods:without_rate", "got without_rate(audio, mask, *, generator=None): got an unexpected keyword"),
        ("users_methods:without_mask", "got without_mask(audio, *, sampling_rate, generator=None): too many"),
        ("users_methods:with_another", "missing a required argument: 'strength'"),
    ],
)
def test_what_is_no_method_is_refused(user_module, place, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        load_method(place)


def test_an_import_that_fails_in_a_users_module_says_so_itself(user_module):
    with pytest.raises(ModuleNotFoundError, match="there_is_no_such_module"):
        load_method("users_broken:fill")


def test_a_name_that_is_none_is_answered_with_those_that_are():
    with pytest.raises(KeyError, match=r"'jansen': expected one of aidd, .*, janssen, "):
        METHODS["jansen"]
    with pytest.raises(ValueError, match=r"expected a method out of aidd, .*, janssen, .*function.*, got 'jansen'"):
        row_of("jansen")
