"""
Study what fills the band above the codec's in stereo recordings: noise at the edges' levels that their continuation
takes the place of, or noise at levels that the surroundings or the band below let expect.

    python examples/studies/study_full_band.py --data_dir stereo_recordings --output_dir outputs/full_band_study

Gaps of all lengths lie evenly spread over each recording, with up to two seconds around. The pipeline fills them once;
the other ways share what it puts below the edge of its band, and the noise above it with each other. `surroundings` is
the way of the pipeline. `band below, intact` knows the answer: it reads the band below of the music itself. Recordings
are grouped by the folders that they lie in. Rows of a way called `previous`, beside the others, are shown with them.

Rows are written as they are made, and a run that was stopped goes on where it stood. Choose on other recordings than
those that results are reported on.
"""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from band_below import band_below_power, nearest_frames_power
from full_band_figure import full_band_figure
from kept_rows import kept_rows
from segments import recordings_in
from tables import head_of, mean_and_interval, write_page

import aidd
from aidd.evaluation.metrics import level_error, log_mel_distance, onset_agreement
from aidd.signals.bands import erb_transform
from aidd.signals.files import read_audio
from aidd.signals.measures.spectrograms import frames_touching, magnitude_spectrogram
from aidd.signals.replacing import replacing
from aidd.splice.bandwidth_extension import expected_power, fill_up
from aidd.splice.channels import polarities
from aidd.splice.continuation import continuation, fade_to_silence, mix
from aidd.splice.filling import N_FFT, SpliceSettings
from aidd.splice.framed_filling import framed
from aidd.splice.matching import match_edges
from aidd.splice.surroundings import SPECTRUM_SECONDS, power_spectrum, surrounding_noise, surroundings_of


ORIGINAL, PREVIOUS, PIPELINE, SURROUNDINGS = "original", "previous", "pipeline", "surroundings"
MIXED, EDGES, INTACT, NEAREST = "mixed", "edges", "band below, intact", "nearest frames"
AMOUNTS = {"band below, 0.3": 0.3, "band below, 1": 1.0}
WAYS = (MIXED, EDGES, SURROUNDINGS, *AMOUNTS, NEAREST, INTACT)
KEY = ("recording", "gap_ms", "start", "way")
COLUMNS = {
    "log_mel": "log-mel above 10 kHz (dB)",
    "lsd": "LSD above 12 kHz (dB)",
    "level": "level above 12 kHz: mean, mean of absolute (dB)",
    "onsets": "onsets above 10 kHz",
    "log_mel_below": "log-mel up to 8 kHz (dB)",
}
# Hz from which on mel bands and onsets are compared, and up to which, and from which on spectra and levels are.
MEL_HERTZ, HIGHEST_HERTZ, HERTZ = 10_000.0, 20_000.0, 12_000.0
# What is read around a gap, at most and at least, and what is measured around it, at least.
AROUND_SECONDS, LEAST_SECONDS, MEASURED_SECONDS = 2.0, 1.0, 0.1
# Levels that take forever to forget what they were at the edges run straight from one to the other.
NO_FORGETTING = 1e4
NUM_POINTS = 24


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, nargs="+", required=True, help="Folders of intact stereo recordings.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder of the table, the figure and the rows.")
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Folder or Hub id of the AIDD model.")
    parser.add_argument("--gap_ms", type=float, nargs="+", default=[50.0, 100.0, 300.0, 750.0])
    parser.add_argument("--gaps_per_recording", type=int, default=1, help="Of each length.")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def fillings(
    restored: np.ndarray, audio: np.ndarray, mask: np.ndarray, rate: int, settings: SpliceSettings, seed: int
) -> dict[str, np.ndarray]:
    """
    What every way makes of a gap.

    Args:
        restored: by the pipeline, float64 `(channels, samples)`, of whom the band below is kept.
        audio: the original.
        mask: bool `(samples,)`, of one gap.
        rate: Hz.
        settings: of the pipeline's splice.
        seed: of the noise.

    Returns:
        By the names of the ways, float64 `(channels, samples)`.
    """
    start, end = np.flatnonzero(mask)[[0, -1]].tolist()
    gap = slice(start, end + 1)
    polarity = polarities(audio[:, ~mask])
    known = np.where(mask, np.nan, polarity * audio)
    whole = surroundings_of(known, mask, (gap.start, gap.stop))
    noise = surrounding_noise(
        whole.mono,
        num_samples=len(mask),
        n_fft=N_FFT,
        num_context=round(SPECTRUM_SECONDS * rate),
        generator=torch.Generator().manual_seed(seed),
        first_bin=math.ceil(settings.cutoff * N_FFT / rate),
    )
    matched = fade_to_silence(whole.mono, sampling_rate=rate) * match_edges(noise, whole, sampling_rate=rate)
    transform, band = erb_transform(rate), {"sampling_rate": rate, "lowest_hertz": settings.cutoff}
    filled = {way: restored.copy() for way in WAYS}
    for channel, noises in enumerate(matched):
        around = surroundings_of(known[channel], mask, (gap.start, gap.stop))
        below, intact = ((polarity * signals)[channel, gap] for signals in (restored, audio))
        estimate, weight = continuation(around, sampling_rate=rate, reach_seconds=settings.reach_seconds)
        frames = framed(below[None], around.before, around.after, transform)
        mixed = framed(mix(estimate, weight, noises)[None], around.before, around.after, transform).spectra()
        above = transform.f[:, None] >= settings.cutoff
        results = dict.fromkeys(WAYS, frames.filling_of(np.where(above, mixed, frames.spectra())))
        power = expected_power(around, **band)
        if power is not None:
            own = {"rate": rate, "lowest_hertz": settings.cutoff}
            powers = {
                EDGES: expected_power(around, **band, memory_seconds=NO_FORGETTING),
                SURROUNDINGS: power,
                NEAREST: nearest_frames_power(below, around, **own),
                INTACT: band_below_power(power, intact, around, **own, amount=1.0),
            }
            for way, amount in AMOUNTS.items():
                powers[way] = band_below_power(power, below, around, **own, amount=amount)
            for way, wanted in powers.items():
                results[way] = fill_up(below[None], weight * estimate, noises[None], around, wanted, **band)
        for way, result in results.items():
            filled[way][channel, gap] = polarity[channel, 0] * result[0]
    return filled


