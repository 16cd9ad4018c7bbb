"""The scripts that make training data: what they write, and that stopping them changes nothing."""

import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest
import soundfile as sf
import torch
from datasets import Audio, Dataset, Features, Value, load_from_disk
from scripts import run_two_processes


EXAMPLES = Path(__file__).parents[2] / "examples"
SOUNDFONTS = sorted(Path("/usr/share/sounds/sf2").glob("*.sf2"))
needs_fluidsynth = pytest.mark.skipif(
    not (shutil.which("fluidsynth") and SOUNDFONTS), reason="needs fluidsynth and a soundfont"
)


def load(script: str):
    spec = importlib.util.spec_from_file_location(f"example_{script}", EXAMPLES / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(script: str, function: str, *arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"{script}.py", *map(str, arguments)])
        return getattr(load(script), function)()


# --- tokenize_dataset.py


def write_tones(path: Path, seed: int, seconds: float, sampling_rate: int = 24_000) -> None:
    draw = np.random.default_rng(seed)
    time = np.arange(round(seconds * sampling_rate)) / sampling_rate
    tones = sum(np.sin(2 * np.pi * draw.uniform(100, 2000) * time) for _ in range(5)) * np.exp(-2 * (time % 0.5))
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, 0.1 * tones + 0.01 * draw.standard_normal(len(time)), sampling_rate)


@pytest.fixture
def work(tmp_path, tiny_codec) -> Path:
    """A codec and three recordings, of other lengths, rates and folders."""
    tiny_codec.save_pretrained(tmp_path / "codec")
    write_tones(tmp_path / "recordings" / "a.wav", 0, 1.5)
    write_tones(tmp_path / "recordings" / "b" / "a.wav", 1, 0.3, 44_100)
    write_tones(tmp_path / "recordings" / "c.flac", 2, 0.8, 32_000)
    return tmp_path


def options(work: Path, output: str, *more, audio_dir: str = "recordings") -> list:
    folders = ["--model", work / "codec", "--audio_dir", work / audio_dir, "--output_dir", work / output]
    return [*folders, "--block_seconds", 0.4, "--context_seconds", 0.1, "--device", "cpu", *more]


def tokenize(work: Path, output: str, *more, **places) -> list[dict]:
    call("tokenize_dataset", "main", *options(work, output, *more, **places))
    return load_from_disk(str(work / output)).to_list()


def test_recordings_are_tokenised_each_by_itself(work):
    together = tokenize(work, "together", "--speeds", 1, 2)
    assert [(row["recording"], row["speed"]) for row in together] == [
        (name, speed) for name in ("a.wav", "b/a.wav", "c.flac") for speed in (1.0, 2.0)
    ]
    # A token is 320 samples at 24 kHz.
    assert [len(row["audio_codes"]) for row in together] == [113, 57, 23, 12, 60, 30]
    for name, rows in (("a.wav", together[:2]), ("c.flac", together[4:])):
        (work / name).mkdir()
        shutil.copy(work / "recordings" / name, work / name)
        assert tokenize(work, f"{name}_alone", "--speeds", 1, 2, audio_dir=name) == rows
    assert len({tuple(row["audio_codes"]) for row in together}) == 6


def test_blocks_agree_with_the_whole_where_context_suffices(work, tiny_codec):
    """The encoder's convolutions see a few tokens around one; its LSTM, what came before."""
    whole = tokenize(work, "whole", "--block_seconds", 9)
    blocks = tokenize(work, "blocks", "--context_seconds", 0.4)
    agreement = [np.mean(np.equal(x["audio_codes"], y["audio_codes"])) for x, y in zip(whole, blocks, strict=True)]
    assert np.mean(agreement) > 0.8


