import copy
import logging
import math

import pytest
import torch
from transformers import AutoConfig, AutoModel

from aidd.models.dit_token import DiTTokenConfig, DiTTokenModel
from aidd.models.dit_token.modeling_dit_token import apply_rotary, rotary_tables, sigma_embedding


CODES = 20


def tiny_config(**changes):
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    return DiTTokenConfig(**{"codebook_size": CODES, "conditioning_size": 8, **sizes, **changes})


CONFIGS = {
    "log_probs": tiny_config(),
    "log_probs_of_sigma": tiny_config(time_conditioning=True),
    "score": tiny_config(parameterization="score", time_conditioning=True),
}


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def perturbed(config, generator):
    """A model with no weight at its initial 0 or 1, without dropout."""
    # From the global generator: without a seed, rounding would be another in every run.
    torch.manual_seed(0)
    model = DiTTokenModel(copy.deepcopy(config)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.fixture(params=CONFIGS)
def model(request, generator):
    return perturbed(CONFIGS[request.param], generator)


def draw_inputs(model, generator, batch_size=3, num_tokens=11):
    """Codes without the last one, which stands for the mask in score models, half of them missing."""
    inputs = {
        "input_ids": torch.randint(CODES - 1, (batch_size, num_tokens), generator=generator),
        "missing": torch.rand(batch_size, num_tokens, generator=generator) < 0.5,
    }
    if model.config.time_conditioning:
        inputs["sigma"] = 3 * torch.rand(batch_size, generator=generator)
    return inputs


# --- What the prediction depends on ----------------------------------------------------------------------------------


@torch.no_grad()
def test_what_stands_at_missing_tokens_is_not_read(model, generator):
    inputs = draw_inputs(model, generator)
    expected = model(**inputs).log_probs
    for filler in (0, CODES - 1, -100, 10**9):
        input_ids = inputs["input_ids"].masked_fill(inputs["missing"], filler)
        assert torch.equal(model(**inputs | {"input_ids": input_ids}).log_probs, expected)


@torch.no_grad()
def test_visible_tokens_position_sigma_and_the_mask_matter(model, generator):
    inputs = draw_inputs(model, generator)
    inputs["missing"][:, :2] = torch.tensor([False, True])
    expected = model(**inputs).log_probs[:, 1]

    def changed(**changes):
        finite = expected.isfinite()
        return (model(**inputs | changes).log_probs[:, 1] - expected)[finite].abs().max() > 1e-3

    input_ids = inputs["input_ids"].clone()
    input_ids[:, 0] = (input_ids[:, 0] + 1) % (CODES - 1)
    assert changed(input_ids=input_ids)
    assert changed(missing=torch.ones_like(inputs["missing"]))
    assert changed(input_ids=inputs["input_ids"].roll(1, 1), missing=inputs["missing"].roll(1, 1))
    if model.config.time_conditioning:
        assert changed(sigma=inputs["sigma"] + 0.5)


@torch.no_grad()
def test_padding_changes_nothing(model, generator):
    inputs = draw_inputs(model, generator)
    expected = model(**inputs).log_probs
    attention_mask = torch.arange(16).expand(3, 16) < 11
    padding = torch.randint(CODES - 1, (3, 5), generator=generator)
    padded = {
        "input_ids": torch.cat([inputs["input_ids"], padding], 1),
        "missing": torch.cat([inputs["missing"], torch.zeros(3, 5, dtype=torch.bool)], 1),
    }
    output = model(**inputs | padded, attention_mask=attention_mask).log_probs[:, :11]
    torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-5)
    unmasked = model(**inputs | padded).log_probs[:, :11]
    assert (unmasked - expected)[expected.isfinite()].abs().max() > 1e-3


@torch.no_grad()
def test_items_of_a_batch_do_not_mix(model, generator):
    inputs = draw_inputs(model, generator)
    together = model(**inputs).log_probs
    for row in range(3):
        alone = model(**{name: tensor[row : row + 1] for name, tensor in inputs.items()}).log_probs
        torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("positions", [[2, 3, 7], [10, 0, 4, 4], list(range(11)), []])
def test_a_position_is_predicted_alone_as_among_all(model, generator, positions):
    inputs = draw_inputs(model, generator)
    inputs["attention_mask"] = torch.arange(11).expand(3, 11) < torch.tensor([[11], [7], [1]])
    expected = model(**inputs).log_probs[:, positions]
    log_probs = model(**inputs, positions=torch.tensor(positions, dtype=torch.int64)).log_probs
    torch.testing.assert_close(log_probs, expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_tokens_of_a_mask_are_predicted_alone_as_among_all(model, generator, share):
    inputs = draw_inputs(model, generator)
    asked = torch.rand(3, 11, generator=generator) < share
    log_probs = model(**inputs, positions=asked).log_probs
    assert log_probs.shape == (asked.sum(), CODES)
    torch.testing.assert_close(log_probs, model(**inputs).log_probs[asked], rtol=1e-5, atol=1e-5)


def test_the_head_is_computed_at_tokens_of_a_mask_alone(model, generator):
    shapes = []
    model.head.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape)))
    asked = torch.zeros(3, 11, dtype=torch.bool)
    asked[0, 2:5] = asked[2, 7] = True
    model(**draw_inputs(model, generator), positions=asked)
    assert shapes == [(4, CODES)]


