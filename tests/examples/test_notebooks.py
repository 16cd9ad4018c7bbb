"""Notebooks run from their first cell to the last, and are kept without what they print."""

import json
import sys
from pathlib import Path
from types import ModuleType

import matplotlib
import numpy as np
import pytest
from scripts import EXAMPLES


NOTEBOOKS = sorted((EXAMPLES / "notebooks").glob("*.ipynb"))


def cells(path: Path, kind: str) -> list[dict]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


@pytest.fixture
def heard(monkeypatch) -> list:
    """What is played: IPython is where notebooks run, and not here."""
    played: list = []
    display = ModuleType("IPython.display")
    display.Audio = lambda data, rate, normalize: (np.asarray(data), rate)
    display.display = played.append
    # Without its package, which matplotlib asks for a display.
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return played


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, heard, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    figures: list = []
    with matplotlib.rc_context({"backend": "agg"}):
        import matplotlib.pyplot as plt

        monkeypatch.setattr(plt, "show", lambda: figures.extend(map(plt.figure, plt.get_fignums())))
        namespace: dict = {"__name__": "__main__"}
        for number, cell in enumerate(cells(path, "code")):
            exec(compile("".join(cell["source"]), f"{path.name}, cell {number}", "exec"), namespace)
        plt.close("all")
    assert figures and heard and all(np.abs(data).max() <= 1 for data, _ in heard)
    assert set(namespace["table"]) == {"aidd", "lines", "linear"} and "ODG" in capsys.readouterr().out


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_results(path):
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells(path, "code"))
    identities = [cell["id"] for kind in ("code", "markdown") for cell in cells(path, kind)]
    assert len(set(identities)) == len(identities)
    prose = [line for cell in cells(path, "markdown") for line in "".join(cell["source"]).splitlines()]
    assert max(map(len, prose)) <= 120