def test_a_stopped_run_goes_on_where_it_stood(work):
    uninterrupted = tokenize(work, "tokens")
    parts = {load_from_disk(str(part))[0]["recording"]: part for part in (work / "tokens" / "parts").glob("?" * 32)}
    # Killed when one recording was done, marked here, and another half written.
    for file in (work / "tokens").glob("*.*"):
        file.unlink()
    shutil.rmtree(parts["c.flac"])
    shutil.rmtree(parts["b/a.wav"])
    marked = {"recording": "a.wav", "speed": 1.0, "audio_codes": [1, 2, 3]}
    shutil.rmtree(parts["a.wav"])
    Dataset.from_list([marked], load("tokenize_dataset").FEATURES).save_to_disk(parts["a.wav"])
    unfinished = parts["b/a.wav"].with_name(parts["b/a.wav"].name + ".unfinished")
    unfinished.mkdir()
    (unfinished / "data-00000-of-00001.arrow").write_bytes(b"half a file")
    assert tokenize(work, "tokens") == [marked, *uninterrupted[1:]]
    # Finished, and a recording is added: it alone is missing.
    write_tones(work / "recordings" / "b.wav", 3, 0.4)
    added = tokenize(work, "tokens")
    assert [row["recording"] for row in added] == ["a.wav", "b/a.wav", "b.wav", "c.flac"]
    assert [added[0], added[1], added[3]] == [marked, *uninterrupted[1:]]
    assert not list((work / "tokens" / "parts").glob("*.unfinished"))


def test_two_processes_write_what_one_does(work):
    alone = tokenize(work, "alone")
    run_two_processes(EXAMPLES / "tokenize_dataset.py", *options(work, "shared"))
    assert load_from_disk(str(work / "shared")).to_list() == alone


def test_parts_made_otherwise_are_refused(work, tiny_codec, capsys):
    def refusal(*more, **places) -> str:
        with pytest.raises(SystemExit, match="2"):
            tokenize(work, "tokens", *more, **places)
        return capsys.readouterr().err

    tokenize(work, "tokens")
    for more, complaint in (
        (["--speeds", 1, 2], "has speeds [1.0], got [1.0, 2.0]: choose another --output_dir"),
        (["--max_seconds", 0.2], "has max_seconds None, got 0.2"),
        (["--context_seconds", 0.2], "has context_seconds 0.1, got 0.2"),
    ):
        assert complaint in refusal(*more)
    shutil.copytree(work / "recordings", work / "others")
    assert "has audio_dir recordings, got others" in refusal(audio_dir="others")
    # In the precision of a pipeline's copy it is the same.
    tiny_codec.to(torch.bfloat16).save_pretrained(work / "codec")
    tokenize(work, "tokens")
    # Trained on, in the same folder.
    tiny_codec.encoder_model.encoder.layers[0].conv.bias.data += 1e-3
    tiny_codec.save_pretrained(work / "codec")
    assert re.search(r"has codec_digest [0-9a-f]{64}, got", refusal())


def test_what_is_no_codec_and_what_is_no_audio_is_refused_in_one_line(work, tiny_transformer, capsys):
    tiny_transformer.save_pretrained(work / "transformer")
    (work / "empty").mkdir()
    for places, complaint in (
        (["--model", work / "transformer"], "is a DiTTokenModel (model_type aidd_dit_token), expected a WavTokenizer"),
        (["--audio_dir", work / "empty"], "holds no audio file"),
    ):
        with pytest.raises(SystemExit, match="2"):
            call("tokenize_dataset", "main", *options(work, "none"), *places)
        told = capsys.readouterr().err.splitlines()[-1]
        assert told.startswith("tokenize_dataset.py: error: ") and complaint in told
        assert not (work / "none").exists()
    (work / "recordings" / "d.wav").write_bytes(b"no sound")
    with pytest.raises(SystemExit, match="2"):
        tokenize(work, "none")
    assert "error: d.wav: cannot be read as audio" in capsys.readouterr().err


def test_named_data_sets_come_with_their_splits(work):
    (work / "recordings").rename(work / "musicnet")
    (work / "musicnet" / "b").rename(work / "musicnet" / "test_data")
    (work / "musicnet" / "train_data").mkdir()
    (work / "musicnet" / "a.wav").rename(work / "musicnet" / "train_data" / "a.wav")
    for split in ("train", "test"):
        rows = tokenize(work, split, "--layout", "musicnet", "--split", split, audio_dir="musicnet")
        assert [row["recording"] for row in rows] == [f"{split}_data/a.wav"]


