import warnings

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler

from aidd.masks.cells import band, boxes, random_cells, samples_touched
from aidd.models.spectrogram import SpectrogramFrontEnd
from aidd.pipelines import SpectrogramRePaintPipeline
from aidd.pipelines.cell_windows import window_cells
from aidd.pipelines.windows import plan_successive_windows
from aidd.schedulers.repaint import num_network_calls
from aidd.signals.resampling import resample
from aidd.signals.stft import stft


RATES = (8000, 22_050, 24_000, 44_100, 96_000)
STEPS = {"num_inference_steps": 3, "jump_length": 1, "num_resamplings": 2}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ddpm() -> DDPMScheduler:
    return DDPMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=False,
        timestep_spacing="trailing",
    )


@pytest.fixture
def pipe(tiny_unet) -> SpectrogramRePaintPipeline:
    """Windows of 64 frames are 83 ms, and gaps up to 38 ms: short ones go to the network, too."""
    front_end = SpectrogramFrontEnd(n_fft=62, hop_length=31)
    pipe = SpectrogramRePaintPipeline(tiny_unet(32, 64), ddpm(), front_end, short_gap_seconds=0.0)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def many_gaps(num_samples: int, rate: int) -> np.ndarray:
    """Gaps at both edges, one alone, and two that share a window."""
    mask = np.zeros(num_samples, bool)
    mask[: rate // 100] = True
    mask[-rate // 100 :] = True
    for start, seconds in ((0.1, 0.03), (0.2, 0.01), (0.215, 0.005)):
        mask[int(start * rate) : int((start + seconds) * rate)] = True
    return mask


def count_calls(pipe: SpectrogramRePaintPipeline, *arguments, **options) -> list[int]:
    """Rows of each call of the network."""
    calls = []
    handle = pipe.unet.register_forward_hook(lambda _, inputs, __: calls.append(len(inputs[0])))
    pipe(*arguments, **options)
    handle.remove()
    return calls


@pytest.mark.parametrize("rate", RATES)
def test_known_frames_are_those_of_the_intact_audio(pipe, tones, rate):
    """Neither by their windows nor by the reach of the resampling do they hear of what stands in the gaps."""
    audio = tones(int(0.3 * rate), rate)
    mask = many_gaps(audio.shape[-1], rate)
    seen = []
    pipe.repaint_cells = lambda known, missing, options: seen.append((known[0], missing)) or known
    pipe(np.where(mask, np.nan, audio), mask, sampling_rate=rate, **STEPS)
    ((known, missing),) = seen
    assert not missing.all((1, 2)).any()
    intact = resample(audio[0], rate, 24_000)
    for one, hole, window in zip(known, missing, pipe.plan(mask, rate).windows, strict=True):
        truth = window_cells(intact, window, 64, pipe.front_end.grid)
        np.testing.assert_allclose(one[~hole], truth[~hole], atol=1e-12)
        assert np.abs(one - truth)[hole].max() > 1e-3


def test_a_variation_of_cells_is_the_same_alone_and_among_others(pipe, tones):
    audio = tones(7200, 24_000, 2)
    tf_mask = boxes([(1000, 5000, 0.1, 0.2)], 7200, pipe.front_end.grid)
    three = pipe(audio, tf_mask=tf_mask, num_variations=3, generator=[generator(s) for s in (5, 6, 7)], **STEPS).audios
    assert three.shape == (3, *audio.shape)
    alone = pipe(audio, tf_mask=tf_mask, generator=generator(6), **STEPS).audios
    np.testing.assert_allclose(three[1], alone, atol=1e-5)
    assert not np.array_equal(three[0], three[1])


def test_the_longest_gap_is_filled_and_a_longer_one_refused(pipe, tones):
    for rate in (24_000, 44_100):
        audio = tones(rate // 2, rate)
        for start in range(rate // 4, rate // 4 + 40, 3):
            mask = np.zeros(rate // 2, bool)
            mask[start : start + int(pipe.max_gap_seconds * rate)] = True
            pipe.plan(mask, rate)
    mask[rate // 4 : rate // 4 + int(1.1 * pipe.max_gap_seconds * rate)] = True
    with pytest.raises(
        ValueError, match=r"fills gaps of up to 0\.04 s, got one of .* s: 'envelope_noise' fills longer"
    ):
        pipe(audio, mask, sampling_rate=rate, **STEPS)


@pytest.mark.parametrize("num_samples", [100, 700, 2000])
def test_recordings_shorter_than_a_window_are_filled(pipe, tones, num_samples):
    audio, mask = tones(num_samples, 24_000), np.zeros(num_samples, bool)
    mask[30:35] = True
    restored = pipe(audio, mask, generator=generator(), **STEPS).audios
    assert np.array_equal(restored[:, ~mask], audio[:, ~mask])


def test_without_an_intact_frame_gaps_are_refused(pipe):
    with pytest.raises(ValueError, match="no intact token is left"):
        pipe(np.ones(20), np.arange(20) == 10, **STEPS)


@pytest.mark.parametrize("schedule", [STEPS, {"preset": "none", "num_inference_steps": 4}])
def test_the_number_of_network_calls_is_known(pipe, tones, schedule):
    audio, mask = tones(7200, 24_000), many_gaps(7200, 24_000)
    calls = count_calls(pipe, audio, mask, num_variations=2, **schedule)
    full = {"jump_length": 1, "num_resamplings": 1} | {k: v for k, v in schedule.items() if k != "preset"}
    # Two gaps at the edges, one alone, and two in one window.
    assert calls == [2 * 4] * num_network_calls(**full)


def tf_masks(num_samples: int, grid) -> dict[str, np.ndarray]:
    return {
        "boxes": boxes([(1000, 3000, 0.1, 0.15), (5000, 6000, 0.12, 0.2)], num_samples, grid),
        "band": band(2000, 4000, num_samples, grid),
        "cells": random_cells(0.2, num_samples, grid, np.random.default_rng(0)),
        "DC and Nyquist": band(0, 100, num_samples, grid) | band(11_900, 12_000, num_samples, grid),
        "all but one": ~boxes([(3000, 3001, 0.15, 0.1501)], num_samples, grid),
    }


@pytest.mark.parametrize("rate", [8000, 24_000, 44_100])
@pytest.mark.parametrize("kind", ["boxes", "band", "cells", "DC and Nyquist", "all but one"])
def test_cells_of_any_shape_are_filled(pipe, tones, rate, kind):
    audio = tones(rate // 2, rate, 2)
    grid = pipe.front_end.grid
    mask = tf_masks(12_000, grid)[kind]
    assert mask.shape == pipe.tf_shape(rate // 2, sampling_rate=rate)
    restored = pipe(audio, tf_mask=mask, sampling_rate=rate, generator=generator(), **STEPS).audios
    assert restored.shape == audio.shape and restored.dtype == audio.dtype and np.isfinite(restored).all()
    assert not np.array_equal(restored, audio)
    if rate == 24_000:
        untouched = ~samples_touched(mask, grid, 12_000)
        assert np.array_equal(restored[:, untouched], audio[:, untouched])
        assert untouched.any() == (kind == "boxes")


def test_true_cells_give_back_the_audio(pipe, tones):
    """Through windows, gains, relations and polarities: a model that knows the truth is not hindered."""
    audio = tones(12_000, 24_000, 1) * np.array([[1.0], [-0.5]])
    grid = pipe.front_end.grid
    mask = tf_masks(12_000, grid)["boxes"] | tf_masks(12_000, grid)["band"]
    mid = stft((audio[0] - audio[1]) / 2, grid)
    place = iter(range(10_000))

    def oracle(known, missing, options):
        start = windows[next(place)].start
        truth = mid[:, start : start + known.shape[-1]]
        truth = np.pad(truth, [(0, 0), (0, known.shape[-1] - truth.shape[-1])])
        return np.where(missing, truth, known)

    windows = plan_successive_windows(mask.any(0), 64, 32)
    assert len(windows) > 3
    pipe.repaint_cells = oracle
    np.testing.assert_allclose(pipe(audio, tf_mask=mask).audios, audio, atol=1e-9)


def test_values_of_missing_cells_are_never_read(pipe, tones):
    """What the network is given depends on known cells alone."""
    audio, grid = tones(12_000, 24_000), pipe.front_end.grid
    mask = tf_masks(12_000, grid)["boxes"]
    seen = []
    pipe.repaint_cells = lambda known, missing, options: seen.append((known, missing)) or known
    pipe(audio, tf_mask=mask)
    assert seen and all(not known[..., missing[0]].any() for known, missing in seen)


def test_callbacks_see_every_call_and_can_change_the_prediction(pipe, tones):
    audio, mask = tones(6000, 24_000), np.zeros(6000, bool)
    mask[2000:2700] = True
    seen = []

    def callback(pipeline, step, timestep, tensors):
        seen.append((step, int(timestep), tensors["sample"].shape))
        return {"prediction": torch.zeros_like(tensors["prediction"])}

    options = {"callback_on_step_end": callback, "callback_on_step_end_tensor_inputs": ("sample", "prediction")}
    changed = pipe(audio, mask, generator=generator(), **options, **STEPS).audios
    assert [step for step, *_ in seen] == list(range(num_network_calls(**STEPS)))
    assert seen[0][1:] == (999, (1, 2, 32, 64))
    assert not np.array_equal(changed, pipe(audio, mask, generator=generator(), **STEPS).audios)
    with pytest.raises(ValueError, match=r"a dict of tensors among \['prediction'\], got {'sample': 0}"):
        pipe(audio, mask, callback_on_step_end=lambda *_: {"sample": 0}, **STEPS)


def test_schedulers_are_exchanged_and_multistep_ones_refused(pipe, tones):
    audio, mask = tones(6000, 24_000), np.zeros(6000, bool)
    mask[2000:2700] = True
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, timestep_spacing="leading")
    restored = pipe(audio, mask, generator=generator(), **STEPS).audios
    assert np.array_equal(restored[:, ~mask], audio[:, ~mask])
    pipe.scheduler = DPMSolverMultistepScheduler()
    with pytest.raises(ValueError, match="DPMSolverMultistepScheduler"):
        pipe(audio, mask, **STEPS)


def sine(num_samples: int = 6000) -> np.ndarray:
    return 0.1 * np.sin(np.arange(num_samples) / 10)


def gap(start: int = 2000, end: int = 2500, num_samples: int = 6000) -> np.ndarray:
    mask = np.zeros(num_samples, bool)
    mask[start:end] = True
    return mask


def cells(*shape: int, kind: type = bool) -> np.ndarray:
    mask = np.zeros(shape, kind)
    mask[1, 1] = True
    return mask


SHAPE = (32, 195)
BAD_INPUTS = {
    "rate of zero and cells": ({"audio": sine(), "tf_mask": cells(*SHAPE), "sampling_rate": 0}, "positive integer"),
    "unknown preset": ({"audio": sine(), "mask": gap(), "preset": "slow"}, "preset must be among"),
    "jump too long": ({"audio": sine(), "mask": gap(), "jump_length": 5}, "jump_length must be less than"),
    "both kinds of masks": ({"audio": sine(), "mask": gap(), "tf_mask": cells(*SHAPE)}, "tf_mask stands alone"),
    "ranked cells": ({"audio": sine(), "tf_mask": cells(*SHAPE), "select": "ranked"}, "tf_mask stands alone"),
    "cells of another shape": ({"audio": sine(), "tf_mask": cells(32, 200)}, r"\(32, 195\).*got \(32, 200\)"),
    "cells of one frame too few": ({"audio": sine(), "tf_mask": cells(32, 194)}, r"got \(32, 194\)"),
    "cells of numbers": ({"audio": sine(), "tf_mask": cells(*SHAPE, kind=float)}, "tf_mask must be bool"),
    "every cell missing": ({"audio": sine(), "tf_mask": np.ones(SHAPE, bool)}, "everything is missing"),
    "NaN and cells": ({"audio": np.full(6000, np.nan), "tf_mask": cells(*SHAPE)}, "not finite"),
}


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_input_is_refused_with_what_was_expected(pipe, name, record_property):
    arguments, message = BAD_INPUTS[name]
    with warnings.catch_warnings(), pytest.raises(ValueError, match=message) as refusal:
        warnings.simplefilter("error")
        pipe(**{**STEPS, **arguments})
    record_property("message", str(refusal.value))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"front_end": SpectrogramFrontEnd()}, "sample_size must be .* 512 bins, got"),
    ],
)
def test_parts_that_do_not_fit_are_refused(pipe, changes, message):
    parts = {"unet": pipe.unet, "scheduler": pipe.scheduler, "front_end": pipe.front_end}
    with pytest.raises(ValueError, match=message):
        SpectrogramRePaintPipeline(**(parts | changes))
