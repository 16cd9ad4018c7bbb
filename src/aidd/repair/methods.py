"""The table of inpainting methods: their functions, all of one signature, and what a repair must know of each."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, overload

from .places import imported, load_function


if TYPE_CHECKING:
    import numpy as np
    from torch import Generator, Tensor

    from ..pipelines import AIDDPipeline, InpaintingPipeline, SpectrogramRePaintPipeline
    from ..signals.arrays import Method, Waveform

DEFAULT_MODEL = str(Path(__file__).parents[1] / "pretrained" / "aidd-mel-small")
DEFAULT_SPECTROGRAM_MODEL = str(Path(__file__).parents[1] / "pretrained" / "spectrogram-piano-small")
# What methods read on each side of a gap, at most, apart from a model: Janssen's method 0.2 s, autoregressive models
# and spectra of envelope_noise 0.1 s, tracks of sinusoidal 0.485 s, the nearest training frames of sparse 13 / 4 of
# windows of 0.1 s, u_phain 5 / 4 of a window and what autoregressive models read next to a gap in there. The rest is
# to spare.
REACH_SECONDS = 0.5


@dataclass(frozen=True)
class MethodRow:
    """
    What a repair must know of a method.

    Args:
        function: the method's module and name, `package.module:function`. It is imported when it is first used.
        pipeline_class: class of `aidd.pipelines` whose model fills the gaps, by name; empty for methods without a
            model. Methods with a model draw: they may give several variations.
        default_model: folder of the model that comes with the package; empty for methods without one.
        trained_by: commands that make a model, for methods that need one and come without.
        reach_seconds: seconds of a recording that are read on each side of a gap, at most. A method with a model reads
            a window of its pipeline, too.
        grid: module and name of a function that gives the distance of the method's frames, in samples, from the
            sampling rate in Hz; None for methods that lay no frames over a recording.
        longest_gap_seconds: longest gap that the method fills, with the default model if it has one; infinite if it
            fills gaps of any length.
        in_parts: module and name of a function that searches a recording block by block for what fills its gaps, and
            gives what fills its parts, as [`~aidd.classical.similarity.similarity_in_parts`]; None for methods that
            take nothing from elsewhere in the recording.
    """

    function: str
    pipeline_class: str = ""
    default_model: str = ""
    trained_by: str = ""
    reach_seconds: float = REACH_SECONDS
    grid: str | None = None
    longest_gap_seconds: float = math.inf
    in_parts: str | None = None

    @property
    def has_model(self) -> bool:
        """Whether a model fills gaps."""
        return bool(self.pipeline_class)

    @property
    def needs_own_model(self) -> str:
        """What a method needs whose model does not come with the package, in words; empty for all others."""
        if not self.has_model or self.default_model:
            return ""
        return f"a folder with a {self.pipeline_class}, as none comes with the package: {self.trained_by} make one"


ROWS: dict[str, MethodRow] = {
    "aidd": MethodRow("aidd.repair.methods:aidd", "AIDDPipeline", DEFAULT_MODEL, longest_gap_seconds=1.4),
    "auto": MethodRow("aidd.repair.auto:auto", "AIDDPipeline", DEFAULT_MODEL, longest_gap_seconds=1.4),
    "autoregressive": MethodRow("aidd.classical.autoregressive:autoregressive"),
    "best": MethodRow("aidd.repair.best:best", "AIDDPipeline", DEFAULT_MODEL),
    "cqtdiff": MethodRow(
        "aidd.repair.methods:cqtdiff",
        "CQTDiffPipeline",
        trained_by="examples/train_cqtdiff.py and examples/assemble_cqtdiff_pipeline.py",
    ),
    "envelope_noise": MethodRow("aidd.classical.envelope_noise:envelope_noise"),
    "janssen": MethodRow("aidd.classical.janssen:janssen"),
    "linear": MethodRow("aidd.classical.linear:linear"),
    "lines": MethodRow("aidd.classical.lines:lines"),
    "similarity": MethodRow(
        "aidd.classical.similarity:similarity",
        reach_seconds=math.inf,
        in_parts="aidd.classical.similarity:similarity_in_parts",
    ),
    "sinusoidal": MethodRow("aidd.classical.sinusoidal:sinusoidal"),
    "sparse": MethodRow("aidd.classical.sparse:sparse", grid="aidd.classical.sparse:frame_hop"),
    "spectrogram_repaint": MethodRow(
        "aidd.repair.methods:spectrogram_repaint",
        "SpectrogramRePaintPipeline",
        DEFAULT_SPECTROGRAM_MODEL,
        longest_gap_seconds=0.63,
    ),
    "u_phain": MethodRow("aidd.classical.phain:u_phain"),
}
# What `best` takes unless something else is named: the model, and those without one that take no longer than it does,
# which it tries; and what comes again in the recording.
DEFAULT_CANDIDATES = ("aidd", "lines", "envelope_noise", "autoregressive", "u_phain", "similarity")
# Budget of time of all trials of a recording, in seconds: the default candidates are tried for five gaps of 0.75 s, or
# fifteen of 0.1 s, in about as long on one core.
TRIAL_SECONDS = 60.0
# The method that tries others, and methods that fill gaps by others, which are no candidates.
BEST = "best"
CHOOSING_METHODS = ("auto", BEST)
# The candidate that a pipeline of the user's stands for, and the last to fill.
MODEL_CANDIDATE = "aidd"
# The candidate that takes from elsewhere in the recording, and the first to fill.
SIMILARITY = "similarity"
# What fills boxes of frequencies without a model: module and name of functions
# `method(audio, tf_mask, *, sampling_rate, grid, generator=None) -> audio`.
CELL_FUNCTIONS = MappingProxyType(
    {
        "fading": "aidd.classical.cells:fading",
        "log_magnitude": "aidd.classical.cells:log_magnitude",
        "phain_tf": "aidd.classical.cells:phain_tf",
        "zeroing": "aidd.classical.cells:zeroing",
    }
)
# What fills boxes with a model, and what `auto` fills them by: docs/geometry_study/README.md.
CELL_MODEL_METHOD, CELL_AUTO_METHOD = "spectrogram_repaint", "log_magnitude"


class Methods(Mapping[str, "Method"]):
    """
    A read-only mapping from a method's name to its function, which is imported when it is first asked for:

        method(audio, mask, *, sampling_rate, generator=None) -> audio

    Args:
        rows: the table, by the methods' names.
    """

    def __init__(self, rows: dict[str, MethodRow]):
        self._rows = rows

    def __getitem__(self, name: str) -> Method:
        if name not in self._rows:
            raise KeyError(f"{name!r}: expected one of {', '.join(self)}")
        return imported(self._rows[name].function)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"Methods({', '.join(self)})"


METHODS = Methods(ROWS)
# Default models of the methods that have a model, by the methods' names; empty where none comes with the package.
MODEL_METHODS = MappingProxyType({name: row.default_model for name, row in ROWS.items() if row.has_model})


def row_of(method: str) -> MethodRow:
    """
    The row of a method by its name in `METHODS`, or by the place of a user's own, `package.module:function`. A user's
    method may read all of a recording.

    Raises:
        ValueError: neither of them, or as [`load_method`].
    """
    if method in ROWS:
        return ROWS[method]
    if ":" not in method:
        raise ValueError(
            f"expected a method out of {', '.join(METHODS)}, or a function of yours as package.module:function, "
            f"got {method!r}"
        )
    load_method(method)
    return MethodRow(method, reach_seconds=math.inf)


def method_of(name: str) -> Method:
    """The function of a method by its name in `METHODS`, or by the place of a user's own ([`load_method`])."""
    return METHODS[name] if name in ROWS else load_method(name)


