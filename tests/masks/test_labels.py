"""Label tracks as audio editors write them, and times as people do."""

import numpy as np
import pytest

from aidd.masks.files import read_gaps, read_marks, read_mask
from aidd.masks.times import seconds_of


RATE = 1_000
EXTENT = {"num_samples": 2 * RATE, "sampling_rate": RATE}


@pytest.fixture
def gaps_in(tmp_path):
    def read(content):
        path = tmp_path / "labels.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        (gaps,) = read_gaps(path, **EXTENT)
        return gaps.tolist()

    return read


TEXT = "0.5\t0.51\tscratch\n1.25\t1.5\thole, longer\n"
ENCODED = {
    "with carriage returns": TEXT.replace("\n", "\r\n"),
    "with carriage returns alone": TEXT.replace("\n", "\r"),
    "without an end of line": TEXT.rstrip(),
    "with a mark": "\ufeff" + TEXT,
    "in UTF-16": TEXT.encode("utf-16"),
    "in big-endian UTF-16 with a mark": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "in UTF-16 without a mark": TEXT.encode("utf-16-le"),
    "in big-endian UTF-16 without a mark": TEXT.encode("utf-16-be"),
    "with a Latin-1 name": TEXT.replace("hole", "café").encode("latin-1"),
    "with a Shift-JIS name": TEXT.replace("hole", "傷").encode("shift-jis"),
    "with a name that holds ends of lines": TEXT.replace("hole", "a\u2028b\x0bc\x85"),
    "with decimal commas": TEXT.replace(".", ","),
    "with minutes": "0:00.5\t0:00,51\tscratch\n0:00:01.25\t00:01.5\n",
    "with exponents": "5e-1\t5.1E-1\n1.25\t1.5\n",
    "with spaces": TEXT.replace("\t", "  "),
    "with lines of no frequencies": TEXT.replace("\n", "\n\\\t-1,0\t-1,0\n"),
    "without names": "0.5\t0.51\n\n1.25\t1.5\t\n",
}


@pytest.mark.parametrize("content", ENCODED.values(), ids=ENCODED.keys())
def test_labels_are_read_as_editors_write_them(gaps_in, content):
    assert gaps_in(content) == [[500, 510], [1250, 1500]]


def test_points_are_passed_over_with_a_word(gaps_in):
    with pytest.warns(UserWarning, match=r"labels\.txt: labels that are points .* passed over: lines 2, 4$"):
        assert gaps_in("0.5\t0.51\ta\n0.8\t0.8\tverse\n1.25\t1.5\n1,7\t1.70\n") == [[500, 510], [1250, 1500]]
    with pytest.warns(UserWarning, match="line 1$"):
        assert gaps_in("0.8\t0.8\tverse\n") == []


@pytest.mark.parametrize(
    ("label", "gap"),
    [
        ("-0.000010\t0.010000", [[0, 10]]),
        ("-0,1\t0,01", [[0, 10]]),
        ("1.95\t2.0004", [[1950, 2000]]),
        ("1.95\t2.1", [[1950, 2000]]),
        ("-0.05\t2.05", [[0, 2000]]),
        ("2.0\t2.0004", []),
        ("-0.02\t-0.01", []),
    ],
)
def test_shifted_labels_are_shortened_with_a_word(gaps_in, label, gap):
    with pytest.warns(UserWarning, match="which lasts 2.000000 s, are shortened to it: line 1$"):
        assert gaps_in(f"{label}\n") == gap


def test_an_end_that_is_rounded_up_needs_no_word(gaps_in):
    assert gaps_in("1.95\t2.0000004\n") == [[1950, 2000]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("3\t3.1\tnowhere\n", "line 1: gap from 3.0 s to 3.1 s: it ends after the signal"),
        ("0.5\t0.51\n1.9\t2.11\n", "line 2: gap from 1.9 s to 2.11 s: it ends after"),
        ("-0.2\t0.1\n", "line 1: gap from -0.2 s to 0.1 s: the start must not be negative"),
        ("0.5\t0.4\n", "line 1: gap from 0.5 s to 0.4 s: the start must be before the end"),
        ("0.5\n", "line 1: expected start and end in seconds and a name, separated by tabs"),
        ("scratch\t0.5\t0.6\n", "line 1: expected start and end"),
        ("1.234,5\t1.300,5\n", "line 1: expected start and end"),
        ("\n \n", "the file holds no label"),
        (b"", "the file holds no label"),
        ("nan\t1\n", "line 1: expected start and end"),
    ],
)
def test_what_is_no_label_of_this_audio_is_refused_by_its_line(gaps_in, content, message):
    with pytest.raises(ValueError, match=message):
        gaps_in(content)


def test_labels_with_frequencies_are_boxes(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text(
        "0.5\t0.51\tcough\n\\\t300,5\t450.0\n1.25\t1.5\thole\n0.7\t0.7\tpoint\n\\\t1\t2\n"
        "1.9\t2.05\thum\n\\\t-1\t60\n0\t0:01\thiss\n\\\t400\t-1.0\n0\t2\tall\n\\\t0\t9999\n"
    )
    with pytest.warns(UserWarning, match="points|shortened") as warned:
        marks = read_marks(path, **EXTENT)
    assert len(warned) == 2
    assert [gaps.tolist() for gaps in marks.gaps] == [[[1250, 1500]]]
    assert marks.boxes == [
        (300.5, 450.0, 0.5, 0.51),
        (0.0, 60.0, 1.9, 2.0),
        (400.0, 500.0, 0.0, 1.0),
        (0.0, 500.0, 0.0, 2.0),
    ]
    for read in (read_gaps, read_mask):
        with (
            pytest.warns(UserWarning, match="points|shortened"),
            pytest.raises(ValueError, match=r"labels.txt: expected labels without frequencies, got 4 with"),
        ):
            read(path, **EXTENT)


@pytest.mark.parametrize("line", ["\\", "\\\t300", "\\\tlow\thigh"])
def test_a_line_without_two_frequencies_is_refused(gaps_in, line):
    with pytest.raises(ValueError, match="line 2: expected two frequencies in Hz after a backslash, got"):
        gaps_in(f"0.5\t0.51\tcough\n{line}\n")


def test_a_mask_of_labels_is_that_of_their_gaps(tmp_path):
    path = tmp_path / "labels.TXT"
    path.write_text(TEXT)
    assert np.flatnonzero(read_mask(path, **EXTENT)).tolist() == [*range(500, 510), *range(1250, 1500)]


TIMES = {"1:00": 60, "0:01:02.5": 62.5, "62.5": 62.5, "0,5": 0.5, "90:00": 5400, "1:2:3,4": 3723.4, ".5": 0.5}
TIMES |= {"5.": 5, "-1:00": -60, "1e-3": 1e-3, " 3 ": 3, "+1:30": 90, "1:02.1": 62.1, "-0.000010": -1e-5}


@pytest.mark.parametrize(("text", "seconds"), TIMES.items())
def test_times_are_read_to_the_digit(text, seconds):
    assert str(seconds_of(text)) == str(float(seconds))


@pytest.mark.parametrize(
    "text", ["", "1:60", "1:60:00", "1:2:3:4", "1,000.5", "1:.", ":30", "1:1e1", "nan", "inf", "5 s"]
)
def test_other_texts_are_no_times(text):
    with pytest.raises(ValueError, match="expected a time in seconds"):
        seconds_of(text)
