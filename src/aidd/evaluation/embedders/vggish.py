"""VGGish, the embedder of most published Fréchet audio distances."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ...models.checkpoint_io import read_checkpoint
from .embedder import as_batch
from .log_mel import HOP_LENGTH, N_MELS, SAMPLING_RATE, WINDOW_LENGTH, log_mel


NUM_FRAMES = 96
# Samples of a patch, 0.975 s.
PATCH_SAMPLES = WINDOW_LENGTH + (NUM_FRAMES - 1) * HOP_LENGTH
# Where convolutions and linear layers are in a state dict.
CONVOLUTIONS, LINEARS = (0, 3, 6, 8, 11, 13), (0, 2, 4)


class VGGish(nn.Module):
    """
    VGGish (Hershey et al. 2017, arXiv:1609.09430): six convolutions with four halvings of both axes between, and
    three linear layers. Parameters have the names of the widespread PyTorch conversion of Google's weights.

    Args:
        channels: of the six convolutions.
        widths: of the three linear layers; the last is the embedding's dimension.
    """

    def __init__(
        self,
        channels: tuple[int, ...] = (64, 128, 256, 256, 512, 512),
        widths: tuple[int, ...] = (4096, 4096, 128),
    ):
        super().__init__()
        a, b, c, d, e, f = (
            nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
            for inputs, outputs in zip((1, *channels), channels, strict=False)
        )
        relu, halve = nn.ReLU(), nn.MaxPool2d(2)
        self.features = nn.Sequential(
            *(a, relu, halve), *(b, relu, halve), *(c, relu, d, relu, halve), *(e, relu, f, relu, halve)
        )
        inputs = channels[-1] * (NUM_FRAMES // 16) * (N_MELS // 16)
        self.embeddings = nn.Sequential(
            *(nn.Linear(inputs, widths[0]), relu),
            *(nn.Linear(widths[0], widths[1]), relu),
            nn.Linear(widths[1], widths[2]),
        )

    def forward(self, patches: Tensor) -> Tensor:
        """
        Embeddings, before any activation, `(patches, widths[-1])`, of log-mel patches `(patches, 96, 64)`.

        The weights were trained on images whose channels come last: they are flattened so.
        """
        images = self.features(patches[:, None])
        return self.embeddings(images.permute(0, 2, 3, 1).flatten(1))


class VGGishEmbedder:
    """
    Embeddings by VGGish, from weights that the user has got, such as `vggish-10086976.pth` of
    github.com/harritaylor/torchvggish (converted from Google's).

    The embedding is the last linear layer's output, as in Google's definition and in the default of the
    `frechet-audio-distance` package; torchvggish appends a ReLU, and optionally whitening and quantisation, none of
    which is done here. A segment of one patch, 0.975 s to less than 1.935 s, has that patch's. Longer segments get
    the mean over their patches, which do not overlap; distances between sets are published for patches one by one, so
    cut audio to one patch for those.

    Args:
        path: file of a state dict, as `torch.save` writes it. Sizes of layers are read from it.
        device: to compute on.

    Raises:
        ValueError: as [`~aidd.models.checkpoint_io.read_checkpoint`], or tensors that are not VGGish's.
    """

    sampling_rate = SAMPLING_RATE

    def __init__(self, path: str | Path, *, device: str | torch.device = "cpu"):
        state = read_checkpoint(path)
        kernels, matrices = ([f"features.{i}" for i in CONVOLUTIONS], [f"embeddings.{i}" for i in LINEARS])
        expected = sorted(f"{name}.{kind}" for name in kernels + matrices for kind in ("weight", "bias"))
        if sorted(state) != expected:
            raise ValueError(f"{path}: expected the tensors {expected}, got {sorted(state)}")
        channels, widths = (tuple(len(state[f"{name}.weight"]) for name in names) for names in (kernels, matrices))
        self.network = VGGish(channels, widths).to(device).eval()
        self.network.load_state_dict(state)
        self.dimension, self.device = widths[-1], device

    @torch.no_grad()
    def __call__(self, audio: ArrayLike) -> np.ndarray:
        """
        Returns embeddings of segments of one length.

        Args:
            audio: float `(batch, samples)`, mono at 16 kHz in [-1, 1], samples at least 15600.

        Returns:
            float32 `(batch, dimension)`.

        Raises:
            ValueError: audio of another shape, too short, or not finite.
        """
        spectra = log_mel(as_batch(audio, PATCH_SAMPLES))
        num_patches = spectra.shape[1] // NUM_FRAMES
        patches = spectra[:, : num_patches * NUM_FRAMES].reshape(-1, NUM_FRAMES, N_MELS)
        embeddings = self.network(torch.tensor(patches, dtype=torch.float32, device=self.device))
        return embeddings.unflatten(0, (-1, num_patches)).mean(1).cpu().numpy()
