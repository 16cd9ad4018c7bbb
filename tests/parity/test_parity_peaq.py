"""PEAQ against GstPEAQ (github.com/HSU-ANT/gstpeaq), on a recording damaged in many ways."""

import os
import re
import subprocess
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from scipy.signal import butter, sosfilt

from aidd.classical import autoregressive, janssen, linear
from aidd.evaluation.metrics.peaq import objective_difference_grade


pytestmark = pytest.mark.parity

RECORDING = Path(__file__).parents[2] / "examples" / "audio" / "prelude_bwv848.flac"
RATE = 48_000


@pytest.fixture(scope="module")
def gstpeaq(tmp_path_factory):
    """`gstpeaq(reference, estimate)`: the grade that the original program prints, to three decimals."""
    command = os.environ.get("GSTPEAQ_COMMAND")
    if command is None:
        pytest.skip("needs GSTPEAQ_COMMAND, GstPEAQ's program `peaq`, and its plugin where GStreamer finds it")
    folder = tmp_path_factory.mktemp("gstpeaq")

    def run(reference: np.ndarray, estimate: np.ndarray) -> float:
        paths = folder / "reference.wav", folder / "estimate.wav"
        for path, signal in zip(paths, (reference, estimate), strict=True):
            sf.write(path, signal.T, RATE, subtype="FLOAT")
        done = subprocess.run([command, *paths], capture_output=True, text=True, check=True)
        return float(re.search(r"Objective Difference Grade: (\S+)", done.stdout)[1])

    return run


def through_codec(audio: np.ndarray, file_format: str, subtype: str, level: float) -> np.ndarray:
    file = BytesIO()
    sf.write(file, audio.T, RATE, format=file_format, subtype=subtype, compression_level=level)
    file.seek(0)
    decoded = sf.read(file, always_2d=True)[0].T[:, : audio.shape[-1]]
    return np.pad(decoded, ((0, 0), (0, audio.shape[-1] - decoded.shape[-1])))


def damages(audio: np.ndarray):
    """Names and estimates of `(channels, samples)`, none so noisy that it has no bandwidth: GstPEAQ prints nan."""
    level, hiss = audio.std(), np.random.default_rng(0).normal(size=audio.shape)

    def filtered(frequency: float, kind: str) -> np.ndarray:
        return sosfilt(butter(6, frequency, kind, fs=RATE, output="sos"), audio)

    yield "none", audio
    yield from ((f"noise at {snr} dB", audio + 10 ** (-snr / 20) * level * hiss) for snr in (70, 60, 50))
    yield from ((f"low-pass at {frequency} Hz", filtered(frequency, "lowpass")) for frequency in (3_000, 9_000))
    yield "high-pass at 300 Hz", filtered(300, "highpass")
    yield from ((f"clipped at {peak} RMS", np.clip(audio, -peak * level, peak * level)) for peak in (3, 1))
    yield from ((f"{bits} bits", np.round(audio * 2 ** (bits - 1)) / 2 ** (bits - 1)) for bits in (14, 12))
    yield "3 dB softer", audio / 2**0.5
    yield "late by 10 ms", np.roll(audio, 480, axis=-1)
    yield "Vorbis", through_codec(audio, "OGG", "VORBIS", 0.9)
    yield "Opus", through_codec(audio, "OGG", "OPUS", 0.95)

    missing = np.zeros(audio.shape[-1], bool)
    for start in range(RATE, audio.shape[-1] - RATE, RATE):
        missing[start : start + RATE // 20] = True
    masked = np.where(missing, 0, audio)
    yield "gaps of 50 ms", masked
    for fill in (linear, autoregressive):
        yield f"gaps filled by {fill.__name__}", fill(masked, missing, sampling_rate=RATE)
    missing[:] = False
    missing[RATE : RATE + 480] = True
    yield "one gap filled by janssen", janssen(np.where(missing, 0, audio), missing, sampling_rate=RATE)


def test_grades_are_equal(gstpeaq):
    audio = sf.read(RECORDING, always_2d=True)[0].T
    in_silence = audio[:, : 3 * RATE].copy()
    in_silence[:, : RATE // 2] = in_silence[:, -RATE // 2 :] = 0
    pairs = [
        (f"{name}, {form}", reference.astype(np.float32), estimate.astype(np.float32))
        for form, reference in (("stereo", audio), ("mono", audio.mean(0, keepdims=True)), ("in silence", in_silence))
        for name, estimate in damages(reference)
    ]
    differences = []
    for name, reference, estimate in pairs:
        expected = gstpeaq(reference, estimate)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "the estimate is digital silence")
            grade = objective_difference_grade(reference, estimate, sampling_rate=RATE)
        print(f"\n{name}: {grade:.3f}, expected {expected:.3f}", end="")
        differences.append(abs(grade - expected))
    differences = np.array(differences)
    print(
        f"\n{len(differences)} pairs: grades differ by at most {differences.max():.4f}, "
        f"by {differences.mean():.4f} on average"
    )
    assert len(differences) >= 30
    assert differences.max() <= 0.01
