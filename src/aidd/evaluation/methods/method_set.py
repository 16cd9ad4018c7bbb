"""The methods of a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np


# `method(audio, mask, *, sampling_rate, generator) -> audio`, the contract of `aidd.METHODS`.
Method = Callable[..., np.ndarray]
# `method(audio, tf_mask, *, sampling_rate, generator) -> audio`, for missing cells.
CellMethod = Callable[..., np.ndarray]


@dataclass(frozen=True)
class MethodSet:
    """
    The methods of a run, by name.

    Args:
        for_gaps: methods for items whose samples are missing.
        for_cells: methods for items whose cells are missing.
        provenance: further columns of a method's rows, by its name: they describe its model or its source.
    """

    for_gaps: Mapping[str, Method]
    for_cells: Mapping[str, CellMethod] = field(default_factory=dict)
    provenance: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
