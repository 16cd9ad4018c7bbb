"""The Space in a browser, as its visitors use it: from upload to download, two of them at once."""

import configparser
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile as sf
import yaml
from browser import chromium, in_browser, requests, wait
from packaging.requirements import Requirement
from processes import python
from scripts import EXAMPLES
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By

from aidd.repair.damage import UnmarkedSilenceWarning
from aidd.repair.request import RequestError
from aidd.signals.files import read_audio
from aidd.signals.formats import SubtypeError


SPACE = EXAMPLES / "space"


@pytest.fixture
def modules(monkeypatch):
    """The Space's own, which are imported from its folder."""
    monkeypatch.syspath_prepend(SPACE)
    import pictures
    import repair

    yield pictures, repair
    for name in ("gaps", "handlers", "pictures", "repair", "work", "zero_gpu"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    """Address of the running Space, for which there is no network but its own."""
    folder = tmp_path_factory.mktemp("space")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    environment = os.environ | nowhere | {"no_proxy": "127.0.0.1,localhost", "OMP_NUM_THREADS": "1"}
    environment |= {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(folder / "served")}
    with (folder / "log.txt").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-u", SPACE / "app.py"], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        wait(lambda: process.poll() is not None or "Running on" in (folder / "log.txt").read_text())
        assert process.poll() is None, (folder / "log.txt").read_text()
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGINT)
        process.wait(30)
        log.seek(0)
        messages = log.read()
    assert "Warning" not in messages and "Error" not in messages, messages


@pytest.fixture
def browser(tmp_path) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path) as driver:
        yield driver


class Visitor:
    """A tab of the browser with the Space in it. All methods turn to it first."""

    def __init__(self, browser: webdriver.Chrome, url: str, size: dict | None = None):
        browser.switch_to.new_window("tab")
        if size is not None:
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(url)
        self.browser, self.tab = browser, browser.current_window_handle
        self.one("#recording")

    def all(self, selector: str) -> list:
        self.browser.switch_to.window(self.tab)
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str, containing: str = ""):
        """The first that shows a text, once there is one."""
        return wait(lambda: [element for element in self.all(selector) if containing in element.text])[0]

    def upload(self, path: Path) -> None:
        self.one("#recording input[type=file]").send_keys(str(path))

    def write(self, selector: str, text: str) -> None:
        field = self.one(selector)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)
        field.send_keys(Keys.TAB)

    def is_told(self, place: str, error: str) -> None:
        """Where the visitor looks, once, and nowhere else."""
        assert self.one(place, error).text.count("⚠") == 1
        assert not self.all(".toast-body")

    def marked(self) -> str:
        return self.one("#marked textarea").get_attribute("value")

    def mark(self, seconds: float, shown: float, pixels_of: Callable[[float], float]) -> None:
        """Clicks on the picture, which shows so many seconds from the recording's start."""
        picture = self.one("#picture img")
        across = pixels_of(seconds / shown) - 0.5
        ActionChains(self.browser).move_to_element_with_offset(
            picture, round(across * picture.size["width"]), 30
        ).click().perform()

    def download(self, number: int, path: Path) -> Path:
        self.one(f"#download-{number}").click()
        return wait(lambda: path.exists() and path)


def played(asked: list[tuple[str, str]], visitor: Visitor, name: str, folder: Path) -> np.ndarray:
    """What a player of the page plays, `(channels, samples)`."""
    (address,) = {address for tab, address in asked if tab == visitor.tab and address.endswith(f"/{name}")}
    path, _ = urllib.request.urlretrieve(address, folder / f"played_{name}")
    return read_audio(path).samples


