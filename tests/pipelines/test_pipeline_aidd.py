import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from diffusers import AudioPipelineOutput, DDPMScheduler

from aidd.evaluation.metrics import snr_in_gap
from aidd.pipelines import AIDDPipeline
from aidd.schedulers import (
    EulerTauLeapingScheduler,
    MaskedEntropyBoundScheduler,
    TauLeapingScheduler,
    ThetaTrapezoidalScheduler,
)


RATES = (16_000, 22_050, 24_000, 44_100, 48_000, 96_000)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def many_gaps(num_samples: int, rate: int) -> np.ndarray:
    """Gaps at both edges, one alone, and two closer together than a window."""
    mask = np.zeros(num_samples, bool)
    mask[: rate // 100] = True
    mask[-rate // 50 :] = True
    for start, seconds in ((0.6, 0.1), (1.3, 0.02), (1.4, 0.05)):
        mask[int(start * rate) : int((start + seconds) * rate)] = True
    return mask


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("channels", [1, 2])
def test_intact_samples_are_bit_identical_at_every_rate(tiny_pipeline, tones, rate, channels):
    audio = tones(2 * rate + 7, rate, channels)
    mask = many_gaps(audio.shape[-1], rate)
    damaged = np.where(mask, np.nan, audio)
    restored = tiny_pipeline(damaged, mask, sampling_rate=rate, generator=generator()).audios
    assert restored.shape == audio.shape and restored.dtype == audio.dtype
    assert np.array_equal(restored[:, ~mask], audio[:, ~mask])
    assert np.isfinite(restored).all()
    assert (restored[:, mask] != 0).mean() > 0.99


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(24_000,), (2, 24_000), (2, 1, 24_000)])
def test_numpy_and_torch_give_the_same_audio_in_their_own_form(tiny_pipeline, tones, dtype, shape):
    audio = np.broadcast_to(tones(shape[-1], 24_000)[0], shape).astype(dtype)
    mask = np.zeros(shape[-1], bool)
    mask[10_000:12_000] = True
    from_numpy = tiny_pipeline(audio, mask, generator=generator()).audios
    from_torch = tiny_pipeline(torch.tensor(audio), torch.tensor(mask), generator=generator()).audios
    assert isinstance(from_numpy, np.ndarray) and isinstance(from_torch, torch.Tensor)
    assert from_numpy.shape == shape and from_numpy.dtype == dtype
    assert from_torch.dtype == torch.tensor(audio).dtype
    assert np.array_equal(from_numpy, from_torch.numpy())
    assert np.array_equal(from_numpy[..., ~mask], audio[..., ~mask])
    as_torch = tiny_pipeline(audio, mask, generator=generator(), output_type="pt").audios
    assert isinstance(as_torch, torch.Tensor) and np.array_equal(as_torch.numpy(), from_numpy)


def test_input_is_not_modified(tiny_pipeline, tones):
    audio = tones(24_000, 24_000)
    mask = np.zeros(24_000, bool)
    mask[9000:9500] = True
    audio_before, mask_before = audio.copy(), mask.copy()
    tiny_pipeline(audio, mask)
    assert np.array_equal(audio, audio_before) and np.array_equal(mask, mask_before)


def test_values_under_the_mask_are_never_read(tiny_pipeline, tones):
    audio = tones(30_000, 24_000)
    mask = np.zeros(30_000, bool)
    mask[12_000:14_000] = True
    results = [
        tiny_pipeline(np.where(mask, value, audio), mask, generator=generator()).audios
        for value in (0.0, np.nan, np.inf, 17.0)
    ]
    assert all(np.array_equal(results[0], other) for other in results[1:])


