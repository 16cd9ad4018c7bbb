"""Every example script: its help, and what training and tokenising make."""

import json
import re
import shutil
import sys

import numpy as np
import pytest
import soundfile as sf
import torch
from datasets import load_from_disk
from safetensors.torch import load_file
from scripts import EXAMPLES, SCRIPTS, assert_equal_weights, interrupted_copy, load, metrics, run, run_process, weights

import aidd
from aidd.models.wavtokenizer import encode, load_wavtokenizer
from aidd.training.codec.codec_record import codec_digest


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_tells_of_every_required_argument(script, monkeypatch, capsys):
    module = load(script)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", [f"{script}.py"])
    with pytest.raises(SystemExit, match="2"):
        module.parse_args()
    required = re.findall(r"--\w+", capsys.readouterr().err.split("required:")[1])
    monkeypatch.setattr(sys, "argv", [f"{script}.py", "--help"])
    with pytest.raises(SystemExit, match="0"):
        module.parse_args()
    help_text = capsys.readouterr().out
    assert SCRIPTS[script].relative_to(EXAMPLES.parent).as_posix() in help_text.split("options:")[0]
    for name in required:
        assert re.search(rf"^  {name} \w+( \[\w+ \.\.\.\])?\s+[A-Z].*\.", help_text, re.MULTILINE), name


