import base64
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest
import soundfile as sf


pytest.importorskip("matplotlib")

from aidd.evaluation.reports.page import Example, blind_conditions, slug, write_blind_page, write_index_page


RATE = 8000
HOSTILE = [
    '<img src=x onerror="alert(1)">',
    "</script><script>alert(1)</script>",
    "$title ${data} $$",
    "'\" -->",
    "../../x",
]
METHODS = ["zebra", "ocelot_2"]


def example(key="k1", title="Some music", methods=METHODS, loudness=0.5):
    random = np.random.default_rng(len(key))
    original = loudness * random.uniform(-1, 1, (2, RATE))
    damaged = original.copy()
    damaged[:, 3000:4000] = 0
    filled = {name: damaged + 0.01 * number * (damaged == 0) for number, name in enumerate(methods, 1)}
    audios = {"original": original, "damaged": damaged, **filled}
    return Example(key=key, title=title, sampling_rate=RATE, gaps=[(0.375, 0.5)], audios=audios)


class Reader(HTMLParser):
    """Tags with the names of their attributes, the values of all, the text, and the scripts of a page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.values, self.text, self.scripts = [], [], "", []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, tuple(sorted(name for name, _ in attributes))))
        self.values += [(name, value) for name, value in attributes]
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data
        else:
            self.text += data


def index_of(folder, examples, **values):
    folder.mkdir(exist_ok=True)
    given = {"title": "T", "facts": "F", "results": "<p>R</p>", "links": {}} | values
    write_index_page(folder, examples, **given)
    return Reader((folder / "index.html").read_text(encoding="utf-8"))


def blind_of(folder, examples, **values):
    folder.mkdir(exist_ok=True)
    write_blind_page(folder, examples, **values)
    reader = Reader((folder / "blind.html").read_text(encoding="utf-8"))
    return reader, json.loads(reader.scripts[0])


def decoded(key):
    return json.loads(base64.b64decode(key))


def test_every_take_is_there_with_its_gap_sound_and_picture(tmp_path):
    page = index_of(tmp_path, [example(), example("k2")])
    sources = [value for name, value in page.values if name == "src"]
    assert len(sources) == 2 * 2 * 4 and all((tmp_path / unquote(source)).is_file() for source in sources)
    sounds = [source for source in sources if source.endswith(".wav")]
    for source, (name, audio) in zip(sounds, [*example().audios.items(), *example("k2").audios.items()], strict=True):
        assert name in source
        np.testing.assert_allclose(sf.read(tmp_path / source)[0].T, audio, atol=2**-16)
    assert page.values.count(("style", "left:37.500%;width:12.500%")) == 8
    assert "125 ms are missing at 0.38 s" in page.text and "quieter" not in page.text


def test_what_exceeds_full_scale_makes_all_of_an_example_quieter(tmp_path):
    loud = example(loudness=1.7)
    page = index_of(tmp_path, [loud])
    for source, audio in zip(
        [value for name, value in page.values if name == "src" and value.endswith(".wav")],
        loud.audios.values(),
        strict=True,
    ):
        np.testing.assert_allclose(sf.read(tmp_path / source)[0].T, loud.gain * audio, atol=2**-16)
    assert f"played {-20 * np.log10(loud.gain):.1f} dB quieter" in page.text and 0.5 < loud.gain < 0.6


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text_and_never_markup(tmp_path, name):
    plain = index_of(tmp_path / "plain", [example()], links={"l": "a.html"})
    page = index_of(
        tmp_path / "hostile",
        [example(key=name, title=name, methods=[name, "other"])],
        title=name,
        facts=name,
        links={name: "a.html"},
    )
    assert page.tags == plain.tags and page.scripts == plain.scripts
    # Title twice, facts, link, the example's title, and what its caption says.
    assert page.text.count(name) == 6 and ("alt", f"Spectrogram of {name}") in page.values
    assert sorted(path.suffix for path in (tmp_path / "hostile").iterdir()) == ["", "", ".html"]

    (tmp_path / "blind").mkdir()
    plain, _ = blind_of(tmp_path / "plain", [example()])
    page, data = blind_of(tmp_path / "blind", [example(key=name, methods=[name, "other"])])
    assert page.tags == plain.tags and page.scripts[1:] == plain.scripts[1:]
    assert not set("<>&") & set(page.scripts[0])
    assert data["trials"][0]["trial"] == name and name in decoded(data["key"]).values()


def test_pages_ask_the_network_for_nothing(tmp_path):
    for page in (index_of(tmp_path, [example()]), blind_of(tmp_path, [example()])[0]):
        addresses = [value for name, value in page.values if name in ("src", "href", "action", "data", "poster")]
        assert addresses and not [value for value in addresses if re.match(r"(\w+:)?//", value)]
        assert ("link", ("href", "rel")) in page.tags and ("href", "data:,") in page.values
    for name in ("index.html", "blind.html"):
        assert not re.search(r"https?:|fetch\(|XMLHttpRequest|@import|url\(", (tmp_path / name).read_text())


def test_a_page_of_results_alone_has_nothing_to_play(tmp_path):
    page = index_of(tmp_path, [])
    assert not {"audio", "figure"} & {tag for tag, _ in page.tags} and "Listen" not in page.text
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


def test_the_blind_page_tells_no_name_outside_its_key(tmp_path):
    _, data = blind_of(tmp_path, [example("k1"), example("k2"), example("k3")])
    html = (tmp_path / "blind.html").read_text().replace(data["key"], "")
    names = [path.name for path in (tmp_path / "blind").iterdir()]
    for method in (*METHODS, "original", "damaged", "anchor"):
        assert method not in html and not [name for name in names if method in name]
    assert all(re.fullmatch(r"[0-9a-f]{16}\.wav", name) for name in names)


def test_every_trial_has_a_hidden_reference_and_an_anchor_in_an_order_that_says_nothing(tmp_path):
    examples = [example(f"k{number}") for number in range(8)]
    _, data = blind_of(tmp_path, examples)
    key = decoded(data["key"])
    assert [trial["trial"] for trial in data["trials"]] == [one.key for one in examples]
    files = [file for trial in data["trials"] for file in (trial["reference"], *trial["stimuli"])]
    assert len(set(files)) == len(files) == 8 * 5 and set(key) == set(files) - {t["reference"] for t in data["trials"]}
    orders = set()
    for trial, one in zip(data["trials"], examples, strict=True):
        order = tuple(key[file] for file in trial["stimuli"])
        orders.add(order)
        assert sorted(order) == sorted(["reference", "anchor", *METHODS])
        audios = {"reference": one.audios["original"], "anchor": one.audios["damaged"], **one.audios}
        for file, name in zip((trial["reference"], *trial["stimuli"]), ("original", *order), strict=True):
            np.testing.assert_allclose(sf.read(tmp_path / file)[0].T, audios[name], atol=2**-16)
        assert trial["stimuli"] == sorted(trial["stimuli"])
    assert len(orders) > 1
    assert blind_of(tmp_path / "again", examples)[1] == data
    assert not set(key) & set(decoded(blind_of(tmp_path / "other", examples, seed=1)[1]["key"]))


def test_nothing_is_rated_twice(tmp_path):
    one = example(methods=["zebra"])
    audios = {**one.audios, "masked": one.audios["damaged"].copy(), "perfect": one.audios["original"].copy()}
    one = Example("k", "t", RATE, one.gaps, audios)
    assert list(blind_conditions(one)) == ["reference", "anchor", "zebra"]


def test_wrong_examples_are_refused(tmp_path):
    fine = example()
    for change, message in [
        ({"damaged": None}, "expected 'original' and 'damaged', got original, zebra, ocelot_2"),
        ({"zebra": fine.audios["zebra"][:1]}, r"got \(1, 8000\) of zebra, \(2, 8000\) of original"),
        ({"zebra": np.full((2, RATE), np.nan)}, "expected finite samples, got others of zebra"),
        ({name: audio.T for name, audio in fine.audios.items()}, r"\(channels, samples\)"),
    ]:
        audios = {name: audio for name, audio in {**fine.audios, **change}.items() if audio is not None}
        with pytest.raises(ValueError, match=message):
            Example("k", "t", RATE, fine.gaps, audios)
    with pytest.raises(ValueError, match=r"examples of different keys, got \['k1', 'k1'\]"):
        write_blind_page(tmp_path, [fine, fine])
    with pytest.raises(ValueError, match="one or more examples"):
        write_blind_page(tmp_path, [])
    with pytest.raises(ValueError, match="no method can be called anchor"):
        write_blind_page(tmp_path, [example(methods=["anchor"])])
    assert not list(tmp_path.glob("*.html"))


@pytest.mark.parametrize("text", ["../../etc", "a b/c\\d", "", "é" * 9, "a" * 300, 'con|<>:"?*', ".hidden"])
def test_a_slug_is_harmless_in_a_path(text):
    assert re.fullmatch(r"[A-Za-z0-9_-]{0,40}", slug(text))


needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not there to read JavaScript")


def run_node(*arguments):
    return subprocess.run(["node", *arguments], capture_output=True, text=True, check=True).stdout


@needs_node
def test_scripts_parse(tmp_path):
    pages = [index_of(tmp_path, [example()]), blind_of(tmp_path, [example()])[0]]
    scripts = [script for page in pages for script in page.scripts if not script.startswith("{")]
    assert len(scripts) == 3
    for number, script in enumerate(scripts):
        (tmp_path / f"{number}.js").write_text(script)
        run_node("--check", str(tmp_path / f"{number}.js"))


@needs_node
def test_the_order_is_drawn_from_the_seed_and_ratings_go_to_their_conditions(tmp_path):
    page, data = blind_of(tmp_path, [example(f"k{number}", methods=["zébra", "ocelot"]) for number in range(4)])
    (tmp_path / "run.js").write_text(
        page.scripts[1] + f"const data = {json.dumps(data)};"
        "const runs = [...Array(301).keys()].map((number) => {"
        "  const seed = number % 300; const trials = arrange(data.trials, seed);"
        # The rating is a number made of the file's name.
        "  const rate = (file) => parseInt(file.slice(6, 10), 16) % 101;"
        "  const ratings = trials.map((trial) => trial.stimuli.map(rate));"
        "  return { trials, rows: ratingRows(trials, ratings, data.key, seed) };"
        "}); console.log(JSON.stringify(runs));"
    )
    runs = json.loads(run_node(str(tmp_path / "run.js")))
    assert runs[300] == runs[0]
    key = decoded(data["key"])
    rating = {(t["trial"], key[file]): int(file[6:10], 16) % 101 for t in data["trials"] for file in t["stimuli"]}
    for number, run in enumerate(runs[:300]):
        assert sorted(trial["trial"] for trial in run["trials"]) == ["k0", "k1", "k2", "k3"]
        rows = run["rows"]
        assert {(row["trial"], row["condition"]): row["rating"] for row in rows} == rating and len(rows) == 16
        assert all(set(row) == {"trial", "condition", "rating", "order", "trial_order", "seed"} for row in rows)
        assert [row["order"] for row in rows] == [1, 2, 3, 4] * 4 and {row["seed"] for row in rows} == {number}
    # In 300 visits, each of four is first in 75, with a standard deviation of 7.5.
    for trial in ("k0", "k1", "k2", "k3"):
        rows = [row for run in runs[:300] for row in run["rows"] if row["trial"] == trial]
        first = [row["condition"] for row in rows if row["order"] == 1]
        assert all(abs(first.count(name) - 75) < 40 for name in ("reference", "anchor", "zébra", "ocelot"))
        assert abs(sum(row["trial_order"] == 1 for row in rows) / 4 - 75) < 40
