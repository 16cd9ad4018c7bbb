"""Any file is read as a protocol, a manifest or a journal, or refused."""

import copy
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aidd.evaluation.methods.names import PROTOCOLS, shipped_protocols
from aidd.evaluation.protocols.manifest import freeze, thaw
from aidd.evaluation.protocols.protocol import Protocol
from aidd.evaluation.protocols.selection import select_items
from aidd.evaluation.runs.journal import Journal
from aidd.signals.samples import sample_recordings


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([[], {}, "..", "../../x", "<script>", 10**400, "9" * 200, [[0, 1e308]], [[1, 2, 3]]]).map(
        copy.deepcopy
    ),
)
DEEP = b"[" * 100_000


def places(value, path=()) -> list[tuple]:
    """Every place in nested lists and dictionaries."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in items for place in places(one, (*path, key)))]


@st.composite
def changed(draw, content):
    """A JSON value with some of its parts exchanged or taken out."""
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from(places(content)))
        if not place:
            content = draw(VALUES)
            continue
        parent = content
        for key in place[:-1]:
            parent = parent[key]
        if draw(st.booleans()):
            parent[place[-1]] = draw(VALUES)
        else:
            del parent[place[-1]]
    return content


SHIPPED = [json.loads((PROTOCOLS / f"{name}.json").read_text(encoding="utf-8")) for name in shipped_protocols()]
# Segments that are drawn in no time.
SMALL = [{**one, "segment_seconds": 1.0, "sampling_rate": 8000} for one in SHIPPED]


def as_file(value) -> bytes:
    return json.dumps(value).encode()


@given(st.one_of(st.sampled_from(SMALL).flatmap(changed).map(as_file), st.binary(max_size=50)))
@example(DEEP)
@example(as_file({**SMALL[0], "segment_seconds": 3600, "sampling_rate": 1_000_000}))
@example(as_file({**SMALL[0], "min_rms": 10**400}))
@example(as_file({**SMALL[0], "conditions": [{"geometry": "periodic_gaps", "a": [1] * 3000, "b": [1] * 3000}]}))
def test_protocols(tmp_path, read_or_refused, content):
    path = tmp_path / "protocol.json"
    path.write_bytes(content)
    protocol = read_or_refused(Protocol.load, path)
    if protocol is not None:
        path.write_bytes(as_file(protocol.to_dict()))
        assert Protocol.load(path) == protocol


@pytest.fixture(scope="module")
def lines(tmp_path_factory) -> list:
    """A manifest's."""
    recordings = dict(list(sample_recordings().items())[:1])
    path = tmp_path_factory.mktemp("manifest") / "manifest.jsonl"
    freeze(select_items(Protocol.load("tiny"), recordings, seed=0), path)
    return [json.loads(line) for line in path.read_text().splitlines()]


def as_lines(values: list) -> bytes:
    return b"".join(as_file(value) + b"\n" for value in values)


@given(st.data())
def test_manifests(tmp_path, read_or_refused, lines, data):
    contents = st.one_of(
        changed(lines).map(lambda one: as_lines(one if isinstance(one, list) else [one])), st.binary()
    )
    content = data.draw(st.one_of(contents, st.sampled_from([DEEP, as_lines(lines)])), "content")
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(content)
    selection = read_or_refused(thaw, path)
    if selection is not None:
        freeze(selection, tmp_path / "again.jsonl")
        assert thaw(tmp_path / "again.jsonl") == selection


ROWS = st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=3), max_size=4)


@given(st.one_of(ROWS.map(as_lines), st.lists(VALUES).map(as_lines), st.binary(), st.just(DEEP + b"\n")))
def test_journals(tmp_path, read_or_refused, content):
    path = tmp_path / "rows-0.jsonl"
    path.write_bytes(content)
    rows = read_or_refused(lambda path: Journal(path.parent, "rows").read(), path)
    assert rows is None or all(isinstance(row, dict) for row in rows)
