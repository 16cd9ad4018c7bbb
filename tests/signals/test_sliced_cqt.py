from itertools import islice

import numpy as np
import pytest
import torch

from aidd.signals.cqt import CQTFrame, cqt
from aidd.signals.files import read_audio
from aidd.signals.samples import sample_recordings
from aidd.signals.sliced_cqt import SlicedCQTFrame, cqt_slices, icqt_slices, sliced_cqt, sliced_icqt


def noise(*shape: int, dtype=torch.float64) -> torch.Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


def signal_to_error(signal: torch.Tensor, restored: torch.Tensor) -> float:
    """Decibels."""
    return float(10 * torch.log10(signal.square().sum() / (signal - restored).square().sum()))


def sliced(num_samples=4096, transition=512, form="octaves", **options) -> SlicedCQTFrame:
    return SlicedCQTFrame(CQTFrame(24_000, num_samples, 4, 12, form=form, **options), transition)


@pytest.mark.parametrize("form", ["octaves", "matrix"])
@pytest.mark.parametrize("transition", [2, 512, 2048])
@pytest.mark.parametrize("num_samples", [0, 1, 1000, 1536, 1537, 4096, 12_345])
def test_signals_are_restored(form, transition, num_samples):
    frame, signal = sliced(transition=transition, form=form), noise(2, num_samples)
    coefficients = sliced_cqt(signal, frame)
    assert {block.shape[-3] for block in coefficients} == {frame.num_slices(num_samples)}
    restored = sliced_icqt(coefficients, frame, num_samples)
    assert restored.shape == signal.shape
    if num_samples:
        assert signal_to_error(signal, restored) > 250
        single = signal.float()
        assert signal_to_error(single, sliced_icqt(sliced_cqt(single, frame), frame, num_samples)) > 100


@pytest.mark.parametrize("bins", [12, 24, 48, 64, (6, 12, 24, 24)])
@pytest.mark.parametrize("window", ["hann", "blackman_harris", ("kaiser", 1.0)])
def test_music_is_restored(bins, window):
    music = torch.from_numpy(read_audio(next(iter(sample_recordings().values()))).samples[0, :60_001])
    frame = SlicedCQTFrame(CQTFrame(24_000, 8192, 4, bins, window), 1024)
    for dtype, decibels in ((torch.float32, 100), (torch.float64, 250)):
        signal = music.to(dtype)
        assert signal_to_error(signal, sliced_icqt(sliced_cqt(signal, frame), frame, len(signal))) > decibels


def test_windows_add_up_to_one_and_are_dual():
    for transition in (2, 512, 2048):
        frame = sliced(transition=transition)
        hop, total, product = frame.hop_length, np.zeros(4 * 4096), np.zeros(4 * 4096)
        for start in range(0, len(total) - 4096, hop):
            total[start : start + hop + transition] += frame.window
            product[start : start + hop + transition] += frame.window * frame.dual_window
        inside = slice(transition, len(total) - 2 * 4096)
        np.testing.assert_allclose(total[inside], 1, rtol=1e-14)
        np.testing.assert_allclose(product[inside], 1, rtol=1e-14)


def test_chunks_do_not_matter():
    frame, signal = sliced(), noise(2, 30_000)
    whole = list(cqt_slices([signal], frame))
    pieces = list(cqt_slices(signal.split([1, 0, 10_000, 7000, 12_999], dim=-1), frame))
    assert len(pieces) == len(whole)
    for blocks, others in zip(pieces, whole, strict=True):
        for block, other in zip(blocks, others, strict=True):
            torch.testing.assert_close(block, other, rtol=0, atol=0)


