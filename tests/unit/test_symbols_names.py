"""Names as people write them: C++, Rust, completion, and the demangler."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydbg.symbols.demangle import _cxa_demangler, base_name, demangle, matches
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.modules import Module, ModuleList
from pydbg.symbols.symtab import main_table
from tests.support.build import build
from tests.support.oracle import gdb

LIBSTDCXX = "/usr/lib/x86_64-linux-gnu/libstdc++.so.6"


@pytest.fixture(scope="module")
def classes() -> Module:
    return Module(ElfFile(str(build("classes.cc", "nodebug"))), is_main=True)


@pytest.mark.parametrize(
    "name",
    [
        "shapes::scale",
        "scale",
        "shapes::scale(int)",
        "shapes::scale(double)",
        "shapes::Square::area",
        "Square::area",
        "area",
        "thrower",
        "(anonymous namespace)::thrower",
        "main",
    ],
)
def test_break_finds_what_gdb_finds(classes: Module, name: str) -> None:
    text = gdb(classes.path, f"break {name}", "info breakpoints")
    theirs = {int(a, 16) for a in re.findall(r"^\d[.\d]* .*?(0x[0-9a-f]+) <", text, re.M)}
    mine = ModuleList([classes]).breakable(name)
    # gdb has skipped a prologue of one or two instructions
    starts = [s.link_addr for _, s in mine]
    assert len(starts) == len(theirs), (text, mine)
    for start in starts:
        assert any(0 <= their - start <= 16 for their in theirs), (hex(start), text)


def test_overloads_have_source_names(classes: Module) -> None:
    assert {s.demangled for s in classes.lookup("scale")} == {
        "shapes::scale(int)",
        "shapes::scale(double)",
    }
    [largest] = classes.lookup("largest<int>")  # gdb 13 wants the return type before it
    assert classes.lookup("largest") == [largest]
    assert classes.lookup("nosuch") == []


def test_completion_knows_linkage_and_source_names(classes: Module) -> None:
    assert "main" in set(classes.names("ma"))
    assert {"shapes::scale", "shapes::Square::area"} <= set(classes.names("shapes::"))
    assert "scale" in set(classes.names("sca"))
    names = list(classes.names("shapes::S"))
    assert len(names) == len(set(names))
    assert all(name.startswith("shapes::S") for name in names)


def test_completion_covers_the_whole_table() -> None:
    module = Module(ElfFile("/lib/x86_64-linux-gnu/libc.so.6"))
    expected = {s.name.partition("@")[0] for s in [*module.functions(), *module.objects()]}
    assert expected - {n.partition("@")[0] for n in module.names("")} == set()
    assert {n for n in expected if n.startswith("put")} <= set(module.names("put"))


@pytest.mark.parametrize("scheme", ["legacy", "v0"])
def test_rust(scheme: str) -> None:
    options = ["-C", "symbol-mangling-version=v0"] if scheme == "v0" else []
    module = Module(ElfFile(str(build("hello.rs", "pie", *options))))
    assert [s.demangled for s in module.lookup("hello::main")] == ["hello::main"]
    [greet] = module.lookup("greet")
    assert greet.demangled == "<hello::Person as hello::Greet>::greet"
    assert module.lookup("largest")
    assert [s.name for s in module.lookup("main")] == ["main"]
    assert "hello::main" in set(module.names("hello::m"))


def test_version_suffix_is_not_the_name() -> None:
    """A copied ``stdout`` is ``stdout@GLIBC_2.2.5`` in .symtab, yet people type ``stdout``."""
    module = Module(ElfFile(str(build("environment.c", "nopie"))))
    versioned = [s for s in module.objects() if "@" in s.name]
    for symbol in versioned:
        assert symbol.link_addr in {s.link_addr for s in module.lookup(symbol.name.split("@")[0])}


@pytest.mark.parametrize("path", ["/lib/x86_64-linux-gnu/libc.so.6", LIBSTDCXX])
def test_every_symbol_is_found_by_name(path: str) -> None:
    table = main_table(ElfFile(path))
    assert table is not None
    symbols = [*table.functions(), *table.objects()]
    assert len(symbols) > 2000
    for symbol in symbols[::7]:
        assert symbol in table.by_name(symbol.name)
    for symbol in symbols[::11]:
        if symbol.size and symbol.kind != "tls":
            found = table.at(symbol.link_addr)
            assert found is not None and found.link_addr == symbol.link_addr


def test_lookup_of_one_name_builds_nothing() -> None:
    table = main_table(ElfFile(LIBSTDCXX))
    assert table is not None
    begin = time.perf_counter()
    assert table.by_name("_ZNSt8ios_base4InitC1Ev")
    assert time.perf_counter() - begin < 0.5  # a bound against accidents, not a measurement
    assert table._by_addr is None and "_defined_names" not in table.__dict__


# --- demangler -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mangled", "text"),
    [
        ("_ZNSolsEi", "std::basic_ostream<char, std::char_traits<char> >::operator<<(int)"),
        ("_ZNSolsEi@plt", "std::basic_ostream<char, std::char_traits<char> >::operator<<(int)@plt"),
        ("_RNvCs1234_7mycrate3foo", "mycrate::foo"),
        ("_ZN4core3fmt5Write9write_fmt17h1e2f3a4b5c6d7e8fE", "core::fmt::Write::write_fmt"),
        (
            "_ZN46_$LT$hello..Person$u20$as$u20$hello..Greet$GT$5greet17h0123456789abcdefE",
            "<hello::Person as hello::Greet>::greet",
        ),
        ("_Znotmangled", "_Znotmangled"),
        ("main.main", "main.main"),
        ("", ""),
    ],
)
def test_demangle(mangled: str, text: str) -> None:
    assert demangle(mangled) == text


def test_fallback_demangler_agrees_on_cxx() -> None:
    fallback = _cxa_demangler()
    assert fallback("_ZN2ns1fEi") == "ns::f(int)"
    assert fallback("_Zwrong") == ""


@given(st.text(max_size=60))
def test_demangler_takes_anything(text: str) -> None:
    for name in (text, "_Z" + text, "_R" + text, "_ZN" + text):
        assert isinstance(demangle(name), str)
        base_name(name)
        matches(name, text)
