"""
Pictures of letters and digits, in the fonts that come with matplotlib, any number of them: a data set to learn
inpainting of images from where no other is at hand. It needs matplotlib (extra `report`).
"""

from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.utils.data import Dataset


# Turned and scaled, I and O are 1 and 0 in some of the fonts.
CHARACTERS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSansMono-Bold"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic"),
    *("cmr10", "cmss10", "cmtt10"),
)
# Height of a glyph's font, in pixels of the drawing that is turned and scaled to a picture.
FONT_SIZE = 128
MAX_STROKE = 7
MAX_DEGREES = 15.0
# Largest shift of the glyph's centre, and lengths of its longer side, as shares of the picture's side.
MAX_SHIFT = 0.05
EXTENTS = (0.55, 0.78)
OVERSAMPLING = 4


def render_glyph(index: int, *, seed: int, size: int = 32) -> tuple[np.ndarray, int]:
    """
    Renders one picture, white on black. Character, font, stroke and pose are drawn from the seed and the index.

    Args:
        index: number of the picture, 0 or above.
        seed: seed of the set, 0 or above.
        size: height and width, in pixels.

    Returns:
        The picture, float32 `(1, size, size)` in [-1, 1], and the number of its character in `CHARACTERS`.
    """
    draw = np.random.default_rng((seed, index))
    label, font = int(draw.integers(len(CHARACTERS))), FONTS[draw.integers(len(FONTS))]
    drawing = _drawing(CHARACTERS[label], font, int(draw.integers(MAX_STROKE + 1)))
    angle = np.radians(draw.uniform(-MAX_DEGREES, MAX_DEGREES))
    side = size * OVERSAMPLING
    pixels_a_pixel = max(drawing.size) / (draw.uniform(*EXTENTS) * side)
    centre = (0.5 + draw.uniform(-MAX_SHIFT, MAX_SHIFT, 2)) * side
    # Maps a pixel of the picture to the one of the drawing that is seen there.
    turn = pixels_a_pixel * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    offset = np.array(drawing.size) / 2 - turn @ centre
    data = [*turn[0], offset[0], *turn[1], offset[1]]
    picture = drawing.transform((side, side), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
    pixels = np.asarray(picture.reduce(OVERSAMPLING), np.float32) / 127.5 - 1
    return pixels[None], label


class GlyphDataset(Dataset):
    """
    Pictures by [`render_glyph`]; two sets of different seeds have none in common.

    Args:
        length: number of pictures.
        seed: seed of the set.
        size: height and width, in pixels.

    Items:
        `index`; `image`, float32 `(1, size, size)` in [-1, 1]; `label`.
    """

    def __init__(self, length: int, seed: int, size: int = 32):
        self.length, self.seed, self.size = length, seed, size

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, int | Tensor]:
        if not 0 <= index < self.length:
            raise IndexError(f"there are {self.length} pictures, got index {index}")
        image, label = render_glyph(index, seed=self.seed, size=self.size)
        return {"index": index, "image": torch.from_numpy(image), "label": label}


@cache
def _font(name: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", FONT_SIZE)


@cache
def _drawing(character: str, font: str, stroke: int) -> Image.Image:
    """Draws a large glyph, cut to its extent, with a margin in which edges fade out."""
    left, top, right, bottom = map(int, _font(font).getbbox(character, stroke_width=stroke))
    drawing = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(drawing).text((1 - left, 1 - top), character, 255, _font(font), stroke_width=stroke)
    return drawing
