"""The README is short; its Python runs word for word, and its commands are checked by their parsers."""

import re
import shutil

import pytest
from snippets import (
    ROOT,
    blocks,
    check_bash,
    check_command_line,
    check_example_script,
    commands,
    place_of_script,
    run_python,
)


README = ROOT / "README.md"
MAX_WORDS = 800
PYTHON_BLOCKS = blocks(README, "python")
BASH_BLOCKS = [(line, script) for line, _, script in blocks(README, "bash")]
COMMANDS = [command for _, block in BASH_BLOCKS for command in commands(block)]
AIDD_COMMANDS = [command for command in COMMANDS if command[0] == "aidd"]
# Scripts, after `python` or `accelerate launch`.
SCRIPT_COMMANDS = [command for command in COMMANDS if place_of_script(command) is not None]


def test_the_readme_shows_how_it_is_done():
    assert PYTHON_BLOCKS and len(BASH_BLOCKS) >= 2 and AIDD_COMMANDS and SCRIPT_COMMANDS


def test_the_readme_is_short():
    num_words = len(README.read_text(encoding="utf-8").split())
    assert num_words < MAX_WORDS, f"README.md has {num_words} words: move what only some readers need to the docs"


def test_paths_exist():
    for path in re.findall(r"(?<![\w/-])(?:examples|docs|tests|src)/[\w./-]*\w", README.read_text(encoding="utf-8")):
        assert (ROOT / path).exists(), path


def test_commands_are_found_in_shell_scripts():
    script = "A=1 aidd info 'a b.wav' \\\n  c.wav > log # why\ncd x && aidd --version; python -m pytest | tail\n"
    assert commands(script) == [
        ["aidd", "info", "a b.wav", "c.wav"],
        ["cd", "x"],
        ["aidd", "--version"],
        ["python", "-m", "pytest"],
        ["tail"],
    ]


@pytest.fixture(scope="module")
def namespace(tmp_path_factory):
    """What a reader who types one block after the other has, in a folder with the examples."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield {"__name__": "__main__"}


@pytest.mark.parametrize("number", range(len(PYTHON_BLOCKS)))
def test_python_runs(number, namespace):
    """Blocks build on those before them: run all of them together."""
    run_python(README, *PYTHON_BLOCKS[number], namespace)


@pytest.mark.parametrize(("line", "script"), BASH_BLOCKS)
def test_bash_parses(line, script):
    check_bash(script)


@pytest.mark.parametrize("command", AIDD_COMMANDS, ids=" ".join)
def test_the_command_line_accepts(command):
    check_command_line(command)


@pytest.mark.parametrize("command", SCRIPT_COMMANDS, ids=" ".join)
def test_example_scripts_accept(command):
    check_example_script(command)
