"""Made-up rows of a run."""

import itertools

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def made_up_rows():
    """
    `made_up_rows(methods, conditions, num_recordings=4)`: rows of random metrics, two segments a recording, and their
    embeddings; conditions are dicts of a geometry and its parameters. Some values are infinite, and one was refused.
    """

    def make(methods, conditions, num_recordings=4):
        random = np.random.default_rng(0)
        rows, embeddings = [], []
        for recording, start, condition in itertools.product(range(num_recordings), (0, 5000), conditions):
            label = " ".join(f"{name}={value}" for name, value in condition.items())
            item = {"item": f"{recording} {start} {label}", "recording": f"made_up/{recording}.wav"}
            parameters = {f"param_{name}": value for name, value in condition.items() if name != "geometry"}
            row = {**item, "start": start, "condition": label, "geometry": condition["geometry"], **parameters}
            row |= {"num_gaps": 1, "protocol": "made_up", "seed": 0, "model": "tiny", "version_numpy": "2"}
            embeddings.append({**item, "method": "reference", "window": 0, "embedding": random.normal(size=3)})
            for method in methods:
                values = dict(zip(("lsd", "snr", "level_error"), random.normal(2, 1, 3), strict=True))
                values["lsd"] = abs(values["lsd"])
                rows.append({**row, "method": method, **values, "refusal": None})
                embeddings.append({**item, "method": method, "window": 0, "embedding": random.normal(1, 1, 3)})
        frame = pd.DataFrame(rows)
        of_first = frame.index[frame["method"] == methods[0]]
        frame.loc[of_first, "level_error"] = -np.inf
        frame.loc[of_first[0], "snr"] = np.inf
        last = frame.index[frame["method"] == methods[-1]][0]
        frame.loc[last, ["lsd", "snr", "level_error"]] = np.nan
        frame["refusal"] = frame["refusal"].astype(object)
        frame.loc[last, "refusal"] = "too long"
        return frame, pd.DataFrame(embeddings)

    return make


CENTRED = [{"geometry": "centred_gap", "gap_seconds": seconds} for seconds in (0.02, 0.375)]


@pytest.fixture
def centred():
    """Conditions of one gap, of two lengths."""
    return [dict(condition) for condition in CENTRED]
