"""The page of an audit: what stands on it, and a listener who goes through it with a keyboard."""

import base64
import io
import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from browser import chromium, in_browser, requests, wait
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By

from aidd import RepairRequest, repair_file
from aidd.audit.clips import Clip, heard, spectrograms, wav_bytes, waveform_path
from aidd.audit.page import clock, riskiest
from aidd.cli.main import main
from aidd.repair.difference import write_difference
from aidd.repair.record import read_record, write_record
from aidd.repair.recorder import Recorder
from aidd.signals.files import read_audio


RATE = 8_000
# What a file may be called, and a page must not take for its own.
NAME = "a <b onclick='x'>\"$title\" & Söhne.wav"


@pytest.fixture
def folder(tmp_path, tones, monkeypatch):
    """The current folder with a repair of four gaps of a file with such a name, `r.json` and `d.wav`."""
    monkeypatch.chdir(tmp_path)
    samples = tones(4 * RATE, RATE, 2)
    sf.write(NAME, samples.T, RATE, subtype="PCM_16")
    recorder = Recorder()
    gaps = [(0.1, 0.15), (1.0, 1.002), (2.0, 2.4), (3.9, 4.0)]
    report = repair_file(NAME, f"out {NAME}", RepairRequest(gaps=gaps, method="linear"), recorder=recorder)
    write_record("r.json", recorder.record(report, 1))
    write_difference("d.wav", NAME, f"out {NAME}")
    return tmp_path


def audit(*options):
    return main(["audit", f"out {NAME}", "--report", "r.json", "--page", "page.html", *options])


def embedded(page, kind):
    return [base64.b64decode(text) for text in re.findall(rf'src="data:{kind};base64,([^"]+)"', page)]


def test_the_riskiest_stand_first_and_are_heard_before_and_after(folder, capsys):
    assert audit() == 0
    assert capsys.readouterr().out == "page.html: 4 of 4 repairs\n"
    record, page = read_record("r.json"), Path("page.html").read_text(encoding="utf-8")
    ordered = sorted(record.repairs, key=lambda one: one.confidence)
    assert re.findall(r'data-number="(\d+)"', page) == [str(one.number) for one in ordered]
    clips = [sf.read(io.BytesIO(content), always_2d=True) for content in embedded(page, "audio/wav")]
    assert len(clips) == 8 == len(embedded(page, "image/png"))
    for number, repair in enumerate(ordered):
        around = slice(max(repair.start - RATE // 2, 0), min(repair.stop + RATE // 2, 4 * RATE))
        for (samples, rate), path in zip(clips[2 * number : 2 * number + 2], (NAME, f"out {NAME}"), strict=True):
            assert rate == RATE and np.array_equal(samples.T, read_audio(path).samples[:, around])


def test_what_was_there_may_come_from_the_difference(folder):
    assert audit() == 0
    expected = Path("page.html").read_bytes()
    Path(NAME).unlink()
    assert audit() == 2
    assert audit("--difference", "d.wav") == 0
    assert Path("page.html").read_bytes() == expected


def test_the_page_escapes_names_and_asks_for_nothing(folder):
    assert audit() == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert "<b onclick" not in page and "&lt;b onclick=&#x27;x&#x27;&gt;&quot;$title&quot; &amp; Söhne.wav" in page
    assert not re.findall(r"""(?:src|href|action)=["'](?!data:)""", page) and "http" not in page.replace(
        "http-equiv", ""
    )


def test_only_the_doubtful_are_shown_and_nothing_is_an_end_of_its_own(folder, capsys):
    confidences = sorted(one.confidence for one in read_record("r.json").repairs)
    assert audit("--below", str(confidences[2])) == audit("--most", "2") == 0
    assert capsys.readouterr().out == "page.html: 2 of 4 repairs\n" * 2
    assert "the 2 riskiest of 4 repairs" in Path("page.html").read_text(encoding="utf-8")
    # What was taken back is no repair any more.
    assert main(["revert", f"out {NAME}", "--report", "r.json", "--gaps", "1", "2", "3"]) == 0
    assert audit() == 0
    assert capsys.readouterr().out.endswith("page.html: 1 of 1 repairs\n")
    Path("page.html").unlink()
    assert audit("--below", "0") == 3
    assert "no repair to show: it holds 1" in capsys.readouterr().err and not Path("page.html").exists()


def test_boxes_are_shown_with_their_frequencies(folder):
    assert main(["inpaint", NAME, "boxes.wav", "--box", "300", "450.5", "1", "1.25", "--report", "boxes.json"]) == 0
    assert main(["audit", "boxes.wav", "--report", "boxes.json", "--page", "page.html"]) == 0
    page = Path("page.html").read_text(encoding="utf-8")
    facts = "filled by log_magnitude; because: given; all channels; 300 to 450.5 Hz from 1.000 to 1.250 s; "
    assert facts in page and re.search(r"other frequencies changed \d+\.\d dB below themselves", page)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--page", "page.txt"], "--page page.txt: expected a name that ends in .html"),
        (["--page", "none/page.html"], "--page none/page.html: no such folder: none"),
        (["--most", "0"], "--most must be at least 1, got 0"),
        (["--below", "2"], "--below must lie in [0, 1], got 2.0"),
        (["--input", "x.wav", "--difference", "d.wav"], "expected --input IN or --difference FILE, got both"),
        (["--input", "d.wav"], ""),
    ],
)
def test_what_does_not_fit_is_refused(folder, capsys, options, message):
    code = audit(*options)
    # A recording of the right form is shown as what was there before, as only a revert needs its very samples.
    assert code == (2 if message else 0)
    assert message in capsys.readouterr().err


