"""
Repair a folder by `examples/inpaint_dataset.py` in one process and in two.

    python benchmarks/two_processes.py --output benchmarks/results/two_processes.json

The folder holds copies of a recording in stereo at 44.1 kHz, each with gaps of its own. Each process computes with
one thread. The times include the start of every process, which loads Python, torch and the model; both start at the
same time.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf
from measuring import PRELUDE, Results, argument_parser, stopwatch
from one_gap import SAMPLING_RATE, stereo


SCRIPT = Path(__file__).parents[1] / "examples" / "inpaint_dataset.py"


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__)
    parser.add_argument("--model", help="Folder or Hub id of the AIDD model. Default: the one in the package.")
    parser.add_argument("--audio", type=Path, default=PRELUDE, help="Recording. Default: the examples' prelude.")
    parser.add_argument("--seconds", type=float, default=30.0, help="Length of each file.")
    parser.add_argument("--num_files", type=int, default=12, help="Files in the folder.")
    parser.add_argument("--num_gaps", type=int, default=4, help="Gaps in each file.")
    parser.add_argument("--gap_ms", type=float, default=300.0, help="Length of the gaps.")
    return parser.parse_args()


def write_folder(args: argparse.Namespace, folder: Path) -> None:
    folder.mkdir()
    audio = stereo(args.audio, args.seconds)
    for number in range(args.num_files):
        sf.write(folder / f"{number:03d}.wav", audio.T, SAMPLING_RATE, subtype="PCM_16")
        starts = (np.arange(args.num_gaps) + 0.3 + 0.4 * number / args.num_files) * args.seconds / args.num_gaps
        labels = "".join(f"{start:.6f}\t{start + args.gap_ms / 1000:.6f}\tgap\n" for start in starts)
        (folder / f"{number:03d}.txt").write_text(labels)


def repair(args: argparse.Namespace, audio_dir: Path, output_dir: Path, num_processes: int) -> float:
    """Seconds on the clock."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", num_processes]
    command += [SCRIPT, "--audio_dir", audio_dir, "--output_dir", output_dir, "--method", "aidd"]
    command += ["--model", args.model] if args.model else []
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": str(args.threads)}
    with stopwatch() as elapsed:
        subprocess.run(list(map(str, command)), env=environment, check=True, capture_output=True)
    return elapsed.seconds


def main() -> None:
    args = parse_args()
    results, took = Results(args), {}
    with tempfile.TemporaryDirectory() as name:
        write_folder(args, Path(name) / "in")
        contents = []
        for num_processes in (1, 2):
            output_dir = Path(name) / "out"
            took[num_processes] = repair(args, Path(name) / "in", output_dir, num_processes)
            contents.append([path.read_bytes() for path in sorted((output_dir / "audio").rglob("*.wav"))])
            shutil.rmtree(output_dir)
            results.add(processes=num_processes, files=args.num_files, seconds=took[num_processes])
    same = len(contents[0]) == args.num_files and contents[0] == contents[1]
    results.findings.append(
        f"Two processes take {took[2] / took[1]:.2f} of one's time, and the files they write are "
        f"{'the same' if same else 'NOT the same'}."
    )
    results.write()


if __name__ == "__main__":
    main()
