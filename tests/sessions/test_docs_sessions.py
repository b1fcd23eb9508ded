"""What the documents show still happens: sessions in a terminal, sources, Python examples."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
from pathlib import Path

import pytest

from tests.support import sessiondoc
from tests.support.build import FIXTURES
from tests.support.run import ROOT
from tests.support.sessiondoc import Workplace, blocks, differences
from tests.unit.test_layers import DEBUGGER, LAYERS, PACKAGE

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMES = [path.stem for path in DOCUMENTS]
WITH_SESSIONS = [path for path in DOCUMENTS if blocks(path.read_text())]


def test_the_runner_s_own_examples() -> None:
    assert doctest.testmod(sessiondoc).failed == 0


@pytest.mark.parametrize("path", WITH_SESSIONS, ids=lambda path: path.stem)
def test_sessions(path: Path, tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    wrong = []
    for block in blocks(path.read_text()):
        found = differences(block, place)
        if found:
            wrong += [f"{path.name}:{block.line}", *found]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_sources_are_the_fixtures(path: Path) -> None:
    sources = {source.read_text() for source in FIXTURES.iterdir()}
    text = path.read_text()
    for block in [*blocks(text, "c"), *blocks(text, "go")]:
        assert block.text in sources, f"{path.name}:{block.line} is no file of fixtures/"


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_python_examples(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    text = path.read_text()
    examples = "\n".join(block.text for block in blocks(text, "pycon"))
    test = doctest.DocTestParser().get_doctest(examples, names, path.stem, str(path), 0)
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0
    for block in blocks(text, "python"):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(block.text, f"{path.name}:{block.line}", "exec"), {})
        # The first words in backquotes after the block say what it prints, line by line.
        after = text[block.span[1] :].partition("```")[2].lstrip()
        said = re.match(r"It prints (.*?)[.]\s", after, re.DOTALL)
        assert said, f"{path.name}:{block.line}: what does it print?"
        assert output.getvalue().splitlines() == re.findall(r"`(.*?)`", said[1])


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_the_readme_s_commands_are_what_ci_runs() -> None:
    commands = [block.text.strip() for block in blocks((ROOT / "README.md").read_text(), "sh")]
    assert len(commands) == 2
    assert all("\n" not in command for command in commands)
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    for command in commands:
        assert command in lines


def test_the_table_of_layers_is_true() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    table = {
        room: int(layer)
        for layer, rooms in re.findall(r"^\| (\d) \| ([^|]*) \|", text, re.MULTILINE)
        for room in re.findall(r"`(\w+)`", rooms)
    }
    assert LAYERS.items() <= table.items()
    for room, layer in table.items():
        assert layer == LAYERS.get(room, DEBUGGER)
        assert (PACKAGE / room).is_dir() or (PACKAGE / f"{room}.py").is_file(), room
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__pycache__"} <= table.keys()
