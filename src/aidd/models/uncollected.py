"""Imports and loading that the garbage collector leaves alone."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """
    Holds the garbage collector back inside. Importing torch, transformers and diffusers makes some 500,000 objects,
    next to none of which are garbage, and the collector would look through all of them time and again: a quarter of
    what the import takes.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
