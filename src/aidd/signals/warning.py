"""Warnings that point at the line that called the package, however deep inside they arise."""

import sys
import warnings


# torch's decorators, such as `no_grad`, stand between a pipeline and the line that calls it.
BETWEEN = (__name__.partition(".")[0], "torch")


def warn_at_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warns, and names the nearest line outside the package as the place."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
