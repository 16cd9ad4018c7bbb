"""The samples of a surveyed file: those of its parts in order, with silence in the holes between them."""

from __future__ import annotations

import os
import sys
import threading
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile as sf

from .file_view import FileView
from .part import Part, Survey
from .survey import survey_audio, survey_damaged


# Samples that are passed over at a time.
BLOCK_SAMPLES = 2**18
_muting = threading.Lock()


@dataclass(frozen=True)
class Piece:
    """A part, where it lies on the recording's time line, and how many samples it has."""

    part: Part | None
    start: int
    num_samples: int

    @property
    def stop(self) -> int:
        """First sample behind the piece."""
        return self.start + self.num_samples


class Stream:
    """
    An audio file's samples, as libsndfile decodes them, with all that its survey finds and holes filled with silence.

    Args:
        source: path of the file, or its content as a binary file object.

    Raises:
        OSError: the system cannot read the file.
        LibsndfileError: a file that is not audio.
    """

    def __init__(self, source: str | Path | BinaryIO):
        self._source = source
        self._survey = survey_audio(source)
        self._notes: list[str] = []
        self._position = 0
        self._view: FileView | None = None
        self._is_fresh = False
        self._lay_out()

    def _lay_out(self) -> None:
        """Opens every part once, for its length and its place."""
        self._index = -1
        self._pieces: list[Piece] = []
        self._notes = list(self._survey.notes)
        error: Exception | None = None
        base, origin, link = 0, 0, -1
        for part in self._survey.parts or (None,):
            try:
                self._open(part)
            except sf.LibsndfileError as failure:
                error = failure
                if part is None:
                    break
                if self._pieces and part.link == link and part.end is not None:
                    # Silent up to where it ends.
                    stop = max(base + part.end - origin, self._pieces[-1].stop)
                    self._pieces.append(Piece(part, stop, 0))
                else:
                    self._notes.append("a part of the stream is damaged and cannot be read")
                continue
            file = self._file
            frames = file.frames if part is None or part.num_samples is None else part.num_samples
            if not self._pieces:
                self.samplerate, self.channels, self.endian = file.samplerate, file.channels, file.endian
                self.subtype, self.format = file.subtype, file.format
            elif (file.samplerate, file.channels) != (self.samplerate, self.channels):
                self._notes.append(
                    f"a further stream of the chain has {file.channels} channels at {file.samplerate} Hz, unlike the "
                    "first, and is not read"
                )
                continue
            end = self._pieces[-1].stop if self._pieces else 0
            if part is None:
                self._pieces.append(Piece(None, 0, file.frames))
                continue
            if part.link != link:
                base, link = end, part.link
                origin = (part.end or frames) - frames if part.origin is None else part.origin
            start = end
            if part.start is not None:
                start = base + part.start
            elif part.end is not None:
                start = base + part.end - frames - origin
            self._pieces.append(Piece(part, max(start, end), frames))
        if not self._pieces and error is not None:
            raise error
        self._starts = [piece.start for piece in self._pieces]
        self.seek(0)

    @property
    def frames(self) -> int:
        """Samples of each channel, as far as is known before they are decoded."""
        return self._pieces[-1].stop

    @property
    def survey(self) -> Survey:
        """What was found of the file."""
        return self._survey

    @property
    def holes(self) -> list[tuple[int, int]]:
        """Samples, from and to before, that stand for damage and are silent."""
        ends = [0, *(piece.stop for piece in self._pieces)]
        return [(end, piece.start) for end, piece in zip(ends, self._pieces, strict=False) if piece.start > end]

    def losses(self, num_samples: int) -> list[str]:
        """
        Sentences on what the file has lost, or holds beyond what is read.

        Args:
            num_samples: samples of each channel that could be decoded.
        """
        words = list(self._notes)
        share, rate = self._survey.read_share, self.samplerate
        promised = self._survey.num_samples or (round(num_samples / share) if share != 1 else 0)

        def seconds(samples: int) -> str:
            return f"{samples} samples ({samples / rate:.3f} s)"

        if promised and promised != num_samples:
            if num_samples < promised:
                words.append(
                    f"the file is cut short: its header promises {seconds(promised)}, and {seconds(num_samples)} can "
                    "be read"
                )
            else:
                words.append(
                    f"the header promises fewer samples than the file has: {seconds(promised)}, where "
                    f"{seconds(num_samples)} are read"
                )
        elif not promised and num_samples < self.frames:
            words.append(
                f"the file is cut short, or damaged: {seconds(num_samples)} of {self.frames} samples can be read"
            )
        holes = self.holes
        for start, stop in holes[:5]:
            words.append(
                f"the stream is damaged: what lay from {start / rate:.3f} to {stop / rate:.3f} s is missing, and "
                "silence is read in its place"
            )
        if len(holes) > 5:
            words.append(f"{len(holes) - 5} more holes of the stream are silent")
        return words

    def close(self) -> None:
        """Closes the file."""
        self._close_part()

    def seek(self, position: int) -> None:
        """Goes to a sample. One of a part of a damaged stream is reached by decoding what lies before it."""
        self._position = position
        index = max(bisect_right(self._starts, position) - 1, 0)
        self._enter(index)
        piece = self._pieces[index]
        within = min(max(position - piece.start, 0), piece.num_samples)
        if piece.num_samples == 0:
            return
        # Numbers of frames in a part are not those that a decoder expects to find.
        if piece.part is not None and self._survey.container == "fLaC" and piece.part.start is not None:
            self._enter(index, anew=True)
            for passed in range(0, within, BLOCK_SAMPLES):
                self._decode(min(within - passed, BLOCK_SAMPLES), "int32")
        else:
            with self._guarded():
                # Not every coding can be sought in, but all are at their start when they are opened.
                if within or not self._is_fresh:
                    self._file.seek(within)
                    self._is_fresh = False

    def read(self, num_samples: int, dtype: str) -> np.ndarray:
        """Reads up to as many samples, fewer at the end: `(samples, channels)` of int32 or float64."""
        blocks: list[np.ndarray] = []
        left = num_samples
        while left > 0:
            piece = self._pieces[self._index]
            is_last = self._index == len(self._pieces) - 1
            limit = self._starts[self._index + 1] if not is_last else piece.stop
            if self._position < piece.start:
                block = np.zeros((min(left, piece.start - self._position), self.channels), dtype)
            elif self._position < piece.stop:
                try:
                    block = self._decode(min(left, piece.stop - self._position), dtype)
                except sf.LibsndfileError as error:
                    self._turn_to_parts(error)
                    continue
                if len(block) == 0 and is_last:
                    break
                if len(block) == 0:
                    block = np.zeros((min(left, limit - self._position), self.channels), dtype)
            elif self._position < limit:
                block = np.zeros((min(left, limit - self._position), self.channels), dtype)
            elif is_last:
                break
            else:
                self._enter(self._index + 1)
                continue
            blocks.append(block)
            left -= len(block)
            self._position += len(block)
        return np.concatenate(blocks) if blocks else np.zeros((0, self.channels), dtype)

    def _turn_to_parts(self, error: sf.LibsndfileError) -> None:
        """Lays out a FLAC file by the frames that can be decoded; raises the error of any other."""
        if self._survey.container != "fLaC" or any(
            piece.part and piece.part.start is not None for piece in self._pieces
        ):
            raise error
        position = self._position
        self._survey = survey_damaged(self._source)
        if not self._survey.parts:
            raise error
        self._lay_out()
        self.seek(position)

    def _decode(self, num_samples: int, dtype: str) -> np.ndarray:
        self._is_fresh = False
        with self._guarded():
            return self._file.read(num_samples, dtype=dtype, always_2d=True)

    def _enter(self, index: int, *, anew: bool = False) -> None:
        if index != self._index or anew:
            self._index = index
            if self._pieces[index].num_samples:
                self._open(self._pieces[index].part)

    def _open(self, part: Part | None) -> None:
        self._close_part()
        self._view = FileView(self._source, None if part is None else part.segments)
        with self._guarded():
            self._file = sf.SoundFile(self._view)
        self._is_fresh = True

    def _close_part(self) -> None:
        if self._view is not None:
            file = getattr(self, "_file", None)
            if file is not None:
                file.close()
            self._view.close()
            self._view = None

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Raises the system's error where there is one, and lets mpg123 write nothing of its own."""
        try:
            with _muted() if self._survey.container == "MPEG" else nullcontext():
                yield
        except sf.LibsndfileError:
            if self._view is not None and self._view.error is not None:
                raise self._view.error from None
            raise
        if self._view is not None and self._view.error is not None:
            raise self._view.error


@contextmanager
def _muted() -> Iterator[None]:
    """
    Lets nothing reach the process's standard error inside. The decoder of MPEG audio writes notes there, which
    cannot be turned off, on what the survey says in words.
    """
    with _muting:
        if sys.stderr is not None:
            sys.stderr.flush()
        kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nothing, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nothing)
