"""A file as a decoder is shown it: ranges of its bytes, and bytes that stand in for others."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True)
class Segment:
    """
    Bytes of a view, or bytes to copy.

    Args:
        start, stop: range of bytes of the file.
        content: bytes in place of the file's, if not None.
    """

    start: int = 0
    stop: int = 0
    content: bytes | None = None

    def __len__(self) -> int:
        return self.stop - self.start if self.content is None else len(self.content)


def patched(start: int, stop: int, patches: dict[int, bytes]) -> list[Segment]:
    """A range of bytes of a file, with other bytes of the same number at the offsets in `patches`."""
    segments, position = [], start
    for offset, content in sorted(patches.items()):
        # A file that is cut short has no such bytes.
        if offset + len(content) > stop:
            continue
        segments += [Segment(position, offset), Segment(offset, offset + len(content), content)]
        position = offset + len(content)
    return [*segments, Segment(position, stop)]


class FileView(io.RawIOBase):
    """
    Reads the segments of a file one after the other, as if they were a file.

    Errors of the system are kept in `error` and end the reading: libsndfile, which calls this, cannot be raised to.

    Args:
        source: path of the file, or the file, which stays open.
        segments: what is shown. Default: the whole file.
    """

    def __init__(self, source: str | Path | BinaryIO, segments: Sequence[Segment] | None = None):
        super().__init__()
        self._is_ours = isinstance(source, str | Path)
        # Closed by `close`, as the view itself is.
        self._file: BinaryIO = Path(source).open("rb") if isinstance(source, str | Path) else source  # noqa: SIM115
        if segments is None:
            segments = [Segment(0, self._file.seek(0, io.SEEK_END))]
        self._segments = [segment for segment in segments if len(segment)]
        self._stops = list(accumulate(map(len, self._segments)))
        self._position = 0
        self.error: OSError | None = None

    def close(self) -> None:
        """Closes the file, unless it came open."""
        if self._is_ours and not self.closed:
            self._file.close()
        super().close()

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Position in the view."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a position in the view, and returns it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._stops[-1] if self._stops else 0}
        self._position = max(start[whence] + offset, 0)
        return self._position

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        """Reads as many bytes as the buffer holds, or as there are."""
        target = memoryview(buffer).cast("B")
        done = 0
        while done < len(target) and (index := bisect_right(self._stops, self._position)) < len(self._segments):
            segment, stop = self._segments[index], self._stops[index]
            offset = self._position - (stop - len(segment))
            part = target[done : done + stop - self._position]
            if segment.content is not None:
                num_read = len(part)
                part[:] = segment.content[offset : offset + num_read]
            else:
                try:
                    self._file.seek(segment.start + offset)
                    content = self._file.read(len(part))
                except OSError as error:
                    self.error = error
                    return done
                num_read = len(content)
                part[:num_read] = content
                if num_read == 0:
                    return done
            done, self._position = done + num_read, self._position + num_read
        return done
