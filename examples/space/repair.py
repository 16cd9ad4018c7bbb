"""What the Space does with recordings, without a page: gaps are marked and found, and filled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from gaps import Line, gaps_of_lines, parse_boxes, parse_gaps

from aidd import RepairReport, RepairRequest, repair_file
from aidd.repair.damage import Damage, UnmarkedSilenceWarning, find_damage
from aidd.repair.methods import ROWS, default_pipeline
from aidd.repair.recipe import NothingToRepairError
from aidd.repair.regions import Region
from aidd.repair.report import count, extent
from aidd.repair.request import RequestError
from aidd.repair.scan import Scan, scan_audio
from aidd.signals.blocks import AudioReader
from aidd.signals.files import write_audio
from aidd.signals.formats import SubtypeError, suffix_for
from aidd.signals.samples import sample_recordings
from aidd.signals.warning import collecting_warnings


if TYPE_CHECKING:
    from aidd import AIDDPipeline

# What the page takes: a repair reads a recording as often as it has to.
MAX_SECONDS, MAX_CHANNELS = 30 * 60, 8
# What takes less was loaded before.
LOADED_BEFORE_SECONDS = 0.05
EXAMPLE_SECONDS = 12
EXAMPLE_GAP = (3.2, 3.5)
ENCODINGS = ("as the recording", "WAV, 32-bit float")


@dataclass(frozen=True)
class Recording:
    """
    A recording that a visitor works on.

    Args:
        scan: scan of its file.
        damage: what was found of the kinds that were looked for, and dropouts in any case.
    """

    scan: Scan
    damage: Damage

    @property
    def seconds(self) -> float:
        """Length of the recording in seconds."""
        return self.scan.num_samples / self.scan.sampling_rate


def write_examples(folder: Path) -> dict[str, Path]:
    """Writes the beginnings of the package's recordings, the first with a dropout too. Returns the files by names."""
    files: dict[str, Path] = {}
    for path in sample_recordings().values():
        scan = scan_audio(path)
        rate, samples = scan.sampling_rate, read(path, 0, EXAMPLE_SECONDS * scan.sampling_rate)
        name = path.stem.replace("_", " ").capitalize()
        versions = {name: samples}
        if not files:
            damaged = samples.copy()
            damaged[:, round(EXAMPLE_GAP[0] * rate) : round(EXAMPLE_GAP[1] * rate)] = 0
            versions = {f"{name}, with a dropout": damaged} | versions
        for version, audio in versions.items():
            files[version] = folder / f"{version.lower().replace(',', '').replace(' ', '_')}.flac"
            write_audio(files[version], audio, sampling_rate=rate, subtype=scan.subtype)
    return files


def read(path: Path, start: int, stop: int) -> np.ndarray:
    """Samples of a file, float64 `(channels, samples)`, with zeros for those that are not finite."""
    with AudioReader(path) as reader:
        return np.nan_to_num(reader.read(start, stop), nan=0.0, posinf=0.0, neginf=0.0)


def open_recording(path: str) -> Recording:
    """Reads a file. Raises `ValueError` if it is no audio file, or holds more than the page takes."""
    with AudioReader(path) as reader:
        seconds, channels = reader.num_samples / reader.sampling_rate, reader.channels
    if seconds > MAX_SECONDS or channels > MAX_CHANNELS:
        raise ValueError(
            f"{path}: this page takes up to {MAX_SECONDS / 60:g} minutes and {MAX_CHANNELS} channels, got "
            f"{seconds / 60:.1f} minutes and {channels}; aidd on your own machine takes any"
        )
    scan = scan_audio(path)
    return Recording(scan, find_damage(scan, []))


def find(recording: Recording, kinds: list[str]) -> Recording:
    """Looks for these kinds of damage, and no other. Raises `ValueError` on samples that are not finite."""
    return Recording(recording.scan, find_damage(recording.scan, kinds))


def describe(recording: Recording) -> str:
    """Name, length and encoding of a recording, and the damage that was found, in words."""
    scan = recording.scan
    channels = {1: "mono", 2: "stereo"}.get(scan.channels, f"{scan.channels} channels")
    kept = f"{scan.sampling_rate} Hz, {channels}, {scan.format} {scan.subtype}"
    found = [
        f"{kind.capitalize()}: {extent(gaps, scan.sampling_rate, 'found')}"
        for kind, gaps in recording.damage.found.items()
    ]
    return f"{'. '.join([f'{scan.path.name}: {recording.seconds:.2f} s, {kept}', *found])}."


def damage_of(lines: list[Line], recording: Recording) -> Damage:
    """
    Damage of the lines that were found, or are in one channel. All but clipping, whose filling is bounded, goes by
    the name of clicks: what repairs them is chosen by their lengths.
    """
    scan, found = recording.scan, recording.damage
    clipping = gaps_of_lines([line for line in lines if line.kind == "clipping"], scan)
    others = gaps_of_lines([line for line in lines if line.kind != "clipping" and (line.kind or line.channel)], scan)
    kinds = {"clicks": others, "clipping": clipping}
    return replace(found, kinds=tuple(kind for kind, gaps in kinds.items() if any(map(len, gaps))), **kinds)