def test_positions_that_are_not_asked_for_are_not_computed(model, generator):
    shapes = []
    for module in (model.head, model.layers[-1].fc1, model.layers[0].fc1):
        module.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape[:2])))
    model(**draw_inputs(model, generator), positions=torch.tensor([2, 5]))
    assert shapes == [(3, 11), (3, 2), (3, 2)]


# --- The probabilities -----------------------------------------------------------------------------------------------


@torch.no_grad()
def test_new_model_is_uniform(generator):
    for name, config in CONFIGS.items():
        model = DiTTokenModel(config).eval()
        inputs = draw_inputs(model, generator)
        num_generated = CODES - (name == "score")
        log_probs = model(**inputs).log_probs[..., :num_generated]
        assert model.embed_tokens.weight.std() > 0.01
        torch.testing.assert_close(log_probs, torch.full_like(log_probs, -math.log(num_generated)))


@torch.no_grad()
@pytest.mark.parametrize("name", ["log_probs", "log_probs_of_sigma"])
def test_log_probs_are_normalised_and_in_float32(name, generator):
    model = perturbed(CONFIGS[name], generator)
    for dtype in (torch.float32, torch.bfloat16):
        log_probs = model.to(dtype)(**draw_inputs(model, generator)).log_probs
        assert log_probs.dtype == torch.float32
        assert log_probs.std(-1).min() > 0.1
        torch.testing.assert_close(log_probs.logsumexp(-1), torch.zeros(3, 11), rtol=0, atol=1e-5)


@torch.no_grad()
def test_score_models_never_generate_the_code_that_stands_for_the_mask(generator):
    model = perturbed(CONFIGS["score"], generator)
    log_probs = model(**draw_inputs(model, generator)).log_probs
    assert (log_probs[..., -1] == -torch.inf).all()
    assert log_probs[..., :-1].isfinite().all()


def test_mask_ids():
    assert (CONFIGS["log_probs"].mask_token_id, CONFIGS["log_probs"].vocab_size) == (CODES, CODES + 1)
    assert (CONFIGS["score"].mask_token_id, CONFIGS["score"].vocab_size) == (CODES - 1, CODES)


def test_visible_code_of_the_mask_is_reported_once(generator, caplog, monkeypatch):
    model = perturbed(CONFIGS["score"], generator)
    # transformers' loggers do not propagate, so that caplog would see nothing.
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    from aidd.models.dit_token.modeling_dit_token import logger

    logger.warning_once.cache_clear()
    inputs = draw_inputs(model, generator)
    inputs["missing"][:, :2] = torch.tensor([True, False])

    def warnings(column):
        input_ids = inputs["input_ids"].clone()
        input_ids[:, column] = CODES - 1
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            model(**inputs | {"input_ids": input_ids})
        return [record.message for record in caplog.records if "stands for the mask" in record.message]

    assert warnings(column=0) == []
    assert len(warnings(column=1)) == 1
    assert warnings(column=1) == []


# --- Attention and positions -----------------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("padded", [False, True])
def test_attention_written_out_equals_sdpa(model, generator, padded):
    inputs = draw_inputs(model, generator)
    if padded:
        inputs["attention_mask"] = torch.arange(11).expand(3, 11) < torch.tensor([[11], [7], [1]])
    written_out = AutoModel.from_config(copy.deepcopy(model.config), attn_implementation="eager").eval()
    written_out.load_state_dict(model.state_dict())
    assert (model.config._attn_implementation, written_out.config._attn_implementation) == ("sdpa", "eager")
    torch.testing.assert_close(written_out(**inputs).log_probs, model(**inputs).log_probs, rtol=1e-4, atol=1e-5)


def test_attention_scores_depend_on_distance_alone(generator):
    query, key = torch.randn(2, 1, 1, 9, 16, generator=generator, dtype=torch.float64)

    def scores(shift):
        cos, sin = (table[shift : shift + 9].double() for table in rotary_tables(60, 16, 10_000.0, "cpu"))
        return apply_rotary(query, cos, sin) @ apply_rotary(key, cos, sin).transpose(-1, -2)

    torch.testing.assert_close(scores(50), scores(0), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(scores(0), query @ key.transpose(-1, -2), atol=0.1)


def test_rotary_positions_turn_and_start_at_no_turn(generator):
    states = torch.randn(2, 3, 9, 16, generator=generator)
    turned = apply_rotary(states, *rotary_tables(9, 16, 10_000.0, "cpu"))
    torch.testing.assert_close(turned.norm(dim=-1), states.norm(dim=-1))
    torch.testing.assert_close(turned[:, :, 0], states[:, :, 0])


def test_sigma_embedding_tells_noise_levels_apart():
    embedding = sigma_embedding(torch.tensor([0.0, 1e-3, 0.7, 6.9]))
    assert embedding.shape == (4, 256)
    torch.testing.assert_close(embedding.norm(dim=-1), torch.full((4,), math.sqrt(128)))
    torch.testing.assert_close(embedding[0], torch.cat([torch.ones(128), torch.zeros(128)]))
    assert torch.cdist(embedding, embedding)[~torch.eye(4, dtype=torch.bool)].min() > 1e-3


# --- Training --------------------------------------------------------------------------------------------------------


def test_checkpointing_gives_the_same_gradients(model, generator):
    inputs = draw_inputs(model, generator)

    def gradients():
        model.zero_grad()
        torch.manual_seed(0)
        model(**inputs).log_probs[inputs["missing"]][:, : CODES - 1].square().sum().backward()
        return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}

    # Training mode, so that dropout has to be replayed.
    model.train()
    expected = gradients()
    model.activation_checkpointing_enable()
    assert all(layer.gradient_checkpointing for layer in model.layers)
    for name, gradient in gradients().items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5)
    assert expected["embed_tokens.weight"].abs().max() > 0


