import json
import warnings

import numpy as np
import pytest
import torch
from diffusers import AudioPipelineOutput, DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler

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
@pytest.mark.parametrize("channels", [1, 2])
def test_intact_samples_are_bit_identical_at_every_rate(pipe, tones, rate, channels):
    audio = tones(int(0.3 * rate) + 7, rate, channels)
    mask = many_gaps(audio.shape[-1], rate)
    restored = pipe(np.where(mask, np.nan, audio), mask, sampling_rate=rate, generator=generator(), **STEPS).audios
    assert restored.shape == audio.shape and restored.dtype == audio.dtype
    assert np.array_equal(restored[:, ~mask], audio[:, ~mask])
    assert np.isfinite(restored).all() and (restored[:, mask] != 0).mean() > 0.99


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(4800,), (2, 4800), (2, 1, 4800)])
def test_numpy_and_torch_give_the_same_audio_in_their_own_form(pipe, tones, dtype, shape):
    audio = np.broadcast_to(tones(shape[-1], 24_000)[0], shape).astype(dtype)
    mask = np.zeros(shape[-1], bool)
    mask[2000:2500] = True
    from_numpy = pipe(audio, mask, generator=generator(), **STEPS).audios
    from_torch = pipe(torch.tensor(audio), torch.tensor(mask), generator=generator(), **STEPS).audios
    assert isinstance(from_numpy, np.ndarray) and isinstance(from_torch, torch.Tensor)
    assert from_numpy.shape == shape and from_numpy.dtype == dtype
    assert np.array_equal(from_numpy, from_torch.numpy())
    assert np.array_equal(from_numpy[..., ~mask], audio[..., ~mask])
    as_torch = pipe(audio, mask, generator=generator(), output_type="pt", **STEPS).audios
    assert isinstance(as_torch, torch.Tensor) and np.array_equal(as_torch.numpy(), from_numpy)
    (tuple_form,) = pipe(audio, mask, generator=generator(), return_dict=False, **STEPS)
    assert np.array_equal(tuple_form, from_numpy)


def test_values_under_the_mask_are_never_read_and_input_is_not_modified(pipe, tones):
    audio, mask = tones(6000, 24_000), np.zeros(6000, bool)
    mask[2000:2500] = True
    results = []
    for value in (0.0, np.nan, np.inf, 17.0):
        damaged = np.where(mask, value, audio)
        before = damaged.copy()
        results.append(pipe(damaged, mask, generator=generator(), **STEPS).audios)
        assert np.array_equal(damaged, before, equal_nan=True)
    assert all(np.array_equal(results[0], other) for other in results[1:])


