"""
Tokenise recordings for `examples/train.py`.

    python examples/tokenize_dataset.py --model outputs/wavtokenizer --audio_dir recordings --output_dir outputs/tokens
    accelerate launch examples/tokenize_dataset.py --model outputs/wavtokenizer \
        --audio_dir maestro-v3.0.0 --layout maestro --split train --output_dir outputs/tokens_maestro

Reads a folder of audio files, MusicNet or MAESTRO as they are unpacked (`--layout`, with the official splits), or an
audio data set of the Hugging Face Hub (`--dataset_name`). Writes a data set (`datasets.load_from_disk`) with a row a
recording: its codes, name and playing speed. Each recording is averaged to mono and resampled, and encoded in blocks
with context on both sides, each at the same peak level, as the pipeline encodes its windows. `--speeds 0.94 1 1.06`
adds faster and slower copies, whose pitch changes as well.

`accelerate launch` shares the recordings among processes; the result is the same. Encoded recordings are kept in
`parts`, in the output folder: a run that was stopped, or that finds new recordings, encodes only those missing.
"""

import argparse
import hashlib
import json
import os
import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from datasets import (
    Dataset,
    Features,
    List,
    Value,
    concatenate_datasets,
    disable_progress_bars,
    load_dataset,
    load_from_disk,
)
from tqdm.auto import tqdm

from aidd.models.codecs import Codec
from aidd.models.loading_codecs import load_codec
from aidd.models.wavtokenizer import encode
from aidd.signals.levels import PEAK
from aidd.signals.recordings import (
    MonoReader,
    Recording,
    dataset_recordings,
    folder_recordings,
    maestro_recordings,
    musicnet_recordings,
)
from aidd.training.codec.codec_record import codec_digest
from aidd.training.runs.scripts import HelpFormatter, errors_in_one_line


FEATURES = Features({"recording": Value("string"), "speed": Value("float64"), "audio_codes": List(Value("int32"))})


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument("--model", required=True, help="Folder or Hub id of a WavTokenizer, XCodec2 or NeuCodec.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--audio_dir", type=Path, help="Folder of audio files.")
    source.add_argument("--dataset_name", help="Audio data set on the Hub, or a folder that `load_dataset` reads.")
    parser.add_argument(
        "--layout",
        choices=("folder", "musicnet", "maestro"),
        default="folder",
        help="Layout of --audio_dir: any audio files in it and below it, or MusicNet or MAESTRO, which need --split.",
    )
    parser.add_argument(
        "--split", help="Split of MusicNet (train, test), MAESTRO (train, validation, test) or --dataset_name."
    )
    parser.add_argument("--dataset_config_name", help="Configuration of --dataset_name.")
    parser.add_argument("--audio_column_name", default="audio", help="Column of --dataset_name that holds the audio.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Where the data set is written.")
    parser.add_argument("--speeds", type=float, nargs="+", default=[1.0], help="Playing speeds of the copies.")
    parser.add_argument(
        "--max_seconds", type=float, help="Seconds of each recording that are read, from its start. Default: all."
    )
    parser.add_argument(
        "--block_seconds", type=float, default=8.0, help="Audio encoded at a time, without its context."
    )
    parser.add_argument("--context_seconds", type=float, default=0.64, help="Context on both sides of a block.")
    parser.add_argument("--device", help="Device to encode on. Default: the one that accelerate gives the process.")
    args = parser.parse_args()
    needs_split = args.dataset_name is not None or args.layout != "folder"
    if needs_split != (args.split is not None):
        parser.error(f"--split: {'needed' if needs_split else 'a folder of audio files has none'}")
    if args.dataset_name is not None and args.layout != "folder":
        parser.error("--layout: only --audio_dir has one")
    return args


def find_recordings(args: argparse.Namespace) -> list[Recording]:
    if args.dataset_name is not None:
        dataset = load_dataset(args.dataset_name, args.dataset_config_name, split=args.split)
        return dataset_recordings(dataset, args.audio_column_name)
    if args.layout == "folder":
        return folder_recordings(args.audio_dir)
    return {"musicnet": musicnet_recordings, "maestro": maestro_recordings}[args.layout](args.audio_dir, args.split)


