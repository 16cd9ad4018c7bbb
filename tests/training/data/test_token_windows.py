import numpy as np
import pytest
from datasets import Dataset

from aidd.training.data.token_windows import TokenWindowDataset


@pytest.fixture
def folder(tmp_path):
    # Codes tell recording and position apart.
    rows = [{"recording": str(i), "audio_codes": list(range(1000 * i, 1000 * i + 10 * i))} for i in range(1, 5)]
    Dataset.from_list(rows).save_to_disk(tmp_path / "tokens")
    return tmp_path / "tokens"


def test_windows_lie_within_one_recording_and_cover_all_places(folder):
    dataset = TokenWindowDataset([folder], 4000, 12, seed=0)
    starts = set()
    for i in range(len(dataset)):
        window = dataset[i]["tokens"].numpy()
        assert np.array_equal(window, window[0] + np.arange(12))
        starts.add(int(window[0]))
    assert starts == {1000 * i + j for i in (2, 3, 4) for j in range(10 * i - 11)}


def test_draws_depend_on_seed_and_index_alone(folder):
    one, two = TokenWindowDataset([folder], 10, 12, seed=0), TokenWindowDataset([folder], 20, 12, seed=0)
    assert all((one[i]["tokens"] == two[i]["tokens"]).all() for i in reversed(range(10)))
    assert [one[i]["index"] for i in range(10)] == list(range(10))
    other = TokenWindowDataset([folder], 10, 12, seed=1)
    assert any((one[i]["tokens"] != other[i]["tokens"]).any() for i in range(10))


def test_folders_are_drawn_by_their_probabilities(folder, tmp_path):
    Dataset.from_list([{"recording": "9", "audio_codes": [9] * 50}]).save_to_disk(tmp_path / "nines")
    dataset = TokenWindowDataset([folder, tmp_path / "nines"], 4000, 12, seed=0, probabilities=[3, 1])
    share = np.mean([dataset[i]["tokens"][0].item() == 9 for i in range(len(dataset))])
    assert abs(share - 0.25) < 0.03


def test_what_does_not_fit_is_refused(folder):
    with pytest.raises(ValueError, match="at least 50 tokens"):
        TokenWindowDataset([folder], 1, 50, seed=0)
    with pytest.raises(ValueError, match="expected 1 positive probabilities"):
        TokenWindowDataset([folder], 1, 10, seed=0, probabilities=[1, 1])


def test_what_holds_no_tokens_is_refused_by_the_script_that_makes_them(tmp_path):
    (tmp_path / "audio").mkdir()
    Dataset.from_list([{"audio": [1]}]).save_to_disk(tmp_path / "others")
    for name in ("audio", "nowhere", "others"):
        with pytest.raises(ValueError, match=rf"{name} is no data set of tokens: examples/tokenize_dataset\.py makes"):
            TokenWindowDataset([tmp_path / name], 1, 12, seed=0)


def test_the_largest_code_is_that_of_all_folders(folder, tmp_path):
    Dataset.from_list([{"recording": "9", "audio_codes": [9] * 50}]).save_to_disk(tmp_path / "nines")
    assert TokenWindowDataset([folder, tmp_path / "nines"], 1, 12, seed=0).largest_code == 4039
