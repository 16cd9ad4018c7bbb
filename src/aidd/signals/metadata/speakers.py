"""
Which speaker a channel is meant for: the channel mask of WAVEFORMATEXTENSIBLE, also as FLAC's tag and in CAF.

Source: Microsoft, "Multiple Channel Audio Data and WAVE Files"; RFC 9639, 8.6.2; Apple, CAF ('chan').
"""

from __future__ import annotations

from typing import Literal


EXTENSIBLE = 0xFFFE
MASK_COMMENT = "WAVEFORMATEXTENSIBLE_CHANNEL_MASK"
# Speakers of as many channels in FLAC without a tag.
FLAC_MASKS = {1: 0x4, 2: 0x3, 3: 0x7, 4: 0x33, 5: 0x37, 6: 0x3F, 7: 0x70F, 8: 0x63F}
# CAF's tag of a layout that is given as a mask.
CAF_BITMAP = 0x10000


def mask_of_format(content: bytes, order: Literal["big", "little"]) -> int | None:
    """The mask in the content of a WAV format chunk; None where it has none."""
    if int.from_bytes(content[:2], order) != EXTENSIBLE or len(content) < 24:
        return None
    return int.from_bytes(content[20:24], order)


def mask_of_comments(comments: list[tuple[str, str]]) -> int | None:
    """The mask in FLAC's tag of it; None where it has none, or one that is no number."""
    for name, text in comments:
        if name.upper() == MASK_COMMENT:
            try:
                return int(text, 16)
            except ValueError:
                return None
    return None


def mask_of_caf(content: bytes) -> int | None:
    """The mask in the content of a CAF chunk of channels; None where it says it in another way."""
    if int.from_bytes(content[:4], "big") != CAF_BITMAP:
        return None
    return int.from_bytes(content[4:8], "big")


def is_usual(mask: int | None, channels: int) -> bool:
    """Whether a mask says nothing that one or two channels do not say by themselves."""
    return mask is None or (channels <= 2 and mask in (0, FLAC_MASKS[channels]))
