"""
Tokenise a folder of recordings for `examples/train.py`.

    python examples/tokenize_dataset.py --model outputs/wavtokenizer --audio_dir recordings --output_dir outputs/tokens

Writes a data set (`datasets.load_from_disk`) with a row a recording: its codes, path and playing speed. Each recording
is brought to the same peak level, as the pipeline does with its windows, averaged to mono and resampled, and encoded
in blocks with context on both sides. `--speeds 0.94 1 1.06` adds faster and slower copies, pitch and all.
"""

import argparse
from pathlib import Path

import soundfile as sf
import torch
import torchaudio
from datasets import Dataset
from tqdm.auto import tqdm

from aidd.audio_io import find_audio_files
from aidd.models.wavtokenizer import WavTokenizerModel


PEAK = 10 ** (-3 / 20)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="A WavTokenizer folder or Hub id.")
    parser.add_argument("--audio_dir", type=Path, required=True, help="Folder of audio files.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Where the data set is written.")
    parser.add_argument("--speeds", type=float, nargs="+", default=[1.0], help="Playing speeds of the copies.")
    parser.add_argument("--max_seconds", type=float, help="Take this much of each recording, from its start.")
    parser.add_argument("--block_seconds", type=float, default=8.0, help="Audio encoded at a time, context aside.")
    parser.add_argument("--context_seconds", type=float, default=0.64, help="Context on both sides of a block.")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


def read_mono(path: Path, sampling_rate: int, speed: float, max_seconds: float | None) -> torch.Tensor:
    info = sf.info(path)
    frames = -1 if max_seconds is None else int(max_seconds * info.samplerate)
    audio, _ = sf.read(path, frames=frames, dtype="float32", always_2d=True)
    mono = torch.from_numpy(audio.mean(1))
    # A recording played faster is one taken at a higher rate.
    return torchaudio.functional.resample(mono, round(info.samplerate * speed), sampling_rate)


@torch.no_grad()
def encode_in_blocks(model: WavTokenizerModel, audio: torch.Tensor, block: int, context: int) -> torch.Tensor:
    """Codes `(num_tokens,)` of audio `(num_samples,)`; block and context in tokens."""
    hop = model.config.hop_length
    codes = []
    for start in range(0, -(-len(audio) // hop), block):
        first = max(start - context, 0)
        window = audio[first * hop : (start + block + context) * hop]
        window = window * (PEAK / window.abs().max().clamp(min=1e-4))
        encoded = model.encode(window[None, None].to(model.device)).audio_codes[0, 0]
        codes.append(encoded[start - first :][:block].cpu())
    return torch.cat(codes)


def main() -> None:
    args = parse_args()
    model = WavTokenizerModel.from_pretrained(args.model).to(args.device).eval()
    block, context = (
        round(seconds * model.config.frame_rate) for seconds in (args.block_seconds, args.context_seconds)
    )
    rows = []
    for path in tqdm(find_audio_files(args.audio_dir), "Tokenising", unit="file"):
        for speed in args.speeds:
            audio = read_mono(path, model.config.sampling_rate, speed, args.max_seconds)
            codes = encode_in_blocks(model, audio, block, context)
            rows.append({"recording": path.name, "speed": speed, "audio_codes": codes.tolist()})
    Dataset.from_list(rows).save_to_disk(args.output_dir)


if __name__ == "__main__":
    main()
