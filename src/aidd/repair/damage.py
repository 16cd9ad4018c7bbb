"""Where an audio file is damaged, found block by block: what the detectors find in the whole signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..detection.attacks import Candidate
from ..detection.clicks import block_and_margin, candidates_between, clicks_of
from ..detection.clipping import ClippingFinder
from ..detection.dropouts import apart_from_pauses, dropout_finder, dropouts_of
from ..detection.runs import BLOCK_SAMPLES
from ..detection.sensitivity import DEFAULT_SENSITIVITY, click_threshold, dropout_seconds, flat_peaks
from ..masks.gaps import no_gaps, num_missing, num_shared, touching, unite
from ..signals.blocks import AudioReader
from ..signals.warning import warn_at_caller
from .request import DETECTED_KINDS
from .scan import Scan


# Shortest rest of a dropout that is worth a warning, where the dropout is marked in part.
LEAST_SILENCE_SECONDS = 0.001


class UnmarkedSilenceWarning(UserWarning):
    """A dropout is marked as missing in part. The rest counts as music, towards which the filling fades."""


@dataclass(frozen=True)
class Damage:
    """
    Damage in a recording.

    Args:
        kinds: kinds that were looked for, in the order of `DETECTED_KINDS`. Dropouts and clipping are found in any
            case, clicks if they were looked for.
        dropouts, clicks, clipping: where every channel is damaged, int64 `(gaps, 2)`, see [`aidd.masks.gaps`].
        ceilings, floors: values that each channel was clipped at, float64 `(values,)`, see
            [`~aidd.detection.clipping.clipping_bounds`].
        pauses: silences of each channel that are no dropouts, int64 `(gaps, 2)`, see
            [`~aidd.detection.dropouts.apart_from_pauses`]. They are no damage.
    """

    kinds: tuple[str, ...]
    dropouts: list[np.ndarray]
    clicks: list[np.ndarray]
    clipping: list[np.ndarray]
    ceilings: list[np.ndarray]
    floors: list[np.ndarray]
    pauses: list[np.ndarray]

    @property
    def found(self) -> dict[str, list[np.ndarray]]:
        """
        Gaps of every channel, int64 `(gaps, 2)`, for each kind that was looked for. Where dropouts were too, clicks
        that touch one are left out: they are its abrupt edge.
        """
        found = {kind: getattr(self, kind) for kind in self.kinds}
        if {"dropouts", "clicks"} <= found.keys():
            edges = [unite(runs) for runs in zip(self.dropouts, self.pauses, strict=True)]
            found["clicks"] = list(map(apart_from, self.clicks, edges))
        return found


def find_damage(
    scan: Scan,
    kinds: Sequence[str] = DETECTED_KINDS,
    *,
    given: Sequence[np.ndarray] | None = None,
    sensitivity: float = DEFAULT_SENSITIVITY,
    block_samples: int = BLOCK_SAMPLES,
) -> Damage:
    """
    What [`~aidd.detection.find_dropouts`], [`~aidd.detection.find_clicks`] and [`~aidd.detection.find_clipping`] find
    in a file. Samples that are not finite are not listened to: a line from the one before to the one after takes their
    place.

    Args:
        scan: of the file, which is read once more.
        kinds: kinds to look for, out of `DETECTED_KINDS`. Clicks take far longer than the others.
        given: gaps of every channel that are known already, int64 `(gaps, 2)`, in which samples need not be finite.
        sensitivity: false alarms a minute that are expected of each kind in clean music, see
            [`~aidd.detection.sensitivity`].
        block_samples: samples that are looked at at a time, about; the result is the same.

    Raises:
        ValueError: another kind, another sensitivity than was measured, or samples outside the given gaps that are not
            finite where a kind is asked for.
    """
    for kind in kinds:
        if kind not in DETECTED_KINDS:
            raise ValueError(f"expected kinds out of {', '.join(DETECTED_KINDS)}, got {kind!r}")
    if kinds:
        scan.check_finite([no_gaps()] * scan.channels if given is None else given)
    rate, num_samples = scan.sampling_rate, scan.num_samples
    shortest, threshold = dropout_seconds(sensitivity), click_threshold(sensitivity)
    min_peaks, steps = flat_peaks(sensitivity)
    dropouts = [dropout_finder(statistics, sampling_rate=rate, min_seconds=shortest) for statistics in scan.statistics]
    clippings = [ClippingFinder(statistics, min_peaks=min_peaks, steps=steps) for statistics in scan.statistics]
    candidates: list[list[Candidate]] = [[] for _ in scan.statistics]
    block, margin = block_and_margin(rate)
    length = max(block_samples // block, 1) * block
    with AudioReader(scan.path) as reader:
        for start in range(0, num_samples, length):
            stop = min(start + length, num_samples)
            first = max(start - margin, 0)
            part = np.apply_along_axis(bridged, -1, reader.read(first, stop + margin))
            for channel, samples in enumerate(part):
                here = samples[start - first : stop - first]
                dropouts[channel].feed(here)
                clippings[channel].feed(here)
                if "clicks" in kinds:
                    candidates[channel] += candidates_between(
                        samples,
                        (start, stop),
                        first=first,
                        num_samples=num_samples,
                        sampling_rate=rate,
                        step=scan.statistics[channel].step,
                        threshold=threshold,
                    )
    clipped, ceilings, floors = map(list, zip(*(finder.finish() for finder in clippings), strict=True))
    # A flat peak is a value that is held, too.
    silences = [apart_from(dropouts_of(finder), peaks) for finder, peaks in zip(dropouts, clipped, strict=True)]
    apart = [apart_from_pauses(runs, num_samples, sampling_rate=rate) for runs in silences]
    return Damage(
        tuple(kind for kind in DETECTED_KINDS if kind in kinds),
        [runs for runs, _ in apart],
        [clicks_of(*of_channel, sampling_rate=rate) for of_channel in zip(candidates, scan.statistics, strict=True)],
        clipped,
        ceilings,
        floors,
        [pauses for _, pauses in apart],
    )


def bridged(samples: np.ndarray) -> np.ndarray:
    """Samples `(samples,)` with a line in place of those that are not finite; zeros where none is finite."""
    finite = np.isfinite(samples)
    if finite.all():
        return samples
    places = np.arange(len(samples))
    return np.interp(places, places[finite], samples[finite]) if finite.any() else np.zeros_like(samples)


def apart_from(clicks: np.ndarray, dropouts: np.ndarray) -> np.ndarray:
    """Clicks or the like, int64 `(gaps, 2)`, without those that touch a dropout or the like, or stand next to one."""
    return np.array(
        [gap for gap in clicks.tolist() if len(touching(dropouts, gap[0] - 1, gap[1] + 1)) == 0], np.int64
    ).reshape(-1, 2)


def warn_of_unmarked_silence(dropouts: list[np.ndarray], gaps: list[np.ndarray], *, sampling_rate: int) -> None:
    """
    Warns once where gaps cover only part of a dropout: the silence left next to the gap counts as music.

    Args:
        dropouts, gaps: of every channel, int64 `(gaps, 2)`.
        sampling_rate: Hz.
    """
    for channel_dropouts, channel_gaps in zip(dropouts, gaps, strict=True):
        for dropout in channel_dropouts:
            start, stop = dropout.tolist()
            left = stop - start - num_shared(dropout[None], touching(channel_gaps, start, stop))
            if 0 < left < stop - start and left >= LEAST_SILENCE_SECONDS * sampling_rate:
                warn_at_caller(
                    f"{1000 * left / sampling_rate:.0f} ms of the dropout from {start / sampling_rate:.3f} s to "
                    f"{stop / sampling_rate:.3f} s are not marked as missing and count as music, towards which the "
                    "filling fades; mark them too",
                    UnmarkedSilenceWarning,
                )
                return


def warn_of_pauses(damage: Damage, gaps: list[np.ndarray], *, sampling_rate: int) -> None:
    """
    Warns once of silences that are left as pauses, where dropouts were looked for.

    Args:
        damage: that was found.
        gaps: what is filled of every channel, int64 `(gaps, 2)`. Pauses in it are no news.
        sampling_rate: Hz.
    """
    if "dropouts" not in damage.kinds:
        return
    left = unite(apart_from(pauses, channel) for pauses, channel in zip(damage.pauses, gaps, strict=True))
    if len(left):
        shown = ", ".join(f"{start / sampling_rate:.3f} to {end / sampling_rate:.3f} s" for start, end in left[:5])
        more = f" and {len(left) - 5} more" if len(left) > 5 else ""
        warn_at_caller(
            "silence that is long or comes regularly is taken for pauses and left, "
            f"{num_missing(left) / sampling_rate:.3f} s in all: {shown}{more}; mark as gaps what is none"
        )
