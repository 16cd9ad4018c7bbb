"""
Repairs taken back: the samples that were there before, to the bit, from the input or from the difference.

A record ([`aidd.repair.record`]) says what every repair has changed. It is not written to: whether a file still holds
a repair, its samples tell. So a file may be reverted step by step, and after a run that was stopped, again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..signals.blocks import BLOCK_SAMPLES, AudioReader, writing_audio
from ..signals.encoding import encode
from ..signals.formats import INTEGER_BITS, LOSSLESS_SUBTYPES
from .difference import DifferenceReader, check_extent
from .digests import audio_digests, samples_sha256
from .record import Repair, RepairRecord


# From a region's present samples, float64 `(channels, samples)`, and its start, to those before the repair. The starts
# rise.
Originals = Callable[[np.ndarray, int], np.ndarray]


def repairs_in(path: str | Path, record: RepairRecord) -> list[Repair]:
    """
    The repairs of a record that a file still holds; the others were reverted.

    Args:
        path: the repaired recording.
        record: of its repair.

    Raises:
        ValueError: a file that is not the record's output with some of its repairs, none or all: another rate, length
            or number of channels, or samples that are neither those that were written nor those before; and as
            [`~aidd.signals.files.read_audio`].
    """
    with AudioReader(path) as reader:
        check_extent(path, reader, "the record", record)
        held = []
        for repair in record.repairs:
            digest = samples_sha256(reader.read(repair.start, repair.stop)[repair.channels])
            if digest not in (repair.before_sha256, repair.after_sha256):
                raise ValueError(
                    f"{path}: expected the samples of repair {repair.number}, from {repair.start_seconds:.3f} s, as "
                    "they were written or as they were before, got others"
                )
            # A filling may be what was there.
            if digest != repair.before_sha256:
                held.append(repair)
    if audio_digests(path, record.gaps).intact != record.output.intact_sha256:
        raise ValueError(f"{path}: expected the samples outside the repairs to be those of the record, got others")
    return held


def revert_repairs(
    path: str | Path,
    record: RepairRecord,
    repairs: Iterable[Repair],
    *,
    source: str | Path | None = None,
    difference: str | Path | None = None,
) -> None:
    """
    Puts back what was there before some repairs. All other samples stay, tags and chunks too, and the file is replaced
    once it is written.

    ```python
    record = read_record("record.json")
    doubtful = [repair for repair in repairs_in("restored.wav", record) if repair.confidence < 0.5]
    revert_repairs("restored.wav", record, doubtful, source="damaged.wav")
    ```

    Args:
        path: the repaired recording, which is rewritten.
        record: of its repair.
        repairs: which of the record's to take back. One that is not in the file any more makes no difference.
        source, difference: where the samples come from, one of the two: the recording before the repair, or the file
            of [`~aidd.repair.difference.write_difference`].

    Raises:
        ValueError: both or neither of the two, a file that [`repairs_in`] refuses, one whose encoding is lossy or
            cannot hold the samples as they were, a source or difference of another recording, or one whose samples of
            a repair are not those of the record. The file is as it was then.
    """
    held = {repair.number for repair in repairs_in(path, record)}
    chosen = sorted((one for one in repairs if one.number in held), key=lambda one: one.number)
    with AudioReader(path) as reader:
        encoding = {"subtype": reader.subtype, "format": reader.format}
    if encoding["subtype"] not in LOSSLESS_SUBTYPES:
        raise ValueError(f"{path}: {encoding['subtype']} is lossy, so no sample could be put back to the bit")
    with reading_originals(record, source, difference) as originals, AudioReader(path) as reader:
        for repair in chosen:
            samples = originals(reader.read(repair.start, repair.stop), repair.start)[repair.channels]
            if samples_sha256(samples) != repair.before_sha256:
                raise ValueError(
                    f"{source or difference}: expected the samples before repair {repair.number}, from "
                    f"{repair.start_seconds:.3f} s, to be those of the record, got others"
                )
            if not holds(encoding["subtype"], samples):
                raise ValueError(
                    f"{path}: {encoding['subtype']} cannot hold the samples before repair {repair.number} as they were"
                )
    with (
        reading_originals(record, source, difference) as originals,
        AudioReader(path) as reader,
        # What the repair has replaced may have been no number.
        writing_audio(
            [path],
            sampling_rate=record.sampling_rate,
            channels=record.channels,
            like=path,
            needs_finite=False,
            **encoding,
        ) as (writer,),
    ):
        for start in range(0, record.num_samples, BLOCK_SAMPLES):
            block = reader.read(start, start + BLOCK_SAMPLES)
            here = [one for one in chosen if one.start < start + BLOCK_SAMPLES and one.stop > start]
            writer.write(_patched(block, start, here, originals) if here else block)


def holds(subtype: str, samples: np.ndarray) -> bool:
    """Whether a lossless encoding keeps samples, float64 of any shape, to the bit."""
    encoded = encode(samples, subtype)
    if encoded is None:
        return False
    decoded = encoded / 2**31 if subtype in INTEGER_BITS else encoded.astype(np.float64)
    return np.array_equal(decoded.view(np.uint64), samples.view(np.uint64))


def _patched(block: np.ndarray, start: int, repairs: Sequence[Repair], originals: Originals) -> np.ndarray:
    before = originals(block, start)
    patched = block.copy()
    for repair in repairs:
        inside = slice(max(repair.start - start, 0), repair.stop - start)
        patched[repair.channels, inside] = before[repair.channels, inside]
    return patched


@contextmanager
def reading_originals(
    record: RepairRecord, source: str | Path | None, difference: str | Path | None
) -> Iterator[Originals]:
    """
    What a record's output held before the repair.

    Args:
        record: of the repair.
        source, difference: as of [`revert_repairs`].

    Yields:
        A function that gives it from what the output holds, region by region; their starts rise.

    Raises:
        ValueError: both or neither of the two, or a file of another rate, number of channels or length.
    """
    reader: AudioReader | DifferenceReader
    if difference is not None and source is None:
        path, reader = difference, DifferenceReader(difference)
    elif source is not None and difference is None:
        path, reader = source, AudioReader(source)
    else:
        raise ValueError("expected the recording before the repair or the difference, one of the two")
    with reader:
        check_extent(path, reader, "the record", record)
        if isinstance(reader, DifferenceReader):
            yield reader.before
        else:
            yield lambda present, start: reader.read(start, start + present.shape[-1])
