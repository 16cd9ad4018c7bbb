"""Where the command line writes files beside recordings."""

from __future__ import annotations

import os
from pathlib import Path


def check_place(option: str, path: Path) -> None:
    """Raises `ValueError`, which names the option, where no file can be written at a path."""
    problem = None
    if path.is_dir():
        problem = "is a folder"
    elif not path.parent.is_dir():
        problem = f"no such folder: {path.parent}"
    elif not os.access(path.parent, os.W_OK):
        problem = f"no permission to write to {path.parent}"
    if problem is not None:
        raise ValueError(f"{option} {path}: {problem}")
