"""CLAP, an embedder of audio that was trained with captions."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from transformers import ClapFeatureExtractor, ClapModel

from .embedder import as_batch


class ClapEmbedder:
    """
    Audio embeddings of CLAP (Wu et al. 2023, arXiv:2211.06687), at norm 1.

    A segment shorter than the model's window, 10 s for the published ones, is repeated to fill it, as the model's
    feature extractor does. Longer ones are refused: the extractor would crop them at random.

    Args:
        model: folder or Hub id of a [`~transformers.ClapModel`] with its feature extractor, for example
            `"laion/clap-htsat-unfused"` or `"laion/larger_clap_music"`.
        revision: of a Hub id.
        device: to compute on.

    Raises:
        ValueError: weights that do not fill the model.
    """

    def __init__(self, model: str | Path, *, revision: str = "main", device: str | torch.device = "cpu"):
        self.extractor = ClapFeatureExtractor.from_pretrained(model, revision=revision)
        # A pair; transformers' annotation omits that.
        loaded: Any = ClapModel.from_pretrained(model, revision=revision, output_loading_info=True)
        network, info = loaded
        if info["missing_keys"]:
            missing = sorted(info["missing_keys"])
            raise ValueError(f"{model}: the weights lack {len(missing)} of the model's tensors: {missing[:3]}")
        self.network = network.to(device).eval()
        self.sampling_rate = self.extractor.sampling_rate
        self.dimension = network.config.projection_dim

    @torch.no_grad()
    def __call__(self, audio: ArrayLike) -> np.ndarray:
        """
        Returns embeddings of segments of one length.

        Args:
            audio: float `(batch, samples)`, mono in [-1, 1] at the model's rate, 48 kHz for the published ones.

        Returns:
            float32 `(batch, dimension)`.

        Raises:
            ValueError: audio of another shape, longer than the model's window, or not finite.
        """
        audio = as_batch(audio, 1)
        if audio.shape[1] > self.extractor.nb_max_samples:
            raise ValueError(
                f"audio must have at most {self.extractor.nb_max_samples} samples, the model's window, "
                f"got {audio.shape[1]}"
            )
        features = self.extractor(list(audio), sampling_rate=self.sampling_rate, return_tensors="pt")["input_features"]
        # The extractor marks a segment at random as longer than the window, for models that fuse crops; none is.
        is_longer = torch.zeros(len(audio), 1, dtype=torch.bool, device=self.network.device)
        outputs = self.network.get_audio_features(features.to(self.network.device), is_longer=is_longer)
        return outputs.pooler_output.cpu().numpy()
