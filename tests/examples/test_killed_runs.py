"""Runs that are killed at random moments, and run again: nothing is lost, and nothing left over."""

import hashlib
import json
import random
import time
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile as sf
from processes import python
from scripts import CPU, EXAMPLES

from aidd.evaluation.runs.results import collect


RATE = 8000
NUM_KILLS = 10
# The system ends the process, wherever it is, as `kill -9` does.
KILLED = """
import runpy, signal, sys

seconds, *sys.argv = sys.argv[1:]
signal.signal(signal.SIGALRM, signal.SIG_DFL)
signal.setitimer(signal.ITIMER_REAL, float(seconds))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
# What differs from run to run.
TIMES = ["seconds", "finished"]


def killed_at_random(*command, whole_seconds: float, after_each) -> None:
    """Starts a command ten times, and lets it live for parts of the time that it takes."""
    draws = random.Random(0)
    for _ in range(NUM_KILLS):
        result = python.run("-c", KILLED, f"{draws.uniform(0.02, 0.4) * whole_seconds:.3f}", *command, **CPU)
        assert result.returncode != 0 or "Traceback" not in result.stderr, result.stderr[-2000:]
        after_each()


def timed(*command) -> float:
    # The process that all are forked from has to be there.
    python.run("-c", "")
    began = time.monotonic()
    result = python.run(*command, **CPU)
    assert result.returncode == 0, result.stderr[-4000:]
    return time.monotonic() - began


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (".jsonl", ".lock")
    }


def rows_of(path: Path) -> list[dict]:
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def without_times(rows: list[dict]) -> list[dict]:
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


def test_a_folder_is_repaired_in_spite_of_ten_kills(tmp_path):
    archive = tmp_path / "archive"
    archive.mkdir()
    for number in range(16):
        samples = 0.1 * np.random.default_rng(number).standard_normal(2 * RATE)
        samples[4000:4100] = 0
        sf.write(archive / f"{number:02d}.wav", samples, RATE, subtype="PCM_16")
    script = [EXAMPLES / "inpaint_dataset.py", "--audio_dir", archive, "--method", "janssen", "--detect", "dropouts"]
    whole, output = tmp_path / "whole", tmp_path / "killed"
    seconds = timed(*script, "--output_dir", whole)
    expected = digests(whole)
    assert len(expected) == 16
    seen: list[dict] = []

    def check() -> None:
        nonlocal seen
        rows = rows_of(output / "rows-0.jsonl")
        assert rows[: len(seen)] == seen, "a row is gone"
        seen = rows
        # Whatever is there under its own name is there whole.
        found = digests(output)
        assert all(expected[name] == digest for name, digest in found.items() if not Path(name).name.startswith("."))
        assert {row["output"] for row in rows} <= found.keys()

    killed_at_random(*script, "--output_dir", output, whole_seconds=seconds, after_each=check)
    timed(*script, "--output_dir", output)
    assert digests(output) == expected
    assert sorted(path.name for path in output.iterdir()) == sorted(path.name for path in whole.iterdir())
    manifests = [without_times(rows_of(folder / "manifest.jsonl")) for folder in (whole, output)]
    assert manifests[0] == manifests[1] and len(manifests[0]) == 16
    # What was killed between its file and its row is done again, and nothing else is.
    assert len(rows_of(output / "rows-0.jsonl")) == 16


# An evaluation without its report, which is written from the rows each time.
EVALUATION = """
import sys

from aidd.classical.linear import linear
from aidd.evaluation.embedders import RandomProjectionEmbedder
from aidd.evaluation.methods.evaluated_methods import masked
from aidd.evaluation.methods.method_set import MethodSet
from aidd.evaluation.protocols.protocol import Protocol
from aidd.evaluation.protocols.recordings import recordings_of
from aidd.evaluation.protocols.selection import select_items
from aidd.evaluation.runs.runner import run

recordings = recordings_of(sys.argv[1])
items = select_items(Protocol.load("tiny"), recordings, seed=0).items
run(
    items,
    recordings,
    MethodSet({"masked": masked, "linear": linear}, {}, {}),
    output_dir=sys.argv[2],
    provenance={"seed": 0},
    embedder=RandomProjectionEmbedder(dimension=4),
    kept=[item.key for item in items],
)
"""


def test_an_evaluation_is_done_in_spite_of_ten_kills(tmp_path):
    music = tmp_path / "music"
    music.mkdir()
    for number in range(3):
        samples = 0.1 * np.random.default_rng(number).standard_normal(2 * 16_000)
        sf.write(music / f"{number}.wav", samples, 16_000, subtype="PCM_16")
    (tmp_path / "evaluation.py").write_text(EVALUATION)
    whole, output = tmp_path / "whole", tmp_path / "killed"
    seconds = timed(tmp_path / "evaluation.py", music, whole)
    seen: list[dict] = []

    def check() -> None:
        nonlocal seen
        rows = rows_of(output / "rows-0.jsonl")
        assert rows[: len(seen)] == seen, "a row is gone"
        seen = rows

    killed_at_random(tmp_path / "evaluation.py", music, output, whole_seconds=seconds, after_each=check)
    timed(tmp_path / "evaluation.py", music, output)
    assert digests(output) == digests(whole)
    assert sorted(path.name for path in output.iterdir()) == sorted(path.name for path in whole.iterdir())
    expected, found = (collect(folder) for folder in (whole, output))
    for one, other in zip(expected, found, strict=True):
        pd.testing.assert_frame_equal(*(frame.drop(columns=TIMES, errors="ignore") for frame in (one, other)))
    assert len(found[0]) == 3 * 3 * 2
