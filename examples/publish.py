"""
Publish a pipeline on the Hugging Face Hub, with its card and the results behind it, and a Space that tries it out.

    hf auth login
    python examples/publish.py --pipeline outputs/pipeline --repo_id someone/aidd-piano \\
        --record_dir outputs/card --space_repo_id someone/aidd

With `--dry_run DIR`, all of it is written to a folder instead, for you to look at; that needs neither account nor
network.

The pipeline's folder has to hold a card, README.md (`examples/cards/write_model_card.py`). With an AIDDPipeline, a
notebook that tries it out is published. What is published can be loaded by name, by this package and by diffusers:

    name = "someone/aidd-piano"
    aidd.AIDDPipeline.from_pretrained(name)
    DiffusionPipeline.from_pretrained(name)  # after `import aidd`

A downloaded folder loads without the import, by the `pipeline.py` beside the weights, with `custom_pipeline=folder,
trust_remote_code=True`; aidd has to be installed all the same, but for folders that `examples/community/export.py`
wrote. Repositories that exist get another commit; `--revision v1` names it.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from huggingface_hub import HfApi, ModelCard, constants
from huggingface_hub.errors import HfHubHTTPError, HTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled
from huggingface_hub.utils import validate_repo_id

import aidd
from aidd.models.registration import PIPELINE_FILE, write_pipeline_code


SPACE = Path(__file__).parent / "space"
# The Hub opens a repository's notebook of this name in Colab and Kaggle.
NOTEBOOK, NOTEBOOK_FILE = Path(__file__).parent / "notebooks" / "repair_a_gap.ipynb", "notebook.ipynb"
# Records that are published: figures and how they were made, but no audio that was evaluated.
RECORDS = (
    *("description.md", "training_arguments.json", "metrics.jsonl"),
    *("items.parquet", "manifest.jsonl", "results.md", "summary.md"),
)
# Variable by which the Space's app knows the model.
SPACE_VARIABLE = "AIDD_MODEL"


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pipeline", type=Path, required=True, help="Folder of the pipeline, with its card.")
    parser.add_argument("--repo_id", required=True, help="Repository of the model, owner/name.")
    parser.add_argument(
        "--record_dir", type=Path, help="Folder of recorded runs and evaluations, to publish as records/."
    )
    parser.add_argument(
        "--space_repo_id",
        help="Repository of a Space that tries the model out, owner/name; of a private model, "
        "it needs a token, the secret HF_TOKEN.",
    )
    parser.add_argument("--revision", help="A tag for what is published.")
    parser.add_argument("--private", action="store_true", help="Make the repositories private.")
    parser.add_argument(
        "--dry_run", type=Path, metavar="DIR", help="Only write what would be published to this folder, and list it."
    )
    return parser.parse_args()


def check(args: argparse.Namespace) -> ModelCard:
    """Checks what is to be published, and returns its card. Raises `SystemExit` if it cannot be."""
    index, file = args.pipeline / "model_index.json", args.pipeline / "README.md"
    if not index.is_file():
        raise SystemExit(f"{args.pipeline}: expected the folder of a pipeline, got one without model_index.json")
    if not file.is_file():
        raise SystemExit(f"{args.pipeline}: expected a card, README.md: examples/cards/write_model_card.py writes it")
    if args.record_dir is not None and not args.record_dir.is_dir():
        raise SystemExit(f"{args.record_dir}: expected the folder of records, found no such folder")
    for repository in filter(None, (args.repo_id, args.space_repo_id)):
        validate_repo_id(repository)
    name = json.loads(index.read_text())["_class_name"]
    if args.space_repo_id and name != "AIDDPipeline":
        raise SystemExit(f"--space_repo_id: the Space tries out an AIDDPipeline, {args.pipeline} holds a {name}")
    try:
        return ModelCard.load(file)
    except (ValueError, yaml.YAMLError) as error:
        raise SystemExit(f"{file}: its front matter cannot be read: {' '.join(str(error).split())}") from error


def stage(pipeline: Path, record_dir: Path | None, folder: Path, repo_id: str) -> None:
    """Copies all that the model's repository has to hold into a folder."""
    # Hidden files, such as settings and repositories, are not part of the model.
    shutil.copytree(pipeline, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*"))
    name = json.loads((pipeline / "model_index.json").read_text())["_class_name"]
    if not (folder / PIPELINE_FILE).exists():
        write_pipeline_code(folder, name, name)
    if name == "AIDDPipeline":
        notebook = NOTEBOOK.read_text(encoding="utf-8").replace("aidd.DEFAULT_MODEL", f"'{repo_id}'")
        (folder / NOTEBOOK_FILE).write_text(notebook, encoding="utf-8")
    if record_dir is not None:
        for path in sorted(path for name in RECORDS for path in record_dir.rglob(name)):
            target = folder / "records" / path.relative_to(record_dir)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def stage_space(folder: Path) -> None:
    """Copies the app, and this package beside it: a Space has no clone of the repository."""
    without_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SPACE, folder, dirs_exist_ok=True, ignore=without_caches)
    shutil.copytree(Path(aidd.__file__).parent, folder / "aidd", ignore=without_caches)


