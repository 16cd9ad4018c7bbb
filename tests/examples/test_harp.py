"""The endpoint for HARP, asked as HARP asks it."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from browser import wait
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from processes import python
from scripts import EXAMPLES


RATE = 16_000
DROPOUT, WRITTEN = (1.0, 1.1), (2.25, 2.3)


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("harp")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stand_in = Path(__file__).parent / "harp_stub"
    app = python.start(
        EXAMPLES / "harp" / "app.py", "--port", port, folder=folder, PYTHONPATH=str(stand_in), TMPDIR=str(folder)
    )
    wait(lambda: app.poll() is not None or listens(port))
    assert app.poll() is None, app.communicate()
    one = Client(f"http://127.0.0.1:{port}", download_files=folder / "downloads", verbose=False)
    yield one
    one.close()
    app.send_signal(signal.SIGINT)
    assert "Traceback" not in app.communicate(timeout=60)[1]


@pytest.fixture
def damaged(tmp_path, tones) -> Path:
    """Two channels with a dropout."""
    path, audio = tmp_path / "item.wav", 0.5 * tones(3 * RATE, RATE, 2)
    audio[:, round(DROPOUT[0] * RATE) : round(DROPOUT[1] * RATE)] = 0
    sf.write(path, audio.T, RATE, subtype="PCM_24")
    return path


def test_it_says_what_it_takes(client):
    controls = client.predict(api_name="/controls")
    assert controls["card"]["name"] == "aidd"
    assert controls["inputs"][:2] == ["Audio with gaps", "Gaps"] and len(controls["inputs"]) == 7


def test_gaps_that_are_found_or_written_are_filled_and_no_other_sample_changes(client, damaged):
    written = f"{WRITTEN[0]}-{WRITTEN[1]}"
    output, labels = client.predict(
        handle_file(damaged), written, True, False, False, "linear", 0, api_name="/process"
    )
    before, after = (sf.read(path, dtype="int32", always_2d=True)[0] for path in (damaged, output))
    changed = np.zeros(len(before), bool)
    for start, end in (DROPOUT, WRITTEN):
        changed[round(start * RATE) : round(end * RATE)] = True
    assert np.array_equal(before[~changed], after[~changed]) and np.all(np.any(after[changed] != before[changed], 0))
    assert sf.info(output).subtype == "PCM_24"
    filled = [(label["t"], label["t"] + label["duration"]) for label in labels["labels"]]
    assert np.allclose(filled, [DROPOUT, WRITTEN], atol=1e-3)


@pytest.mark.parametrize(
    ("gaps", "dropouts", "said"),
    [
        ("", False, "nothing to repair"),
        ("1.0 1.1", False, "expected gaps such as 3.2-3.5"),
        ("2.9-3.1", False, "3.1 s"),
    ],
)
def test_what_does_not_fit_is_said_and_leaves_nothing(client, damaged, gaps, dropouts, said):
    folders = set(Path(client.output_dir).parent.glob("aidd-harp-*"))
    with pytest.raises(AppError, match=said):
        client.predict(handle_file(damaged), gaps, dropouts, False, False, "linear", 0, api_name="/process")
    assert set(Path(client.output_dir).parent.glob("aidd-harp-*")) == folders
