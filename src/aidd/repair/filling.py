"""Gaps filled as planned, in arrays and in files of any length: regions around gaps are rewritten, the rest copied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..masks.gaps import find_gaps, num_missing, unite
from ..signals.blocks import BLOCK_SAMPLES, AudioReader, writing_audio
from ..signals.formats import format_for
from ..signals.warning import passing_over, warn_at_caller
from ..splice.contract import ContractError, MaskWarning, check_share, read, write_back
from ..splice.filling import splice_short_gaps
from .encoded import HeldFillings, check_range, warn_of_loss
from .methods import method_of
from .plan import CONTINUATION, RepairPlan
from .regions import Reach, Region, plan_regions, reach_of
from .scan import Scan, scan_audio


if TYPE_CHECKING:
    from torch import Generator

# From a region's audio, float64 `(channels, samples)`, and what each filler fills in it, bool arrays of the same shape
# by the fillers' names, to the region filled: `(channels, samples)`, or `(variations, channels, samples)`.
FillRegion = Callable[[np.ndarray, dict[str, np.ndarray]], np.ndarray]


def unobserved(*_: object) -> None:
    """What is called where nobody watches."""


def fill_as_planned(
    signals: np.ndarray,
    masks: dict[str, np.ndarray],
    *,
    method: Callable[..., np.ndarray],
    sampling_rate: int,
    generator: Generator | None = None,
    observe: Callable[[str, np.ndarray], None] = unobserved,
) -> np.ndarray:
    """
    Fills gaps in memory, each by the filler that the plan names. Every filler takes what those before it have filled
    as intact, and knows nothing of the gaps of those after it.

    Args:
        signals: float64 `(..., channels, samples)`. Values under the masks are not read.
        masks: what each filler fills, bool `(..., channels, samples)`, in the order in which they fill
            ([`~aidd.repair.plan.RepairPlan.masks`]). The masks are disjoint. Channels that are known around a
            gap are read together: `u_phain` takes one estimate of the frequencies from all of them.
        method: what fills the gaps of the last filler. It may return several variations in front of the other axes,
            and is not called if there are no such gaps.
        sampling_rate: Hz.
        generator: source of the method's draws.
        observe: called with a filler's name and mask when it has filled what the mask marks.

    Returns:
        A new array: the signals, with a leading axis of variations if the method returned one.
    """
    fill = {
        filler: partial(_continue_edges, sampling_rate=sampling_rate)
        if filler == CONTINUATION
        else partial(method_of(filler), sampling_rate=sampling_rate, generator=generator)
        for filler in list(masks)[:-1]
    }
    filled = signals.copy()
    missing = np.any(list(masks.values()), axis=0)
    *others, last = masks
    # The whole recording was checked; where gaps stand close, a part of it is mostly gap.
    with passing_over(MaskWarning):
        for filler in others:
            # Nothing is known yet of the gaps of later fillers.
            missing = missing & ~masks[filler]
            reach = reach_of("autoregressive" if filler == CONTINUATION else filler, sampling_rate=sampling_rate)
            for item in np.ndindex(missing.shape[:-2]):
                for channels, samples in _readable_parts(masks[filler][item], missing[item], reach):
                    mask = masks[filler][item][channels, samples]
                    if mask.any():
                        filled[item][channels, samples] = fill[filler](filled[item][channels, samples], mask)
            observe(filler, masks[filler])
        if masks[last].any():
            filled = method(filled, masks[last], sampling_rate=sampling_rate, generator=generator)
            observe(last, masks[last])
    return filled


def _readable_parts(fills: np.ndarray, unknown: np.ndarray, reach: Reach) -> Iterator[tuple[np.ndarray, slice]]:
    """
    What a filler reads, as channels and samples: around each of its gaps all channels in which nothing is unknown, at
    once, and of each other channel what lies between the unknown. No further than it reaches, lest it depend on what
    lies far off which channels are read together.
    """
    for region in plan_regions(find_gaps(np.any(fills, axis=0)), fills.shape[1], reach):
        partly_unknown = unknown[:, region.start : region.stop].any(1)
        yield np.flatnonzero(~partly_unknown), slice(region.start, region.stop)
        for channel in np.flatnonzero(partly_unknown).tolist():
            for start, stop in (region.start + find_gaps(~unknown[channel, region.start : region.stop])).tolist():
                yield np.array([channel]), slice(start, stop)


def _continue_edges(channels: np.ndarray, mask: np.ndarray, *, sampling_rate: int) -> np.ndarray:
    """All gaps of channels, float64 and bool `(channels, samples)`, filled by the continuation of their edges."""
    filled, _ = splice_short_gaps(
        channels, mask, sampling_rate=sampling_rate, longest_seconds=channels.shape[-1] / sampling_rate
    )
    return filled


def inpaint_file(
    source: str | Path | Scan,
    outputs: Sequence[str | Path],
    gaps: Sequence[np.ndarray],
    method: Callable[..., np.ndarray],
    *,
    reach: Reach,
    generator: Generator | None = None,
    subtype: str | None = None,
    format: str | None = None,
    block_samples: int = BLOCK_SAMPLES,
    progress: Callable[[list[Region]], Iterable[Region]] = iter,
) -> None:
    """
    Fills the gaps of an audio file by one method ([`~aidd.repair.recipe.repair_file`] finds and fills gaps in one
    call). Samples outside the gaps are those of the source, to the bit where the subtype is lossless and no narrower.
    In memory there are never more than some blocks and one region: gaps with what the method reads around them
    ([`~aidd.repair.regions.plan_regions`]).

    For methods that draw nothing, the result is what they give for the whole recording; for those that do, each region
    takes its draws after the one before it. Same seed, same audio. AIDD decides within each region which channels are
    of inverted polarity.

    ```python
    scan = scan_audio("damaged.wav")
    gaps = gaps_from_seconds(3.2, 3.95, num_samples=scan.num_samples, sampling_rate=scan.sampling_rate)
    reach = reach_of("janssen", sampling_rate=scan.sampling_rate)
    inpaint_file(scan, ["restored.wav"], [gaps] * scan.channels, METHODS["janssen"], reach=reach)
    ```

    Args:
        source: an audio file, or its scan ([`~aidd.repair.scan.scan_audio`]), which spares a pass over it.
        outputs: files to write, one, or one for each variation that the method returns. All of them are renamed to
            their places once all are written.
        gaps: gaps of every channel, int64 `(gaps, 2)`: starts and exclusive ends in samples, in any order.
        method: a function like those of `aidd.METHODS`, called as `method(audio, mask, sampling_rate=...,
            generator=...)` on regions, float64 and bool `(channels, samples)`. It returns audio `(channels, samples)`,
            or `(variations, channels, samples)` where there are several outputs.
        reach: how much the method reads around a gap, see [`~aidd.repair.regions.reach_of`].
        generator: source of the method's draws.
        subtype, format: encoding of the outputs, in libsndfile's terms. Default: the source's.
        block_samples: samples of a channel that are copied at a time.
        progress: what the regions are passed through as they are filled, such as `tqdm`.

    Raises:
        ValueError: gaps of another number of channels or outside the recording, a channel that is missing whole,
            samples that are not finite outside the gaps, a method that changes samples outside the gaps, leaves
            samples in them that are not finite or returns another shape, and as the method,
            [`~aidd.signals.files.read_audio`] and [`~aidd.signals.files.write_audio`]. Nothing is written then.

    Warns:
        UserWarning: nothing is missing, more than half of a channel is, variations are all the same, or a lossy
            subtype.
    """
    scan = source if isinstance(source, Scan) else scan_audio(source)
    gaps = check_gaps(scan, gaps)
    plan = RepairPlan(("method",), gaps, [["method"] * len(channel_gaps) for channel_gaps in gaps])
    subtype = subtype or scan.subtype
    format = format_for(
        outputs[0], format or scan.format, subtype, channels=scan.channels, num_samples=scan.num_samples
    )
    check_range(scan, outputs[0], gaps, format=format, subtype=subtype)
    fill = HeldFillings(
        partial(fill_as_planned, method=method, sampling_rate=scan.sampling_rate, generator=generator), scan, subtype
    )
    fill_file(
        scan,
        outputs,
        plan,
        fill,
        reach=reach,
        subtype=subtype,
        format=format,
        block_samples=block_samples,
        progress=progress,
    )
    fill.warn(outputs[0])


def fill_file(
    scan: Scan,
    outputs: Sequence[str | Path],
    plan: RepairPlan,
    fill: FillRegion,
    *,
    reach: Reach,
    subtype: str,
    format: str,
    block_samples: int = BLOCK_SAMPLES,
    progress: Callable[[list[Region]], Iterable[Region]] = iter,
    observe: Callable[[int, np.ndarray, np.ndarray, int], None] = unobserved,
) -> None:
    """
    Fills the gaps of an audio file as planned, region by region.

    Args:
        scan: of the file.
        plan: what fills each gap, with gaps that have passed [`check_gaps`].
        fill: what fills a region, such as [`fill_as_planned`].
        outputs, reach, subtype, format, block_samples, progress: as of [`inpaint_file`].
        observe: called with each region's first sample, its audio `(channels, samples)`, what it has become
            `(variations, channels, samples)`, and the rate in Hz.

    Raises, warns:
        as [`inpaint_file`].
    """
    with (
        AudioReader(scan.path) as reader,
        writing_audio(
            outputs,
            sampling_rate=scan.sampling_rate,
            subtype=subtype,
            channels=scan.channels,
            format=format,
            like=scan.path,
        ) as writers,
    ):

        def copy(start: int, stop: int) -> None:
            for first in range(start, stop, block_samples):
                block = reader.read(first, min(first + block_samples, stop))
                for writer in writers:
                    writer.write(block)

        done, alike = 0, True
        for region in progress(plan_regions(unite(plan.gaps), scan.num_samples, reach)):
            copy(done, region.start)
            audio, masks = reader.read(region.start, region.stop), plan.masks(region.start, region.stop)
            try:
                filled = _fill(fill, audio, masks, len(writers))
            except (ValueError, ContractError) as error:
                missing = np.any(list(masks.values()), axis=(0, 1))
                seconds = (region.start + np.flatnonzero(missing)) / scan.sampling_rate
                place = f"{scan.path}, from {seconds[0]:.3f} to {seconds[-1]:.3f} s"
                raise ValueError(f"{place}: {error}") from error
            for writer, variation in zip(writers, filled, strict=True):
                writer.write(variation[:, : region.fill_stop - region.start])
            observe(region.start, audio, filled, scan.sampling_rate)
            alike &= bool((filled == filled[0]).all())
            done = region.fill_stop
        copy(done, scan.num_samples)
        if len(writers) > 1 and alike:
            warn_at_caller(
                "the variations are all the same: gaps this short are filled from their edges, without the model"
            )
    warn_of_loss(scan, outputs[0], plan.gaps, subtype=subtype)


def check_gaps(scan: Scan, gaps: Sequence[np.ndarray]) -> list[np.ndarray]:
    """
    Checks of a file what [`~aidd.splice.contract.prepare`] checks in memory.

    Returns:
        The gaps of every channel in order, not touching one another, int64 `(gaps, 2)`.

    Raises, warns:
        as [`inpaint_file`].
    """
    if len(gaps) != scan.channels:
        raise ValueError(f"{scan.path}: expected gaps of each of {scan.channels} channels, got {len(gaps)}")
    gaps = [unite([channel_gaps]) for channel_gaps in gaps]
    outside = [gap for gap in np.concatenate(gaps).tolist() if gap[0] < 0 or gap[1] > scan.num_samples]
    if outside:
        raise ValueError(f"{scan.path}: expected gaps within its {scan.num_samples} samples, got {outside[0]}")
    scan.check_finite(gaps)
    check_share(max(num_missing(channel_gaps) for channel_gaps in gaps) / scan.num_samples)
    return gaps


def _fill(fill: FillRegion, audio: np.ndarray, masks: dict[str, np.ndarray], num_variations: int) -> np.ndarray:
    """
    A filled region as `(variations, channels, samples)`.

    Raises:
        ContractError: samples outside the masks have changed, or samples under them are not finite.
        ValueError: what is filled has another shape.
    """
    prepared = read(audio, np.any(list(masks.values()), axis=0))
    filled = fill(audio, masks)
    *_, last = masks.values()
    expected = (num_variations, *audio.shape) if num_variations > 1 and last.any() else audio.shape
    if np.shape(filled) != expected:
        raise ValueError(f"expected the method to return audio of shape {expected}, got {np.shape(filled)}")
    # Gaps that need no model are filled in one way.
    variations = np.broadcast_to(filled, (num_variations, *audio.shape))
    return write_back(prepared, variations[:, None])
