"""What the documentation shows is run or held against parsers, its numbers against their sources; its site builds."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest
from snippets import (
    ROOT,
    blocks,
    check_bash,
    check_command_line,
    check_converter,
    check_example_script,
    commands,
    is_module,
    place_of_script,
    run_python,
)

import aidd
from aidd.cli.main import main


DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if page.name != "description.md")
COMMANDS = {
    tuple(command): page.relative_to(DOCS).as_posix()
    for page in PAGES
    for _, _, script in blocks(page, "bash")
    for command in commands(script)
    # Loops have their own variables.
    if not any("$" in word for word in command)
}
ROW = re.compile(r"^\|(.*)\|$")
# Prose is wrapped. Tables, code, pictures and links alone on a line cannot be.
MAX_COLUMNS = 120
UNWRAPPED = re.compile(r" *(\||!\[|#|<!--|\S+$)")


def name_of(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name_of)
def test_python_runs(page, tmp_path, monkeypatch):
    """All blocks of a page, one after the other, in a folder with the examples and the report."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "docs").symlink_to(DOCS)
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for block in blocks(page, "python"):
        run_python(page, *block, namespace)


def test_the_quickstart_works_by_copy_and_paste(tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / "examples" / "audio", tmp_path / "examples" / "audio")
    monkeypatch.chdir(tmp_path)
    quickstart = [command for _, _, script in blocks(DOCS / "quickstart.md", "bash") for command in commands(script)]
    assert quickstart[0][:2] == ["pip", "install"] and len(quickstart) > 2
    for command in quickstart[1:]:
        assert command[0] == "aidd" and main(command[1:]) == 0
    assert capsys.readouterr().out
    assert {"restored.flac", "found.flac"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "bash")], ids=name_of)
def test_bash_parses(page):
    for _, _, script in blocks(page, "bash"):
        check_bash(script)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command[0] == "aidd"], ids=" ".join)
def test_the_command_line_accepts(command):
    check_command_line(list(command))


@pytest.mark.parametrize("command", [command for command in COMMANDS if place_of_script(command)], ids=" ".join)
def test_example_scripts_accept(command):
    check_example_script(list(command))


# runpy's own warning, where another test has imported the converter before.
@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("command", [command for command in COMMANDS if is_module(list(command))], ids=" ".join)
def test_converters_accept(command, tmp_path, capsys):
    check_converter(list(command), tmp_path, capsys)


def test_paths_exist():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for path in re.findall(r"(?<![\w/.-])(?:examples|docs|tests|src|model_cards|benchmarks)/[\w./-]*\w", text):
            # Links of this folder's pages among themselves begin as paths of the repository do.
            assert (ROOT / path).exists() or (page.parent / path).exists(), f"{name_of(page)}: {path}"


def test_prose_is_wrapped():
    """Holds for pages that a person writes. Scripts write tables, and the reports next to a description."""
    for page in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        if page.name in ("results.md", "summary.md") or (
            page.name == "README.md" and (page.parent / "description.md").exists()
        ):
            continue
        prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        long = [line for line in prose.splitlines() if len(line) > MAX_COLUMNS and not UNWRAPPED.match(line)]
        assert not long, page


def table_rows(lines: list[str]) -> list[dict[str, str]]:
    """The rows of the first Markdown table in some lines, by column."""
    table = []
    for line in lines:
        if match := ROW.match(line):
            table.append([cell.strip() for cell in match[1].split("|")])
        elif table:
            break
    head, _, *rows = table
    return [dict(zip(head, row, strict=True)) for row in rows]


def section(lines: list[str], words: list[str]) -> list[str]:
    """What stands below headings, or tables' first columns, of these words, one below the other."""
    for word in words:
        place = next(
            i for i, line in enumerate(lines) if re.sub("^#+ ", "", line) == word or line.startswith(f"| {word} |")
        )
        lines = lines[place:]
    return lines