@in_browser
def test_two_visitors_repair_their_recordings(url, browser, tmp_path, tones, modules):
    pictures, _ = modules
    stereo, mono, bad = tmp_path / "stereo.wav", tmp_path / "mono.flac", tmp_path / "bad.wav"
    sf.write(stereo, tones(4 * 44_100, 44_100, 2).T, 44_100, subtype="PCM_24")
    sf.write(mono, tones(3 * 16_000, 16_000)[0], 16_000, subtype="PCM_16")
    bad.write_text("no audio")

    first = Visitor(browser, url)
    first.upload(stereo)
    assert "4.00 s, 44100 Hz, stereo, WAV PCM_24" in first.one("#status", "stereo.wav").text
    wide = int(first.one("#picture img").get_attribute("naturalWidth"))

    def share(of_axes: float) -> float:
        return (pictures.LEFT + of_axes * (wide / pictures.DPI - pictures.LEFT - pictures.RIGHT)) * pictures.DPI / wide

    first.mark(1.6, 4.0, share)
    first.one("#status", "begins at 1.")
    first.mark(1.5, 4.0, share)
    start, end = map(float, wait(first.marked).split())
    assert (start, end) == pytest.approx((1.5, 1.6), abs=2 * 4.0 / first.one("#picture img").size["width"])

    second = Visitor(browser, url)
    second.upload(bad)
    second.is_told("#message", "bad.wav: cannot be read as audio")
    assert not second.all("#picture img")
    second.one("#recording button[aria-label=Clear]").click()
    second.upload(mono)
    second.one("#status", "mono.flac")
    second.write("#method input", "linear\n")
    second.write("#marked textarea", "1.0 1.06")

    first.one("#run").click()
    first.one("#summary", "Starting")
    second.one("#run").click()
    second.is_told("#summary", "Variations must be 1 for linear")
    second.one("#run").click()
    second.is_told("#summary", "Variations must be 1 for linear")
    second.write("#variations input[type=number]", "1")
    second.one("#run").click()
    assert second.one("#summary", "filled").text.startswith("1 gap filled, 0.060 s in all")
    assert first.one("#summary", "filled").text.startswith(f"1 gap filled, {end - start:.3f} s in all")
    assert first.marked().split() == [f"{start:.3f}", f"{end:.3f}"] and second.marked() == "1.0 1.06"

    # Nothing but the gaps has changed in what is downloaded, and the gaps have.
    before = read_audio(stereo)
    variations = [read_audio(first.download(n, tmp_path / f"stereo-repaired-{n}.wav")) for n in (1, 2)]
    gap = slice(int(start * 44_100), int(np.ceil(end * 44_100)))
    for after in variations:
        assert (after.sampling_rate, after.subtype, after.format) == (44_100, "PCM_24", "WAV")
        changed = (after.samples != before.samples).any(0)
        assert changed[gap].mean() > 0.9 and changed.sum() == changed[gap].sum()
    assert (variations[0].samples != variations[1].samples).any()
    after = read_audio(second.download(1, tmp_path / "mono-repaired.flac"))
    assert (after.sampling_rate, after.subtype, after.format) == (16_000, "PCM_16", "FLAC")
    kept = np.ones(3 * 16_000, bool)
    kept[16_000:16_960] = False
    assert np.array_equal(after.samples[:, kept], read_audio(mono).samples[:, kept])
    assert np.abs(np.diff(after.samples[0, 16_000:16_960], 2)).max() < 2 * 2**-15
    names = ("recording", "gaps-silenced", "variation-1", "variation-2", "difference", "box-alone")
    heard = [name for name in names if second.all(f"#play-{name}")]
    assert heard == ["recording", "gaps-silenced", "variation-1", "difference"]

    # What is played is the same, from the start to 2 s after the gap.
    wait(lambda: first.one("#play-variation-2 #duration").text not in ("", "0:00"))
    asked = requests(browser)
    damaged = before.samples.copy()
    damaged[:, gap] = 0
    expected = {"recording": before.samples, "gaps_silenced": damaged, "variation_2": variations[1].samples}
    expected["difference"] = variations[0].samples - before.samples
    for name, samples in expected.items():
        audio = played(asked, first, f"{name}.wav", tmp_path)
        assert audio.shape == (2, gap.stop + 2 * 44_100)
        assert np.abs(audio - samples[:, : audio.shape[-1]]).max() <= 2**-15
    first.one("#play-variation-2 .play-pause-button").click()
    wait(lambda: first.one("#play-variation-2 #time").text != "0:00")
    # No font, script or figure comes from elsewhere.
    fetched = [urlsplit(address) for _, address in asked]
    assert {one.netloc for one in fetched if one.scheme in ("http", "https")} == {urlsplit(url).netloc}


