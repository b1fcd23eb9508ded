"""Completion: what could stand at the cursor, and the candidates for it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pydbg.ui.complete import analyse, complete
from tests.unit.ui_fake import FakeSession, session


@pytest.fixture
def one() -> FakeSession:
    made = session()
    made.dbg.breakpoint(1)
    made.dbg.modules = [
        SimpleNamespace(name="/bin/prog", names=lambda prefix: [
            name for name in ("main", "mangle", "add") if name.startswith(prefix)])
    ]  # fmt: skip
    return made


def words(one: FakeSession, text: str) -> set[str]:
    """Return the whole lines that completion of ``text`` would give."""
    return {text[: found.start] + found.text for found in complete(one, text)}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("con", {"continue"}),
        ("thr", {"thread"}),
        ("info pro", {"info proc", "info program"}),
        ("i pro", {"i proc", "i program"}),
        ("info registers ri", {"info registers rip"}),
        ("info registers rip rflag", set()),
        ("info registers rip eflag", {"info registers rip eflags"}),
        ("x/4i $ri", {"x/4i $rip"}),
        ("x/4i 1+$ri", {"x/4i 1+$rip"}),
        ("set conf", {"set confirm"}),
        ("set confirm o", {"set confirm on", "set confirm off"}),
        ("set disassembly-flavor ", {"set disassembly-flavor att", "set disassembly-flavor intel"}),
        ("set breakpoint ", {"set breakpoint pending"}),
        ("show print el", {"show print elements"}),
        ("break ma", {"break main", "break mangle"}),
        ("b mai", {"b main"}),
        ("break main if add", {"break main if add"}),
        ("delete ", {"delete display", "delete 1"}),
        ("handle SIGUS", {"handle SIGUSR1", "handle SIGUSR2"}),
        ("thread apply all inf", {"thread apply all info"}),
        ("thread apply all info registers ri", {"thread apply all info registers rip"}),
        ("help info pro", {"help info proc", "help info program"}),
        ("nosuch x", set()),
        ("th x", set()),
    ],
)
def test_candidates(one: FakeSession, text: str, wanted: set[str]) -> None:
    assert words(one, text) == wanted


def test_all_commands_are_offered_with_descriptions(one: FakeSession) -> None:
    found = {item.text: item.description for item in complete(one, "")}
    assert found["continue"] == "Go on."
    assert "help" in found


def test_ignored_settings_are_not_offered(one: FakeSession) -> None:
    assert "set debuginfod" not in words(one, "set ")


def test_files(one: FakeSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pydbg").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / ".hidden").write_text("")
    monkeypatch.chdir(tmp_path)
    assert words(one, "source ") == {"source a.pydbg", "source folder/"}
    assert words(one, "source .h") == {"source .hidden"}
    assert words(one, f"source {tmp_path}/f") == {f"source {tmp_path}/folder/"}
    assert words(one, "cd ") == {"cd folder/"}
    assert words(one, "source /nosuch/x") == set()


def test_analysis_is_pure_text(one: FakeSession) -> None:
    assert analyse(one.commands, "info ").parent == "info"
    assert analyse(one.commands, "  inf").start == 2


def test_a_damaged_module_gives_nothing(one: FakeSession) -> None:
    one.dbg.modules = [SimpleNamespace(name="x")]
    assert words(one, "break ma") == set()