def quoted_tables(page: Path) -> list[tuple[Path, list[str], list[dict[str, str]]]]:
    """Every table after `<!-- from FILE: WORD, WORD -->`: the file, the words, and its rows."""
    lines = page.read_text(encoding="utf-8").splitlines()
    found = []
    for number, line in enumerate(lines):
        if match := re.fullmatch(r"<!-- from ([^:]+?)(?:: (.*))? -->", line):
            source = DOCS / match[1] if (DOCS / match[1]).exists() else ROOT / match[1]
            words = match[2].split(", ") if match[2] else []
            found.append((source, words, table_rows(lines[number + 1 :])))
    return found


@pytest.mark.parametrize("page", [page for page in PAGES if quoted_tables(page)], ids=name_of)
def test_quoted_tables_are_those_of_their_sources(page):
    for source, words, rows in quoted_tables(page):
        originals = table_rows(section(source.read_text(encoding="utf-8").splitlines(), words))
        assert rows and rows[0].keys() <= originals[0].keys()
        for row in rows:
            assert any(row.items() <= original.items() for original in originals), f"{source}: {row}"


def test_the_choice_of_a_method_names_no_number_of_its_own():
    """Measured numbers stand in its tables alone, which the test above holds to their sources."""
    page = DOCS / "choosing_a_method.md"
    prose = [line for line in page.read_text(encoding="utf-8").splitlines() if not ROW.match(line)]
    # The length of a segment.
    assert set(re.findall(r"\d*\.\d+", "\n".join(prose))) == {"4.17"}
    assert len(quoted_tables(page)) >= 6


def test_limits_are_those_of_the_default_models():
    limits = (DOCS / "limits.md").read_text(encoding="utf-8")
    for pipeline in (
        aidd.AIDDPipeline.from_pretrained(aidd.DEFAULT_MODEL),
        aidd.SpectrogramRePaintPipeline.from_pretrained(aidd.DEFAULT_SPECTROGRAM_MODEL),
    ):
        assert pipeline.sampling_rate == 24_000
        assert f"{pipeline.max_gap_seconds:.2f} s" in limits


def load(path: Path):
    spec = importlib.util.spec_from_file_location(f"docs_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_figures_are_drawn(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib").use("agg")
    script = DOCS / "figures" / "draw.py"
    monkeypatch.setattr(sys, "argv", [str(script), "--output_dir", str(tmp_path)])
    load(script).main()
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {path.name for path in script.parent.glob("*.png")}
    pages = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("how_it_works.md", "cqtdiff.md"))
    assert drawn == set(re.findall(r"\(figures/([\w.]+)\)", pages))


