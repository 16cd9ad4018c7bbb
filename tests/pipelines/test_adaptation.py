"""Adaptation of the token model to one recording, with a tiny model."""

import json

import numpy as np
import pytest
import torch

from aidd.models.dit_token.adapter_dit_token import adapter_parameters, base_digest, has_adapter
from aidd.models.loading import weights_digest
from aidd.pipelines.adaptation import LEAST_PIECES, split_windows


pytest.importorskip("peft")
RATE = 24_000
GAP = slice(3 * RATE, 3 * RATE + 7_000)


@pytest.fixture(scope="module")
def recording() -> tuple[np.ndarray, np.ndarray]:
    """Twenty seconds in which a phrase of two seconds comes again and again, and a gap in it."""
    random = np.random.default_rng(0)
    time = np.arange(RATE // 4) / RATE
    notes = [np.sin(2 * np.pi * f * time) * np.exp(-8 * time) for f in random.choice([220, 330, 440, 550], 8)]
    audio = 0.3 * np.tile(np.concatenate(notes), 10)
    mask = np.zeros(len(audio), bool)
    mask[GAP] = True
    return np.where(mask, np.nan, audio), mask


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def filled(pipe, recording) -> np.ndarray:
    return pipe(*recording, sampling_rate=RATE, generator=seeded()).audios


def test_held_out_pieces_and_windows_to_learn_from_are_intact_and_apart():
    missing = np.zeros(1000, bool)
    missing[333:350] = missing[980:] = True
    windows, held_out = split_windows(missing, 60)
    taken = np.zeros(1000, int)
    for start in held_out:
        assert not missing[start : start + 60].any()
        taken[start : start + 60] += 1
    assert taken.max() == 1
    assert windows and all(not (missing | (taken > 0))[start : start + 60].any() for start in windows)
    with pytest.raises(ValueError, match=f"expected {LEAST_PIECES} intact windows of 60 tokens or more, got 3"):
        split_windows(np.zeros(239, bool), 60)


def test_what_comes_again_is_learned_and_the_models_own_weights_stay_to_the_bit(tiny_pipeline, recording):
    own = weights_digest(tiny_pipeline.transformer.state_dict())
    digest, before = base_digest(tiny_pipeline.transformer), filled(tiny_pipeline, recording)
    learned = [one.requires_grad for one in tiny_pipeline.transformer.parameters()]
    state = torch.get_rng_state()
    done = tiny_pipeline.adapt(*recording, sampling_rate=RATE, max_seconds=np.inf, max_steps=60)
    assert torch.equal(torch.get_rng_state(), state)
    assert done.steps == 60 and 0 < done.kept_steps <= 60
    assert done.cross_entropy < done.cross_entropy_before - 0.2
    assert has_adapter(tiny_pipeline.transformer) and base_digest(tiny_pipeline.transformer) == digest
    adapted = filled(tiny_pipeline, recording)
    outside = ~recording[1]
    assert np.array_equal(adapted[outside], before[outside]) and not np.array_equal(adapted, before)
    tiny_pipeline.drop_adapter()
    assert weights_digest(tiny_pipeline.transformer.state_dict()) == own
    assert [one.requires_grad for one in tiny_pipeline.transformer.parameters()] == learned
    assert np.array_equal(filled(tiny_pipeline, recording), before)


def test_the_same_seed_and_steps_give_the_same_audio_and_so_does_a_saved_adapter(tiny_pipeline, recording, tmp_path):
    results, reached = [], []
    for seed in (1, 1, 2):
        done = tiny_pipeline.adapt(*recording, sampling_rate=RATE, max_seconds=np.inf, max_steps=10, seed=seed)
        reached.append(done.cross_entropy)
        results.append(filled(tiny_pipeline, recording))
        if seed == 1:
            tiny_pipeline.save_adapter(tmp_path / "adapter")
        tiny_pipeline.drop_adapter()
    assert np.array_equal(results[0], results[1]) and reached[0] == reached[1] != reached[2]
    tiny_pipeline.load_adapter(tmp_path / "adapter")
    assert np.array_equal(filled(tiny_pipeline, recording), results[0])
    # It is saved again as it was.
    tiny_pipeline.save_adapter(tmp_path / "again")
    for name in ("adapter_model.safetensors", "adapter_config.json", "adaptation.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "adapter" / name).read_bytes()
    assert json.loads((tmp_path / "adapter" / "adaptation.json").read_text())["steps"] == 10


def weights_of(pipe) -> dict[str, torch.Tensor]:
    return {name: one.detach().clone() for name, one in adapter_parameters(pipe.transformer).items()}


def test_several_recordings_are_learned_as_one_is_and_bad_ones_are_named(tiny_pipeline, recording):
    intact, bounds = np.nan_to_num(recording[0]), {"max_seconds": np.inf, "max_steps": 12}
    with pytest.warns(UserWarning, match="nothing is missing"):
        one = tiny_pipeline.adapt(intact, np.zeros(len(intact), bool), sampling_rate=RATE, **bounds)
    alone = weights_of(tiny_pipeline)
    tiny_pipeline.drop_adapter()
    same = tiny_pipeline.adapt_to_recordings([(intact, RATE)], **bounds)
    assert same.cross_entropy == one.cross_entropy
    assert all(torch.equal(value, alone[name]) for name, value in weights_of(tiny_pipeline).items())
    tiny_pipeline.drop_adapter()
    both = tiny_pipeline.adapt_to_recordings([(intact, RATE), (np.stack([intact, intact]), RATE)], **bounds)
    assert (both.num_windows, both.num_held_out) == (2 * one.num_windows, 2 * one.num_held_out)
    tiny_pipeline.drop_adapter()
    with pytest.raises(ValueError, match="recording 2: too little intact"):
        tiny_pipeline.adapt_to_recordings([(intact, RATE), (intact[:100], RATE)], **bounds)
    with pytest.raises(ValueError, match="got none"):
        tiny_pipeline.adapt_to_recordings([], **bounds)
    assert not has_adapter(tiny_pipeline.transformer)


def test_a_new_adapter_changes_nothing(tiny_pipeline, recording):
    before = filled(tiny_pipeline, recording)
    done = tiny_pipeline.adapt(*recording, sampling_rate=RATE, max_steps=0)
    assert done.steps == done.kept_steps == 0 and done.cross_entropy == done.cross_entropy_before
    assert np.array_equal(filled(tiny_pipeline, recording), before)


def test_no_time_is_one_step(tiny_pipeline, recording):
    assert tiny_pipeline.adapt(*recording, sampling_rate=RATE, max_seconds=0).steps == 1


def test_silence_and_short_recordings_are_refused_and_leave_no_adapter(tiny_pipeline, recording):
    audio, mask = recording
    for hidden in (np.zeros_like(audio), np.full_like(audio, 1e-5)):
        with pytest.raises(ValueError, match=r"too little intact and audible music, in windows of .* got 0"):
            tiny_pipeline.adapt(hidden, mask, sampling_rate=RATE)
    with pytest.raises(ValueError, match="expected 4 intact windows of 60 tokens or more, got 3"):
        tiny_pipeline.adapt(audio[GAP.stop :][:70_000], np.arange(70_000) == 5, sampling_rate=RATE)
    assert not has_adapter(tiny_pipeline.transformer) and not adapter_parameters(tiny_pipeline.transformer)


def test_stereo_in_inverted_polarity_is_learned_as_one_signal(tiny_pipeline, recording):
    audio, mask = recording
    cross_entropies = []
    for signal in (audio, np.stack([audio, -audio])):
        cross_entropies.append(tiny_pipeline.adapt(signal, mask, sampling_rate=RATE, max_steps=2).cross_entropy)
        tiny_pipeline.drop_adapter()
    assert cross_entropies[0] == cross_entropies[1]


def test_what_does_not_fit_is_refused(tiny_pipeline, recording, tmp_path):
    for arguments, message in (
        ({"max_seconds": -1}, "max_seconds must be at least 0"),
        ({"max_seconds": np.inf}, "finite without max_steps"),
        ({"max_steps": -1}, "max_steps must be an integer of at least 0 or None, got -1"),
    ):
        with pytest.raises(ValueError, match=message):
            tiny_pipeline.adapt(*recording, sampling_rate=RATE, **arguments)
    with pytest.raises(ValueError, match="expected one recording to adapt to, got 2"):
        tiny_pipeline.adapt(np.stack([recording[0][None]] * 2), recording[1], sampling_rate=RATE)
    for asked in (tiny_pipeline.drop_adapter, lambda: tiny_pipeline.save_adapter(tmp_path / "none")):
        with pytest.raises(ValueError, match="expected a model with an adapter, got one without"):
            asked()
    tiny_pipeline.adapt(*recording, sampling_rate=RATE, max_steps=1)
    tiny_pipeline.save_adapter(tmp_path / "adapter")
    for asked in (
        lambda: tiny_pipeline.adapt(*recording, sampling_rate=RATE, max_steps=1),
        lambda: tiny_pipeline.save_pretrained(tmp_path / "pipeline"),
        lambda: tiny_pipeline.load_adapter(tmp_path / "adapter"),
    ):
        with pytest.raises(ValueError, match="expected a model without an adapter"):
            asked()
    tiny_pipeline.drop_adapter()
    with pytest.raises(ValueError, match=r"expected an adapter's folder, with adapter_model.safetensors"):
        tiny_pipeline.load_adapter(tmp_path / "nowhere")
    with torch.no_grad():
        tiny_pipeline.transformer.head.bias[0] += 1
    with pytest.raises(ValueError, match="expected an adapter of this model, whose digest is"):
        tiny_pipeline.load_adapter(tmp_path / "adapter")
    assert not has_adapter(tiny_pipeline.transformer)
