"""
Random segments of recordings to train on. Every draw is keyed by (seed, index), so the order of reading has no effect.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ...signals.blocks import AudioReader
from ...signals.files import find_audio_files
from ...signals.recordings import recording_length
from ...signals.resampling import resample, resampled_length
from .probabilities import folder_probabilities


class AudioSegmentDataset(Dataset):
    """
    Segments at random places of random recordings, mono, at a random peak level.

    A folder is drawn first, then a recording in it by its duration, then the place. Channels are averaged;
    other rates are resampled.

    Args:
        folders: folders searched for audio files.
        num_segments: length of the data set. Each index is a draw, so as many as the training will take.
        segment_seconds: duration of a segment. Shorter recordings are left out.
        sampling_rate: Hz of the segments.
        seed: seed of the draws, 0 or above.
        peak_dbfs: lowest and highest peak level, in dB relative to full scale.
        probabilities: how often each folder is drawn from; equally often by default.

    Raises:
        ValueError: a folder without an audio file as long as a segment, a file that cannot be read as audio, or
            probabilities that do not fit.
    """

    def __init__(
        self,
        folders: Sequence[str | Path],
        num_segments: int,
        segment_seconds: float,
        sampling_rate: int,
        seed: int,
        peak_dbfs: tuple[float, float] = (-12.0, -1.0),
        probabilities: Sequence[float] | None = None,
    ):
        self.probabilities = None if probabilities is None else folder_probabilities(probabilities, folders)
        self.num_segments = num_segments
        self.segment_length = round(segment_seconds * sampling_rate)
        self.sampling_rate = sampling_rate
        self.seed = seed
        self.peak_dbfs = peak_dbfs
        self.folders = []
        for folder in folders:
            lengths = {path: recording_length(path) for path in find_audio_files(folder)}
            durations = {path: num_samples / rate for path, (num_samples, rate) in lengths.items()}
            paths = [path for path in lengths if durations[path] > segment_seconds]
            if not paths:
                raise ValueError(f"{folder} holds no audio file longer than {segment_seconds} s")
            seconds = np.array([durations[path] for path in paths])
            self.folders.append((paths, seconds / seconds.sum()))

    def __len__(self) -> int:
        return self.num_segments

    def __getitem__(self, index: int) -> Tensor:
        """A segment, float32 `(1, segment_length)`."""
        draw = np.random.default_rng((self.seed, index))
        if self.probabilities is None:
            folder = int(draw.integers(len(self.folders)))
        else:
            folder = int(draw.choice(len(self.folders), p=self.probabilities))
        paths, weights = self.folders[folder]
        with AudioReader(paths[draw.choice(len(paths), p=weights)]) as reader:
            num_samples = resampled_length(self.segment_length, self.sampling_rate, reader.sampling_rate)
            start = int(draw.integers(max(reader.num_samples - num_samples, 1)))
            reader.jump(start)
            audio = reader.read(start, start + num_samples).astype(np.float32).mean(0)
        segment = torch.from_numpy(resample(audio, reader.sampling_rate, self.sampling_rate))[: self.segment_length]
        peak = 10 ** (draw.uniform(*self.peak_dbfs) / 20)
        # Digital silence stays silent.
        return (segment * (peak / segment.abs().max().clamp(min=1e-4)))[None]
