"""
Random windows of tokenised recordings. Every draw is keyed by (seed, index), so the order of reading has no effect.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset as HFDataset
from datasets import load_from_disk
from torch import Tensor
from torch.utils.data import Dataset

from .probabilities import folder_probabilities


class TokenWindowDataset(Dataset):
    """
    Windows at random places of recordings, never across two of them.

    Args:
        folders: data sets written by `examples/tokenize_dataset.py`: a row a recording, its codes in `audio_codes`.
        num_windows: length of the data set. Each index is a draw, so as many as the training will take.
        window_length: number of tokens in a window. Shorter recordings are left out.
        seed: seed of the draws, 0 or above.
        probabilities: how often each folder is drawn from; equally often by default. Inside a folder, every window is
            equally probable.

    Raises:
        ValueError: a folder that is no data set of tokens, a folder without a recording as long as a window, or
            probabilities that do not fit.
    """

    def __init__(
        self,
        folders: Sequence[str | Path],
        num_windows: int,
        window_length: int,
        seed: int,
        probabilities: Sequence[float] | None = None,
    ):
        self.num_windows = num_windows
        self.window_length = window_length
        self.seed = seed
        self.probabilities = folder_probabilities(
            [1.0] * len(folders) if probabilities is None else probabilities, folders
        )
        self.folders = []
        for folder in folders:
            recordings = [np.asarray(codes, np.int64) for codes in _load_tokens(folder)["audio_codes"]]
            recordings = [codes for codes in recordings if len(codes) >= window_length]
            if not recordings:
                raise ValueError(f"{folder} holds no recording of at least {window_length} tokens")
            places = np.cumsum([len(codes) - window_length + 1 for codes in recordings])
            self.folders.append((recordings, places))
        self.largest_code = max(int(codes.max()) for recordings, _ in self.folders for codes in recordings)

    def __len__(self) -> int:
        return self.num_windows

    def __getitem__(self, index: int) -> dict[str, int | Tensor]:
        """`tokens`, a window, int64 `(window_length,)`, and the `index` that it was drawn for."""
        draw = np.random.default_rng((self.seed, index))
        recordings, places = self.folders[draw.choice(len(self.folders), p=self.probabilities)]
        place = draw.integers(places[-1])
        row = int(np.searchsorted(places, place, side="right"))
        start = int(place - (places[row - 1] if row else 0))
        tokens = torch.from_numpy(recordings[row][start : start + self.window_length])
        return {"index": index, "tokens": tokens}


def _load_tokens(folder: str | Path) -> HFDataset:
    problem = f"{folder} is no data set of tokens: examples/tokenize_dataset.py makes one of recordings"
    try:
        tokens = load_from_disk(str(folder))
    except FileNotFoundError as error:
        raise ValueError(problem) from error
    # A dictionary of splits is no data set either.
    if not isinstance(tokens, HFDataset) or "audio_codes" not in tokens.column_names:
        raise ValueError(problem)
    return tokens
