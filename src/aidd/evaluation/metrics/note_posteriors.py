"""Notes that sound in music, as Basic Pitch hears them, by its ONNX model and onnxruntime."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np


if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# The model's rate in Hz, and its windows and steps in samples.
SAMPLING_RATE = 22_050
WINDOW_LENGTH, HOP_LENGTH = 43_844, 256
# Frames at both ends of a window that see too little of what is around them.
MARGIN_FRAMES = 15
# Pitches of a piano's keys, from A0 on.
NUM_PITCHES = 88
PACKAGE, MODEL = "basic_pitch", Path("saved_models") / "icassp_2022" / "nmp.onnx"
INSTALLED_BY = 'pip install "aidd[notes]", and basic-pitch 0.4.0 without its own requirements (docs/evaluation.md)'


class NotePosteriors(NamedTuple):
    """
    Probabilities, each float32 `(frames, 88)`, in steps of 256 samples at 22,050 Hz.

    Args:
        onsets: that a note begins.
        sounding: that a note sounds.
    """

    onsets: np.ndarray
    sounding: np.ndarray


def note_posteriors(signal: np.ndarray, first_frame: int, last_frame: int) -> NotePosteriors:
    """
    Basic Pitch (Bittner et al. 2022, arXiv:2203.09893), on some frames of a signal.

    Args:
        signal: float, `(samples,)`, mono, at 22,050 Hz. Beyond its ends there is silence.
        first_frame, last_frame: frames to hear, the last one exclusive. Frame k is centred on sample 256 k.

    Returns:
        `last_frame - first_frame` frames.

    Raises:
        ImportError: no onnxruntime, or no `basic-pitch` with its model.
    """
    frames_each = WINDOW_LENGTH // HOP_LENGTH - 2 * MARGIN_FRAMES
    padding = WINDOW_LENGTH + MARGIN_FRAMES * HOP_LENGTH
    padded = np.pad(signal, padding).astype(np.float32)
    starts = np.arange(first_frame, last_frame, frames_each)
    places = (starts - MARGIN_FRAMES) * HOP_LENGTH + padding
    windows = np.stack([padded[place : place + WINDOW_LENGTH] for place in places])
    sounding, onsets = _session().run(
        ["StatefulPartitionedCall:1", "StatefulPartitionedCall:2"],
        {"serving_default_input_2:0": windows[..., None]},
    )
    inside = slice(MARGIN_FRAMES, MARGIN_FRAMES + frames_each)
    wanted = slice(0, last_frame - first_frame)
    return NotePosteriors(*(one[:, inside].reshape(-1, NUM_PITCHES)[wanted] for one in (onsets, sounding)))


@cache
def _session() -> InferenceSession:
    spec = importlib.util.find_spec(PACKAGE)
    if importlib.util.find_spec("onnxruntime") is None or spec is None or spec.origin is None:
        raise ImportError(f"notes are heard by onnxruntime and basic-pitch: {INSTALLED_BY}")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Sums in one order: the same figures whatever else a machine does.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        Path(spec.origin).parent / MODEL, sess_options=options, providers=["CPUExecutionProvider"]
    )
