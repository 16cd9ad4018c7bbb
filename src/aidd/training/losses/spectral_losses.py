"""Reconstruction losses of the codec, on magnitudes at several resolutions; phases are not compared."""

import torch
import torchaudio
from torch import Tensor, nn


class MultiScaleMelLoss(nn.Module):
    """
    Mean absolute difference of log-mel spectrograms, averaged over resolutions (Kumar et al. 2023, section 3.4).

    Args:
        sampling_rate: Hz.
        n_ffts: window lengths in samples; the hop is a quarter of each.
        n_mels: number of bands at each resolution.
        floor: smallest magnitude, before log10 is taken.
    """

    def __init__(
        self,
        sampling_rate: int,
        n_ffts: tuple[int, ...] = (2048, 1024, 512, 256, 128),
        n_mels: tuple[int, ...] = (160, 80, 40, 20, 10),
        floor: float = 1e-5,
    ):
        super().__init__()
        self.floor = floor
        self.spectrograms = nn.ModuleList(
            torchaudio.transforms.MelSpectrogram(
                sampling_rate, n_fft, hop_length=n_fft // 4, n_mels=bands, power=1, norm="slaney", mel_scale="slaney"
            )
            for n_fft, bands in zip(n_ffts, n_mels, strict=True)
        )

    def forward(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Loss `()` of two waveforms of one shape `(..., num_samples)`."""
        differences = [
            (mel(estimate).clamp(min=self.floor).log10() - mel(target).clamp(min=self.floor).log10()).abs().mean()
            for mel in self.spectrograms
        ]
        return torch.stack(differences).mean()


class MultiResolutionSpectralLoss(nn.Module):
    """
    Spectral convergence plus mean absolute difference of log-magnitudes, averaged over resolutions (Yamamoto et al.
    2020, equations 4 to 6).

    Args:
        n_ffts: window lengths in samples; the hop is a quarter of each.
        floor: smallest magnitude, before the natural logarithm is taken.
    """

    def __init__(self, n_ffts: tuple[int, ...] = (2048, 1024, 512), floor: float = 1e-4):
        super().__init__()
        self.floor = floor
        self.spectrograms = nn.ModuleList(
            torchaudio.transforms.Spectrogram(n_fft, hop_length=n_fft // 4, power=1) for n_fft in n_ffts
        )

    def forward(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Loss `()` of two waveforms of one shape `(..., num_samples)`."""
        losses = []
        for spectrogram in self.spectrograms:
            x, y = spectrogram(estimate), spectrogram(target)
            convergence = (x - y).norm() / y.norm().clamp(min=self.floor)
            log_difference = (x.clamp(min=self.floor).log() - y.clamp(min=self.floor).log()).abs().mean()
            losses.append(convergence + log_difference)
        return torch.stack(losses).mean()


class BandLevelLoss(nn.Module):
    """
    Mean absolute difference of the levels of mel bands, in nepers, of powers averaged over 0.1 s. Where a magnitude is
    as uncertain as that of noise, the other losses are least at its median, which is 1 to 3 dB below its power.

    Args:
        sampling_rate: Hz.
        n_fft: window length in samples; the hop is a quarter of it.
        n_mels: number of bands.
        floor: smallest power, before the logarithm is taken.
    """

    def __init__(self, sampling_rate: int, n_fft: int = 1024, n_mels: int = 40, floor: float = 1e-9):
        super().__init__()
        self.floor = floor
        self.num_frames = max(round(0.1 * sampling_rate / (n_fft // 4)), 1)
        self.spectrogram = torchaudio.transforms.MelSpectrogram(
            sampling_rate, n_fft, hop_length=n_fft // 4, n_mels=n_mels, power=2, norm="slaney", mel_scale="slaney"
        )

    def forward(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Loss `()` of two waveforms of one shape `(batch, 1, num_samples)`, of 0.1 s at least."""
        levels = [
            nn.functional.avg_pool1d(self.spectrogram(audio[:, 0]), self.num_frames, self.num_frames // 2)
            .clamp(min=self.floor)
            .log()
            for audio in (estimate, target)
        ]
        return 0.5 * (levels[0] - levels[1]).abs().mean()
