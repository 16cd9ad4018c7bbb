"""
Measure what a codec's round trip keeps of recordings, what its tokens depend on, and whether it holds a pitch.

    python examples/evaluate_codec.py --data_dir recordings --output_file outputs/codec.md

Segments of 4.17 s, evenly spread over each recording, are brought to the codec's rate and a peak of -3 dBFS, encoded
and decoded. Beside the round trip stands the same audio without anything above 6 kHz, as a known loss to compare with.
All is measured over whole segments, without any splice. Intervals are 95 % bootstrap intervals by recording.

A second table has the share of tokens that stay as they were when a segment's polarity is turned, the phase of all its
frequencies is turned by a quarter, or it is delayed. A third has ten steady tones of six partials, and how much of
their power is within 25 cents of their partials: after the round trip, and in a gap of a second (or as long as the
pipeline fills), which holds the round trip or a filling, put in as the pipeline does.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from scipy.signal import butter, hilbert, sosfiltfilt
from studies.segments import segments_in
from studies.tables import mean_and_interval, write_page
from transformers import WavTokenizerModel

import aidd
from aidd.evaluation.metrics import (
    chroma_agreement,
    log_mel_distance,
    log_spectral_distance,
    onset_agreement,
    partials_lost,
    share_in_tune,
    snr_in_gap,
)
from aidd.evaluation.protocols.geometry import centred_gap
from aidd.models.wavtokenizer import decode, encode
from aidd.signals.levels import PEAK
from aidd.signals.resampling import resample
from aidd.training.codec.codebook_usage import CodebookUsage


CUTOFF = 6000
KINDS = ("LSD", "log-mel distance", "chroma", "onsets", "partials lost (dB)")
# What tokens ought not to depend on.
VIEWS = {
    "polarity": lambda audio: -audio,
    "a quarter of a turn": lambda audio: np.imag(hilbert(audio)),
    "20 samples": lambda audio: np.pad(audio, (20, 0))[: len(audio)],
    "160 samples": lambda audio: np.pad(audio, (160, 0))[: len(audio)],
}
TONES = (110, 147, 175, 220, 233, 262, 311, 349, 440, 523)
IN_TUNE = 0.7


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


def round_trip(codec: WavTokenizerModel, audio: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
    """Codes of audio `(samples,)`, and what they decode to."""
    with torch.no_grad():
        codes = encode(codec, torch.from_numpy(audio.copy())[None, None].to(codec.dtype))
        return codes.flatten(), decode(codec, codes)[0, 0].double().numpy()[: len(audio)]


def steady_tone(pitch: float, rate: int) -> np.ndarray:
    """3 s of six partials."""
    time = np.arange(3 * rate) / rate
    tone = sum(np.sin(2 * np.pi * pitch * k * time + k) / k for k in range(1, 7))
    return tone * (PEAK / np.abs(tone).max())


def tone_in_tune(codec: WavTokenizerModel, pitch: float) -> float:
    """The share of power in tune in the middle second of the round trip of a tone."""
    rate = codec.config.sampling_rate
    _, decoded = round_trip(codec, steady_tone(pitch, rate))
    return share_in_tune(decoded[rate : 2 * rate], pitch, sampling_rate=rate)


def tone_in_gap(pipe: aidd.AIDDPipeline, pitch: float, gap_seconds: float) -> dict[str, float]:
    """The share of power in tune, and the SNR, of what is put into a gap in the middle of a tone."""
    rate = pipe.sampling_rate
    tone = steady_tone(pitch, rate)
    mask = centred_gap(len(tone), rate, gap_seconds=gap_seconds)
    damaged = np.where(mask, np.nan, tone)
    generator = torch.Generator().manual_seed(0)
    restored = {
        "round trip": pipe.reconstruct(tone, mask, sampling_rate=rate, generator=generator),
        "filling": pipe(damaged, mask, sampling_rate=rate, generator=generator).audios,
    }
    figures = {}
    for name, audio in restored.items():
        figures[f"power in tune, {name} in a gap"] = share_in_tune(audio[mask], pitch, sampling_rate=rate)
        figures[f"SNR (dB), {name} in a gap"] = snr_in_gap(tone, audio, mask)
    return figures


def main() -> None:
    args = parse_args()
    pipe = aidd.AIDDPipeline.from_pretrained(args.model)
    pipe.set_progress_bar_config(disable=True)
    codec = pipe.codec
    rate = codec.config.sampling_rate
    values, recordings, all_codes, kept = defaultdict(list), [], [], defaultdict(list)
    for path, _, segment, file_rate in segments_in(args.data_dir, args.segments_per_recording):
        audio = resample(segment, file_rate, rate)
        audio = audio * (PEAK / np.abs(audio).max())
        codes, decoded = round_trip(codec, audio)
        all_codes.append(codes)
        recordings.append(path.stem)
        for name, view in VIEWS.items():
            kept[name].append((round_trip(codec, view(audio))[0] == codes).double().mean().item())
        everywhere = np.ones(len(audio), bool)
        for name, estimate in {"round trip": decoded, f"low-passed at {CUTOFF} Hz": low_pass(audio, rate)}.items():
            measured = (
                log_spectral_distance(audio, estimate),
                log_mel_distance(audio, estimate, sampling_rate=rate),
                chroma_agreement(audio, estimate, everywhere, sampling_rate=rate),
                onset_agreement(audio, estimate, everywhere, sampling_rate=rate),
                partials_lost(audio, estimate, everywhere, sampling_rate=rate),
            )
            for kind, value in zip(KINDS, measured, strict=True):
                values[name, kind].append(value)

    usage = CodebookUsage(codec.config.codebook_size, num_batches=1)
    usage.record(torch.cat(all_codes))
    codes_in_use, perplexity = usage.measure()
    lines = [f"| | {' | '.join(KINDS)} |", "| --- " * (1 + len(KINDS)) + "|"]
    for name in dict.fromkeys(name for name, _ in values):
        lines.append(f"| {name} | {' | '.join(mean_and_interval(values[name, kind], recordings) for kind in KINDS)} |")
    lines += [
        "",
        f"n = {len(recordings)} segments of {len(set(recordings))} recordings. Codes in use: {codes_in_use} of "
        f"{codec.config.codebook_size}, with a perplexity of {perplexity:.0f}.",
        "",
        f"| tokens that stay under | {' | '.join(VIEWS)} |",
        "| --- " * (1 + len(VIEWS)) + "|",
        f"| share | {' | '.join(mean_and_interval(kept[name], recordings) for name in VIEWS)} |",
        "",
        f"| steady tone (Hz) | {' | '.join(map(str, TONES))} |",
        "| --- " * (1 + len(TONES)) + "|",
    ]
    gap_seconds = min(1.0, pipe.max_gap_seconds)
    tones = [{"power in tune": tone_in_tune(codec, pitch)} | tone_in_gap(pipe, pitch, gap_seconds) for pitch in TONES]
    for name in tones[0]:
        digits = 1 if name.startswith("SNR") else 2
        lines.append(f"| {name} | {' | '.join(f'{tone[name]:.{digits}f}' for tone in tones)} |")
    lines += ["", f"The gap lasts {gap_seconds:g} s.", ""]
    for name in tones[0]:
        if name.startswith("power"):
            num_held = sum(tone[name] >= IN_TUNE for tone in tones)
            lines.append(f"- {name}: {num_held} of {len(tones)} tones have {IN_TUNE:.0%} or more.")
    write_page(args.output_file, lines)


if __name__ == "__main__":
    main()