@in_browser
def test_an_example_and_what_is_recorded_on_a_narrow_page(url, browser):
    size = {"width": 420, "height": 900, "deviceScaleFactor": 1, "mobile": True}
    visitor = Visitor(browser, url, size)
    visitor.one("button", "with a dropout").click()
    visitor.one("#status", "24000 Hz, mono, FLAC PCM_16")
    visitor.one("#find").click()
    assert "Dropouts: 1 gap found, 0.300 s in all." in visitor.one("#status", "found").text
    assert visitor.marked() == "3.2 3.5 dropouts"
    # What was found is edited like any other line.
    visitor.write("#marked textarea", "3.19 3.5 dropouts")
    visitor.write("#method input", "linear\n")
    visitor.write("#variations input[type=number]", "1")
    visitor.one("#run").click()
    summary = visitor.one("#summary", "1 gap filled, 0.310 s in all").text
    assert "The filling took" in summary and "loaded" not in summary
    visitor.one("#spectrograms img")
    assert browser.execute_script("return document.documentElement.scrollWidth") == 420
    # All but 10 ms of the gap are silent in the recording, which is not shown twice for them.
    visitor.one("#play-gaps-silenced")

    # One key goes round, while the loop about the gap is played.
    visitor.one("#comparer button[data-do=play]").click()
    comparer = visitor.one("#comparer")
    wait(lambda: comparer.get_attribute("data-heard") == "A")
    start, stop = map(float, comparer.get_attribute("data-loop").split())
    assert start == pytest.approx(1.3) and stop == pytest.approx(3.01)
    for name in ("B", "X", "A"):
        ActionChains(browser).send_keys("x").perform()
        wait(lambda name=name: comparer.get_attribute("data-heard") == name)

    # A rectangle is drawn on the spectrogram, and one gap more on the waveform.
    def drag(x: float, y: float, across: int, down: int) -> None:
        picture = visitor.one("#picture img")
        place = (round(x * picture.size["width"]), round(y * picture.size["height"]))
        ActionChains(browser).move_to_element_with_offset(picture, *place).click_and_hold().move_by_offset(
            across, down
        ).release().perform()

    drag(0.2, 0.2, 30, -60)
    low, high, begin, end = map(float, wait(lambda: visitor.one("#boxes textarea").get_attribute("value")).split())
    assert 100 < low < high < 12_000 and 6 < begin < end < 10
    visitor.one("#fill").click()
    assert "other frequencies change by -" in visitor.one("#summary", "1 box filled, 1 box by log_magnitude").text
    heard = [
        name for name in ("gaps-silenced", "variation-1", "difference", "box-alone") if visitor.all(f"#play-{name}")
    ]
    assert heard == ["variation-1", "difference", "box-alone"]
    drag(0.1, -0.3, 30, 5)
    assert len(wait(lambda: len(visitor.marked().splitlines()) == 2 and visitor.marked()).splitlines()[1].split()) == 2

    visitor.one("#recording button[aria-label=Clear]").click()
    visitor.one("#recording button[aria-label='Record audio']").click()
    visitor.one("#recording .record-button").click()
    time.sleep(1)
    visitor.one("#recording .stop-button").click()
    status = visitor.one("#status", "audio.wav").text
    assert float(re.search(r"audio.wav: ([\d.]+) s", status)[1]) > 0.5 and "found" not in status
    visitor.one("#run").click()
    visitor.is_told("#summary", "Nothing is marked as a gap: drag over it")


