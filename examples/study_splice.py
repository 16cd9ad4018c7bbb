"""
Study the splice and the guard tokens of a pipeline: log-spectral distance and SNR against gap and blend length.

    python examples/study_splice.py --data_dir recordings --output_file outputs/splice_study.md

One centred gap in segments of 4.17 s, evenly spread over each recording. Choose on recordings that the model was
trained on, or on others, but never on those that results are reported on.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

import aidd
from aidd.audio_io import find_audio_files
from aidd.evaluation.metrics import log_spectral_distance, snr_in_gap
from aidd.evaluation.segments import read_segments


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, required=True, help="Folder of intact recordings.")
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown table to write.")
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Folder or Hub id of the AIDD model.")
    parser.add_argument("--gap_ms", type=float, nargs="+", default=[100.0, 200.0, 300.0])
    parser.add_argument("--blend_ms", type=float, nargs="+", default=[10.0, 20.0, 50.0, 100.0, 200.0])
    parser.add_argument("--guard_tokens", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--segments_per_recording", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    pipe = aidd.AIDDPipeline.from_pretrained(args.model)
    pipe.set_progress_bar_config(disable=True)
    scores: dict[tuple, list] = {}
    for path in tqdm(find_audio_files(args.data_dir), unit="recording"):
        for _, segment, rate in read_segments(path, args.segments_per_recording):
            for gap_ms in args.gap_ms:
                gap = round(gap_ms / 1000 * rate)
                first = (len(segment) - gap) // 2
                mask = np.zeros(len(segment), bool)
                mask[first : first + gap] = True
                for guard in args.guard_tokens:
                    for blend_ms in args.blend_ms:
                        pipe.register_to_config(guard_tokens=guard, blend_seconds=blend_ms / 1000)
                        generator = torch.Generator().manual_seed(args.seed)
                        restored = pipe(segment, mask, sampling_rate=rate, generator=generator).audios
                        scores.setdefault((gap_ms, guard, blend_ms), []).append(
                            (log_spectral_distance(segment, restored), snr_in_gap(segment, restored, mask))
                        )
    lines = [
        f"`{json.dumps(vars(args), default=str)}`",
        "",
        "| gap (ms) | guard tokens | blend (ms) | n | LSD | SNR in gap (dB) |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for (gap_ms, guard, blend_ms), values in scores.items():
        lsd, snr = np.mean(values, axis=0)
        lines.append(f"| {gap_ms:g} | {guard} | {blend_ms:g} | {len(values)} | {lsd:.4f} | {snr:.2f} |")
    args.output_file.parent.mkdir(parents=True, exist_ok=True)
    args.output_file.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
