import numpy as np
import pytest
import soundfile as sf
from datasets import Audio, Dataset, Features, Value

from aidd.evaluation.protocols.recordings import hub_recordings_of, join_recordings, recordings_of


def write_noise(path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, 0.1 * np.random.default_rng(seed).standard_normal(800), 8000)


def test_folders_name_recordings_by_their_own_name_and_not_by_where_they_lie(tmp_path, monkeypatch):
    for place in ("here", "there/and/further"):
        for name in ("b.wav", "a/x.wav"):
            write_noise(tmp_path / place / "music" / name)
    found = recordings_of(tmp_path / "here" / "music")
    assert list(found.items()) == [
        ("music/a/x.wav", tmp_path / "here/music/a/x.wav"),
        ("music/b.wav", tmp_path / "here/music/b.wav"),
    ]
    assert list(recordings_of(tmp_path / "there/and/further/music")) == list(found)
    monkeypatch.chdir(tmp_path / "here" / "music")
    assert list(recordings_of(".")) == list(found)


def test_data_sets_name_recordings_by_their_own_name(tmp_path):
    for name in ("train_data/1.wav", "test_data/3.wav", "test_data/2.wav"):
        write_noise(tmp_path / "x" / name)
    found = recordings_of(tmp_path / "x", "musicnet", "test")
    assert list(found) == ["musicnet/test_data/2.wav", "musicnet/test_data/3.wav"]
    assert found["musicnet/test_data/2.wav"] == tmp_path / "x" / "test_data" / "2.wav"
    lines = ["split,audio_filename", "test,2004/a.wav", "train,2004/b.wav"]
    for name in ("a", "b"):
        write_noise(tmp_path / "y" / "2004" / f"{name}.wav")
    (tmp_path / "y" / "maestro-v3.0.0.csv").write_text("\n".join(lines) + "\n")
    assert list(recordings_of(tmp_path / "y", "maestro", "test")) == ["maestro/2004/a.wav"]


def test_layouts_and_splits_must_be_known(tmp_path):
    with pytest.raises(ValueError, match="layout must be one of folder, musicnet, maestro, hub, got lakh"):
        recordings_of(tmp_path, "lakh", "test")
    with pytest.raises(ValueError, match="a folder of audio files has no splits, got split test"):
        recordings_of(tmp_path, split="test")
    with pytest.raises(ValueError, match="MusicNet has the splits train and test, got None"):
        recordings_of(tmp_path, "musicnet")
    with pytest.raises(ValueError, match="expected a split of some/songs, got none"):
        recordings_of("some/songs", "hub")
    with pytest.raises(ValueError, match=r"expected a folder of audio files, got .*nowhere"):
        recordings_of(tmp_path / "nowhere")


def test_folders_are_joined_if_their_names_differ(tmp_path):
    for place in ("a/music", "b/music", "c/songs"):
        write_noise(tmp_path / place / "x.wav")
    music, same, songs = (recordings_of(tmp_path / place) for place in ("a/music", "b/music", "c/songs"))
    assert join_recordings(music, songs) == {**music, **songs}
    assert join_recordings() == {}
    with pytest.raises(ValueError, match=r"folders that differ in name, got music/x\.wav as .*a.music.* and as .*b"):
        join_recordings(music, songs, same)


def test_sound_within_the_tables_of_a_data_set_becomes_files(tmp_path):
    for seed, name in enumerate(("a.wav", "b.wav")):
        write_noise(tmp_path / name, seed)
    contents = [(tmp_path / name).read_bytes() for name in ("a.wav", "b.wav")]
    rows = [{"sound": {"path": path, "bytes": b}} for path, b in zip(("a.wav", None), contents, strict=True)]
    # As such tables come from the Hub; to make them from audio, `datasets` would need another library.
    stored = Features({"sound": {"path": Value("string"), "bytes": Value("binary")}})
    table = tmp_path / "some" / "songs" / "test.parquet"
    table.parent.mkdir(parents=True)
    Dataset.from_list(rows, stored).cast_column("sound", Audio()).to_parquet(table)
    arguments = {"column": "sound", "cache_dir": tmp_path / "cache"}
    found = hub_recordings_of(str(table.parent), "test", **arguments)
    assert list(found) == ["songs/test/0/a.wav", "songs/test/1"]
    assert [path.read_bytes() for path in found.values()] == contents
    assert all(path.is_relative_to(tmp_path / "cache") for path in found.values())
    assert hub_recordings_of(str(table.parent), "test", **arguments) == found
    with pytest.raises(ValueError, match="expected a column of audio, got audio"):
        hub_recordings_of(str(table.parent), "test", cache_dir=tmp_path / "cache")


def test_a_data_set_names_no_files_but_its_own(tmp_path):
    write_noise(tmp_path / "secret.wav")
    table = tmp_path / "songs" / "test.parquet"
    table.parent.mkdir()
    write_noise(table.parent / "own.wav")
    stored = Features({"audio": {"path": Value("string"), "bytes": Value("binary")}})

    def found(path) -> dict:
        rows = [{"audio": {"path": str(path), "bytes": None}}]
        Dataset.from_list(rows, stored).cast_column("audio", Audio()).to_parquet(table)
        return hub_recordings_of(str(table.parent), "test", cache_dir=tmp_path / f"cache of {path.name}")

    assert list(found(table.parent / "own.wav").values()) == [table.parent / "own.wav"]
    for path in (tmp_path / "secret.wav", table.parent / ".." / "secret.wav"):
        with pytest.raises(ValueError, match=r"row 0/secret\.wav: expected a file of the data set, got "):
            found(path)
