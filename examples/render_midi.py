"""
Render MIDI files through a soundfont to mono FLAC, for training data.

    python examples/render_midi.py --midi_dir MIDI --soundfont piano.sf2 --output_dir renders

Needs Debian's `fluidsynth` (`apt-get install fluidsynth`; soundfonts: `fluid-soundfont-gm`). Each render is normalised
to a peak of -3 dBFS. Files already rendered are skipped.
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf
from tqdm.auto import tqdm


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--midi_dir", type=Path, required=True, help="Folder of .mid files.")
    parser.add_argument("--soundfont", type=Path, required=True, help="Soundfont (.sf2) to render with.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder for the FLAC files.")
    parser.add_argument("--sampling_rate", type=int, default=24_000, help="Hz of the renders.")
    return parser.parse_args()


def render(midi: Path, soundfont: Path, sampling_rate: int, output: Path) -> None:
    with tempfile.TemporaryDirectory(dir=output.parent) as folder:
        wav = Path(folder) / "render.wav"
        # Reverb and chorus off: rooms are the recordings' affair.
        options = ["-ni", "-q", "-R", "0", "-C", "0", "-r", str(sampling_rate), "-F", str(wav)]
        subprocess.run(["fluidsynth", *options, str(soundfont), str(midi)], check=True, capture_output=True)
        audio, _ = sf.read(wav, dtype="float32", always_2d=True)
        mono = audio.mean(1)
        peak = np.abs(mono).max()
        if peak == 0:
            raise ValueError(f"{midi} renders to silence with {soundfont}: does it hold the programs it plays?")
        flac = Path(folder) / "render.flac"
        sf.write(flac, mono * (10 ** (-3 / 20) / peak), sampling_rate, subtype="PCM_16")
        flac.replace(output)


def main() -> None:
    args = parse_args()
    if shutil.which("fluidsynth") is None:
        raise SystemExit("fluidsynth is not installed: apt-get install fluidsynth")
    # Given a soundfont that does not exist, fluidsynth plays with another and reports success.
    if not args.soundfont.is_file():
        raise SystemExit(f"{args.soundfont}: no such soundfont")
    midis = sorted(args.midi_dir.glob("*.mid*"))
    if not midis:
        raise SystemExit(f"{args.midi_dir} holds no .mid file")
    args.output_dir.mkdir(parents=True, exist_ok=True)
    for midi in tqdm(midis, desc="Rendering", unit="file"):
        output = args.output_dir / f"{midi.stem}.flac"
        if not output.exists():
            render(midi, args.soundfont, args.sampling_rate, output)


if __name__ == "__main__":
    main()
