"""Files that are whole or not there."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """
    A temporary name in the folder of `path` to write to. It becomes `path`, and replaces what is there, once the block
    is left without an error; after one, nothing remains.
    """
    temporary = path.with_name(f".aidd-{secrets.token_hex(8)}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