class Links(HTMLParser):
    """What a page of the site loads, where it leads to, and its anchors."""

    def __init__(self, page: Path):
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.anchors |= {attributes[name] for name in ("id", "name") if attributes.get(name)}
        if "src" in attributes or tag == "link":
            self.loaded.append(attributes.get("src") or attributes["href"])
        elif "href" in attributes:
            self.links.append(attributes["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Built as CI builds it: every warning is an error, and nothing is asked of a network."""
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    pytest.importorskip("mkdocstrings_handlers.python")
    folder = tmp_path_factory.mktemp("site")
    command = ["-m", "mkdocs", "build", "--strict", "--config-file", ROOT / "mkdocs.yml", "--site-dir", folder]
    environment = {
        **os.environ,
        "NO_MKDOCS_2_WARNING": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Nothing answers there.
        "https_proxy": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    result = subprocess.run(
        [sys.executable, *map(str, command)], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-4000:]
    return folder


@pytest.fixture(scope="module")
def site_pages(site) -> dict[Path, Links]:
    # A page for an address that is none has links from the root of a server.
    return {page.resolve(): Links(page) for page in site.rglob("*.html") if page.name != "404.html"}


def test_the_site_has_every_page(site, site_pages):
    for page in PAGES:
        built = "index.html" if page.name == "README.md" else f"{page.stem}.html"
        assert (site / page.parent.relative_to(DOCS) / built).resolve() in site_pages
    # And those from outside.
    assert (site / "benchmarks" / "index.html").resolve() in site_pages


def test_links_lead_somewhere(site_pages):
    num_followed = 0
    for page, links in site_pages.items():
        for link in links.links + links.loaded:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert target.is_file(), f"{page.name}: {link}"
            if parts.fragment and target in site_pages:
                assert unquote(parts.fragment) in site_pages[target].anchors, f"{page.name}: {link}"
            num_followed += 1
    assert num_followed > 100


def test_pages_load_nothing_from_elsewhere(site, site_pages):
    for page, links in site_pages.items():
        for address in links.loaded:
            assert not urlsplit(address).netloc, f"{page.name}: {address}"
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", style.read_text(encoding="utf-8")), style


def test_the_reference_has_all_public_names(site_pages):
    anchors = set().union(*(links.anchors for links in site_pages.values()))
    missing = [
        name
        for name in aidd.__all__
        if name not in ("AudioPipelineOutput", "__version__")
        and not any(
            # Modules have names of their own; packages have those of what is in them.
            anchor.startswith(value.__name__)
            if isinstance(value := getattr(aidd, name), ModuleType)
            else anchor == f"aidd.{name}" or re.fullmatch(rf"aidd\..*\.{name}", anchor)
            for anchor in anchors
        )
    ]
    assert not missing


def test_links_of_the_repository_become_links_of_the_site():
    config_base = pytest.importorskip("mkdocs.config.base")
    from mkdocs.structure.files import get_files
    from mkdocs.structure.pages import Page

    hook = load(DOCS / "hooks" / "repository_pages.py")
    config = config_base.load_config(str(ROOT / "mkdocs.yml"))
    files = hook.on_files(get_files(config), config)

    def turned(page: str, markdown: str) -> str:
        file = files.get_file_from_path(page)
        return hook.on_page_markdown(markdown, Page(None, file, config), config, files)

    assert turned("limits.md", "[a](../benchmarks/README.md#import_time)") == "[a](benchmarks/README.md#import_time)"
    assert turned("tutorials/publish.md", "![a](../figures/one_gap.png)") == "![a](../figures/one_gap.png)"
    assert turned("benchmarks/README.md", "[a](../docs/limits.md)") == "[a](../limits.md)"
    assert turned("limits.md", "a [`script`](../examples/train.py), [b](https://arxiv.org)") == (
        "a `script`, [b](https://arxiv.org)"
    )
    for unchanged in ("[a](nothing.md)", "[a](#limits)", "```python\n[a](../examples/train.py)\n```\n"):
        assert turned("limits.md", unchanged) == unchanged


def test_docstrings_name_what_there_is():
    griffe = pytest.importorskip("griffe")
    hook = load(DOCS / "hooks" / "docstrings.py")
    extensions = griffe.load_extensions(hook.HuggingFaceDocstrings)

    def docstring(text: str) -> str:
        modules = {"a.py": f'def f(x):\n    """{text}"""\n\n\ndef g(): ...\n', "b.py": "def h(): ...\n"}
        with griffe.temporary_visited_package("aidd", modules, extensions=extensions) as package:
            return package["a.f"].docstring.value

    assert docstring("As [`g`].") == 'As <autoref optional identifier="aidd.a.g"><code>g</code></autoref>.'
    assert 'identifier="aidd.b.h"><code>h<' in docstring("As [`h`], elsewhere.")
    assert 'identifier="aidd.b.h"><code>h<' in docstring("As [`~aidd.b.h`].")
    assert docstring("As [`~torch.nn.Linear`].") == "As `Linear`."
    assert docstring("F.\n\n    Args:\n        x (`int`): A number.\n    ").endswith("x: A number.")
    assert "x: (`Tensor` of shape `(n,)`)" in docstring(
        "F.\n\n    Args:\n        x (`Tensor` of shape `(n,)`): Some.\n"
    )
    for unknown in ("[`i`]", "[`~aidd.b.g`]"):
        with pytest.raises(LookupError, match=r"aidd\.a\.f refers to"):
            docstring(f"As {unknown}.")
