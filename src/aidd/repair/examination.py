"""What a repair would do, before anything is written: which gaps there are, why, and what is to fill each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..masks.files import Marks
from ..masks.gaps import gaps_from_seconds, unite
from ..signals.formats import FLOAT_CODECS, check_writable, encoding_for, format_for
from ..signals.warning import warn_at_caller
from .damage import Damage, find_damage, warn_of_pauses, warn_of_unmarked_silence
from .filling import check_gaps
from .methods import row_of
from .plan import RepairPlan, plan_repair
from .report import RepairReport
from .request import RepairRequest, RequestError
from .scan import Scan


# The table of methods has the reach of models to this many seconds.
REACH_PRECISION = 0.01


class NothingToRepairError(ValueError):
    """
    No gap is given, and none was found.

    Args:
        message: what was looked for.
        report: of a repair without gaps and outputs.
    """

    def __init__(self, message: str, report: RepairReport):
        super().__init__(message)
        self.report = report


@dataclass(frozen=True)
class Examination:
    """
    What a repair would do to a recording.

    Args:
        scan: of the recording.
        request: that was examined.
        damage: that was found.
        reasons: gaps of every channel by what they are there for, see [`aidd.repair.record`].
        gaps: all of them, of every channel.
        report: of a repair that has filled nothing yet.
    """

    scan: Scan
    request: RepairRequest
    damage: Damage
    reasons: dict[str, list[np.ndarray]]
    gaps: list[np.ndarray]
    report: RepairReport

    def plan(self, short_gap_seconds: float = 0.0, longest_gap_seconds: float | None = None) -> RepairPlan:
        """
        What fills each gap.

        Args:
            short_gap_seconds: longest gap that the pipeline fills by the continuation of its edges.
            longest_gap_seconds: longest one that its model fills; by default that of the model that comes with the
                package, if the request names no other.

        Raises:
            RequestError: a longer gap and no fallback, or variations of gaps that no model fills.
        """
        request = self.request
        if longest_gap_seconds is None:
            has_default = request.model is None and row_of(request.method).has_model
            longest_gap_seconds = row_of(request.method).longest_gap_seconds if has_default else np.inf
            self._check_reach(longest_gap_seconds)
        planned = plan_repair(
            self.gaps,
            method=request.method,
            num_samples=self.scan.num_samples,
            sampling_rate=self.scan.sampling_rate,
            short_gap_seconds=short_gap_seconds,
            longest_gap_seconds=longest_gap_seconds,
            fallback=request.fallback,
        )
        self.check_variations(planned)
        return planned

    def check_variations(self, planned: RepairPlan) -> None:
        """Raises `RequestError` for variations of gaps that no model fills."""
        if self.request.num_variations > 1 and not planned.needs_model:
            fillers = " and ".join(sorted({name for names in planned.filled_by for name in names}))
            raise RequestError(
                "num_variations", f"must be 1 where no gap needs the model: there is one result by {fillers}"
            )

    def _check_reach(self, longest_gap_seconds: float) -> None:
        if self.request.fallback is not None:
            return
        for start, end in unite(self.gaps).tolist():
            if (end - start) / self.scan.sampling_rate > longest_gap_seconds + REACH_PRECISION:
                place = f"from {start / self.scan.sampling_rate:.3f} to {end / self.scan.sampling_rate:.3f} s"
                raise RequestError(
                    "fallback",
                    f"must be given for the gap {place}: {self.request.method} fills gaps of up to "
                    f"{longest_gap_seconds:.2f} s; envelope_noise, for one, fills longer ones, without a model",
                )


def destination(scan: Scan, output: str | Path, request: RepairRequest) -> tuple[list[Path], str, str]:
    """
    Where a repair writes to, and how.

    Returns:
        The output, or those of several variations; subtype and format in libsndfile's terms.

    Raises:
        ValueError: an output that is the source, that cannot be written, or whose format cannot hold the subtype.
    """
    outputs = numbered(Path(output), request.num_variations)
    for path in outputs:
        if path.exists() and path.samefile(scan.path):
            raise ValueError(f"{path}: the output is the input, which is never written to; choose another name")
    subtype, format = encoding_for(outputs[0], scan.subtype, scan.format, request.subtype)
    format = format_for(outputs[0], format, subtype, channels=scan.channels, num_samples=scan.num_samples)
    for path in outputs:
        check_writable(path, sampling_rate=scan.sampling_rate, subtype=subtype, format=format, channels=scan.channels)
    return outputs, subtype, format


def numbered(output: Path, num_variations: int) -> list[Path]:
    """The output, or those of several variations, with their numbers before the suffix."""
    if num_variations == 1:
        return [output]
    return [output.with_name(f"{output.stem}-{number}{output.suffix}") for number in range(1, num_variations + 1)]


def examine(scan: Scan, request: RepairRequest, marks: Marks, damage: Damage | None = None) -> Examination:
    """
    Finds out what a repair of gaps would do.

    Args:
        scan: of the recording.
        request: what is missing or to be looked for.
        marks: gaps of the request's masks.
        damage: what was found in the scan already for the kinds of the request.

    Raises:
        NothingToRepairError: no gap is given, and none was found.
        ValueError: gaps outside the recording, damage of other kinds, and as [`~aidd.repair.damage.find_damage`].

    Warns:
        UserWarning: silences that are left as pauses, dropouts that are marked in part, and dropouts that were looked
            for in a lossy file.
    """
    began = time.perf_counter()
    known = {"given": gaps_in_channels(scan, request.gaps), "mask": marks.gaps}
    if damage is None:
        given = [unite(channel) for channel in zip(*known.values(), strict=True)]
        damage = find_damage(scan, request.detect, given=given, sensitivity=request.sensitivity)
    elif set(damage.kinds) != set(request.detect):
        raise ValueError(f"expected damage of the kinds {list(request.detect)}, got {list(damage.kinds)}")
    reasons = known | damage.found
    gaps = [unite(channel) for channel in zip(*reasons.values(), strict=True)]
    report = RepairReport(
        input=str(scan.path),
        outputs=[],
        sampling_rate=scan.sampling_rate,
        channels=scan.channels,
        num_samples=scan.num_samples,
        method=request.method,
        model=None,
        seed=request.seed,
        filled_by=[[] for _ in gaps],
        gaps=gaps,
        found=damage.found,
        seconds=time.perf_counter() - began,
    )
    warn_of_pauses(damage, gaps, sampling_rate=scan.sampling_rate)
    if "dropouts" in damage.kinds and scan.subtype in FLOAT_CODECS and not any(map(len, damage.dropouts)):
        warn_at_caller(
            f"{scan.path}: dropouts are found as runs of one value, which {scan.subtype} does not keep: those from "
            "before it was encoded are not found; look for them in a picture, and mark them"
        )
    if not any(map(len, gaps)):
        raise NothingToRepairError(_nothing(scan, request, damage), report)
    silences = [unite(runs) for runs in zip(damage.dropouts, damage.pauses, strict=True)]
    warn_of_unmarked_silence(silences, gaps, sampling_rate=scan.sampling_rate)
    return Examination(scan, request, damage, reasons, check_gaps(scan, gaps), report)


def gaps_in_channels(scan: Scan, seconds: Sequence[tuple[float, float]]) -> list[np.ndarray]:
    """Gaps in seconds, of every channel alike: int64 `(gaps, 2)`. Raises `ValueError` on what is none."""
    if not seconds:
        return [unite([]) for _ in range(scan.channels)]
    extent = {"num_samples": scan.num_samples, "sampling_rate": scan.sampling_rate}
    return [unite([gaps_from_seconds(*zip(*seconds, strict=True), **extent)])] * scan.channels


def _nothing(scan: Scan, request: RepairRequest, damage: Damage) -> str:
    if damage.kinds:
        return f"{scan.path}: found no {' and no '.join(damage.kinds)}, and no other gap is given"
    if request.masks:
        return f"{', '.join(map(str, request.masks))}: nothing is marked as missing (True = missing)"
    return f"{scan.path}: no gap is given, and no kind of damage to look for"
