"""Variables, types and stacks beside gdb: the same program, the same commands, the same text."""

from __future__ import annotations

import re
from pathlib import Path
from shutil import which

import pytest

from tests.live.test_commands_gdb import both, pydbg_prints
from tests.support.build import build
from tests.support.marks import marks

CORPUS = Path(__file__).parent / "values_corpus"

# gdb asks about breakpoints that find nothing; its debugger's name is in some messages.
_QUESTION = re.compile(r"^Make breakpoint pending.*\n?", re.MULTILINE)
# What gdb says of its printers' troubles, in the midst of their text.
_TROUBLE = re.compile(r"(warning: RTTI symbol not found for class '|Python Exception <).*\n")

# What gdb says of Rust's tables of methods, which lie in no range of their unit.
_TABLES = re.compile(r"warning: \((?:Internal e|E)rror: pc .*\n")


def _commands(corpus: str, source: str) -> list[str]:
    lines = marks(source)
    text = (CORPUS / f"{corpus}.txt").read_text()
    return re.sub(r":@(\w+)", lambda found: f":{lines[found[1]]}", text).splitlines()


def _differences(program: Path, commands: list[str]) -> list[str]:
    theirs, ours = both(program, *commands)
    report = []
    for key, want in theirs.items():
        want = _TABLES.sub("", _TROUBLE.sub("", _QUESTION.sub("", want))).strip()
        got = ours.get(key, "").strip()
        if got != want:
            report.append(f"{key}\n  gdb   {want}\n  pydbg {got}")
    return report


C_VARIANTS: dict[str, tuple[str, str, tuple[str, ...], str]] = {
    "gcc-O0": ("gcc", "pie", (), "c"),
    "gcc-O0-m32": ("gcc", "m32", (), "c"),
    "gcc-O0-dwarf4": ("gcc", "dwarf4", (), "c"),
    "gcc-O0-type-units": ("gcc", "pie", ("-fdebug-types-section",), "c"),
    "gcc-O0-dwarf4-type-units": ("gcc", "dwarf4", ("-fdebug-types-section",), "c"),
    "gcc-O0-dwarf2": ("gcc", "pie", ("-gdwarf-2", "-gstrict-dwarf"), "c"),
    "clang-O0": ("clang", "pie", (), "c"),
    "clang-O0-dwarf4": ("clang", "dwarf4", (), "c"),
    "gcc-O2": ("gcc", "O2", (), "optimised"),
    "gcc-O2-dwarf4": ("gcc", "O2", ("-gdwarf-4",), "optimised"),
    "gcc-O1-m32": ("gcc", "O2", ("-O1", "-m32", "-fno-pie", "-no-pie"), "optimised"),
    "clang-O2-dwarf4": ("clang", "O2", ("-gdwarf-4",), "optimised"),
}


CPLUS_VARIANTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "g++": ("g++", "pie", ()),
    "g++-dwarf4": ("g++", "dwarf4", ()),
    "g++-m32": ("g++", "m32", ()),
    "g++-type-units": ("g++", "pie", ("-fdebug-types-section",)),
    "clang": ("clang++", "pie", ()),
}


STL_VARIANTS: dict[str, tuple[str, str]] = {
    "g++": ("g++", "pie"),
    "g++-m32": ("g++", "m32"),
    "clang": ("clang++", "pie"),
}


@pytest.mark.parametrize("variant", STL_VARIANTS)
def test_values_of_the_library(variant: str) -> None:
    compiler, flags = STL_VARIANTS[variant]
    program = build("stl.cc", flags, "-std=c++20", compiler=compiler)
    report = _differences(program, _commands("stl", "stl.cc"))
    assert not report, f"{len(report)} differ:\n" + "\n".join(report)


@pytest.mark.parametrize("corpus", ["objects", "layout"])
@pytest.mark.parametrize("variant", ["g++", "g++-m32", "clang"])
def test_objects_and_their_layout(variant: str, corpus: str) -> None:
    compiler, flags, more = CPLUS_VARIANTS[variant]
    program = build(f"{corpus}.cc", flags, *more, compiler=compiler)
    report = _differences(program, _commands(corpus, f"{corpus}.cc"))
    assert not report, f"{len(report)} differ:\n" + "\n".join(report)


MACRO_VARIANTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "gcc": ("gcc", ("-g3", "-DCMDLINE=1")),
    "gcc-dwarf4": ("gcc", ("-g3", "-gdwarf-4")),
    "gcc-macinfo": ("gcc", ("-g3", "-gdwarf-4", "-gstrict-dwarf")),
    "gcc-dwarf2": ("gcc", ("-g3", "-gdwarf-2", "-gstrict-dwarf")),
    "clang": ("clang", ("-fdebug-macro",)),
    "clang-dwarf4": ("clang", ("-fdebug-macro", "-gdwarf-4")),
    "no-macros": ("gcc", ()),
}