def load_method(place: str) -> Method:
    """
    A user's method.

    Args:
        place: a module that can be imported, and a function in it: `package.module:function`. The function is called
            as `function(audio, mask, sampling_rate=..., generator=...)`.

    Raises:
        ValueError: as [`~aidd.repair.places.load_function`].
    """
    parameters = "audio, mask, *, sampling_rate, generator=None"
    return load_function(place, parameters, "audio", "mask", sampling_rate="sampling_rate", generator="generator")


def aidd(
    audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
) -> Waveform:
    """
    Fills gaps (`mask`: True = missing) by an [`AIDDPipeline`] with the default model, which is loaded once.

    Args:
        audio: float32 or float64, `(samples,)`, `(channels, samples)` or `(batch, channels, samples)`.
        mask: bool, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz.
        generator: source of the draws. Same seed, same audio.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.

    Raises:
        ValueError: as the pipeline.
    """
    return default_pipeline("aidd")(audio, mask, sampling_rate=sampling_rate, generator=generator).audios


def spectrogram_repaint(
    audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
) -> Waveform:
    """
    Fills gaps (`mask`: True = missing) by a [`SpectrogramRePaintPipeline`] with the default model, which is loaded
    once. All else as of [`aidd`].
    """
    pipeline = default_pipeline("spectrogram_repaint")
    return pipeline(audio, mask, sampling_rate=sampling_rate, generator=generator).audios


def cqtdiff(
    audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
) -> Waveform:
    """
    Would fill gaps (`mask`: True = missing) by a [`CQTDiffPipeline`]. No model of it comes with the package, so this
    function raises. A pipeline of yours is a method by its `as_method`, and a [`~aidd.repair.request.RepairRequest`]
    takes one as its model.

    Args, returns:
        as of [`aidd`].

    Raises:
        ValueError: always, and says how to make a model.
    """
    pipeline = default_pipeline("cqtdiff")
    return pipeline(audio, mask, sampling_rate=sampling_rate, generator=generator).audios


@overload
def default_pipeline(method: Literal["aidd", "auto"] = ...) -> AIDDPipeline: ...


@overload
def default_pipeline(method: Literal["spectrogram_repaint"]) -> SpectrogramRePaintPipeline: ...


@overload
def default_pipeline(method: str) -> InpaintingPipeline: ...


def default_pipeline(method: str = "aidd") -> InpaintingPipeline:
    """
    The pipeline of a method with its default model, loaded when it is first asked for: always the same object.

    Raises:
        ValueError: a method without a model, or one whose model does not come with the package.
    """
    row = row_of(method)
    if not row.has_model:
        raise ValueError(f"expected a method with a model, got {method!r}")
    if row.needs_own_model:
        raise ValueError(f"{method} needs {row.needs_own_model}")
    return _default_pipeline(row.pipeline_class, row.default_model)


@cache
def _default_pipeline(pipeline_class: str, model: str) -> InpaintingPipeline:
    pipeline = imported(f"aidd.pipelines:{pipeline_class}").from_pretrained(model)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def check_model(model: str) -> None:
    """Raises `ValueError` unless the model is a pipeline's folder, or may be the name of a repository on the Hub."""
    folder = Path(model)
    if folder.is_dir():
        if not (folder / "model_index.json").is_file():
            raise ValueError(f"{model}: the folder holds no pipeline (no model_index.json)")
    elif folder.exists() or not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", model):
        raise ValueError(f"{model}: no such model folder, and not the name of a repository on the Hub (owner/name)")
