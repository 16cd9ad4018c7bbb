"""What the Space does with recordings, without a page: gaps are marked and found, and filled."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aidd.masks.gaps import num_missing, unite
from aidd.repair.clipping import within_bounds
from aidd.repair.damage import Damage, detect, found_gaps, given_gaps, warn_of_silence_beside
from aidd.repair.filling import inpaint_file
from aidd.repair.methods import default_pipeline
from aidd.repair.plan import needs_pipeline
from aidd.repair.recipe import method_for
from aidd.repair.regions import Region
from aidd.repair.scan import Survey, survey_audio
from aidd.signals.blocks import AudioReader
from aidd.signals.files import write_audio
from aidd.signals.formats import FORMATS
from aidd.signals.samples import sample_recordings


if TYPE_CHECKING:
    from torch import Generator

    from aidd import AIDDPipeline, SpectrogramRePaintPipeline

EXAMPLE_SECONDS = 12
EXAMPLE_GAP = (3.2, 3.5)
ENCODINGS = ("as the recording", "WAV, 32-bit float")


@dataclass(frozen=True)
class Recording:
    """
    Args:
        survey: of its file.
        damage: what was looked for, dropouts in any case.
        found: of the kinds of damage that are to be filled, the gaps of each channel, int64 `(gaps, 2)`.
    """

    survey: Survey
    damage: Damage
    found: dict[str, list[np.ndarray]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.survey.num_samples / self.survey.sampling_rate

    def marked(self, text: str) -> list[np.ndarray]:
        """Of every channel, int64 `(gaps, 2)`: gaps in seconds, see [`parse_gaps`]."""
        return given_gaps(parse_gaps(text), [], self.survey)

    def gaps(self, text: str) -> list[np.ndarray]:
        """Those marked, and those found."""
        return [unite(of_channel) for of_channel in zip(self.marked(text), *self.found.values(), strict=True)]


def write_examples(folder: Path) -> dict[str, Path]:
    """By their names, beginnings of the recordings that come with the package, and the first with a dropout."""
    files: dict[str, Path] = {}
    for path in sample_recordings().values():
        survey = survey_audio(path)
        rate, samples = survey.sampling_rate, read(path, 0, EXAMPLE_SECONDS * survey.sampling_rate)
        name = path.stem.replace("_", " ").capitalize()
        versions = {name: samples}
        if not files:
            damaged = samples.copy()
            damaged[:, round(EXAMPLE_GAP[0] * rate) : round(EXAMPLE_GAP[1] * rate)] = 0
            versions = {f"{name}, with a dropout": damaged} | versions
        for version, audio in versions.items():
            files[version] = folder / f"{version.lower().replace(',', '').replace(' ', '_')}.flac"
            write_audio(files[version], audio, sampling_rate=rate, subtype=survey.subtype)
    return files


def read(path: Path, start: int, stop: int) -> np.ndarray:
    """Samples of a file, float64 `(channels, samples)`, with zeros for those that are not finite."""
    with AudioReader(path) as reader:
        return np.nan_to_num(reader.read(start, stop), nan=0.0, posinf=0.0, neginf=0.0)


def open_recording(path: str) -> Recording:
    """Raises `ValueError` on what is no audio file."""
    survey = survey_audio(path)
    return Recording(survey, detect([], survey))


def find(recording: Recording, kinds: list[str]) -> Recording:
    """With the damage of these kinds as gaps, and no other. Raises `ValueError` on samples that are not finite."""
    damage = detect(kinds, recording.survey)
    return Recording(recording.survey, damage, found_gaps(kinds, damage))


def first_gap(recording: Recording) -> float | None:
    """Where the first gap that was found begins, in seconds."""
    found = unite(gaps for of_kind in recording.found.values() for gaps in of_kind)
    return found[0, 0] / recording.survey.sampling_rate if len(found) else None


def describe(recording: Recording) -> str:
    """Name, length and encoding of a recording, and the damage that was found, in words."""
    survey = recording.survey
    channels = {1: "mono", 2: "stereo"}.get(survey.channels, f"{survey.channels} channels")
    kept = f"{survey.sampling_rate} Hz, {channels}, {survey.format} {survey.subtype}"
    found = [f"{kind.capitalize()}: {extent(gaps, survey, 'found')}" for kind, gaps in recording.found.items()]
    return f"{'. '.join([f'{survey.path.name}: {recording.seconds:.2f} s, {kept}', *found])}."


def extent(gaps: Sequence[np.ndarray], survey: Survey, verb: str) -> str:
    """How many gaps there are, and how long they are together, any channel's."""
    of_any_channel = unite(gaps)
    count = "1 gap" if len(of_any_channel) == 1 else f"{len(of_any_channel)} gaps"
    return f"{count} {verb}, {num_missing(of_any_channel) / survey.sampling_rate:.3f} s in all"


