"""What encoding does to a repair: fillings are brought into its range, and samples outside the gaps may change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..masks.gaps import mask_of
from ..signals.bit_rates import bit_rate_of
from ..signals.blocks import BLOCK_SAMPLES, AudioReader
from ..signals.encoding import beyond_full_scale
from ..signals.formats import FLOAT_CODECS, FLOAT_TYPES, INTEGER_BITS, LOSSLESS_SUBTYPES
from ..signals.metadata.source import read_metadata
from ..signals.warning import warn_at_caller
from .scan import Scan


class HeldFillings:
    """
    Fills regions, and brings what is filled into what an encoding can hold: within full scale, and to as many bits as
    the recording's samples have, where these are fewer than are stored.

    Args:
        fill: what fills a region, such as [`~aidd.repair.filling.fill_as_planned`].
        scan: of the recording.
        subtype: of the output, in libsndfile's terms.
    """

    def __init__(self, fill: Callable[[np.ndarray, dict[str, np.ndarray]], np.ndarray], scan: Scan, subtype: str):
        self._fill = fill
        self._is_bounded = subtype not in FLOAT_TYPES and subtype not in FLOAT_CODECS
        self._bits = INTEGER_BITS.get(subtype, 16)
        if subtype == scan.subtype and subtype in INTEGER_BITS:
            self._bits = min(read_metadata(scan.path).valid_bits or self._bits, self._bits)
        self._num_limited = 0

    def __call__(self, audio: np.ndarray, masks: dict[str, np.ndarray]) -> np.ndarray:
        """Fills a region. Samples that are not missing are as the filler has left them."""
        filled = self._fill(audio, masks)
        if not self._is_bounded:
            return filled
        missing = np.any(list(masks.values()), axis=0)
        step = 2.0 ** (1 - self._bits)
        is_beyond = missing & ((filled >= 1 - step / 2) | (filled < -1 - step / 2))
        self._num_limited += int(np.count_nonzero(is_beyond))
        held = np.clip(np.round(filled / step) * step, -1, 1 - step)
        return np.where(missing, held, filled)

    def warn(self, output: str | Path) -> None:
        """Warns where fillings were limited."""
        if self._num_limited:
            warn_at_caller(
                f"{output}: {self._num_limited} samples of the filling were beyond full scale, and are limited to it"
            )


def check_range(scan: Scan, output: str | Path, gaps: Sequence[np.ndarray], *, format: str, subtype: str) -> None:
    """
    Raises `ValueError`, before any work is done, where samples outside the gaps are beyond what the output can hold.
    A recording whose samples all lie within full scale is not read.
    """
    if subtype in FLOAT_TYPES or subtype in FLOAT_CODECS:
        return
    half = 2.0 ** -INTEGER_BITS[subtype] if subtype in INTEGER_BITS else -1e-12
    highest, lowest = 1 - half, -1 - abs(half)
    if all(lowest <= one.lowest and one.highest < highest for one in scan.statistics):
        return
    peak = 0.0
    with AudioReader(scan.path) as reader:
        for start in range(0, scan.num_samples, BLOCK_SAMPLES):
            block = reader.read(start, min(start + BLOCK_SAMPLES, scan.num_samples))
            missing = np.stack([mask_of(channel, start, start + block.shape[-1]) for channel in gaps])
            is_beyond = ~missing & ((block >= highest) | (block < lowest))
            peak = max(peak, float(np.max(np.abs(block), initial=0.0, where=is_beyond)))
    if peak > 0:
        raise beyond_full_scale(output, peak, format, subtype)


def loss_outside(before: str | Path, after: str | Path, gaps: Sequence[np.ndarray]) -> tuple[float, int]:
    """
    How far two recordings of one rate and number of channels differ outside gaps.

    Args:
        before, after: audio files.
        gaps: gaps of every channel, int64 `(gaps, 2)`.

    Returns:
        Level of the sound over that of the difference, in dB, infinite where there is none; and by how many samples
        the second is longer.
    """
    sound, difference, longer, start = 0.0, 0.0, 0, 0
    with AudioReader(before) as first, AudioReader(after) as second:
        while True:
            blocks = [one.read(start, start + BLOCK_SAMPLES) for one in (first, second)]
            length = min(block.shape[-1] for block in blocks)
            longer += blocks[1].shape[-1] - blocks[0].shape[-1]
            if length == 0:
                break
            intact = ~np.stack([mask_of(channel, start, start + length) for channel in gaps])
            kept = np.nan_to_num(blocks[0][:, :length], nan=0.0, posinf=0.0, neginf=0.0)[intact]
            sound += float(np.square(kept).sum())
            difference += float(np.square(blocks[1][:, :length][intact] - kept).sum())
            start += BLOCK_SAMPLES
    return (float(10 * np.log10(sound / difference)) if difference else np.inf), longer


def warn_of_loss(scan: Scan, output: str | Path, gaps: Sequence[np.ndarray], *, subtype: str) -> None:
    """
    Warns of what an encoding has changed outside the gaps: by how many dB, at which bit rate, and of another length.
    Says nothing where nothing has changed.
    """
    if subtype in LOSSLESS_SUBTYPES and subtype == scan.subtype:
        return
    ratio, longer = loss_outside(scan.path, output, gaps)
    if np.isinf(ratio) and not longer:
        return
    what = f"rounds samples of {scan.subtype}" if subtype in LOSSLESS_SUBTYPES else "is lossy"
    words = (
        f"{subtype} {what}: encoding has changed samples outside the gaps too; the error is {ratio:.1f} dB below them"
    )
    rate, former = bit_rate_of(output), bit_rate_of(scan.path)
    if rate is not None:
        words += f", at {rate / 1000:.0f} kbit/s"
        words += f" (the input has {former / 1000:.0f})" if former is not None else ""
    if longer:
        words += f"; the output is {abs(longer)} samples {'longer' if longer > 0 else 'shorter'}"
    warn_at_caller(words)
