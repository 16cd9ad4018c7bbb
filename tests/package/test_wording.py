"""Comments and docstrings begin with their subject or with a verb."""

import ast
import io
import tokenize
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2]
FILES = sorted(
    path for folder in ("src", "examples", "benchmarks", "docs", "tests") for path in (ROOT / folder).rglob("*.py")
)


def openings(text: str) -> list[str]:
    """First lines of all docstrings, and all comments, the hash left out. A comment goes on over lines."""
    found, last = [], -1
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1:
                found.append(token.string.lstrip("#").strip())
            last = token.start[0]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.append((ast.get_docstring(node) or "").strip())
    return found


def test_no_comment_or_docstring_begins_with_of():
    wrong = [
        f"{path.relative_to(ROOT)}: {opening[:60]}"
        for path in FILES
        for opening in openings(path.read_text(encoding="utf-8"))
        if opening.startswith("Of ")
    ]
    assert not wrong


@pytest.mark.parametrize("text", ["# Of the gap.\n", 'def f():\n    """Of a gap."""\n', '"""\nOf all.\n"""\n'])
def test_such_a_beginning_is_found(text):
    assert any(opening.startswith("Of ") for opening in openings(text))