def test_data_sets_of_the_hub_are_read_by_their_columns(work, monkeypatch):
    """From a folder, which `load_dataset` reads as it would the Hub's."""
    files = tokenize(work, "files")
    rows = [
        {"sound": {"path": row["recording"], "bytes": (work / "recordings" / row["recording"]).read_bytes()}}
        for row in files
    ]
    stored = Features({"sound": {"path": Value("string"), "bytes": Value("binary")}})
    (work / "hub").mkdir()
    Dataset.from_list(rows, stored).cast_column("sound", Audio()).to_parquet(work / "hub" / "train.parquet")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", work / "cache")
    source = ["--dataset_name", work / "hub", "--audio_column_name", "sound", "--split", "train"]
    call("tokenize_dataset", "main", *source, *options(work, "hub_tokens")[:2], *options(work, "hub_tokens")[4:])
    tokens = load_from_disk(str(work / "hub_tokens")).to_list()
    assert [row["recording"] for row in tokens] == ["0/a.wav", "1/a.wav", "2/c.flac"]
    assert [row["audio_codes"] for row in tokens] == [row["audio_codes"] for row in files]


def test_tokenising_asks_for_what_tells_the_data_apart(capsys):
    needed = ["--model", "codec", "--output_dir", "tokens"]
    for more, complaint in (
        ([], "one of the arguments --audio_dir --dataset_name is required"),
        (["--audio_dir", "maestro", "--layout", "maestro"], "--split: needed"),
        (["--dataset_name", "music"], "--split: needed"),
        (["--audio_dir", "music", "--split", "train"], "--split: a folder of audio files has none"),
        (["--dataset_name", "music", "--split", "train", "--layout", "maestro"], "--layout: only --audio_dir has one"),
    ):
        with pytest.raises(SystemExit, match="2"):
            call("tokenize_dataset", "parse_args", *needed, *more)
        assert complaint in capsys.readouterr().err


# --- render_midi.py

RATE = 24_000
RANGES = ["--transposition", -5, 6, "--tempo", 0.9, 1.1, "--velocity", 0.8, 1.1, "--reverb_level", 0, 0.3]
RANGES += ["--equaliser_db", 3, "--noise_db", -75, -55]


def write_midi(path: Path, *notes: int, beats: int = 1) -> None:
    """After a second of nothing, notes of half a second on the first program, a grand piano; from one to the next."""
    track = bytes([96 * 2 >> 7 | 0x80, 96 * 2 & 0x7F])
    for note in notes:
        rest = 96 * (beats - 1)
        track += bytes([0x90, note, 100, 96, 0x80, note, 0, rest >> 7 | 0x80, rest & 0x7F])
    track += bytes([0xFF, 0x2F, 0])
    header = b"MThd" + (6).to_bytes(4, "big") + bytes([0, 0, 0, 1, 0, 96])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + b"MTrk" + len(track).to_bytes(4, "big") + track)


def render(folder: Path, output: str, *more) -> np.ndarray:
    """The first render of a folder's first file."""
    places = ["--midi_dir", folder / "midi", "--output_dir", folder / output, "--soundfont", SOUNDFONTS[0]]
    call("render_midi", "main", *places, *more)
    audio, rate = sf.read(min((folder / output).rglob("*.flac")))
    assert rate == RATE and audio.ndim == 1
    assert 20 * np.log10(np.abs(audio).max()) == pytest.approx(-3, abs=0.01)
    return audio


def fundamental(audio: np.ndarray) -> float:
    """Hz, of the shortest period after which the loudest note is nearly what it was."""
    segment = audio[np.abs(audio).argmax() :][:4096]
    correlation = np.fft.irfft(np.abs(np.fft.rfft(segment, 2**17)) ** 2)[: 2**10]
    period = np.argmax(correlation < 0) + np.argmax(correlation[np.argmax(correlation < 0) :])
    near = correlation[period - 1 : period + 2]
    # A parabola through the greatest and its neighbours.
    return RATE / (period + 0.5 * (near[0] - near[2]) / (near[0] - 2 * near[1] + near[2]))


def plan(folder: Path, *more) -> dict[str, dict]:
    with pytest.MonkeyPatch.context() as patch:
        places = ["--midi_dir", folder / "midi", "--output_dir", folder / "renders"]
        patch.setattr(sys, "argv", ["render_midi.py", *map(str, [*places, *more])])
        module = load("render_midi")
        return {name: row for name, (_, _, row) in module.plan_renders(module.parse_args()).items()}


