"""What the tests of the command line share: a command, and what it must leave as it was."""

import numpy as np
import soundfile as sf

from aidd import METHODS
from aidd.cli.main import main
from aidd.signals.files import read_audio


RATE = 8_000


NUM_SAMPLES = 8_013


def run(command):
    return main(["inpaint", *command.split()])


def assert_restored(path, mask, source="in.wav"):
    """The file is the source outside the mask, as integers to the bit, and what the method gives inside."""
    before, after = (sf.read(name, dtype="int32", always_2d=True)[0].T for name in (source, path))
    mask = np.broadcast_to(mask, before.shape)
    assert np.array_equal(before[~mask], after[~mask])
    expected = METHODS["linear"](read_audio(source).samples, mask, sampling_rate=RATE)
    assert np.abs(read_audio(path).samples - expected).max() <= 0.5 / 2**23