def above_12_khz(signals: np.ndarray, rate: int) -> np.ndarray:
    """The band from 12 to 20 kHz of signals `(..., samples)`."""
    frequencies = np.fft.rfftfreq(signals.shape[-1], 1 / rate)
    inside = (frequencies >= HERTZ) & (frequencies < HIGHEST_HERTZ)
    return np.fft.irfft(np.fft.rfft(signals) * inside, signals.shape[-1])


def log_spectral_distance_above(reference: np.ndarray, estimate: np.ndarray, mask: np.ndarray, rate: int) -> float:
    """Mean over frames of 12 ms of the root mean square of differences in dB from 12 to 20 kHz."""
    frames = {"window_length": 512, "hop_length": 128}
    frequencies = np.fft.rfftfreq(512, 1 / rate)
    inside = (frequencies >= HERTZ) & (frequencies < HIGHEST_HERTZ)
    touching = frames_touching(mask, **frames)
    levels = [
        10 * np.log10(magnitude_spectrogram(signals, **frames)[:, touching][..., inside] ** 2 + 1e-7)
        for signals in (reference, estimate)
    ]
    return float(np.sqrt(np.square(levels[0] - levels[1]).mean(-1)).mean())


def measured(audio: np.ndarray, filled: np.ndarray, mask: np.ndarray, rate: int) -> dict:
    """What tables and figure say of a filling, `(channels, samples)`, and of the original."""
    start, end = np.flatnonzero(mask)[[0, -1]].tolist()
    half = (end + 1 - start) // 2
    margin = max(round(MEASURED_SECONDS * rate), half)
    here = slice(start - margin, end + 1 + margin)
    audio, filled, mask = audio[:, here], filled[:, here], mask[here]
    high = above_12_khz(filled, rate)
    band = {"sampling_rate": rate, "f_min": MEL_HERTZ, "f_max": HIGHEST_HERTZ, "n_mels": 12}
    spectra = np.mean([power_spectrum(channel[mask], 1024) for channel in filled], axis=0)
    frequencies = np.fft.rfftfreq(1024, 1 / rate)
    edges = np.arange(MEL_HERTZ, HIGHEST_HERTZ + 1, 250)
    course = np.array_split(np.mean(high**2, axis=0)[margin - half : margin + 3 * half], NUM_POINTS)
    return {
        "log_mel": log_mel_distance(audio, filled, mask=mask, **band),
        "lsd": log_spectral_distance_above(audio, filled, mask, rate),
        "level": level_error(above_12_khz(audio, rate), high, mask),
        "onsets": onset_agreement(audio, filled, mask, **band),
        "log_mel_below": log_mel_distance(audio, filled, mask=mask, sampling_rate=rate),
        "spectrum": [
            10 * math.log10(spectra[(frequencies >= low) & (frequencies < low + 250)].mean() / 384 + 1e-15)
            for low in edges[:-1]
        ],
        "course": [10 * math.log10(part.mean() + 1e-15) for part in course],
    }