@torch.no_grad()
def encode_in_blocks(model: Codec, reader: MonoReader, block: int, context: int) -> np.ndarray:
    """Codes, int32 `(num_tokens,)`; block and context in tokens."""
    hop = model.config.hop_length
    codes = []
    for start in range(0, -(-reader.num_samples // hop), block):
        first = max(start - context, 0)
        window = torch.from_numpy(reader.read(first * hop, (start + block + context) * hop))
        window = window * (PEAK / window.abs().max().clamp(min=1e-4))
        encoded = encode(model, window[None, None].to(model.device))[0, 0]
        codes.append(encoded[start - first :][:block].cpu().numpy())
    return np.concatenate(codes).astype(np.int32)


def part_of(parts: Path, recording: Recording) -> Path:
    """Folder for a recording's rows. It is a digest, as names may hold what file names cannot."""
    return parts / hashlib.sha256(recording.name.encode()).hexdigest()[:32]


def check_settings(path: Path, settings: dict) -> None:
    """Checks that the parts in a folder were made with the same settings. Processes that start together write them."""
    if not path.exists():
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(settings, indent=2) + "\n")
        temporary.replace(path)
    found = json.loads(path.read_text())
    for name, value in settings.items():
        if found.get(name) != value:
            raise ValueError(f"{path} has {name} {found.get(name)}, got {value}: choose another --output_dir")


def main() -> None:
    args = parse_args()
    disable_progress_bars()
    # Processes wait for one another until all is encoded, which may take long.
    state = PartialState(cpu=args.device == "cpu", timeout=timedelta(days=30))
    with errors_in_one_line():
        model = load_codec(args.model)
    model = model.to(args.device or state.device).eval()
    tokens_a_second = model.config.sampling_rate / model.config.hop_length
    block, context = (round(seconds * tokens_a_second) for seconds in (args.block_seconds, args.context_seconds))
    parts = args.output_dir / "parts"
    names = ("dataset_name", "dataset_config_name", "audio_column_name", "layout", "split")
    names += ("speeds", "max_seconds", "block_seconds", "context_seconds")
    settings = {name: getattr(args, name) for name in names} | {"codec_digest": codec_digest(model)}
    # The name alone, as folders are moved.
    settings["audio_dir"] = args.audio_dir and args.audio_dir.resolve().name
    with errors_in_one_line():
        recordings = find_recordings(args)
        parts.mkdir(parents=True, exist_ok=True)
        check_settings(parts / "settings.json", settings)
    # Shared out before finished ones are left out, as these change while the processes start.
    mine = recordings[state.process_index :: state.num_processes]
    mine = [recording for recording in mine if not part_of(parts, recording).exists()]
    for recording in tqdm(mine, "Tokenising", unit="recording", disable=not state.is_local_main_process):
        rows = []
        for speed in args.speeds:
            with errors_in_one_line():
                reader = MonoReader(recording, model.config.sampling_rate, speed=speed, max_seconds=args.max_seconds)
            with reader:
                codes = encode_in_blocks(model, reader, block, context)
            rows.append({"recording": recording.name, "speed": speed, "audio_codes": codes})
        part = part_of(parts, recording)
        temporary = part.with_name(f"{part.name}.unfinished")
        shutil.rmtree(temporary, ignore_errors=True)
        Dataset.from_list(rows, FEATURES).save_to_disk(temporary)
        temporary.rename(part)

    state.wait_for_everyone()
    if state.is_main_process:
        # Until the new files are whole, there is no data set to load.
        (args.output_dir / "state.json").unlink(missing_ok=True)
        tokens = concatenate_datasets([load_from_disk(part_of(parts, recording)) for recording in recordings])
        tokens.save_to_disk(args.output_dir)
        num_codes = sum(map(len, tokens["audio_codes"]))
        print(
            f"{args.output_dir} has {num_codes} tokens of {len(recordings)} recordings. Next: accelerate launch "
            f"examples/train.py --train_data_dir {args.output_dir} --output_dir TRANSFORMER"
        )
    state.destroy_process_group()


if __name__ == "__main__":
    main()
