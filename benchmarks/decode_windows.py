"""
Measure how audio decoded in a window differs from the same audio in a decoded recording, and what a window saves.

    python benchmarks/decode_windows.py --output benchmarks/results/decode_windows.json

The codec's decoder sees its whole input at once, in norms over time and in attention. The benchmark encodes
recordings and decodes their tokens as a whole. Then it decodes gaps, evenly spread over the recordings, within
windows: of the length of a training window, as a pipeline does, and of the gap with a few tokens on each side. All
differences are measured in the gap, in dB relative to the signal there: root mean square over root mean square (over
all gaps, and the largest of a gap), and largest sample over largest sample. `dB to recording` is the root mean square
of the decoded audio minus the recording, over that of the recording, over all gaps; it shows whether one way of
decoding is better than another. The tokens are those of the intact audio.
"""

import argparse
import statistics
from pathlib import Path

import numpy as np
import torch
from measuring import Results, argument_parser, stopwatch

import aidd
from aidd.models.wavtokenizer import decode, encode
from aidd.signals.files import read_audio
from aidd.signals.levels import PEAK
from aidd.signals.resampling import resample
from aidd.signals.samples import SAMPLES, sample_recordings


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__)
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Folder or Hub id of the AIDD model.")
    parser.add_argument(
        "--audio", type=Path, nargs="+", help=f"Recordings. Default: those in the package, {SAMPLES.name}."
    )
    parser.add_argument("--gap_tokens", type=int, nargs="+", default=[4, 28, 56], help="Lengths of the gaps.")
    parser.add_argument(
        "--context_tokens",
        type=int,
        nargs="+",
        default=[8, 16, 32, 64],
        help="Tokens on each side of a gap, beside a training window.",
    )
    parser.add_argument("--gaps_per_recording", type=int, default=8, help="Gaps of each length in a recording.")
    return parser.parse_args()


def rms(signals: np.ndarray, axis: int | None = None) -> np.ndarray:
    return np.sqrt(np.square(signals).mean(axis))


def decibels(numerator: np.ndarray, denominator: np.ndarray) -> float:
    """The largest of ratios of amplitudes, in dB."""
    tiny = np.finfo(float).tiny
    return float(20 * np.log10(np.maximum(numerator, tiny) / np.maximum(denominator, tiny)).max())


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    results = Results(args)
    pipe = aidd.AIDDPipeline.from_pretrained(args.model)
    codec, training_window = pipe.codec, pipe.transformer.config.max_position_embeddings
    hop = codec.config.hop_length

    @torch.no_grad()
    def audio_of(tokens: torch.Tensor) -> np.ndarray:
        return decode(codec, tokens[None, None])[0, 0].double().numpy()

    recordings = []
    for path in args.audio or sample_recordings().values():
        audio = read_audio(path)
        mono = resample(audio.samples.mean(0), audio.sampling_rate, codec.config.sampling_rate)
        with torch.no_grad():
            mono = mono * (PEAK / np.abs(mono).max())
            tokens = encode(codec, torch.from_numpy(mono)[None, None].to(codec.dtype))[0, 0]
        with stopwatch() as elapsed:
            whole = audio_of(tokens)
        recordings.append((mono, tokens, whole, elapsed.seconds))
    for gap in args.gap_tokens:
        contexts = {gap + 2 * context: str(context) for context in args.context_tokens}
        contexts[training_window] = "training window"
        # Windows lie within the recordings, and all have the same gaps.
        margin = max(contexts)
        for _, tokens, _, _ in recordings:
            if len(tokens) < margin + gap:
                raise ValueError(f"recordings must have at least {margin + gap} tokens, got {len(tokens)}")
        for length in [*sorted(contexts), None]:
            decoded_gaps, expected_gaps, recorded_gaps, seconds = [], [], [], []
            for mono, tokens, whole, whole_seconds in recordings:
                starts = np.linspace(margin // 2, len(tokens) - gap - margin // 2, args.gaps_per_recording)
                for start in starts.astype(int):
                    inside = slice(start * hop, (start + gap) * hop)
                    decoded_gaps.append(whole[inside])
                    seconds.append(whole_seconds)
                    if length is not None:
                        first = start - (length - gap) // 2
                        with stopwatch() as elapsed:
                            window = audio_of(tokens[first : first + length])
                        seconds[-1] = elapsed.seconds
                        decoded_gaps[-1] = window[(start - first) * hop : (start - first + gap) * hop]
                    expected_gaps.append(whole[inside])
                    recorded_gaps.append(mono[inside])
            decoded, expected, recorded = map(np.stack, (decoded_gaps, expected_gaps, recorded_gaps))
            difference = decoded - expected
            to_whole = (
                decibels(rms(difference), rms(expected)),
                decibels(rms(difference, -1), rms(expected, -1)),
                decibels(np.abs(difference).max(-1), np.abs(expected).max(-1)),
            )
            of_all, of_a_gap, of_a_sample = (None, None, None) if length is None else to_whole
            results.add(
                gap_tokens=gap,
                window_tokens=length,
                context_tokens="whole recording" if length is None else contexts[length],
                gaps=len(decoded),
                RMS_dB=of_all,
                largest_RMS_dB=of_a_gap,
                largest_sample_dB=of_a_sample,
                dB_to_recording=decibels(rms(decoded - recorded), rms(recorded)),
                ms_a_decoding=1000 * statistics.median(seconds),
            )
        smallest, *_, training, _ = results.rows[-len(contexts) - 1 :]
        results.findings.append(
            f"A gap of {gap} tokens decoded in {smallest['window tokens']} differs from the whole by "
            f"{smallest['RMS dB']:.1f} dB, in {training['window tokens']} by {training['RMS dB']:.1f} dB."
        )
    results.write()


if __name__ == "__main__":
    main()
