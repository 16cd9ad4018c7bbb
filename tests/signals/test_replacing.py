import signal
import sys
import time
from pathlib import Path

import pytest
from processes import python

from aidd.signals.replacing import remove_left_overs, replacing, replacing_all


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="killed"), replacing(path) as temporary:
        temporary.write_text("ha")
        assert path.read_text() == "old"
        raise RuntimeError("killed")
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"] and path.read_text() == "old"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"] and path.read_text() == "new"


@pytest.mark.parametrize("permissions", [0o600, 0o640, 0o444, 0o755])
def test_what_replaces_a_file_has_its_permissions_and_a_new_file_the_usual_ones(tmp_path, permissions):
    path, new, usual = tmp_path / "a", tmp_path / "b", tmp_path / "usual"
    path.write_text("before")
    path.chmod(permissions)
    with replacing_all([path, new]) as (first, second):
        # Nobody else may read it before it is done either.
        assert first.stat().st_mode & 0o777 == 0o600
        first.write_text("after")
        second.write_text("new")
    usual.write_text("usual")
    assert path.stat().st_mode & 0o777 == permissions and path.read_text() == "after"
    assert new.stat().st_mode == usual.stat().st_mode


HOLD = """
import sys, time
from pathlib import Path
from aidd.signals.replacing import replacing
with replacing(Path(sys.argv[1])) as unfinished:
    unfinished.write_text("half")
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there, files that are open are not removed")
def test_what_a_killed_run_left_is_removed_and_what_a_live_run_writes_is_not(tmp_path):
    (tmp_path / ".aidd-notes.txt").write_text("kept")
    process = python.start("-c", HOLD, tmp_path / "a")
    while not any(path.suffix == ".part" for path in tmp_path.iterdir()) and process.poll() is None:
        time.sleep(0.01)
    with replacing(tmp_path / "b") as unfinished:
        unfinished.write_text("b")
        # Neither another process's, nor this one's own, whoever looks.
        remove_left_overs(tmp_path)
        assert len(list(tmp_path.glob("*.part"))) == 2
    (half,) = tmp_path.glob("*.part")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert half.exists()
    with replacing(tmp_path / "b") as unfinished:
        unfinished.write_text("b again")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".aidd-notes.txt", "b"]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is there on Linux")
def test_a_folder_that_cannot_be_written_to_is_named():
    with pytest.raises(OSError, match=r"'/proc'$"), replacing(Path("/proc/a")):
        pass