def test_an_endless_signal_is_transformed_and_restored_as_it_comes():
    """No chunk is read before the slices of those before it are out, nor a slice before its signal is."""
    frame, read = sliced(), []

    def chunks():
        generator = torch.Generator().manual_seed(1)
        while True:
            read.append(torch.randn(1000, dtype=torch.float64, generator=generator))
            yield read[-1]

    restored = []
    for number, chunk in enumerate(islice(icqt_slices(cqt_slices(chunks(), frame), frame), 50)):
        restored.append(chunk)
        # A slice ends one hop after its first sample that is not out yet.
        needed = (number + 1) * frame.hop_length
        assert len(read) == -(-needed // 1000)
    signal, restored = torch.cat(read), torch.cat(restored)
    assert len(restored) == 50 * frame.hop_length - frame.transition
    torch.testing.assert_close(restored, signal[: len(restored)])


def test_the_coefficients_of_a_slice_are_those_of_its_samples_alone():
    """Where the window is flat: a signal that lies there has the plain transform there, and nothing elsewhere."""
    frame = sliced()
    hop, transition = frame.hop_length, frame.transition
    signal = torch.zeros(5 * hop, dtype=torch.float64)
    signal[2 * hop : 3 * hop - transition] = noise(hop - transition)
    start = 2 * hop - transition - frame.margin
    for block, expected in zip(
        sliced_cqt(signal, frame), cqt(signal[start : start + 2 * hop], frame.frame), strict=True
    ):
        torch.testing.assert_close(block[2], expected)
        assert block[[0, 1, 3, 4]].abs().max() == 0


def test_slices_add_up_to_the_transform_of_the_whole_signal():
    """
    Bands of slices, put in their places in time and added, are samples of the signal's convolutions with the responses
    of the windows in frequency, up to what of these is longer than the zeros of a slice. As phases are those since a
    slice's start, bands at odd FFT bins turn by half a turn from one slice to the next.
    """
    frame, num_slices = sliced(num_samples=16_384, transition=4096, window="blackman_harris"), 7
    hop, start = frame.hop_length, frame.transition + frame.margin
    # Behind silence, so that all of the signal is seen by these slices; slice 0 starts at 0 then.
    signal = torch.zeros((num_slices + 1) * hop, dtype=torch.float64)
    signal[2 * hop : 5 * hop] = noise(3 * hop)
    spectrum = torch.fft.fft(signal, 2 * len(signal))
    first = 1
    octaves = list(zip(sliced_cqt(signal[start:], frame), frame.frame.blocks(), strict=True))[1:-1]
    for block, (bins, windows, _) in octaves:
        bands, frames = bins.shape
        centres = torch.from_numpy(frame.frame.window_centres[first : first + bands])[:, None]
        added = block.new_zeros(bands, (num_slices + 1) * frames // 2)
        for index in range(num_slices):
            added[:, index * frames // 2 :][:, :frames] += block[index] * (-1.0) ** (centres * index)
        whole = torch.zeros(bands, 2 * hop, dtype=torch.float64)
        whole.scatter_(1, torch.from_numpy(bins), torch.from_numpy(windows))
        responses = torch.fft.fftshift(torch.fft.ifft(whole), dim=-1)
        convolved = torch.fft.ifft(spectrum * torch.fft.fft(responses, 2 * len(signal)))
        times = torch.arange(added.shape[1]) * 2 * hop // frames
        expected = 2 * hop / frames * convolved[:, times + hop]
        angles = -torch.pi * (centres * times).double() / hop
        expected = expected * torch.polar(torch.ones_like(angles), angles)
        assert (added - expected).abs().max() < 1e-5 * expected.abs().max()
        first += bands


def test_a_later_signal_is_in_later_slices():
    frame, signal = sliced(), noise(10_000)
    shifted = sliced_cqt(torch.cat([torch.zeros(3 * frame.hop_length).double(), signal]), frame)
    for block, other in zip(sliced_cqt(signal, frame), shifted, strict=True):
        # The first slice fades in what came before the signal, of which there is nothing.
        torch.testing.assert_close(other[3:], block)


@pytest.mark.parametrize("form", ["octaves", "matrix"])
def test_the_adjoint_of_the_inverse_sees_through_dual_windows(form):
    """<sliced_cqt(x), c> = <x, sliced_cqt*(c)>, and x = sliced_icqt(sliced_cqt(x)) for the adjoints as well."""
    frame, signal = sliced(form=form), noise(9000).requires_grad_()
    coefficients = sliced_cqt(signal, frame)
    generator = torch.Generator().manual_seed(2)
    others = [torch.randn(block.shape, dtype=block.dtype, generator=generator) for block in coefficients]
    product = sum((block * other.conj()).real.sum() for block, other in zip(coefficients, others, strict=True))
    (adjoint,) = torch.autograd.grad(product, signal)
    torch.testing.assert_close(product.detach(), adjoint @ signal.detach())
    blocks = [block.detach().requires_grad_() for block in coefficients]
    restored = sliced_icqt(blocks, frame, 9000)
    weights = torch.autograd.grad(restored @ signal.detach(), blocks)
    product = sum((weight.conj() * block).real.sum() for weight, block in zip(weights, blocks, strict=True))
    torch.testing.assert_close(product, restored @ signal.detach())
    torch.testing.assert_close(restored, signal.detach())


def test_both_directions_are_differentiable():
    frame = SlicedCQTFrame(CQTFrame(1000, 32, 2, 2), 4)
    signal = noise(2, 41).requires_grad_()
    assert torch.autograd.gradcheck(lambda signal: tuple(sliced_cqt(signal, frame)), signal)
    blocks = [block.detach().requires_grad_() for block in sliced_cqt(signal, frame)]
    assert torch.autograd.gradcheck(lambda *blocks: sliced_icqt(blocks, frame, 41), blocks)


def test_other_numbers_are_refused():
    for transition in (0, 2050, 511):
        with pytest.raises(ValueError, match="transition must be from 1 to 2048, half of a slice, and 2048 less it"):
            sliced(transition=transition)
    with pytest.raises(ValueError, match="expected a frame of an even number of samples, got 4095"):
        sliced(num_samples=4095)
    frame = sliced()
    with pytest.raises(ValueError, match="expected one chunk of a signal at least, got none"):
        next(cqt_slices([], frame))
    with pytest.raises(ValueError, match=r"expected 6 slices, got \[5\]"):
        sliced_icqt([block[:-1] for block in sliced_cqt(noise(10_000), frame)], frame, 10_000)