def run_app(*arguments, **environment: str) -> subprocess.CompletedProcess:
    """Python that finds the Space's modules. Gradio would leave event loops open in this process."""
    place = os.pathsep.join([str(SPACE), os.environ.get("PYTHONPATH", "")])
    return python.run(*arguments, **{"PYTHONPATH": place, **environment})


def test_help_starts_no_server():
    result = run_app(SPACE / "app.py", "--help")
    assert result.returncode == 0 and not result.stderr
    assert "Running on" not in result.stdout and {"--model", "--host", "--port"} <= set(result.stdout.split())


def test_a_model_that_is_none_is_told_before_anything_is_served(tmp_path):
    # The way in which a Space is given a model.
    result = run_app(SPACE / "app.py", AIDD_MODEL=str(tmp_path))
    assert result.returncode == 1 and result.stderr.startswith(f"{tmp_path}: the folder holds no pipeline")
    assert "Running on" not in result.stdout and len(result.stderr.splitlines()) == 1


def test_a_repair_without_a_recording_is_told_in_a_sentence(modules):
    import handlers

    _, repair = modules
    import work

    asked = (0, 1, repair.ENCODINGS[0], 400.0, lambda *_, **__: None)
    for updates in (
        handlers.repaired(work.worker(), None, "1 1.2", "auto", *asked),
        handlers.boxes_filled(work.worker(), None, "1 2 3 4", "fading", 0, *asked[2:]),
    ):
        ((_, summary, *others),) = updates
        assert summary.startswith("⚠ **There is no recording yet") and len(others) == handlers.NUM_SHOWN


# Instead of being served, the page repairs a recording into a folder.
SERVED = """
import sys
from pathlib import Path

import app
import gradio as gr
from handlers import repaired
from repair import ENCODINGS, open_recording

recording = open_recording(sys.argv.pop(1))
folder = Path(sys.argv.pop(1))


def launch(blocks, server_name, server_port, **settings):
    print(server_name, server_port)
    print([one.value for one in blocks.blocks.values() if isinstance(one, gr.Markdown)][0].splitlines()[1])
    (run,) = [one.fn for one in blocks.fns.values() if getattr(one.fn, "func", None) is repaired]
    for updates in run(recording, "1.0 1.3", "aidd", 0, 1, ENCODINGS[0], 400.0):
        (path,) = [one for one in updates if isinstance(one, Path) and "-repaired" in one.name]
        (folder / path.name).write_bytes(path.read_bytes())


gr.Blocks.launch = launch
app.main()
"""


def test_a_model_that_is_given_fills_the_gaps(modules, tiny_pipeline, tmp_path, tones):
    _, repair = modules
    folder = tmp_path / "pipeline"
    tiny_pipeline.save_pretrained(folder)
    for name in ("expected", "served"):
        (tmp_path / name).mkdir()
    sf.write(tmp_path / "tones.wav", tones(3 * 24_000, 24_000)[0], 24_000, subtype="PCM_16")
    recording = repair.open_recording(tmp_path / "tones.wav")
    request = repair.request_for("aidd", 0, 1, tiny_pipeline)
    report, _ = repair.repair(recording, "1.0 1.3", tmp_path / "expected", request)
    (expected,) = map(Path, report.outputs)

    arguments = ("--model", folder, "--host", "0.0.0.0", "--port", 8000)
    result = run_app("-c", SERVED, tmp_path / "tones.wav", tmp_path / "served", *arguments)
    assert result.returncode == 0, result.stderr[-4000:]
    address, introduction = result.stdout.splitlines()
    assert address == "0.0.0.0 8000"
    assert introduction.startswith(f"Gaps of up to {tiny_pipeline.max_gap_seconds:.2g} s")
    assert (tmp_path / "served" / expected.name).read_bytes() == expected.read_bytes()


