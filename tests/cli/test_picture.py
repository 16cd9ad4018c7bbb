"""`aidd inpaint --plot`."""

import re

import pytest
from command_line import run


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_repair_is_drawn(folder, suffix):
    pytest.importorskip("matplotlib")
    gaps = "--gap 0 0.01 --gap 0.5 0.75 --subtype FLOAT"
    assert run(f"in.wav out.wav --method linear {gaps} --plot repair.{suffix}") == 0
    picture = (folder / f"repair.{suffix}").read_bytes()
    assert picture.startswith({"png": b"\x89PNG", "svg": b"<?xml"}[suffix])
    # Gaps alone differ: what is drawn depends on what was filled in.
    assert run(f"in.wav out.wav --method janssen {gaps} --plot other.{suffix}") == 0
    assert (folder / f"other.{suffix}").read_bytes() != picture


def test_each_gap_is_drawn_on_its_own_up_to_a_number(folder):
    pytest.importorskip("matplotlib")
    gaps = " ".join(f"--gap {0.05 * number} {0.05 * number + 0.001 * number}" for number in range(1, 15))
    assert run(f"in.wav out.wav --method linear {gaps} --plot repair.svg") == 0
    # Texts of an SVG stand in comments.
    texts = re.findall(r"<!-- (.*?) -->", (folder / "repair.svg").read_text())
    titles = [text for text in texts if re.fullmatch(r"\d+\.\d{4} s, [\d.]+ ms", text)]
    assert len(titles) == 12 and titles[1] == "0.1000 s, 2 ms"
    assert any("12 of 14 gaps" in text for text in texts)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("picture.pdf", "a picture's name"),
        ("nowhere/picture.png", "no such folder: nowhere"),
        ("sub.png", "is a folder"),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_refused_before_any_work(folder, capsys, name, said):
    (folder / "sub.png").mkdir()
    assert run(f"in.wav out.wav --method linear --gap 0.5 0.75 --plot {name}") == 2
    assert said in capsys.readouterr().err and not (folder / "out.wav").exists()
