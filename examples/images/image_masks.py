"""
The families of masks that RePaint (Lugmayr et al., CVPR 2022, arXiv:2201.09865, section 5) is tried on.

All take `(height, width, draw)`, in pixels and with a NumPy generator, which only strokes are drawn from. They return
a mask, bool `(height, width)`, True where pixels are missing. From 4 pixels a side on, each has pixels of both kinds.
"""

from collections.abc import Callable
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageDraw


def wide_strokes(height: int, width: int, draw: np.random.Generator) -> np.ndarray:
    """One to four thick strokes, after LaMa's (Suvorov et al. 2022, arXiv:2109.07161)."""
    return _strokes(height, width, draw, numbers=(1, 4), thickness=0.35, reach=0.7)


def narrow_strokes(height: int, width: int, draw: np.random.Generator) -> np.ndarray:
    """Many thin strokes, after LaMa's."""
    return _strokes(height, width, draw, numbers=(6, 16), thickness=0.05, reach=0.3)


def half(height: int, width: int, draw: np.random.Generator) -> np.ndarray:
    """The right half is missing."""
    return np.broadcast_to(np.arange(width) >= width // 2, (height, width)).copy()


def expand(height: int, width: int, draw: np.random.Generator) -> np.ndarray:
    """All but the middle is missing, which has a fourth of the height and of the width."""
    mask = np.ones((height, width), bool)
    kept_height, kept_width = -(-height // 4), -(-width // 4)
    top, left = (height - kept_height) // 2, (width - kept_width) // 2
    mask[top : top + kept_height, left : left + kept_width] = False
    return mask


def alternating_lines(height: int, width: int, draw: np.random.Generator) -> np.ndarray:
    """Every second row is missing."""
    return np.broadcast_to(np.arange(height)[:, None] % 2 == 1, (height, width)).copy()


def super_resolution(height: int, width: int, draw: np.random.Generator) -> np.ndarray:
    """One of every two by two pixels is intact."""
    return (np.arange(height)[:, None] % 2 == 1) | (np.arange(width) % 2 == 1)


MASK_FAMILIES = MappingProxyType(
    {
        family.__name__: family
        for family in (wide_strokes, narrow_strokes, half, expand, alternating_lines, super_resolution)
    }
)
MaskFamily = Callable[[int, int, np.random.Generator], np.ndarray]


def _strokes(
    height: int, width: int, draw: np.random.Generator, *, numbers: tuple[int, int], thickness: float, reach: float
) -> np.ndarray:
    """
    Broken lines with round corners that turn back on themselves.

    Args:
        numbers: fewest and most strokes.
        thickness, reach: largest width of a stroke and length of each of its parts, as shares of the smaller side.
    """
    side = min(height, width)
    while True:
        picture = Image.new("1", (width, height))
        canvas = ImageDraw.Draw(picture)
        for _ in range(draw.integers(*numbers, endpoint=True)):
            x, y = draw.uniform(0, width), draw.uniform(0, height)
            size = max(1, round(draw.uniform(0.5, 1) * thickness * side))
            for part in range(draw.integers(1, 4, endpoint=True)):
                angle = draw.uniform(0, 0.8 * np.pi) + np.pi * (part % 2)
                length = draw.uniform(0.2, 1) * reach * side
                start = (x, y)
                x = np.clip(x + length * np.cos(angle), 0, width - 1)
                y = np.clip(y + length * np.sin(angle), 0, height - 1)
                canvas.line([start, (x, y)], fill=1, width=size)
                canvas.ellipse([x - size / 2, y - size / 2, x + size / 2, y + size / 2], fill=1)
        mask = np.asarray(picture, bool)
        if 0 < mask.sum() < mask.size:
            return mask
