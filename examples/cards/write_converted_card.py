"""
Write the card of a pipeline that was converted from the authors' checkpoints: where its weights come from, and
who owns them.

    python examples/cards/write_converted_card.py --pipeline outputs/pipeline --repo_id owner/name \\
        --codec_checkpoint wavtokenizer.ckpt --transformer_checkpoint checkpoint.pth

It fills in `model_cards/converted/template.md`, with the names and hashes of the checkpoints' files, and writes it to
the pipeline's folder as README.md. `examples/publish.py` publishes both. Look up the license of the
weights where you found them, and give it with `--license`.
"""

import argparse
from pathlib import Path

from converted import check_files, check_repositories, part, summary
from huggingface_hub import ModelCard, ModelCardData

import aidd
from aidd.signals.replacing import replacing


TEMPLATE = Path(__file__).parents[2] / "model_cards" / "converted" / "template.md"


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pipeline", type=Path, required=True, help="Folder of the converted pipeline.")
    parser.add_argument("--repo_id", required=True, help="Repository that it is for, owner/name.")
    parser.add_argument("--codec_checkpoint", type=Path, required=True, help="File that the codec was converted from.")
    parser.add_argument(
        "--transformer_checkpoint", type=Path, required=True, help="File that the token model was converted from."
    )
    parser.add_argument(
        "--codec_origin",
        default="novateur/WavTokenizer-medium-music-audio-75token",
        help="Hub repository of the codec's file.",
    )
    parser.add_argument(
        "--transformer_origin", default="TaliDror/AIDD", help="Hub repository of the token model's file."
    )
    parser.add_argument("--license", default="mit", help="What the weights may be used for, as the Hub names it.")
    parser.add_argument(
        "--evaluation", type=Path, action="append", default=[], help="Output folder of `aidd evaluate`; once or more."
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    check_repositories(args.repo_id, args.codec_origin, args.transformer_origin)
    check_files(args.codec_checkpoint, args.transformer_checkpoint)
    pipe = aidd.AIDDPipeline.from_pretrained(args.pipeline)
    data = ModelCardData(
        license=args.license,
        library_name="diffusers",
        pipeline_tag="audio-to-audio",
        tags=["audio", "audio-inpainting", "discrete-diffusion"],
        base_model=[args.codec_origin, args.transformer_origin],
    )
    card = ModelCard.from_template(
        data,
        template_path=str(TEMPLATE),
        model_name=args.repo_id.split("/")[-1],
        repo_id=args.repo_id,
        version=aidd.__version__,
        longest_gap=f"{pipe.max_gap_seconds:.2f}",
        parts=[
            part("codec", args.codec_origin, args.codec_checkpoint),
            part("token model", args.transformer_origin, args.transformer_checkpoint),
        ],
        evaluations=[
            {"name": folder.resolve().name, "summary": summary(folder, pipe, "model")} for folder in args.evaluation
        ],
    )
    with replacing(args.pipeline / "README.md") as unfinished:
        card.save(unfinished)


if __name__ == "__main__":
    main()
