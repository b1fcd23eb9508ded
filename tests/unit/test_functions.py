"""Functions against pyelftools' trees of entries and gdb's names."""

from __future__ import annotations

from typing import Any

import pytest
from elftools.dwarf.descriptions import describe_form_class
from elftools.elf.elffile import ELFFile

from pydbg.symbols.elf import ElfFile
from pydbg.symbols.functions import Function, FunctionTable
from tests.support.build import build
from tests.support.marks import line_of
from tests.support.oracle import gdb

CASES = [
    ("prologues.c", "pie", None),
    ("unwind.c", "O2", None),
    ("unwind.c", "O2", "clang"),
    ("classes.cc", "pie", None),
    ("classes.cc", "O2", None),
    ("classes.cc", "dwarf4", "clang++"),
    ("recurse.c", "m32", None),
    ("hello.rs", "pie", None),
    ("hello.go", "pie", None),
]


@pytest.fixture(params=CASES, ids=lambda case: "-".join(filter(None, case)))
def program(request: pytest.FixtureRequest) -> str:
    name, variant, compiler = request.param
    return str(build(name, variant, compiler=compiler))


def all_functions(table: FunctionTable) -> list[Function]:
    found = []
    for unit in table.dwarf.units():
        functions = table.unit_functions(unit)
        assert functions is not None
        found += functions.all()
    return found


def ranges_of(info: Any, die: Any) -> list[tuple[int, int]]:
    """Give an entry's code by pyelftools."""
    unit = die.cu
    if "DW_AT_ranges" in die.attributes:
        lists = info.range_lists()
        base = 0
        low = unit.get_top_DIE().attributes.get("DW_AT_low_pc")
        if low is not None:
            base = low.value
        found = []
        attribute = die.attributes["DW_AT_ranges"]
        if unit["version"] >= 5:
            entries = lists.get_range_list_at_offset(attribute.value, cu=unit)
        else:
            entries = lists.get_range_list_at_offset(attribute.value)
        for entry in entries:
            if hasattr(entry, "base_address"):
                base = entry.base_address
            else:
                plus = 0 if getattr(entry, "is_absolute", False) else base
                found.append((entry.begin_offset + plus, entry.end_offset + plus))
        return found
    low = die.attributes["DW_AT_low_pc"].value
    high = die.attributes["DW_AT_high_pc"]
    end = high.value if describe_form_class(high.form) == "address" else low + high.value
    return [(low, end)]


def test_functions_are_pyelftools(program: str) -> None:
    mine = {f.die: f for f in all_functions(FunctionTable(ElfFile(program)))}
    compared = 0
    with open(program, "rb") as stream:
        info = ELFFile(stream).get_dwarf_info(relocate_dwarf_sections=False)
        for unit in info.iter_CUs():
            for die in unit.iter_DIEs():
                attributes = die.attributes
                if die.tag != "DW_TAG_subprogram":
                    continue
                if "DW_AT_low_pc" not in attributes and "DW_AT_ranges" not in attributes:
                    continue
                wanted = [r for r in ranges_of(info, die) if r[0] and r[0] < r[1]]
                if not wanted:
                    assert die.offset not in mine
                    continue
                function = mine[die.offset]
                assert list(function.ranges) == wanted
                compared += 1
                origin = die
                for _ in range(4):
                    if "DW_AT_name" in origin.attributes:
                        name = origin.attributes["DW_AT_name"].value.decode()
                        assert function.name is not None
                        assert function.name == name or function.name.endswith("::" + name)
                        break
                    for key in ("DW_AT_abstract_origin", "DW_AT_specification"):
                        if key in origin.attributes:
                            origin = origin.get_DIE_from_attribute(key)
                            break
    assert compared == len(mine) > 1


def test_lookup_finds_each_function(program: str) -> None:
    table = FunctionTable(ElfFile(program))
    for function in all_functions(table)[:500]:
        for low, high in function.ranges:
            for at in (low, high - 1):
                found = table.at(at)
                assert found is not None
                assert found.contains(at)
    assert table.at(0) is None


def test_a_name_is_found_as_by_reading_everything(program: str) -> None:
    """Searching for a name's string finds what reading all units that have it finds."""
    table = FunctionTable(ElfFile(program))
    names: dict[str, None] = {}
    for function in all_functions(table)[::7]:
        if function.name:
            names[function.name.rpartition("::")[2].partition("<")[0] or function.name] = None
        unit = table.unit_at(function.low)
        assert unit is not None
        names |= {unit.name_of(call) or "": None for call in unit.inlined_in(function)}
    found = 0
    for name in [name for name in names if name][:12]:
        everywhere: set[tuple[int, str, int | None]] = set()
        for unit in map(table.unit_functions, table.dwarf.units()):
            assert unit is not None
            everywhere.update(unit.named(name))
        mine = set(table.named(name))
        # In Go, gdb does not look for the calls in other units than the function's.
        if not program.endswith("hello"):
            assert mine == everywhere, name
        assert mine <= everywhere, name
        assert {at for at in everywhere if at[2] is None} <= mine, name
        found += len(mine)
    assert found


def test_names_have_their_scopes_as_in_gdb() -> None:
    program = build("classes.cc")
    table = FunctionTable(ElfFile(str(program)))
    functions = [f for f in all_functions(table) if f.name and "::" in f.name]
    names = {f.name for f in functions}
    assert {"shapes::Square::area", "shapes::scale"} <= names
    assert "(anonymous namespace)::thrower" in names
    text = gdb(program, *(f"info symbol {f.low:#x}" for f in functions))
    for function in functions:
        assert function.name is not None
        plain = function.name.partition("<")[0].rpartition("::")[2]
        assert plain in text


def test_declaration_and_linkage_name() -> None:
    table = FunctionTable(ElfFile(str(build("classes.cc"))))
    by_linkage = {f.linkage_name: f for f in all_functions(table)}
    scale = by_linkage["_ZN6shapes5scaleEi"]
    assert scale.name == "shapes::scale"
    assert scale.decl_line == line_of("classes.cc", "scale_int") - 2
    assert scale.external
    assert scale.producer is not None and scale.producer.startswith("GNU C++")


def test_optimised_units_have_lists_of_locations() -> None:
    for variant, expected in (("pie", False), ("O2", True)):
        table = FunctionTable(ElfFile(str(build("recurse.c", variant))))
        unit = table.unit_functions(next(table.dwarf.units()))
        assert unit is not None
        assert unit.has_loclists is expected


def test_inlined_calls_are_found() -> None:
    table = FunctionTable(ElfFile(str(build("prologues.c"))))
    function = next(f for f in all_functions(table) if f.name == "begins_inlined")
    unit = table.unit_at(function.low)
    assert unit is not None
    calls = [call for at in range(function.low, function.high) for call in unit.inlined_at(at)]
    assert calls
    assert {call.depth for call in calls} == {1}
    assert {unit.name_of(call) for call in calls} == {"twice"}
    assert unit.inlined_at(function.low) == []
