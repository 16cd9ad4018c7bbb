"""
Repair an hour of stereo with a hundred gaps by `aidd inpaint`: time, peak memory, and whether the rest is unchanged.

    python benchmarks/whole_recording.py --output benchmarks/results/whole_recording.json

A recording is repeated up to the given length, at 44.1 kHz in stereo and 16 bit, with gaps evenly spread. Every
repair runs in a process of its own, and its time includes its start and the loading of the model. A minute with a few
gaps and a minute with one show what a gap takes, and the whole with one short gap that needs no model shows what
copying takes. The hour is expected to take the sum of start, copying and gaps. The last row has as much silence
inserted in its middle. Samples outside the gaps are compared by their SHA-256.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
from gaps_and_lengths import MAXRSS_UNIT, MIB
from measuring import PRELUDE, Results, argument_parser, stopwatch

from aidd.signals.files import read_audio
from aidd.signals.resampling import resample


SAMPLING_RATE = 44_100
BLOCK_SAMPLES = 2**20
SHORT_SECONDS = 60.0
# Gaps in the minute that shows what a gap takes.
FEW_GAPS = 9


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__)
    parser.add_argument("--model", help="Folder or Hub id of the AIDD model. Default: the one in the package.")
    parser.add_argument("--audio", type=Path, default=PRELUDE, help="Recording. Default: the examples' prelude.")
    parser.add_argument("--seconds", type=float, default=3600.0, help="Length of the whole.")
    parser.add_argument("--num_gaps", type=int, default=100, help="Gaps in the whole.")
    parser.add_argument("--gap_ms", type=float, default=300.0, help="Length of the gaps.")
    return parser.parse_args()


def music_of(path: Path) -> np.ndarray:
    """A recording at 44.1 kHz in stereo: int16 `(samples, 2)`."""
    audio = read_audio(path)
    samples = resample(
        np.broadcast_to(audio.samples, (2, audio.samples.shape[-1])), audio.sampling_rate, SAMPLING_RATE
    )
    return (samples.T * 2**15).round().clip(-(2**15), 2**15 - 1).astype(np.int16)


def write_recording(path: Path, music: np.ndarray, seconds: float, silence_at: float | None, silence: float) -> None:
    """Music `(samples, channels)`, int16, over and over, with silence inserted."""
    parts = [(seconds, True)] if silence_at is None else [(silence_at, True), (silence, False), (seconds, True)]
    with sf.SoundFile(path, "w", SAMPLING_RATE, music.shape[1], "PCM_16") as file:
        written = 0
        for end, is_music in parts:
            num_samples = round(end * SAMPLING_RATE) - (written if is_music else 0)
            for first in range(0, num_samples, len(music)):
                count = min(len(music), num_samples - first)
                file.write(music[:count] if is_music else np.zeros_like(music[:count]))
            written += num_samples if is_music else 0


def gaps_in(seconds: float, num_gaps: int, gap_seconds: float) -> np.ndarray:
    """Starts and ends in seconds, evenly spread: float64 `(num_gaps, 2)`, hundredths, which are whole samples."""
    starts = (np.arange(num_gaps) + 0.5) * seconds / num_gaps - gap_seconds / 2
    return np.stack([starts, starts + gap_seconds], -1).round(2)


def intact_digest(path: Path, gaps: np.ndarray) -> str:
    """SHA-256 of all samples outside gaps, given in seconds."""
    bounds = (gaps * SAMPLING_RATE).round().astype(int)
    digest, place = hashlib.sha256(), 0
    for block in sf.blocks(path, BLOCK_SAMPLES, dtype="int16", always_2d=True):
        intact = np.ones(len(block), bool)
        for start, end in bounds:
            intact[max(start - place, 0) : max(end - place, 0)] = False
        digest.update(block[intact].tobytes())
        place += len(block)
    return digest.hexdigest()


@dataclass(frozen=True)
class Resources:
    """What a process has used: seconds on the clock and of processors, and MiB at most."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def resources_of(command: list[str], threads: int) -> Resources:
    """What a process of Python uses, from its start to its end."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    with stopwatch() as elapsed:
        process = subprocess.Popen([sys.executable, *command], env=environment, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return Resources(elapsed.seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * MAXRSS_UNIT / MIB)


def cost_of(command: list[str], threads: int) -> tuple[float, float]:
    """Seconds on the clock, and MiB at most, of a process of Python."""
    used = resources_of(command, threads)
    return used.seconds, used.peak_mib


def repair(args: argparse.Namespace, folder: Path, seconds: float, gaps: np.ndarray, *options: str) -> dict:
    """By the command line: seconds on the clock, MiB at most, and whether intact samples are as they were."""
    source, output, labels = folder / "in.wav", folder / "out.wav", folder / "gaps.txt"
    labels.write_text("".join(f"{start:.6f}\t{end:.6f}\tgap\n" for start, end in gaps))
    command = ["-m", "aidd.cli.main", "inpaint", source, output, "--mask", labels, "--seed", 0, *options]
    took, peak = cost_of([*map(str, command)], args.threads)
    same = intact_digest(source, gaps) == intact_digest(output, gaps)
    return {"seconds": took, "peak_MiB": peak, "intact": same}


def cases(args: argparse.Namespace) -> Iterator[tuple[str, float, int, float | None, tuple[str, ...]]]:
    """Title, seconds of music, gaps, seconds of it before as much silence, options."""
    by_aidd = ("--method", "aidd", *(("--model", args.model) if args.model else ()))
    yield "a minute, one gap", min(SHORT_SECONDS, args.seconds), 1, None, by_aidd
    yield f"a minute, {FEW_GAPS} gaps", min(SHORT_SECONDS, args.seconds), FEW_GAPS, None, by_aidd
    yield "copying the whole", args.seconds, 1, None, ("--method", "linear")
    yield "the whole", args.seconds, args.num_gaps, None, by_aidd
    yield "copying the whole and silence", args.seconds, 1, args.seconds / 2, ("--method", "linear")
    yield "the whole and silence", args.seconds, args.num_gaps, args.seconds / 2, by_aidd


def main() -> None:
    args = parse_args()
    results, took = Results(args), {}
    music = music_of(args.audio)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, seconds, num_gaps, silence_at, options in cases(args):
            gaps = gaps_in(seconds, num_gaps, args.gap_ms / 1000)
            if silence_at is not None:
                gaps += np.where(gaps[:, :1] > silence_at, args.seconds, 0.0)
            write_recording(folder / "in.wav", music, seconds, silence_at, args.seconds)
            cost = repair(args, folder, seconds, gaps, *options)
            took[title] = cost["seconds"]
            length = seconds + (args.seconds if silence_at is not None else 0.0)
            results.add(repair=title, file_s=length, gaps=num_gaps, **cost)
    one, few = took["a minute, one gap"], took[f"a minute, {FEW_GAPS} gaps"]
    of_a_gap = (few - one) / (FEW_GAPS - 1)
    expected = one - of_a_gap + took["copying the whole"] + args.num_gaps * of_a_gap
    silence = took["the whole and silence"] - took["the whole"]
    copying = took["copying the whole and silence"] - took["copying the whole"]
    results.findings += [
        f"A gap takes {of_a_gap:.2f} s, a start {one - of_a_gap:.1f} s: with copying, the whole is expected to take "
        f"{expected:.0f} s, and takes {took['the whole'] / expected:.3f} times that.",
        f"The silence costs {silence:.1f} s more, copying it {copying:.1f} s.",
    ]
    results.write()


if __name__ == "__main__":
    main()
