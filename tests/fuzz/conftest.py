"""How long is fuzzed, and what no input may cost."""

import os
import signal
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from aidd.signals.warning import collecting_warnings


# Inputs for each test. The same ones every time by default; more, and others each time, where the environment asks.
EXAMPLES = "FUZZ_EXAMPLES"
MAX_SECONDS = 10
MAX_BYTES = 200 * 2**20

settings.register_profile(
    "fuzz",
    max_examples=int(os.environ.get(EXAMPLES, "40")),
    derandomize=EXAMPLES not in os.environ,
    database=None,
    deadline=None,
    # The folder of a test is written to anew by each input.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("fuzz")


@contextmanager
def bounded() -> Iterator[None]:
    """Ends what takes too long, and raises where too much memory was in use."""

    def interrupt(*_: object) -> None:
        raise TimeoutError(f"not done after {MAX_SECONDS} s")

    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(MAX_SECONDS)
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MAX_BYTES
    finally:
        tracemalloc.stop()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


@pytest.fixture
def read_or_refused():
    """
    `read_or_refused(read, path)`: what is read of a file, or None where it is refused in one line that names it, or
    what `names` says.
    """

    def call(read: Callable, path: Path, names: str | None = None):
        with bounded(), collecting_warnings() as told:
            try:
                return read(path)
            except ValueError as error:
                assert (path.name if names is None else names) in str(error), f"{error!r} names no file"
                assert "\n" not in str(error) and len(str(error)) < 2000, f"more than a line: {error!r}"
                return None
            finally:
                assert not [one for one in told if "\n" in str(one)], "a warning of several lines"

    return call
