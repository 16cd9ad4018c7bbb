"""
Study what becomes of stereo and of the band above the codec's: level difference and correlation of the channels inside
a gap, against those of its surroundings, and log-spectral distance at the recording's rate.

    python examples/studies/study_stereo.py --data_dir stereo_recordings --output_file outputs/stereo_study.md

Gaps lie evenly spread over each recording, with three seconds around. The surroundings are as long as the gap, and at
least 300 ms, on each side. `original` is the music itself: how much it moves from its surroundings. `restored at the
codec's rate` has nothing above the codec's band.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from segments import recordings_in
from tables import head_of, write_page

import aidd
from aidd.evaluation.metrics import log_spectral_distance
from aidd.signals.files import read_audio
from aidd.signals.resampling import resample


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, nargs="+", required=True, help="Folders of intact stereo recordings.")
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown tables to write.")
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Folder or Hub id of the AIDD model.")
    parser.add_argument("--gap_ms", type=float, nargs="+", default=[100.0, 300.0, 750.0])
    parser.add_argument("--gaps_per_recording", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def level_difference(channels: np.ndarray) -> float:
    """dB, of the first channel over the second."""
    return float(10 * np.log10(np.sum(channels[0] ** 2) / np.sum(channels[1] ** 2)))


def correlation(channels: np.ndarray) -> float:
    return float(np.corrcoef(channels)[0, 1])


def main() -> None:
    args = parse_args()
    pipe = aidd.AIDDPipeline.from_pretrained(args.model)
    pipe.set_progress_bar_config(disable=True)
    moved: dict[tuple, list] = {}
    distances: dict[tuple, list] = {}
    for path in recordings_in(args.data_dir):
        recording = read_audio(path)
        samples, rate = recording.samples.astype(np.float64), recording.sampling_rate
        if len(samples) != 2:
            raise ValueError(f"{path}: expected two channels, got {len(samples)}")
        reach = 2 * rate
        for centre in np.linspace(reach, samples.shape[-1] - reach, args.gaps_per_recording).astype(int):
            for gap_ms in args.gap_ms:
                audio = samples[:, centre - reach : centre + reach]
                length = round(gap_ms / 1000 * rate)
                gap = slice(reach - length // 2, reach - length // 2 + length)
                mask = np.zeros(2 * reach, bool)
                mask[gap] = True
                beside = max(length, round(0.3 * rate))
                around = np.concatenate(
                    [audio[:, gap.start - beside : gap.start], audio[:, gap.stop : gap.stop + beside]], axis=1
                )
                if min(np.abs(part).max(axis=1).min() for part in (around, audio[:, gap])) < 1e-3:
                    continue
                generator = torch.Generator().manual_seed(args.seed)
                restored = pipe(audio, mask, sampling_rate=rate, generator=generator).audios
                generator = torch.Generator().manual_seed(args.seed)
                low = pipe(
                    resample(audio, rate, pipe.sampling_rate),
                    mask_start_seconds=gap.start / rate,
                    mask_end_seconds=gap.stop / rate,
                    generator=generator,
                ).audios
                low = np.where(mask, resample(low, pipe.sampling_rate, rate)[:, : len(mask)], audio)
                for name, filled in (("original", audio), ("restored", restored)):
                    moved.setdefault((gap_ms, name), []).append(
                        (
                            level_difference(filled[:, gap]) - level_difference(around),
                            correlation(filled[:, gap]) - correlation(around),
                        )
                    )
                for name, filled in (("restored", restored), ("restored at the codec's rate", low)):
                    distances.setdefault((gap_ms, rate, name), []).append(
                        (log_spectral_distance(audio, filled), log_spectral_distance(audio, filled, mask=mask))
                    )
    lines = [
        *head_of(args),
        "| gap (ms) | | n | level difference: mean, mean of absolute (dB) | within 1.5 dB "
        "| correlation: mean, mean of absolute | within 0.15 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (gap_ms, name), values in moved.items():
        level, correlated = np.transpose(values)
        lines.append(
            f"| {gap_ms:g} | {name} | {len(values)} | {level.mean():+.2f}, {np.abs(level).mean():.2f} "
            f"| {np.mean(np.abs(level) <= 1.5):.0%} | {correlated.mean():+.3f}, {np.abs(correlated).mean():.3f} "
            f"| {np.mean(np.abs(correlated) <= 0.15):.0%} |"
        )
    lines += ["", "| gap (ms) | rate (Hz) | | n | LSD | LSD, frames that touch the gap |", "| --- " * 6 + "|"]
    for (gap_ms, rate, name), values in distances.items():
        whole, touched = np.mean(values, axis=0)
        lines.append(f"| {gap_ms:g} | {rate} | {name} | {len(values)} | {whole:.4f} | {touched:.3f} |")
    write_page(args.output_file, lines)


if __name__ == "__main__":
    main()
