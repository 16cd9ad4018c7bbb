"""
A stand-in for `spaces` on ZeroGPU, which needs the Hub: arguments and results go through pickle, as to another process
and back, and an error that is not Gradio's own comes back without its message.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import wraps


# Seconds that were asked for, call by call.
durations: list[int] = []


class WorkerError(RuntimeError):
    pass


def GPU(task: Callable, duration: Callable[..., int]) -> Callable:  # noqa: N802
    @wraps(task)
    def handler(*arguments):
        durations.append(duration(*arguments))
        arguments = pickle.loads(pickle.dumps(arguments))
        try:
            result = task(*arguments)
        except Exception as error:
            raise WorkerError(type(error).__name__) from None
        return pickle.loads(pickle.dumps(result))

    return handler