def parse_gaps(text: str) -> list[tuple[float, float]]:
    """Gaps in seconds, a line each. Raises `ValueError` on a line that has not start and end."""
    gaps = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            start, end = map(float, line.split())
        except ValueError as error:
            raise ValueError(
                f"line {number} of the gaps: expected start and end in seconds, such as 3.2 3.5, got {line!r}"
            ) from error
        gaps.append((start, end))
    return gaps


def repair(
    recording: Recording,
    gaps: list[np.ndarray],
    folder: Path,
    *,
    method: str,
    seed: int | None,
    num_variations: int,
    encoding: str,
    pipeline: AIDDPipeline | None = None,
    progress: Callable[[list[Region]], Iterable[Region]] = iter,
) -> tuple[list[Path], list[str]]:
    """
    Fills gaps, int64 `(gaps, 2)` of each channel, and writes the variations to a folder.

    Args:
        recording: that has the gaps.
        gaps: of every channel.
        folder: to write to.
        method: of `aidd.METHODS`.
        seed: same seed, same audio; None draws anew.
        num_variations: more than one where a model fills gaps.
        encoding: of `ENCODINGS`.
        pipeline: of the methods `aidd` and `auto`; that of the package by default.
        progress: as of [`~aidd.repair.filling.inpaint_file`].

    Returns:
        The files, and what is to be said of them: sentences.

    Raises:
        ValueError: no gaps, or what [`~aidd.repair.filling.inpaint_file`] raises.
    """
    began = time.perf_counter()
    survey = recording.survey
    if not any(map(len, gaps)):
        raise ValueError(
            "nothing is marked as a gap: click on the picture where one begins and where it ends, write its start and "
            "end in seconds, or find damage"
        )
    with_model = needs_pipeline(method, gaps, sampling_rate=survey.sampling_rate)
    if num_variations > 1 and not with_model:
        raise ValueError(
            f"these gaps are filled without a model by {method}, which gives one result: ask for 1 variation"
        )
    suffix, subtype, format = _encoding(survey, encoding)
    numbers = range(1, num_variations + 1)
    outputs = [folder / f"{survey.path.stem}-repaired-{number}{suffix}" for number in numbers]
    fill, locality = method_for(
        method,
        sampling_rate=survey.sampling_rate,
        pipeline=_pipeline(method, pipeline) if with_model else None,
        num_variations=num_variations,
    )
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        warn_of_silence_beside(recording.damage.dropouts, gaps, sampling_rate=survey.sampling_rate)
        inpaint_file(
            survey,
            outputs,
            gaps,
            within_bounds(fill, recording.damage) if "clipping" in recording.found else fill,
            locality=locality,
            generator=_generator(seed),
            subtype=subtype,
            format=format,
            progress=progress,
        )
    done = f"{extent(gaps, survey, 'filled')}, in {time.perf_counter() - began:.1f} s."
    return outputs, [done, *(sentence(str(warning.message)) for warning in told)]


def sentence(text: str) -> str:
    """What the package says, in the words of the page: without folders and options of the command line."""
    words = [word.rpartition("/")[2] if word.startswith("/") else word for word in text.split(" ")]
    shown = " ".join(words).replace("choose --subtype FLOAT", f'choose "{ENCODINGS[1]}"')
    shown = shown.replace("add --detect dropouts", "find dropouts").removesuffix(".") + "."
    # A file's name stays as it is.
    return shown if text.startswith("/") else shown[0].upper() + shown[1:]


def _encoding(survey: Survey, encoding: str) -> tuple[str, str, str]:
    """Suffix, subtype and format to write."""
    if encoding == ENCODINGS[1]:
        return ".wav", "FLOAT", "WAV"
    suffixes = [suffix for suffix, formats in FORMATS.items() if survey.format in formats]
    if not suffixes:
        raise ValueError(f'files of the format {survey.format} cannot be written; choose "{ENCODINGS[1]}"')
    own = survey.path.suffix.lower()
    return own if own in suffixes else suffixes[0], survey.subtype, survey.format


def _pipeline(method: str, given: AIDDPipeline | None) -> AIDDPipeline | SpectrogramRePaintPipeline:
    if method == "spectrogram_repaint":
        return default_pipeline("spectrogram_repaint")
    return default_pipeline() if given is None else given


def _generator(seed: int | None) -> Generator | None:
    if seed is None:
        return None
    # Half of the time that the Space would take to start.
    import torch

    return torch.Generator().manual_seed(seed)
