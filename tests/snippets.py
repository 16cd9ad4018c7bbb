"""Code blocks of Markdown pages: found, run, and held against the parsers of what they call."""

import importlib.util
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from aidd.cli.main import _parser
from aidd.schedulers.repaint import RePaintPreset


ROOT = Path(__file__).parents[1]
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
# What a comment right above a block of Python says of it.
MARKS = ("", "slow", "needs the Hub", "needs a GPU")


def blocks(page: Path, language: str) -> list[tuple[int, str, str]]:
    """Code blocks of a language: the number of lines before each, the comment right above it if any, and the code."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(rf"(?:<!-- ([^\n]*) -->\n\n)?^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [(text.count("\n", 0, match.start(2)), match[1] or "", match[2]) for match in found]


def commands(script: str) -> list[list[str]]:
    """The words of each command of a shell script, without redirections and settings of variables."""
    found = []
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for token in [*lexer, ";"]:
            if set(token) <= set("();|&"):
                found.append(words)
                words = []
            elif words or not ASSIGNMENT.match(token):
                words.append(token)
    return [
        command[: next((i for i, word in enumerate(command) if word.startswith(("<", ">"))), None)]
        for command in found
        if command
    ]


def place_of_script(command: list[str]) -> int | None:
    """Which word of a command is a script of `examples`."""
    scripts = [i for i, word in enumerate(command) if word.startswith("examples/") and word.endswith(".py")]
    return scripts[0] if scripts else None


def is_module(command: list[str]) -> bool:
    """Whether a command runs a module of the package."""
    return command[:2] == ["python", "-m"] and command[2].startswith("aidd.")


def run_python(page: Path, lines_before: int, mark: str, code: str, namespace: dict) -> None:
    """A block that is marked as slow is run with few steps of RePaint; one that needs what is not here, compiled."""
    assert mark in MARKS, f"{page}: {mark}"
    # Behind empty lines, so that a traceback names the page's own.
    compiled = compile("\n" * lines_before + code, str(page), "exec")
    if mark.startswith("needs "):
        return
    with pytest.MonkeyPatch.context() as patch:
        if mark == "slow":
            few = RePaintPreset(num_inference_steps=2, jump_length=1, num_resamplings=1)
            presets = {"plain": few, "fast": few}
            patch.setattr("aidd.schedulers.repaint.PRESETS", presets)
        exec(compiled, namespace)


def check_bash(script: str) -> None:
    """The shell can read it."""
    result = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert result.returncode == 0 and not result.stderr, result.stderr


def check_command_line(command: list[str]) -> None:
    """`aidd` accepts it, and audio that it takes from the repository is there."""
    parsed = _parser().parse_args(command[1:])
    for path in [getattr(parsed, "input", None), *getattr(parsed, "files", [])]:
        assert path is None or path.parts[0] != "examples" or (ROOT / path).is_file()


def check_example_script(command: list[str]) -> None:
    """The script accepts it, and is called in one of the ways that there are."""
    place = place_of_script(command)
    assert command[0] == "python" or command[:2] == ["accelerate", "launch"]
    path = ROOT / command[place]
    spec = importlib.util.spec_from_file_location(f"snippet_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", command[place:])
        patch.syspath_prepend(path.parent)
        spec.loader.exec_module(module)
        module.parse_args()


def check_converter(command: list[str], folder: Path, capsys: pytest.CaptureFixture) -> None:
    """In an empty folder, it gets as far as to miss the checkpoint."""
    name, *arguments = command[2:]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", [name, *arguments])
        with pytest.raises(SystemExit, match="2"):
            runpy.run_module(name, run_name="__main__")
    assert "No such file" in capsys.readouterr().err
