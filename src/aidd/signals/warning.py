"""The package's warnings: they point at the line that called it, and each thread can collect its own."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


# torch's decorators, such as `no_grad`, stand between a pipeline and the line that calls it.
BETWEEN = (__name__.partition(".")[0], "torch")
# What the running thread does with warnings. `warnings.catch_warnings` would change what all threads do.
_collected: ContextVar[list[Warning] | None] = ContextVar("collected", default=None)
_passed_over: ContextVar[tuple[type[Warning], ...]] = ContextVar("passed_over", default=())


def warn_at_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warns, and names the nearest line outside the package as the place."""
    collected = _collected.get()
    if issubclass(category, _passed_over.get()):
        return
    if collected is not None:
        collected.append(category(message))
        return
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


@contextmanager
def collecting_warnings() -> Iterator[list[Warning]]:
    """
    Collects the package's warnings inside, in the order in which they are given, instead of showing them. What other
    threads do with theirs stays as it is.
    """
    collected: list[Warning] = []
    token = _collected.set(collected)
    try:
        yield collected
    finally:
        _collected.reset(token)


@contextmanager
def passing_over(category: type[Warning]) -> Iterator[None]:
    """Gives no warning of a category inside. What other threads do with theirs stays as it is."""
    token = _passed_over.set((*_passed_over.get(), category))
    try:
        yield
    finally:
        _passed_over.reset(token)
