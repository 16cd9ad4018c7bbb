import numpy as np
import pytest
import torch


pytest.importorskip("matplotlib")

from glyphs import CHARACTERS, FONTS, GlyphDataset, _drawing, render_glyph


def test_a_picture_is_a_function_of_seed_and_index():
    image, label = render_glyph(7, seed=3)
    again, same = render_glyph(7, seed=3)
    assert np.array_equal(image, again) and label == same
    assert image.shape == (1, 32, 32) and image.dtype == np.float32
    assert all(not np.array_equal(image, render_glyph(index, seed=seed)[0]) for index, seed in ((8, 3), (7, 4)))


def test_pictures_are_white_on_black_and_whole():
    pictures = [render_glyph(index, seed=0)[0] for index in range(300)]
    assert {(picture.min(), picture.max() > 0.5) for picture in pictures} == {(-1.0, True)}
    for picture in pictures:
        # Nothing is cut off at the border, and there is something of each.
        border = np.concatenate([picture[0, [0, -1]].ravel(), picture[0, :, [0, -1]].ravel()])
        assert border.max() < 0 and 0.02 < (picture > 0).mean() < 0.5


def test_size_changes_the_grid_and_not_the_picture():
    large, small = (render_glyph(11, seed=0, size=size)[0] for size in (64, 16))
    averaged = large.reshape(1, 16, 4, 16, 4).mean((2, 4))
    assert np.abs(averaged - small).mean() < 0.02 < np.abs(averaged - small.mean()).mean()


def test_every_character_and_font_is_drawn_and_no_two_alike():
    labels = {render_glyph(index, seed=0)[1] for index in range(400)}
    assert labels == set(range(len(CHARACTERS)))
    drawings = {_drawing(character, font, 0).tobytes() for font in FONTS for character in CHARACTERS}
    assert len(drawings) == len(FONTS) * len(CHARACTERS)
    # A font that lacks a character would draw an empty box or nothing: neither is as narrow as a one.
    for font in FONTS:
        assert _drawing("1", font, 0).width < 0.8 * _drawing("W", font, 0).width or "Mono" in font or font == "cmtt10"


def test_a_thicker_stroke_covers_more():
    areas = [np.asarray(_drawing("S", "DejaVuSans", stroke)).sum() for stroke in range(4)]
    assert areas == sorted(areas) and areas[0] < 0.8 * areas[3]


def test_the_data_set_is_its_pictures():
    dataset = GlyphDataset(3, seed=5, size=16)
    assert len(dataset) == 3
    for index, item in enumerate(dataset):
        image, label = render_glyph(index, seed=5, size=16)
        assert item["index"] == index and item["label"] == label
        assert torch.equal(item["image"], torch.from_numpy(image))
    with pytest.raises(IndexError, match="3 pictures, got index 3"):
        dataset[3]
