"""
Publish a pipeline on the Hugging Face Hub, with its card and the results behind it, and a Space that tries it out.

    hf auth login
    python examples/publish.py --pipeline outputs/pipeline --repo_id someone/aidd-piano \\
        --record_dir model_cards/aidd-piano --space_repo_id someone/aidd

The pipeline's folder has to hold a card, README.md (`examples/write_model_card.py`). What is published can be loaded
by name, by this package and by diffusers:

    name = "someone/aidd-piano"
    aidd.AIDDPipeline.from_pretrained(name)
    DiffusionPipeline.from_pretrained(name, custom_pipeline=name, trust_remote_code=True)

The second needs aidd to be installed, too: the `pipeline.py` beside the weights imports it. Repositories that exist
get another commit; `--revision v1` names it.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from huggingface_hub import HfApi, ModelCard

import aidd


SPACE = Path(__file__).parent / "space"
PIPELINE_CODE = '''"""Lets `DiffusionPipeline.from_pretrained` load this repository; needs `pip install aidd`."""

import aidd


class {name}(aidd.{name}):
    """[`aidd.{name}`]."""
'''


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pipeline", type=Path, required=True, help="Folder of the pipeline, with its card.")
    parser.add_argument("--repo_id", required=True, help="Repository of the model, owner/name.")
    parser.add_argument(
        "--record_dir", type=Path, help="Folder of recorded runs and evaluations, to publish as records/."
    )
    parser.add_argument("--space_repo_id", help="Repository of a Space that tries the model out, owner/name.")
    parser.add_argument("--revision", help="A tag for what is published.")
    parser.add_argument("--private", action="store_true")
    return parser.parse_args()


def stage(pipeline: Path, record_dir: Path | None, folder: Path) -> None:
    """All that the model's repository is to hold."""
    index = pipeline / "model_index.json"
    if not index.is_file():
        raise SystemExit(f"{pipeline}: expected the folder of a pipeline, got one without model_index.json")
    card = pipeline / "README.md"
    if not card.is_file():
        raise SystemExit(f"{pipeline}: expected a card, README.md: examples/write_model_card.py writes it")
    ModelCard.load(card).validate()
    shutil.copytree(pipeline, folder, dirs_exist_ok=True)
    name = json.loads(index.read_text())["_class_name"]
    (folder / "pipeline.py").write_text(PIPELINE_CODE.format(name=name))
    if record_dir is not None:
        shutil.copytree(record_dir, folder / "records", ignore=shutil.ignore_patterns("README.md", "*.png"))


def stage_space(folder: Path) -> None:
    """The app, and this package beside it: a Space has no clone of the repository."""
    without_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SPACE, folder, dirs_exist_ok=True, ignore=without_caches)
    shutil.copytree(Path(aidd.__file__).parent, folder / "aidd", ignore=without_caches)


def main() -> None:
    args = parse_args()
    api = HfApi()
    with tempfile.TemporaryDirectory() as staging:
        # Before anything is made on the Hub.
        stage(args.pipeline, args.record_dir, Path(staging))
        api.create_repo(args.repo_id, private=args.private, exist_ok=True)
        commit = api.upload_folder(repo_id=args.repo_id, folder_path=staging, commit_message="Publish the pipeline")
    if args.revision:
        api.create_tag(args.repo_id, tag=args.revision, revision=commit.oid)
    print(f"published: {commit.commit_url}")
    if args.space_repo_id:
        api.create_repo(args.space_repo_id, repo_type="space", space_sdk="gradio", private=args.private, exist_ok=True)
        with tempfile.TemporaryDirectory() as staging:
            stage_space(Path(staging))
            commit = api.upload_folder(
                repo_id=args.space_repo_id,
                repo_type="space",
                folder_path=staging,
                commit_message="Publish the Space",
            )
        print(f"published: {commit.commit_url}")


if __name__ == "__main__":
    main()
