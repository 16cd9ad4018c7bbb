"""
Measure what the resampling of RePaint (Lugmayr et al., CVPR 2022) gains on pictures, compared with plain replacement
with as many calls of the network, for each family of masks of the paper.

    python examples/images/repaint_images.py --model outputs/glyph_ddpm --classifier outputs/glyph_classifier \
      --output_dir outputs/repaint_glyphs
    python examples/images/repaint_images.py --model google/ddpm-celebahq-256 --image_dir faces --num_images 8 \
      --presets paper --output_dir outputs/repaint_faces

Pictures are those of `--image_dir`, or, without one, glyphs (`examples/images/train_image_ddpm.py`) if the model makes
grey pictures, and else the photographs that come with scikit-learn (pip install scikit-learn). Each preset is compared
with plain replacement, whose steps are as many as the preset has calls, or all that the model has if those are fewer.

`--output_dir` gets `<family>.png` (the picture, what is left of it, fills), `<family>.npz` with all pictures, and
`results.json` and `results.md`. With `--classifier`, these hold how many fills it reads right, and the Fréchet
distance of its features of the fills from those of intact glyphs. Intervals are 95 % intervals, by the bootstrap over
pictures for means, and by the jackknife for distances. A run that was stopped goes on with the next family.
"""

import argparse
import json
import logging
from pathlib import Path

import numpy as np
import torch
from diffusers import DiffusionPipeline
from glyph_classifier import GlyphClassifier, read
from image_masks import MASK_FAMILIES
from PIL import Image, ImageDraw
from tqdm.auto import tqdm

from aidd.evaluation.metrics import frechet_audio_distance
from aidd.evaluation.reports.bootstrap import bootstrap_interval, jackknife_interval
from aidd.schedulers.repaint import PRESETS, num_network_calls, repaint


logger = logging.getLogger(__name__)
# Seed of the glyphs to fill: another than that of training.
GLYPH_SEED = 1000
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
# Rows of the pictures that are written.
NUM_SHOWN = 8


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="Folder or Hub id of a DDPM or DDIM pipeline of pictures.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Where pictures and tables are written.")
    parser.add_argument("--image_dir", type=Path, help="Folder of pictures; their middle is cut out and scaled.")
    parser.add_argument("--classifier", help="Folder of examples/images/train_glyph_classifier.py, for glyphs.")
    parser.add_argument(
        "--masks",
        nargs="+",
        choices=list(MASK_FAMILIES),
        default=list(MASK_FAMILIES),
        help="Families of masks. Default: all.",
    )
    parser.add_argument(
        "--presets",
        nargs="+",
        choices=[name for name, preset in PRESETS.items() if preset.num_resamplings > 1],
        default=["fast"],
        help="Settings of RePaint. Default: fast.",
    )
    parser.add_argument("--num_images", type=int, default=128, help="Largest number of pictures per family of masks.")
    parser.add_argument(
        "--num_reference_images",
        type=int,
        default=2000,
        help="Number of intact glyphs that distances are measured from.",
    )
    parser.add_argument("--batch_size", type=int, default=64, help="Pictures that are filled at a time.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of masks and fills.")
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu", help="Device to compute on."
    )
    args = parser.parse_args()
    if args.classifier and args.image_dir:
        parser.error("--classifier reads glyphs: it does not go with --image_dir")
    return args


