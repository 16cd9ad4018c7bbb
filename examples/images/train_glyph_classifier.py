"""
Train a small network to read the letters and digits that `examples/images/train_image_ddpm.py` learns to draw.

    accelerate launch examples/images/train_glyph_classifier.py --output_dir outputs/glyph_classifier

It judges what `examples/images/repaint_images.py` fills in. `--output_dir` holds the model and, in `metrics.json`, its
accuracy on held-out pictures. It needs matplotlib: pip install aidd[report].
"""

import argparse
import json
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from diffusers.optimization import get_scheduler
from glyph_classifier import GlyphClassifier, read
from glyphs import CHARACTERS, GlyphDataset
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from aidd.evaluation.reports.bootstrap import bootstrap_interval
from aidd.training.runs.arguments import write_arguments
from aidd.training.runs.scripts import HelpFormatter


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument("--output_dir", type=Path, required=True, help="Where the model is written.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of weights and pictures; the test set has seed + 1.")
    parser.add_argument("--resolution", type=int, default=32, help="Height and width of the pictures.")
    parser.add_argument("--hidden_size", type=int, default=64, help="Number of features.")
    parser.add_argument("--train_batch_size", type=int, default=128, help="Pictures per process and step.")
    parser.add_argument("--max_train_steps", type=int, default=1000, help="Steps of the whole run.")
    parser.add_argument("--learning_rate", type=float, default=2e-3, help="Highest learning rate, after the warm-up.")
    parser.add_argument(
        "--num_test_images", type=int, default=2000, help="Number of pictures that the result is tested on."
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    accelerator = Accelerator()
    set_seed(args.seed)
    classifier = GlyphClassifier(len(CHARACTERS), args.hidden_size)
    num_images = args.max_train_steps * args.train_batch_size * accelerator.num_processes
    dataloader = DataLoader(GlyphDataset(num_images, args.seed, args.resolution), args.train_batch_size)
    optimizer = torch.optim.AdamW(classifier.parameters(), args.learning_rate)
    lr_scheduler = get_scheduler(
        "cosine",
        optimizer,
        num_warmup_steps=20 * accelerator.num_processes,
        num_training_steps=args.max_train_steps * accelerator.num_processes,
    )
    model, optimizer, dataloader, lr_scheduler = accelerator.prepare(classifier, optimizer, dataloader, lr_scheduler)
    for batch in tqdm(dataloader, "Training", disable=not accelerator.is_local_main_process):
        accelerator.backward(cross_entropy(model(batch["image"]), batch["label"]))
        optimizer.step()
        lr_scheduler.step()
        optimizer.zero_grad(set_to_none=True)

    if accelerator.is_main_process:
        classifier.eval()
        test = next(iter(DataLoader(GlyphDataset(args.num_test_images, args.seed + 1, args.resolution), 10**9)))
        correct = (read(classifier, test["image"])[0].cpu() == test["label"]).double().tolist()
        metrics = {
            "accuracy": sum(correct) / len(correct),
            "interval": bootstrap_interval(correct, range(len(correct))),
            "num_test_images": len(correct),
        }
        classifier.save_pretrained(args.output_dir)
        (args.output_dir / "metrics.json").write_text(json.dumps(metrics, indent=2))
        write_arguments(args.output_dir, args)
        accelerator.print(f"{args.output_dir} has the classifier, of accuracy {metrics['accuracy']:.4f}")
    accelerator.end_training()


if __name__ == "__main__":
    main()