def measure_recordings(args: argparse.Namespace, done: set[tuple]) -> Iterator[dict]:
    """Yields the rows that are not done yet."""
    pipe = aidd.AIDDPipeline.from_pretrained(args.model)
    pipe.set_progress_bar_config(disable=True)
    lengths = args.gap_ms * args.gaps_per_recording
    for path in recordings_in(args.data_dir):
        recording = read_audio(path)
        samples, rate = recording.samples.astype(np.float64), recording.sampling_rate
        if len(samples) != 2:
            raise ValueError(f"{path}: expected two channels, got {len(samples)}")
        margin = round((LEAST_SECONDS + max(lengths) / 2000) * rate)
        for gap_ms, centre in zip(lengths, np.linspace(margin, samples.shape[-1] - margin, len(lengths)), strict=True):
            length = round(gap_ms / 1000 * rate)
            start = int(centre) - length // 2
            key = (path.stem, gap_ms, start)
            first = max(start - round(AROUND_SECONDS * rate), 0)
            audio = samples[:, first : start + length + round(AROUND_SECONDS * rate)]
            mask = np.zeros(audio.shape[-1], bool)
            mask[start - first : start - first + length] = True
            if (
                all((*key, way) in done for way in (ORIGINAL, PIPELINE, *WAYS))
                or not above_12_khz(audio, rate)[:, mask].any()
            ):
                continue
            generator = torch.Generator().manual_seed(args.seed)
            restored = pipe(np.where(mask, np.nan, audio), mask, sampling_rate=rate, generator=generator).audios
            filled = fillings(restored, audio, mask, rate, pipe.splice_settings(rate), args.seed)
            for way, result in ({ORIGINAL: audio, PIPELINE: restored} | filled).items():
                row = dict(zip(KEY, (*key, way), strict=True)) | {"kind": path.parent.name}
                if (*key, way) not in done:
                    yield row | measured(audio, result, mask, rate)


def table(rows: list[dict], group: str) -> list[str]:
    """Lines of a table of the ways in each group, with paired differences and their intervals."""
    lines = [
        f"| {group} | filled by | n | {COLUMNS['log_mel']} | less {PIPELINE} | less {SURROUNDINGS} | "
        f"{' | '.join(list(COLUMNS.values())[1:])} |",
        "| --- " * (len(COLUMNS) + 5) + "|",
    ]
    log_mel = {tuple(row[name] for name in KEY): row["log_mel"] for row in rows}
    for value in dict.fromkeys(row[group] for row in rows):
        for way in (PREVIOUS, PIPELINE, *WAYS):
            chosen = [row for row in rows if row[group] == value and row["way"] == way]
            if not chosen:
                continue
            recordings = [row["recording"] for row in chosen]
            differences = []
            for other in (PIPELINE, SURROUNDINGS):
                values = [row["log_mel"] - log_mel[(*(row[name] for name in KEY[:3]), other)] for row in chosen]
                differences.append("" if way == other else mean_and_interval(values, recordings))
            means = {name: np.mean([row[name] for row in chosen]) for name in COLUMNS}
            level = np.mean([abs(row["level"]) for row in chosen])
            lines.append(
                f"| {value} | {way} | {len(chosen)} | {means['log_mel']:.2f} | {' | '.join(differences)} "
                f"| {means['lsd']:.2f} | {means['level']:+.1f}, {level:.1f} | {means['onsets']:.2f} "
                f"| {means['log_mel_below']:.2f} |"
            )
    return lines


def main() -> None:
    args = parse_args()
    page = args.output_dir / "study.md"
    rows = kept_rows(page, KEY, lambda done: measure_recordings(args, done))
    for row in rows:
        row["all"], row["gap (ms)"] = "all", f"{row['gap_ms']:g}"
    tables = [line for group in ("all", "gap (ms)", "kind") for line in (*table(rows, group), "")]
    write_page(page, [*head_of(args), *tables])
    with replacing(args.output_dir / "full_band.png") as unfinished:
        full_band_figure(rows, (ORIGINAL, PREVIOUS, PIPELINE)).savefig(unfinished, format="png", dpi=110)


if __name__ == "__main__":
    main()