def write_down(args: argparse.Namespace) -> None:
    """Writes what would be published into a folder, and lists it."""
    if args.dry_run.exists() and (not args.dry_run.is_dir() or any(args.dry_run.iterdir())):
        raise SystemExit(f"{args.dry_run}: expected a new folder, or an empty one")
    repositories = {"model": args.repo_id}
    stage(args.pipeline, args.record_dir, args.dry_run / "model", args.repo_id)
    if args.space_repo_id:
        repositories["space"] = args.space_repo_id
        stage_space(args.dry_run / "space")
    for kind, name in repositories.items():
        files = sorted(path for path in (args.dry_run / kind).rglob("*") if path.is_file())
        print(f"{kind} {name}: {len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB")
        for path in files:
            print(f"  {path} ({path.stat().st_size} bytes)")
    print("nothing was published; only the Hub can check whether the card's metadata are valid")


@contextmanager
def hub_errors_in_one_line() -> Iterator[None]:
    """Inside, an error of the Hub ends the script with one line that says what to do about it."""
    log_in = "`hf auth login` takes a token that may write there"
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise SystemExit("HF_HUB_OFFLINE is set: unset it to publish; --dry_run DIR needs no network") from error
    except LocalTokenNotFoundError as error:
        raise SystemExit(f"not logged in: {log_in}") from error
    except HfHubHTTPError as error:
        advice = f"; {log_in}" if error.response.status_code in (401, 403) else ""
        raise SystemExit(f"the Hub refused: {' '.join(str(error).split())}{advice}") from error
    except HTTPError as error:
        raise SystemExit(
            f"{constants.ENDPOINT} cannot be reached ({error}): check the network; --dry_run DIR needs none"
        ) from error
    # Raised for names of repositories, and for the card's metadata.
    except ValueError as error:
        raise SystemExit(f"the Hub would refuse: {' '.join(str(error).split())}") from error


def publish(args: argparse.Namespace, card: ModelCard) -> None:
    api = HfApi()
    # Before anything is made on the Hub.
    card.validate()
    with tempfile.TemporaryDirectory() as staging:
        stage(args.pipeline, args.record_dir, Path(staging), args.repo_id)
        api.create_repo(args.repo_id, private=args.private, exist_ok=True)
        commit = api.upload_folder(repo_id=args.repo_id, folder_path=staging, commit_message="Publish the pipeline")
    if args.revision:
        api.create_tag(args.repo_id, tag=args.revision, revision=commit.oid)
    print(f"published: {commit.commit_url}")
    if args.space_repo_id:
        api.create_repo(args.space_repo_id, repo_type="space", space_sdk="gradio", private=args.private, exist_ok=True)
        api.add_space_variable(args.space_repo_id, SPACE_VARIABLE, args.repo_id)
        with tempfile.TemporaryDirectory() as staging:
            stage_space(Path(staging))
            commit = api.upload_folder(
                repo_id=args.space_repo_id,
                repo_type="space",
                folder_path=staging,
                commit_message="Publish the Space",
            )
        print(f"published: {commit.commit_url}")


def main() -> None:
    args = parse_args()
    with hub_errors_in_one_line():
        card = check(args)
    if args.dry_run is not None:
        write_down(args)
        return
    with hub_errors_in_one_line():
        publish(args, card)


if __name__ == "__main__":
    main()