def repair(
    recording: Recording,
    marked: str,
    folder: Path,
    request: RepairRequest,
    *,
    as_float: bool = False,
    progress: Callable[[list[Region]], Iterable[Region]] = iter,
) -> tuple[RepairReport, list[str]]:
    """
    Fills gaps, and writes the variations to a folder.

    Args:
        recording: the recording.
        marked: gaps as lines, see [`~gaps.parse_gaps`].
        folder: where to write.
        request: how gaps are filled. The gaps are the recording's.
        as_float: whether to write WAV files of 32-bit floats, instead of files encoded as the recording is.
        progress: as of [`~aidd.repair.recipe.repair_file`].

    Returns:
        The report, and what the page says of the repair, in sentences.

    Raises:
        ValueError: no gaps, or what [`~aidd.repair.recipe.repair_file`] raises.
    """
    scan, lines = recording.scan, parse_gaps(marked)
    damage = damage_of(lines, recording)
    request = replace(
        request,
        gaps=[(line.start, line.end) for line in lines if line.kind is None and line.channel is None],
        detect=damage.kinds,
        subtype="FLOAT" if as_float else None,
    )
    suffix = ".wav" if as_float else suffix_for(scan.format, scan.path.suffix)
    with collecting_warnings() as messages:
        try:
            report = repair_file(
                scan,
                folder / f"{scan.path.stem}-repaired{suffix}",
                request,
                damage=damage,
                progress=progress,
            )
        except NothingToRepairError as error:
            raise ValueError(
                "nothing is marked as a gap: drag over it on the waveform, click where it begins and where it ends, "
                "write its start and end in seconds, or find damage"
            ) from error
    return report, [f"{extent(report.gaps, report.sampling_rate, 'filled')}.", *map(sentence, messages)]


def repair_boxes(
    recording: Recording, text: str, folder: Path, request: RepairRequest, *, as_float: bool = False
) -> tuple[RepairReport, list[str]]:
    """
    Fills boxes, and writes the result to a folder.

    Args:
        recording: the recording.
        text: boxes as lines, see [`~gaps.parse_boxes`].
        folder: where to write.
        request: how boxes are filled. The boxes are the recording's.
        as_float: whether to write a WAV file of 32-bit floats, instead of one encoded as the recording is.

    Returns:
        The report, and what the page says of the repair, in sentences.

    Raises:
        ValueError: no boxes, or what [`~aidd.repair.recipe.repair_file`] raises.
    """
    scan, boxes = recording.scan, parse_boxes(text)
    if not boxes:
        raise ValueError("no box is drawn: drag a rectangle on the spectrogram, or write its frequencies and seconds")
    request = replace(request, boxes=boxes, subtype="FLOAT" if as_float else None)
    suffix = ".wav" if as_float else suffix_for(scan.format, scan.path.suffix)
    with collecting_warnings() as messages:
        report = repair_file(scan, folder / f"{scan.path.stem}-repaired{suffix}", request)
    return report, [f"{count(len(boxes), 'box')} filled, {report.fillers()}.", *map(sentence, messages)]


def has_model(method: str) -> bool:
    """Whether a method for gaps or boxes has a model."""
    return method in ROWS and ROWS[method].has_model


def times(loading_seconds: float, seconds: float) -> str:
    """How long the work took, in words; a model that was loaded before takes no time."""
    loaded = f"The model was loaded in {loading_seconds:.1f} s. " if loading_seconds >= LOADED_BEFORE_SECONDS else ""
    return f"{loaded}The filling took {seconds:.1f} s."


def request_for(
    method: str, seed: int | None, num_variations: int, pipeline: AIDDPipeline | None = None
) -> RepairRequest:
    """
    How gaps are filled, with models that stay loaded: loading them is all that takes time here.

    Args:
        method: name of a method of `aidd.METHODS`, or of one for boxes.
        seed: same seed, same audio; None draws anew.
        num_variations: number of results, above 1 for methods with a model alone.
        pipeline: the pipeline of the methods `aidd` and `auto`. Default: that of the package.
    """
    model = None
    if has_model(method):
        given = pipeline is not None and type(pipeline).__name__ == ROWS[method].pipeline_class
        model = pipeline if given else default_pipeline(method)
        if torch.cuda.is_available():
            model.to("cuda")
    return RepairRequest(method=method, model=model, seed=seed, num_variations=num_variations)


def sentence(message: Exception) -> str:
    """An error or a warning of the package as a sentence on the page: files without folders, and what helps here."""
    text = str(message)
    if isinstance(message, SubtypeError) and "FLOAT" in message.choices:
        text = f'{message.problem}; choose "{ENCODINGS[1]}"'
    if isinstance(message, RequestError):
        text = f"{message.field.removeprefix('num_')} {message.problem}"
    if isinstance(message, UnmarkedSilenceWarning):
        text += ", or find dropouts"
    words = [word.rpartition("/")[2] if word.startswith("/") else word for word in text.split(" ")]
    shown = " ".join(words).removesuffix(".") + "."
    # A file's name stays as it is.
    return shown if text.startswith("/") else shown[0].upper() + shown[1:]