def test_channels_are_heard_as_they_are_or_as_the_mean_of_those_that_were_repaired():
    audio = np.arange(8.0).reshape(4, 2)
    assert np.array_equal(heard(audio[:2], [1]), audio[:2])
    assert np.array_equal(heard(audio, [1, 3]), [[4.0, 5.0]])
    assert np.array_equal(heard(np.array([[np.nan, np.inf, 1.0]]), [0]), [[0.0, 0.0, 1.0]])


def test_clips_and_pictures_of_extreme_audio():
    loud = Clip(np.full((1, 50), 4.0), np.zeros((1, 50)), 0.0, (0.0, 0.001), RATE)
    assert np.abs(loud.gain * loud.before).max() < 1
    samples, _ = sf.read(io.BytesIO(wav_bytes(loud.gain * loud.before, RATE)))
    assert samples == pytest.approx(np.full(50, 0.999), abs=2**-15)
    assert Clip(np.zeros((2, 9)), np.zeros((2, 9)), 0.0, (0.0, 0.001), RATE).gain == 1
    assert all(picture.startswith(b"\x89PNG") for picture in spectrograms(loud))
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", waveform_path(loud.before, 4.0))]
    assert (min(numbers[::2]), max(numbers[::2])) == (0, 480) and set(numbers[1::2]) == {-1.0}


def test_times_and_order():
    assert clock(62.4996) == "1:02.500" and clock(0) == "0:00.000"
    assert riskiest([], 3) == []


@in_browser
def test_a_listener_rejects_by_keyboard_and_takes_back_what_was_rejected(folder, capsys):
    assert audit() == 0
    capsys.readouterr()
    order = re.findall(r'data-number="(\d+)"', Path("page.html").read_text(encoding="utf-8"))
    with chromium(folder) as browser:
        browser.get((folder / "page.html").as_uri())

        def press(*keys):
            ActionChains(browser).send_keys(*keys).perform()

        def current():
            return browser.find_element(By.CSS_SELECTOR, ".repair.current").get_attribute("data-number")

        def command():
            return browser.find_element(By.ID, "command").get_attribute("value")

        def is_played(name):
            script = f"return !document.querySelector('.current .take[data-name={name}] audio').paused"
            return browser.execute_script(script)

        def count():
            return browser.find_element(By.ID, "count").text

        assert browser.title == f"Repairs of out {NAME}" and current() == order[0]
        assert count() == "0 accepted, 0 rejected, 4 undecided" and command().startswith("Nothing is rejected")
        assert not browser.find_element(By.ID, "copy").is_enabled()

        # One is played at a time, and the other goes on from the same place.
        press("b")
        wait(lambda: is_played("before"))
        press("x")
        wait(lambda: is_played("after") and not is_played("before"))
        press("a")
        wait(lambda: not is_played("after"))

        press("n")
        assert current() == order[1]
        press("y")
        press("n")
        press("k", "u")
        assert count() == "1 accepted, 1 rejected, 2 undecided"
        press("n")
        press("j", "j", "j")
        assert current() == order[-1]
        assert count() == "1 accepted, 2 rejected, 1 undecided"
        numbers = sorted(map(int, (order[0], order[2])))
        expected = ["aidd", "revert", f"out {NAME}", "--report", "r.json", "--gaps", *map(str, numbers)]
        assert shlex.split(command()) == expected

        # Keys of a field are its own; buttons do what keys do, and are reached by Tab.
        browser.find_element(By.ID, "command").send_keys("n")
        assert count() == "1 accepted, 2 rejected, 1 undecided"
        press(Keys.ESCAPE)
        last = browser.find_element(By.ID, f"repair-{order[-1]}")
        last.find_element(By.CSS_SELECTOR, "[data-do=accept]").send_keys(Keys.ENTER)
        assert count() == "2 accepted, 2 rejected, 0 undecided"
        assert last.find_element(By.CSS_SELECTOR, "[data-do=accept]").get_attribute("aria-pressed") == "true"
        browser.find_element(By.ID, "copy").click()
        wait(lambda: count() == "Copied.")

        # Decisions are there when the page is opened again.
        browser.refresh()
        assert count() == "2 accepted, 2 rejected, 0 undecided"
        browser.find_element(By.ID, "download").click()
        wait(lambda: Path("rejected.json").exists())
        # The page has asked for nothing, and nothing went wrong in it.
        assert not browser.get_log("browser")
        asked = [address for _, address in requests(browser)]
        assert not [address for address in asked if address.startswith(("http", "ws", "ftp"))]
        assert {address for address in asked if address.startswith("file")} == {(folder / "page.html").as_uri()}

    listed = json.loads(Path("rejected.json").read_text(encoding="utf-8"))
    assert listed["rejected"] == numbers and listed["undecided"] == []
    shutil.copy(f"out {NAME}", "kept.wav")
    assert main(expected[1:]) == 0
    reverted = Path(f"out {NAME}").read_bytes()
    shutil.copy("kept.wav", f"out {NAME}")
    assert main(["revert", f"out {NAME}", "--report", "r.json", "--rejected", "rejected.json"]) == 0
    assert Path(f"out {NAME}").read_bytes() == reverted
