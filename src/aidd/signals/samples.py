"""The recordings that come with the package, for tests and first tries without a network."""

from pathlib import Path

from .files import find_audio_files


SAMPLES = Path(__file__).parents[1] / "data" / "sample_recordings"


def sample_recordings() -> dict[str, Path]:
    """
    Excerpts of 46 or 55 s of recordings that no model of the package was trained on, piano and strings, by the names
    that evaluations give them. `LICENSE.md` in their folder says who plays what; all are CC0 or in the public domain.
    """
    return {f"{SAMPLES.name}/{path.name}": path for path in find_audio_files(SAMPLES)}
