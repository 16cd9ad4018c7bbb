"""Discriminators for the adversarial phase of WavTokenizer's training: on periods of the waveform, and on spectra."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


class PeriodDiscriminator(nn.Module):
    """
    Judges samples that are one period apart (Kong et al. 2020, HiFi-GAN, section 2.3).

    Args:
        period: samples from one that is judged to the next.
        channels: channels of the first layer; the last has 32 times as many.
    """

    def __init__(self, period: int, channels: int):
        super().__init__()
        self.period = period
        widths = (1, channels, 4 * channels, 16 * channels, 32 * channels, 32 * channels)
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv1d(width, widths[i + 1], 5, stride=3 if i < 4 else 1, padding=2))
            for i, width in enumerate(widths[:-1])
        )
        self.output = weight_norm(nn.Conv1d(widths[-1], 1, 3, padding=1))

    def forward(self, audio: Tensor) -> list[Tensor]:
        """
        Audio `(batch, 1, num_samples)` to feature maps `(batch * period, width, length)`, one a layer; the last, of
        width 1, holds the scores.
        """
        padded = nn.functional.pad(audio, (0, -audio.shape[-1] % self.period), mode="reflect")
        # Kernels reach along one phase of the period only, so phases are items of a batch.
        hidden = padded[:, 0].unflatten(-1, (-1, self.period)).transpose(1, 2).flatten(0, 1)[:, None]
        features = []
        for layer in self.layers:
            hidden = nn.functional.leaky_relu(layer(hidden), 0.1)
            features.append(hidden)
        return [*features, self.output(hidden)]


class SpectrogramDiscriminator(nn.Module):
    """
    Judges the complex spectrogram of one resolution, in sub-bands with layers of their own (Kumar et al. 2023,
    section 3.4; Vocos, Siuzdak 2023). Audio is brought to one peak level first.

    Args:
        n_fft: window length in samples, at most twice the audio's; the hop is a quarter.
        channels: channels of every layer.
        band_edges: edges of the sub-bands, as fractions of the spectrum.
    """

    window: Tensor

    def __init__(self, n_fft: int, channels: int, band_edges: tuple[float, ...] = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)):
        super().__init__()
        self.n_fft = n_fft
        bins = [round(edge * (n_fft // 2 + 1)) for edge in band_edges]
        self.band_sizes = [upper - lower for lower, upper in pairwise(bins)]
        self.bands = nn.ModuleList(
            nn.ModuleList(
                [
                    weight_norm(nn.Conv2d(2, channels, (3, 9), padding=(1, 4))),
                    *(weight_norm(nn.Conv2d(channels, channels, (3, 9), (1, 2), (1, 4))) for _ in range(3)),
                    weight_norm(nn.Conv2d(channels, channels, 3, padding=1)),
                ]
            )
            for _ in self.band_sizes
        )
        self.output = weight_norm(nn.Conv2d(channels, 1, 3, padding=1))
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, audio: Tensor) -> list[Tensor]:
        """
        Audio `(batch, 1, num_samples)` to feature maps `(batch, channels, num_frames, num_bins)`, one a sub-band and
        layer; the last, of one channel, holds the scores.
        """
        audio = audio[:, 0] - audio[:, 0].mean(-1, keepdim=True)
        audio = 0.8 * audio / (audio.abs().amax(-1, keepdim=True) + 1e-9)
        spectrum = torch.stft(
            audio, self.n_fft, self.n_fft // 4, window=self.window, normalized=True, return_complex=True
        )
        planes = torch.view_as_real(spectrum).permute(0, 3, 2, 1)
        features, last_of_bands = [], []
        for hidden, layers in zip(planes.split(self.band_sizes, -1), self.bands, strict=True):
            for layer in layers.children():
                hidden = nn.functional.leaky_relu(layer(hidden), 0.1)
                features.append(hidden)
            last_of_bands.append(hidden)
        return [*features, self.output(torch.cat(last_of_bands, -1))]


class WavTokenizerDiscriminator(nn.Module):
    """
    The discriminators of WavTokenizer's training: some on periods of the waveform, some on spectrograms.

    Args:
        period_channels: channels in the first layer of each [`PeriodDiscriminator`].
        spectrogram_channels: channels in the layers of each [`SpectrogramDiscriminator`].
        periods: periods that are judged, in samples.
        n_ffts: window lengths of the spectrograms, in samples.
    """

    def __init__(
        self,
        period_channels: int = 32,
        spectrogram_channels: int = 32,
        periods: Sequence[int] = (2, 3, 5, 7, 11),
        n_ffts: Sequence[int] = (2048, 1024, 512),
    ):
        super().__init__()
        self.discriminators = nn.ModuleList(
            [
                *(PeriodDiscriminator(period, period_channels) for period in periods),
                *(SpectrogramDiscriminator(n_fft, spectrogram_channels) for n_fft in n_ffts),
            ]
        )

    def forward(self, audio: Tensor) -> list[list[Tensor]]:
        """Audio `(batch, 1, num_samples)` to the feature maps of each discriminator, its scores being the last."""
        return [discriminator(audio) for discriminator in self.discriminators]


__all__ = ["PeriodDiscriminator", "SpectrogramDiscriminator", "WavTokenizerDiscriminator"]