@pytest.mark.parametrize("variant", MACRO_VARIANTS)
def test_macros(variant: str) -> None:
    compiler, flags = MACRO_VARIANTS[variant]
    program = build("macros.c", "pie", *flags, compiler=compiler)
    theirs, ours = both(program, *_commands("macros", "macros.c"))
    lacks = "GDB has no preprocessor macro information for that code."
    said = "There is no preprocessor macro information for that code."
    differing = [
        f"{key}\n  gdb   {want[:2000]}\n  pydbg {ours.get(key, '')[:2000]}"
        for key, text in theirs.items()
        if (variant, key.partition(" ")[2]) != ("no-macros", "info macros")  # gdb says nothing.
        if ours.get(key, "").strip() != (want := text.replace(lacks, said).strip())
    ]
    assert not differing, "\n".join(differing)


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_members_and_operators(compiler: str) -> None:
    program = build("members.cc", "pie", "-std=gnu++20", compiler=compiler)
    report = _differences(program, _commands("members", "members.cc"))
    assert not report, f"{len(report)} differ:\n" + "\n".join(report)


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_lambdas(compiler: str) -> None:
    program = build("lambdas.cc", "pie", "-std=gnu++20", compiler=compiler)
    report = _differences(program, _commands("lambdas", "lambdas.cc"))
    # gdb shows the library's templates with parameters where a lambda is one of their arguments.
    report = [one for one in report if "std::__invoke_impl<int, main(int, char**)::<l" not in one]
    assert not report, f"{len(report)} differ:\n" + "\n".join(report)


def test_functions_in_functions_are_found_after_a_search_by_name() -> None:
    program = build("lambdas.cc", "pie", "-std=gnu++20", compiler="g++")
    ours = pydbg_prints(program, "break nosuch::stop", "break stop", "run", "bt 2", "kill")
    assert "in operator() (__closure=" in ours["4 bt 2"]


def test_what_gdb_refuses_of_members_and_operators() -> None:
    program = build("members.cc", "pie", "-std=gnu++20", compiler="g++")
    asked = {
        "p dynamic_cast<C*>(pa) == &c": "true",  # gdb gives where the table is.
        "p dynamic_cast<void*>(pa) == (void*)&c": "true",
        "p *op": "{x = 10, y = 20, bits = 5}",  # No code of these operators is in the program.
        "p *os": '"text"',
        "p os->size()": "4",
        "p *vit": "{x = 10, y = 20, bits = 5}",
        "p *mit": '{first = 1, second = "one"}',
        "p sp.use_count()": "1",
        "p p(2)": "12",
        "p c.A::v()": "1",  # As in C++: named so it is not virtual.
        "p c.B::st(4)": "4",
        "p pa.*pmi": "1",
        "p (p + q) + q": "{x = 14, y = 24, bits = 0}",
    }
    ours = pydbg_prints(program, "break take", "run", "up", *asked, "kill")
    for at, (command, value) in enumerate(asked.items(), 4):
        assert ours[f"{at} {command}"].partition(" = ")[2] == value, command


@pytest.mark.parametrize("variant", CPLUS_VARIANTS)
def test_values_of_cplus(variant: str) -> None:
    compiler, flags, more = CPLUS_VARIANTS[variant]
    program = build("values.cc", flags, *more, compiler=compiler)
    report = _differences(program, _commands("cplus", "values.cc"))
    assert not report, f"{len(report)} differ:\n" + "\n".join(report)


@pytest.mark.parametrize("variant", C_VARIANTS)
def test_values_of_c(variant: str) -> None:
    compiler, flags, more, corpus = C_VARIANTS[variant]
    program = build("values.c", flags, *more, compiler=compiler)
    report = _differences(program, _commands(corpus, "values.c"))
    assert not report, f"{len(report)} differ:\n" + "\n".join(report)


@pytest.mark.parametrize("corpus", ["wide", "names", "kept"])
@pytest.mark.parametrize("variant", ["gcc-O0", "gcc-O0-m32", "clang-O0"])
def test_wide_characters_and_names_of_a_block(variant: str, corpus: str) -> None:
    compiler, flags, _, _ = C_VARIANTS[variant]
    program = build("wide.c", flags, compiler=compiler)
    report = _differences(program, _commands(corpus, "wide.c"))
    assert not report, f"{len(report)} differ:\n" + "\n".join(report)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_places_and_frames(compiler: str) -> None:
    program = build("steps.c", "pie", compiler=compiler)
    report = _differences(program, _commands("places", "steps.c"))
    assert not report, f"{len(report)} differ:\n" + "\n".join(report)


def _rust_compilers() -> list[str]:
    """Give the system's compiler, and the one that is found first where that is another."""
    found = [which("rustc") or "rustc", which("rustc", path="/usr/bin") or "rustc"]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("compiler", _rust_compilers())
def test_values_of_rust(compiler: str) -> None:
    program = build("values.rs", compiler=compiler)
    report = _differences(program, _commands("rust", "values.rs"))
    assert not report, f"{len(report)} differ:\n" + "\n".join(report)


@pytest.mark.parametrize(("source", "compiler"), [("values.c", "gcc"), ("values.c", "clang")])
def test_declarations_by_file(source: str, compiler: str) -> None:
    program = build(source, compiler=compiler)
    commands = ["info types", "info types ^n", "info variables e$", "info functions",
                "info functions a", "info variables nosuch", "info scope swap",
                "info scope main", "info scope nosuch"]  # fmt: skip
    report = _differences(program, commands)
    assert not report, f"{len(report)} differ:\n" + "\n".join(report)