def test_draws_depend_on_seed_and_names_alone(tmp_path):
    for name in ("a", "b", "b/a"):
        write_midi(tmp_path / "midi" / f"{name}.mid", 69)
    two = ["--soundfont", tmp_path / "x.sf2", "--soundfont", tmp_path / "y.sf2"]
    rows = plan(tmp_path, *two, "--num_variations", 3, *RANGES)
    assert list(rows)[:4] == ["a.x.0.flac", "a.x.1.flac", "a.x.2.flac", "a.y.0.flac"]
    assert len(rows) == 18 and "b/a.y.2.flac" in rows
    assert len({(row["tempo"], row["velocity"], *row["equaliser_db"]) for row in rows.values()}) == 18
    for row in rows.values():
        assert -5 <= row["transposition"] <= 6 and 0.9 <= row["tempo"] <= 1.1 and 0.8 <= row["velocity"] <= 1.1
        assert 0 <= row["reverb_level"] <= 0.3 and -75 <= row["noise_db"] <= -55
        assert max(map(abs, row["equaliser_db"])) <= 3
    # Other files, soundfonts and variations change none; nor does another range, but its own draw.
    (tmp_path / "midi" / "a.mid").unlink()
    fewer = plan(tmp_path, *two[2:], "--num_variations", 2, *RANGES)
    assert fewer == {name: rows[name] for name in ("b.y.0.flac", "b.y.1.flac", "b/a.y.0.flac", "b/a.y.1.flac")}
    for name, row in plan(tmp_path, *two, *RANGES, "--tempo", 1.5, 2).items():
        assert 1.5 <= row["tempo"] <= 2 and row | {"tempo": rows[name]["tempo"]} == rows[name]
    for name, row in plan(tmp_path, *two, *RANGES, "--seed", 1).items():
        assert row["tempo"] != rows[name]["tempo"]


def test_files_are_rendered_as_they_are_unless_ranges_are_given(tmp_path, capsys):
    write_midi(tmp_path / "midi" / "a.mid", 69)
    (row,) = plan(tmp_path, "--soundfont", "x.sf2").values()
    assert (row["transposition"], row["tempo"], row["velocity"], row["reverb_level"]) == (0, 1, 1, 0)
    assert not any(row["equaliser_db"]) and row["noise_db"] is None
    for more, complaint in (
        (["--num_variations", 2], "--num_variations 2 would all be alike"),
        (["--tempo", 1.1, 0.9], "--tempo: expected the lowest value first, got 1.1 0.9"),
    ):
        with pytest.raises(SystemExit, match="2"):
            plan(tmp_path, "--soundfont", "x.sf2", *more)
        assert complaint in capsys.readouterr().err
    write_midi(tmp_path / "midi" / "a.midi", 69)
    with pytest.raises(SystemExit, match=r"would both be a\.x\.0\.flac"):
        plan(tmp_path, "--soundfont", "x.sf2")


def test_the_equaliser_does_what_it_is_told():
    impulse = np.zeros(4001)
    impulse[2000] = 1
    module = load("render_midi")
    shaped = module.shape_spectrum(impulse, RATE, module.EQUALISER_HZ, (6, -3, 0, 2))
    # Symmetric: no delay.
    np.testing.assert_allclose(shaped, shaped[::-1], atol=1e-12)
    gains = 20 * np.log10(np.abs(np.fft.rfft(shaped, RATE)))
    np.testing.assert_allclose(gains[[20, 100, 400, 1600, 6400, 11_000]], [6, 6, -3, 0, 2, 2], atol=0.5)


def test_rendering_needs_fluidsynth(tmp_path, monkeypatch):
    write_midi(tmp_path / "midi" / "a.mid", 69)
    monkeypatch.setenv("PATH", "")
    places = ["--midi_dir", tmp_path / "midi", "--output_dir", tmp_path / "renders"]
    with pytest.raises(SystemExit, match="fluidsynth is not installed: apt-get install fluidsynth"):
        call("render_midi", "main", *places, "--soundfont", tmp_path / "none.sf2")


