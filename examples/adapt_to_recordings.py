"""
Have a token model learn intact recordings, of one artist or instrument, and keep what it has learned as an adapter.

    python examples/adapt_to_recordings.py --data_dir recordings_of_the_artist --output_dir adapters/artist
    aidd inpaint damaged.wav restored.wav --gap 3.2 3.95 --adapter adapters/artist

One piece in five of each recording is held out, ten at most, and what predicts these best is kept. Learning ends when
they get no better, or after `--max_seconds`. The model's own weights stay as they are. It needs PEFT, `pip install
"aidd[adapt]"`.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from aidd import DEFAULT_MODEL, AIDDPipeline
from aidd.signals.files import find_audio_files, read_audio


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, nargs="+", required=True, help="Folders of intact recordings.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder to save the adapter to.")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="Folder or Hub id of an AIDD pipeline.")
    parser.add_argument("--max_seconds", type=float, default=600.0, help="How long to learn, at most.")
    parser.add_argument("--max_steps", type=int, help="How many steps to learn, at most. Default: no bound.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of all draws.")
    return parser.parse_args(args)


def recordings_of(paths: Sequence[Path]) -> Iterator[tuple[np.ndarray, int]]:
    """Audio and rate of one file after another."""
    for path in tqdm(paths, unit="recording", desc="Encoding"):
        recording = read_audio(path)
        yield recording.samples, recording.sampling_rate


def main() -> None:
    args = parse_args()
    paths = [path for folder in args.data_dir for path in find_audio_files(folder)]
    pipe = AIDDPipeline.from_pretrained(args.model)
    adaptation = pipe.adapt_to_recordings(
        recordings_of(paths), max_seconds=args.max_seconds, max_steps=args.max_steps, seed=args.seed
    )
    pipe.save_adapter(args.output_dir)
    print(json.dumps(adaptation.to_dict()))


if __name__ == "__main__":
    main()
