"""What the cards of converted weights share: where files come from, and evaluations of what became of them."""

from pathlib import Path

import pandas as pd
from evaluations import read_items
from huggingface_hub.utils import validate_repo_id

from aidd.evaluation.runs.provenance import provenance_of_model
from aidd.pipelines import InpaintingPipeline
from aidd.signals.recordings import file_sha256


def check_files(*checkpoints: Path) -> None:
    """Raises `SystemExit` for a file that is not there."""
    for checkpoint in checkpoints:
        if not checkpoint.is_file():
            raise SystemExit(f"{checkpoint}: expected the file that was converted, found no such file")


def check_repositories(*repositories: str) -> None:
    """Raises `SystemExit` for what is no owner/name."""
    for repository in repositories:
        try:
            validate_repo_id(repository)
        except ValueError as error:
            raise SystemExit(f"expected a repository, owner/name: {error}") from error


def part(name: str, origin: str, checkpoint: Path) -> dict[str, str]:
    """A line of the table of origins."""
    return {"name": name, "origin": origin, "file": checkpoint.name, "sha256": file_sha256(checkpoint)}


def summary(folder: Path, pipe: InpaintingPipeline, column: str) -> str:
    """
    The short tables of an evaluation, whose rows name the pipeline in columns of this name. Raises `SystemExit` if it
    evaluated another pipeline.
    """
    own, rows = provenance_of_model(pipe, "", column), read_items(folder)
    for name in (f"{column}_digest", f"{column}_config_digest"):
        if others := set(rows.get(name, pd.Series(dtype=str)).dropna()) - {own[name]}:
            raise SystemExit(f"{folder}: {name} is {others.pop()} in its rows, and {own[name]} of this pipeline")
    return (folder / "summary.md").read_text().strip()
