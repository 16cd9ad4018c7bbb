"""
Render MIDI files through soundfonts to mono FLAC, for training data.

    python examples/render_midi.py --midi_dir MIDI --output_dir renders --soundfont piano.sf2

    python examples/render_midi.py --midi_dir MIDI --output_dir renders \
        --soundfont piano.sf2 --soundfont other_piano.sf2 --num_variations 4 \
        --transposition -5 6 --tempo 0.9 1.1 --velocity 0.8 1.1 \
        --reverb_level 0 0.3 --equaliser_db 3 --noise_db -75 -55

Every MIDI file, in the folder and below it, is rendered through every soundfont, `--num_variations` times. What varies
is drawn from the ranges given, evenly; by default nothing does. A draw depends on the seed, the names of the MIDI file
and of the soundfont, and the variation's number alone. Renders, `NAME.SOUNDFONT.VARIATION.flac`, have a peak of
-3 dBFS and no silence before and after. `manifest.jsonl` beside them has a line each with all that was drawn; renders
that it lists are skipped, so that a run that was stopped goes on.

Needs Debian's `fluidsynth` (`apt-get install fluidsynth`; soundfonts: `fluid-soundfont-gm`).
"""

import argparse
import json
import math
import shutil
import signal
import subprocess
import tempfile
import zlib
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
from scipy.signal import firwin2, oaconvolve
from tqdm.auto import tqdm

from aidd.signals.files import write_audio
from aidd.signals.levels import PEAK
from aidd.training.data.midi_edits import edit_midi


# Largest sample of fluidsynth's output that counts as silence; loud notes reach 0.1 or more.
SILENCE = 1e-5
# Frequencies whose gains are drawn.
EQUALISER_HZ = (100, 400, 1600, 6400)
# Pink noise: its spectrum falls by 3 dB per octave.
NOISE_HZ = 50 * 2 ** np.arange(9)
NOISE_DB = -3 * np.arange(9)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--midi_dir", type=Path, required=True, help="Folder of .mid and .midi files.")
    parser.add_argument(
        "--soundfont", type=Path, required=True, action="append", help="Soundfont (.sf2) to render with. Repeatable."
    )
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder for the FLAC files.")
    parser.add_argument("--sampling_rate", type=int, default=24_000, help="Hz of the renders.")
    parser.add_argument("--max_seconds", type=float, help="Render this much of each file, from its first sound.")
    parser.add_argument("--num_variations", type=int, default=1, help="Renders of a file with each soundfont.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the draws.")
    parser.add_argument("--num_workers", type=int, default=1, help="Files rendered at a time.")
    ranges = parser.add_argument_group("ranges of the variations")
    for name, default, meaning in (
        ("transposition", (0, 0), "Semitones, whole ones. Drums stay."),
        ("tempo", (1.0, 1.0), "Speed, relative to the file's."),
        ("velocity", (1.0, 1.0), "Factor of the notes' velocities."),
        ("reverb_level", (0.0, 0.0), "Level of fluidsynth's reverb, 0 to 1."),
        ("room_size", (0.2, 0.8), "Size of the room, where there is reverb, 0 to 1."),
        ("noise_db", None, "Level (RMS) of pink noise, in dB relative to the music's peak. Default: no noise."),
    ):
        kind = int if name == "transposition" else float
        ranges.add_argument(
            f"--{name}", type=kind, nargs=2, default=default, metavar=("LOWEST", "HIGHEST"), help=meaning
        )
    bands = ", ".join(map(str, EQUALISER_HZ))
    ranges.add_argument("--equaliser_db", type=float, default=0.0, help=f"Largest gain or loss at {bands} Hz, in dB.")
    args = parser.parse_args()
    for name in ("transposition", "tempo", "velocity", "reverb_level", "room_size", "noise_db"):
        span = getattr(args, name)
        if span is not None and span[0] > span[1]:
            parser.error(f"--{name}: expected the lowest value first, got {span[0]} {span[1]}")
    varied = [args.transposition, args.tempo, args.velocity, args.reverb_level, (0, args.equaliser_db)]
    if args.num_variations > 1 and args.noise_db is None and all(low == high for low, high in varied):
        parser.error(f"--num_variations {args.num_variations} would all be alike: give a range to vary")
    return args


def draw_variation(args: argparse.Namespace, midi: str, soundfont: str, variation: int) -> dict:
    """Draws what a render is made with, in one order: a range that is changed leaves the other draws as they were."""
    draw = np.random.default_rng((args.seed, zlib.crc32(midi.encode()), zlib.crc32(soundfont.encode()), variation))
    return {
        "transposition": int(draw.integers(args.transposition[0], args.transposition[1], endpoint=True)),
        "tempo": draw.uniform(*args.tempo),
        "velocity": draw.uniform(*args.velocity),
        "reverb_level": draw.uniform(*args.reverb_level),
        "room_size": draw.uniform(*args.room_size),
        "equaliser_db": (args.equaliser_db * draw.uniform(-1, 1, len(EQUALISER_HZ))).tolist(),
        "noise_seed": int(draw.integers(2**32)),
        "noise_db": None if args.noise_db is None else draw.uniform(*args.noise_db),
    }


