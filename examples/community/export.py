"""
Write a pipeline so that diffusers alone loads it: with its code beside its weights, where aidd is not installed.

    python examples/community/export.py --pipeline outputs/pipeline --output_dir outputs/without_aidd

    DiffusionPipeline.from_pretrained(
        "outputs/without_aidd", custom_pipeline="outputs/without_aidd", trust_remote_code=True, dtype=torch.float32
    )

The folder loads by its name on the Hub, too. It holds `pipeline_aidd_inpainting.py`, which does less than an
`aidd.AIDDPipeline`, as `pipeline.py`, and the classes of codec, transformer and scheduler in files next to their
configurations. Each file holds those parts of aidd's modules that it needs, word for word. Besides diffusers and
transformers, they import scipy and torchaudio.
"""

import argparse
import json
import shutil
from pathlib import Path

from bundling import bundle

import aidd


# What is left of `model_index.json` besides the parts.
SETTINGS = ("guard_tokens",)
PIPELINE, PIPELINE_CLASS = Path(__file__).with_name("pipeline_aidd_inpainting.py"), "AIDDInpaintingPipeline"
HEADER = '''"""
{what}

Written by examples/community/export.py of aidd {version}, from the modules that are named below. Apache License 2.0.
"""

'''


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--pipeline",
        type=Path,
        default=Path(aidd.DEFAULT_MODEL),
        help="Folder of an AIDDPipeline. Default: the model that comes with the package.",
    )
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder to write: a new or an empty one.")
    return parser.parse_args()


def write_code(path: Path, what: str, module: str, name: str, file: Path | None = None) -> None:
    code = bundle(module, [name], package="aidd", file=file)
    path.write_text(HEADER.format(what=what, version=aidd.__version__) + code, encoding="utf-8")


def export(pipeline: Path, output_dir: Path) -> None:
    """Writes the folder. Raises `SystemExit` for a pipeline of another class, and a folder that holds something."""
    index = json.loads((pipeline / "model_index.json").read_text(encoding="utf-8"))
    if index["_class_name"] != "AIDDPipeline":
        raise SystemExit(f"{pipeline}: expected an AIDDPipeline, got a {index['_class_name']}")
    if output_dir.exists() and (not output_dir.is_dir() or any(output_dir.iterdir())):
        raise SystemExit(f"{output_dir}: expected a new folder, or an empty one")
    shutil.copytree(pipeline, output_dir, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*"))
    parts = {name: part for name, part in index.items() if isinstance(part, list)}
    for name, (library, class_name) in parts.items():
        if library == "aidd":
            module = getattr(aidd, class_name).__module__
            file_name = module.rpartition(".")[2]
            write_code(output_dir / name / f"{file_name}.py", f"{class_name} of aidd.", module, class_name)
            parts[name] = [file_name, class_name]
    what = "Fills gaps in music by discrete diffusion over the tokens of a codec (AIDD, ICLR 2026, arXiv:2507.08333)."
    write_code(output_dir / "pipeline.py", what, PIPELINE.stem, PIPELINE_CLASS, PIPELINE)
    settings = {name: index[name] for name in ("_diffusers_version", *SETTINGS) if name in index}
    written = {"_class_name": ["pipeline", PIPELINE_CLASS], **settings, **parts}
    (output_dir / "model_index.json").write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    args = parse_args()
    export(args.pipeline, args.output_dir)
    print(f"{args.output_dir}: loads by DiffusionPipeline, with custom_pipeline and trust_remote_code=True")


if __name__ == "__main__":
    main()
