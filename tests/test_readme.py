"""What the README shows is run, word for word; commands too long to run are held against their parsers."""

import importlib.util
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aidd.cli import _parser


ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


def blocks(language: str) -> list[tuple[int, str]]:
    """Code blocks of a language, each with the number of lines before it."""
    text = README.read_text(encoding="utf-8") if README.exists() else ""
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [(text.count("\n", 0, match.start(1)), match[1]) for match in found]


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


PYTHON_BLOCKS = blocks("python")
BASH_BLOCKS = blocks("bash")
COMMANDS = [command for _, block in BASH_BLOCKS for command in commands(block)]
AIDD_COMMANDS = [command[1:] for command in COMMANDS if command[0] == "aidd"]
# Scripts and modules, behind `python`, `python -m` or `accelerate launch`.
SCRIPT_COMMANDS = [
    command for command in COMMANDS if any(word.startswith("examples/") and word.endswith(".py") for word in command)
]
MODULE_COMMANDS = [
    command[2:] for command in COMMANDS if command[:2] == ["python", "-m"] and command[2].startswith("aidd.")
]


def test_the_readme_shows_how_it_is_done():
    assert PYTHON_BLOCKS and len(BASH_BLOCKS) >= 2 and AIDD_COMMANDS and SCRIPT_COMMANDS


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
    line, code = PYTHON_BLOCKS[number]
    # Behind empty lines, so that a traceback names the README's own.
    exec(compile("\n" * line + code, str(README), "exec"), namespace)


@pytest.mark.parametrize(("line", "script"), BASH_BLOCKS)
def test_bash_parses(line, script):
    result = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert result.returncode == 0 and not result.stderr, f"line {line}: {result.stderr}"


@pytest.mark.parametrize("arguments", AIDD_COMMANDS, ids=" ".join)
def test_the_command_line_accepts(arguments, monkeypatch):
    monkeypatch.chdir(ROOT)
    parsed = _parser().parse_args(arguments)
    for path in [getattr(parsed, "input", None), *getattr(parsed, "files", [])]:
        assert path is None or path.is_file()


@pytest.mark.parametrize("command", SCRIPT_COMMANDS, ids=" ".join)
def test_example_scripts_accept(command, monkeypatch):
    place = next(i for i, word in enumerate(command) if word.startswith("examples/"))
    assert command[0] == "python" or command[:2] == ["accelerate", "launch"]
    path = ROOT / command[place]
    spec = importlib.util.spec_from_file_location(f"readme_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", command[place:])
    module.parse_args()


# runpy's own warning, where another test has imported the converter before.
@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("command", MODULE_COMMANDS, ids=" ".join)
def test_converters_accept(command, tmp_path, monkeypatch, capsys):
    """They get as far as to miss the checkpoint."""
    name, *arguments = command
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    with pytest.raises(SystemExit, match="2"):
        runpy.run_module(name, run_name="__main__")
    assert "No such file" in capsys.readouterr().err
