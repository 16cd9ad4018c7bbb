"""GPUs that the Hub lends for the time of a call (ZeroGPU)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from typing import Any


def is_lent() -> bool:
    """Whether the package `spaces` is installed, which the Hub adds to Spaces. Elsewhere it lends nothing."""
    return find_spec("spaces") is not None


def with_gpu(function: Callable, duration: Callable[..., int], told: Callable[[ValueError], str]) -> Callable:
    """
    A function that is called with a GPU where one is lent, and as it is elsewhere.

    The Hub calls it in another process, and lets no error but Gradio's own come back from there: a `ValueError`
    becomes another one, of the sentence that tells of it.

    Args:
        function: takes and returns what can be pickled. It must not be defined after the app has started.
        duration: seconds for which the GPU is asked for, from the function's arguments. What takes longer is stopped,
            and visitors have so many seconds a day: whoever asks for fewer is served sooner.
        told: the sentence that tells of an error.
    """
    if not is_lent():
        return function
    import spaces

    def caught(*arguments: Any) -> tuple[Any, str | None]:
        try:
            return function(*arguments), None
        except ValueError as error:
            return None, told(error)

    lent = spaces.GPU(caught, duration=duration)

    @wraps(function)
    def call(*arguments: Any) -> Any:
        result, problem = lent(*arguments)
        if problem is not None:
            raise ValueError(problem)
        return result

    return call
