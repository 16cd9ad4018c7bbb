"""Times as people and audio editors write them."""

from __future__ import annotations

import re
from decimal import Decimal


# Sign; hours and minutes, or minutes, if any; seconds, with a decimal point or comma.
TIME = re.compile(r"([+-]?)(?:(\d+):)?(?:(\d+):)?(\d+(?:[.,]\d*)?|[.,]\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)


def seconds_of(text: str) -> float:
    """
    Reads a time as seconds, `62.5`, or with minutes and hours, `1:02.5` and `0:01:02.5`. A decimal comma will do.

    Raises:
        ValueError: another text, or 60 seconds or minutes and more after a colon.
    """
    found = TIME.fullmatch(text.strip())
    if found is not None:
        sign, *larger, number, exponent = found.groups()
        # Decimal numbers add up exactly: 1:02.1 is 62.1, to the sample at any rate.
        parts = [*(Decimal(part) for part in larger if part), Decimal(number.replace(",", "."))]
        if all(part < 60 for part in parts[1:]) and not (parts[1:] and exponent):
            total = sum(part * 60**place for place, part in enumerate(reversed(parts)))
            return float(f"{sign}{total}{exponent or ''}")
    raise ValueError(f"expected a time in seconds, such as 62.5, or as 1:02.5 or 0:01:02.5, got {text!r}")
