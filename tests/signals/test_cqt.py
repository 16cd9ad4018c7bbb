import math

import numpy as np
import pytest
import torch

from aidd.signals.cqt import CQTFrame, cqt, icqt
from aidd.signals.files import read_audio
from aidd.signals.samples import sample_recordings


FORMS = ("octaves", "matrix")
BINS = (12, 24, 48, 64, (6, 12, 24, 24))
KAISER = ("kaiser", 1.0)
ODD_LENGTHS = (1001, 2047, 3333, 4099, 5001, 6007, 7919, 9999, 11111, 12345)


def noise(*shape: int, dtype=torch.float64) -> torch.Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


def signal_to_error(signal: torch.Tensor, restored: torch.Tensor) -> float:
    """Decibels."""
    return float(10 * torch.log10(signal.square().sum() / (signal - restored).square().sum()))


def random_coefficients(frame: CQTFrame, dtype=torch.complex128) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(size, dtype=dtype, generator=generator) for size in frame.block_sizes]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bins", BINS)
@pytest.mark.parametrize("window", ["hann", "blackman_harris", KAISER])
def test_signals_are_restored(form, bins, window):
    frame = CQTFrame(24_000, 8192, 4, bins, window, form)
    time = torch.arange(8192) / 24_000
    tones = sum(torch.sin(2 * math.pi * hertz * time) for hertz in (20.0, 110.0, 441.7, 3000.0, 11_990.0))
    signals = torch.stack([noise(8192), tones.double(), torch.eye(8192, dtype=torch.float64)[100]])
    for signal in signals:
        assert signal_to_error(signal, icqt(cqt(signal, frame), frame)) > 250
        single = signal.float()
        assert signal_to_error(single, icqt(cqt(single, frame), frame)) > 100


@pytest.mark.parametrize("num_samples", ODD_LENGTHS)
def test_odd_lengths_are_restored(num_samples):
    for form in FORMS:
        frame = CQTFrame(16_000, num_samples, 3, 24, form=form)
        signal = noise(num_samples)
        assert signal_to_error(signal, icqt(cqt(signal, frame), frame)) > 250


def test_music_is_restored():
    music = torch.from_numpy(read_audio(next(iter(sample_recordings().values()))).samples[..., 10_000:79_121])
    frame = CQTFrame(24_000, 69_121, 8, 48, KAISER)
    for dtype, decibels in ((torch.float32, 100), (torch.float64, 250)):
        signal = music.to(dtype)
        assert signal_to_error(signal, icqt(cqt(signal, frame), frame)) > decibels


@pytest.mark.parametrize("form", FORMS)
def test_batches_are_signals_side_by_side(form):
    frame = CQTFrame(24_000, 4096, 4, 12, form=form)
    signals = noise(2, 3, 4096)
    coefficients = cqt(signals, frame)
    assert [block.shape for block in coefficients] == [(2, 3, *size) for size in frame.block_sizes]
    for block, alone in zip(coefficients, cqt(signals[1, 2], frame), strict=True):
        torch.testing.assert_close(block[1, 2], alone)
    torch.testing.assert_close(icqt(coefficients, frame), signals)


@pytest.mark.parametrize("form", FORMS)
def test_coefficients_are_those_of_the_definition(form):
    """Band by band, with the sum written out."""
    frame = CQTFrame(8000, 501, 3, 4, KAISER, form)
    signal = noise(501)
    spectrum = np.fft.fft(signal.numpy(), 502)
    offsets = np.arange(-251, 251)
    for block, (bins, windows, _) in zip(cqt(signal, frame), frame.blocks(), strict=True):
        num_frames = block.shape[-1]
        for band in range(len(block)):
            whole = np.zeros(502)
            whole[bins[band]] += windows[band]
            centre = bins[band, 0]
            picked = (spectrum * whole)[(centre + offsets) % 502]
            turns = np.exp(2j * np.pi * np.outer(np.arange(num_frames), offsets) / num_frames)
            np.testing.assert_allclose(block[band].numpy(), turns @ picked / num_frames, atol=1e-10)


@pytest.mark.parametrize("form", FORMS)
def test_the_adjoint_is_the_inverse_without_the_frame_operator(form):
    """<c, cqt(x)> = <cqt*(c), x>, and x = S^-1 of what the adjoint makes of its weighted coefficients."""
    frame = CQTFrame(24_000, 4096, 4, 12, form=form)
    signal = noise(4096).requires_grad_()
    coefficients = cqt(signal, frame)
    others = random_coefficients(frame)
    product = sum((block * other.conj()).real.sum() for block, other in zip(coefficients, others, strict=True))
    (adjoint,) = torch.autograd.grad(product, signal)
    torch.testing.assert_close(product.detach(), adjoint @ signal.detach())
    weighted = sum(
        (torch.from_numpy(multiples * bins.shape[1] ** 2) * (block.detach() * block.conj()).real).sum()
        for block, (bins, _, multiples) in zip(cqt(signal, frame), frame.blocks(), strict=True)
    )
    (twice,) = torch.autograd.grad(weighted / 4096, signal)
    operator = torch.from_numpy(frame.frame_operator)
    expected = torch.fft.ifft(torch.fft.fft(signal.detach()) * operator).real
    torch.testing.assert_close(twice, expected)