def play(midi: bytes, soundfont: Path, row: dict) -> np.ndarray:
    """Plays a MIDI file; float32 mono. Audio is read as it comes, so that no more is rendered than is asked for."""
    rate = row["sampling_rate"]
    reverb = ["-o", f"synth.reverb.level={row['reverb_level']}", "-o", f"synth.reverb.room-size={row['room_size']}"]
    options = ["-ni", "-q", "-C", "0", "-R", str(int(row["reverb_level"] > 0)), *reverb]
    options += ["-r", str(rate), "-T", "raw", "-O", "float", "-E", "little", "-F", "-"]
    wanted = math.inf if row["max_seconds"] is None else round(row["max_seconds"] * rate)
    audio = [np.zeros(0, np.float32)]
    length = 0
    with tempfile.NamedTemporaryFile(suffix=".mid") as file:
        file.write(midi)
        file.flush()
        command = ["fluidsynth", *options, str(soundfont), file.name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            while length < wanted and (block := process.stdout.read(8 * rate)):
                mono = np.frombuffer(block, "<f4").reshape(-1, 2).mean(1)
                # A movement cut from a recital may have the others left in it as half an hour of silence.
                if length == 0:
                    mono = mono[np.flatnonzero(np.abs(mono) > SILENCE).min(initial=len(mono)) :]
                audio.append(mono)
                length += len(mono)
            process.terminate()
    # It ended by itself without an error, or was stopped above.
    if process.returncode not in (0, -signal.SIGTERM):
        raise ValueError(f"fluidsynth ends with status {process.returncode}")
    audio = np.concatenate(audio)
    audio = audio if length < wanted else audio[:wanted]
    return audio[: np.flatnonzero(np.abs(audio) > SILENCE).max(initial=-1) + 1]


def shape_spectrum(audio: np.ndarray, sampling_rate: int, frequencies: np.ndarray, gains_db: np.ndarray) -> np.ndarray:
    """Applies gains at frequencies in Hz, interpolated over octaves, without delay."""
    grid = np.linspace(0, sampling_rate / 2, 1025)
    gains = np.interp(np.log(np.maximum(grid, 1)), np.log(frequencies), gains_db)
    return oaconvolve(audio, firwin2(1023, grid, 10 ** (gains / 20), fs=sampling_rate), mode="same")


def render(midi: Path, soundfont: Path, row: dict, output: Path) -> None:
    edited = edit_midi(
        midi.read_bytes(), transposition=row["transposition"], tempo=row["tempo"], velocity=row["velocity"]
    )
    audio = play(edited, soundfont, row)
    if any(row["equaliser_db"]):
        audio = shape_spectrum(audio, row["sampling_rate"], EQUALISER_HZ, row["equaliser_db"])
    peak = np.abs(audio).max(initial=0)
    if peak == 0:
        raise ValueError(f"{midi} renders to silence with {soundfont}: does it hold the programs it plays?")
    audio = audio / peak
    if row["noise_db"] is not None:
        white = np.random.default_rng(row["noise_seed"]).standard_normal(len(audio), np.float32)
        noise = shape_spectrum(white, row["sampling_rate"], NOISE_HZ, NOISE_DB)
        audio = audio + noise * (10 ** (row["noise_db"] / 20) / np.sqrt(np.mean(noise**2)))
    output.parent.mkdir(parents=True, exist_ok=True)
    audio = audio * (PEAK / np.abs(audio).max())
    write_audio(output, audio, sampling_rate=row["sampling_rate"], subtype="PCM_16")


def plan_renders(args: argparse.Namespace) -> dict[str, tuple[Path, Path, dict]]:
    """MIDI file, soundfont and manifest row of every render, by its name."""
    midis = sorted(path for path in args.midi_dir.rglob("*") if path.suffix.lower() in (".mid", ".midi"))
    if not midis:
        raise SystemExit(f"{args.midi_dir} holds no .mid file")
    plan = {}
    for midi in midis:
        for soundfont in args.soundfont:
            for variation in range(args.num_variations):
                name = midi.relative_to(args.midi_dir)
                render_name = name.with_name(f"{midi.stem}.{soundfont.stem}.{variation}.flac").as_posix()
                if render_name in plan:
                    raise SystemExit(
                        f"{midi} with {soundfont} and {plan[render_name][:2]} would both be {render_name}"
                    )
                row = {"render": render_name, "midi": name.as_posix(), "soundfont": soundfont.name}
                row |= {"variation": variation, "seed": args.seed}
                row |= {"sampling_rate": args.sampling_rate, "max_seconds": args.max_seconds}
                row |= draw_variation(args, name.as_posix(), soundfont.name, variation)
                plan[render_name] = midi, soundfont, row
    return plan


def read_manifest(path: Path) -> dict[str, dict]:
    """Rows of an earlier run, by render. Half a line at the end, left by a kill, is removed from the file."""
    if not path.exists():
        return {}
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole)
    return {row["render"]: row for row in map(json.loads, whole.splitlines())}


def main() -> None:
    args = parse_args()
    if shutil.which("fluidsynth") is None:
        raise SystemExit("fluidsynth is not installed: apt-get install fluidsynth")
    for soundfont in args.soundfont:
        # Given a soundfont that does not exist, fluidsynth plays with another and reports success.
        if not soundfont.is_file():
            raise SystemExit(f"{soundfont}: no such soundfont")
    plan = plan_renders(args)
    args.output_dir.mkdir(parents=True, exist_ok=True)
    manifest = args.output_dir / "manifest.jsonl"
    done = read_manifest(manifest)
    for name in done.keys() & plan.keys():
        if done[name] != plan[name][2]:
            raise SystemExit(f"{manifest} has {name} of another --seed or other ranges: choose another --output_dir")
    missing = [item for name, item in plan.items() if name not in done]

    def render_one(item: tuple[Path, Path, dict]) -> dict:
        midi, soundfont, row = item
        render(midi, soundfont, row, args.output_dir / row["render"])
        return row

    with ThreadPool(args.num_workers) as pool, manifest.open("a") as file:
        # Rows come in the plan's order, whatever the number of workers.
        for row in tqdm(pool.imap(render_one, missing), "Rendering", len(missing), unit="file"):
            file.write(json.dumps(row, allow_nan=False) + "\n")
            file.flush()


if __name__ == "__main__":
    main()
