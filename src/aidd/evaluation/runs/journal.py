"""Rows of a run, each on disk as soon as it is there, so that a run that was killed can go on where it stood."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ...signals.json_files import json_object, text_of


class Journal:
    """
    A file of JSON rows that grows line by line. Processes write one each, `<name>-<process>.jsonl`, and read all.

    Args:
        folder: folder of the run, which is made.
        name: name of the journal.
        process_index: number of this process.
    """

    def __init__(self, folder: str | Path, name: str, process_index: int = 0):
        self.folder, self.name = Path(folder), name
        self.path = self.folder / f"{name}-{process_index}.jsonl"
        self.folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """
        Keeps other processes from writing to this journal while rows are appended.

        Raises:
            ValueError: one does already.
        """
        lock = FileLock(f"{self.path}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise ValueError(
                f"another process is writing to {self.path}. Several at once must know of each other; on CPUs, "
                "Accelerate lets them with ACCELERATE_USE_CPU=true in the environment"
            ) from error
        try:
            self._take_off_half_a_line()
            yield
        finally:
            lock.release()

    def append(self, rows: Iterable[dict]) -> None:
        """Writes rows at once. Infinities and not a number are refused: JSON has none."""
        text = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)

    def read(self) -> list[dict]:
        """The rows of all processes. What another process is about to write, half a line, is no row yet."""
        rows = []
        for path in sorted(self.folder.glob(f"{self.name}-*.jsonl")):
            text = text_of(path)
            lines = text[: text.rfind("\n") + 1].splitlines()
            rows += [json_object(line, f"{path}, line {number}") for number, line in enumerate(lines, 1)]
        return rows

    def _take_off_half_a_line(self) -> None:
        """Removes what a process left that was killed while it wrote."""
        content = self.path.read_bytes() if self.path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            self.path.write_bytes(whole)
