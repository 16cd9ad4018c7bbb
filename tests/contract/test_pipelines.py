"""The contract of every pipeline, beyond that of the methods: variations, options, callbacks, saving and loading."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AudioPipelineOutput

import aidd
from aidd.pipelines import InpaintingPipeline


RATE = 24_000
MASK = np.zeros(6000, bool)
MASK[2000:2800] = True


@pytest.fixture
def audio(tones) -> np.ndarray:
    return tones(6000, RATE)


def test_the_rate_is_the_pipelines_own_unless_another_is_given(pipeline, audio, seeded):
    own = pipeline(audio, MASK, generator=seeded()).audios
    assert pipeline.sampling_rate == RATE and isinstance(pipeline, InpaintingPipeline)
    assert np.array_equal(own, pipeline(audio, MASK, sampling_rate=RATE, generator=seeded()).audios)
    assert not np.array_equal(own, pipeline(audio, MASK, sampling_rate=22_050, generator=seeded()).audios)


def test_output_is_an_object_or_a_tuple_of_the_type_that_is_asked_for(pipeline, audio, seeded):
    output = pipeline(audio, MASK, generator=seeded())
    assert isinstance(output, AudioPipelineOutput) and type(output.audios) is np.ndarray
    (audios,) = pipeline(audio, MASK, generator=seeded(), return_dict=False)
    assert np.array_equal(audios, output.audios)
    as_tensor = pipeline(audio, MASK, generator=seeded(), output_type="pt").audios
    as_array = pipeline(torch.tensor(audio), torch.tensor(MASK), generator=seeded(), output_type="np").audios
    assert type(as_tensor) is torch.Tensor and type(as_array) is np.ndarray
    assert np.array_equal(as_tensor.numpy(), output.audios) and np.array_equal(as_array, output.audios)


def test_seconds_equal_the_mask_they_stand_for(pipeline, tones, seeded):
    audio, mask = tones(13_230, 44_100), np.zeros(13_230, bool)
    mask[4410:5733] = True
    seconds = {"mask_start_seconds": [0.1], "mask_end_seconds": [0.13]}
    by_mask, by_seconds, by_both = (
        pipeline(audio, sampling_rate=44_100, generator=seeded(), **gaps).audios
        for gaps in ({"mask": mask}, seconds, {"mask": mask, **seconds})
    )
    assert np.array_equal(by_mask, by_seconds) and np.array_equal(by_mask, by_both)


def test_a_variation_is_the_same_alone_and_among_others(pipeline, tones, gaps, seeded):
    audio, mask = tones(7200, RATE, 2), gaps(7200, RATE)
    three = pipeline(audio, mask, num_variations=3, generator=[seeded(seed) for seed in (5, 6, 7)]).audios
    assert three.shape == (3, *audio.shape)
    assert np.array_equal(three[..., ~mask], np.broadcast_to(audio, three.shape)[..., ~mask])
    np.testing.assert_allclose(three[1], pipeline(audio, mask, generator=seeded(6)).audios, atol=1e-5)
    assert not np.array_equal(three[0], three[1])


@pytest.mark.parametrize("order", ["ranked", "agreement"])
def test_ordered_variations_are_the_same_ones_in_another_order(pipeline, audio, seeded, order):
    drawn, ordered = (
        pipeline(audio, MASK, num_variations=4, select=select, generator=seeded()).audios for select in (None, order)
    )
    assert sorted(map(bytes, drawn)) == sorted(map(bytes, ordered))


def test_short_gaps_need_no_model(pipeline, audio):
    pipeline.register_to_config(short_gap_seconds=0.05)
    pipeline.generate = None
    restored = pipeline(audio, MASK).audios
    assert np.array_equal(restored[:, ~MASK], audio[:, ~MASK]) and np.isfinite(restored).all()


def test_silence_is_filled_with_silence(pipeline):
    assert np.abs(pipeline(np.zeros((1, 6000)), MASK).audios).max() < 1e-6


def test_callbacks_get_the_tensors_they_ask_for_at_every_step(pipeline, audio):
    known, seen = pipeline._callback_tensor_inputs, []

    def callback(pipe, step, timestep, tensors):
        assert pipe is pipeline and isinstance(timestep, torch.Tensor) and tuple(tensors) == known
        assert all(isinstance(tensor, torch.Tensor) for tensor in tensors.values())
        seen.append(step)
        return {}

    pipeline(audio, MASK, callback_on_step_end=callback, callback_on_step_end_tensor_inputs=known)
    assert seen == list(range(len(seen))) and len(seen) > 2


def test_a_callback_that_returns_something_else_is_refused(pipeline, audio):
    for returned in (None, [], {"latents": 1}):
        with pytest.raises(ValueError, match=r"callback_on_step_end must return a dict of tensors among .*, got"):
            pipeline(audio, MASK, callback_on_step_end=lambda *_, returned=returned: returned)


GAP = {"mask": MASK}
BAD_INPUTS = {
    "no mask at all": ({}, "expected a mask, or mask_start_seconds and mask_end_seconds"),
    "starts without ends": ({"mask_start_seconds": 0.1}, "mask_end_seconds must be given together"),
    "more starts than ends": (
        {"mask_start_seconds": [0.05, 0.15], "mask_end_seconds": [0.1]},
        "as many gap starts as ends.*got 2 and 1",
    ),
    "a gap before the start": ({"mask_start_seconds": -1, "mask_end_seconds": 0.1}, "must not be negative"),
    "a gap beyond the end": ({"mask_start_seconds": 0.1, "mask_end_seconds": 0.3}, "the signal, which is 0.25"),
    "a gap that ends first": ({"mask_start_seconds": 0.2, "mask_end_seconds": 0.1}, "start must be before the end"),
    "a list and seconds": (
        {"audio": [0.0] * 100, "mask_start_seconds": 0.1, "mask_end_seconds": 0.2},
        "numpy array or a torch tensor, got list",
    ),
    "seconds and a mask of numbers": (
        {"mask": 1.0 * MASK, "mask_start_seconds": 0.1, "mask_end_seconds": 0.12},
        "mask must be bool.*got float64",
    ),
    "no variation": ({**GAP, "num_variations": 0}, "integer of at least 1, got 0"),
    "one variation and a half": ({**GAP, "num_variations": 1.5}, "integer of at least 1, got 1.5"),
    "a generator too few": (
        {**GAP, "num_variations": 2, "generator": [torch.Generator()]},
        "expected 2 generators, one for each variation, got 1",
    ),
    "a generator that is none": ({**GAP, "generator": 0}, "must be a torch.Generator, .* got 0"),
    "an unknown selection": ({**GAP, "select": "best"}, "select must be 'agreement', 'ranked' or None, got 'best'"),
    "an unknown output type": ({**GAP, "output_type": "pil"}, "output_type must be .* got 'pil'"),
    "steps and a half": ({**GAP, "num_inference_steps": 2.5}, "num_inference_steps must be an? .*got 2.5"),
    "an unknown tensor": (
        {**GAP, "callback_on_step_end_tensor_inputs": ["latents"]},
        "callback_on_step_end_tensor_inputs must be among .* got {'latents'}",
    ),
}


def test_bad_options_are_refused_with_what_was_expected_and_what_came(pipeline, audio, record_property):
    for case, (arguments, message) in BAD_INPUTS.items():
        with pytest.raises(ValueError, match=message) as refusal:
            pipeline(**{"audio": audio, **arguments})
        record_property(case, str(refusal.value))


BAD_SETTINGS = [
    ({"reach_seconds": -1.0}, "reach_seconds must be a finite number of at least 0, got -1.0"),
    ({"short_gap_seconds": "2 ms"}, "short_gap_seconds must be a finite number of at least 0, got '2 ms'"),
    ({"fine_structure": 1.5}, r"fine_structure must lie in \[0, 1\], got 1.5"),
]


def test_settings_out_of_their_range_are_refused(pipeline):
    for setting, message in BAD_SETTINGS:
        with pytest.raises(ValueError, match=message):
            type(pipeline)(**pipeline.components, **setting)


def test_levels_out_of_their_range_are_refused(tiny_pipeline):
    with pytest.raises(ValueError, match=r"expected_levels must lie in \[0, 1\], got -0.5"):
        aidd.AIDDPipeline(**tiny_pipeline.components, expected_levels=-0.5)


def files_in(folder) -> dict:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_save_load_save_is_identical_and_loads_in_float32(pipeline, audio, seeded, tmp_path):
    pipeline.save_pretrained(tmp_path / "one")
    loaded = type(pipeline).from_pretrained(tmp_path / "one")
    loaded.save_pretrained(tmp_path / "two")
    files = [files_in(tmp_path / name) for name in ("one", "two")]
    assert files[0].keys() == files[1].keys()
    for path in files[0]:
        contents = [one[path] for one in files]
        if path.suffix == ".json":
            # Where it was loaded from, which the first does not say.
            contents = [{k: v for k, v in json.loads(one).items() if k != "_name_or_path"} for one in contents]
        assert contents[0] == contents[1], path
    # Parts of this package are named by it, which is how folders find them.
    index = json.loads(files[0][Path("model_index.json")])
    kinds = {name: type(part) for name, part in pipeline.components.items()}
    ours = {name: ["aidd", kind.__name__] for name, kind in kinds.items() if kind.__module__.startswith("aidd.")}
    assert ours and all(index[name] == said for name, said in ours.items())
    loaded.set_progress_bar_config(disable=True)
    results = [pipe(audio, MASK, generator=seeded()).audios for pipe in (pipeline, loaded)]
    assert np.array_equal(*results)


def test_weights_of_bfloat16_load_in_float32_unless_dtype_says_otherwise(pipeline, audio, tmp_path):
    network = "transformer" if hasattr(pipeline, "transformer") else "unet"
    pipeline.to(torch.bfloat16).save_pretrained(tmp_path)
    assert getattr(type(pipeline).from_pretrained(tmp_path), network).dtype == torch.float32
    loaded = type(pipeline).from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert getattr(loaded, network).dtype == torch.bfloat16
    loaded.set_progress_bar_config(disable=True)
    restored = loaded(audio, MASK).audios
    assert np.isfinite(restored).all() and np.array_equal(restored[:, ~MASK], audio[:, ~MASK])
