"""What evaluations are asked for by name. Imports nothing: the command line lists these names in its help."""

from pathlib import Path

from ...repair.methods import METHODS


EVALUATED_METHODS = ("masked", *METHODS, "log_magnitude", "aidd_paper", "codec")
# Those that an AIDD model has a part in.
AIDD_METHODS = ("aidd", "auto", "aidd_paper", "codec")
# For missing cells of frequency and time.
CELL_METHODS = ("zeroing", "log_magnitude", "fading", "spectrogram_repaint")
# Those that stand in every table: what any method must beat, and what it cannot pass.
ANCHORS = (
    *("masked", "linear", "autoregressive", "janssen", "sparse", "envelope_noise"),
    *("aidd_paper", "aidd", "codec"),
)
LAYOUTS = ("folder", "musicnet", "maestro", "hub")
PROTOCOLS = Path(__file__).parents[1] / "protocols"


def shipped_protocols() -> list[str]:
    """Names of the protocols that come with the package."""
    return sorted(path.stem for path in PROTOCOLS.glob("*.json"))
