"""Scripts that write model cards and reports from records."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from huggingface_hub import ModelCard
from safetensors.torch import load_file, save_file
from scripts import EXAMPLES, metrics, run, tiny_cqtdiff_plus
from snippets import blocks

import aidd
from aidd.evaluation.methods.names import AIDD_METHODS


TUTORIAL = EXAMPLES.parent / "docs" / "tutorials" / "publish.md"


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


@pytest.mark.parametrize(
    ("unet", "said"),
    [
        (
            aidd.CQTDiffUNet(8000, 2048, 2, 6, block_out_channels=(2, 2), layers_per_block=2, embedding_size=4),
            ("authors of CQT-Diff trained", "Copyright (c) 2022", "convert_cqtdiff_checkpoint"),
        ),
        (
            tiny_cqtdiff_plus(8000, 2048),
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
