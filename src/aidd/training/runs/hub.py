"""Publishing a trained model on the Hub."""

from pathlib import Path

from huggingface_hub import ModelCard, ModelCardData, upload_folder


# Checkpoints, logs and data stay at home.
PUBLISHED_FILES = ("README.md", "config.json", "model.safetensors", "training_arguments.json", "metrics.jsonl")


def publish_model(folder: str | Path, repo_id: str, class_name: str) -> str:
    """
    Uploads what a training script has left in a folder: the model, its training arguments and metrics, and a card,
    which is written first where there is none.

    Args:
        folder: output of the training.
        repo_id: of a repository that exists, `owner/name`.
        class_name: of the model in the package, for the card.

    Returns:
        Address of the commit.
    """
    card_path = Path(folder) / "README.md"
    if not card_path.exists():
        data = ModelCardData(library_name="transformers", tags=["audio", "audio-inpainting", "discrete-diffusion"])
        usage = f'```python\nimport aidd\n\nmodel = aidd.{class_name}.from_pretrained("{repo_id}")\n```'
        record = "`training_arguments.json` holds how it was trained, `metrics.jsonl` what was measured meanwhile."
        ModelCard(f"---\n{data.to_yaml()}\n---\n\n# {repo_id.split('/')[-1]}\n\n{usage}\n\n{record}\n").save(card_path)
    commit = upload_folder(repo_id=repo_id, folder_path=folder, allow_patterns=list(PUBLISHED_FILES))
    return commit.commit_url
