"""Completion: what could stand at the cursor, and the candidates for it."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from types import SimpleNamespace

import pytest

import pydbg
from pydbg.commands.candidates import note_call
from pydbg.commands.nameindex import NameIndex, source_names
from pydbg.commands.session import Session
from pydbg.expr.types import Field, StructType, strip
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.modules import Module
from pydbg.ui.complete import MORE, analyse, complete
from tests.support.build import build, source
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


def words(one: FakeSession | Session, text: str) -> set[str]:
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
    assert "set charset" not in words(one, "set ")


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


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("info variables see", {"info variables seen"}),
        ("info registers general ri", {"info registers general rip"}),
        ("info registers ve", {"info registers vector"}),
        ("backtrace fu", {"backtrace full"}),
        ("bt -past-m", {"bt -past-main"}),
        ("thread apply al", {"thread apply all"}),
        ("frame apply le", {"frame apply level"}),
        ("pipe info regi", {"pipe info registers"}),
        ("faas info regi", {"faas info registers"}),
        ("with print pre", {"with print pretty"}),
        ("run < giv", {"run < given.txt"}),
        ("start giv", {"start given.txt"}),
        ("shell ls giv", {"shell ls given.txt"}),
        ("directory giv", {"directory given.txt"}),
        ("make -f giv", {"make -f given.txt"}),
    ],
)
def test_words_of_the_commands(
    text: str, wanted: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Session(pydbg.Debugger(str(build("labels.c"))))
    (tmp_path / "given.txt").write_text("")
    monkeypatch.chdir(tmp_path)
    assert words(here, text) == wanted


def test_analysis_is_pure_text(one: FakeSession) -> None:
    assert analyse(one.commands, "info ").parent == "info"
    assert analyse(one.commands, "  inf").start == 2


def test_a_damaged_module_gives_nothing(one: FakeSession) -> None:
    one.dbg.modules = [SimpleNamespace(name="x")]
    assert words(one, "break ma") == set()


# --- names -----------------------------------------------------------------------------------


def test_fuzzy_on_request(one: FakeSession) -> None:
    assert words(one, "break mgl") == set()
    one.settings.set("completion", "fuzzy")
    assert words(one, "break mgl") == {"break mangle"}
    assert words(one, "info rgs") == {"info registers"}
    assert words(one, "set cnfm") == {"set confirm"}
    assert words(one, "info registers rgsp") == set()
    assert words(one, "info registers eflg") == {"info registers eflags"}


def test_settings_lists_are_completed_word_by_word(one: FakeSession) -> None:
    assert words(one, "set context st") == {"set context stack"}
    assert words(one, "set context stack,re") == {"set context stack,registers"}
    now = {item.text: item.description for item in complete(one, "set confirm ")}
    assert now == {"on": "now", "off": ""}


def test_calls_that_were_seen_come_first(one: FakeSession) -> None:
    first = next(iter(complete(one, "catch syscall w")))
    assert first.text == "wait4"
    note_call(one, "write")
    first = next(iter(complete(one, "catch syscall w")))
    assert (first.text, first.description) == ("write", "system call 1, seen 1 times")


@pytest.mark.parametrize(
    ("text", "some"),
    [
        ("catch syscall group:n", {"catch syscall group:network"}),
        ("catch syscall g:n", {"catch syscall g:network"}),
        ("catch syscall %net", {"catch syscall %network"}),
        ("catch syscall dup writev", {"catch syscall dup writev"}),
        ("x $bpn", {"x $bpnum"}),
        ("x $_ex", {"x $_exitcode"}),
    ],
)  # fmt: skip
def test_groups_and_variables(one: FakeSession, text: str, some: set[str]) -> None:
    found = words(one, text)
    assert some <= found
    assert all(one.startswith(text) for one in found)


def test_numbers_of_locations(one: FakeSession) -> None:
    one.dbg.breakpoints[1].locations = [
        SimpleNamespace(number=1, symbolic="main+4"),
        SimpleNamespace(number=2, symbolic=None),
    ]
    found = {item.text: item.description for item in complete(one, "delete 1.")}
    assert found == {"1.1": "main+4", "1.2": "location"}


def test_the_most_candidates(one: FakeSession) -> None:
    one.settings.set("max-completions", "1")
    found = list(complete(one, "break ma"))
    assert [item.text for item in found] == ["main", "ma"]  # what was typed, for the others
    assert found[1].description == MORE
    assert words(one, "break mai") == {"break main"}


def test_source_files_and_lines(one: FakeSession) -> None:
    module = Module(ElfFile(str(build("plain.c"))), is_main=True)
    one.dbg.modules = [module]
    assert "break plain.c:" in words(one, "break pla")
    lines = source("plain.c").read_text().split("\n")
    number = next(n for n, text in enumerate(lines, 1) if "int result" in text)
    found = {item.text: item.description for item in complete(one, f"break plain.c:{number}")}
    assert found[f"plain.c:{number}"] == lines[number - 1].strip()
    assert words(one, "break plain.c:99999") == set()
    assert words(one, "break nosuch.c:1") == set()


def test_labels_of_a_function() -> None:
    with pydbg.launch(str(build("labels.c"))) as dbg:
        here = Session(dbg)
        assert words(here, "break sum:a") == {"break sum:again"}
        assert words(here, "until labels.c:sum:") == {
            f"until labels.c:sum:{name}" for name in ("again", "within", "many")
        }


def test_names_of_cplusplus_lose_their_mangling() -> None:
    index = NameIndex(source_names(["_ZN2ns1fEi", "_ZN2ns1fEv", "puts", "_start"]))
    assert list(index.starting("ns")) == ["ns::f"]
    assert list(index.starting("f")) == ["f"]
    assert list(index.starting("")) == ["_start", "f", "ns::f", "puts"]


def test_a_hundred_thousand_names_are_searched_in_milliseconds() -> None:
    index = NameIndex(f"event_{n % 7}_handler_{n}" for n in range(100_000))
    started = perf_counter()
    for length in range(len("event_3_handler_99")):
        prefix = "event_3_handler_99"[:length]
        assert next(index.starting(prefix)).startswith(prefix)
    assert perf_counter() - started < 0.05
    assert next(index.fuzzy("ev3h997", 200)) == "event_3_handler_997"


def test_variables_and_members_of_a_stopped_program() -> None:
    with pydbg.launch(str(build("orders.c"))) as dbg:
        here = Session(dbg)
        assert "p orders" in {f"p {one.text}" for one in complete(here, "p ord")}
        dbg.break_at("pay")
        dbg.cont()
        found = {one.text: one.description for one in complete(here, "p or")}
        assert next(iter(found)) == "order"  # The nearest first.
        assert found["order"] == "struct order *"
        members = [f"order->{field.name}" for field in _fields_of(dbg, "*order")]
        assert [one.text for one in complete(here, "p order->")] == members
        found = {one.text: one.description for one in complete(here, "print/x order->next->cust")}
        assert found == {"order->next->customer": "char [16]"}
        assert words(here, "p 1 + orders[2].gi") == {"p 1 + orders[2].gift"}
        assert words(here, "break pay if order->nu") == {"break pay if order->number"}
        assert words(here, "p nothing->x") == words(here, "p order->number->x") == set()
        assert words(here, "p orders[i=1].gi") == set()
        before = dbg.memory.read(int(dbg.eval("&orders")), 144)
        assert words(here, "p orders[order->number = 5].gi") == set()
        assert dbg.memory.read(int(dbg.eval("&orders")), 144) == before


def _fields_of(dbg: pydbg.Debugger, text: str) -> list[Field]:
    ctype = strip(dbg.eval(text).type)
    assert isinstance(ctype, StructType)
    return ctype.fields