@pytest.fixture
def lending(modules, monkeypatch):
    """`spaces`, as on ZeroGPU: what functions that need a GPU are given and return has been in another process."""
    monkeypatch.syspath_prepend(Path(__file__).parent / "spaces_stub")
    import spaces

    yield spaces
    sys.modules.pop("spaces")


def test_methods_with_a_model_ask_for_a_gpu_as_long_as_they_need(lending, modules, tiny_pipeline, tmp_path, tones):
    import work

    _, repair = modules
    sf.write(tmp_path / "tones.wav", tones(3 * 24_000, 24_000)[0], 24_000, subtype="PCM_16")
    recording = repair.open_recording(tmp_path / "tones.wav")
    tiny_pipeline.set_progress_bar_config(disable=True)
    do = work.worker(tiny_pipeline)

    def asked(text: str, method: str, num_variations: int = 1, **settings) -> work.Work:
        return work.Work(recording, text, tmp_path, method, 0, num_variations, as_float=False, **settings)

    report, sentences, _ = do(asked("1.0 1.3", "aidd"), iter)
    assert "1 gap" in sentences[0] and len(report.outputs) == 1
    request = repair.request_for("aidd", 0, 1, tiny_pipeline)
    (tmp_path / "here").mkdir()
    expected, _ = repair.repair(recording, "1.0 1.3", tmp_path / "here", request)
    assert Path(report.outputs[0]).read_bytes() == Path(expected.outputs[0]).read_bytes()
    (one,) = lending.durations
    do(asked("1.0 1.3", "linear"), iter)
    assert len(lending.durations) == 1
    do(asked("1.0 1.3\n2.0 2.2", "aidd", 2), iter)
    assert one < lending.durations[1] <= 120
    # Errors of the package come back as sentences, and those of the lines are no others.
    wrong = {"1.0 2.9": "fills gaps of up to", "1.0": "line 1 of the gaps", "1 inf": "inf", "nan 2": "nan"}
    for text, said in wrong.items():
        with pytest.raises(ValueError, match=f"(?i){said}"):
            do(asked(text, "aidd"), iter)
    assert work.gpu_seconds(asked("0 1\n" * 500, "aidd")) == 120
    assert work.gpu_seconds(asked("100 200 1 2", "spectrogram_repaint", has_boxes=True)) == 17


def test_clicks_on_a_picture_mean_what_it_shows(modules, tmp_path):
    pictures, repair = modules
    path = tmp_path / "noise.wav"
    sf.write(path, 0.1 * np.random.default_rng(0).standard_normal(8 * 8000), 8000)
    recording = repair.open_recording(path)
    for width in (360, 1000):
        view = pictures.view_of(recording, 2.0, 5.0, width)
        picture = pictures.draw(recording, "3.5 4.75", "", None, view)
        assert picture.shape[1] == pictures.DPI / pictures.PAGE_DPI * width
        # Pixels of the row above the waveform that are neither white nor grey.
        row = picture[round((pictures.TOP + 0.05) * pictures.DPI)].astype(int)
        (coloured,) = np.nonzero(np.ptp(row, axis=-1) > 30)
        # The gap has an edge, some columns wide, and places are rounded to milliseconds.
        close = 4 * 5.0 / (picture.shape[1] - (pictures.LEFT + pictures.RIGHT) * pictures.DPI) + 0.001
        assert view.at(coloured[0]) == pytest.approx(3.5, abs=close)
        assert view.at(coloured[-1] + 1) == pytest.approx(4.75, abs=close)
        assert view.at(0) == 2.0 and view.at(picture.shape[1]) == 7.0