@pytest.mark.parametrize("form", FORMS)
def test_both_directions_are_differentiable(form):
    frame = CQTFrame(1000, 33, 2, 2, form=form)
    assert torch.autograd.gradcheck(lambda signal: tuple(cqt(signal, frame)), noise(2, 33).requires_grad_())
    coefficients = [block.requires_grad_() for block in random_coefficients(frame)]
    assert torch.autograd.gradcheck(lambda *blocks: icqt(blocks, frame), coefficients)


def test_the_frame_bounds_are_those_of_the_coefficients():
    frame = CQTFrame(24_000, 4096, 4, 12)
    low, high = frame.bounds
    energies = []
    for hertz in np.linspace(0, 12_000, 500):
        signal = torch.cos(2 * math.pi * round(hertz * 4096 / 24_000) / 4096 * torch.arange(4096)).double()
        energy = sum(
            (torch.from_numpy(multiples * block.shape[-1] ** 2) * block.abs() ** 2).sum()
            for block, (_, _, multiples) in zip(cqt(signal, frame), frame.blocks(), strict=True)
        )
        energies.append(float(energy / 4096 / signal.square().sum()))
    assert low <= min(energies) * (1 + 1e-9) and max(energies) <= high * (1 + 1e-9)
    assert min(energies) < 2 * low and max(energies) > 0.8 * high


def test_a_tone_lies_in_its_bin():
    frame = CQTFrame(24_000, 24_000, 6, 12)
    signal = torch.sin(2 * math.pi * 1500 * torch.arange(24_000) / 24_000).double()
    levels = torch.cat([block.abs().square().mean(-1) for block in cqt(signal, frame)])
    # 1500 Hz is three octaves below the Nyquist frequency.
    assert levels.argmax() == 1 + 3 * 12
    np.testing.assert_allclose(frame.frequencies[1 + 3 * 12], 1500)


def test_placements():
    exact = CQTFrame(24_000, 65_536, 7, 64)
    np.testing.assert_allclose(np.log2(exact.frequencies[2:-1] / exact.frequencies[1:-2]), 1 / 64)
    np.testing.assert_allclose(exact.frequencies[[1, -2]], [12_000 / 128, 12_000 * 2 ** (-1 / 64)])
    released = CQTFrame(22_050, 65_536, 7, 64, "hann", "matrix", "cqtdiff", allow_nearly_singular=True)
    assert len(released.frequencies) == 450 and released.block_sizes == [(450, 704)]
    np.testing.assert_allclose(1 / np.log2(released.frequencies[2] / released.frequencies[1]), 447 / 7)
    np.testing.assert_allclose(released.frequencies[[1, -2]], [11_025 / 128, 11_025])
    plus = CQTFrame(44_100, 184_184, 8, 64, KAISER, "octaves", "cqtdiff_plus")
    assert plus.block_sizes[1:-1] == [(64, 16 * 2**octave) for octave in range(8)]
    assert 2.7 < CQTFrame(22_050, 184_184, 7, 64, KAISER).redundancy < 2.9


def test_nearly_singular_frames_are_refused_unless_asked_for():
    options = (22_050, 65_536, 7, 64, "hann", "matrix", "cqtdiff")
    with pytest.raises(ValueError, match=r"nearly singular: its bounds are .* Hz. Give the exact placement"):
        CQTFrame(*options)
    frame = CQTFrame(*options, allow_nearly_singular=True)
    low, high = frame.bounds
    assert 1e-8 < low / high < 1e-7
    assert np.argmin(frame.frame_operator[:32_769]) > 0.9999 * 32_768
    signal = noise(65_536)
    assert signal_to_error(signal, icqt(cqt(signal, frame), frame)) > 200


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((24_000, 8, 3), "16 samples and one octave"),
        ((24_000, 4096, 0), "16 samples and one octave"),
        ((24_000, 4096, 3, 1), "bins_per_octave must be 2 or more"),
        ((24_000, 4096, 3, (12, 12)), "or 3 such numbers"),
        ((24_000, 4096, 3, 12, "hamming"), "window must be"),
        ((24_000, 4096, 3, 12, "hann", "sliced"), "form must be"),
        ((24_000, 4096, 3, 12, "hann", "octaves", "old"), "placement must be"),
        ((24_000, 4096, 3, (12, 12, 24), "hann", "octaves", "cqtdiff_plus"), "one number of bins for all octaves"),
        ((24_000.5, 4096, 3), "a sampling rate must be"),
    ],
)
def test_other_numbers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CQTFrame(*options)


def test_other_shapes_are_refused():
    frame = CQTFrame(24_000, 4096, 3)
    with pytest.raises(ValueError, match="expected 4096 samples, got 4095"):
        cqt(noise(4095), frame)
    with pytest.raises(ValueError, match=r"expected \(bands, frames\) of"):
        icqt(cqt(noise(4096), frame)[1:], frame)
