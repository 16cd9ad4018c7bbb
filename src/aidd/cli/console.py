"""The one place where commands report: results on stdout, warnings and errors on stderr, and how a command ended."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from types import FrameType
from typing import Any, TextIO, cast

from .. import __version__


# Exit codes, besides those of signals, which are 128 and the signal's number.
DONE, BAD_INPUT, NOTHING_TO_REPAIR, NOT_TOLD = 0, 2, 3, 4
EXIT_CODES = """\
exit code:
  0    done
  2    bad input, or a failure, with one line on stderr that says what was wrong; OUT is as it was
  3    nothing to repair: no gap is marked, and none was found; OUT is as it was
  4    done, but not all was told: OUT is written; a picture, a difference, or what goes to stdout or stderr is not
  130  interrupted, 143 terminated, 129 when the terminal is closed; OUT is as it was"""
# What the command line adds to warnings of the library, by their category: the option that helps.
HINTS = {"UnmarkedSilenceWarning": ", or add --detect dropouts"}
# Signals that unwind the stack, so that no temporary file is left. Windows has no SIGHUP.
UNWINDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
# When a signal is looked at again that came where it could not unwind the stack.
RETRY_SECONDS = 0.005


class Stream:
    """
    A text stream that a command can write to whatever becomes of it: what cannot be written is left out, and the
    reason is kept in `failure`. Characters that its encoding lacks are written as escapes.

    Args:
        stream: what is written to, or None where it was closed before Python started.
    """

    def __init__(self, stream: TextIO | None):
        self._stream = stream
        self.failure: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes the text, or keeps why that is impossible."""
        try:
            if self._stream is None:
                raise OSError("it is closed")
            encoding = self._stream.encoding or "utf-8"
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        # ValueError is what a closed stream raises.
        except (OSError, ValueError) as error:
            self.failure = self.failure or error
        return len(text)

    def flush(self) -> None:
        """Passes on what is buffered, or keeps why that is impossible."""
        try:
            if self._stream is not None:
                self._stream.flush()
        except (OSError, ValueError) as error:
            self.failure = self.failure or error

    def abandon(self) -> None:
        """Sends what is still buffered nowhere: Python would try to write it again when it ends."""
        if self._stream is not None and not self._stream.closed:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


class Console:
    """
    What a command tells.

    Args:
        warnings, errors: what was warned of, and what went wrong, in order.
        answer: what the command prints for programs, as one JSON object, if it was asked for one; `exit_code`,
            `errors` and `warnings` are added when the command ends.
        done: whether what was asked for is in its place, so that a failure no longer means that nothing was written.
        untold: whether something that tells of it could not be written.
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.errors: list[str] = []
        self.answer: dict | None = None
        self.done, self.untold = False, False

    def run(self, command: Callable[[Console], int]) -> int:
        """
        Runs a command, and tells of its end.

        Args:
            command: what is run. It returns an exit code.

        Returns:
            The exit code.
        """
        _open_standard_streams()
        stdout, stderr = Stream(sys.stdout), Stream(sys.stderr)
        with ExitStack() as stack:
            stack.enter_context(redirect_stdout(cast(TextIO, stdout)))
            stack.enter_context(redirect_stderr(cast(TextIO, stderr)))
            stack.enter_context(warnings.catch_warnings())
            stack.enter_context(_unwinding_on_signals())
            # Warnings belong to the command's output, whatever filters Python was started with.
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = self._show_warning
            code = self._end_of(command)
            stdout.flush()
            if stdout.failure is not None:
                self.error(f"what was done could not be written to stdout ({stdout.failure})")
            stderr.flush()
        for stream in (stdout, stderr):
            if stream.failure is not None:
                stream.abandon()
                code = code or NOT_TOLD
        return code

    def error(self, message: str) -> None:
        """Writes one line of an error to stderr."""
        self.errors.append(" ".join(message.split()))
        sys.stderr.write(f"aidd: error: {self.errors[-1]}\n")

    @contextmanager
    def telling(self, what: str) -> Iterator[None]:
        """
        Goes on after a failure inside, which becomes an error and the exit code of what is not fully told.

        Args:
            what: what is written inside, about work that is done already.
        """
        try:
            yield
        # All exceptions: whatever a library makes of a picture, the recording is repaired.
        except Exception as error:
            self.error(f"{what} cannot be written ({error}); the recording is repaired")
            self.untold = True

    def _end_of(self, command: Callable[[Console], int]) -> int:
        message = None
        try:
            code = command(self)
        except KeyboardInterrupt:
            code, message = 128 + signal.SIGINT, "interrupted"
        # argparse, which has said why; and signals.
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
            message = f"ended by {signal.Signals(code - 128).name}" if code > 128 else None
        except (ValueError, OSError, ImportError) as error:
            code, message = BAD_INPUT, str(error)
        # All others: what a user's method or a library raises is no traceback either, but for developers.
        except Exception as error:
            if sys.flags.dev_mode:
                raise
            code, message = BAD_INPUT, f"{type(error).__name__}: {error} (python -X dev shows where)"
        if message is not None:
            self.error(message)
        if self.untold or (self.done and code != DONE):
            code = NOT_TOLD
        if self.answer is not None and code != BAD_INPUT:
            end = {"exit_code": code, "errors": self.errors, "warnings": self.warnings}
            print(json.dumps({"version": __version__, **self.answer, **end}))
        return code

    def _show_warning(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = " ".join(str(message).split()) + HINTS.get(category.__name__, "")
        self.warnings.append(text)
        sys.stderr.write(f"aidd: warning: {text}\n")


def _open_standard_streams() -> None:
    """Opens those of the three standard streams that are closed, to nowhere: a file would get their numbers."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


@contextmanager
def _unwinding_on_signals() -> Iterator[None]:
    """Lets signals unwind the stack inside, as an exception does. Those that are ignored, as by nohup, stay so."""
    previous = {}
    # Only the main thread may set handlers.
    if threading.current_thread() is threading.main_thread():
        previous = {number: signal.getsignal(number) for number in UNWINDING}
    taken = {number: handler for number, handler in previous.items() if handler not in (signal.SIG_IGN, None)}
    try:
        for number in taken:
            signal.signal(number, _unwind)
        yield
    finally:
        for number, handler in taken.items():
            signal.signal(number, handler)


def _unwind(number: int, frame: FrameType | None) -> None:
    """Raises what unwinds the stack, or comes back later: what is raised in soundfile's callbacks would be lost."""
    while frame is not None:
        if frame.f_code.co_name.startswith("vio_"):
            threading.Timer(RETRY_SECONDS, os.kill, (os.getpid(), number)).start()
            return
        frame = frame.f_back
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
