"""How commands end: exit codes, reports for every end but bad input, and streams that cannot be written to."""

import gc
import io
import json
import os
import signal
import sys
import time
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from processes import python

from aidd.cli.console import Console
from aidd.cli.main import main


RATE = 8_000
GAP = "--gap 0.5 0.51 --method linear"
USERS_METHODS = """
import gc
import os
import signal

import numpy as np


def broken(audio, mask, *, sampling_rate, generator=None):
    return {}["no such key"]


def ended_by(number):
    os.kill(os.getpid(), number)
    raise AssertionError("the signal came too late")


def closed(audio, mask, *, sampling_rate, generator=None):
    ended_by(signal.SIGHUP)


def interrupted(audio, mask, *, sampling_rate, generator=None):
    ended_by(signal.SIGINT)


def warning(audio, mask, *, sampling_rate, generator=None):
    import warnings

    warnings.warn("the gap is odd", stacklevel=2)
    return np.where(mask, 0.0, audio)


def collected(audio, mask, *, sampling_rate, generator=None):
    assert gc.isenabled() and gc.get_freeze_count() > 10_000
    return np.where(mask, 0.0, audio)
"""


@pytest.fixture
def folder(tmp_path, tones, monkeypatch):
    """A current folder with two seconds of tones, `in.wav`, and methods of a user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "odd_fillers", raising=False)
    Path("odd_fillers.py").write_text(USERS_METHODS)
    sf.write("in.wav", tones(2 * RATE, RATE).ravel(), RATE, subtype="PCM_16")
    return tmp_path


def run(command):
    return main(["inpaint", *command.split()])


def broken_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


def closed_stream():
    with open(os.devnull, "w") as stream:
        return stream


STREAMS = {
    "a full disk": partial(open, "/dev/full", "w"),
    "a pipe": broken_pipe,
    "none": nullcontext,
    "a closed one": closed_stream,
}


@contextmanager
def broken(name, open_stream):
    """A standard stream that nothing can be written to."""
    with pytest.MonkeyPatch.context() as patch:
        stream = open_stream()
        patch.setattr(sys, name, None if isinstance(stream, nullcontext) else stream)
        yield
    if not isinstance(stream, nullcontext):
        stream.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
@pytest.mark.parametrize("open_stream", STREAMS.values(), ids=STREAMS.keys())
@pytest.mark.parametrize("options", ["", " --json"])
def test_a_report_that_cannot_be_written_is_told_and_changes_nothing(folder, capsys, open_stream, options):
    with broken("stdout", open_stream):
        assert run(f"in.wav out.wav {GAP}{options}") == 4
    assert capsys.readouterr().err.startswith("aidd: error: what was done could not be written to stdout (")
    assert run(f"in.wav other.wav {GAP}") == 0
    assert (folder / "out.wav").read_bytes() == (folder / "other.wav").read_bytes()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
@pytest.mark.parametrize("open_stream", STREAMS.values(), ids=STREAMS.keys())
def test_a_warning_that_cannot_be_written_stops_no_work(folder, capsys, open_stream):
    with broken("stderr", open_stream):
        assert run("in.wav out.wav --gap 0.1 1.9 --method linear --json") == 4
        # Bad input is bad input, whether anybody hears of it or not.
        assert run("in.wav none/out.wav --gap 0.1 0.2 --method linear") == 2
    assert "of a channel is marked as missing" in json.loads(capsys.readouterr().out)["warnings"][0]
    assert (folder / "out.wav").exists()


def test_help_and_facts_that_nobody_gets_are_no_success(folder):
    for arguments in (["inpaint", "--help"], ["--version"], ["info", "in.wav"]):
        with broken("stdout", broken_pipe):
            assert main(arguments) == 4


def test_letters_that_a_stream_lacks_are_escaped(folder, monkeypatch):
    os.rename("in.wav", "m\u00fcsic.wav")
    with open("ascii.txt", "w", encoding="ascii") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        assert run(f"m\u00fcsic.wav out.wav {GAP}") == 0
    assert Path("ascii.txt").read_text().startswith("m\\xfcsic.wav: 1 gap by linear\n")


def test_closed_streams_give_their_numbers_to_no_file(folder):
    """A file that is opened as number 1 or 2 would hold what libraries print."""
    command = f"exec {sys.executable} -m aidd.cli.main inpaint in.wav out.wav {GAP} >&- 2>&- <&-"
    assert python.run("-c", f"import os; os._exit(os.system({command!r}) >> 8)").returncode == 4
    assert sf.info("out.wav").frames == 2 * RATE


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="there is no folder that nobody may write to")
def test_a_picture_that_cannot_be_written_leaves_the_output_and_says_so(folder, capsys, monkeypatch):
    pytest.importorskip("matplotlib")
    # Nobody may write here, root neither.
    place = "/proc/repair.png"
    assert run(f"in.wav out.wav {GAP} --plot {place} --json") == 4
    output = capsys.readouterr()
    report = json.loads(output.out)
    assert report["exit_code"] == 4 and report["outputs"] == ["out.wav"] and "the picture" in report["errors"][0]
    assert output.err == f"aidd: error: {report['errors'][0]}\n" and (folder / "out.wav").exists()


def test_a_report_tells_that_nothing_was_to_be_repaired(folder, capsys):
    np.save("none.npy", np.zeros(2 * RATE, bool))
    for options in ("--detect clicks,dropouts", "--mask none.npy"):
        assert run(f"in.wav out.wav --method linear --json {options}") == 3
        output = capsys.readouterr()
        report = json.loads(output.out)
        assert report["outputs"] == [] and report["gaps"] == [[]] and report["exit_code"] == 3
        assert output.err == f"aidd: error: {report['errors'][0]}\n"
    assert not (folder / "out.wav").exists()


def test_all_warnings_stand_in_the_report(folder, capsys):
    command = "in.wav out.ogg --gap 0.1 1.5 --method odd_fillers:warning --subtype VORBIS --json"
    assert run(command) == 0
    output = capsys.readouterr()
    warned = [line.removeprefix("aidd: warning: ") for line in output.err.splitlines()]
    assert json.loads(output.out)["warnings"] == warned and len(warned) == 3


@pytest.mark.parametrize(("method", "code", "word"), [("interrupted", 130, "interrupted"), ("closed", 129, "SIGHUP")])
def test_a_signal_leaves_nothing_but_a_report(folder, capsys, method, code, word):
    Path("out.wav").write_bytes(b"precious")
    before = sorted(os.listdir())
    assert run(f"in.wav out.wav --gap 0.5 0.51 --method odd_fillers:{method} --json") == code
    report = json.loads(capsys.readouterr().out)
    assert report["exit_code"] == code and word in report["errors"][0] and report["outputs"] == []
    assert set(os.listdir()) - {"__pycache__"} == set(before) and Path("out.wav").read_bytes() == b"precious"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_a_callback_of_libsndfile_is_not_lost(folder, capsys, number):
    """What Python raises in a callback from C is passed over."""

    class Endless(io.RawIOBase):
        def __init__(self):
            self.content = io.BytesIO(Path("in.wav").read_bytes())

        def readinto(self, buffer):
            if not self.asked:
                self.asked = True
                os.kill(os.getpid(), number)
            return self.content.readinto(buffer)

        asked = False
        seek = property(lambda self: self.content.seek)
        tell = property(lambda self: self.content.tell)

    def read(console):
        with sf.SoundFile(Endless()) as file:
            for _ in range(1000):
                file.read(1)
                time.sleep(0.01)
        return 0

    assert Console().run(read) == 128 + number
    assert "Traceback" not in capsys.readouterr().err


def test_an_ignored_signal_stays_ignored(folder, capsys):
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run("in.wav out.wav --gap 0.5 0.51 --method odd_fillers:closed") == 2
    finally:
        signal.signal(signal.SIGHUP, previous)
    assert "the signal came too late" in capsys.readouterr().err


def test_an_interruption_after_the_work_does_not_deny_it(folder, capsys, monkeypatch):
    pytest.importorskip("matplotlib")

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("aidd.cli.picture.write_picture", interrupted)
    assert run(f"in.wav out.wav {GAP} --plot repair.png --json") == 4
    report = json.loads(capsys.readouterr().out)
    assert (report["errors"], report["outputs"]) == (["interrupted"], ["out.wav"])


def test_whatever_a_method_raises_is_one_line(folder, capsys):
    assert run("in.wav out.wav --gap 0.5 0.51 --method odd_fillers:broken") == 2
    error = capsys.readouterr().err
    assert error.startswith("aidd: error: KeyError: 'no such key'") and error.count("\n") == 1
    assert not (folder / "out.wav").exists()


def test_info_shows_all_files_and_names_the_bad_ones(folder, capsys):
    Path("broken.wav").write_bytes(b"RIFF")
    assert main(["info", "none.wav", "in.wav", "broken.wav", "in.wav"]) == 2
    output = capsys.readouterr()
    assert output.out.count("in.wav: 8000 Hz") == 2
    assert [line.split()[2] for line in output.err.splitlines()] == ["none.wav:", "broken.wav:"]


def test_the_collector_leaves_alone_what_is_loaded_until_the_command_has_ended(folder):
    """Whoever runs the command from a program has the collector as it was."""
    assert gc.get_freeze_count() == 0
    assert run("in.wav out.wav --gap 1 1.1 --method odd_fillers:collected") == 0
    assert gc.isenabled() and gc.get_freeze_count() == 0
