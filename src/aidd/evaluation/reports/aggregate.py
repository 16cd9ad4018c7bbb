"""Means, differences and distances of sets over the rows of an evaluation, with intervals by recording."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from ..columns import metric_of
from ..metrics import frechet_audio_distance, paired_kernel_audio_distance
from .bootstrap import bootstrap_interval, jackknife_interval


if TYPE_CHECKING:
    import pandas as pd

# A jackknife by recording leaves two or more windows to the distance of two sets.
MIN_SET_RECORDINGS = 3


def summarise(frame: pd.DataFrame, metric: str, by: Sequence[str]) -> pd.DataFrame:
    """
    Means of a metric over items.

    Args:
        frame: a row for each item and method, with the columns `recording`, `by` and the metric. Rows without a value,
            of items that a method refused, are left out. A level error has a sign; its absolute value is taken.
        metric: name of a column.
        by: columns to group by.

    Returns:
        A row for each group: `by`, `mean`, `low` and `high` (95 % bootstrap interval by recording) of the finite
        values, `n` and `num_recordings` of all values, `num_infinite` of those that are not finite, which the
        mean leaves out. Where none is finite, the mean is theirs. Fewer than two recordings have no interval.
    """
    import pandas as pd

    rows = []
    for group, items in frame.dropna(subset=metric).groupby(list(by), sort=False):
        values = items[metric].to_numpy(float)
        values = np.abs(values) if metric_of(metric).signed else values
        finite = np.isfinite(values)
        mean, low, high = values.mean(), np.nan, np.nan
        if finite.any():
            mean = values[finite].mean()
        if items["recording"][finite].nunique() > 1:
            low, high = bootstrap_interval(values[finite], items["recording"][finite].tolist())
        counts = {
            "n": len(values),
            "num_recordings": items["recording"].nunique(),
            "num_infinite": int((~finite).sum()),
        }
        rows.append({**dict(zip(by, group, strict=True)), "mean": mean, "low": low, "high": high, **counts})
    return pd.DataFrame(rows, columns=[*by, "mean", "low", "high", "n", "num_recordings", "num_infinite"])


def paired_differences(frame: pd.DataFrame, metric: str, method: str, against: str, by: Sequence[str]) -> pd.DataFrame:
    """
    Means of what a method has more of a metric than another, on the same items.

    Args:
        frame: a row for each item and method, with the columns `item`, `recording`, `method`, `by` and the metric.
        metric: name of a column. Absolute values are taken of level errors.
        method, against: names in the column `method`.
        by: columns to group by, without `method`.

    Returns:
        As [`summarise`]; infinite differences are left out, and so are items that one of the two has no value of.

    Raises:
        ValueError: a method that has no row.
    """
    import pandas as pd

    sides = []
    for name in (method, against):
        side = frame[frame["method"] == name]
        if side.empty:
            raise ValueError(f"expected one of the methods {sorted(frame['method'].unique())}, got {name}")
        side = side.set_index("item")
        sides.append(side.assign(**{metric: side[metric].abs()}) if metric_of(metric).signed else side)
    differences = sides[0].assign(difference=sides[0][metric] - sides[1][metric])
    return summarise(pd.DataFrame(differences), "difference", by)


def set_distances(embeddings: pd.DataFrame, by: Sequence[str], *, against: str | None = None) -> pd.DataFrame:
    """
    Distances of the restored windows, as a set, from the same windows of the intact recordings.

    Args:
        embeddings: a row for each window and method, with the columns `item`, `window`, `recording`, `method`, `by`
            and `embedding`; the method `reference` means the intact recordings.
        by: columns to group by, without `method`.
        against: a method whose distance is taken off that of every other.

    Returns:
        A row for each group and method that has windows of three recordings or more: `by`, `method`, `kad` and `fad`
        ([`~aidd.evaluation.metrics.paired_kernel_audio_distance`],
        [`~aidd.evaluation.metrics.frechet_audio_distance`]), or their differences, 95 % jackknife intervals by
        recording (`kad_low`, ...), and `n` windows.
    """
    import pandas as pd

    rows = []
    for group, windows in embeddings.groupby(list(by), sort=False):
        sets = {
            method: of_method.set_index(["item", "window"])
            for method, of_method in windows.groupby("method", sort=False)
        }
        for method in (method for method in sets if method not in ("reference", against)):
            compared = [method, "reference", *([against] if against else [])]
            # Windows of items that one of the methods refused have nothing to be compared with.
            common = reduce(pd.Index.intersection, (sets[name].index for name in compared))
            recording = sets["reference"]["recording"].loc[common]
            if recording.nunique() < MIN_SET_RECORDINGS:
                continue
            kept = [np.ones(len(common), bool), *(recording.to_numpy() != name for name in recording.unique())]
            embedded = {name: np.stack(sets[name]["embedding"].loc[common].to_list()) for name in compared}
            row = {**dict(zip(by, group, strict=True)), "method": method, "n": len(common)}
            for name, distance in {"kad": paired_kernel_audio_distance, "fad": frechet_audio_distance}.items():
                value, *left_out = (
                    distance(embedded["reference"][here], embedded[method][here])
                    - (distance(embedded["reference"][here], embedded[against][here]) if against else 0.0)
                    for here in kept
                )
                row[name] = value
                row[f"{name}_low"], row[f"{name}_high"] = jackknife_interval(value, left_out)
            rows.append(row)
    ends = [f"{name}{end}" for name in ("kad", "fad") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=[*by, "method", "n", *ends])
