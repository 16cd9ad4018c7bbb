"""Whose tokens these are: a token model is of use with the codec alone whose tokens it was trained on."""

import json
from collections.abc import Iterable
from pathlib import Path

from transformers import WavTokenizerModel

from ...models.loading import rounded_digest


def codec_digest(codec: WavTokenizerModel) -> str:
    """[`~aidd.models.loading.rounded_digest`] of a codec."""
    return rounded_digest(codec.state_dict())


def codec_of_tokens(folders: Iterable[str | Path]) -> str | None:
    """
    Digest of the codec that made the tokens, as `examples/tokenize_dataset.py` leaves it in `parts/settings.json`;
    None where no folder tells.

    Raises:
        ValueError: folders of different codecs.
    """
    told: dict[str, str | Path] = {}
    for folder in folders:
        path = Path(folder) / "parts" / "settings.json"
        settings = json.loads(path.read_text()) if path.is_file() else {}
        if "codec_digest" in settings:
            told.setdefault(settings["codec_digest"], folder)
    if len(told) > 1:
        digests = ", ".join(f"{folder} ({digest[:12]})" for digest, folder in told.items())
        raise ValueError(f"expected tokens of one codec, got those of {len(told)}: {digests}. Tokenise all with one")
    return next(iter(told), None)
