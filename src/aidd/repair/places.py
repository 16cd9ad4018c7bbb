"""Functions by their place, `package.module:function`: the package's own, and those of users."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def imported(place: str) -> Any:
    """What a module of the package holds under a name: `package.module:name`."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def load_function(place: str, parameters: str, *arguments: str, **named: str) -> Callable[..., Any]:
    """
    A user's function.

    Args:
        place: a module that can be imported, here or from the current folder, and a function in it:
            `package.module:function`.
        parameters: what the function takes, as errors write it.
        arguments, named: how the function is called: an argument for each parameter.

    Raises:
        ValueError: a place of another form, no such module, no such function in it, what cannot be called, or a
            function that lacks one of the parameters or needs others.
    """
    module_name, _, name = place.partition(":")
    if not module_name or not name.isidentifier():
        raise ValueError(f"{place}: expected a function's place as package.module:function")
    # An installed command has its own folder in the path, and not the current one. Searched last, it hides nothing.
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        # A module that is there and imports one that is not says so itself.
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise ValueError(f"{place}: no module named {error.name} can be imported from here") from error
    if not hasattr(module, name):
        raise ValueError(f"{place}: module {module_name} has no function {name}")
    function = getattr(module, name)
    if not callable(function):
        raise ValueError(f"{place}: expected a function, got {type(function).__name__}")
    try:
        inspect.signature(function).bind(*arguments, **named)
    except TypeError as error:
        raise ValueError(
            f"{place}: expected a function ({parameters}), got {name}{inspect.signature(function)}: {error}"
        ) from error
    return function
