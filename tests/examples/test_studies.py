"""Evaluation and studies."""

import argparse
import json
import re

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from scripts import EXAMPLES, load, run, run_process, run_two_processes, tiny_cqtdiff_plus, write_tones
from tiny_models import SIZES
from transformers import WavTokenizerConfig, WavTokenizerModel

import aidd
from aidd.evaluation.methods.names import AIDD_METHODS, ANCHORS, CELL_METHODS, PROTOCOLS
from aidd.schedulers import repaint


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


def test_codecs_are_compared_in_one_table(pipeline, tmp_path, monkeypatch):
    noise = 0.1 * np.random.default_rng(0).normal(size=5 * 24_000)
    (tmp_path / "recordings").mkdir()
    sf.write(tmp_path / "recordings" / "a.wav", noise, 24_000)
    study = load("study_codecs")
    sizes = {"codebook_size": 24, **{name: size for name, size in SIZES.items() if name != "codebook_size"}}

    def random_codec():
        codec = WavTokenizerModel(WavTokenizerConfig(upsampling_ratios=[6, 5, 5, 4], **sizes))
        codec.encoder_model.quantizer.codebook.embed.normal_()
        return codec

    def costs_here(args, name):
        return study.costs(argparse.Namespace(**vars(args) | {"costs_of": name}))

    monkeypatch.setattr(study, "PUBLISHED", {"tiny": random_codec})
    monkeypatch.setattr(study, "costs_apart", costs_here)
    options = ("--data_dir", tmp_path / "recordings", "--output_file", tmp_path / "codecs.md", "--models", pipeline)
    monkeypatch.setattr("sys.argv", ["study_codecs.py", *map(str, options), "--random", "tiny", "--gap_ms", "100"])
    study.main()
    lines = (tmp_path / "codecs.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]
    assert rows[0] == list(study.TITLES)
    trained, at_random = (dict(zip(rows[0], row, strict=True)) for row in rows[2:])
    assert (trained["codec"], trained["weights"], trained["tokens a second"]) == (pipeline.name, "trained", "75")
    assert trained["codes"] == "32" and trained["n"] == "1" and float(trained["LSD"].split()[0]) > 0
    assert (at_random["codec"], at_random["weights"], at_random["tokens a second"]) == ("tiny", "random", "40")
    assert (at_random["codes"], at_random["n"], at_random["LSD"]) == ("24", "", "")
    # 4 or 5 tokens, by where the gap lies among them, and two guard tokens on each side.
    assert int(at_random["calls"]) in (8, 9) and float(at_random["gap: CPU s"]) > 0


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


def test_the_study_against_tools_has_a_line_a_damage_and_program(work, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    run(
        *("study_against_tools", "--data_dir", work / "recordings", "--output_file", tmp_path / "study.md"),
        *("--dropout_ms", 2, 20, "--method", "linear", "lines"),
    )
    lines = [line.strip("| ").split(" | ") for line in (tmp_path / "study.md").read_text().splitlines()]
    rows = {tuple(line[0:3:2]): line for line in lines if len(line) > 5 and line[0].startswith(("clicks", "zeros"))}
    programs = ["as damaged", "Audacity's algorithm", "aidd, linear", "aidd, lines"]
    short = [(damage, name) for damage in ("clicks of 1.8 ms", "zeros of 2 ms") for name in programs]
    # 20 ms are more than Audacity's Repair takes.
    assert list(rows) == short + [("zeros of 20 ms", name) for name in programs if "Audacity" not in name]
    snr = {key: float(line[4].split(" ")[0]) for key, line in rows.items()}
    assert snr["zeros of 2 ms", "as damaged"] == 0 < snr["zeros of 2 ms", "aidd, lines"]
    assert ["ffmpeg is not installed here, so its filter is not in the table."] in lines


def test_least_squares_autoregression_restores_what_has_no_error():
    module = load("study_against_tools")
    signal = sum(np.sin(frequency * np.arange(300) + frequency) for frequency in (0.1, 0.37, 1.1))
    damaged = signal.copy()
    damaged[140:160] = 5.0
    restored = module.least_squares_autoregression(damaged, 140, 20, order=6)
    np.testing.assert_allclose(restored, signal[140:160], atol=1e-6)
    mask = np.zeros(300, bool)
    mask[140:160] = True
    repaired = module.repair_as_audacity(damaged, mask)
    assert np.array_equal(repaired[~mask], damaged[~mask])
    np.testing.assert_allclose(repaired, signal, atol=1e-6)


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


def test_the_study_of_the_full_band_has_a_line_a_way_and_goes_on_where_it_stood(pipeline, tmp_path):
    pytest.importorskip("matplotlib")
    shared, own = 0.05 * np.random.default_rng(0).normal(size=(2, 4 * 44_100))
    (tmp_path / "noise").mkdir()
    sf.write(tmp_path / "noise" / "a.wav", np.stack([shared, 0.5 * (shared + own)], 1), 44_100)
    arguments = ("--data_dir", tmp_path / "noise", "--output_dir", tmp_path / "out", "--model", pipeline)
    run("study_full_band", *arguments, "--gap_ms", 50)
    run("study_full_band", *arguments, "--gap_ms", 50)
    assert len((tmp_path / "out" / "study-0.jsonl").read_text().splitlines()) == 9
    assert (tmp_path / "out" / "full_band.png").stat().st_size > 10_000
    lines = (tmp_path / "out" / "study.md").read_text().splitlines()
    rows = {line.split(" | ")[1]: line.split(" | ") for line in lines[4:12]}
    assert list(rows)[:4] == ["pipeline", "mixed", "edges", "surroundings"] and len(rows) == 8
    # White noise has one level throughout, which all ways know, and what is below is the same.
    assert all(abs(float(row[7].split(",")[0])) < 1.5 for row in rows.values())
    assert len({row[9] for row in rows.values()}) == 1


def test_the_study_of_geometry_is_one_command_and_goes_on_where_it_stood(
    pipeline, tiny_spectrogram_pipeline, tmp_path, monkeypatch
):
    pytest.importorskip("matplotlib")
    # As few steps as make a difference.
    preset = repaint.RePaintPreset(num_inference_steps=3, jump_length=1, num_resamplings=2)
    monkeypatch.setattr(repaint, "PRESETS", {"plain": preset, "fast": preset})
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


def test_the_study_of_repaint_tells_what_settings_change(tiny_spectrogram_pipeline, tmp_path):
    write_tones(tmp_path / "recordings" / "tones.wav", 4.5)
    tiny_spectrogram_pipeline(1022, 511).save_pretrained(tmp_path / "model")
    settings = ("DDIM, resampled", "DDPM, 48 frames")
    command = (
        *("study_repaint", "--data_dir", tmp_path / "recordings", "--output_file", tmp_path / "study.md"),
        *("--model", tmp_path / "model", "--settings", *settings, "--gap_ms", 100),
    )
    run(*command)
    page = (tmp_path / "study.md").read_text()
    lines = (line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| "))
    cells = {line[0]: line for line in lines}
    first, other, change = (cells[name] for name in (*settings, f"minus {settings[0]}"))
    assert (first[1], other[1], first[3], other[3]) == ("26", "25", "1", "1")
    for place in range(4, 9):
        values = [float(row[place].split(" ")[0]) for row in (first, other, change)]
        assert abs(values[1] - values[0] - values[2]) < 0.0016
    run(*command)
    assert (tmp_path / "study.md").read_text() == page


def test_the_study_of_declipping_tells_of_each_level_and_method(tmp_path):
    write_tones(tmp_path / "recordings" / "tones.wav", 1.0)
    unet = tiny_cqtdiff_plus(24_000, 4096)
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
