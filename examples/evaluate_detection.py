"""
Measure the detection of damage on a folder of intact recordings.

    python examples/evaluate_detection.py --data_dir recordings --seed 0

Every recording is damaged in three ways, one at a time:

- dropouts of 1 to 20 ms, one a second on average, every second one silence and the others the last value held;
- clipping at a level drawn from 80 to 99 % of the recording's peak, above and below;
- clicks, one a second on average, bursts of white noise of 1 sample to 1 ms, 20 dB above the local residual: the RMS,
  over 20 ms, of the prediction error of an autoregressive model of order 32 of the intact recording.

Damage is rounded to 16 bits. What was found is scored sample by sample, over all recordings together, where the intact
recording exceeds -50 dBFS RMS (over 50 ms around). False alarms are counted on the intact recordings, as gaps: those
closer than 10 ms are one. Channels are averaged. Prints a Markdown table.
"""

import argparse
from pathlib import Path

import numpy as np
import soundfile as sf
from scipy.ndimage import uniform_filter1d
from scipy.signal import lfilter
from tqdm.auto import tqdm

from aidd.detection import find_clicks, find_clipping, find_dropouts
from aidd.masks.gaps import find_gaps
from aidd.signals.autoregressive import burg
from aidd.signals.files import find_audio_files


LEAST_LEVEL = 10 ** (-50 / 20)
FULL_SCALE = 2**15
ORDER = 32


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, required=True, help="Folder of intact recordings.")
    parser.add_argument("--start_seconds", type=float, default=0.0, help="Where to begin in each recording.")
    parser.add_argument("--max_seconds", type=float, default=None, help="What to take of each recording, at most.")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def levels(audio: np.ndarray, seconds: float, rate: int) -> np.ndarray:
    """Running RMS, `(samples,)`."""
    return np.sqrt(np.maximum(uniform_filter1d(audio**2, round(seconds * rate)), 0))


def places(audio: np.ndarray, rate: int, generator: np.random.Generator) -> np.ndarray:
    """Starts of damage, at least 50 ms apart and from the ends, one a second on average, where there is music."""
    step = rate // 20
    grid = np.arange(step, len(audio) - 2 * step, 2 * step)
    chosen = grid[generator.random(len(grid)) < 2 * step / rate] + generator.integers(0, step)
    return chosen[levels(audio, 0.05, rate)[chosen] > LEAST_LEVEL]


def drop_out(audio: np.ndarray, rate: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    damaged, missing = audio.copy(), np.zeros(len(audio), bool)
    for number, start in enumerate(places(audio, rate, generator)):
        end = start + round(generator.uniform(0.001, 0.02) * rate)
        damaged[start:end] = 0 if number % 2 else audio[start - 1]
        missing[start:end] = True
    return damaged, missing


def clip(audio: np.ndarray, rate: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    ceiling = np.round(np.abs(audio).max() * generator.uniform(0.8, 0.99) * FULL_SCALE) / FULL_SCALE
    return np.clip(audio, -ceiling, ceiling), np.abs(audio) > ceiling


def click(audio: np.ndarray, rate: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    damaged, missing = audio.copy(), np.zeros(len(audio), bool)
    reach = rate // 40
    for start in places(audio, rate, generator):
        around = audio[start - reach : start + reach]
        error = lfilter(burg(around * np.hanning(len(around)), ORDER), [1.0], around)
        residual = np.sqrt(np.mean(error[reach - rate // 100 : reach + rate // 100] ** 2))
        noise = generator.standard_normal(generator.integers(1, rate // 1000 + 1))
        noise *= 10 * residual / np.sqrt(np.mean(noise**2))
        end = start + len(noise)
        damaged[start:end] = np.round((audio[start:end] + noise) * FULL_SCALE) / FULL_SCALE
        missing[start:end] = True
    return damaged, missing


KINDS = {
    "dropouts": (drop_out, lambda audio, rate: find_dropouts(audio, sampling_rate=rate)),
    "clipping": (clip, lambda audio, rate: find_clipping(audio)[0]),
    "clicks": (click, lambda audio, rate: find_clicks(audio, sampling_rate=rate)),
}


def num_alarms(found: np.ndarray, rate: int) -> int:
    gaps = find_gaps(found)
    return int(len(gaps) > 0) + int(np.count_nonzero(gaps[1:, 0] - gaps[:-1, 1] > rate / 100))


def main() -> None:
    args = parse_args()
    hits, damaged_samples, found_samples, alarms = (dict.fromkeys(KINDS, 0) for _ in range(4))
    seconds, alarming = 0.0, []
    for number, path in enumerate(tqdm(find_audio_files(args.data_dir), unit="recording")):
        rate = sf.info(path).samplerate
        audio, _ = sf.read(
            path,
            start=round(args.start_seconds * rate),
            frames=-1 if args.max_seconds is None else round(args.max_seconds * rate),
            always_2d=True,
        )
        audio = audio.mean(1)
        seconds += len(audio) / rate
        loud = levels(audio, 0.05, rate) > LEAST_LEVEL
        generator = np.random.default_rng([args.seed, number])
        for kind, (damage, find) in KINDS.items():
            damaged, truth = damage(audio, rate, generator)
            found = find(damaged, rate)
            hits[kind] += np.count_nonzero(found & truth & loud)
            damaged_samples[kind] += np.count_nonzero(truth & loud)
            found_samples[kind] += np.count_nonzero(found & loud)
            false = num_alarms(find(audio, rate), rate)
            alarms[kind] += false
            if false:
                alarming.append(f"{path.name}: {false} ({kind})")
    print("| damage | samples | recall | precision | false alarms in ten minutes |\n" + "| --- " * 5 + "|")
    for kind in KINDS:
        recall, precision = (hits[kind] / max(total[kind], 1) for total in (damaged_samples, found_samples))
        rate_of_alarms = alarms[kind] / seconds * 600
        print(f"| {kind} | {damaged_samples[kind]} | {recall:.4f} | {precision:.4f} | {rate_of_alarms:.2f} |")
    print(f"\n{seconds / 60:.1f} minutes, seed {args.seed}. False alarms: {', '.join(alarming) or 'none'}.")


if __name__ == "__main__":
    main()
