"""`metrics.jsonl`: a line of JSON for each time that a training run measured something."""

import json
from pathlib import Path

from ...signals.replacing import replacing


FILE_NAME = "metrics.jsonl"


def append_metrics(folder: str | Path, step: int, metrics: dict[str, float]) -> None:
    """Adds a line with what was measured after a step."""
    with open(Path(folder) / FILE_NAME, "a") as file:
        file.write(json.dumps({"step": step, **metrics}) + "\n")


def cut_metrics(folder: str | Path, step: int) -> None:
    """Drops what was measured after a step, and a last line half written: a run that goes on measures it again."""
    path = Path(folder) / FILE_NAME
    if path.exists():
        lines = path.read_text().splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
        with replacing(path) as unfinished:
            unfinished.write_text("".join(kept))
