"""Any file is read as gaps of the recording, or refused."""

import io

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from aidd.masks.files import read_gaps, read_mask


RATE, NUM_SAMPLES = 1000, 2000

NUMBERS = st.one_of(
    st.floats(-1, 3).map(lambda value: f"{value:.6f}"),
    st.floats().map(str),
    st.sampled_from(["0", "1e400", "-0", "1_0", "0,5", "１", "nan", "inf", "", " ", "\\", "1:00", "0x1p3", "9" * 400]),
)
LINES = st.one_of(
    st.tuples(NUMBERS, NUMBERS, st.text(max_size=5)).map("\t".join), st.lists(NUMBERS).map("\t".join), st.text()
)
LABELS = st.tuples(
    st.lists(LINES, max_size=6),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]),
).map(lambda parts: parts[1].join(parts[0]).encode(parts[2], "surrogatepass"))


def check(gaps: list[np.ndarray]) -> None:
    for channel in gaps:
        assert channel.dtype == np.int64 and channel.shape[1:] == (2,)
        assert (np.diff(channel.ravel()) > 0).all(), "gaps that are empty, or not in order"
        assert channel.min(initial=0) >= 0 and channel.max(initial=0) <= NUM_SAMPLES


@given(st.one_of(LABELS, st.binary()))
@example(b"0\t0.5\tcut \xff short")
@example(b"0\t0.5\n" * 2000)
@example(b"0." + b"1" * 20_000 + b"\t1")
def test_labels(tmp_path, read_or_refused, content):
    path = tmp_path / "labels.txt"
    path.write_bytes(content)
    gaps = read_or_refused(lambda path: read_gaps(path, num_samples=NUM_SAMPLES, sampling_rate=RATE), path)
    if gaps is not None:
        check(gaps)


def saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


ARRAYS = st.one_of(
    st.integers(0, 2**32).map(lambda seed: saved(np.random.default_rng(seed).random(NUM_SAMPLES) < 0.01)),
    st.sampled_from(
        [
            saved(np.zeros((2, NUM_SAMPLES), bool)),
            saved(np.zeros(NUM_SAMPLES, np.uint8)),
            saved(np.zeros((1, 1, NUM_SAMPLES), bool)),
            saved(np.array(True)),
            saved(np.zeros(0, bool)),
            saved(np.array([None, "x"], object)),
        ]
    ),
)
HEADERS = st.one_of(
    st.tuples(
        st.sampled_from(["?", "|b1", "O", "f8", "V1000000000"]), st.lists(st.integers(-1, 2**62), max_size=3)
    ).map(lambda parts: f"{{'descr': '{parts[0]}', 'fortran_order': False, 'shape': {tuple(parts[1])}}}"),
    st.text(),
    st.sampled_from(["(" * 5000, "{'descr': '?', 'fortran_order': True, 'shape': (2000,), 'x': 1}", "[0]*10**9"]),
)


@st.composite
def masks(draw) -> bytes:
    """Arrays as numpy saves them, cut short or with another header, and what is none."""
    content = draw(ARRAYS)
    match draw(st.sampled_from(["whole", "cut", "header", "bytes"])):
        case "cut":
            return content[: draw(st.integers(0, len(content)))]
        case "header":
            header = draw(HEADERS).encode("latin-1", "replace")[:60_000]
            return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content[128:]
        case "bytes":
            return draw(st.binary())
    return content


def with_header(header: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(64)


# Found: tokens that Python does not end, a size below nothing, and one beyond any memory.
@given(masks())
@example(with_header("("))
@example(with_header("{'descr': '?', 'fortran_order': False, 'shape': (-1, 2000)}"))
@example(with_header("{'descr': 'V1000000000', 'fortran_order': False, 'shape': (95893, 96184)}"))
@example(with_header("{'descr': '?', 'fortran_order': False, 'shape': (4611686018427387904, 2000)}"))
def test_arrays(tmp_path, read_or_refused, content):
    path = tmp_path / "mask.npy"
    path.write_bytes(content)
    gaps = read_or_refused(lambda path: read_gaps(path, num_samples=NUM_SAMPLES, sampling_rate=RATE), path)
    mask = read_or_refused(lambda path: read_mask(path, num_samples=NUM_SAMPLES, sampling_rate=RATE), path)
    assert (gaps is None) == (mask is None)
    if gaps is not None:
        check(gaps)
        assert sum(int(stop - start) for channel in gaps for start, stop in channel) == mask.sum()
