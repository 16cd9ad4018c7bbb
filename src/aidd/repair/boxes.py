"""
Holes in the spectrogram of a file: boxes of frequency and time, as a cough, a telephone or a hum leaves them.

A box is filled with what its surroundings let expect, by a method for missing cells. Samples outside the box's frames
are those of the source, to the bit. Inside them, other frequencies change as far as frames overlap: the spectrogram of
a signal cannot change in a box alone. [`change_elsewhere`] says by how much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np

from ..masks.cells import boxes as box_mask
from ..masks.cells import frames_between
from ..masks.gaps import touching, unite
from ..signals.stft import Grid, cell_weights, stft
from .confidence import DB_PER_LOG10, STEP_FLOOR, Evidence
from .regions import Reach, Region


# Lowest and highest frequency in Hz, start and end in seconds.
Box = tuple[float, float, float, float]
# From audio, float64 `(channels, samples)`, and missing cells, bool `(bins, frames)`, to audio of the same shape.
FillCells = Callable[[np.ndarray, np.ndarray], np.ndarray]

# Seconds from one frame to the next, half a window: those of the study of methods (docs/geometry_study/README.md).
HOP_SECONDS = 511 / 24_000
# Seconds that methods without a model read on each side of a box's frames.
REACH_SECONDS = 0.5


def own_grid(sampling_rate: int) -> Grid:
    """Cells at a recording's own rate in Hz, for methods without a model: windows of 43 ms, half of one apart."""
    hop_length = max(round(HOP_SECONDS * sampling_rate), 8)
    return Grid(sampling_rate, 2 * hop_length, hop_length)


def check_boxes(boxes: Sequence[Box], *, num_samples: int, sampling_rate: int, grid: Grid) -> None:
    """
    Raises `ValueError` for a box without an extent, or beyond the frequencies of a grid or a recording's duration.

    Args:
        boxes: to check.
        num_samples, sampling_rate: of the recording; the rate in Hz.
        grid: of the cells.
    """
    highest, duration = min(grid.sampling_rate, sampling_rate) / 2, num_samples / sampling_rate
    for box in boxes:
        low, high, start, end = box
        if not (0 <= low < high <= highest and 0 <= start < end <= duration):
            raise ValueError(
                f"expected a box (lowest Hz, highest Hz, start, end in seconds) within 0 to {highest:g} Hz and 0 to "
                f"{duration:g} s, the lower number first, got {tuple(box)}"
            )


def changed_samples(box: Box, *, num_samples: int, sampling_rate: int, grid: Grid) -> tuple[int, int]:
    """
    First sample that the frames of a box hold, and the one after the last: int, in samples of the recording.

    Args:
        box: that is filled.
        num_samples, sampling_rate: of the recording; the rate in Hz.
        grid: of the cells.
    """
    _, _, start, end = box
    frames = frames_between(start, end, grid)
    first = max(frames.start + 1 - grid.overlap, 0) * grid.hop_length
    last = frames.stop * grid.hop_length
    return first * sampling_rate // grid.sampling_rate, min(
        -(-last * sampling_rate // grid.sampling_rate), num_samples
    )


def changed_places(boxes: Sequence[Box], *, num_samples: int, sampling_rate: int, grid: Grid) -> np.ndarray:
    """[`changed_samples`] of several boxes, one by one, int64 `(boxes, 2)`."""
    extent = partial(changed_samples, num_samples=num_samples, sampling_rate=sampling_rate, grid=grid)
    return np.array([extent(box) for box in boxes], np.int64).reshape(-1, 2)


class BoxFilling:
    """
    Boxes filled region by region, for [`~aidd.repair.filling.fill_file`], which is given its methods.

    Args:
        boxes: that have passed [`check_boxes`].
        fill_cells: what fills missing cells of a region's audio.
        num_samples, sampling_rate: of the recording; the rate in Hz.
        grid: of the cells.
    """

    def __init__(
        self, boxes: Sequence[Box], fill_cells: FillCells, *, num_samples: int, sampling_rate: int, grid: Grid
    ):
        self.boxes, self.grid, self.sampling_rate = list(boxes), grid, sampling_rate
        self._fill_cells = fill_cells
        self._places = changed_places(boxes, num_samples=num_samples, sampling_rate=sampling_rate, grid=grid)
        # What the boxes' frames hold, int64 `(places, 2)`, in order and apart.
        self.changed = unite([self._places])
        self._start = 0

    def following(
        self, progress: Callable[[list[Region]], Iterable[Region]]
    ) -> Callable[[list[Region]], Iterator[Region]]:
        """The progress of regions, which is followed so that the start of the one at hand is known."""

        def regions(planned: list[Region]) -> Iterator[Region]:
            for region in progress(planned):
                self._start = region.start
                yield region

        return regions

    def fill(self, audio: np.ndarray, masks: dict[str, np.ndarray]) -> np.ndarray:
        """A region, float64 `(channels, samples)`, with its boxes filled. The masks hold what the frames do."""
        num_on_grid = self.grid.resampled_length(audio.shape[-1], self.sampling_rate)
        boxes = self.boxes_in(self._start, self._start + audio.shape[-1])
        local = shifted(boxes, -self._start / self.sampling_rate, num_on_grid / self.grid.sampling_rate)
        return self._fill_cells(audio, box_mask(local, num_on_grid, self.grid))

    def boxes_in(self, start: int, stop: int) -> list[Box]:
        """The boxes whose frames share a sample with a part of the recording."""
        shared = (self._places[:, 0] < stop) & (self._places[:, 1] > start)
        return [box for box, is_here in zip(self.boxes, shared, strict=True) if is_here]


