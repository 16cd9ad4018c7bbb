import numpy as np
import pytest
import soundfile as sf

from aidd.training.data.audio_segments import AudioSegmentDataset


@pytest.fixture
def folder(tmp_path):
    time = np.arange(48_000) / 48_000
    sf.write(tmp_path / "tone.wav", np.stack([np.sin(2 * np.pi * 440 * time)] * 2, 1) * 0.1, 48_000)
    sf.write(tmp_path / "short.wav", np.zeros(100), 48_000)
    return tmp_path


def test_segments_are_mono_at_the_rate_and_level_asked_for(folder):
    dataset = AudioSegmentDataset([folder], 20, 0.25, 24_000, seed=0, peak_dbfs=(-12, -6))
    for i in range(len(dataset)):
        segment = dataset[i].numpy()
        assert segment.shape == (1, 6000) and segment.dtype == np.float32
        assert -12.01 < 20 * np.log10(np.abs(segment).max()) < -5.99
        spectrum = np.abs(np.fft.rfft(segment[0] * np.hanning(6000)))
        assert abs(np.argmax(spectrum) * 4 - 440) <= 4


def test_draws_depend_on_seed_and_index_alone(folder):
    one, two = (AudioSegmentDataset([folder], 5, 0.1, 24_000, seed=3) for _ in range(2))
    assert all((one[i] == two[i]).all() for i in (4, 0, 2))


def test_a_folder_without_a_long_enough_recording_is_refused(folder):
    with pytest.raises(ValueError, match="no audio file longer than 2 s"):
        AudioSegmentDataset([folder], 5, 2, 24_000, seed=3)


def test_folders_are_drawn_by_their_probabilities(folder, tmp_path_factory):
    silent = tmp_path_factory.mktemp("silent")
    sf.write(silent / "silence.wav", np.zeros(48_000), 48_000)

    def share_of_tones(probabilities) -> float:
        dataset = AudioSegmentDataset([folder, silent], 200, 0.01, 24_000, seed=0, probabilities=probabilities)
        return np.mean([dataset[i].abs().max().item() > 0 for i in range(200)])

    assert 0.4 < share_of_tones(None) < 0.6 and 0.4 < share_of_tones([3, 3]) < 0.6
    assert 0.8 < share_of_tones([0.9, 0.1]) < 0.98


@pytest.mark.parametrize("probabilities", [[1.0], [1.0, 0.0], [1.0, -1.0]])
def test_probabilities_that_do_not_fit_are_refused(folder, probabilities):
    with pytest.raises(ValueError, match="2 positive probabilities, one a folder"):
        AudioSegmentDataset([folder, folder], 5, 0.1, 24_000, seed=0, probabilities=probabilities)


def test_a_file_that_is_no_audio_is_refused_by_name(folder):
    (folder / "text.wav").write_text("no sound")
    with pytest.raises(ValueError, match=r"text\.wav: cannot be read as audio"):
        AudioSegmentDataset([folder], 1, 0.25, 24_000, seed=0)