def test_same_seed_same_audio_and_other_seed_other_audio(pipe, tones):
    audio, mask = tones(6000, 24_000), np.zeros(6000, bool)
    mask[2000:2700] = True
    first, again, other = (pipe(audio, mask, generator=generator(seed), **STEPS).audios for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("tf", [False, True])
def test_a_variation_is_the_same_alone_and_among_others(pipe, tones, tf):
    audio = tones(7200, 24_000, 2)
    mask = many_gaps(7200, 24_000)
    grid = pipe.front_end.grid
    damage = {"tf_mask": boxes([(1000, 5000, 0.1, 0.2)], 7200, grid)} if tf else {"mask": mask}
    three = pipe(audio, **damage, num_variations=3, generator=[generator(s) for s in (5, 6, 7)], **STEPS).audios
    assert three.shape == (3, *audio.shape)
    alone = pipe(audio, **damage, generator=generator(6), **STEPS).audios
    np.testing.assert_allclose(three[1], alone, atol=1e-5)
    assert not np.array_equal(three[0], three[1])


@pytest.mark.parametrize("order", ["ranked", "agreement"])
def test_ordered_variations_are_the_same_ones_in_another_order(order, pipe, tones):
    audio, mask = tones(6000, 24_000), np.zeros(6000, bool)
    mask[2000:2700] = True
    drawn, ordered = (
        pipe(audio, mask, num_variations=4, select=select, generator=generator(), **STEPS).audios
        for select in (None, order)
    )
    assert sorted(map(bytes, drawn)) == sorted(map(bytes, ordered))


def test_seconds_equal_the_mask_they_stand_for(pipe, tones):
    audio, mask = tones(13_230, 44_100), np.zeros(13_230, bool)
    mask[4410:5292] = True
    by_mask = pipe(audio, mask, sampling_rate=44_100, generator=generator(), **STEPS).audios
    seconds = {"mask_start_seconds": 0.1, "mask_end_seconds": 0.12}
    by_seconds = pipe(audio, sampling_rate=44_100, generator=generator(), **seconds, **STEPS).audios
    assert np.array_equal(by_mask, by_seconds)
    both = pipe(audio, mask, sampling_rate=44_100, generator=generator(), **seconds, **STEPS).audios
    assert np.array_equal(by_mask, both)


def test_masks_of_channels_are_kept_apart(pipe, tones):
    audio, mask = tones(7200, 24_000, 2), np.zeros((2, 7200), bool)
    mask[0, 2000:2300] = True
    mask[1, 5000:5400] = True
    restored = pipe(audio, mask, generator=generator(), **STEPS).audios
    assert np.array_equal(restored[~mask], audio[~mask]) and not np.array_equal(restored[mask], audio[mask])


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


def test_short_gaps_need_no_network(pipe, tones):
    pipe.register_to_config(short_gap_seconds=0.02)
    audio, mask = tones(7200, 24_000), np.zeros(7200, bool)
    mask[3000:3100] = True
    assert count_calls(pipe, audio, mask, **STEPS) == []


def test_silence_and_an_empty_mask(pipe, tones):
    mask = np.zeros(6000, bool)
    with pytest.warns(UserWarning, match="mask is empty"):
        assert np.array_equal(pipe(tones(6000, 24_000), mask, **STEPS).audios, tones(6000, 24_000))
    mask[2000:2500] = True
    assert np.abs(pipe(np.zeros((1, 6000)), mask, **STEPS).audios).max() < 1e-6


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


def test_save_load_save_is_identical(pipe, tones, tmp_path):
    pipe.save_pretrained(tmp_path / "one")
    loaded = SpectrogramRePaintPipeline.from_pretrained(tmp_path / "one")
    loaded.save_pretrained(tmp_path / "two")
    files = {
        name: {p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*.*") if p.is_file()}
        for name in ("one", "two")
    }
    indices = [json.loads(file.pop(next(p for p in file if p.name == "model_index.json"))) for file in files.values()]
    unet_configs = [
        json.loads(f.pop(next(p for p in f if "unet" in str(p) and p.suffix == ".json"))) for f in files.values()
    ]
    for index in (*indices, *unet_configs):
        index.pop("_name_or_path", None)
    assert files["one"] == files["two"] and indices[0] == indices[1] and unet_configs[0] == unet_configs[1]
    assert indices[0]["front_end"] == ["aidd", "SpectrogramFrontEnd"] and indices[0]["short_gap_seconds"] == 0
    loaded.set_progress_bar_config(disable=True)
    audio, mask = tones(6000, 24_000), np.zeros(6000, bool)
    mask[2000:2700] = True
    results = [one(audio, mask, generator=generator(), **STEPS) for one in (pipe, loaded)]
    assert isinstance(results[0], AudioPipelineOutput) and np.array_equal(results[0].audios, results[1].audios)


def test_weights_of_bfloat16_load_as_float32_unless_told_otherwise(pipe, tmp_path, tones):
    pipe.unet = type(pipe.unet).from_config(pipe.unet.config).to(torch.bfloat16)
    pipe.save_pretrained(tmp_path)
    assert SpectrogramRePaintPipeline.from_pretrained(tmp_path).unet.dtype == torch.float32
    loaded = SpectrogramRePaintPipeline.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert loaded.unet.dtype == torch.bfloat16
    loaded.set_progress_bar_config(disable=True)
    audio, mask = tones(6000, 24_000), np.zeros(6000, bool)
    mask[2000:2700] = True
    restored = loaded(audio, mask, **STEPS).audios
    assert np.isfinite(restored).all() and np.array_equal(restored[:, ~mask], audio[:, ~mask])


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
    "integer audio": ({"audio": np.zeros(6000, np.int16), "mask": gap()}, "float32 or float64"),
    "NaN outside the gap": ({"audio": np.where(np.arange(6000) == 5, np.nan, sine()), "mask": gap()}, "not finite"),
    "no mask at all": ({"audio": sine()}, "expected a mask"),
    "mask too short": ({"audio": sine(), "mask": gap()[:-1]}, "mask must have shape"),
    "everything missing": ({"audio": sine(), "mask": np.ones(6000, bool)}, "everything is missing"),
    "starts without ends": ({"audio": sine(), "mask_start_seconds": 0.1}, "mask_end_seconds"),
    "rate of zero": ({"audio": sine(), "mask": gap(), "sampling_rate": 0}, "positive integer"),
    "rate of zero and cells": ({"audio": sine(), "tf_mask": cells(*SHAPE), "sampling_rate": 0}, "positive integer"),
    "no variation": ({"audio": sine(), "mask": gap(), "num_variations": 0}, "at least 1"),
    "wrong number of generators": (
        {"audio": sine(), "mask": gap(), "num_variations": 2, "generator": [generator()]},
        "expected 2 generators",
    ),
    "generator that is none": ({"audio": sine(), "mask": gap(), "generator": 0}, "must be a torch.Generator"),
    "unknown selection": (
        {"audio": sine(), "mask": gap(), "select": "best"},
        "select must be 'agreement', 'ranked' or None",
    ),
    "unknown output type": ({"audio": sine(), "mask": gap(), "output_type": "pil"}, "output_type"),
    "unknown preset": ({"audio": sine(), "mask": gap(), "preset": "slow"}, "preset must be among"),
    "jump too long": ({"audio": sine(), "mask": gap(), "jump_length": 5}, "jump_length must be less than"),
    "unknown callback tensor": (
        {"audio": sine(), "mask": gap(), "callback_on_step_end_tensor_inputs": ["latents"]},
        "callback_on_step_end_tensor_inputs",
    ),
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
        ({"reach_seconds": -1}, "reach_seconds"),
        ({"fine_structure": 2}, "fine_structure"),
    ],
)
def test_parts_that_do_not_fit_are_refused(pipe, changes, message):
    parts = {"unet": pipe.unet, "scheduler": pipe.scheduler, "front_end": pipe.front_end}
    with pytest.raises(ValueError, match=message):
        SpectrogramRePaintPipeline(**(parts | changes))