def test_same_seed_same_audio_and_other_seed_other_audio(tiny_pipeline, tones):
    audio, mask = tones(30_000, 24_000), np.zeros(30_000, bool)
    mask[12_000:16_000] = True
    first, again, other = (tiny_pipeline(audio, mask, generator=generator(seed)).audios for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("order", ["ranked", "agreement"])
def test_ordered_variations_are_the_same_ones_in_another_order(order, tiny_pipeline, tones):
    audio, mask = tones(30_000, 24_000), np.zeros(30_000, bool)
    mask[12_000:16_000] = True
    drawn, ordered = (
        tiny_pipeline(audio, mask, num_variations=4, select=select, generator=generator()).audios
        for select in (None, order)
    )
    assert sorted(map(bytes, drawn)) == sorted(map(bytes, ordered))


def test_a_variation_is_the_same_alone_and_among_others(tiny_pipeline, tones):
    audio, mask = tones(48_000, 24_000, 2), many_gaps(48_000, 24_000)
    three = tiny_pipeline(audio, mask, num_variations=3, generator=[generator(s) for s in (5, 6, 7)]).audios
    assert three.shape == (3, *audio.shape)
    alone = tiny_pipeline(audio, mask, generator=generator(6)).audios
    np.testing.assert_allclose(three[1], alone, atol=1e-6)
    assert np.array_equal(three[:, :, ~mask], np.broadcast_to(audio[:, ~mask], three[:, :, ~mask].shape))


def test_seconds_equal_the_mask_they_stand_for(tiny_pipeline, tones):
    audio, mask = tones(44_100, 44_100), np.zeros(44_100, bool)
    mask[13_230:17_640] = True
    by_mask = tiny_pipeline(audio, mask, sampling_rate=44_100, generator=generator()).audios
    by_seconds = tiny_pipeline(
        audio, sampling_rate=44_100, mask_start_seconds=0.3, mask_end_seconds=0.4, generator=generator()
    ).audios
    assert np.array_equal(by_mask, by_seconds)
    both = tiny_pipeline(
        torch.tensor(audio),
        torch.tensor(mask),
        sampling_rate=44_100,
        mask_start_seconds=[0.3],
        mask_end_seconds=[0.4],
        generator=generator(),
    ).audios
    assert np.array_equal(by_mask, both.numpy())


def test_masks_of_channels_are_kept_apart(tiny_pipeline, tones):
    audio = tones(30_000, 24_000, 2)
    mask = np.zeros((2, 30_000), bool)
    mask[0, 8000:9000] = True
    mask[1, 20_000:21_000] = True
    restored = tiny_pipeline(audio, mask, generator=generator()).audios
    assert np.array_equal(restored[~mask], audio[~mask])
    assert not np.array_equal(restored[mask], audio[mask])


def test_empty_mask_returns_the_input_with_a_warning(tiny_pipeline, tones):
    audio = tones(10_000, 24_000)
    with pytest.warns(UserWarning, match="mask is empty"):
        restored = tiny_pipeline(audio, np.zeros(10_000, bool)).audios
    assert np.array_equal(restored, audio)


def test_more_than_half_missing_warns_of_an_inverted_mask(tiny_pipeline, tones):
    audio, mask = tones(16_000, 24_000), np.zeros(16_000, bool)
    mask[1000:9100] = True
    with pytest.warns(UserWarning, match="inverted"):
        tiny_pipeline(audio, mask)


def test_first_hitting_calls_the_network_once_a_missing_token(tiny_pipeline, tones):
    audio, mask = tones(30_000, 24_000), np.zeros(30_000, bool)
    mask[12_800:16_000] = True
    calls = []
    handle = tiny_pipeline.transformer.register_forward_hook(lambda *_: calls.append(1))
    tiny_pipeline(audio, mask)
    handle.remove()
    # Ten tokens, and two guard tokens on each side.
    assert len(calls) == 14


def test_windows_that_are_full_are_predicted_no_more(tiny_pipeline, tones):
    audio, mask = tones(60_000, 24_000), np.zeros(60_000, bool)
    mask[9600:12_800] = mask[48_000:48_640] = True
    calls = []
    handle = tiny_pipeline.transformer.register_forward_hook(lambda _, inputs, __: calls.append(len(inputs[0])))
    tiny_pipeline(audio, mask, num_variations=2)
    handle.remove()
    # Of two variations, ten tokens and two, each with two guard tokens on each side. On a processor, row by row.
    assert sum(calls) == 2 * (14 + 6) and set(calls) == {1}


def test_the_network_is_called_no_more_when_nothing_is_missing(tiny_pipeline, tones):
    tiny_pipeline.scheduler = MaskedEntropyBoundScheduler.from_config(
        tiny_pipeline.scheduler.config, entropy_bound=10.0
    )
    audio, mask = tones(30_000, 24_000), np.zeros(30_000, bool)
    mask[12_800:16_000] = True
    before = []
    handle = tiny_pipeline.transformer.register_forward_hook(lambda _, inputs, __: before.append(int(inputs[1].sum())))
    restored = tiny_pipeline(audio, mask, generator=generator()).audios
    handle.remove()
    assert before[0] == 14 and before[-1] > 0 and len(before) < 14
    assert (np.diff(before) < 0).all() and np.diff(before).min() < -1
    assert np.array_equal(restored[:, ~mask], audio[:, ~mask])


def test_missing_tokens_alone_are_predicted_and_as_among_all(tiny_pipeline, tones):
    audio, mask = tones(48_000, 24_000), many_gaps(48_000, 24_000)
    network, widths = tiny_pipeline.transformer, []

    def check(_, inputs, options, output):
        widths.append(output.log_probs.shape[1])
        expected = network.forward(*inputs).log_probs[:, options["positions"]]
        torch.testing.assert_close(output.log_probs, expected, rtol=1e-5, atol=1e-5)
        return output

    handle = network.register_forward_hook(check, with_kwargs=True)
    tiny_pipeline(audio, mask, generator=generator())
    handle.remove()
    assert 0 < widths[0] < network.config.max_position_embeddings and len(set(widths)) == 1


@pytest.mark.parametrize("scheduler_class", [TauLeapingScheduler, EulerTauLeapingScheduler, ThetaTrapezoidalScheduler])
def test_schedulers_are_exchanged_with_from_config(tiny_pipeline, tones, scheduler_class):
    tiny_pipeline.scheduler = scheduler_class.from_config(tiny_pipeline.scheduler.config)
    audio, mask = tones(30_000, 24_000), np.zeros(30_000, bool)
    mask[12_800:16_000] = True
    restored = tiny_pipeline(audio, mask, num_inference_steps=5, generator=generator()).audios
    assert np.array_equal(restored[:, ~mask], audio[:, ~mask])


def test_callback_sees_every_step_and_can_change_tokens(tiny_pipeline, tones):
    audio, mask = tones(30_000, 24_000), np.zeros(30_000, bool)
    mask[12_800:16_000] = True
    remaining = []

    def callback(pipe, step, timestep, tensors):
        remaining.append(int(tensors["missing"].sum()))
        return {"tokens": torch.zeros_like(tensors["tokens"])}

    changed = tiny_pipeline(
        audio,
        mask,
        generator=generator(),
        callback_on_step_end=callback,
        callback_on_step_end_tensor_inputs=["tokens", "missing"],
    ).audios
    assert remaining == list(range(13, -1, -1))
    assert not np.array_equal(changed, tiny_pipeline(audio, mask, generator=generator()).audios)


def test_reconstruct_depends_on_the_codec_alone(tiny_pipeline, tones):
    audio, mask = tones(30_000, 24_000, 2), np.zeros(30_000, bool)
    mask[12_800:16_000] = True
    first = tiny_pipeline.reconstruct(audio, mask, sampling_rate=24_000)
    with torch.no_grad():
        for parameter in tiny_pipeline.transformer.parameters():
            parameter.zero_()
    assert np.array_equal(first, tiny_pipeline.reconstruct(audio, mask, sampling_rate=24_000))
    assert np.array_equal(first[:, ~mask], audio[:, ~mask])


def test_return_dict_false_gives_a_tuple(tiny_pipeline, tones):
    audio, mask = tones(10_000, 24_000), np.zeros(10_000, bool)
    mask[4000:4500] = True
    output = tiny_pipeline(audio, mask, generator=generator())
    (audios,) = tiny_pipeline(audio, mask, generator=generator(), return_dict=False)
    assert isinstance(output, AudioPipelineOutput) and np.array_equal(output.audios, audios)


def test_save_load_save_is_identical(tiny_pipeline, tones, tmp_path):
    tiny_pipeline.save_pretrained(tmp_path / "one")
    loaded = AIDDPipeline.from_pretrained(tmp_path / "one")
    loaded.save_pretrained(tmp_path / "two")
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert files == sorted(
        path.relative_to(tmp_path / "two") for path in (tmp_path / "two").rglob("*") if path.is_file()
    )
    for file in files:
        if file.name != "model_index.json":
            assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file
    first, second = (json.loads((tmp_path / name / "model_index.json").read_text()) for name in ("one", "two"))
    first.pop("_name_or_path", None), second.pop("_name_or_path", None)
    assert first == second
    assert first["transformer"] == ["aidd", "DiTTokenModel"] and first["guard_tokens"] == 2

    audio, mask = tones(20_000, 24_000), np.zeros(20_000, bool)
    mask[8000:10_000] = True
    loaded.set_progress_bar_config(disable=True)
    before = tiny_pipeline(audio, mask, generator=generator()).audios
    assert np.array_equal(before, loaded(audio, mask, generator=generator()).audios)


def test_a_saved_folder_loads_in_a_fresh_process(tiny_pipeline, tones, tmp_path):
    tiny_pipeline.save_pretrained(tmp_path / "model")
    audio, mask = tones(20_000, 24_000), np.zeros(20_000, bool)
    mask[8000:10_000] = True
    np.savez(tmp_path / "in.npz", audio=audio, mask=mask)
    code = f"""
import aidd, numpy as np, torch
data = np.load({str(tmp_path / "in.npz")!r})
pipe = aidd.AIDDPipeline.from_pretrained({str(tmp_path / "model")!r})
restored = pipe(data["audio"], data["mask"], generator=torch.Generator().manual_seed(0)).audios
np.save({str(tmp_path / "out.npy")!r}, restored)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    here = tiny_pipeline(audio, mask, generator=generator()).audios
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), here, atol=1e-6)


def sine(num_samples: int = 24_000) -> np.ndarray:
    return 0.1 * np.sin(np.arange(num_samples) / 10)


def gap(start: int = 10_000, end: int = 11_000, num_samples: int = 24_000) -> np.ndarray:
    mask = np.zeros(num_samples, bool)
    mask[start:end] = True
    return mask


def with_nan() -> np.ndarray:
    audio = sine()
    audio[5] = np.nan
    return audio


BAD_INPUTS = {
    "integer audio": ({"audio": np.zeros(24_000, np.int16), "mask": gap()}, "float32 or float64"),
    "four axes": ({"audio": np.zeros((1, 1, 1, 24_000)), "mask": gap()}, "audio must have shape"),
    "no samples": ({"audio": np.zeros((1, 0)), "mask": np.zeros(0, bool)}, "audio must have shape"),
    "a list": ({"audio": [0.0] * 100, "mask": gap(10, 20, 100)}, "numpy array or a torch tensor"),
    "NaN outside the gap": ({"audio": with_nan(), "mask": gap()}, "not finite"),
    "no mask at all": ({"audio": sine()}, "expected a mask"),
    "mask of numbers": ({"audio": sine(), "mask": gap().astype(float)}, "mask must be bool"),
    "mask too short": ({"audio": sine(), "mask": gap()[:-1]}, "mask must have shape"),
    "everything missing": ({"audio": sine(), "mask": np.ones(24_000, bool)}, "everything is missing"),
    "gap too long": ({"audio": sine(48_000), "mask": gap(10_000, 22_000, 48_000)}, "gaps of up to"),
    "gap before the start": (
        {"audio": sine(), "mask_start_seconds": -1, "mask_end_seconds": 0.5},
        "must not be negative",
    ),
    "gap behind the end": ({"audio": sine(), "mask_start_seconds": 0.5, "mask_end_seconds": 1.5}, "behind the signal"),
    "gap ends first": ({"audio": sine(), "mask_start_seconds": 0.5, "mask_end_seconds": 0.4}, "before the end"),
    "starts without ends": ({"audio": sine(), "mask_start_seconds": 0.5}, "mask_end_seconds"),
    "more starts than ends": (
        {"audio": sine(), "mask_start_seconds": [0.1, 0.5], "mask_end_seconds": [0.2]},
        "as many",
    ),
    "rate of zero": ({"audio": sine(), "mask": gap(), "sampling_rate": 0}, "positive integer"),
    "rate of a half": ({"audio": sine(), "mask": gap(), "sampling_rate": 22_050.5}, "positive integer"),
    "no variation": ({"audio": sine(), "mask": gap(), "num_variations": 0}, "at least 1"),
    "wrong number of generators": (
        {"audio": sine(), "mask": gap(), "num_variations": 2, "generator": [generator()]},
        "expected 2 generators",
    ),
    "unknown selection": (
        {"audio": sine(), "mask": gap(), "select": "best"},
        "select must be 'agreement', 'ranked' or None, got 'best'",
    ),
    "unknown output type": ({"audio": sine(), "mask": gap(), "output_type": "pil"}, "output_type"),
    "steps for first hitting": ({"audio": sine(), "mask": gap(), "num_inference_steps": 10}, "one step for each"),
    "generator that is none": ({"audio": sine(), "mask": gap(), "generator": 0}, "must be a torch.Generator"),
    "one variation and a half": ({"audio": sine(), "mask": gap(), "num_variations": 1.5}, "integer of at least 1"),
    "steps and a half": ({"audio": sine(), "mask": gap(), "num_inference_steps": 2.5}, "must be an integer"),
    "a list and seconds": (
        {"audio": [0.0] * 100, "mask_start_seconds": 0.1, "mask_end_seconds": 0.2},
        "numpy array or a torch tensor",
    ),
    "seconds and a mask of numbers": (
        {"audio": sine(), "mask": 1.0 * gap(), "mask_start_seconds": 0.1, "mask_end_seconds": 0.2},
        "mask must be bool",
    ),
    "unknown callback tensor": (
        {"audio": sine(), "mask": gap(), "callback_on_step_end_tensor_inputs": ["latents"]},
        "callback_on_step_end_tensor_inputs",
    ),
}


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_input_is_refused_with_what_was_expected(tiny_pipeline, name, record_property):
    arguments, message = BAD_INPUTS[name]
    with pytest.raises(ValueError, match=message) as refusal:
        tiny_pipeline(**arguments)
    record_property("message", str(refusal.value))


def test_codec_and_transformer_of_different_codebooks_are_refused(tiny_codec, tiny_transformer, tiny_pipeline):
    tiny_transformer.config.codebook_size = 64
    with pytest.raises(ValueError, match="one codebook size, got 32 and 64"):
        AIDDPipeline(tiny_codec, tiny_transformer, tiny_pipeline.scheduler)


def test_frequent_short_gaps_need_no_tokens(tiny_pipeline, tones):
    audio, mask = tones(48_000, 24_000, 2), np.zeros(48_000, bool)
    for start in range(1000, 47_000, 2400):
        mask[start : start + 24] = True
    calls = []
    handle = tiny_pipeline.transformer.register_forward_hook(lambda *_: calls.append(1))
    restored = tiny_pipeline(np.where(mask, np.nan, audio), mask).audios
    handle.remove()
    assert not calls and np.array_equal(restored[:, ~mask], audio[:, ~mask])
    assert snr_in_gap(audio, restored, mask) > 20


def test_gaps_without_a_token_between_them_are_refused(tiny_pipeline, tones):
    mask = np.zeros(24_000, bool)
    mask[::2] = True
    with pytest.raises(ValueError, match="gaps of up to"):
        tiny_pipeline(tones(24_000, 24_000), mask)


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 37_800, 44_100, 48_000])
def test_without_guard_tokens_gaps_at_the_edge_of_a_token_are_filled(tiny_pipeline, tones, rate):
    tiny_pipeline.register_to_config(guard_tokens=0, short_gap_seconds=0.0)
    audio = tones(3 * rate, rate)
    for token in (90, 100, 180):
        mask = np.zeros(3 * rate, bool)
        start = token * 320 * rate // 24_000
        mask[start : start + rate // 10] = True
        restored = tiny_pipeline(audio, mask, sampling_rate=rate).audios
        assert np.array_equal(restored[:, ~mask], audio[:, ~mask])


def test_silence_is_filled_with_silence_and_quiet_channels_quietly(tiny_pipeline, tones):
    mask = np.zeros(24_000, bool)
    mask[10_000:14_000] = True
    assert np.abs(tiny_pipeline(np.zeros((1, 24_000)), mask).audios).max() < 1e-7
    audio = tones(24_000, 24_000, 2)
    audio[1] = 0
    restored = tiny_pipeline(audio, mask).audios
    assert np.abs(restored[1]).max() < 1e-6 and np.abs(restored[0, mask]).max() > 1e-3
    audio[1] = 1e-3 * audio[0]
    restored = tiny_pipeline(audio, mask).audios
    assert np.std(restored[1, mask]) < 0.01 * np.std(restored[0, mask])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_the_pipeline_runs_in_other_types(tiny_pipeline, tones, dtype):
    audio, mask = tones(20_000, 24_000), np.zeros(20_000, bool)
    mask[8000:10_000] = True
    restored = tiny_pipeline.to(dtype)(audio, mask).audios
    assert restored.dtype == np.float64 and np.array_equal(restored[:, ~mask], audio[:, ~mask])


def test_pipelines_load_in_float32_unless_told_otherwise(tiny_pipeline, tmp_path):
    tiny_pipeline.to(torch.bfloat16).save_pretrained(tmp_path)
    assert AIDDPipeline.from_pretrained(tmp_path).transformer.dtype == torch.float32
    assert AIDDPipeline.from_pretrained(tmp_path, dtype=torch.bfloat16).transformer.dtype == torch.bfloat16


@pytest.mark.parametrize("change", [("num_hidden_layers", 3), ("num_hidden_layers", 1)])
@pytest.mark.parametrize("part", ["codec", "transformer"])
def test_weights_that_do_not_fill_the_model_are_refused(tiny_pipeline, tmp_path, part, change):
    tiny_pipeline.save_pretrained(tmp_path)
    path = tmp_path / part / "config.json"
    name, value = change
    name = {"codec": "decoder_num_layers", "transformer": name}[part]
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(ValueError, match="configuration and weights do not belong together"):
        AIDDPipeline.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"guard_tokens": -1}, "integer of at least 0, got -1"),
        ({"guard_tokens": "x"}, "integer of at least 0, got 'x'"),
        ({"guard_tokens": 15}, "must leave room"),
        ({"reach_seconds": -1.0}, "reach_seconds must be a finite number of at least 0, got -1.0"),
        ({"fine_structure": 1.5}, r"fine_structure must lie in \[0, 1\], got 1.5"),
        ({"short_gap_seconds": "2 ms"}, "short_gap_seconds must be a finite number of at least 0, got '2 ms'"),
    ],
)
def test_options_that_do_not_fit_are_refused(tiny_pipeline, options, message):
    with pytest.raises(ValueError, match=message):
        AIDDPipeline(tiny_pipeline.codec, tiny_pipeline.transformer, tiny_pipeline.scheduler, **options)


def test_a_scheduler_of_another_kind_is_refused(tiny_pipeline, tones):
    tiny_pipeline.scheduler = DDPMScheduler()
    with pytest.raises(ValueError, match=r"a scheduler of discrete diffusion, of aidd\.schedulers, got DDPM"):
        tiny_pipeline(tones(24_000, 24_000), gap())


def test_the_bar_ends_full_where_steps_are_spared(tiny_pipeline, tones, capsys):
    tiny_pipeline.scheduler = MaskedEntropyBoundScheduler(entropy_bound=100.0)
    tiny_pipeline.set_progress_bar_config(disable=False)
    tiny_pipeline(tones(24_000, 24_000), gap())
    assert "100%" in capsys.readouterr().err.split("\r")[-1]


def test_an_item_without_gaps_in_a_batch_comes_back_as_it_came(tiny_pipeline, tones):
    audio, mask = np.stack([tones(24_000, 24_000)] * 2), np.zeros((2, 1, 24_000), bool)
    mask[1, 0, 9000:12_000] = True
    for restored in (
        tiny_pipeline(audio, mask).audios,
        tiny_pipeline.reconstruct(audio, mask, sampling_rate=24_000),
    ):
        assert np.array_equal(restored[0], audio[0]) and not np.array_equal(restored[1], audio[1])


@pytest.mark.parametrize("returned", [None, [], {"latents": 1}])
def test_a_callback_that_returns_something_else_is_refused(tiny_pipeline, returned):
    with pytest.raises(ValueError, match="must return a dict of tensors"):
        tiny_pipeline(sine(), gap(10_000, 13_000), callback_on_step_end=lambda *_: returned)


def test_a_callback_that_hides_missing_tokens_is_refused(tiny_pipeline):
    with pytest.raises(ValueError, match="still missing"):
        tiny_pipeline(
            sine(),
            gap(10_000, 13_000),
            callback_on_step_end=lambda pipe, step, time, tensors: {"missing": torch.ones_like(tensors["missing"])},
            callback_on_step_end_tensor_inputs=["missing"],
        )


def test_a_channel_of_inverted_polarity_is_the_mirror_image_of_the_other(tiny_pipeline, tones):
    audio, mask = tones(30_000, 24_000), np.zeros(30_000, bool)
    mask[12_000:16_000] = True
    mono = tiny_pipeline(audio, mask, generator=generator()).audios
    stereo = tiny_pipeline(np.concatenate([audio, -audio]), mask, generator=generator()).audios
    np.testing.assert_allclose(stereo[0], mono[0], atol=1e-9)
    np.testing.assert_allclose(stereo[1], -stereo[0], atol=1e-9)
    ceiling = tiny_pipeline.reconstruct(np.concatenate([audio, -audio]), mask, sampling_rate=24_000)
    np.testing.assert_allclose(ceiling[1], -ceiling[0], atol=1e-9)
