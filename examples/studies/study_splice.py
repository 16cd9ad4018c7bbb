"""
Study how the continuation of a gap's edges gives way to generated audio: log-spectral distance, SNR and level error of
several fade laws, against gap length and guard tokens.

    python examples/studies/study_splice.py --data_dir recordings --output_file outputs/splice_study.md

One centred gap in segments of 4.17 s, evenly spread over each recording. Choose on recordings that the model was
trained on, or on others, but never on those that results are reported on.

The laws give the continuation's amplitude w; the generated audio's is sqrt(1 - w^2). `fade` falls as a cosine over its
reach, whatever is predictable; `P` also multiplies w^2 by one less the continuation's expected error; `P^2`, the
package's law, by one less its square, and does not let fade what is all but certain. `continuation` has w = 1.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from segments import segments_in
from tables import head_of, write_page

import aidd
from aidd.evaluation.metrics import log_spectral_distance, snr_in_gap
from aidd.evaluation.protocols.geometry import centred_gap
from aidd.masks.gaps import find_gaps
from aidd.signals.autoregressive import EDGE_ORDER, EDGE_SECONDS
from aidd.splice.continuation import continuation_weight, continue_both_edges, edge_fade
from aidd.splice.surroundings import surroundings_of


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, required=True, nargs="+", help="Folders of intact recordings.")
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown table to write.")
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Folder or Hub id of the AIDD model.")
    parser.add_argument("--gap_ms", type=float, nargs="+", default=[20.0, 50.0, 100.0, 200.0, 300.0, 750.0])
    parser.add_argument("--reach_ms", type=float, nargs="+", default=[40.0, 80.0, 120.0, 200.0])
    parser.add_argument("--guard_tokens", type=int, nargs="+", default=[2])
    parser.add_argument("--segments_per_recording", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def laws(error: np.ndarray, left: bool, right: bool, reaches_ms: list[float], rate: int) -> dict[str, np.ndarray]:
    """Names and amplitudes of the continuation."""
    weights = {}
    for reach_ms in reaches_ms:
        reach = round(reach_ms / 1000 * rate)
        fade = edge_fade(len(error), reach, from_left=left, from_right=right)
        weights[f"fade, reach {reach_ms:g} ms"] = np.sqrt(fade)
        weights[f"P, reach {reach_ms:g} ms"] = np.sqrt(fade * (1 - np.minimum(error, 1)))
        weights[f"P^2, reach {reach_ms:g} ms"] = continuation_weight(error, reach, from_left=left, from_right=right)
    return {**weights, "continuation": np.ones(len(error))}


def main() -> None:
    args = parse_args()
    pipe = aidd.AIDDPipeline.from_pretrained(args.model)
    pipe.set_progress_bar_config(disable=True)
    scores: dict[tuple, list] = {}
    for _, _, segment, rate in segments_in(args.data_dir, args.segments_per_recording):
        for gap_ms in args.gap_ms:
            mask = centred_gap(len(segment), rate, gap_seconds=gap_ms / 1000)
            ((start, end),) = find_gaps(mask).tolist()
            gap = slice(start, end)
            estimate, error, (left, right) = continue_both_edges(
                surroundings_of(segment, mask, (start, end)), round(EDGE_SECONDS * rate), EDGE_ORDER
            )
            for guard in args.guard_tokens:
                # With no reach, the pipeline puts nothing but generated audio into the gap.
                pipe.register_to_config(guard_tokens=guard, reach_seconds=0.0, short_gap_seconds=0.0)
                generator = torch.Generator().manual_seed(args.seed)
                generated = pipe(segment, mask, sampling_rate=rate, generator=generator).audios[gap]
                for name, weight in laws(error, left, right, args.reach_ms, rate).items():
                    restored = segment.copy()
                    restored[gap] = weight * estimate + np.sqrt(1 - weight**2) * generated
                    level = 10 * np.log10(np.sum(restored[gap] ** 2) / np.sum(segment[gap] ** 2))
                    scores.setdefault((gap_ms, guard, name), []).append(
                        (log_spectral_distance(segment, restored), snr_in_gap(segment, restored, mask), abs(level))
                    )
    lines = [
        *head_of(args),
        "| gap (ms) | guard tokens | law | n | LSD | SNR in gap (dB) | level error (dB) |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (gap_ms, guard, name), values in scores.items():
        lsd, snr, level = np.mean(values, axis=0)
        lines.append(f"| {gap_ms:g} | {guard} | {name} | {len(values)} | {lsd:.4f} | {snr:.2f} | {level:.2f} |")
    write_page(args.output_file, lines)


if __name__ == "__main__":
    main()
