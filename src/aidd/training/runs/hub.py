"""Publishing a trained model on the Hub."""

from pathlib import Path

from huggingface_hub import ModelCard, ModelCardData, upload_folder


# Files of a training that are published; checkpoints, logs and data are not.
PUBLISHED_FILES = ("README.md", "config.json", "model.safetensors", "training_arguments.json", "metrics.jsonl")


def publish_model(folder: str | Path, repo_id: str, class_name: str) -> str:
    """
    Uploads what a training script has left in a folder: the model, its training arguments and metrics, and a card,
    which is written first where there is none.

    Args:
        folder: output folder of the training.
        repo_id: existing repository, `owner/name`.
        class_name: the model's class in the package, for the card.

    Returns:
        The commit's address.
    """
    card_path = Path(folder) / "README.md"
    if not card_path.exists():
        data = ModelCardData(library_name="transformers", tags=["audio", "audio-inpainting", "discrete-diffusion"])
        usage = f'```python\nimport aidd\n\nmodel = aidd.{class_name}.from_pretrained("{repo_id}")\n```'
        record = "`training_arguments.json` says how it was trained, `metrics.jsonl` what was measured meanwhile."
        ModelCard(f"---\n{data.to_yaml()}\n---\n\n# {repo_id.split('/')[-1]}\n\n{usage}\n\n{record}\n").save(card_path)
    commit = upload_folder(repo_id=repo_id, folder_path=folder, allow_patterns=list(PUBLISHED_FILES))
    return commit.commit_url
