"""Where a file is damaged: what the options of `aidd inpaint` say, and what they have looked for."""

from __future__ import annotations

import argparse
import warnings
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    import numpy as np

    from ..audio_io import Audio

DETECTED_KINDS = ("dropouts", "clicks", "clipping")
# Silence beside a gap that is told of.
TOLD_SECONDS = 0.001


def kinds_of(text: str) -> list[str]:
    """The value of --detect: kinds in the order in which they are known, each once."""
    kinds = text.split(",")
    for kind in kinds:
        if kind not in DETECTED_KINDS:
            raise argparse.ArgumentTypeError(
                f"expected kinds out of {', '.join(DETECTED_KINDS)}, parted by commas, got {kind!r}"
            )
    return [kind for kind in DETECTED_KINDS if kind in kinds]


def detect(kinds: list[str], source: Audio) -> tuple[dict[str, np.ndarray], list[np.ndarray] | None]:
    """Of every kind, bool `(channels, samples)`; and lower and upper bounds of clipped samples, where asked for."""
    from ..masks import find_clicks, find_clipping, find_dropouts

    found: dict[str, np.ndarray] = {}
    bounds = None
    if "dropouts" in kinds:
        found["dropouts"] = find_dropouts(source.samples, sampling_rate=source.sampling_rate)
    if "clicks" in kinds:
        found["clicks"] = find_clicks(source.samples, sampling_rate=source.sampling_rate)
        if "dropouts" in kinds:
            _drop_touching(found["clicks"], found["dropouts"])
    if "clipping" in kinds:
        found["clipping"], *bounds = find_clipping(source.samples)
    return found, bounds


def _drop_touching(clicks: np.ndarray, dropouts: np.ndarray) -> None:
    """Takes back, in place, clicks that are nothing but a dropout's abrupt edge: audio beside it is intact."""
    from ..masks import find_gaps

    for of_clicks, of_dropouts in zip(clicks, dropouts, strict=True):
        for start, end in find_gaps(of_clicks).tolist():
            if of_dropouts[max(start - 1, 0) : end + 1].any():
                of_clicks[start:end] = False


def gap_mask(arguments: argparse.Namespace, source: Audio, found: list[np.ndarray]) -> np.ndarray:
    """
    bool `(samples,)`, or `(channels, samples)` where a file says so or damage was looked for: the gaps of all options
    together, and what was found.
    """
    import numpy as np

    from ..mask_io import read_mask
    from ..masks import mask_from_seconds

    channels, num_samples = source.samples.shape
    mask = np.zeros(num_samples, bool)
    if arguments.gap:
        starts, ends = zip(*arguments.gap, strict=True)
        mask = mask_from_seconds(starts, ends, num_samples=num_samples, sampling_rate=source.sampling_rate)
    for path in arguments.mask:
        from_file = read_mask(path, num_samples=num_samples, sampling_rate=source.sampling_rate)
        if from_file.ndim == 2 and len(from_file) not in (1, channels):
            raise ValueError(f"{path}: expected a mask of {channels} channels, or of 1 for all, got {len(from_file)}")
        mask = mask | from_file
    for of_kind in found:
        mask = mask | of_kind
    if not mask.any() and arguments.detect:
        nothing = f"{arguments.input}: found no {' and no '.join(arguments.detect)}"
        raise ValueError(f"{nothing}, and no other gap is given")
    if not mask.any():
        raise ValueError(f"{', '.join(map(str, arguments.mask))}: nothing is marked as missing (True = missing)")
    return mask


def warn_of_silence_beside(source: Audio, mask: np.ndarray) -> None:
    """Of dropouts that are marked in part: a filling fades towards what is left of them."""
    import numpy as np

    from ..masks import find_dropouts, find_gaps

    rate = source.sampling_rate
    missing = np.broadcast_to(mask, source.samples.shape)
    # What stands under the mask may be no number.
    dropouts = find_dropouts(np.nan_to_num(source.samples), sampling_rate=rate)
    for channel, of_channel in zip(missing, dropouts, strict=True):
        for start, end in find_gaps(of_channel).tolist():
            left = int((~channel[start:end]).sum())
            if 0 < left < end - start and left >= TOLD_SECONDS * rate:
                warnings.warn(
                    f"{1000 * left / rate:.0f} ms of the dropout from {start / rate:.3f} s to {end / rate:.3f} s are "
                    "not marked as missing and count as music, towards which the filling fades; mark them too, or add "
                    "--detect dropouts",
                    stacklevel=1,
                )
                return
