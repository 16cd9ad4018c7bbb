"""Which codec made the tokens. A token model only works with the codec it was trained with."""

import json
from collections.abc import Iterable
from pathlib import Path

from torch import nn
from transformers import WavTokenizerModel

from ...models.loading import rounded_digest


def codec_digest(codec: nn.Module) -> str:
    """
    Digest of the weights that tokens depend on ([`~aidd.models.loading.rounded_digest`]): those of a WavTokenizer's
    encoder and codebook, as its decoder may be trained further, and all of another codec.
    """
    encoder = codec.encoder_model if isinstance(codec, WavTokenizerModel) else codec
    return rounded_digest(encoder.state_dict())


def codec_of_tokens(folders: Iterable[str | Path]) -> str | None:
    """
    Digest of the codec that made the tokens, which `examples/tokenize_dataset.py` records in `parts/settings.json`;
    None where no folder has a record.

    Raises:
        ValueError: folders of different codecs.
    """
    folder_of: dict[str, str | Path] = {}
    for folder in folders:
        path = Path(folder) / "parts" / "settings.json"
        settings = json.loads(path.read_text()) if path.is_file() else {}
        if "codec_digest" in settings:
            folder_of.setdefault(settings["codec_digest"], folder)
    if len(folder_of) > 1:
        digests = ", ".join(f"{folder} ({digest[:12]})" for digest, folder in folder_of.items())
        raise ValueError(
            f"expected tokens of one codec, got those of {len(folder_of)}: {digests}. Tokenise all with one"
        )
    return next(iter(folder_of), None)
