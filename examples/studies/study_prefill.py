"""
Study what a hole does to the codes beside it: the share of context codes that differ from those of intact audio, by
distance to the gap, with the gap filled by zeros, by a line, and by the continuation of its edges.

    python examples/studies/study_prefill.py --data_dir recordings --output_file outputs/prefill_study.md

Choose on recordings that the model was trained on, or on others, but never on those that results are reported on.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from segments import recordings_in
from tables import head_of, write_page

import aidd
from aidd.models.wavtokenizer import encode
from aidd.signals.recordings import read_excerpt, recording_length
from aidd.signals.resampling import resample


FILLS = {
    "zeros": lambda audio, mask, rate: np.where(mask, 0.0, audio),
    "line": lambda audio, mask, rate: aidd.METHODS["linear"](audio, mask, sampling_rate=rate),
    "continuation": lambda audio, mask, rate: aidd.METHODS["autoregressive"](audio, mask, sampling_rate=rate),
}
DISTANCES = 6


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, required=True, help="Folder of intact recordings.")
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown table to write.")
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Folder or Hub id of the AIDD model.")
    parser.add_argument("--gap_ms", type=float, nargs="+", default=[100.0, 300.0, 750.0])
    parser.add_argument("--windows_per_recording", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


@torch.no_grad()
def main() -> None:
    args = parse_args()
    pipe = aidd.AIDDPipeline.from_pretrained(args.model)
    rate, hop = pipe.sampling_rate, pipe.codec.config.hop_length
    length = pipe.transformer.config.max_position_embeddings * hop
    draw = np.random.default_rng(args.seed)
    flips: dict[tuple, list] = {}

    def codes_of(audio: np.ndarray, gain: float) -> np.ndarray:
        return encode(pipe.codec, torch.tensor(gain * audio, dtype=torch.float32)[None, None])[0, 0].numpy()

    for path in recordings_in([args.data_dir]):
        num_samples, file_rate = recording_length(path)
        audio = resample(read_excerpt(path, 0, num_samples), file_rate, rate)
        for _ in range(args.windows_per_recording):
            start = draw.integers(len(audio) - length)
            window = audio[start : start + length]
            gain = 0.7 / max(np.abs(window).max(), 1e-4)
            clean = codes_of(window, gain)
            for gap_ms in args.gap_ms:
                gap = round(gap_ms / 1000 * rate)
                first = (length - gap) // 2 + draw.integers(hop)
                mask = np.zeros(length, bool)
                mask[first : first + gap] = True
                before, behind = first // hop, -(-(first + gap) // hop)
                for name, fill in FILLS.items():
                    changed = codes_of(fill(window, mask, rate), gain) != clean
                    sides = [changed[:before][::-1][:DISTANCES], changed[behind:][:DISTANCES]]
                    flips.setdefault((gap_ms, name), []).append(
                        np.concatenate([*sides, [changed[behind:][DISTANCES:].mean()]])
                    )

    columns = [f"{side}{i}" for side in ("-", "+") for i in range(1, DISTANCES + 1)] + [f"beyond +{DISTANCES}"]
    lines = [
        *head_of(args),
        f"| gap (ms) | filled by | n | {' | '.join(columns)} |",
        "| --- " * (3 + len(columns)) + "|",
    ]
    for (gap_ms, name), values in flips.items():
        shares = " | ".join(f"{share:.2f}" for share in np.mean(values, axis=0))
        lines.append(f"| {gap_ms:g} | {name} | {len(values)} | {shares} |")
    write_page(args.output_file, lines)


if __name__ == "__main__":
    main()
