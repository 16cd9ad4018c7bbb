"""
Study how much of the spectral lines beside a gap its filling should take on: distances and agreements against the
amount, and against gap length.

    python examples/studies/study_fine_structure.py --data_dir recordings --output_file outputs/fine_structure_study.md

One centred gap in segments of 4.17 s, evenly spread over each recording, filled from the same tokens with every
amount; `codec` fills it with the round trip of the intact audio, with the same amounts, and `envelope_noise` is shaped
noise.
Choose on recordings that the model was trained on, or on others, but never on those that results are reported on.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from segments import segments_in
from tables import head_of, write_page

import aidd
from aidd.evaluation.embedders import RandomProjectionEmbedder
from aidd.evaluation.methods.evaluated_methods import methods_of_aidd, methods_without_model
from aidd.evaluation.metrics import (
    chroma_agreement,
    level_error,
    log_spectral_distance,
    onset_agreement,
    paired_kernel_audio_distance,
)
from aidd.evaluation.protocols.geometry import centred_gap
from aidd.signals.resampling import resample


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, required=True, nargs="+", help="Folders of intact recordings.")
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown table to write.")
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Folder or Hub id of the AIDD model.")
    parser.add_argument("--gap_ms", type=float, nargs="+", default=[100.0, 200.0, 300.0, 750.0])
    parser.add_argument("--amounts", type=float, nargs="+", default=[0.0, 0.5, 0.75, 1.0])
    parser.add_argument("--segments_per_recording", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    pipe = aidd.AIDDPipeline.from_pretrained(args.model)
    pipe.set_progress_bar_config(disable=True)
    methods, embedder = methods_without_model() | methods_of_aidd(pipe), RandomProjectionEmbedder()
    runs = [(name, amount) for name in ("aidd", "codec") for amount in args.amounts]
    scores, embeddings = defaultdict(list), defaultdict(list)
    for _, start, segment, rate in segments_in(args.data_dir, args.segments_per_recording):
        # The window of 1 s around the gap.
        first = (len(segment) - rate) // 2
        for gap_ms in args.gap_ms:
            mask = centred_gap(len(segment), rate, gap_seconds=gap_ms / 1000)
            filled = {("original", None): segment}
            for name, amount in [*runs, ("envelope_noise", None)]:
                if amount is not None:
                    pipe.register_to_config(fine_structure=amount)
                filled[name, amount] = methods[name](
                    segment if name == "codec" else np.where(mask, np.nan, segment),
                    mask,
                    sampling_rate=rate,
                    generator=torch.Generator().manual_seed(start),
                )
            for key, restored in filled.items():
                window = resample(restored[None, first : first + rate], rate, embedder.sampling_rate)
                embeddings[(gap_ms, *key)].append(embedder(window)[0])
                scores[(gap_ms, *key)].append(
                    (
                        log_spectral_distance(segment, restored),
                        abs(level_error(segment, restored, mask)),
                        chroma_agreement(segment, restored, mask, sampling_rate=rate),
                        onset_agreement(segment, restored, mask, sampling_rate=rate),
                    )
                )
    lines = [
        *head_of(args),
        "| gap (ms) | filled by | amount | n | LSD | level error (dB) | chroma | onsets | KAD |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (gap_ms, name, amount), values in scores.items():
        if name != "original":
            lsd, level, chroma, onset = np.mean(values, axis=0)
            kad = paired_kernel_audio_distance(embeddings[gap_ms, "original", None], embeddings[gap_ms, name, amount])
            shown = "" if amount is None else f"{amount:g}"
            lines.append(
                f"| {gap_ms:g} | {name} | {shown} | {len(values)} | {lsd:.4f} | {level:.2f} | {chroma:.3f} "
                f"| {onset:.3f} | {kad:.3f} |"
            )
    write_page(args.output_file, lines)


if __name__ == "__main__":
    main()
