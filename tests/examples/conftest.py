"""Each run's output is the next one's input."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from scripts import CODEC_CONFIG, EXAMPLES, TRANSFORMER_CONFIG, launch, run, run_process, write_protocol, write_tones


@pytest.fixture(scope="session")
def work(tmp_path_factory) -> Path:
    """A folder with the configurations and one recording of 6 s."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "codec.json").write_text(json.dumps(CODEC_CONFIG))
    (folder / "transformer.json").write_text(json.dumps(TRANSFORMER_CONFIG))
    write_tones(folder / "recordings" / "long.wav", 6.0)
    return folder


@pytest.fixture(scope="session")
def codec_arguments(work) -> list:
    return [
        *("--use_dummy_data", "--validation_data_dir", work / "recordings", "--config_path", work / "codec.json"),
        *("--max_train_steps", 5, "--codebook_start_step", 3, "--codebook_start_segments", 2),
        *("--train_batch_size", 2, "--lr_warmup_steps", 1, "--validation_steps", 5),
        *("--checkpointing_steps", 1, "--checkpoints_total_limit", 4),
    ]


@pytest.fixture(scope="session")
def codec(work, codec_arguments) -> Path:
    run_process(EXAMPLES / "train_wavtokenizer.py", *codec_arguments, "--output_dir", work / "codec")
    return work / "codec"


@pytest.fixture(scope="session")
def tokens(work, codec) -> Path:
    folder = work / "tokens"
    run(
        *("tokenize_dataset", "--model", codec, "--audio_dir", codec / "dummy_data", "--output_dir", folder),
        *("--speeds", 0.94, 1, "--device", "cpu"),
    )
    return folder


@pytest.fixture(scope="session")
def transformer_arguments(work, tokens) -> list:
    return [
        *("--train_data_dir", tokens, "--validation_data_dir", tokens, "--config_path", work / "transformer.json"),
        *("--max_train_steps", 4, "--train_batch_size", 2, "--gradient_accumulation_steps", 2, "--max_gap", 30),
        *("--lr_warmup_steps", 1, "--validation_steps", 4, "--checkpointing_steps", 2),
    ]


@pytest.fixture(scope="session")
def transformer(work, transformer_arguments) -> Path:
    run_process(EXAMPLES / "train.py", *transformer_arguments, "--output_dir", work / "transformer")
    return work / "transformer"


@pytest.fixture(scope="session")
def pipeline(work, codec, transformer) -> Path:
    folder = work / "pipeline"
    run(
        *("assemble_pipeline", "--codec", codec, "--transformer", transformer, "--output_dir", folder),
        *("--dtype", "bfloat16"),
    )
    return folder


@pytest.fixture(scope="session")
def evaluation(work, pipeline) -> Path:
    for name, seconds in {"long": 6.0, "short": 3.0}.items():
        write_tones(work / "mixed" / f"{name}.wav", seconds)
    sf.write(work / "mixed" / "silent.wav", np.zeros(6 * 24_000), 24_000)
    folder = work / "evaluation"
    launch(
        *("evaluate", "--protocol", write_protocol(work / "one.json"), "--data", work / "mixed"),
        *("--output", folder, "--model", pipeline),
    )
    return folder
