"""Arguments of a training script kept in JSON files that hold only the difference from another."""

import argparse
import json
import sys
from pathlib import Path

from .scripts import errors_in_one_line


def parse_args_with_recipe(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parses the command line after the arguments of the file `--arguments_path`, so that the command line wins."""
    args = parser.parse_args()
    if not args.arguments_path:
        return args
    with errors_in_one_line():
        options = recipe_options(args.arguments_path)
    return parser.parse_args([*options, *sys.argv[1:]])


def recipe_options(path: str | Path) -> list[str]:
    """
    The arguments in a file as they would stand on a command line, for `ArgumentParser.parse_args`: where two
    contradict, the later one wins.

    A file is an object of names and values, a list for an argument of several. `"base"` names another file, whose
    arguments come first. Its path is relative to the file that names it, and so are arguments whose names end in
    `_path`.

    Raises:
        ValueError: a file that holds no object, or a value that is no number, text or list of them.
    """
    path = Path(path)
    arguments = json.loads(path.read_text())
    if not isinstance(arguments, dict):
        raise ValueError(f"{path} must hold an object of names and values, got {type(arguments).__name__}")
    options = recipe_options(path.parent / arguments.pop("base")) if "base" in arguments else []
    for name, value in arguments.items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(one, (int, float, str)) and not isinstance(one, bool) for one in values):
            raise ValueError(f"{path}: {name} must be a number, text or a list of them, got {value!r}")
        if name.endswith("_path"):
            values = [path.parent / one for one in values]
        options += [f"--{name}", *map(str, values)]
    return options