def glyphs(number: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    # It needs matplotlib for its fonts; other pictures do not.
    from glyphs import render_glyph

    images, labels = zip(*(render_glyph(index, seed=seed, size=size) for index in range(number)), strict=True)
    return np.stack(images), np.array(labels)


def pictures(args: argparse.Namespace, channels: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures `(n, channels, size, size)` in [-1, 1], and the labels of glyphs, -1 for others."""
    if args.image_dir:
        paths = sorted(path for path in args.image_dir.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
        if not paths:
            raise ValueError(f"expected pictures ({', '.join(IMAGE_SUFFIXES)}) in {args.image_dir}, found none")
        opened = [Image.open(path) for path in paths[: args.num_images]]
    elif channels == 1:
        return glyphs(args.num_images, size, GLYPH_SEED)
    else:
        from sklearn.datasets import load_sample_images

        opened = [Image.fromarray(image) for image in load_sample_images().images[: args.num_images]]
    images = []
    for picture in opened:
        side = min(picture.size)
        left, top = ((extent - side) // 2 for extent in picture.size)
        picture = picture.convert("L" if channels == 1 else "RGB").crop((left, top, left + side, top + side))
        pixels = np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS), np.float32) / 127.5 - 1
        images.append(pixels.reshape(size, size, channels).transpose(2, 0, 1))
    return np.stack(images), np.full(len(images), -1)


def runs(presets: list[str], num_train_timesteps: int) -> dict[str, dict[str, int]]:
    """Arguments of [`repaint`] for each preset and its plain counterpart, by the name of the run."""
    named = {}
    for preset in presets:
        calls = num_network_calls(*PRESETS[preset])
        if calls > num_train_timesteps:
            logger.warning("%s takes %d calls; plain replacement has %d at most", preset, calls, num_train_timesteps)
        steps = min(calls, num_train_timesteps)
        named[preset] = PRESETS[preset]._asdict()
        named[f"plain, as {preset}"] = PRESETS["none"]._replace(num_inference_steps=steps)._asdict()
    return named


def fill(
    pipe: DiffusionPipeline, images: np.ndarray, masks: np.ndarray, times: dict[str, int], seed: int, batch_size: int
) -> np.ndarray:
    filled = []
    for first in tqdm(range(0, len(images), batch_size), unit="batch"):
        known, mask = (torch.from_numpy(array[first : first + batch_size]) for array in (images, masks))
        # One for each picture, so that the batch size has no effect.
        generators = [torch.Generator().manual_seed(seed * 10**6 + first + row) for row in range(len(known))]
        fills = repaint(
            lambda sample, timestep: pipe.unet(sample, timestep).sample,
            pipe.scheduler,
            known.to(pipe.device),
            mask.to(pipe.device),
            **times,
            generator=generators,
            progress=lambda calls: tqdm(calls, leave=False, unit="call"),
        )
        filled.append(fills.cpu().numpy())
    return np.concatenate(filled)


def show(path: Path, columns: dict[str, np.ndarray]) -> None:
    """Writes a sheet with a column for each of the sets `(n, channels, height, width)`, and a row for each picture."""
    size = next(iter(columns.values())).shape[-1]
    scale = max(1, -(-112 // size))
    cell, header = size * scale + 4, 16
    rows = min(NUM_SHOWN, len(next(iter(columns.values()))))
    sheet = Image.new("RGB", (cell * len(columns), header + cell * rows), "white")
    for column, (name, images) in enumerate(columns.items()):
        ImageDraw.Draw(sheet).text((column * cell + 2, 2), name, "black")
        for row, image in enumerate(images[:rows]):
            pixels = ((image.clip(-1, 1) + 1) * 127.5).round().astype(np.uint8).transpose(1, 2, 0)
            picture = Image.fromarray(pixels.repeat(3 // pixels.shape[2], axis=2))
            picture = picture.resize((size * scale, size * scale), Image.Resampling.NEAREST)
            sheet.paste(picture, (column * cell + 2, header + row * cell))
    sheet.save(path)


def measure(
    sets: dict[str, np.ndarray], labels: np.ndarray, classifier: GlyphClassifier, reference: np.ndarray
) -> dict[str, dict]:
    """
    Measures each set of pictures: the share read right, the distance from the reference, and the differences of both
    from the plain counterpart's, each as [value, lower end, upper end]. Differences are between the same pictures.
    """
    correct, features, distances = {}, {}, {}
    for name, images in sets.items():
        predicted, embedded = read(classifier, torch.from_numpy(images))
        correct[name] = (predicted.cpu().numpy() == labels).astype(float)
        features[name] = embedded.cpu().numpy()
    everyone = np.arange(len(labels))
    for name, embedded in features.items():
        whole = frechet_audio_distance(reference, embedded)
        left_out = [frechet_audio_distance(reference, embedded[everyone != one]) for one in everyone]
        distances[name] = whole, np.array(left_out)

    rows = {}
    for name in sets:
        whole, left_out = distances[name]
        rows[name] = {
            "accuracy": [correct[name].mean(), *bootstrap_interval(correct[name], everyone)],
            "frechet_distance": [whole, *jackknife_interval(whole, left_out)],
        }
        if (plain := f"plain, as {name}") in sets:
            gain = correct[name] - correct[plain]
            nearer, nearer_left_out = whole - distances[plain][0], left_out - distances[plain][1]
            rows[name] |= {
                "accuracy_less_plain": [gain.mean(), *bootstrap_interval(gain, everyone)],
                "frechet_distance_less_plain": [nearer, *jackknife_interval(nearer, nearer_left_out)],
            }
    return rows


def table(results: dict) -> str:
    columns = {
        "read right": ("accuracy", "{:.3f} [{:.3f}, {:.3f}]"),
        "less plain": ("accuracy_less_plain", "{:+.3f} [{:+.3f}, {:+.3f}]"),
        "distance": ("frechet_distance", "{:.2f} [{:.2f}, {:.2f}]"),
        "distance less plain": ("frechet_distance_less_plain", "{:+.2f} [{:+.2f}, {:+.2f}]"),
    }
    rows = [row for result in results["families"].values() for row in result["filled_by"].values()]
    columns = {name: column for name, column in columns.items() if any(column[0] in row for row in rows)}
    lines = [
        f"`{json.dumps(results['arguments'])}`",
        "",
        f"n = {results['num_images']} pictures a family of masks.",
        "",
        f"| {' | '.join(['mask', 'missing', 'filled by', 'calls', *columns])} |",
        "| --- " * (4 + len(columns)) + "|",
    ]
    for family, result in results["families"].items():
        for name, row in result["filled_by"].items():
            cells = [form.format(*row[key]) if key in row else "" for key, form in columns.values()]
            cells = [family, f"{result['missing']:.0%}", name, str(row.get("network_calls", "")), *cells]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    args = parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    pipe = DiffusionPipeline.from_pretrained(args.model).to(args.device)
    channels, size = pipe.unet.config.in_channels, pipe.unet.config.sample_size
    images, labels = pictures(args, channels, size)
    times = runs(args.presets, pipe.scheduler.config.num_train_timesteps)
    # Arguments that have no effect on the results.
    free = ("device", "output_dir", "masks", "batch_size")
    arguments = {name: value for name, value in vars(args).items() if name not in free}
    arguments = json.loads(json.dumps(arguments, default=str))
    args.output_dir.mkdir(parents=True, exist_ok=True)
    noted = args.output_dir / "arguments.json"
    if noted.exists() and json.loads(noted.read_text()) != arguments:
        raise ValueError(f"{args.output_dir} holds a run with the arguments {noted.read_text()}, not {arguments}")
    noted.write_text(json.dumps(arguments))

    for family in args.masks:
        path = args.output_dir / f"{family}.npz"
        if path.exists():
            logger.info("%s exists already", path)
            continue
        masks = np.stack(
            [MASK_FAMILIES[family](size, size, np.random.default_rng((args.seed, one))) for one in range(len(images))]
        )[:, None]
        fills = {}
        for name, time in times.items():
            logger.info("%s, %s: %d network calls a batch", family, name, num_network_calls(**time))
            fills[name] = fill(pipe, images, masks, time, args.seed, args.batch_size)
        unfinished = args.output_dir / "unfinished.npz"
        np.savez_compressed(unfinished, original=images, mask=masks, **fills)
        unfinished.rename(path)

    if args.classifier:
        classifier = GlyphClassifier.from_pretrained(args.classifier).eval()
        others = glyphs(args.num_images + args.num_reference_images, size, GLYPH_SEED)[0][args.num_images :]
        reference = read(classifier, torch.from_numpy(others))[1].numpy()
    results = {"arguments": arguments, "num_images": len(images), "families": {}}
    for family in args.masks:
        stored = dict(np.load(args.output_dir / f"{family}.npz"))
        masks = stored.pop("mask")
        original, fills = stored["original"], {name: stored[name] for name in times}
        show(args.output_dir / f"{family}.png", {"original": original, "left": np.where(masks, 0, original), **fills})
        # Glyphs are white on black.
        sets = {"original": original, "left": np.where(masks, -1, original), **fills}
        rows = measure(sets, labels, classifier, reference) if args.classifier else {name: {} for name in sets}
        for name, time in times.items():
            rows[name]["network_calls"] = num_network_calls(**time)
        results["families"][family] = {"missing": float(masks.mean()), "filled_by": rows}
    (args.output_dir / "results.json").write_text(json.dumps(results, indent=2))
    (args.output_dir / "results.md").write_text(table(results))


if __name__ == "__main__":
    main()
