"""
Measure what a codec's round trip keeps of recordings: log-spectral and log-mel distance, and use of the codebook.

    python examples/evaluate_codec.py --data_dir recordings --output_file outputs/codec.md

Segments of 4.17 s, evenly spread over each recording, are brought to the codec's rate and a peak of -3 dBFS, encoded
and decoded. Beside the round trip stands the same audio without anything above 6 kHz, as a known loss to compare with.
Distances are over whole segments, without any splice. Intervals are 95 % bootstrap intervals by recording.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from scipy.signal import butter, sosfiltfilt
from studies.segments import segments_in
from studies.tables import mean_and_interval, write_page

import aidd
from aidd.evaluation.metrics import log_mel_distance, log_spectral_distance
from aidd.models.wavtokenizer import decode, encode
from aidd.signals.levels import PEAK
from aidd.signals.resampling import resample
from aidd.training.codec.codebook_usage import CodebookUsage


CUTOFF = 6000
KINDS = ("LSD", "log-mel distance")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, nargs="+", required=True, help="Folders of intact recordings.")
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown table to write.")
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Folder or Hub id of the AIDD model.")
    parser.add_argument("--segments_per_recording", type=int, default=8)
    return parser.parse_args()


def low_pass(audio: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Without a shift in time; 6 dB down at 6 kHz and 60 dB at 7.1 kHz."""
    return sosfiltfilt(butter(12, CUTOFF, fs=sampling_rate, output="sos"), audio)


def main() -> None:
    args = parse_args()
    codec = aidd.AIDDPipeline.from_pretrained(args.model).codec
    rate = codec.config.sampling_rate
    values, recordings, all_codes = defaultdict(list), [], []
    for path, _, segment, file_rate in segments_in(args.data_dir, args.segments_per_recording):
        audio = resample(segment, file_rate, rate)
        audio = audio * (PEAK / np.abs(audio).max())
        with torch.no_grad():
            codes = encode(codec, torch.from_numpy(audio)[None, None].to(codec.dtype))
            decoded = decode(codec, codes)[0, 0].double().numpy()[: len(audio)]
        all_codes.append(codes.flatten())
        recordings.append(path.stem)
        for name, estimate in {"round trip": decoded, f"low-passed at {CUTOFF} Hz": low_pass(audio, rate)}.items():
            values[name, "LSD"].append(log_spectral_distance(audio, estimate))
            values[name, "log-mel distance"].append(log_mel_distance(audio, estimate, sampling_rate=rate))

    usage = CodebookUsage(codec.config.codebook_size, num_batches=1)
    usage.record(torch.cat(all_codes))
    codes_in_use, perplexity = usage.measure()
    lines = ["| | LSD | log-mel distance |", "| --- | --- | --- |"]
    for name in dict.fromkeys(name for name, _ in values):
        lines.append(f"| {name} | {' | '.join(mean_and_interval(values[name, kind], recordings) for kind in KINDS)} |")
    lines += [
        "",
        f"n = {len(recordings)} segments of {len(set(recordings))} recordings. Codes in use: {codes_in_use} of "
        f"{codec.config.codebook_size}, with a perplexity of {perplexity:.0f}.",
    ]
    write_page(args.output_file, lines)


if __name__ == "__main__":
    main()