@pytest.mark.parametrize("script", [name for name in SCRIPTS if name.startswith("train")])
def test_help_of_training_tells_what_every_option_is_and_its_default(script, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", [f"{script}.py", "--help"])
    with pytest.raises(SystemExit, match="0"):
        load(script).parse_args()
    _, *options = re.split(r"\n  (?=--)", capsys.readouterr().out.split("options:")[1])
    entries = {option.split()[0]: " ".join(option.split()) for option in options}
    assert all(entry.endswith((".", ")")) and " " in entry for entry in entries.values())
    for name in ("--seed", "--max_train_steps", "--train_batch_size", "--learning_rate", "--report_to"):
        assert name not in entries or re.search(r"\(default: \S+\)$", entries[name])


@pytest.mark.parametrize("script", ["train", "train_wavtokenizer"])
def test_training_asks_for_data(script, monkeypatch, capsys):
    module = load(script)
    for arguments in ([], ["--use_dummy_data", "--train_data_dir", "recordings"]):
        monkeypatch.setattr(sys, "argv", [f"{script}.py", "--output_dir", "outputs", *arguments])
        with pytest.raises(SystemExit, match="2"):
            module.parse_args()
        assert "either --train_data_dir or --use_dummy_data" in capsys.readouterr().err


def test_codec_training_has_two_phases(codec):
    """First everything but the codebook learns; from step 3 on, the encoder stands still and the codebook is there."""
    assert sorted(path.name for path in codec.glob("checkpoint-*")) == [f"checkpoint-{step}" for step in (2, 3, 4, 5)]
    steps = {step: weights(codec / f"checkpoint-{step}") for step in (2, 3, 4, 5)}

    def moved(step: int, part: str) -> bool:
        return any(not torch.equal(steps[step][k], v) for k, v in steps[step + 1].items() if k.startswith(part))

    assert [moved(step, "codec.encoder_model.encoder.") for step in (2, 3, 4)] == [True, False, False]
    assert [moved(step, "codec.backbone.") for step in (2, 3, 4)] == [True, True, True]
    inited = "codec.encoder_model.quantizer.codebook.inited"
    assert [steps[step][inited].item() for step in (2, 3, 4, 5)] == [0, 0, 1, 1]
    last = {name.removeprefix("codec."): tensor for name, tensor in steps[5].items()}
    result = weights(codec)
    assert result.keys() == last.keys() and all(torch.equal(result[name], tensor) for name, tensor in last.items())

    started, logged, validated = metrics(codec)
    assert started["step"] == 4 and 1 < started["train/codes_in_use"] <= 32
    assert logged["step"] == 5 and logged["train/mel"] > 0
    assert validated["step"] == 5 and validated["valid/mel"] > 0 and validated["valid/codes_in_use"] >= 1
    assert json.loads((codec / "training_arguments.json").read_text())["max_train_steps"] == 5


def test_codec_training_resumes_to_the_bit_across_the_start_of_the_codebook(codec, codec_arguments, tmp_path):
    folder = interrupted_copy(codec, tmp_path / "codec", step=2)
    script = EXAMPLES / "train_wavtokenizer.py"
    run_process(script, *codec_arguments, "--output_dir", folder, "--resume_from_checkpoint", "latest")
    assert_equal_weights(folder, codec)
    assert metrics(folder) == metrics(codec)


def test_tokens_are_those_of_the_codec(codec, tokens):
    model = load_wavtokenizer(codec)
    audio, _ = sf.read(codec / "dummy_data" / "tones.wav", dtype="float32")
    slow, normal = load_from_disk(str(tokens))
    assert (slow["recording"], slow["speed"], normal["speed"]) == ("tones.wav", 0.94, 1.0)
    # The recording is shorter than a block: no window cuts it.
    levelled = torch.from_numpy(audio * (10 ** (-3 / 20) / np.abs(audio).max()))
    with torch.no_grad():
        expected = encode(model, levelled[None, None])[0, 0]
    assert normal["audio_codes"] == expected.tolist()
    assert len(slow["audio_codes"]) == -(-round(len(audio) / 0.94) // 320)


def test_token_training_keeps_the_moving_average(transformer):
    model = aidd.DiTTokenModel.from_pretrained(transformer)
    assert model.config.max_position_embeddings == 40
    last, result = weights(transformer / "checkpoint-4"), weights(transformer)
    assert not torch.equal(last["embed_tokens.weight"], result["embed_tokens.weight"])
    assert not torch.equal(last["head.weight"], weights(transformer / "checkpoint-2")["head.weight"])
    logged, validated = metrics(transformer)
    assert logged["step"] == 4 and logged["train/loss"] > 0
    # Gaps as long as the window are not validated on.
    assert sorted(validated) == sorted(["step", *(f"valid/cross_entropy_gap_{gap}" for gap in (4, 15, 28))])
    # Hardly trained: about as good as a guess.
    assert validated["valid/cross_entropy_gap_28"] == pytest.approx(np.log(32), abs=0.1)


def test_token_training_resumes_to_the_bit(transformer, transformer_arguments, tmp_path):
    folder = interrupted_copy(transformer, tmp_path / "transformer", step=2)
    script = EXAMPLES / "train.py"
    run_process(script, *transformer_arguments, "--output_dir", folder, "--resume_from_checkpoint", "latest")
    assert_equal_weights(folder, transformer)
    assert metrics(folder) == metrics(transformer)


def test_token_training_tries_itself_out(work, tmp_path):
    """Without data, with SEDD's corruption, and with a tracker."""
    folder = tmp_path / "dummy"
    run_process(
        *(EXAMPLES / "train.py", "--use_dummy_data", "--config_path", work / "transformer.json"),
        *("--output_dir", folder, "--max_train_steps", 3, "--train_batch_size", 2, "--lr_warmup_steps", 0),
        *("--corruption", "independent", "--gap_probability", 0, "--max_gap", 30, "--report_to", "tensorboard"),
    )
    assert aidd.DiTTokenModel.from_pretrained(folder).config.codebook_size == 32
    assert list((folder / "logs").rglob("events.out.tfevents*"))


def test_the_pipeline_of_both_restores(codec, transformer, pipeline):
    stored = load_file(pipeline / "transformer" / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16}
    assert torch.equal(stored["head.weight"], weights(transformer)["head.weight"].bfloat16())
    pipe = aidd.AIDDPipeline.from_pretrained(pipeline)
    pipe.set_progress_bar_config(disable=True)
    audio, rate = sf.read(codec / "dummy_data" / "tones.wav")
    mask = np.zeros(len(audio), bool)
    mask[20_000:22_000] = True
    restored = pipe(audio, mask, sampling_rate=rate, generator=torch.Generator().manual_seed(0)).audios
    assert np.array_equal(restored[~mask], audio[~mask])
    assert np.isfinite(restored).all() and (restored[mask] != audio[mask]).mean() > 0.99


def refused_assembly(codec, transformer, folder, capsys) -> str:
    with pytest.raises(SystemExit, match="2"):
        run("assemble_pipeline", "--codec", codec, "--transformer", transformer, "--output_dir", folder)
    assert not folder.exists()
    return capsys.readouterr().err.splitlines()[-1]


def test_a_token_model_is_assembled_with_the_codec_of_its_tokens_alone(codec, transformer, pipeline, tmp_path, capsys):
    trained_with = json.loads((transformer / "training_arguments.json").read_text())["codec_digest"]
    model = load_wavtokenizer(codec)
    assert trained_with == codec_digest(model)
    # Its copy in bfloat16 is the same codec; another is one of as many codes.
    run(
        *("assemble_pipeline", "--codec", pipeline / "codec", "--transformer", transformer),
        *("--output_dir", tmp_path / "copy", "--scheduler", "TauLeapingScheduler"),
    )
    assert "Next: aidd inpaint DAMAGED REPAIRED --gap START END --model" in capsys.readouterr().out
    assert isinstance(aidd.AIDDPipeline.from_pretrained(tmp_path / "copy").scheduler, aidd.TauLeapingScheduler)
    model.encoder_model.quantizer.codebook.embed[0] += 1
    model.save_pretrained(tmp_path / "codec")
    told = refused_assembly(tmp_path / "codec", transformer, tmp_path / "pipeline", capsys)
    assert f"of another codec: expected digest {trained_with[:12]}, got {codec_digest(model)[:12]} of" in told
    # Whose tokens it knows is not told of converted weights.
    run(
        *("assemble_pipeline", "--codec", tmp_path / "codec", "--transformer", pipeline / "transformer"),
        *("--output_dir", tmp_path / "converted"),
    )
    assert aidd.AIDDPipeline.from_pretrained(tmp_path / "converted").codec.config.codebook_size == 32


def test_samplers_of_other_pipelines_are_not_offered(codec, transformer, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(
            *("assemble_pipeline", "--codec", codec, "--transformer", transformer),
            *("--output_dir", tmp_path / "pipeline", "--scheduler", "EDMHeunScheduler"),
        )
    told = capsys.readouterr().err
    assert "invalid choice: 'EDMHeunScheduler'" in told
    offered = set(re.findall(r"\w+Scheduler", told.partition("choose from")[2]))
    assert offered == {scheduler.__name__ for scheduler in aidd.MaskedDiscreteScheduler().compatibles}


def test_a_pipeline_is_not_assembled_into_another(codec, transformer, pipeline, capsys):
    before = (pipeline / "model_index.json").read_bytes()
    with pytest.raises(SystemExit, match="2"):
        run("assemble_pipeline", "--codec", codec, "--transformer", transformer, "--output_dir", pipeline)
    assert "holds a pipeline, whose card would describe other weights" in capsys.readouterr().err
    assert (pipeline / "model_index.json").read_bytes() == before


def test_codec_and_token_model_cannot_be_swapped(codec, transformer, tmp_path, capsys):
    told = refused_assembly(transformer, codec, tmp_path / "pipeline", capsys)
    assert told == (
        f"assemble_pipeline.py: error: {transformer} is a DiTTokenModel (model_type aidd_dit_token), "
        "expected a WavTokenizer (model_type wavtokenizer), a MelTokenizerModel (model_type aidd_mel_tokenizer), a "
        "BandTokenizerModel (model_type aidd_band_tokenizer), an XCodec2 (model_type xcodec2) or a NeuCodec "
        "(model_type neucodec)"
    )


def test_tokens_of_two_codecs_are_not_trained_on_together(work, tokens, tmp_path, capsys, monkeypatch):
    shutil.copytree(tokens, tmp_path / "tokens")
    path = tmp_path / "tokens" / "parts" / "settings.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"codec_digest": "0" * 64}))
    command = ["train.py", "--train_data_dir", tokens, "--validation_data_dir", tmp_path / "tokens"]
    command += ["--config_path", work / "transformer.json", "--output_dir", tmp_path / "run", "--max_train_steps", 1]
    monkeypatch.setattr(sys, "argv", [*map(str, command)])
    with pytest.raises(SystemExit, match="2"):
        load("train").main()
    assert "train.py: error: expected tokens of one codec, got those of 2: " in capsys.readouterr().err
