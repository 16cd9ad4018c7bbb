"""Evaluation, studies and the card."""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from huggingface_hub import ModelCard
from safetensors.torch import load_file, save_file
from scripts import EXAMPLES, metrics, run, run_process, run_two_processes, write_tones
from snippets import blocks

import aidd
from aidd.evaluation.methods.names import AIDD_METHODS, ANCHORS, CELL_METHODS, PROTOCOLS
from aidd.schedulers import repaint


TUTORIAL = EXAMPLES.parent / "docs" / "tutorials" / "publish.md"
RULES = ("by edges", "by agreement", "by likelihood")
RULES += ("the best, knowing the answer", "the worst, knowing the answer")
PROTOCOL_OPTIONS = {"tf_gaps": "--gap_protocol", "tf_masks": "--mask_protocol", "tf_presets": "--preset_protocol"}


def test_evaluation_has_a_row_an_item_and_method(evaluation):
    rows = pd.read_parquet(evaluation / "items.parquet")
    # Recordings that are short or silent have no segment.
    assert set(rows["recording"]) == {"mixed/long.wav"}
    has_model = rows["method"].isin(AIDD_METHODS)
    assert set(rows["model"][has_model]) == {"pipeline"} and rows["model"][~has_model].isna().all()
    assert list(rows["method"]) == 2 * list(ANCHORS) and set(rows["param_gap_seconds"]) == {0.05, 0.1}
    # The one segment lies in the middle.
    assert set(rows["start"]) == {(6 * 24_000 - round(4.17 * 24_000)) // 2}
    masked = rows[rows["method"] == "masked"]
    assert (masked["snr"] == 0).all() and (masked["level_error"] == -np.inf).all()
    # Only the gap differs (and little around it), so its share of the frames tells the distance over all of them.
    assert (rows["lsd"] > 0).all() and (rows["lsd"] < 0.1 * rows["lsd_gap"]).all()
    summary = (evaluation / "summary.md").read_text()
    distance = rows[(rows["method"] == "linear") & (rows["param_gap_seconds"] == 0.05)]["lsd"].item()
    assert f"| linear | {distance:.3f} | " in summary and summary.count("| --- | --- | --- |") == 2
    assert {"manifest.jsonl", "embeddings.parquet", "results.md", "index.html", "blind.html"} <= {
        path.name for path in evaluation.iterdir()
    }


def test_two_processes_find_what_one_does(work, pipeline, evaluation, tmp_path):
    arguments = ("--data", work / "mixed", "--output", tmp_path, "--model", pipeline)
    run_two_processes(
        *(EXAMPLES / "evaluate.py", "--protocol", evaluation / "manifest.jsonl", *arguments),
        *("--method", "linear", "--method", "aidd"),
    )
    rows, expected = (pd.read_parquet(folder / "items.parquet") for folder in (tmp_path, evaluation))
    assert len(list(tmp_path.glob("rows-*.jsonl"))) == 2
    expected = expected[expected["method"].isin(["linear", "aidd"])].reset_index(drop=True)
    assert set(rows["method"]) == {"linear", "aidd"}
    for name in ("item", "method", "lsd", "snr", "chroma_agreement"):
        assert rows[name].equals(expected[name]), name


def test_the_codec_is_measured_beside_a_known_loss(pipeline, tmp_path):
    noise = 0.1 * np.random.default_rng(0).normal(size=5 * 24_000)
    (tmp_path / "recordings").mkdir()
    sf.write(tmp_path / "recordings" / "a.wav", noise, 24_000)
    run(
        *("evaluate_codec", "--data_dir", tmp_path / "recordings", "--output_file", tmp_path / "codec.md"),
        *("--model", pipeline, "--segments_per_recording", 1),
    )
    text = (tmp_path / "codec.md").read_text()
    lines = [line.split(" | ") for line in text.splitlines()[2:4]]
    assert [line[0] for line in lines] == ["| round trip", "| low-passed at 6000 Hz"]
    # Half the band of white noise is lost: 5 of its 10 and more orders of magnitude down to the floor.
    assert 2 < float(lines[1][1].split()[0]) < 6
    codes, size = map(int, re.search(r"Codes in use: (\d+) of (\d+)", text).groups())
    assert 1 <= codes <= size == 32
    shares = [float(cell.split()[0]) for cell in re.search(r"\| share \| (.+) \|", text).group(1).split(" | ")]
    assert len(shares) == 4 and all(0 <= share <= 1 for share in shares)
    in_tune = [float(cell) for cell in re.search(r"\| power in tune \| (.+) \|", text).group(1).split(" | ")]
    assert f"{sum(share >= 0.7 for share in in_tune)} of 10 tones" in text


def test_the_ablation_has_a_line_a_recipe(work, tokens, transformer_arguments, pipeline, tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.json").write_text("{}")
        for seed in (0, 1):
            run_process(
                *(EXAMPLES / "train.py", *transformer_arguments, "--output_dir", tmp_path / f"{name}-{seed}"),
                *("--arguments_path", tmp_path / f"{name}.json", "--seed", seed, "--max_train_steps", 1),
            )
    run(
        *("study_ablation", "--runs", *(tmp_path / f"{name}-{seed}" for name in ("one", "two") for seed in (0, 1))),
        *("--validation_data_dir", tokens, "--data_dir", work / "recordings", "--model", pipeline),
        *("--output_file", tmp_path / "study.md", "--gap_tokens", 4, "--gap_ms", 50),
        *("--windows_per_recording", 2, "--segments_per_recording", 1),
    )
    lines = (tmp_path / "study.md").read_text().splitlines()
    assert lines[0] == "| recipe | CE, 4 tokens | LSD in gap, 50 ms |"
    assert [line.split(" | ")[0] for line in lines[2:4]] == ["| one", "| two"]
    # Alike but for their names.
    assert lines[-1] == "| two | 0.000 [0.000, 0.000] ± 0.000 | 0.000 [0.000, 0.000] ± 0.000 |"


def test_the_study_of_short_gaps_has_a_line_a_gap_and_method(work, tmp_path):
    run(
        *("study_auto", "--data_dir", work / "recordings", "--output_file", tmp_path / "study.md"),
        *("--gap_ms", 1, 5, "--segments_per_recording", 1),
    )
    lines = (tmp_path / "study.md").read_text().splitlines()
    methods = ("janssen", "autoregressive", "aidd")
    rows, differences = ([line.split(" | ") for line in lines[part]] for part in (slice(4, 10), slice(-4, None)))
    assert [row[:3] for row in rows] == [[f"| {gap}", name, "1"] for gap in (1, 5) for name in methods]
    assert [row[:2] for row in differences] == [[f"| {gap}", name] for gap in (1, 5) for name in methods[1:]]


def test_the_study_of_guided_sampling_knows_its_own_error_from_that_of_guidance(tmp_path):
    run(
        *("study_edm_oracle", "--output_file", tmp_path / "study.md", "--num_signals", 2, "--num_draws", 1000),
        *("--guidance_scales", 0, 1),
    )
    lines = [line.strip("| ").split(" | ") for line in (tmp_path / "study.md").read_text().splitlines()[4:]]
    rows = {tuple(line[:2]): [float(cell.split(" ")[0]) for cell in line[3:]] for line in lines}
    samplers = ("EDMHeunScheduler", "EDMAncestralScheduler")
    assert list(rows) == [
        ("the posterior itself", ""),
        *((name, told) for name in samplers for told in ("exact", "0", "1")),
    ]
    for told in (rows["the posterior itself", ""], rows["EDMHeunScheduler", "exact"]):
        assert told[0] < 0.1 and told[1] == pytest.approx(1, abs=0.1) and told[2] < 0.15
    for name in samplers:
        exact, without, guided = (rows[name, told] for told in ("exact", "0", "1"))
        assert exact[0] < without[0] and exact[2] < without[2]
        assert 1 < guided[1] < without[1] and guided[2] < without[2]


def test_the_study_of_detection_has_a_line_a_kind(work, tmp_path):
    run(
        *("study_detection", "--data_dir", work / "recordings", "--output_file", tmp_path / "study.md"),
        *("--segments_per_recording", 1, "--percussion", 1, "--instrument", "tom", "--click", "flat, 0.45 ms"),
    )
    lines = (tmp_path / "study.md").read_text().splitlines()
    assert "| false alarms a minute, sensitivity | 0.1 | 0.3 | 1 | 3 | 10 |" in lines
    rows = {line.split(" | ")[0]: line.split(" | ")[1:] for line in lines if line.startswith("| ")}
    assert float(rows["| tom: clicks"][0]) == 0 and len(rows["| music: clicks"]) == 5
    assert int(rows["| flat, 0.45 ms"][0]) > 0


def test_the_study_of_clicks_has_a_line_a_kind_and_program_and_changes_nothing_else(work, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    run(
        *("study_clicks", "--data_dir", work / "recordings", "--output_file", tmp_path / "study.md"),
        *("--click", "burst of noise", "--method", "linear", "u_phain"),
    )
    lines = [line.strip("| ").split(" | ") for line in (tmp_path / "study.md").read_text().splitlines()]
    rows = {line[1]: [float(cell.split(" ")[0]) for cell in line[3:]] for line in lines if line[0] == "burst of noise"}
    assert list(rows) == ["as damaged", "aidd, linear", "aidd, u_phain"]
    # Nothing but what was found is changed, and little else is found.
    assert rows["as damaged"][3] == 0 and rows["aidd, linear"][3] == rows["aidd, u_phain"][3] < 0.1
    assert rows["as damaged"][0] < rows["aidd, u_phain"][0] and rows["as damaged"][1] < rows["aidd, u_phain"][1]
    assert ["ffmpeg is not installed here, so its filter is not in the table."] in lines


def test_the_study_of_methods_for_short_gaps_has_a_line_a_gap_and_method(work, tmp_path):
    methods = ("autoregressive", "u_phain", "b_phain", "u_phain, as published")
    run(
        *("study_short_gaps", "--data_dir", work / "recordings", "--output_file", tmp_path / "study.md"),
        *("--gap_ms", 5, 10, "--method", *methods),
    )
    lines = (tmp_path / "study.md").read_text().splitlines()[4:]
    heads = [line.split(" | ")[:3] for line in lines]
    assert heads == [[f"| {gap}", name, "1"] for gap in (5, 10) for name in methods]


def test_the_study_of_the_splice_has_a_line_a_gap_and_law(pipeline, tmp_path):
    (tmp_path / "recordings").mkdir()
    noise = 0.1 * np.random.default_rng(0).normal(size=5 * 24_000)
    sf.write(tmp_path / "recordings" / "a.wav", noise, 24_000)
    run(
        *("study_splice", "--data_dir", tmp_path / "recordings", "--output_file", tmp_path / "study.md"),
        *("--model", pipeline, "--gap_ms", 60, "--reach_ms", 10, "--segments_per_recording", 1),
    )
    lines = (tmp_path / "study.md").read_text().splitlines()[4:]
    laws = ("fade, reach 10 ms", "P, reach 10 ms", "P^2, reach 10 ms", "continuation")
    assert [line.split(" | ")[:4] for line in lines] == [["| 60", "2", law, "1"] for law in laws]
    assert len({line.split(" | ", 4)[4] for line in lines}) == len(laws)


def test_the_study_of_codes_beside_a_gap_has_a_line_a_gap_and_fill(pipeline, tmp_path):
    (tmp_path / "recordings").mkdir()
    noise = 0.1 * np.random.default_rng(0).normal(size=5 * 24_000)
    sf.write(tmp_path / "recordings" / "a.wav", noise, 24_000)
    run(
        *("study_prefill", "--data_dir", tmp_path / "recordings", "--output_file", tmp_path / "study.md"),
        *("--model", pipeline, "--gap_ms", 100, "--windows_per_recording", 2),
    )
    lines = [line.split(" | ") for line in (tmp_path / "study.md").read_text().splitlines()[4:]]
    assert [line[:3] for line in lines] == [["| 100", fill, "2"] for fill in ("zeros", "line", "continuation")]
    assert all(0 <= float(share.strip("| ")) <= 1 for line in lines for share in line[3:])


def test_the_study_of_fine_structure_has_a_line_a_gap_filling_and_amount(pipeline, tmp_path):
    (tmp_path / "recordings").mkdir()
    noise = 0.1 * np.random.default_rng(0).normal(size=6 * 24_000)
    sf.write(tmp_path / "recordings" / "a.wav", noise, 24_000)
    run(
        *("study_fine_structure", "--data_dir", tmp_path / "recordings", "--output_file", tmp_path / "study.md"),
        *("--model", pipeline, "--gap_ms", 100, "--amounts", 0, 1, "--segments_per_recording", 3),
    )
    lines = (tmp_path / "study.md").read_text().splitlines()[4:]
    runs = ["aidd | 0", "aidd | 1", "codec | 0", "codec | 1", "envelope_noise | "]
    assert [line.rsplit(" | ", 6)[0] for line in lines] == [f"| 100 | {run}" for run in runs]
    assert len({line.split(" | ", 4)[4] for line in lines}) == len(runs)


def test_the_study_of_sampling_has_a_line_a_setting_and_rule_and_goes_on_where_it_stood(pipeline, tmp_path):
    (tmp_path / "recordings").mkdir()
    for name in ("a", "b"):
        noise = 0.1 * np.random.default_rng(ord(name)).normal(size=6 * 24_000)
        sf.write(tmp_path / "recordings" / f"{name}.wav", noise, 24_000)
    settings = ["default", "temperature 1", "reach 40 ms"]
    command = (
        *("study_sampling", "--data_dir", tmp_path / "recordings", "--output_dir", tmp_path / "study"),
        *("--model", pipeline, "--gap_ms", 100, "--num_draws", 3, "--settings", *settings),
    )
    run(*command)
    table = (tmp_path / "study" / "table.md").read_text()
    chosen = [f"{setting}, {rule}" for setting in settings[:2] for rule in RULES]
    assert {line.split(" | ")[1] for line in table.splitlines()[4:]} == {
        *("envelope_noise", "codec", *settings, *chosen)
    }
    journal = tmp_path / "study" / "rows-0.jsonl"
    rows = pd.read_json(journal, lines=True)
    of_one = rows[(rows["recording"] == "a") & (rows["setting"] == "temperature 1")]
    assert len(of_one) == 3 and of_one["log_mel"].nunique() == 3
    best = rows[rows["setting"] == "temperature 1"].groupby("recording")["log_mel"].min().mean()
    assert f"| 100 | temperature 1, the best, knowing the answer | 2 | {best:.2f} |" in table
    written = journal.read_bytes()
    run(*command)
    assert journal.read_bytes() == written


def test_the_study_of_stereo_measures_what_the_channels_were_like(pipeline, tmp_path):
    rng = np.random.default_rng(0)
    shared, own = rng.normal(size=5 * 32_000), rng.normal(size=5 * 32_000)
    (tmp_path / "recordings").mkdir()
    sf.write(tmp_path / "recordings" / "a.wav", 0.05 * np.stack([shared, 0.5 * (shared + own)], 1), 32_000)
    run(
        *("study_stereo", "--data_dir", tmp_path / "recordings", "--output_file", tmp_path / "study.md"),
        *("--model", pipeline, "--gap_ms", 100, "--gaps_per_recording", 1),
    )
    lines = (tmp_path / "study.md").read_text().splitlines()
    assert [line.split(" | ")[:3] for line in lines[4:6]] == [
        ["| 100", name, "1"] for name in ("original", "restored")
    ]
    for line in lines[4:6]:
        level, correlation = (float(line.split(" | ")[column].split(", ")[0]) for column in (3, 5))
        # A model of random weights is no noise.
        assert abs(level) < 1 and abs(correlation) < 0.3
    distances = [float(line.split(" | ")[4]) for line in lines[9:11]]
    assert 0 < distances[0] < distances[1]


def test_the_study_of_geometry_is_one_command_and_goes_on_where_it_stood(
    pipeline, tiny_spectrogram_pipeline, tmp_path, monkeypatch
):
    pytest.importorskip("matplotlib")
    # As few steps as make a difference.
    preset = repaint.RePaintPreset(num_inference_steps=3, jump_length=1, num_resamplings=2)
    monkeypatch.setattr(repaint, "PRESETS", {"fast": preset})
    noise = 0.1 * np.random.default_rng(0).normal(size=24_000)
    (tmp_path / "music").mkdir()
    sf.write(tmp_path / "music" / "a.wav", noise, 24_000)
    # Gaps of 0.4 s are too long for windows of 32 frames, of which half may be missing.
    tiny_spectrogram_pipeline(1022, 511, 32).save_pretrained(tmp_path / "spectrogram")
    conditions = {
        "tf_gaps": [{"geometry": "centred_gap", "gap_seconds": [0.03, 0.4]}],
        "tf_masks": [
            {"geometry": "centred_box", "gap_seconds": 0.03, "lowest_hertz": 200, "height_hertz": [300, 1000]}
        ],
        "tf_presets": [{"geometry": "centred_gap", "gap_seconds": 0.03}],
    }
    for name, written in conditions.items():
        protocol = json.loads((PROTOCOLS / f"{name}.json").read_text())
        protocol |= {"segment_seconds": 0.8, "conditions": written}
        if protocol["segments"]:
            protocol["segments"] = 1
        (tmp_path / f"{name}.json").write_text(json.dumps(protocol))
    report = tmp_path / "report"
    report.mkdir()
    (report / "description.md").write_text("# What it does\n")
    arguments = [
        *("study_geometry", "--output_dir", tmp_path / "study", "--num_signals", 1),
        *("--data", tmp_path / "music", "--presets", "fast"),
        *("--model", pipeline, "--spectrogram_model", tmp_path / "spectrogram"),
        *(word for name in conditions for word in (PROTOCOL_OPTIONS[name], tmp_path / f"{name}.json")),
    ]
    run(*arguments, "--report_dir", report, "--parts", "gaps_music", "masks_music", "presets")
    rows = {part: pd.read_parquet(tmp_path / "study" / part / "items.parquet") for part in ("gaps_music", "presets")}
    refused = rows["gaps_music"].dropna(subset="refusal")
    assert ("spectrogram_repaint", 0.4) in set(zip(refused["method"], refused["param_gap_seconds"], strict=True))
    assert rows["presets"]["method"].tolist() == [f"fast, {repaint.num_network_calls(**preset._asdict())} calls"]
    masks = pd.read_parquet(tmp_path / "study" / "masks_music" / "items.parquet")
    assert sorted(masks["method"]) == sorted(2 * CELL_METHODS) and np.isfinite(masks["snr_cells"]).all()
    page = (report / "README.md").read_text()
    assert page.startswith("# What it does") and "(chirp.png)" in page and "snr_cells" in page
    assert all((report / path).is_file() for path in re.findall(r"\]\(([^)]+)\)", page))
    done = [tmp_path / "study" / "chirp.png", *(tmp_path / "study").rglob("rows-*.jsonl")]
    before = [path.stat().st_mtime_ns for path in done]
    run(*arguments, "--parts", "presets")
    assert before == [path.stat().st_mtime_ns for path in done]


DESCRIPTION = """\
---
license: cc-by-nc-4.0
model_name: tones
tags:
- synthetic
- audio
datasets:
- someone/tones
---

# A model of tones
"""


@pytest.fixture
def record(codec, transformer, pipeline, evaluation, tmp_path) -> Path:
    """A folder with `outputs`, which is filled as the tutorial on publishing says."""
    outputs = {"wavtokenizer": codec, "dit": transformer, "pipeline": pipeline, "evaluation": evaluation}
    (tmp_path / "outputs").mkdir()
    for name, folder in outputs.items():
        shutil.copytree(folder, tmp_path / "outputs" / name, ignore=shutil.ignore_patterns("checkpoint-*", "*.html"))
    script = next(code for _, _, code in blocks(TUTORIAL, "bash") if "mkdir" in code)
    subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, check=True)
    (tmp_path / "outputs" / "card" / "description.md").write_text(DESCRIPTION)
    return tmp_path / "outputs" / "card"


def write_card(record: Path) -> str:
    run("write_model_card", "--record_dir", record, "--pipeline", record.parent / "pipeline")
    return (record / "README.md").read_text()


def test_the_model_card_tells_how_the_model_came_about(record, transformer, evaluation):
    card = write_card(record)
    assert card == (record.parent / "pipeline" / "README.md").read_text()
    assert "# A model of tones" in card and (evaluation / "results.md").read_text().strip() in card
    assert "| `codebook_start_step` | 3 |" in card
    # The metadata hold means, and are read as the Hub reads them.
    rows = pd.read_parquet(evaluation / "items.parquet")
    rows = rows[(rows["method"] == "aidd") & (rows["param_gap_seconds"] == 0.05)]
    data = ModelCard.load(record / "README.md").data
    (found,) = [one for one in data.eval_results if one.metric_type == "snr" and "gap_seconds=0.05" in one.metric_name]
    assert found.metric_value == pytest.approx(rows["snr"].mean(), abs=1e-4)
    (measured,) = [row for row in metrics(transformer) if "valid/cross_entropy_gap_15" in row]
    assert re.search(rf"^\| 4 \|.* {measured['valid/cross_entropy_gap_15']:.4g} \|", card, re.MULTILINE)
    # They are what the description says, and what the pipeline is; the heading is that of the rows.
    assert (data.license, data.model_name, data.datasets) == ("cc-by-nc-4.0", "tones", ["someone/tones"])
    assert data.tags == ["audio", "audio-inpainting", "discrete-diffusion", "synthetic"]
    assert "### Protocol `one`\n" in card and "one_gap" not in card


def test_the_model_card_that_the_tutorial_describes(record):
    (description,) = (code for _, _, code in blocks(TUTORIAL, "markdown"))
    (record / "description.md").write_text(description)
    card = write_card(record)
    assert ModelCard.load(record / "README.md").data.license in description and "# my-model\n" in card
    for heading in ("### Codec (", "### Token model (", "### Protocol `one`", "](validation.png)"):
        assert heading in card


def test_the_model_card_names_the_protocols_of_its_evaluations(record):
    (record / "evaluation").rename(record / "evaluation_b")
    for name, protocol in (("a", "tiny"), ("c", "one_gap")):
        shutil.copytree(record / "evaluation_b", record / f"evaluation_{name}")
        rows = pd.read_parquet(record / f"evaluation_{name}" / "items.parquet").assign(protocol=protocol)
        rows.to_parquet(record / f"evaluation_{name}" / "items.parquet")
    headings = re.findall("^### (.*protocol.*)$", write_card(record), re.IGNORECASE | re.MULTILINE)
    one_gap = "One gap in a segment (`aidd evaluate --protocol one_gap`)"
    assert headings == [one_gap, "`aidd evaluate --protocol tiny`", "Protocol `one`"]


def test_a_model_card_tells_what_is_recorded(record):
    for folder in ("transformer", "evaluation"):
        shutil.rmtree(record / folder)
    (record / "codec" / "metrics.jsonl").unlink()
    card = write_card(record)
    assert "| `codebook_start_step` | 3 |" in card and "## Results" not in card
    shutil.rmtree(record / "codec")
    assert "## Training" not in write_card(record)
    assert "validation" not in card and {path.name for path in record.iterdir()} == {"README.md", "description.md"}
    # Whatever is recorded, it has facts of the pipeline.
    assert "Parameters: codec " in card and ModelCard(card).data.model_name == "tones"


@pytest.mark.parametrize(
    ("description", "said"),
    [
        (None, "found no such file"),
        ("# A model of tones\n", "found no license and no model_name"),
        ("---\nlicense: mit\n---\n\n# A model\n", "found no model_name; begin it with lines such as ---"),
        ("---\nlicense: [\n---\n", "its front matter cannot be read"),
        ("---\nmit\n---\n", "its front matter cannot be read"),
    ],
)
def test_a_model_card_needs_somebodys_words(pipeline, tmp_path, description, said):
    if description is not None:
        (tmp_path / "description.md").write_text(description)
    with pytest.raises(SystemExit, match=rf"^{tmp_path}/description\.md: [^\n]*{said}[^\n]*$"):
        run("write_model_card", "--record_dir", tmp_path, "--pipeline", pipeline)
    assert not (tmp_path / "README.md").exists()


def test_a_model_card_has_no_results_of_other_weights(record):
    file = record.parent / "pipeline" / "transformer" / "model.safetensors"
    weights = load_file(file)
    name = min(weights)
    save_file(weights | {name: weights[name] + 1}, file, metadata={"format": "pt"})
    with pytest.raises(SystemExit, match=rf"^{record}/evaluation: its rows are of other weights \(pipeline, [^\n]*$"):
        write_card(record)
    # Methods without a model are anybody's.
    rows = pd.read_parquet(record / "evaluation" / "items.parquet")
    rows[rows["method"] == "linear"].to_parquet(record / "evaluation" / "items.parquet")
    assert "### Protocol `one`" in write_card(record)
    (record / "evaluation" / "items.parquet").unlink()
    with pytest.raises(SystemExit, match=r"found one without items\.parquet$"):
        write_card(record)


@pytest.mark.parametrize("name", ["aidd-mel-small", "spectrogram-piano-small"])
def test_shipped_model_cards_are_what_the_script_makes_of_their_records(name, tmp_path):
    """Evaluated weights are those shipped, in whatever type they were loaded."""
    shipped = EXAMPLES.parent / "model_cards" / name
    shutil.copytree(shipped, tmp_path / name)
    shutil.copytree(EXAMPLES.parent / "src" / "aidd" / "pretrained" / name, tmp_path / "pipeline")
    (tmp_path / name / "README.md").unlink()
    arguments = ("--record_dir", tmp_path / name, "--pipeline", tmp_path / "pipeline")
    run("write_model_card", *arguments)
    assert (tmp_path / name / "README.md").read_text() == (shipped / "README.md").read_text()
    file = min((tmp_path / name).glob("evaluation*/items.parquet"))
    rows = pd.read_parquet(file)
    column = f"{'spectrogram_' * name.startswith('spectrogram')}model_digest"
    rows.assign(**{column: rows[column].str[::-1]}).to_parquet(file)
    with pytest.raises(
        SystemExit, match=f"its rows are of other weights .{name}, digest {rows[column].dropna().iloc[0][::-1]}"
    ):
        run("write_model_card", *arguments)


def of_other_settings(evaluation: Path, folder: Path, **values: str) -> Path:
    """A copy of an evaluation whose rows say of their model what is given, or other settings."""
    shutil.copytree(evaluation, folder)
    rows = pd.read_parquet(folder / "items.parquet")
    has_model = rows["method"].isin(AIDD_METHODS)
    for name, value in (values or {"model_config_digest": "other"}).items():
        rows.loc[has_model, name] = value
    rows.to_parquet(folder / "items.parquet")
    return folder


def test_the_model_card_takes_no_evaluation_of_other_settings(record, evaluation):
    of_other_settings(evaluation, record / "evaluation_other")
    with pytest.raises(SystemExit, match=r"evaluation_other: its rows are of other settings \(other\)"):
        run("write_model_card", "--record_dir", record, "--pipeline", record.parent / "pipeline")


def test_a_line_of_a_joined_table_is_of_one_model(evaluation, tmp_path):
    pytest.importorskip("matplotlib")
    report, readme = tmp_path / "report", tmp_path / "README.md"
    report.mkdir()
    (report / "description.md").write_text("# Some runs\n")
    readme.write_text("<!-- evaluation, other -->\n<!-- end -->\n")
    other = of_other_settings(evaluation, tmp_path / "other", model_digest="other")
    with pytest.raises(SystemExit, match=r"expected one model_digest a method, got several of \['aidd'"):
        run(
            "write_report",
            "--evaluation",
            evaluation,
            "--evaluation",
            other,
            "--report_dir",
            report,
            "--page",
            readme,
        )


def test_the_card_of_converted_weights_says_whose_they_are(pipeline, evaluation, tmp_path):
    folder = tmp_path / "pipeline"
    shutil.copytree(pipeline, folder)
    checkpoints = [tmp_path / "wavtokenizer.ckpt", tmp_path / "aidd.pth"]
    for checkpoint in checkpoints:
        checkpoint.write_bytes(checkpoint.name.encode())
    arguments = [
        *("--pipeline", folder, "--repo_id", "someone/converted", "--license", "cc-by-nc-sa-4.0"),
        *("--codec_checkpoint", checkpoints[0], "--transformer_checkpoint", checkpoints[1]),
    ]
    run("write_converted_card", *arguments)
    card = ModelCard.load(folder / "README.md")
    assert card.data.license == "cc-by-nc-sa-4.0" and card.data.base_model[1] == "TaliDror/AIDD"
    for checkpoint in checkpoints:
        assert f"| `{checkpoint.name}` | `{hashlib.sha256(checkpoint.read_bytes()).hexdigest()}` |" in card.text
    assert "Copyright (c) 2024 jishengpeng" in card.text and "None are recorded here" in card.text
    assert not re.search(r"{{|}}|{%", card.text)
    for options, said in (
        (["--codec_origin", "/somewhere/else"], "expected a repository, owner/name"),
        (["--codec_checkpoint", tmp_path / "missing.ckpt"], "found no such file"),
        (["--evaluation", tmp_path], "found one without items.parquet"),
        (["--evaluation", of_other_settings(evaluation, tmp_path / "other")], "model_config_digest is other"),
    ):
        with pytest.raises(SystemExit, match=said):
            run("write_converted_card", *arguments, *options)
    run("write_converted_card", *arguments, "--evaluation", evaluation)
    text = ModelCard.load(folder / "README.md").text
    assert (evaluation / "summary.md").read_text().strip() in text and "None are recorded here" not in text


def test_the_study_of_costs_measures_each_gap_in_its_process(tmp_path):
    write_tones(tmp_path / "tones.wav", 4.2)
    run(
        *("study_costs", "--audio", tmp_path / "tones.wav", "--output_file", tmp_path / "study.md"),
        *("--method", "linear", "--gap_ms", 100),
    )
    ((method, gap_ms, seconds, loaded, added),) = (
        line.strip("| ").split(" | ") for line in (tmp_path / "study.md").read_text().splitlines()[4:]
    )
    assert (method, gap_ms) == ("linear", "100") and 0 <= float(seconds) < 5
    assert int(loaded) > 100 and int(added) >= 0


def test_the_study_of_declipping_tells_of_each_level_and_method(tmp_path):
    write_tones(tmp_path / "recordings" / "tones.wav", 1.0)
    unet = aidd.CQTDiffPlusUNet(
        24_000,
        4096,
        8,
        block_out_channels=(2, 2),
        layers_per_block=(1, 1),
        attention_levels=(False, False),
        norm_num_groups=2,
        embedding_size=4,
    )
    aidd.CQTDiffPipeline(unet, aidd.EDMAncestralScheduler(), num_inference_steps=2).save_pretrained(tmp_path / "model")
    run(
        *("study_declipping", "--data_dir", tmp_path / "recordings", "--model", tmp_path / "model"),
        *("--output_file", tmp_path / "study.md", "--sdr_db", 6, 12, "--seconds", 0.15, "--guidance_scale", 0.2),
    )
    tables = [block for block in (tmp_path / "study.md").read_text().split("\n\n") if block.startswith("| ")]
    assert [table.split(" | ")[0] for table in tables] == [
        "| SDR (dB)",
        "| LSD",
        "| log-mel distance (dB)",
        "| CPU seconds",
    ]
    rows = dict(line.strip("| ").split(" | ", 1) for line in tables[0].splitlines()[2:])
    assert list(rows) == ["clipped", "sparse", "janssen", "cqtdiff, guidance 0.2"]
    # The level of clipping is that which leaves this ratio.
    assert rows["clipped"] == "6.000 [6.000, 6.000] | 12.000 [12.000, 12.000]"
    assert min(float(value.split(" ")[0]) for value in rows["janssen"].split(" | ")) > 12


@pytest.mark.parametrize(
    ("unet", "said"),
    [
        (
            aidd.CQTDiffUNet(8000, 2048, 2, 6, block_out_channels=(2, 2), layers_per_block=2, embedding_size=4),
            ("authors of CQT-Diff trained", "Copyright (c) 2022", "convert_cqtdiff_checkpoint"),
        ),
        (
            aidd.CQTDiffPlusUNet(
                8000,
                2048,
                8,
                block_out_channels=(2, 2),
                layers_per_block=(1, 1),
                attention_levels=(False, False),
                norm_num_groups=2,
                embedding_size=4,
            ),
            ("authors of CQT-Diff+ trained", "Copyright (c) 2023", "convert_cqtdiff_plus_checkpoint"),
        ),
    ],
)
def test_the_card_of_a_converted_cqtdiff_says_whose_it_is(unet, said, tmp_path):
    folder, checkpoint = tmp_path / "pipeline", tmp_path / "weights.pt"
    aidd.CQTDiffPipeline(unet, aidd.EDMHeunScheduler(), num_inference_steps=35, guidance_scale=0.2).save_pretrained(
        folder
    )
    checkpoint.write_bytes(b"weights")
    arguments = ["--pipeline", folder, "--repo_id", "someone/converted", "--checkpoint", checkpoint]
    run("write_converted_cqtdiff_card", *arguments, "--license", "cc-by-nc-sa-4.0")
    card = ModelCard.load(folder / "README.md")
    assert card.data.license == "cc-by-nc-sa-4.0"
    assert f"| `weights.pt` | `{hashlib.sha256(b'weights').hexdigest()}` |" in card.text
    assert all(one in card.text for one in said) and "None are recorded here" in card.text
    assert "`EDMHeunScheduler` with\n35 steps and a guidance of 0.2" in card.text
    assert not re.search(r"{{|}}|{%", card.text)
    for options, told in (
        (["--repo_id", "/somewhere/else"], "expected a repository, owner/name"),
        (["--checkpoint", tmp_path / "missing.pt"], "found no such file"),
        (["--evaluation", tmp_path], "found one without items.parquet"),
    ):
        with pytest.raises(SystemExit, match=told):
            run("write_converted_cqtdiff_card", *arguments, *options)


def test_a_report_holds_the_tables_of_its_runs_and_brings_a_readme_up_to_date(evaluation, tmp_path):
    pytest.importorskip("matplotlib")
    report, readme = tmp_path / "report", tmp_path / "README.md"
    report.mkdir()
    (report / "description.md").write_text("# Some runs\n")
    readme.write_text("before\n<!-- evaluation -->\nold\n<!-- end -->\nbehind\n<!-- other -->\nkept\n<!-- end -->\n")
    run("write_report", "--evaluation", evaluation, "--report_dir", report, "--page", readme)
    page, summary = (report / "README.md").read_text(), (report / "evaluation" / "summary.md").read_text().strip()
    assert (
        page.startswith("# Some runs")
        and summary in page
        and summary == (evaluation / "summary.md").read_text().strip()
    )
    assert all((report / path).is_file() for path in re.findall(r"\]\(([^)]+)\)", page))
    items = pd.read_parquet(report / "evaluation" / "items.parquet")
    of_linear = items[items["method"] == "linear"]
    assert f"| linear | {len(of_linear)} | 0 | {of_linear['seconds'].sum():.0f} | " in page
    before, after = readme.read_text().split(summary)
    assert (
        before == "before\n<!-- evaluation -->\n\n"
        and after == "\n\n<!-- end -->\nbehind\n<!-- other -->\nkept\n<!-- end -->\n"
    )


def test_a_run_is_joined_with_the_rows_of_methods_that_it_lacks(evaluation, tmp_path):
    pytest.importorskip("matplotlib")
    former, new, joined = tmp_path / "former", tmp_path / "new", tmp_path / "joined"
    rows = pd.read_parquet(evaluation / "items.parquet")
    former.mkdir()
    # What the run has of its own is not taken from the former one.
    rows.assign(lsd=rows["lsd"].where(rows["method"] == "linear", 99.0)).to_parquet(former / "items.parquet")
    shutil.copytree(evaluation, new)
    rows[rows["method"] != "linear"].to_parquet(new / "items.parquet")
    run("join_runs", "--run", new, "--former", former, "--output_dir", joined)
    found = pd.read_parquet(joined / "items.parquet")
    pd.testing.assert_frame_equal(found[rows.columns], rows, check_dtype=False)
    # Protocols with fixed gaps have a column of lists.
    of_lists = rows.assign(param_start_seconds=[[0.25, 0.5]] * len(rows))
    of_lists.to_parquet(former / "items.parquet")
    of_lists[rows["method"] != "linear"].to_parquet(new / "items.parquet")
    run("join_runs", "--run", new, "--former", former, "--output_dir", tmp_path / "lists")
    lists = pd.read_parquet(tmp_path / "lists" / "items.parquet")["param_start_seconds"]
    assert [list(one) for one in lists] == [[0.25, 0.5]] * len(rows)
    line = next(line for line in (evaluation / "summary.md").read_text().splitlines() if line.startswith("| linear |"))
    assert line in (joined / "summary.md").read_text()
    with pytest.raises(SystemExit, match="expected a new folder"):
        run("join_runs", "--run", new, "--former", former, "--output_dir", joined)
    for changed, said in (({"seed": 7}, "one seed, got"), ({"item": rows["item"] + "x"}, "the same items, got")):
        rows.assign(**changed).to_parquet(former / "items.parquet")
        with pytest.raises(SystemExit, match=said):
            run("join_runs", "--run", new, "--former", former, "--output_dir", tmp_path / "refused")


def test_one_table_of_a_readme_holds_several_runs(evaluation, tmp_path):
    pytest.importorskip("matplotlib")
    report, readme, other = tmp_path / "report", tmp_path / "README.md", tmp_path / "other"
    report.mkdir()
    (report / "description.md").write_text("# Some runs\n")
    shutil.copytree(evaluation, other)
    # A run without one of the methods.
    summary = (other / "summary.md").read_text()
    (other / "summary.md").write_text("".join(line for line in summary.splitlines(True) if "| linear |" not in line))
    readme.write_text("<!-- evaluation, other -->\n<!-- end -->\n<!-- evaluation, missing -->\nkept\n<!-- end -->\n")
    run("write_report", "--evaluation", evaluation, "--evaluation", other, "--report_dir", report, "--page", readme)
    text = readme.read_text()
    assert text.endswith("<!-- evaluation, missing -->\nkept\n<!-- end -->\n")
    heading, _, *lines = [line[2:-2].split(" | ") for line in text.splitlines() if line.startswith("|")]
    items = pd.read_parquet(evaluation / "items.parquet")
    lengths = [f"{1000 * seconds:g} ms" for seconds in sorted(items["param_gap_seconds"].unique())]
    assert heading == ["LSD / SNR in gap (dB)", *lengths, *lengths]
    means = items.groupby(["method", "param_gap_seconds"])[["lsd", "snr"]].mean()
    for method, *cells in lines:
        of_method = [f"{mean.lsd:.3f} / {round(mean.snr, 1) + 0:.1f}" for mean in means.loc[method].itertuples()]
        of_other = of_method if method != "linear" else [""] * len(lengths)
        assert [cell.strip() for cell in cells] == [*of_method, *of_other]
    assert {line[0] for line in lines} == set(items["method"])


def test_a_page_shows_chosen_lines_and_columns_of_a_table(evaluation, tmp_path):
    pytest.importorskip("matplotlib")
    report, page = tmp_path / "report", tmp_path / "page.md"
    report.mkdir()
    (report / "description.md").write_text("# Some runs\n")
    page.write_text("<!-- evaluation -->\n<!-- end -->\n")
    arguments = ["--evaluation", evaluation, "--report_dir", report, "--page", page]
    run("write_report", *arguments)
    whole = [line for line in page.read_text().splitlines() if line.startswith("|")]
    heading, *_ = [line[2:-2].split(" | ") for line in whole]
    page.write_text(f"<!-- evaluation: linear; {heading[-1]} -->\n<!-- end -->\n")
    run("write_report", *arguments)
    shown = [line[2:-2].split(" | ") for line in page.read_text().splitlines() if line.startswith("|")]
    of_linear = [line[2:-2].split(" | ")[-1] for line in whole if line.startswith("| linear |")]
    assert shown[0][1:] == [heading[-1]] and shown[2:] == [["linear", " / ".join(of_linear)]]
    for methods, columns, said in (("unknown", heading[-1], "methods"), ("linear", "7 years", "columns")):
        page.write_text(f"<!-- evaluation: {methods}; {columns} -->\n<!-- end -->\n")
        with pytest.raises(SystemExit, match=f"expected {said} of the table"):
            run("write_report", *arguments)


def test_the_study_of_boxes_shows_each_disturbance_before_and_after(tmp_path, tones):
    pytest.importorskip("matplotlib")
    sf.write(tmp_path / "a.wav", tones(3 * 16_000, 16_000, 2).T, 16_000)
    run(
        *("study_boxes", "--recording", tmp_path / "a.wav", "--output_dir", tmp_path / "study"),
        *("--method", "log_magnitude", "zeroing"),
    )
    assert {path.name for path in (tmp_path / "study").iterdir()} == {
        *("results.md", "cough.png", "telephone.png", "hum.png")
    }
    lines = (tmp_path / "study" / "results.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]
    tables = [rows[start + 2 : start + 5] for start in range(0, len(rows), 5)]
    assert [line for line in lines if line.startswith("## ")] == ["## cough", "## telephone", "## hum"]
    for (before, *filled), level in zip(tables, (10, 15, 20), strict=True):
        assert before[0] == "before" and [row[0] for row in filled] == ["log_magnitude", "zeroing"]
        # It is as loud as it is said to be, and less is left of it.
        assert float(before[1]) == pytest.approx(-level, abs=3)
        assert all(float(row[1]) > float(before[1]) and float(row[2]) < float(before[2]) for row in filled)
        assert all(float(row[4]) < 0 for row in filled)
