"""
Study how much damage the detectors find, and how much clean music they take for damage, by their sensitivity. Behind
the tables of `aidd.detection.sensitivity`.

    python examples/studies/study_detection.py --data_dir recordings --output_file outputs/detection_study.md

False alarms are counted on segments of intact recordings, rounded to 16 bits, and on percussion: synthetic hits of
eight kinds over hiss, each kind with pitches, decays and rates of its own draws. Clicks are added to every n-th of the
segments, three a second on average, one kind at a time: bursts of noise of 1 sample to 1 ms, 20 dB above the local
prediction error; and single samples, flat pulses and half sines at 6 times the local RMS level. One counts as found
where at least half of its samples are. What is found at one sensitivity is taken out of what is found at the highest.
Choose on recordings of the training split, never on those that results are reported on.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from clicks import CLICKS, rounded, with_clicks
from segments import segments_in
from tables import head_of, write_page

from aidd.detection import find_clipping, find_dropouts
from aidd.detection.clicks import candidates_between, clicks_of
from aidd.detection.runs import statistics_of
from aidd.detection.sensitivity import SENSITIVITIES, click_threshold, dropout_seconds, flat_peaks
from aidd.masks.gaps import find_gaps, mask_of


PERCUSSION = ("woodblock", "castanets", "rim shot", "tom", "pizzicato", "claps", "sticks", "hi-hat")
HIT_SECONDS, PERCUSSION_SECONDS = 0.4, 4.17
# Gaps that are closer are one alarm.
ALARM_SECONDS = 0.01


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, nargs="+", required=True, help="Folders of intact recordings.")
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown tables to write.")
    parser.add_argument("--segments_per_recording", type=int, default=4)
    parser.add_argument("--damage_every", type=int, default=4, help="Which part of the segments clicks are added to.")
    parser.add_argument("--click", nargs="+", default=list(CLICKS), choices=CLICKS, help="Kinds of clicks.")
    parser.add_argument("--instrument", nargs="*", default=PERCUSSION, choices=PERCUSSION, help="Kinds of percussion.")
    parser.add_argument("--percussion", type=int, default=6, help="Recordings of each kind of percussion.")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def percussion(kind: str, draw: np.random.Generator) -> tuple[np.ndarray, int]:
    """A recording of hits that begin at once and die away, and its rate in Hz."""
    rate = int(draw.choice([24_000, 44_100, 48_000]))
    time = np.arange(round(HIT_SECONDS * rate)) / rate
    ranges = {"woodblock": (400, 2500, 60, 250), "castanets": (2000, 5000, 300, 900), "tom": (60, 300, 10, 60)}
    ranges |= {"rim shot": (1000, 3500, 150, 700), "pizzicato": (80, 700, 6, 12)}
    low, high, slow, fast = ranges.get(kind, (0, 0, 20, 200) if kind == "hi-hat" else (0, 0, 300, 1500))
    pitch, decay, phase = draw.uniform(low, high), draw.uniform(slow, fast), draw.choice([0, np.pi / 2])
    spacing, length = draw.uniform(0.007, 0.014), draw.uniform(0.001, 0.003)

    def hit() -> np.ndarray:
        if kind == "claps":
            since = np.minimum(time // spacing, 3) * spacing
            return np.where(time - since < length, draw.standard_normal(len(time)), 0.0)
        if pitch == 0:
            return draw.standard_normal(len(time)) * np.exp(-decay * time)
        partials = [k for k in range(1, 12 if kind == "pizzicato" else 2) if k * pitch < rate / 2]
        return sum(np.cos(2 * np.pi * pitch * k * time + phase) / k * np.exp(-decay * k * time) for k in partials)

    audio = np.zeros(round(PERCUSSION_SECONDS * rate))
    start = 0.13
    while start < PERCUSSION_SECONDS - HIT_SECONDS:
        first = round(start * rate)
        audio[first : first + len(time)] += draw.uniform(0.5, 1) * hit() * (1 - time / HIT_SECONDS)
        start += draw.uniform(0.12, 0.4)
    hiss = draw.choice([0, 1e-5, 1e-4, 1e-3]) * draw.standard_normal(len(audio))
    return rounded(0.7 * audio / np.abs(audio).max() + hiss), rate


def num_alarms(found: np.ndarray, rate: int) -> int:
    gaps = find_gaps(found)
    return int(len(gaps) > 0) + int(np.count_nonzero(gaps[1:, 0] - gaps[:-1, 1] > ALARM_SECONDS * rate))


def num_found(found: np.ndarray, places: list[tuple[int, int]]) -> int:
    return sum(bool(found[start:end].mean() >= 0.5) for start, end in places)


def clicks_of_all(audio: np.ndarray, rate: int) -> list[np.ndarray]:
    """Clicks at every sensitivity, bool `(samples,)`."""
    statistics, highest = statistics_of(audio), click_threshold(SENSITIVITIES[-1])
    whole = {"first": 0, "num_samples": len(audio), "sampling_rate": rate, "step": statistics.step}
    candidates = candidates_between(audio, (0, len(audio)), **whole, threshold=highest)
    found = []
    for sensitivity in SENSITIVITIES:
        enough = [one for one in candidates if one.score > click_threshold(sensitivity)]
        found.append(mask_of(clicks_of(enough, statistics, sampling_rate=rate), 0, len(audio)))
    return found


def dropouts_of_all(audio: np.ndarray, rate: int) -> list[np.ndarray]:
    return [find_dropouts(audio, sampling_rate=rate, min_seconds=dropout_seconds(at)) for at in SENSITIVITIES]


def clipping_of_all(audio: np.ndarray, rate: int) -> list[np.ndarray]:
    settings = [dict(zip(("min_peaks", "steps"), flat_peaks(at), strict=True)) for at in SENSITIVITIES]
    return [find_clipping(audio, **one)[0] for one in settings]


DETECTORS = {"clicks": clicks_of_all, "dropouts": dropouts_of_all, "clipping": clipping_of_all}


def alarms_a_minute(find: Callable, recordings: list[tuple[np.ndarray, int]]) -> list[str]:
    """False alarms a minute at every sensitivity, as text."""
    alarms = np.sum([[num_alarms(found, rate) for found in find(audio, rate)] for audio, rate in recordings], 0)
    return [f"{number:.2f}" for number in alarms / (sum(len(audio) / rate for audio, rate in recordings) / 60)]


def main() -> None:
    args = parse_args()
    segments = [
        (rounded(audio), rate) for _, _, audio, rate in segments_in(args.data_dir, args.segments_per_recording)
    ]
    hits = {
        kind: [percussion(kind, np.random.default_rng([args.seed, number, index])) for index in range(args.percussion)]
        for number, kind in enumerate(PERCUSSION)
        if kind in args.instrument
    }
    minutes = sum(len(audio) / rate for audio, rate in segments) / 60
    asked = [f"{sensitivity:g}" for sensitivity in SENSITIVITIES]
    lines = [*head_of(args), f"{len(segments)} segments of music, {minutes:.1f} minutes.", ""]
    lines += [f"| false alarms a minute, sensitivity | {' | '.join(asked)} |", "| --- " * (len(asked) + 1) + "|"]
    for kind, find in DETECTORS.items():
        lines.append(f"| music: {kind} | {' | '.join(alarms_a_minute(find, segments))} |")
    for kind, recordings in hits.items():
        lines.append(f"| {kind}: clicks | {' | '.join(alarms_a_minute(clicks_of_all, recordings))} |")

    lines += ["", f"| clicks found, sensitivity | n | {' | '.join(asked)} |", "| --- " * (len(asked) + 2) + "|"]
    for number, kind in enumerate(CLICKS):
        if kind not in args.click:
            continue
        found, total = np.zeros(len(SENSITIVITIES)), 0
        for index, (audio, rate) in enumerate(segments[:: args.damage_every]):
            damaged, places = with_clicks(audio, rate, kind, np.random.default_rng([args.seed, number, index]))
            total += len(places)
            found += [num_found(mask, places) for mask in clicks_of_all(damaged, rate)]
        lines.append(f"| {kind} | {total} | {' | '.join(f'{share:.2f}' for share in found / max(total, 1))} |")
    write_page(args.output_file, lines)


if __name__ == "__main__":
    main()
