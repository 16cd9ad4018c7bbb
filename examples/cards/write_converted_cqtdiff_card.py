"""
Write the card of a pipeline that was converted from a checkpoint of CQT-Diff or CQT-Diff+: where its weights come
from, and who owns them.

    python examples/cards/write_converted_cqtdiff_card.py --pipeline outputs/converted_pipeline --repo_id owner/name \\
        --checkpoint cqt_weights.pt

It fills in `model_cards/converted_cqtdiff/template.md`, with the name and hash of the checkpoint, and writes it to
the pipeline's folder as README.md. `examples/publish.py` publishes both. Look up the license of the weights where you
found them, and give it with `--license`.
"""

import argparse
from pathlib import Path
from types import MappingProxyType

from converted import check_files, check_repositories, part, summary
from huggingface_hub import ModelCard, ModelCardData

import aidd
from aidd.signals.replacing import replacing


TEMPLATE = Path(__file__).parents[2] / "model_cards" / "converted_cqtdiff" / "template.md"
# By the class of the network.
GENERATIONS = MappingProxyType(
    {
        "CQTDiffUNet": {
            "generation": "CQT-Diff",
            "origin": "https://github.com/eloimoliner/CQTdiff/releases",
            "converter": "convert_cqtdiff_checkpoint",
            "citation": "Eloi Moliner, Jaakko Lehtinen, Vesa Välimäki: Solving audio inverse problems with a "
            "diffusion model. ICASSP 2023, [arXiv:2210.15228](https://arxiv.org/abs/2210.15228).",
            "copyright": "Copyright (c) 2022 Eloi Moliner Juanpere",
        },
        "CQTDiffPlusUNet": {
            "generation": "CQT-Diff+",
            "origin": "https://huggingface.co/Eloimoliner/audio-inpainting-diffusion",
            "converter": "convert_cqtdiff_plus_checkpoint",
            "citation": "Eloi Moliner, Vesa Välimäki: Diffusion-based audio inpainting. Journal of the Audio "
            "Engineering Society, 2024, [arXiv:2305.15266](https://arxiv.org/abs/2305.15266).",
            "copyright": "Copyright (c) 2023 Eloi Moliner Juanpere",
        },
    }
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pipeline", type=Path, required=True, help="Folder of the converted pipeline.")
    parser.add_argument("--repo_id", required=True, help="Repository that it is for, owner/name.")
    parser.add_argument("--checkpoint", type=Path, required=True, help="File that the network was converted from.")
    parser.add_argument("--origin", help="Page where that file was published. Default: the authors' own.")
    parser.add_argument("--license", default="mit", help="What the weights may be used for, as the Hub names it.")
    parser.add_argument(
        "--evaluation", type=Path, action="append", default=[], help="Output folder of `aidd evaluate`; once or more."
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    check_repositories(args.repo_id)
    check_files(args.checkpoint)
    pipe = aidd.CQTDiffPipeline.from_pretrained(args.pipeline)
    generation = GENERATIONS[type(pipe.unet).__name__]
    data = ModelCardData(
        license=args.license,
        library_name="diffusers",
        pipeline_tag="audio-to-audio",
        tags=["audio", "audio-inpainting", "diffusion"],
    )
    card = ModelCard.from_template(
        data,
        template_path=str(TEMPLATE),
        model_name=args.repo_id.split("/")[-1],
        repo_id=args.repo_id,
        version=aidd.__version__,
        sampling_rate=f"{pipe.sampling_rate:,}",
        longest_gap=f"{pipe.max_gap_seconds:.2f}",
        highest_frequency=f"{pipe.sampling_rate // 2:,}",
        num_parameters=f"{pipe.unet.num_parameters():,}",
        scheduler=type(pipe.scheduler).__name__,
        num_inference_steps=pipe.config.num_inference_steps,
        guidance_scale=f"{pipe.config.guidance_scale:g}",
        part=part("network", args.origin or generation["origin"], args.checkpoint),
        evaluations=[
            {"name": folder.resolve().name, "summary": summary(folder, pipe, "cqtdiff_model")}
            for folder in args.evaluation
        ],
        **{name: generation[name] for name in ("generation", "converter", "citation", "copyright")},
    )
    with replacing(args.pipeline / "README.md") as unfinished:
        card.save(unfinished)


if __name__ == "__main__":
    main()
