"""JSON in files that anybody may have written: read as objects, or refused in one line that names the file."""

import json
from pathlib import Path
from typing import Any


def text_of(path: str | Path) -> str:
    """
    Reads a file of text.

    Raises:
        ValueError: the file is no UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected text in UTF-8, got the byte {error.object[error.start]:#04x}") from error


def json_object(text: str, place: str | Path) -> dict[str, Any]:
    """
    Reads an object.

    Args:
        text: JSON.
        place: where the text is from, such as a file's path and a line.

    Raises:
        ValueError: the text is no JSON, no object, or nested too deeply.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{place}: expected an object as JSON, got {text[:80]!r}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{place}: expected an object as JSON, got {text[:80]!r}")
    return content
