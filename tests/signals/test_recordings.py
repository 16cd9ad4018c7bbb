import io

import numpy as np
import pytest
import soundfile as sf
from datasets import Audio, Dataset, Features, Value

from aidd.signals.files import read_audio
from aidd.signals.recordings import (
    MonoReader,
    Recording,
    dataset_recordings,
    folder_recordings,
    maestro_recordings,
    musicnet_recordings,
)
from aidd.signals.resampling import resample


def write_noise(path, seed: int = 0, rate: int = 8000, seconds: float = 0.1, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.1 * np.random.default_rng(seed).standard_normal((round(seconds * rate), 2))
    sf.write(path, noise, rate, **options)


def names(recordings) -> list[str]:
    return [recording.name for recording in recordings]


def test_folders_give_recordings_by_their_paths(tmp_path):
    for name in ("b.wav", "a/x.wav", "b/x.flac"):
        write_noise(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no audio")
    recordings = folder_recordings(tmp_path)
    assert names(recordings) == ["a/x.wav", "b/x.flac", "b.wav"]
    assert [recording.read() for recording in recordings] == [tmp_path / name for name in names(recordings)]


def test_musicnet_is_split_by_its_folders(tmp_path):
    for name in ("train_data/1727.wav", "train_data/1728.wav", "test_data/1759.wav"):
        write_noise(tmp_path / name)
    assert names(musicnet_recordings(tmp_path, "train")) == ["train_data/1727.wav", "train_data/1728.wav"]
    assert names(musicnet_recordings(tmp_path, "test")) == ["test_data/1759.wav"]
    with pytest.raises(ValueError, match="has the splits train and test, got validation"):
        musicnet_recordings(tmp_path, "validation")
    with pytest.raises(ValueError, match=r"expected a folder of audio files, got .*train_data"):
        musicnet_recordings(tmp_path / "test_data", "train")


def test_maestro_is_split_by_its_table(tmp_path):
    header = "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration\n"
    rows = ["2008/b", "2004/a", "2004/c", "2004/d"]
    splits = ["train", "train", "validation", "test"]
    lines = [f'Liszt,"Études, No. 2",{s},{n[:4]},{n}.midi,{n}.wav,1.0\n' for n, s in zip(rows, splits, strict=True)]
    with pytest.raises(ValueError, match=r"expected one maestro-v\*\.csv in .*, got \[\]"):
        maestro_recordings(tmp_path, "train")
    (tmp_path / "maestro-v3.0.0.csv").write_text(header + "".join(lines), encoding="utf-8")
    with pytest.raises(ValueError, match=r"lists 2 recordings that are not there, the first is .*a\.wav"):
        maestro_recordings(tmp_path, "train")
    for name in [*rows, "2004/unlisted"]:
        write_noise(tmp_path / f"{name}.wav")
    found = {split: names(maestro_recordings(tmp_path, split)) for split in ("train", "validation", "test")}
    assert found == {"train": ["2004/a.wav", "2008/b.wav"], "validation": ["2004/c.wav"], "test": ["2004/d.wav"]}
    with pytest.raises(ValueError, match=r"has the splits \['test', 'train', 'validation'\], got valid"):
        maestro_recordings(tmp_path, "valid")


@pytest.mark.parametrize("place", ["../secret.wav", "2004/../../secret.wav", "{folder}/secret.wav"])
def test_a_table_names_no_recordings_outside_its_folder(tmp_path, place):
    write_noise(tmp_path / "secret.wav")
    folder = tmp_path / "maestro"
    folder.mkdir()
    place = place.format(folder=tmp_path)
    (folder / "maestro-v3.0.0.csv").write_text(f"split,audio_filename\ntest,{place}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"lists 1 recordings outside its folder, the first is .*secret\.wav"):
        maestro_recordings(folder, "test")


def test_rows_of_a_data_set_hold_files_or_their_content(tmp_path):
    for seed, name in enumerate(("a.wav", "b.wav")):
        write_noise(tmp_path / name, seed)
    content = (tmp_path / "b.wav").read_bytes()
    rows = [
        {"audio": {"path": str(tmp_path / "a.wav"), "bytes": None}, "title": "one"},
        {"audio": {"path": "folder/b.wav", "bytes": content}, "title": "two"},
        {"audio": {"path": None, "bytes": content}, "title": "three"},
    ]
    # As such tables come from the Hub; to make them from audio, `datasets` would need another library.
    stored = Features({"audio": {"path": Value("string"), "bytes": Value("binary")}, "title": Value("string")})
    dataset = Dataset.from_list(rows, stored).cast_column("audio", Audio())
    recordings = dataset_recordings(dataset, "audio")
    assert names(recordings) == ["0/a.wav", "1/b.wav", "2"]
    for recording, name in zip(recordings, ("a.wav", "b.wav", "b.wav"), strict=True):
        assert np.array_equal(sf.read(recording.read())[0], sf.read(tmp_path / name)[0])
    assert names(dataset_recordings(dataset.select([2, 1]), "audio")) == ["0", "1/b.wav"]
    with pytest.raises(ValueError, match=r"got title; the data set's columns of audio are \['audio'\]"):
        dataset_recordings(dataset, "title")


RATES = (("wav", 24_000, 1), ("wav", 44_100, 1), ("wav", 8000, 1), ("wav", 44_101, 1), ("wav", 44_100, 0.94))
LOSSY = (("mp3", 44_100, 1), ("ogg", 44_100, 1))


# Rates with a small ratio and with none; up, down and alike.
@pytest.mark.parametrize(("suffix", "rate", "speed"), [*RATES, *LOSSY, ("flac", 11_025, 2)])
def test_regions_are_those_of_the_recording_resampled_whole(tmp_path, suffix, rate, speed):
    name = f"a.{suffix}"
    write_noise(tmp_path / name, rate=rate, seconds=2.5)
    whole = resample(sf.read(tmp_path / name, dtype="float32")[0].mean(1), round(rate * speed), 24_000)
    recording = Recording(name, lambda: tmp_path / name)
    with MonoReader(recording, 24_000, speed=speed) as reader:
        assert reader.num_samples == len(whole)
        for start, stop in ((0, 7000), (6500, 7000), (20_000, 29_000), (28_999, 29_000), (len(whole) - 10, 10**6)):
            np.testing.assert_allclose(reader.read(start, stop), whole[start:stop], atol=1e-6, rtol=0)
        with pytest.raises(ValueError, match="expected regions in the order of their starts, got 0 after"):
            reader.read(0, 7000)


def test_no_more_is_read_than_asked_for(tmp_path):
    write_noise(tmp_path / "a.wav", rate=44_100, seconds=3)
    start = resample(read_audio(tmp_path / "a.wav").samples[:, :44_100].mean(0).astype(np.float32), 44_100, 24_000)
    (recording,) = folder_recordings(tmp_path)
    with MonoReader(recording, 24_000, max_seconds=1) as reader:
        assert reader.num_samples == 24_000
        np.testing.assert_allclose(reader.read(0, 10**6), start, atol=1e-6)
    with MonoReader(recording, 24_000, max_seconds=5, speed=2) as reader:
        assert reader.num_samples == 36_000


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"3/a\.wav: cannot be read as audio"):
        MonoReader(Recording("3/a.wav", lambda: io.BytesIO(b"RIFF, but no more")), 24_000)
    sf.write(tmp_path / "empty.wav", np.zeros(0), 24_000)
    with pytest.raises(ValueError, match=r"empty\.wav: holds no samples"):
        MonoReader(*folder_recordings(tmp_path), 24_000)
