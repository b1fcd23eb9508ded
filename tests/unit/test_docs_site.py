"""The site is made of the documents: all links and references resolve, nothing is left out."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import pydbg
from pydbg.commands.table import all_commands
from tests.support.run import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(path.stem for path in DOCS.glob("*.md"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as strictly as sphinx can; there is no network in that."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", DOCS, folder],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_in_the_table_of_contents(site: Path) -> None:
    index = (site / "index.html").read_text()
    listed = re.findall(
        r'class="toctree-l1"><a class="reference internal" href="([\w-]+).html"', index
    )
    assert sorted({*listed, "index"}) == PAGES


def test_all_public_names_are_in_the_reference(site: Path) -> None:
    page = (site / "api.html").read_text()
    names = set(re.findall(r'id="pydbg[.](\w+)"', page)) | {"aio", "printers"}
    assert names >= set(pydbg.__all__)
    assert 'id="pydbg.aio.AsyncDebugger"' in page


def test_all_commands_have_an_anchor(site: Path) -> None:
    page = (site / "commands.html").read_text()
    for row in all_commands():
        if not row.hidden and " " not in row.name and row.help:
            assert re.search(f'id="{re.escape(row.name)}(-pydbg)?"', page), row.name


def test_links_and_anchors_of_the_pages_made_lead_somewhere(site: Path) -> None:
    anchors = {
        path.name: set(re.findall(r'\bid="([^"]+)"', path.read_text()))
        for path in site.glob("*.html")
    }
    for path in site.glob("*.html"):
        for target in re.findall(r'<a [^>]*href="([^"]+)"', path.read_text()):
            if "://" in target:
                assert re.fullmatch(r"https://[\w.-]+(/\S*)?", target), f"{path.name}: {target}"
                continue
            name, _, anchor = target.partition("#")
            name = name or path.name
            assert (site / name).exists(), f"{path.name} links to {target}"
            if anchor and name in anchors:
                assert anchor in anchors[name], f"{path.name} links to {target}"


def test_pages_link_to_each_other_on_a_forge() -> None:
    """Each page is reached from the index by links of Markdown, not by a toctree alone."""
    text = (DOCS / "index.md").read_text()
    assert {f"{name}.md" for name in PAGES if name != "index"} <= set(
        re.findall(r"\]\(([\w.-]+)\)", text)
    )


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path in site.glob("*.html"):
        sources = re.findall(
            r'<(?:script|img|link|iframe)[^>]*(?:src|href)="([^"]+)"', path.read_text()
        )
        assert not [source for source in sources if "//" in source], path.name
