import pytest
import torch

from aidd.training.codec.discriminators import PeriodDiscriminator, SpectrogramDiscriminator, WavTokenizerDiscriminator


@pytest.fixture
def generator():
    torch.manual_seed(0)
    return torch.Generator().manual_seed(0)


def divided(length, times=1):
    """Length after convolutions that halve or third it, rounding up."""
    for _ in range(times):
        length = -(-length // 3)
    return length


@torch.no_grad()
@pytest.mark.parametrize("num_samples", [500, 501, 507, 997])
def test_shapes_for_any_length(generator, num_samples):
    discriminator = WavTokenizerDiscriminator(2, 3, periods=(2, 3, 5, 7, 11), n_ffts=(128, 64))
    maps = discriminator(torch.randn(4, 1, num_samples, generator=generator))
    assert len(maps) == 7
    for features, period in zip(maps[:5], (2, 3, 5, 7, 11), strict=True):
        length = -(-num_samples // period)
        lengths = [divided(length, times) for times in (1, 2, 3, 4, 4, 4)]
        expected = [(4 * period, *shape) for shape in zip((2, 8, 32, 64, 64, 1), lengths, strict=True)]
        assert [feature.shape for feature in features] == expected
    for features, n_fft in zip(maps[5:], (128, 64), strict=True):
        num_frames = num_samples // (n_fft // 4) + 1
        assert len(features) == 5 * 5 + 1
        assert {feature.shape[:3] for feature in features[:-1]} == {(4, 3, num_frames)}
        # The sub-bands share out the spectrum.
        assert sum(feature.shape[3] for feature in features[:-1:5]) == n_fft // 2 + 1
        assert features[-1].shape == (4, 1, num_frames, sum(feature.shape[3] for feature in features[4:-1:5]))


def test_items_of_a_batch_are_judged_alone(generator):
    discriminator = WavTokenizerDiscriminator(2, 2, periods=(3,), n_ffts=(64,))
    audio = torch.randn(3, 1, 200, generator=generator)
    together = discriminator(audio)
    for i in range(3):
        for joint, alone in zip(together, discriminator(audio[i : i + 1]), strict=True):
            for x, y in zip(joint, alone, strict=True):
                torch.testing.assert_close(x.unflatten(0, (3, -1))[i], y, rtol=1e-4, atol=1e-5)


def test_periods_are_judged_phase_by_phase(generator):
    """The scores of a phase depend on the samples of that phase, and on no other."""
    discriminator = PeriodDiscriminator(5, 2)
    audio = torch.randn(1, 1, 300, generator=generator, requires_grad=True)
    scores = discriminator(audio)[-1]
    assert scores.shape[0] == 5
    for phase in range(5):
        (gradient,) = torch.autograd.grad(scores[phase].sum(), audio, retain_graph=True)
        others = torch.arange(300) % 5 != phase
        assert (gradient[0, 0, others] == 0).all() and (gradient[0, 0, ~others] != 0).any()


@torch.no_grad()
def test_spectrograms_are_judged_at_one_level(generator):
    discriminator = SpectrogramDiscriminator(64, 2)
    audio = torch.randn(1, 1, 300, generator=generator)
    maps = discriminator(audio)
    for changed in (0.01 * audio, audio + 3):
        for x, y in zip(discriminator(changed), maps, strict=True):
            torch.testing.assert_close(x, y, rtol=1e-3, atol=1e-4)
    # The phase counts: the real part of the spectrum is another.
    assert (discriminator(-audio)[0] - maps[0]).abs().max() > 0.01
    assert torch.isfinite(discriminator(0 * audio)[-1]).all()


@torch.no_grad()
def test_sub_bands_are_judged_apart(generator):
    """A tone in the middle of a band changes the first layer's maps there, far more than in other bands."""
    discriminator = SpectrogramDiscriminator(256, 2)
    silence = torch.zeros(1, 1, 2048)
    reference = discriminator(silence)[:-1:5]
    edges = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
    for band in range(5):
        frequency = (edges[band] + edges[band + 1]) / 4
        tone = torch.sin(2 * torch.pi * frequency * torch.arange(2048.0))[None, None]
        maps = discriminator(tone)[:-1:5]
        # Frames at the ends see the reflected tone, whose phase jumps.
        changes = [(x - y)[:, :, 4:-4].abs().amax().item() for x, y in zip(maps, reference, strict=True)]
        assert changes[band] > 20 * max(changes[:band] + changes[band + 1 :])
