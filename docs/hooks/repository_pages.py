"""
Pages of the repository that lie outside `docs`, on the site: benchmarks, model cards, what has changed.

Links are written as they work in the repository, `../benchmarks/README.md` from a page of `docs`. Here they are turned
to where their pages are on the site. What is in the repository but not on the site, such as a script, keeps its text
and loses its link. What is in neither stays as it is, and fails a strict build.
"""

import re
from pathlib import Path, PurePosixPath
from posixpath import relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page


ROOT = Path(__file__).parents[2]
OUTSIDE = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "benchmarks/README.md",
    "examples/audio/LICENSE.md",
    "examples/configs/README.md",
    "model_cards/*/README.md",
    "model_cards/*/*.png",
)
CODE_BLOCK = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages from outside, under their paths in the repository."""
    for pattern in OUTSIDE:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File(name, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns the links of a page that lead out of `docs`, or come from outside."""
    source = Path(page.file.abs_src_path)

    def turned(match: re.Match) -> str:
        image, text, target, anchor = match.groups()
        path = (source.parent / target).resolve()
        if "://" in target or not path.exists():
            return match[0]
        base = Path(config.docs_dir) if path.is_relative_to(config.docs_dir) else ROOT
        uri = path.relative_to(base).as_posix()
        if files.get_file_from_path(uri) is None:
            return text
        return f"{image}[{text}]({relpath(uri, PurePosixPath(page.file.src_uri).parent)}{anchor or ''})"

    # The odd parts are code.
    parts = CODE_BLOCK.split(markdown)
    return "".join(part if number % 2 else LINK.sub(turned, part) for number, part in enumerate(parts))
