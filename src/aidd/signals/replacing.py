"""Files that are whole or not there, and what runs that were killed have left of them."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


# Temporary files, short, as a file's own name may be as long as names can be.
PREFIX, SUFFIX = ".aidd-", ".part"
# Permissions: of what replaces a file, until it has that file's; of a new file, before the umask; all that are kept.
OWNER, EVERYBODY, EVERYTHING = 0o600, 0o666, 0o777
if sys.platform != "win32":
    import fcntl


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """
    A temporary name in the folder of `path` to write to. It becomes `path`, and replaces what is there, once the block
    is left without an error; after one, nothing remains. All else as of [`replacing_all`].
    """
    with replacing_all([path]) as (temporary,):
        yield temporary


@contextmanager
def replacing_all(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """
    Temporary files, empty ones, in the folders of `paths`, to write to. All become `paths`, and replace what is there,
    once the block is left without an error; after one, nothing remains.

    What replaces a file has its permissions, and nobody but the owner can read it before. While they are written,
    temporary files are locked, and the lock of a process that is killed goes with it: files in the same folder that
    such processes have left are removed first ([`remove_left_overs`]).
    """
    # Known before they exist: a signal's handler may raise at any time.
    temporaries = [path.with_name(f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}") for path in paths]
    for folder in {path.parent for path in paths}:
        remove_left_overs(folder)
    try:
        with ExitStack() as stack:
            for temporary, path in zip(temporaries, paths, strict=True):
                stack.enter_context(_locked(temporary, OWNER if path.exists() else EVERYBODY))
            yield temporaries
            for temporary, path in zip(temporaries, paths, strict=True):
                if path.exists():
                    temporary.chmod(path.stat().st_mode & EVERYTHING)
                temporary.replace(path)
    finally:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)


def remove_left_overs(folder: Path) -> None:
    """
    Removes temporary files of runs that were killed from a folder. Those that a run still writes to are left; so is
    what may not be removed.
    """
    with os.scandir(folder) as entries:
        left = [entry.path for entry in entries if entry.name.startswith(PREFIX) and entry.name.endswith(SUFFIX)]
    for path in left:
        # Another run may remove or finish it at the same time. Windows removes no file that is open.
        with suppress(OSError), ExitStack() as stack:
            if sys.platform != "win32":
                descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                stack.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)


@contextmanager
def _locked(path: Path, permissions: int) -> Iterator[None]:
    """A new file, which is locked inside. Windows locks files that are open, and needs no lock."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, permissions)
        except OSError as error:
            # Nobody knows the temporary file: what cannot be written to is its folder.
            raise OSError(error.errno, error.strerror, str(path.parent)) from error
        try:
            if sys.platform != "win32":
                # Some file systems have no locks. Nothing on them counts as left over.
                with suppress(OSError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                # Another run may have taken it for left over before it was locked.
                if os.fstat(descriptor).st_nlink == 0:
                    continue
                yield
                return
        finally:
            os.close(descriptor)
        yield
        return
