"""Conditions: a kind of damage and its parameters, as the files of protocols name them."""

import inspect
import itertools
import math
import sys
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np

from ...masks.cells import samples_touched
from ...masks.gaps import resample_mask
from .geometry import GEOMETRIES
from .tf_geometry import GRID, TF_GEOMETRIES


ALL_GEOMETRIES = {**GEOMETRIES, **TF_GEOMETRIES}
# Conditions that an entry of a file stands for, at most.
MAX_CONDITIONS = 10_000
# Parameters of geometries that are sequences of numbers. All others are numbers.
SEQUENCES = frozenset({"start_seconds"})


@dataclass(frozen=True)
class Condition:
    """
    One way to damage a segment.

    Args:
        geometry: name of a function of `aidd.evaluation.protocols.geometry.GEOMETRIES`, which takes samples away, or
            of `aidd.evaluation.protocols.tf_geometry.TF_GEOMETRIES`, which takes cells of spectrograms.
        parameters: its arguments, but for the first two and the generator: floats, or lists of them.

    Raises:
        ValueError: no such geometry, or not its parameters.
    """

    geometry: str
    parameters: dict[str, float | list[float]]

    def __post_init__(self) -> None:
        if not isinstance(self.geometry, str) or self.geometry not in ALL_GEOMETRIES:
            raise ValueError(f"geometry must be one of {', '.join(ALL_GEOMETRIES)}, got {self.geometry!r}")
        expected = geometry_parameters(self.geometry)
        if set(self.parameters) != set(expected):
            raise ValueError(f"{self.geometry} has the parameters {expected}, got {sorted(self.parameters)}")
        # One form of each, so that equal conditions have equal labels and digests.
        plain = {name: _plain(name, self.parameters[name]) for name in expected}
        object.__setattr__(self, "parameters", plain)

    @property
    def label(self) -> str:
        """Such as `centred_gap gap_seconds=0.2`."""
        values = {name: value if isinstance(value, list) else [value] for name, value in self.parameters.items()}
        return " ".join(
            [self.geometry, *(f"{name}={','.join(f'{v:.12g}' for v in value)}" for name, value in values.items())]
        )

    @property
    def takes_cells(self) -> bool:
        """Whether cells of spectrograms are missing; all samples are intact then."""
        return self.geometry in TF_GEOMETRIES

    def mask(self, audio: np.ndarray, sampling_rate: int, seed: int) -> np.ndarray:
        """
        The missing samples of a segment, float64 `(samples,)`, or the samples that missing cells have a share in:
        bool `(samples,)`. Only some geometries draw from the seed.

        Raises:
            ValueError: of the geometry, parameters out of range or gaps for which there is no room.
        """
        if self.takes_cells:
            touched = samples_touched(
                self.cells(len(audio), sampling_rate, seed), GRID, GRID.resampled_length(len(audio), sampling_rate)
            )
            return resample_mask(touched, from_rate=GRID.sampling_rate, to_rate=sampling_rate)[: len(audio)]
        signal = audio if "audio" in inspect.signature(GEOMETRIES[self.geometry]).parameters else len(audio)
        return self._call(signal, sampling_rate, seed)

    def cells(self, num_samples: int, sampling_rate: int, seed: int) -> np.ndarray:
        """
        The missing cells: bool `(bins, frames)` on `aidd.evaluation.protocols.tf_geometry.GRID`.

        Raises:
            ValueError: as `mask`.
        """
        return self._call(num_samples, sampling_rate, seed)

    def _call(self, signal: np.ndarray | int, sampling_rate: int, seed: int) -> np.ndarray:
        function = ALL_GEOMETRIES[self.geometry]
        draws = (
            {"generator": np.random.default_rng(seed)} if "generator" in inspect.signature(function).parameters else {}
        )
        return function(signal, sampling_rate, **self.parameters, **draws)


def expand_condition(written: dict) -> list[Condition]:
    """
    The conditions that an entry of a protocol's file stands for: its `geometry`, and parameters. A list, where the
    parameter is a number, stands for a condition each; several such lists for their product, the last one's values
    changing fastest.

    Raises:
        ValueError: as [`Condition`], or too many.
    """
    parameters = {name: value for name, value in written.items() if name != "geometry"}
    choices = [value if _is_choice(name, value) else [value] for name, value in parameters.items()]
    num_conditions = math.prod(map(len, choices))
    if num_conditions > MAX_CONDITIONS:
        raise ValueError(f"expected at most {MAX_CONDITIONS} conditions of a geometry, got {num_conditions}")
    return [
        Condition(written["geometry"], dict(zip(parameters, chosen, strict=True)))
        for chosen in itertools.product(*choices)
    ]


def geometry_parameters(geometry: str) -> list[str]:
    """Names of the parameters that a condition gives a geometry, sorted."""
    parameters = inspect.signature(ALL_GEOMETRIES[geometry]).parameters.values()
    return sorted(p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "generator")


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value of a JSON file is a finite number."""
    # Integers of JSON may be larger than any float.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _is_choice(name: str, value: object) -> bool:
    return isinstance(value, list) and (name not in SEQUENCES or any(isinstance(one, list) for one in value))


def _plain(name: str, value: object) -> float | list[float]:
    if name in SEQUENCES and isinstance(value, (list, tuple)) and all(map(is_number, value)):
        return [float(v) for v in value]
    if name not in SEQUENCES and is_number(value):
        return float(value)
    raise ValueError(f"{name} must be {'a list of numbers' if name in SEQUENCES else 'a number'}, got {value!r}")