@needs_fluidsynth
def test_rendering_plays_what_is_written(tmp_path):
    places = ["--midi_dir", tmp_path / "midi", "--output_dir", tmp_path / "renders"]
    with pytest.raises(SystemExit, match="no such soundfont"):
        call("render_midi", "main", *places, "--soundfont", tmp_path / "none.sf2")
    with pytest.raises(SystemExit, match=r"holds no \.mid file"):
        call("render_midi", "main", *places, "--soundfont", SOUNDFONTS[0])
    write_midi(tmp_path / "midi" / "a.mid", 69)
    audio = render(tmp_path, "renders")
    # To a quarter of a semitone.
    assert fundamental(audio) == pytest.approx(440, rel=0.015)
    # The second of nothing is not there, and a piano is loudest soon.
    assert np.abs(audio).argmax() < 0.2 * RATE and len(audio) > 0.5 * RATE
    short = render(tmp_path, "short", "--max_seconds", 0.25)
    assert len(short) == RATE // 4
    np.testing.assert_allclose(short, audio[: len(short)], atol=1e-4)


@needs_fluidsynth
def test_twelve_semitones_double_the_fundamental(tmp_path):
    write_midi(tmp_path / "midi" / "a.mid", 64)
    low, high = (render(tmp_path, str(n), "--transposition", n, n) for n in (0, 12))
    assert fundamental(high) == pytest.approx(2 * fundamental(low), rel=0.015)


@needs_fluidsynth
def test_tempo_brings_the_next_note_nearer(tmp_path):
    write_midi(tmp_path / "midi" / "a.mid", 60, 60, beats=4)
    for tempo in (1, 2):
        audio = render(tmp_path, str(tempo), "--tempo", tempo, tempo)
        # The other note's onset: the loudest moment after the first note has ended.
        after = round(0.7 * RATE)
        onset = after + np.flatnonzero(np.abs(audio[after:]) > 0.3 * np.abs(audio).max())[0]
        assert onset / RATE == pytest.approx(2 / tempo, abs=0.02)


@needs_fluidsynth
def test_rooms_and_noise_are_heard_where_notes_are_not(tmp_path):
    write_midi(tmp_path / "midi" / "a.mid", 60, 60, beats=8)
    rest = slice(round(2.5 * RATE), round(3.9 * RATE))
    ranges = {
        "dry": [],
        "room": ["--reverb_level", 0.9, 0.9, "--room_size", 0.9, 0.9],
        "noise": ["--noise_db", -40, -40],
    }
    levels = {
        name: 20 * np.log10(1e-9 + render(tmp_path, name, *more)[rest].std()) + 3 for name, more in ranges.items()
    }
    assert levels["room"] > levels["dry"] + 20
    assert levels["noise"] == pytest.approx(-40, abs=1)


@needs_fluidsynth
def test_a_stopped_rendering_goes_on_to_the_same_manifest_and_sound(tmp_path):
    for name, note in (("a", 60), ("b", 62), ("c", 64)):
        write_midi(tmp_path / "midi" / f"{name}.mid", note)
    options = [*RANGES, "--num_variations", 2, "--max_seconds", 0.2]
    render(tmp_path, "whole", *options)
    whole = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    assert len(whole) == 7
    lines = whole["manifest.jsonl"].splitlines(keepends=True)
    assert [json.loads(line)["render"] for line in lines] == sorted(set(whole) - {"manifest.jsonl"})
    # Killed within the third line, the sound of which was there; with two at work.
    (tmp_path / "stopped").mkdir()
    (tmp_path / "stopped" / "manifest.jsonl").write_bytes(lines[0] + lines[1] + lines[2][:50])
    for line in lines[:3]:
        name = json.loads(line)["render"]
        shutil.copy(tmp_path / "whole" / name, tmp_path / "stopped")
    first = tmp_path / "stopped" / json.loads(lines[0])["render"]
    written = first.stat().st_mtime_ns
    render(tmp_path, "stopped", *options, "--num_workers", 2)
    assert {path.name: path.read_bytes() for path in (tmp_path / "stopped").iterdir()} == whole
    assert first.stat().st_mtime_ns == written
    with pytest.raises(SystemExit, match="of another --seed or other ranges: choose another --output_dir"):
        render(tmp_path, "whole", *options, "--seed", 1)
