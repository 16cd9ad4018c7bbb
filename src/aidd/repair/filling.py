"""Gaps in audio files filled, however long the files: what is around gaps is read and rewritten, the rest copied."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..masks.gaps import mask_of, num_missing, num_shared, touching, unite
from ..signals.blocks import BLOCK_SAMPLES, AudioReader, writing_audio
from ..signals.formats import LOSSLESS_SUBTYPES
from ..splice.contract import MaskWarning, check_share, read, write_back
from .regions import Locality, Region, plan_regions
from .scan import Survey, survey_audio


if TYPE_CHECKING:
    from torch import Generator


def inpaint_file(
    source: str | Path | Survey,
    outputs: Sequence[str | Path],
    gaps: Sequence[np.ndarray],
    method: Callable[..., np.ndarray],
    *,
    locality: Locality,
    generator: Generator | None = None,
    subtype: str | None = None,
    format: str | None = None,
    block_samples: int = BLOCK_SAMPLES,
    progress: Callable[[list[Region]], Iterable[Region]] = iter,
) -> None:
    """
    Fills the gaps of an audio file. Samples outside the gaps are those of the source, to the bit where the subtype is
    lossless and no narrower. In memory there are never more than some blocks and one region: gaps with what the method
    reads beside them ([`~aidd.repair.regions.plan_regions`]).

    For methods that draw nothing, the result is what they give of the whole recording; of those that do, each region
    takes its draws after the one before it. Same seed, same audio. AIDD tells which channels are of inverted polarity
    within each region.

    ```python
    survey = survey_audio("damaged.wav")
    gaps = gaps_from_seconds(3.2, 3.95, num_samples=survey.num_samples, sampling_rate=survey.sampling_rate)
    locality = locality_of("janssen", sampling_rate=survey.sampling_rate)
    inpaint_file(survey, ["restored.wav"], [gaps] * survey.channels, METHODS["janssen"], locality=locality)
    ```

    Args:
        source: an audio file, or what [`~aidd.repair.scan.survey_audio`] tells of it, which spares a pass over it.
        outputs: files to write, one, or one for each variation that the method returns. All of them are renamed to
            their places once all are written.
        gaps: of every channel, int64 `(gaps, 2)`: starts and exclusive ends in samples, in any order.
        method: as of `aidd.METHODS`, called as `method(audio, mask, sampling_rate=..., generator=...)` on regions,
            float64 and bool `(channels, samples)`. It returns audio `(channels, samples)`, or
            `(variations, channels, samples)` where there are several outputs.
        locality: of the method, see [`~aidd.repair.regions.locality_of`] and
            [`~aidd.repair.regions.locality_of_pipeline`].
        generator: given to the method.
        subtype, format: of the outputs, in libsndfile's terms. Default: the source's.
        block_samples: samples of a channel that are copied at a time.
        progress: what the regions are passed through as they are filled, such as `tqdm`.

    Raises:
        ValueError: gaps of another number of channels or outside the recording, a channel that is missing whole,
            samples that are not finite outside the gaps, and as the method, [`~aidd.signals.files.read_audio`] and
            [`~aidd.signals.files.write_audio`]. Nothing is written then.

    Warns:
        UserWarning: nothing is missing, more than half of a channel is, variations are all the same, or a lossy
            subtype.
    """
    survey = source if isinstance(source, Survey) else survey_audio(source)
    gaps = check_gaps(survey, gaps)
    subtype, format = subtype or survey.subtype, format or survey.format
    with (
        AudioReader(survey.path) as reader,
        writing_audio(
            outputs,
            sampling_rate=survey.sampling_rate,
            subtype=subtype,
            channels=survey.channels,
            format=format,
        ) as writers,
    ):

        def copy(start: int, stop: int) -> None:
            for first in range(start, stop, block_samples):
                block = reader.read(first, min(first + block_samples, stop))
                for writer in writers:
                    writer.write(block)

        done, alike = 0, True
        for region in progress(plan_regions(unite(gaps), survey.num_samples, locality)):
            copy(done, region.start)
            audio = reader.read(region.start, region.stop)
            mask = np.stack([mask_of(of_channel, region.start, region.stop) for of_channel in gaps])
            try:
                filled = _fill(method, audio, mask, survey.sampling_rate, generator, len(writers))
            except ValueError as error:
                seconds = (region.start + np.flatnonzero(mask.any(0))) / survey.sampling_rate
                place = f"{survey.path}, from {seconds[0]:.3f} to {seconds[-1]:.3f} s"
                raise ValueError(f"{place}: {error}") from error
            for writer, variation in zip(writers, filled, strict=True):
                writer.write(variation[:, : region.fill_stop - region.start])
            alike &= bool((filled == filled[0]).all())
            done = region.fill_stop
        copy(done, survey.num_samples)
        if len(writers) > 1 and alike:
            warnings.warn(
                "the variations are all the same: gaps this short are filled by the continuation of their edges alone",
                stacklevel=2,
            )
    if subtype not in LOSSLESS_SUBTYPES:
        warnings.warn(f"{subtype} is lossy: encoding has changed samples outside the gaps too", stacklevel=2)


def check_gaps(survey: Survey, gaps: Sequence[np.ndarray]) -> list[np.ndarray]:
    """
    What [`~aidd.splice.contract.prepare`] checks in memory, of a file: the gaps of every channel in order, or
    `ValueError`, and warnings, as of [`inpaint_file`].
    """
    if len(gaps) != survey.channels:
        raise ValueError(f"{survey.path}: expected gaps of each of {survey.channels} channels, got {len(gaps)}")
    gaps = [unite([of_channel]) for of_channel in gaps]
    outside = [gap for of_channel in gaps for gap in of_channel.tolist() if gap[0] < 0 or gap[1] > survey.num_samples]
    if outside:
        raise ValueError(f"{survey.path}: expected gaps within its {survey.num_samples} samples, got {outside[0]}")
    num_broken = survey.num_broken - sum(map(num_shared, survey.broken, gaps))
    if num_broken:
        first = next(
            (channel, place)
            for channel, (broken, missing) in enumerate(zip(survey.broken, gaps, strict=True))
            if (place := _first_outside(broken, missing)) is not None
        )
        raise ValueError(
            f"audio holds {num_broken} samples that are not finite and not marked as missing, "
            f"the first at index {first}"
        )
    check_share(max(num_missing(of_channel) for of_channel in gaps) / survey.num_samples)
    return gaps


def _first_outside(broken: np.ndarray, missing: np.ndarray) -> int | None:
    """First sample that is broken but not missing; both `(gaps, 2)`."""
    for start, end in broken.tolist():
        for gap_start, gap_end in touching(missing, start, end).tolist():
            if gap_start <= start:
                start = gap_end
        if start < end:
            return start
    return None


def _fill(
    method: Callable[..., np.ndarray],
    audio: np.ndarray,
    mask: np.ndarray,
    sampling_rate: int,
    generator: Generator | None,
    num_variations: int,
) -> np.ndarray:
    """A region filled: float64 `(variations, channels, samples)`, equal to the audio outside the mask."""
    prepared = read(audio, mask)
    with warnings.catch_warnings():
        # The whole recording was checked; where gaps stand close, a region is mostly gap.
        warnings.simplefilter("ignore", MaskWarning)
        filled = method(audio, mask, sampling_rate=sampling_rate, generator=generator)
    expected = (num_variations, *audio.shape) if num_variations > 1 else audio.shape
    if filled.shape != expected:
        raise ValueError(f"expected the method to return audio of shape {expected}, got {filled.shape}")
    return write_back(prepared, filled.reshape(num_variations, 1, *audio.shape))
