"""`aidd inpaint` with what cannot be: one line says it, and nothing is written."""

import pytest
from command_line import run

from aidd.cli.main import main


# The arguments of `aidd inpaint`, and what the line on stderr must say.
BAD_INPUTS = [
    ("", "arguments are required: IN, OUT"),
    ("in.wav", "arguments are required: OUT"),
    ("in.wav out.wav --method linear", "no gap given: say what is missing with --gap START END or --mask FILE"),
    ("none.wav out.wav --method linear --gap 0.1 0.2", "none.wav: no such file"),
    ("notes.wav out.wav --method linear --gap 0.1 0.2", "notes.wav: cannot be read as audio"),
    ("folder.wav out.wav --method linear --gap 0.1 0.2", "folder.wav: is a folder, expected a file"),
    ("pipe.wav out.wav --method linear --gap 0.1 0.2", "pipe.wav: is not a regular file"),
    ("in.wav pipe.wav --method linear --gap 0.1 0.2", "pipe.wav: is not a regular file"),
    ("broken.wav out.wav --method linear --gap 0.001 0.002", "1 samples that are not finite"),
    ("in.wav in.wav --method linear --gap 0.1 0.2", "in.wav: the output is the input"),
    ("in.wav ../{folder}/in.wav --method linear --gap 0.1 0.2", "the output is the input, which is never written to"),
    ("in.wav none/out.wav --method linear --gap 0.1 0.2", "there is no folder none"),
    ("in.wav folder.wav --method linear --gap 0.1 0.2", "folder.wav: is a folder"),
    ("in.wav out.xyz --method linear --gap 0.1 0.2", "out.xyz: expected a file name that ends in one of"),
    ("in.wav out --method linear --gap 0.1 0.2", "got no suffix"),
    (
        "in.wav out.mp3 --method linear --gap 0.1 0.2",
        "WAV PCM_24 does not carry over to MP3; choose --subtype MPEG_LAYER_III",
    ),
    (
        "float.wav out.flac --method linear --gap 0.1 0.2",
        "WAV FLOAT does not carry over to FLAC; choose --subtype PCM_24 or PCM_16",
    ),
    (
        "in.wav out.wav --method linear --gap 0.1 0.2 --subtype PCM_17",
        "WAV files hold no PCM_17; choose --subtype PCM_24, PCM_16 or FLOAT",
    ),
    ("loud.wav out.wav --method linear --gap 0.001 0.002 --subtype PCM_16", "beyond the range of PCM_16"),
    ("in.wav out.wav --method linear --gap 0.2", "argument --gap: expected 2 arguments"),
    (
        "in.wav out.wav --method linear --gap 0.1 b",
        "argument --gap: expected a time in seconds, such as 62.5, or as 1:02.5 or 0:01:02.5, got 'b'",
    ),
    ("in.wav out.wav --method linear --gap 0.2 0.1", "gap from 0.2 s to 0.1 s: the start must be before the end"),
    ("in.wav out.wav --method linear --gap 0.2 0.2", "the start must be before the end"),
    ("in.wav out.wav --method linear --gap -0.2 0.1", "the start must not be negative"),
    ("in.wav out.wav --method linear --gap 0.2 1.1", "after the signal, which is 1.001625 s long"),
    ("in.wav out.wav --method linear --gap nan 1", "expected a time in seconds, such as 62.5"),
    ("in.wav out.wav --method linear --gap 0 1e999", "start and end must be finite"),
    ("in.wav out.wav --method linear --gap 0 1.001625", "everything is missing"),
    ("in.wav out.wav --method linear --mask none.txt", "none.txt: no such file"),
    ("in.wav out.wav --method linear --mask in.wav", "in.wav: expected a boolean array (.npy) or an Audacity label"),
    ("in.wav out.wav --method linear --mask short.npy", "short.npy: expected a bool array of shape (8013,)"),
    ("in.wav out.wav --method linear --mask numbers.npy", "numbers.npy: expected a bool array"),
    ("in.wav out.wav --method linear --mask three.npy", "three.npy: expected a mask of 2 channels, or of 1 for all"),
    ("in.wav out.wav --method linear --mask none.npy --mask short.npy", "short.npy: expected a bool array"),
    ("in.wav out.wav --method linear --mask all.npy", "everything is missing"),
    ("in.wav out.wav --method linear --mask labels.txt", "labels.txt, line 1: gap from 0.5 s to 0.4 s"),
    ("in.wav out.wav --method magic --gap 0.1 0.2", "expected a method out of aidd, "),
    ("in.wav out.wav --method magic:fill --gap 0.1 0.2", "magic:fill: no module named magic can be imported"),
    ("in.wav out.wav --method json:nothing --gap 0.1 0.2", "json:nothing: module json has no function nothing"),
    ("in.wav out.wav --gap 0.1 0.2 --model nowhere", "nowhere: no such model folder"),
    ("in.wav out.wav --method spectrogram_repaint --gap 0.1 0.2 --model nowhere", "nowhere: no such model folder"),
    (
        "in.wav out.wav --method cqtdiff --gap 0.1 0.2",
        "--model must be given for cqtdiff: it needs a folder with a CQTDiffPipeline, as none comes with the package: "
        "examples/train_cqtdiff.py and examples/assemble_cqtdiff_pipeline.py make one",
    ),
    ("in.wav out.wav --gap 0.1 0.2 --model ./a/b", "./a/b: no such model folder"),
    ("in.wav out.wav --gap 0.1 0.2 --model folder.wav", "folder.wav: the folder holds no pipeline"),
    ("in.wav out.wav --gap 0.1 0.2 --model in.wav", "in.wav: no such model folder"),
    ("in.wav out.wav --method linear --gap 0.1 0.2 --model a/b", "--model must be left out for linear"),
    (
        "in.wav out.wav --method linear --gap 0.1 0.2 --variations 2",
        "--variations must be 1 for linear; the methods aidd, auto, best, cqtdiff and spectrogram_repaint give",
    ),
    ("in.wav out.wav --gap 0.1 0.105 --variations 2", "--variations must be 1 where no gap needs the model: "),
    ("in.wav out.wav --gap 0.1 0.2 --variations 0", "--variations must be at least 1, got 0"),
    ("in.wav out.wav --gap 0.1 0.2 --variations two", "argument --variations: invalid int value"),
    ("in.wav out.wav --method linear --gap 0.1 0.2 --seed -1", "--seed must lie in [0, 2^63), got -1"),
    (
        "in.wav out.wav --method linear --detect dropouts,wow",
        "--detect must be kinds out of dropouts, clicks, clipping, got 'wow'",
    ),
    ("in.wav out.wav --method linear --detect clipping,", "must be kinds out of dropouts, clicks, clipping, got ''"),
    ("in.wav out.wav --method linear --detect clicks --sensitivity 20", "--sensitivity must lie in [0.1, 10] false"),
    ("in.wav out.wav --gap 0.1 0.2 --fallback aidd", "--fallback must be a method without a model, got aidd"),
    ("in.wav out.wav --method linear --gap 0.1 0.2 --adapt 5", "--adapt must be left out for linear, which has no"),
    ("in.wav out.wav --gap 0.1 0.2 --adapt -1", "--adapt must be finite and at least 0, got -1"),
    (
        "in.wav out.wav --gap 0.1 0.2 --adapt 1 --method best",
        "--adapt must be left out for best: the model would have",
    ),
    ("in.wav out.wav --gap 0.1 0.2 --save-adapter a", "--save-adapter must be left out where nothing is learned"),
    ("in.wav out.wav --gap 0.1 0.2 --adapt 1 --adapter a", "--adapter must be left out where one is learned"),
    ("in.wav out.wav --gap 0.1 0.2 --adapter a --method linear", "--adapter must be left out for linear"),
    (
        "in.wav out.wav --gap 0.1 0.2 --candidates lines",
        "--candidates must be left out for auto: it is best",
    ),
    ("in.wav out.wav --gap 0.1 0.2 --trial-seconds 9", "--trial-seconds must be left out for auto"),
    ("in.wav out.wav --gap 0.1 0.2 --method best --candidates lines,auto", "got auto, which chooses among others"),
    ("in.wav out.wav --gap 0.1 0.2 --method best --candidates lines,lines", "one or more different methods, got ["),
    ("in.wav out.wav --gap 0.1 0.2 --method best --candidates cqtdiff", "--candidates must come with their model"),
    ("in.wav out.wav --gap 0.1 0.2 --method best --trial-seconds -1", "--trial-seconds must be at least 0, got -1"),
    ("in.wav out.wav --gap 0.1 0.2 --method best --fallback lines", "--fallback must be left out for best"),
    ("in.wav out.wav --method linear --gap 0.1 0.2 --unknown", "unrecognized arguments: --unknown"),
]


@pytest.mark.parametrize(("command", "message"), BAD_INPUTS)
def test_bad_input_is_one_line_and_exit_code_2(folder, capsys, command, message, record_property):
    before = sorted(folder.iterdir())
    try:
        code = run(command.format(folder=folder.name))
    except SystemExit as stop:
        code = stop.code
    output = capsys.readouterr()
    assert code == 2 and not output.out
    assert output.err.startswith("aidd: error: ") and output.err.count("\n") == 1
    assert message in output.err
    record_property("message", output.err.strip())
    # Nothing was written.
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("arguments", [[], ["repair"], ["info", "none.wav"], ["info", "--all"]])
def test_other_commands_explain_themselves_too(folder, capsys, arguments):
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code
    error = capsys.readouterr().err
    assert code == 2 and error.startswith("aidd: error: ") and error.count("\n") == 1
