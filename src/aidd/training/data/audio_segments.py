"""Random segments of recordings, for training codecs. Every draw is keyed by (seed, index): no order can change it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import torch
import torchaudio
from torch import Tensor
from torch.utils.data import Dataset

from ...signals.files import find_audio_files


class AudioSegmentDataset(Dataset):
    """
    Segments at random places of random recordings, mono, at a random peak level.

    A folder is drawn first, then a recording in it by its duration, then the place. Channels are averaged;
    other rates are resampled.

    Args:
        folders: folders searched for audio files.
        num_segments: length of the data set: an index is a draw, so as many as the training will take.
        segment_seconds: duration of a segment. Shorter recordings are left out.
        sampling_rate: Hz of the segments.
        seed: of the draws.
        peak_dbfs: lowest and highest peak level, in dB relative to full scale.
        probabilities: of drawing from each folder; alike where not given.

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
        self.probabilities: np.ndarray | None = None
        if probabilities is not None:
            weights = np.asarray(probabilities, float)
            if weights.shape != (len(folders),) or (weights <= 0).any():
                raise ValueError(f"expected {len(folders)} positive probabilities, one a folder, got {weights}")
            self.probabilities = weights / weights.sum()
        self.num_segments = num_segments
        self.segment_length = round(segment_seconds * sampling_rate)
        self.sampling_rate = sampling_rate
        self.seed = seed
        self.peak_dbfs = peak_dbfs
        self.folders = []
        for folder in folders:
            infos = [_info(path) for path in find_audio_files(folder)]
            infos = [info for info in infos if info.duration > segment_seconds]
            if not infos:
                raise ValueError(f"{folder} holds no audio file longer than {segment_seconds} s")
            durations = np.array([info.duration for info in infos])
            self.folders.append((infos, durations / durations.sum()))

    def __len__(self) -> int:
        return self.num_segments

    def __getitem__(self, index: int) -> Tensor:
        """A segment, float32 `(1, segment_length)`."""
        draw = np.random.default_rng((self.seed, index))
        if self.probabilities is None:
            folder = int(draw.integers(len(self.folders)))
        else:
            folder = int(draw.choice(len(self.folders), p=self.probabilities))
        infos, weights = self.folders[folder]
        info = infos[draw.choice(len(infos), p=weights)]
        num_frames = -(-self.segment_length * info.samplerate // self.sampling_rate)
        start = int(draw.integers(max(info.frames - num_frames, 1)))
        audio, _ = sf.read(info.name, frames=num_frames, start=start, dtype="float32", always_2d=True)
        segment = torch.from_numpy(audio.mean(1))
        if info.samplerate != self.sampling_rate:
            segment = torchaudio.functional.resample(segment, info.samplerate, self.sampling_rate)
        segment = segment[: self.segment_length]
        peak = 10 ** (draw.uniform(*self.peak_dbfs) / 20)
        # Digital silence stays silent.
        return (segment * (peak / segment.abs().max().clamp(min=1e-4)))[None]


def _info(path: Path) -> Any:
    try:
        return sf.info(path)
    except sf.LibsndfileError as error:
        raise ValueError(f"{path}: cannot be read as audio ({error})") from error
