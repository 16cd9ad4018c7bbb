"""The page of an audit: the riskiest repairs first, each before and after, to accept or to reject."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from ..evaluation.reports.page import script_json
from ..repair.record import Repair, RepairRecord
from ..repair.revert import reading_originals, repairs_in
from ..signals.blocks import AudioReader
from ..signals.replacing import replacing
from .clips import AROUND_SECONDS, Clip, data_uri, heard, spectrograms, wav_bytes, waveform_path


def riskiest(repairs: Iterable[Repair], most: int | None = None, below: float | None = None) -> list[Repair]:
    """
    Repairs by rising confidence, longer ones first where it is the same.

    Args:
        repairs: to be ordered.
        most: how many at most.
        below: confidence that all of them are below.
    """
    ordered = sorted(repairs, key=lambda one: (one.confidence, -one.seconds, one.number))
    return [one for one in ordered if below is None or one.confidence < below][:most]


def write_audit(
    path: str | Path,
    output: str | Path,
    record: RepairRecord,
    repairs: Sequence[Repair],
    *,
    command: str,
    source: str | Path | None = None,
    difference: str | Path | None = None,
    progress: Callable[[list[Repair]], Iterable[Repair]] = iter,
) -> None:
    """
    Writes a page that holds all that it shows: it needs no server, no network, and none of the recordings.

    Args:
        path: HTML file to write. An existing one is replaced once the page is ready.
        output: the repaired recording.
        record: of its repair.
        repairs: of the record, at least one, in the order of the page.
        command: what takes repairs of the recording back, in front of their numbers, for the page to show.
        source, difference: where what was there before comes from, as of [`~aidd.repair.revert.revert_repairs`].
        progress: what the repairs are passed through as they are read, such as `tqdm`.

    Raises:
        ValueError: no repair, one that the recording does not hold, and as [`~aidd.repair.revert.repairs_in`].
        ImportError: no matplotlib.
    """
    held = {repair.number for repair in repairs_in(output, record)}
    if not repairs or not {repair.number for repair in repairs} <= held:
        raise ValueError(
            f"{output}: expected repairs that it holds, at least one, got {[one.number for one in repairs]}"
        )
    # Files are read from their starts to their ends.
    in_time = sorted(repairs, key=lambda one: one.number)
    blocks = {}
    with reading_originals(record, source, difference) as originals, AudioReader(output) as reader:
        for repair in progress(in_time):
            blocks[repair.number] = _block(repair, clip_of(repair, record, reader, originals), record)
    page = _filled(
        "audit",
        title=escape(f"Repairs of {Path(output).name}"),
        facts=escape(_facts(record, output, len(repairs), len(held))),
        blocks="".join(blocks[repair.number] for repair in repairs),
        data=script_json(
            {
                "command": command,
                "output": str(output),
                "audio_sha256": record.output.audio_sha256,
                "numbers": [repair.number for repair in repairs],
            }
        ),
    )
    with replacing(Path(path)) as temporary:
        temporary.write_text(page, encoding="utf-8")


def clip_of(
    repair: Repair,
    record: RepairRecord,
    reader: AudioReader,
    originals: Callable[[np.ndarray, int], np.ndarray],
) -> Clip:
    """
    Reads what is heard of a repair.

    Args:
        repair: to be shown.
        record: that it is from.
        reader: of the repaired recording.
        originals: what was there before, see [`~aidd.repair.revert.reading_originals`].
    """
    rate = record.sampling_rate
    around = round(AROUND_SECONDS * rate)
    start, stop = max(repair.start - around, 0), min(repair.stop + around, record.num_samples)
    after = reader.read(start, stop)
    before = originals(after, start)
    return Clip(
        before=heard(before, repair.channels),
        after=heard(after, repair.channels),
        first_second=start / rate,
        gap=((repair.start - start) / rate, (repair.stop - start) / rate),
        sampling_rate=rate,
    )


def _block(repair: Repair, clip: Clip, record: RepairRecord) -> str:
    peak = max(np.abs(clip.before).max(), np.abs(clip.after).max()) or 1.0
    left, width = (100 * value / clip.seconds for value in (clip.gap[0], clip.gap[1] - clip.gap[0]))
    takes = "".join(
        _filled(
            "take",
            name=name,
            number=str(repair.number),
            image=data_uri(picture, "image/png"),
            audio=data_uri(wav_bytes(clip.gain * audio, clip.sampling_rate), "audio/wav"),
            waveform=waveform_path(audio, peak),
            left=f"{left:.3f}",
            width=f"{width:.3f}",
        )
        for name, audio, picture in zip(
            ("before", "after"), (clip.before, clip.after), spectrograms(clip), strict=True
        )
    )
    return _filled(
        "repair",
        number=str(repair.number),
        title=escape(f"{clock(repair.start_seconds)}, {1000 * repair.seconds:.4g} ms"),
        confidence=f"{repair.confidence:.2f}",
        facts=escape(
            facts_of(repair, record) + ("" if clip.gain == 1 else "; played softer, as it exceeds full scale")
        ),
        takes=takes,
    )


def facts_of(repair: Repair, record: RepairRecord) -> str:
    """What the record has of a repair, in words."""
    channels = (
        "all channels"
        if len(repair.channels) == record.channels
        else "channel " + ", ".join(str(channel + 1) for channel in repair.channels)
    )
    parts = [f"filled by {repair.method}", f"because: {', '.join(repair.reasons)}", channels]
    parts += [f"{low:g} to {high:g} Hz from {start:.3f} to {end:.3f} s" for low, high, start, end in repair.boxes]
    if repair.boxes:
        parts.append(f"{100 * repair.predicted_share:.0f} % of the power is at other frequencies")
    else:
        parts.append(f"{100 * repair.predicted_share:.0f} % predicted by the edges")
    if repair.edge_distance_db is not None:
        parts.append(f"{repair.edge_distance_db:.1f} dB from what they predict")
    parts.append(f"level step {repair.level_step_db:.1f} dB")
    if repair.disagreement_db is not None:
        parts.append(f"{repair.disagreement_db:.1f} dB from the other variations")
    if repair.other_frequencies_db is not None:
        parts.append(f"other frequencies changed {-repair.other_frequencies_db:.1f} dB below themselves")
    return "; ".join(parts)


def clock(seconds: float) -> str:
    """A time of a recording, such as 1:02.500."""
    minutes, rest = divmod(round(1000 * seconds), 60_000)
    return f"{minutes}:{rest // 1000:02d}.{rest % 1000:03d}"


def _facts(record: RepairRecord, output: str | Path, num_shown: int, num_held: int) -> str:
    shown = f"all {num_held} repairs" if num_shown == num_held else f"the {num_shown} riskiest of {num_held} repairs"
    return f"{output}: {shown}, the riskiest first; before them it was {record.input.path}"


def _filled(template: str, **values: str) -> str:
    text = (files(__package__) / "templates" / f"{template}.html").read_text(encoding="utf-8")
    return Template(text).substitute(values)
