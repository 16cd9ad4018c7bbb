"""Every file of a folder is a recording, a mask of one, or named as used for nothing."""

import os

import pytest

from aidd.repair.folder import content_of


def fill(folder, *names, content=b"x"):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def why_of(content, folder):
    return {one.path.relative_to(folder).as_posix(): one.why for one in content.unused}


def test_every_file_is_used_or_named(tmp_path):
    fill(tmp_path, "a.wav", "a.txt", "a.npy", "b.FLAC", "b.TXT", "below/c.oga", "below/c.oga.txt", "d.aifc", "e.Wave")
    fill(tmp_path, "orphan.txt", "below/a.txt", "phone.m4a", "cover.jpg", "Thumbs.db", ".DS_Store")
    fill(tmp_path, "tape", content=b"RIFF....WAVE")
    content = content_of(tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in content.recordings]
    assert names == ["a.wav", "b.FLAC", "below/c.oga", "d.aifc", "e.Wave"]
    masks = {path.name: sorted(mask.name for mask in masks) for path, masks in content.masks.items()}
    assert masks == {"a.wav": ["a.npy", "a.txt"], "b.FLAC": ["b.TXT"], "c.oga": ["c.oga.txt"]}
    orphan = "a mask without a recording of its name beside it"
    sound = "sound in a format, or under a suffix, that is not read"
    assert why_of(content, tmp_path) == {
        "below/a.txt": orphan,
        "cover.jpg": "neither a recording nor a mask",
        "orphan.txt": orphan,
        "phone.m4a": sound,
        "tape": sound,
    }
    assert [one.path.name for one in content.unused if not one.may_be_wanted] == ["cover.jpg"]


def test_a_mask_that_two_recordings_could_own_is_used_for_none(tmp_path):
    fill(tmp_path, "twice.wav", "twice.flac", "twice.txt", "twice.flac.npy", "once.wav")
    content = content_of(tmp_path)
    assert {path.name: [mask.name for mask in masks] for path, masks in content.masks.items()} == {
        "twice.flac": ["twice.flac.npy"]
    }
    (unused,) = content.unused
    assert unused.path.name == "twice.txt" and "both twice.flac and twice.wav; name it twice.flac.txt" in unused.why
    assert {path.name: [one.path.name for one in masks] for path, masks in content.ambiguous.items()} == {
        "twice.flac": ["twice.txt"],
        "twice.wav": ["twice.txt"],
    }


def test_what_is_no_file_of_its_own_is_no_failed_recording(tmp_path):
    fill(tmp_path, "a.wav", "._a.wav", "._gone.wav")
    fill(tmp_path, "._b.wav", content=bytes.fromhex("0005160700020000"))
    (tmp_path / "folder.wav").mkdir()
    os.symlink("nowhere.wav", tmp_path / "link.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    content = content_of(tmp_path)
    assert [path.name for path in content.recordings] == ["._gone.wav", "a.wav"]
    assert why_of(content, tmp_path) == {
        "._a.wav": "a Mac's notes on a.wav",
        "._b.wav": "a Mac's notes on b.wav",
        "link.wav": "a link to nothing",
        "pipe.wav": "not a regular file",
    }


def test_a_folder_without_recordings_is_refused_with_what_it_holds(tmp_path):
    with pytest.raises(ValueError, match="expected a folder of audio files"):
        content_of(tmp_path / "none")
    fill(tmp_path, "phone.m4a")
    with pytest.raises(ValueError, match=r"holds no audio file .*; 1 files of other kinds, such as .*phone\.m4a"):
        content_of(tmp_path)
