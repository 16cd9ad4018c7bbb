"""Columns that describe the run of a row: its items, the packages, and the model of a method."""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...models.loading import pipeline_digest
from ...signals.recordings import file_sha256
from ..protocols.protocol import canonical_json


if TYPE_CHECKING:
    from ...pipelines import InpaintingPipeline
    from ..protocols.selection import Selection

PACKAGES = ("aidd", "torch", "torchaudio", "transformers", "diffusers", "numpy", "scipy")
# Settings that describe who wrote a folder, not what is computed; the digest of weights covers their type.
UNRELATED = ("transformers_version", "architectures", "dtype")
DIGITS = 16


def provenance_of_items(selection: Selection) -> dict[str, str | int]:
    """Columns for the protocol and the seed."""
    protocol = selection.protocol
    return {
        "protocol": protocol.name,
        "protocol_version": protocol.version,
        "protocol_digest": protocol.digest,
        "seed": selection.seed,
    }


def provenance_of_packages() -> dict[str, str]:
    """Columns for the versions of packages."""
    return {f"version_{name}": importlib.metadata.version(name) for name in PACKAGES}


def provenance_of_model(pipe: InpaintingPipeline, model: str, column: str = "model") -> dict[str, str]:
    """
    Columns for a model: its name without its folder, a digest of its weights, and one of the settings that decide
    what it fills in: the configurations of the pipeline and of its parts, the scheduler's among them.
    """
    settings = {"pipeline": _settings(pipe)} | {name: _settings(part) for name, part in pipe.components.items()}
    return {
        column: Path(model).name,
        f"{column}_digest": pipeline_digest(pipe)[:DIGITS],
        f"{column}_config_digest": hashlib.sha256(canonical_json(settings).encode()).hexdigest()[:DIGITS],
    }


def provenance_of_metrics(places: Sequence[str]) -> dict[str, str]:
    """Columns for the metrics of a user, by `module:function`, and for a digest of their sources; none without any."""
    if not places:
        return {}
    sources = [source_digest(place) for place in sorted(places)]
    digest = hashlib.sha256(canonical_json(sources).encode()).hexdigest()[:DIGITS]
    return {"metrics": ", ".join(sorted(places)), "metrics_digest": digest}


def source_digest(place: str) -> str:
    """A digest of the file that a loaded function lies in, `module:function`: a changed source is another function."""
    module, _, _ = place.partition(":")
    return file_sha256(str(sys.modules[module].__file__))[:DIGITS]


def _settings(part: Any) -> dict[str, Any]:
    """The configuration of a part; a front end is its own."""
    config = getattr(part, "config", part)
    found = config.to_dict() if hasattr(config, "to_dict") else dict(config)
    return {name: value for name, value in found.items() if not name.startswith("_") and name not in UNRELATED}
