"""
Repair a folder by `examples/inpaint_dataset.py` in one process and in several.

    python benchmarks/many_processes.py --output benchmarks/results/many_processes.json

The folder holds copies of a recording in stereo at 44.1 kHz, each with gaps of its own. Each process computes with
one thread. The times include the start of every process, which loads Python, torch and the model; all start at the
same time. `starting` is the time of a folder with one short file for each process: what does not become less with
more processes, and becomes more where they share a core. `efficiency` is one process's time over that of several and
their number; with more processes than cores, cores in place of processes. `of the rest` is the same for what is left
without starting.
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


# Length of the files that take next to no time but for the start.
SHORT_SECONDS = 4.0
SCRIPT = Path(__file__).parents[1] / "examples" / "inpaint_dataset.py"


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__)
    parser.add_argument("--model", help="Folder or Hub id of the AIDD model. Default: the one in the package.")
    parser.add_argument("--audio", type=Path, default=PRELUDE, help="Recording. Default: the examples' prelude.")
    parser.add_argument("--seconds", type=float, default=30.0, help="Length of each file.")
    parser.add_argument("--num_files", type=int, default=12, help="Files in the folder.")
    parser.add_argument("--num_gaps", type=int, default=4, help="Gaps in each file.")
    parser.add_argument("--gap_ms", type=float, default=300.0, help="Length of the gaps.")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4], help="Numbers of processes; 1 first.")
    return parser.parse_args()


def write_folder(args: argparse.Namespace, folder: Path, num_files: int, seconds: float, num_gaps: int) -> None:
    folder.mkdir()
    audio = stereo(args.audio, seconds)
    for number in range(num_files):
        sf.write(folder / f"{number:03d}.wav", audio.T, SAMPLING_RATE, subtype="PCM_16")
        starts = (np.arange(num_gaps) + 0.3 + 0.4 * number / num_files) * seconds / num_gaps
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
    results, took, rest = Results(args), {}, {}
    with tempfile.TemporaryDirectory() as name:
        folder, output_dir = Path(name) / "in", Path(name) / "out"
        write_folder(args, folder, args.num_files, args.seconds, args.num_gaps)
        contents = []
        for num_processes in args.processes:
            short = Path(name) / f"{num_processes} short files"
            write_folder(args, short, num_processes, SHORT_SECONDS, 1)
            starting = repair(args, short, Path(name) / f"{num_processes} repaired", num_processes)
            took[num_processes] = repair(args, folder, output_dir, num_processes)
            rest[num_processes] = took[num_processes] - starting
            contents.append([path.read_bytes() for path in sorted((output_dir / "audio").rglob("*.wav"))])
            shutil.rmtree(output_dir)
            at_once = min(num_processes, os.cpu_count() or 1)
            results.add(
                processes=num_processes,
                files=args.num_files,
                seconds=took[num_processes],
                starting=starting,
                efficiency=took[args.processes[0]] / took[num_processes] / at_once,
                of_the_rest=rest[args.processes[0]] / rest[num_processes] / at_once,
            )
    same = len(contents[0]) == args.num_files and all(content == contents[0] for content in contents)
    results.findings += [
        f"{number} processes take {took[number] / took[args.processes[0]]:.2f} of one's time."
        for number in args.processes[1:]
    ]
    results.findings.append(f"The files that they write are {'the same' if same else 'NOT the same'}.")
    results.write()


if __name__ == "__main__":
    main()
