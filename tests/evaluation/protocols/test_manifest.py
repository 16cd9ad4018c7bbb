import json

import numpy as np
import pytest
import soundfile as sf

from aidd.evaluation.protocols.manifest import freeze, thaw
from aidd.evaluation.protocols.protocol import Protocol
from aidd.evaluation.protocols.selection import select_items


@pytest.fixture
def selection(tmp_path):
    sf.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(5 * 8000), 8000)
    return select_items(Protocol.load("tiny"), {"some/é.wav": tmp_path / "a.wav"}, seed=7)


def test_what_was_frozen_thaws(selection, tmp_path):
    path = tmp_path / "new" / "manifest.jsonl"
    freeze(selection, path)
    assert thaw(path) == selection
    assert [path.name for path in path.parent.iterdir()] == ["manifest.jsonl"]
    content = path.read_bytes()
    freeze(thaw(path), path)
    assert path.read_bytes() == content
    header, *lines = map(json.loads, content.decode().splitlines())
    assert header["protocol"]["name"] == "tiny" and header["seed"] == 7
    assert [line["item"] for line in lines] == [item.key for item in selection.items]


def changed(number, change):
    def apply(lines):
        content = json.loads(lines[number])
        change(content)
        return [*lines[:number], json.dumps(content), *lines[number + 1 :]]

    return apply


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda lines: lines[:-1], "expected 3 items, got 2"),
        (lambda lines: [*lines[:-1], lines[-1][:20]], "line 4: expected an object as JSON, got"),
        (lambda lines: [*lines[:-1], "[]"], r"line 4: expected an object as JSON, got '\[\]'"),
        (lambda lines: [lines[0], lines[2], lines[1], lines[3]], "expected items of the digest"),
        (lambda lines: lines[1:], "line 1: expected the fields .*'protocol'.*, got"),
        (lambda lines: [], "line 1: expected the fields .*, got"),
        (changed(0, lambda header: header["protocol"].update(min_rms=0.5)), "line 1: the protocol was changed"),
        (changed(0, lambda header: header["protocol"].update(min_rms=-1)), "line 1: protocol tiny: min_rms must be"),
        (changed(2, lambda line: line.update(start=3)), "line 3: the item was changed: expected the key"),
        (changed(2, lambda line: line["gaps"][0].reverse()), "line 3: the item was changed"),
        (changed(2, lambda line: line.pop("seed")), "line 3: expected the fields of an item, got"),
        (changed(2, lambda line: line.pop("condition")), "line 3: expected the fields of an item, got"),
    ],
)
def test_manifests_that_were_changed_are_refused(selection, tmp_path, damage, match):
    path = tmp_path / "manifest.jsonl"
    freeze(selection, path)
    lines = damage(path.read_text().splitlines())
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=rf"manifest\.jsonl.*{match}"):
        thaw(path)


def test_a_manifest_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"manifest\.jsonl: no such file"):
        thaw(tmp_path / "manifest.jsonl")
