"""Tables that studies write."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aidd.evaluation.reports.bootstrap import bootstrap_interval
from aidd.signals.replacing import replacing


def head_of(args: argparse.Namespace) -> list[str]:
    """The first lines of a page: the arguments that it was made with."""
    return [f"`{json.dumps(vars(args), default=str)}`", ""]


def mean_and_interval(values: Sequence[float], recordings: Sequence[str]) -> str:
    """A mean with its 95 % bootstrap interval by recording, to three decimals."""
    low, high = bootstrap_interval(values, recordings)
    return f"{np.mean(values):.3f} [{low:.3f}, {high:.3f}]"


def write_page(path: Path, lines: Sequence[str]) -> None:
    """Writes lines of Markdown to a file, which is whole or not there. Its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as unfinished:
        unfinished.write_text("\n".join(lines) + "\n", encoding="utf-8")