def test_a_view_stays_within_the_recording(modules, tmp_path):
    pictures, repair = modules
    sf.write(tmp_path / "short.wav", np.full(5, 0.5), 8000)
    recording = repair.open_recording(tmp_path / "short.wav")
    view = pictures.view_of(recording, 3.0, 10.0, 500)
    assert (view.start, view.seconds) == (0.0, 5 / 8000)
    assert view.at(1e6) <= recording.seconds
    assert pictures.draw(recording, "", "", None, view).any()


LINES = [
    "3.2",
    "a b",
    "1 2 3",
    "1 2\n3,5 4",
    "1 2 channel",
    "1 2 channel x",
    "1 2 channel 1 hum",
    "channel 1 2",
    "clicks",
]


@pytest.mark.parametrize("text", LINES)
def test_lines_that_are_no_gaps(modules, text):
    with pytest.raises(ValueError, match=r"line \d of the gaps: expected start and end in seconds"):
        modules[1].parse_gaps(text)
    with pytest.raises(ValueError, match=r"line 1 of the boxes: expected lowest and highest Hz"):
        modules[1].parse_boxes(text)


def test_what_was_found_is_what_its_lines_say(modules, tmp_path):
    """A click in one channel, a dropout in both: as lines, and back from them to the sample."""
    _, repair = modules
    import gaps

    rate = 44_100
    turns = 2 * np.pi * np.arange(2 * rate) / rate
    audio = 0.2 * np.stack([np.sin(220 * turns), np.sin(331 * turns)])
    audio += 0.002 * np.random.default_rng(0).normal(size=audio.shape)
    audio[1, 30_001:30_004] += 0.8
    audio[:, 50_001:60_002] = 0
    sf.write(tmp_path / "a.wav", audio.T, rate, subtype="PCM_24")
    recording = repair.find(repair.open_recording(tmp_path / "a.wav"), ["dropouts", "clicks"])
    found = gaps.found_lines(recording.damage, recording.scan)
    assert {(line.channel, line.kind) for line in found} == {(2, "clicks"), (None, "dropouts")}
    text = "\n".join(map(str, found))
    parsed = repair.parse_gaps(text)
    damage = repair.damage_of(parsed, recording)
    for channel, marked in enumerate(gaps.gaps_of_lines(parsed, recording.scan)):
        expected = sorted(gap for found in recording.damage.found.values() for gap in found[channel].tolist())
        assert marked.tolist() == expected == damage.found["clicks"][channel].tolist()

    # The click alone is repaired, in its channel.
    (click,) = [str(line) for line in found if line.kind == "clicks"]
    report, _ = repair.repair(recording, click, tmp_path, repair.request_for("linear", 0, 1))
    changed = read_audio(report.outputs[0]).samples != read_audio(tmp_path / "a.wav").samples
    assert not changed[0].any() and 0 < changed[1].sum() < 100