def shifted(boxes: Sequence[Box], seconds: float, duration: float) -> list[Box]:
    """Boxes so many seconds later, in audio of some duration: what rounding leaves outside is cut off."""
    return [(low, high, max(start + seconds, 0.0), min(end + seconds, duration)) for low, high, start, end in boxes]


class BoxObserver:
    """
    What a record has of boxes, measured region by region ([`~aidd.repair.filling.fill_file`] calls it).

    Args:
        filling: of the boxes.

    Attributes:
        evidence: by the first and last sample of a place ([`BoxFilling.changed`]).
        changes: how much other frequencies have changed, in dB, by the same; None where they have not.
    """

    def __init__(self, filling: BoxFilling):
        self._filling = filling
        self.evidence: dict[tuple[int, int], Evidence] = {}
        self.changes: dict[tuple[int, int], float | None] = {}

    def __call__(self, start: int, audio: np.ndarray, filled: np.ndarray, sampling_rate: int) -> None:
        """Looks at a region: its first sample, float64 `(channels, samples)` before, and as variations after."""
        grid = own_grid(sampling_rate)
        for first, last in touching(self._filling.changed, start, start + audio.shape[-1]).tolist():
            here = slice(max(first - start - grid.n_fft, 0), last - start + grid.n_fft)
            before, after = audio[:, here], filled[0][:, here]
            seconds = (start + here.start) / sampling_rate
            local = shifted(self._filling.boxes_in(first, last), -seconds, after.shape[-1] / sampling_rate)
            mask = box_mask(local, after.shape[-1], grid)
            self.evidence[first, last] = evidence_of_boxes(after, mask, grid)
            self.changes[first, last] = change_elsewhere(before, after, mask, grid)


def change_elsewhere(before: np.ndarray, after: np.ndarray, mask: np.ndarray, grid: Grid) -> float | None:
    """
    Power of what has changed in cells outside the boxes, in frames that touch these, relative to what was there, in
    dB; None where nothing has changed, or nothing was there.

    Args:
        before, after: float64 `(channels, samples)`.
        mask: the boxes' cells, bool `(bins, frames)`.
        grid: of the cells.
    """
    # Frames that share a sample with a box's, of which there may be fewer than of frames that overlap.
    reach = grid.overlap - 1
    near = np.convolve(mask.any(0), np.ones(2 * reach + 1))[reach : reach + mask.shape[1]] > 0
    weights = np.where(~mask & near, cell_weights(grid), 0.0)
    changed, present = (
        float((weights * np.square(np.abs(stft(signal, grid)))).sum()) for signal in (after - before, before)
    )
    return DB_PER_LOG10 * float(np.log10(changed / present)) if changed > 0 and present > 0 else None


def evidence_of_boxes(after: np.ndarray, mask: np.ndarray, grid: Grid) -> Evidence:
    """
    What speaks for filled boxes: how much of their frames is known, and how level they go on within their frequencies.

    Args:
        after: float64 `(channels, samples)`.
        mask: the boxes' cells, bool `(bins, frames)`.
        grid: of the cells.
    """
    powers = (cell_weights(grid) * np.square(np.abs(stft(after, grid)))).sum(0)
    frames = mask.any(0)
    total = powers[:, frames].sum()
    known = float(powers[:, frames][~mask[:, frames]].sum() / total) if total > 0 else 1.0
    steps = [0.0]
    edges = np.diff(frames.astype(np.int8))
    for outside, inside in (
        *((edge, edge + 1) for edge in np.flatnonzero(edges == 1).tolist()),
        *((edge + 1, edge) for edge in np.flatnonzero(edges == -1).tolist()),
    ):
        rows = mask[:, inside]
        pair = np.array([powers[rows, outside].sum(), powers[rows, inside].sum()])
        first, second = np.log10(pair + STEP_FLOOR * pair.max() + np.finfo(np.float64).tiny)
        steps.append(DB_PER_LOG10 * abs(float(first - second)))
    return Evidence(min(known, 1.0), None, max(steps), None)


def reach_around(grid: Grid) -> Reach:
    """What methods without a model read around a box's frames."""
    return Reach(round(REACH_SECONDS * grid.sampling_rate), grid.hop_length)
