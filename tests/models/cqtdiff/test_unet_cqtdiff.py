import json
from pathlib import Path

import numpy as np
import pytest
import torch

from aidd.models.cqtdiff import CQTDiffUNet
from aidd.pipelines import CQTDiffPipeline
from aidd.schedulers import EDMHeunScheduler
from aidd.signals.cqt import CQTFrame


CONFIGS = Path(__file__).parents[3] / "examples" / "configs"
# 245, 123 and 62 frames: two of the numbers are odd.
TINY = {
    "sampling_rate": 8000,
    "sample_size": 1958,
    "num_octaves": 3,
    "bins_per_octave": 8,
    "block_out_channels": (4, 8, 8),
    "layers_per_block": 3,
    "num_frequencies": 4,
    "embedding_size": 16,
}


def tiny(**options) -> CQTDiffUNet:
    """With outputs that are open: at the start of a training, they are zero."""
    torch.manual_seed(0)
    unet = CQTDiffUNet(**TINY | options).eval()
    for projection in unet.pyramid_out:
        torch.nn.init.normal_(projection.weight, std=0.3)
    return unet


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_signals_of_a_batch_do_not_mix():
    unet, sample, level = tiny(), noise(3, 1958), torch.tensor([-1.0, 0.0, 0.3])
    with torch.no_grad():
        together = unet(sample, level)
        assert together.shape == sample.shape and together.dtype == torch.float32
        alone = unet(sample[1:2], level[1:2])
        assert (together[1:2] - alone).abs().max() < 1e-4 * alone.abs().max()
        assert not torch.allclose(together, unet(sample, level + 0.1), rtol=1e-3)


def test_all_parameters_but_the_random_frequencies_are_trained():
    unet = tiny()
    unet(noise(2, 1958), torch.tensor([-1.0, 0.3])).square().sum().backward()
    without = {name for name, parameter in unet.named_parameters() if parameter.grad is None}
    assert without == {"embedding.frequencies"}
    assert all(parameter.grad.abs().max() > 0 for parameter in unet.parameters() if parameter.grad is not None)


def test_a_new_network_puts_out_nothing():
    assert not CQTDiffUNet(**TINY)(noise(1, 1958), torch.zeros(1)).any()


def test_bands_are_told_apart():
    """A network of convolutions alone knows not where in the spectrum it is but by the embeddings."""
    unet = tiny()
    with torch.no_grad():
        before = unet(noise(1, 1958), torch.zeros(1))
        unet.band_embeddings.copy_(unet.band_embeddings.roll(1, dims=0))
        assert (unet(noise(1, 1958), torch.zeros(1)) - before).abs().max() > 1e-3 * before.abs().max()


def test_outputs_at_dc_and_nyquist_count_on_the_inner_side():
    """The spectrum of the signal is that of the bands from DC to the Nyquist frequency, without what lies beyond."""
    unet = tiny()
    frame = unet.frame
    bands = torch.view_as_complex(noise(*frame.block_sizes[0], 2)).cdouble()
    ((bins, windows, _),) = frame.blocks()
    spectra = torch.fft.fft(bands).numpy() * windows * bins.shape[1] / frame.frame_operator[bins]
    spectrum = np.zeros(frame.fft_length, complex)
    np.add.at(spectrum, bins, spectra)
    expected = np.fft.irfft(spectrum[: frame.fft_length // 2 + 1])
    signal = unet.signal_of(bands[None])[0].numpy()
    # At the Nyquist frequency itself, the window of the last band but one and its mirror image meet.
    found, expected = (np.fft.rfft(one)[:-1] for one in (signal, expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * abs(expected).max())


def test_frequencies_that_the_frame_hardly_sees_are_left_out():
    """Just below the Nyquist frequency with the published placement; nowhere with the exact one."""
    published = CQTDiffUNet(**TINY)
    sample = noise(1, 1958)
    difference = torch.fft.rfft(sample - published.without_ends(sample))[0].abs()
    places = torch.nonzero(difference > 1e-3)[:, 0]
    assert 1 < len(places) < 20 and places.min() > 930 and places.max() < 979
    operator = published.frame.frame_operator
    assert min(operator[: places.min()]) > 0.01 * max(operator)
    torch.testing.assert_close(tiny(placement="exact").without_ends(sample), sample)


def test_bfloat16_and_autocast_are_near(tmp_path):
    unet, sample, level = tiny(placement="exact"), noise(2, 1958), torch.tensor([-1.0, 0.3])
    with torch.no_grad():
        expected = unet(sample, level)
        with torch.autocast("cpu", torch.bfloat16):
            cast = unet(sample, level)
        unet.save_pretrained(tmp_path)
        half = CQTDiffUNet.from_pretrained(tmp_path, torch_dtype=torch.bfloat16)(sample, level)
        again = CQTDiffUNet.from_pretrained(tmp_path)(sample, level)
        channels_last = unet.to(memory_format=torch.channels_last)(sample, level)
    assert torch.equal(again, expected)
    torch.testing.assert_close(channels_last, expected, rtol=1e-4, atol=1e-5)
    for other in (cast, half):
        assert other.dtype == torch.float32
        assert (other - expected).square().mean() < 1e-2 * expected.square().mean()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"block_out_channels": (4,)}, r"expected two levels at least, got block_out_channels \[4\]"),
        ({"layers_per_block": 5}, "5 layers, the last of them dilated by 16, need more than 32 bands, got 26"),
        ({"window": "boxcar"}, "window must be"),
    ],
)
def test_other_configurations_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CQTDiffUNet(**TINY | options)


def test_the_published_size():
    """15.5 million that are trained: as many as the original network has, to the last one."""
    config = json.loads((CONFIGS / "paper_cqtdiff" / "maestro_22k.json").read_text())
    unet = CQTDiffUNet.from_config(config)
    assert unet.num_parameters(only_trainable=True) == 15_458_368
    assert unet.frame == CQTFrame(22_050, 65_536, 7, 64, "hann", "matrix", "cqtdiff", allow_nearly_singular=True)


def test_a_pipeline_fills_gaps_with_it(tmp_path):
    scheduler = EDMHeunScheduler(sigma_min=0.05, sigma_max=0.5)
    CQTDiffPipeline(tiny(), scheduler, num_inference_steps=3, short_gap_seconds=0.0).save_pretrained(tmp_path)
    pipe = CQTDiffPipeline.from_pretrained(tmp_path)
    pipe.set_progress_bar_config(disable=True)
    assert type(pipe.unet) is CQTDiffUNet
    audio, mask = 0.1 * np.sin(np.arange(3000) / 10), np.arange(3000) // 100 == 10
    restored = pipe(audio, mask).audios
    assert np.array_equal(restored[~mask], audio[~mask]) and restored[mask].any()