def test_boxes_are_filled_and_nothing_else(modules, tmp_path, tones):
    _, repair = modules
    rate = 44_100
    audio = tones(12 * rate, rate, 2)
    beep = 0.2 * np.sin(2 * np.pi * 5000 * np.arange(rate // 2) / rate)
    audio[:, 6 * rate : 6 * rate + len(beep)] += beep
    sf.write(tmp_path / "a.wav", audio.T, rate, subtype="PCM_24")
    recording = repair.open_recording(tmp_path / "a.wav")
    request = repair.request_for("log_magnitude", 0, 1)
    report, _ = repair.repair_boxes(recording, "4500 5500 5.95 6.55", tmp_path, request)
    before, after = (read_audio(path).samples for path in (tmp_path / "a.wav", report.outputs[0]))
    (places,) = np.nonzero((before != after).any(0))
    assert before.shape == after.shape and 5.85 * rate < places[0] and places[-1] < 6.65 * rate
    middle = slice(round(6.1 * rate), round(6.4 * rate))
    level = [np.abs(np.fft.rfft(one[0, middle]))[1500] for one in (before, after)]
    assert level[1] < level[0] / 10 and report.other_frequencies_db < -20
    comparison = modules[0].compare_boxes(recording, report, tmp_path, 800)
    heard = {name: read_audio(path).samples for name, path in comparison.files.items()}
    assert np.abs(heard["Variation 1"] - heard["Recording"] - heard["Difference"]).max() < 3 * 2**-15
    alone = np.abs(np.fft.rfft(heard["Box alone"][0, round(2.15 * rate) : round(2.45 * rate)]))
    assert alone.argmax() == 1500 and heard["Box alone"][:, :rate].any() == 0
    with pytest.raises(ValueError, match="no box is drawn"):
        repair.repair_boxes(recording, "", tmp_path, request)
    with pytest.raises(ValueError, match="expected a box"):
        repair.repair_boxes(recording, "5500 4500 5.95 6.55", tmp_path, request)


def test_what_is_too_much_for_a_page_is_refused(modules, tmp_path):
    pictures, repair = modules
    for name, samples, rate, channels in (("long", 31 * 60 * 100, 100, 1), ("many", 100, 8000, 9)):
        sf.write(tmp_path / f"{name}.wav", np.zeros((samples, channels)), rate)
        with pytest.raises(ValueError, match=rf"{name}\.wav: this page takes up to 30 minutes and 8 channels"):
            repair.open_recording(tmp_path / f"{name}.wav")
    sf.write(tmp_path / "short.wav", np.full(800, 0.5), 8000)
    recording = repair.open_recording(tmp_path / "short.wav")
    for width in (-1e9, 1e9):
        assert 200 <= pictures.view_of(recording, 0.0, 1.0, width).width <= 2000
    with pytest.raises(ValueError, match="expected at most 20000 lines, got 20001"):
        repair.parse_gaps("0 0.01\n" * 20_001)


def test_what_the_package_says_becomes_a_sentence(modules):
    sentence = modules[1].sentence
    assert sentence(ValueError("/tmp/x1/my file.wav: no such file")) == "my file.wav: no such file."
    assert sentence(ValueError("gap from 1 s to 0 s: no")) == "Gap from 1 s to 0 s: no."
    loud = SubtypeError("/tmp/x1/my file.wav: samples reach 2", ["FLOAT"])
    assert sentence(loud) == 'my file.wav: samples reach 2; choose "WAV, 32-bit float".'
    assert sentence(RequestError("num_variations", "must be 1 for linear")) == "Variations must be 1 for linear."
    assert sentence(UnmarkedSilenceWarning("mark them too")) == "Mark them too, or find dropouts."


def test_what_the_hub_is_told():
    """A Space installs what the package and its extra ask for, Gradio by the version in the front matter."""
    config = configparser.ConfigParser()
    config.read(EXAMPLES.parent / "setup.cfg")
    of_package, of_space = (
        [line for line in lines.splitlines() if line and not line.startswith("#")]
        for lines in (config["options"]["install_requires"], config["options.extras_require"]["space"])
    )
    lines = (SPACE / "requirements.txt").read_text().splitlines()
    gradio, *others = sorted(of_space)
    assert sorted(line for line in lines if not line.startswith("#")) == sorted([*of_package, *others])
    front_matter = yaml.safe_load((SPACE / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert front_matter["sdk"] == "gradio" and front_matter["license"] == "apache-2.0"
    assert Requirement(gradio).specifier.contains(front_matter["sdk_version"])
    assert (SPACE / front_matter["app_file"]).is_file()
    # Those of ZeroGPU, and versions of torch that it has are among those that are asked for.
    assert front_matter["python_version"] in ("3.10.13", "3.12.12")
    (torch,) = (Requirement(line) for line in lines if line.startswith("torch>"))
    assert all(torch.specifier.contains(version) for version in ("2.8.0", "2.11.0"))
    texts = [path.read_text(encoding="utf-8") for path in SPACE.glob("*.py")]
    assert not [text for text in texts if "torch.compile" in text]
