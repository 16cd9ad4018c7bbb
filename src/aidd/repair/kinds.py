"""Kinds of damage that are looked for, by name."""

from __future__ import annotations

import argparse


DETECTED_KINDS = ("dropouts", "clicks", "clipping")


def kinds_of(text: str) -> list[str]:
    """The value of --detect: kinds in the order in which they are known, each once."""
    kinds = text.split(",")
    for kind in kinds:
        if kind not in DETECTED_KINDS:
            raise argparse.ArgumentTypeError(
                f"expected kinds out of {', '.join(DETECTED_KINDS)}, parted by commas, got {kind!r}"
            )
    return [kind for kind in DETECTED_KINDS if kind in kinds]
