"""The file that libsndfile writes to, with room for what it does not write, and with the system's own errors."""

from __future__ import annotations

import io
from pathlib import Path


class OutputFile(io.RawIOBase):
    """
    A file in which a number of bytes is left out of what libsndfile sees. They are written by others.

    Errors of the system are kept in `error` and end the writing: libsndfile, which calls this, cannot be raised to.

    Args:
        path: of the file, which is emptied.
        place: where the bytes are left out.
        num_bytes: how many.
    """

    def __init__(self, path: Path, place: int = 0, num_bytes: int = 0):
        super().__init__()
        # Closed by `close`, as this file is. Without a buffer, no error comes late.
        self._file = path.open("w+b", buffering=0)
        self._place, self._num_bytes = place, num_bytes
        self._position = 0
        self.error: OSError | None = None

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
        super().close()

    def readable(self) -> bool:
        """True."""
        return True

    def writable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Position, as libsndfile counts."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a position, as libsndfile counts, and returns it."""
        length = self._file.seek(0, io.SEEK_END)
        length = max(length - self._num_bytes, min(length, self._place))
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: length}
        self._position = max(start[whence] + offset, 0)
        return self._position

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        """Reads as many bytes as the buffer holds, or as there are."""
        target = memoryview(buffer).cast("B")
        done = 0
        while done < len(target):
            part = target[done : done + self._before_place(len(target) - done)]
            content = self._file.read(len(part)) or b""
            part[: len(content)] = content
            done, self._position = done + len(content), self._position + len(content)
            if not content:
                break
        return done

    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        """Writes bytes, or as many of them as the system takes."""
        content = memoryview(data).cast("B")
        done = 0
        while done < len(content) and self.error is None:
            try:
                part = content[done : done + self._before_place(len(content) - done)]
                written = self._file.write(part) or 0
            except OSError as error:
                self.error = error
                break
            done, self._position = done + written, self._position + written
        return done

    def _before_place(self, num_bytes: int) -> int:
        """Goes to the position in the true file, and returns how many bytes lie together there."""
        if self._position < self._place:
            self._file.seek(self._position)
            return min(num_bytes, self._place - self._position)
        self._file.seek(self._position + self._num_bytes)
        return num_bytes
