import numpy as np
import pytest
import soundfile as sf
import torch
from diffusers import DDPMScheduler

from aidd.models.spectrogram import SpectrogramFrontEnd
from aidd.training.losses.denoising import NoisySpectrogramDataset, denoising_error


FRONT_END = SpectrogramFrontEnd(n_fft=62, hop_length=31)


@pytest.fixture
def folder(tmp_path):
    time = np.arange(24_000) / 24_000
    sf.write(tmp_path / "tone.wav", 0.1 * np.sin(2 * np.pi * 440 * time), 24_000)
    return tmp_path


def dataset(folder, length: int = 20, seed: int = 0) -> NoisySpectrogramDataset:
    return NoisySpectrogramDataset([folder], length, 16, FRONT_END, 1000, seed)


def test_items_are_spectrograms_of_segments_without_frames_that_reach_beyond(folder):
    data = dataset(folder)
    for index in range(3):
        item = data[index]
        assert item["clean"].shape == item["noise"].shape == (2, 32, 16) and item["clean"].dtype == torch.float32
        assert item["timestep"].shape == () and item["timestep"].dtype == torch.int64
        segment = data.segments[index][0].numpy()
        assert len(segment) == 17 * 31
        assert np.array_equal(item["clean"], FRONT_END(segment)[..., 1:-1])
        # A tone is as loud in the first frame and the last as between them.
        power = item["clean"].square().sum((0, 1))
        assert power[[0, -1]].min() > 0.9 * power[1:-1].min()


def test_draws_depend_on_seed_and_index_alone(folder):
    one, same, longer, other = dataset(folder), dataset(folder), dataset(folder, 50), dataset(folder, seed=1)
    for index in (4, 0, 2):
        for name, value in one[index].items():
            assert torch.equal(value, same[index][name]) and torch.equal(value, longer[index][name])
        assert not torch.equal(one[index]["noise"], other[index]["noise"])
    assert not torch.equal(one[0]["noise"], one[1]["noise"])


def test_times_are_spread_over_all_steps_and_noise_is_normal(folder):
    items = [dataset(folder, 200)[index] for index in range(200)]
    times = torch.stack([item["timestep"] for item in items])
    assert times.min() < 50 and times.max() > 950 and times.max() < 1000
    noise = torch.stack([item["noise"] for item in items])
    assert abs(noise.mean()) < 0.01 and abs(noise.std() - 1) < 0.01


class KnowsTheAnswer(torch.nn.Module):
    """What a network with the right answer would say, whatever it is given."""

    def __init__(self, answer: torch.Tensor):
        super().__init__()
        self.answer = answer

    def forward(self, sample, timestep):
        return type("Output", (), {"sample": self.answer})


@pytest.mark.parametrize("prediction_type", ["epsilon", "sample", "v_prediction"])
def test_the_error_is_zero_where_the_prediction_leads_back_to_the_clean_image(prediction_type):
    torch.manual_seed(0)
    scheduler = DDPMScheduler(prediction_type=prediction_type, clip_sample=False)
    clean, noise, timesteps = torch.randn(3, 2, 32, 16), torch.randn(3, 2, 32, 16), torch.tensor([10, 400, 900])
    alpha_bar = scheduler.alphas_cumprod[timesteps][:, None, None, None]
    velocity = alpha_bar**0.5 * noise - (1 - alpha_bar) ** 0.5 * clean
    answer = {"epsilon": noise, "sample": clean, "v_prediction": velocity}[prediction_type]
    coordinates = torch.zeros(2, 32, 16)
    error = denoising_error(KnowsTheAnswer(answer), scheduler, coordinates, clean, noise, timesteps)
    torch.testing.assert_close(error, torch.zeros(3), atol=1e-10, rtol=0)
    # The scheduler reads the same answer as the clean image.
    noisy = scheduler.add_noise(clean, noise, timesteps)
    step = scheduler.step(answer[1:2], 400, noisy[1:2])
    torch.testing.assert_close(step.pred_original_sample, clean[1:2], atol=1e-4, rtol=1e-4)


def test_a_network_of_nothing_errs_by_the_power_of_the_noise(tiny_unet):
    unet = tiny_unet(32, 16)
    torch.nn.init.zeros_(unet.conv_out.weight)
    torch.nn.init.zeros_(unet.conv_out.bias)
    noise = torch.randn(2, 2, 32, 16)
    coordinates = torch.tensor(FRONT_END.coordinates(16))
    error = denoising_error(unet, DDPMScheduler(), coordinates, torch.zeros_like(noise), noise, torch.tensor([5, 500]))
    torch.testing.assert_close(error, noise.square().mean((1, 2, 3)))


def test_other_predictions_are_refused():
    scheduler, image = DDPMScheduler(prediction_type="flow"), torch.zeros(1, 2, 32, 16)
    with pytest.raises(ValueError, match="epsilon, sample or v_prediction, got flow"):
        denoising_error(None, scheduler, torch.zeros(2, 32, 16), image, image, torch.tensor([5]))
