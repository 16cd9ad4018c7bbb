"""What a repair is asked for. Imports no framework: the command line lists these names in its help."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .methods import (
    BEST,
    CELL_FUNCTIONS,
    CHOOSING_METHODS,
    DEFAULT_CANDIDATES,
    MODEL_CANDIDATE,
    MODEL_METHODS,
    SIMILARITY,
    TRIAL_SECONDS,
    check_model,
    row_of,
)


if TYPE_CHECKING:
    from ..pipelines import InpaintingPipeline

# Kinds of damage that can be looked for.
DETECTED_KINDS = ("dropouts", "clicks", "clipping")
# Sensitivities, as `aidd.detection.sensitivity` has them, which imports numpy.
DEFAULT_SENSITIVITY, LEAST_SENSITIVITY, MOST_SENSITIVITY = 0.1, 0.1, 10.0


class RequestError(ValueError):
    """
    A field of a request that cannot be met.

    Args:
        field: name of the field.
        problem: what was expected and what came, to be read after the name.
    """

    def __init__(self, field: str, problem: str):
        super().__init__(f"{field} {problem}")
        self.field, self.problem = field, problem


@dataclass(frozen=True)
class RepairRequest:
    """
    What is to be repaired in a recording, and how. Gaps, masks and damage that is found unite.

    Args:
        gaps: starts and ends of gaps in seconds, which are missing in all channels.
        masks: files that mark gaps, see [`~aidd.masks.files.read_mask`]: bool arrays (.npy, True = missing) and
            Audacity's label tracks (.txt). Labels with frequencies are boxes, to methods that fill boxes.
        detect: kinds of damage to look for, out of `DETECTED_KINDS`.
        sensitivity: false alarms a minute that are expected of each kind in clean music, 0.1 to 10, see
            [`~aidd.detection.sensitivity`].
        method: what fills the gaps: a name of `aidd.METHODS`, or a function of yours as `package.module:function`
            ([`~aidd.repair.methods.load_method`]), which is given the recording whole.
        fallback: a method without a model that fills the gaps that are longer than the method's model fills. Without
            one, such gaps are refused.
        model: the pipeline of a method with a model, or its folder or its name on the Hub. Default: the model that
            comes with the package; `cqtdiff` has none.
        candidates: methods that `best` tries, out of `aidd.METHODS` or functions of yours, see
            [`~aidd.repair.best`]. `aidd` is the one that the model fills by.
        trial_seconds: budget of time of the trials of `best`, in seconds.
        adapt_seconds: how long the token model learns the intact music of the recording before it fills its gaps; None
            leaves it as it is. Needs PEFT (`pip install "aidd[adapt]"`).
        save_adapter: folder to save to what was learned; None drops it.
        adapter: folder of an adapter that was saved so, to fill with instead of learning.
        seed: seed of all draws, in [0, 2^63). Same seed, same audio; None draws anew every time.
        boxes: holes in the spectrogram of all channels, each the lowest and the highest frequency in Hz and start and
            end in seconds. They are filled by `auto`, which is `log_magnitude` here, `fading`, `phain_tf`, `zeroing`
            or `spectrogram_repaint`, and not together with gaps.
        num_variations: results to write, at least 1, ordered in each gap by how much the others agree with them.
        subtype: encoding of the samples in libsndfile's terms, such as `PCM_24` or `FLOAT`. Default: the recording's.

    Raises:
        RequestError: a value out of range, no such method, a model or variations of a method that has no model, no
            model for a method whose own does not come with the package, candidates for another method than `best`, or
            candidates that cannot be tried.
        ValueError: no such model folder.
    """

    gaps: Sequence[tuple[float, float]] = ()
    masks: Sequence[str | Path] = ()
    detect: Sequence[str] = ()
    method: str = "auto"
    model: str | InpaintingPipeline | None = None
    seed: int | None = None
    num_variations: int = 1
    subtype: str | None = None
    boxes: Sequence[tuple[float, float, float, float]] = ()
    sensitivity: float = DEFAULT_SENSITIVITY
    fallback: str | None = None
    candidates: Sequence[str] = DEFAULT_CANDIDATES
    trial_seconds: float = TRIAL_SECONDS
    adapt_seconds: float | None = None
    save_adapter: str | Path | None = None
    adapter: str | Path | None = None

    def __post_init__(self) -> None:
        for kind in self.detect:
            if kind not in DETECTED_KINDS:
                raise RequestError("detect", f"must be kinds out of {', '.join(DETECTED_KINDS)}, got {kind!r}")
        if not LEAST_SENSITIVITY <= self.sensitivity <= MOST_SENSITIVITY:
            span = f"[{LEAST_SENSITIVITY:g}, {MOST_SENSITIVITY:g}]"
            raise RequestError("sensitivity", f"must lie in {span} false alarms a minute, got {self.sensitivity:g}")
        if self.fallback is not None and row_of(self.fallback).has_model:
            raise RequestError("fallback", f"must be a method without a model, got {self.fallback}")
        if self.num_variations < 1:
            raise RequestError("num_variations", f"must be at least 1, got {self.num_variations}")
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise RequestError("seed", f"must lie in [0, 2^63), got {self.seed}")
        self._check_trials()
        self._check_adaptation()
        if self.method in CELL_FUNCTIONS:
            self._check_without_model()
            return
        row = row_of(self.method)
        if row.has_model:
            if self.model is None and row.needs_own_model:
                raise RequestError("model", f"must be given for {self.method}: it needs {row.needs_own_model}")
            model = self.model or row.default_model
            if isinstance(model, str):
                check_model(model)
            return
        self._check_without_model()

    @property
    def uses_pipeline(self) -> bool:
        """Whether gaps may be filled by the pipeline of the request."""
        return row_of(self.method).has_model and (self.method != BEST or MODEL_CANDIDATE in self.candidates)

    def _check_trials(self) -> None:
        if self.method != BEST:
            for name, default in (("candidates", DEFAULT_CANDIDATES), ("trial_seconds", TRIAL_SECONDS)):
                if getattr(self, name) != default:
                    raise RequestError(name, f"must be left out for {self.method}: it is best that tries methods")
            return
        if self.fallback is not None:
            raise RequestError("fallback", "must be left out for best: it is a candidate that fills long gaps")
        if not self.candidates or len(set(self.candidates)) < len(self.candidates):
            raise RequestError("candidates", f"must be one or more different methods, got {list(self.candidates)}")
        if set(self.candidates) == {SIMILARITY}:
            raise RequestError("candidates", f"must have one besides {SIMILARITY}, for gaps that nothing else is like")
        for name in self.candidates:
            if name in CHOOSING_METHODS:
                raise RequestError("candidates", f"must fill gaps themselves, got {name}, which chooses among others")
            if row_of(name).needs_own_model:
                raise RequestError("candidates", f"must come with their model, got {name}")
        if not self.trial_seconds >= 0:
            raise RequestError("trial_seconds", f"must be at least 0, got {self.trial_seconds:g}")
        if self.model is not None and not self.uses_pipeline:
            raise RequestError("model", f"must be left out where aidd is no candidate, got {self.model}")

    def _check_adaptation(self) -> None:
        if self.save_adapter is not None and self.adapt_seconds is None:
            raise RequestError("save_adapter", "must be left out where nothing is learned")
        if self.adapt_seconds is not None and self.adapter is not None:
            raise RequestError("adapter", "must be left out where one is learned")
        field = "adapt_seconds" if self.adapter is None else "adapter"
        if self.adapt_seconds is None and self.adapter is None:
            return
        if self.method == BEST:
            raise RequestError(field, "must be left out for best: the model would have learned what trials cut out")
        row = None if self.method in CELL_FUNCTIONS else row_of(self.method)
        if row is None or row.pipeline_class != "AIDDPipeline":
            raise RequestError(field, f"must be left out for {self.method}, which has no token model")
        if self.adapt_seconds is not None and not 0 <= self.adapt_seconds < float("inf"):
            raise RequestError(field, f"must be finite and at least 0, got {self.adapt_seconds:g}")
        if importlib.util.find_spec("peft") is None:
            raise RequestError(field, 'needs PEFT: pip install "aidd[adapt]"')

    def _check_without_model(self) -> None:
        *others, last = MODEL_METHODS
        methods = f"the methods {', '.join(others)} and {last}"
        if self.model is not None:
            raise RequestError("model", f"must be left out for {self.method}, which has none; {methods} have one")
        if self.num_variations > 1:
            raise RequestError("num_variations", f"must be 1 for {self.method}; {methods} give several results")