def test_every_parameter_is_trained(model, generator):
    inputs = draw_inputs(model, generator)
    model(**inputs).log_probs[..., : CODES - 1].square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


def test_dropout_acts_in_training_alone(model, generator):
    inputs = draw_inputs(model, generator)
    with torch.no_grad():
        assert torch.equal(model(**inputs).log_probs, model(**inputs).log_probs)
        model.train()
        assert not torch.equal(model(**inputs).log_probs, model(**inputs).log_probs)


# --- Saving and loading ----------------------------------------------------------------------------------------------


@torch.no_grad()
def test_saved_model_is_the_same_through_auto_classes_and_when_saved_again(model, generator, tmp_path):
    inputs = draw_inputs(model, generator)
    model.save_pretrained(tmp_path / "once")
    config = AutoConfig.from_pretrained(tmp_path / "once")
    assert config.parameterization == model.config.parameterization
    loaded = AutoModel.from_pretrained(tmp_path / "once").eval()
    assert isinstance(loaded, DiTTokenModel)
    # Loaded tensors may lie at other alignments in memory, and are then summed in another order.
    torch.testing.assert_close(loaded(**inputs).log_probs, model(**inputs).log_probs, rtol=1e-4, atol=1e-5)
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name])
    loaded.save_pretrained(tmp_path / "twice")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "twice" / name).read_bytes()


@torch.no_grad()
def test_bfloat16_stays_near_float32(model, generator, tmp_path):
    inputs = draw_inputs(model, generator)
    model.save_pretrained(tmp_path)
    loaded = DiTTokenModel.from_pretrained(tmp_path, dtype=torch.bfloat16).eval()
    expected, rounded = model(**inputs).log_probs, loaded(**inputs).log_probs
    assert rounded.dtype == torch.float32
    finite = expected.isfinite()
    assert (rounded - expected)[finite].abs().mean() < 0.1 * expected[finite].std()


# --- What is refused -------------------------------------------------------------------------------------------------


def test_sigma_is_required_or_refused(model, generator):
    inputs = draw_inputs(model, generator)
    if model.config.time_conditioning:
        for sigma in (None, torch.tensor(0.5), torch.full((2,), 0.5), torch.full((3, 1), 0.5)):
            with pytest.raises(ValueError, match=r"needs sigma of shape \(3,\)"):
                model(**inputs | {"sigma": sigma})
    else:
        with pytest.raises(ValueError, match="time-free"):
            model(**inputs, sigma=torch.full((3,), 0.5))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_ids": torch.zeros(4).long()}, "input_ids must have shape"),
        ({"input_ids": torch.zeros(1, 0).long()}, "input_ids must have shape"),
        ({"input_ids": torch.zeros(0, 4).long()}, "input_ids must have shape"),
        ({"input_ids": torch.tensor([[0, 1, 2, CODES]])}, r"in \[0, 20\), got values from 0 to 20"),
        ({"input_ids": torch.tensor([[0, -1, 2, 3]])}, r"in \[0, 20\), got values from -1 to 3"),
        ({"missing": torch.zeros(1, 4)}, "missing must be bool of input_ids' shape"),
        ({"missing": torch.zeros(1, 3, dtype=torch.bool)}, r"got torch.bool of \(1, 3\)"),
        (
            {"positions": torch.zeros(1, 2).long()},
            r"positions must be int64 of shape \(num_positions,\) or bool of shape \(1, 4\), got .*\(1, 2\)",
        ),
        ({"positions": torch.ones(4, dtype=torch.bool)}, "got torch.bool"),
    ],
)
def test_wrong_inputs_are_refused(changes, message):
    model = DiTTokenModel(tiny_config())
    inputs = {"input_ids": torch.zeros(1, 4).long(), "missing": torch.zeros(1, 4, dtype=torch.bool)}
    with pytest.raises(ValueError, match=message):
        model(**inputs | changes)


def test_wrong_configurations_are_refused():
    for changes, message in (
        ({"hidden_size": 30}, "multiple of twice num_attention_heads"),
        ({"parameterization": "score"}, "needs time_conditioning=True"),
        ({"parameterization": "epsilon"}, "parameterization"),
    ):
        with pytest.raises(Exception, match=message):
            tiny_config(**changes)
