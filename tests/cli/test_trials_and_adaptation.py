"""`aidd inpaint` where the recording itself is used: trials of methods, and adaptation of the model."""

import json

import numpy as np
import pytest
import soundfile as sf
from command_line import RATE, run

from aidd.signals.files import read_audio


def test_best_says_what_it_tried_and_takes_what_came_nearest(folder, tiny_model, tones, capsys):
    music = tones(6 * RATE, RATE, 2)
    sf.write("music.wav", music.T, RATE, subtype="FLOAT")
    options = "music.wav out.wav --gap 1 1.003 --gap 2 2.1 --gap 2.5 2.61 --method best --seed 0"
    assert run(f"{options} --candidates aidd,linear,lines --model model --json") == 0
    report = json.loads(capsys.readouterr().out)
    (trial,) = report["trials"]
    assert trial["gaps"] == [[2 * RATE, 2 * RATE + 800], [20_000, 20_880]]
    assert trial["rounds"] == len(trial["pseudo_gaps"]) == 4
    scores = {name: one["score"] for name, one in trial["scores"].items()}
    chosen = min(scores, key=scores.get)
    assert list(scores) == ["aidd", "linear", "lines"] and trial["chosen"] == chosen != "linear"
    assert report["filled_by"] == [["janssen", chosen, chosen]] * 2
    assert report["model"] == ("model" if chosen == "aidd" else None)
    assert len(trial["scores"]["linear"]["chroma"]) == 4 and trial["scores"]["linear"]["refusal"] is None
    # A user's eyes see the same, and no candidate with a model means no model.
    assert run(f"{options} --candidates linear,lines") == 0
    printed = capsys.readouterr().out
    assert "music.wav: 2.000 s and 1 more: lines, by trial on 4 pseudo-gaps (dB, the lower, the better: " in printed
    assert "loading" not in printed
    # Without time, nothing is compared.
    assert run(f"{options} --candidates linear,lines --trial-seconds 0 --json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["trials"][0]["chosen"] == "linear" and report["trials"][0]["rounds"] == 0
    (warning,) = report["warnings"]
    assert "the trials took all of their 0 s: 4 pseudo-gaps were left untried, and nothing was compared" in warning
    assert run(f"{options} --dry-run") == 0
    assert "1 gap by janssen, 2 gaps by best" in capsys.readouterr().out


def test_the_model_is_adapted_for_the_repair_alone(folder, tiny_model, tones, capsys):
    pytest.importorskip("peft")
    sf.write("music.wav", tones(8 * RATE, RATE, 2).T, RATE, subtype="FLOAT")
    options = "--gap 4 4.2 --model model --seed 0"
    assert run(f"music.wav out.wav {options} --adapt 0 --save-adapter saved --json") == 0
    report = json.loads(capsys.readouterr().out)
    adaptation = report["adaptation"]
    assert adaptation["steps"] == 1 and adaptation["cross_entropy"] <= adaptation["cross_entropy_before"]
    assert run(f"music.wav again.wav {options} --adapter saved") == 0
    assert "the model was adapted by" in capsys.readouterr().out
    assert np.array_equal(*(read_audio(name).samples for name in ("out.wav", "again.wav")))
    # Nothing to adapt, and nothing to adapt to.
    assert run("music.wav out.wav --gap 4 4.004 --model model --adapt 1") == 2
    assert "--adapt must be left out where no gap needs a token model" in capsys.readouterr().err
    assert run("in.wav out.wav --gap 0.4 0.6 --model model --adapt 1") == 2
    assert "too little intact and audible music, in windows of " in capsys.readouterr().err
