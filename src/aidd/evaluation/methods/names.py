"""Names that evaluations are asked for. This module loads no framework, so that the command line can list them."""

from pathlib import Path

from ...repair.methods import METHODS


EVALUATED_METHODS = ("masked", *METHODS, "log_magnitude", "aidd_paper", "codec")
# Methods that use an AIDD model.
AIDD_METHODS = ("aidd", "auto", "best", "aidd_paper", "codec")
# Methods for missing cells of frequency and time.
CELL_METHODS = ("zeroing", "log_magnitude", "fading", "phain_tf", "spectrogram_repaint")
# Methods that stand in every table: what any method must beat, and what it cannot pass.
ANCHORS = (
    *("masked", "linear", "autoregressive", "janssen", "sparse", "envelope_noise"),
    *("aidd_paper", "aidd", "codec"),
)
# `codec` is a ceiling: it reads the audio in the gaps.
GIVEN_INTACT = ("codec",)
# `aidd_paper` overwrites intact audio next to the gaps, as published.
MAY_OVERWRITE = ("aidd_paper",)
# What embeds windows for KAD and FAD, the default first.
EMBEDDERS = ("random_projection", "basic_pitch")
LAYOUTS = ("folder", "musicnet", "maestro", "hub")
PROTOCOLS = Path(__file__).parents[1] / "protocols"


def shipped_protocols() -> list[str]:
    """Names of the protocols that come with the package."""
    return sorted(path.stem for path in PROTOCOLS.glob("*.json"))


def is_custom(name: str) -> bool:
    """Whether a name is that of a user's function, `module:function`."""
    return ":" in name
