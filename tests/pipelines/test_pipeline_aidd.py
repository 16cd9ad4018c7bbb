import json

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from processes import python

from aidd.evaluation.metrics import snr_in_gap
from aidd.pipelines import AIDDPipeline
from aidd.pipelines.options import CallOptions
from aidd.schedulers import (
    EulerTauLeapingScheduler,
    MaskedEntropyBoundScheduler,
    TauLeapingScheduler,
    ThetaTrapezoidalScheduler,
)
from aidd.splice.ranking import agreement_risk


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


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_several_windows_fill_the_gaps_of_a_recording_and_nothing_else(tiny_pipeline, tones, rate):
    audio = tones(2 * rate + 7, rate, 2)
    mask = many_gaps(audio.shape[-1], rate)
    damaged = np.where(mask, np.nan, audio)
    restored = tiny_pipeline(damaged, mask, sampling_rate=rate, generator=generator()).audios
    assert restored.shape == audio.shape and restored.dtype == audio.dtype
    assert np.array_equal(restored[:, ~mask], audio[:, ~mask])
    assert np.isfinite(restored).all()
    assert (restored[:, mask] != 0).mean() > 0.99


def test_a_variation_is_the_same_alone_and_among_others(tiny_pipeline, tones):
    audio, mask = tones(48_000, 24_000, 2), many_gaps(48_000, 24_000)
    three = tiny_pipeline(audio, mask, num_variations=3, generator=[generator(s) for s in (5, 6, 7)]).audios
    assert three.shape == (3, *audio.shape)
    alone = tiny_pipeline(audio, mask, generator=generator(6)).audios
    np.testing.assert_allclose(three[1], alone, atol=1e-6)
    assert np.array_equal(three[:, :, ~mask], np.broadcast_to(audio[:, ~mask], three[:, :, ~mask].shape))


@torch.no_grad()
def test_of_several_candidates_the_one_is_taken_that_the_others_agree_with(tiny_pipeline, tones):
    audio, mask = tones(36_000, 24_000)[0], np.zeros(36_000, bool)
    mask[12_800:16_000] = True
    plan = tiny_pipeline.plan(mask, 24_000)
    drawn = tiny_pipeline.generate(audio, plan, CallOptions(num_variations=5, generator=generator()))
    tiny_pipeline.register_to_config(num_candidates=5)
    taken = tiny_pipeline.generate(audio, plan, CallOptions(generator=generator()))
    # Ten tokens of 320 samples, and two guard tokens on each side.
    window = plan.windows[0]
    start = 12_160 - window.start * 320
    risks = agreement_risk(drawn[:, 0, start : start + 14 * 320], sampling_rate=24_000)
    np.testing.assert_allclose(taken[0], drawn[risks.argmin()], atol=1e-6)
    assert not np.allclose(taken[0], drawn[risks.argmax()])


def test_variations_have_candidates_of_their_own(tiny_pipeline, tones):
    audio, mask = tones(48_000, 24_000, 2), many_gaps(48_000, 24_000)
    tiny_pipeline.register_to_config(num_candidates=3)
    two = tiny_pipeline(audio, mask, num_variations=2, generator=[generator(5), generator(6)]).audios
    alone = tiny_pipeline(audio, mask, generator=generator(6)).audios
    np.testing.assert_allclose(two[1], alone, atol=1e-6)
    assert not np.allclose(two[0], two[1])


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
    # Two variations have ten tokens and two, each with two guard tokens on each side. A processor takes row by row.
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
    first = tiny_pipeline.reconstruct(audio, mask, sampling_rate=24_000, generator=generator())
    with torch.no_grad():
        for parameter in tiny_pipeline.transformer.parameters():
            parameter.zero_()
    again = tiny_pipeline.reconstruct(audio, mask, sampling_rate=24_000, generator=generator())
    assert np.array_equal(first, again)
    assert np.array_equal(first[:, ~mask], audio[:, ~mask])


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
    done = python.run("-c", code)
    assert done.returncode == 0, done.stderr[-4000:]
    here = tiny_pipeline(audio, mask, generator=generator()).audios
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), here, atol=1e-6)


def sine(num_samples: int = 24_000) -> np.ndarray:
    return 0.1 * np.sin(np.arange(num_samples) / 10)


def gap(start: int = 10_000, end: int = 11_000, num_samples: int = 24_000) -> np.ndarray:
    mask = np.zeros(num_samples, bool)
    mask[start:end] = True
    return mask


BAD_INPUTS = {
    "steps for first hitting": ({"audio": sine(), "mask": gap(), "num_inference_steps": 10}, "one step for each"),
    "steps and a half": ({"audio": sine(), "mask": gap(), "num_inference_steps": 2.5}, "must be an integer"),
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
        ({"num_candidates": 0}, "num_candidates must be an integer of at least 1, got 0"),
        ({"guard_tokens": "x"}, "integer of at least 0, got 'x'"),
        ({"guard_tokens": 15}, "must leave room"),
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


def test_an_item_without_gaps_is_not_reconstructed(tiny_pipeline, tones):
    audio, mask = np.stack([tones(24_000, 24_000)] * 2), np.zeros((2, 1, 24_000), bool)
    mask[1, 0, 9000:12_000] = True
    restored = tiny_pipeline.reconstruct(audio, mask, sampling_rate=24_000)
    assert np.array_equal(restored[0], audio[0]) and not np.array_equal(restored[1], audio[1])


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
