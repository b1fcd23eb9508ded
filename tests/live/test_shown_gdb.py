"""What commands show and leave behind, beside gdb: displays, where x goes on, cores."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.live.test_commands_gdb import both
from tests.live.test_cores_gdb import _gdb, _ours
from tests.support.build import build, source
from tests.support.oracle import gdb
from tests.support.run import batch

_OTHER = str(source("parts_other.c"))
SESSIONS = {
    # What was shown last is where x goes on; an x that fails leaves $_ and $__ alone.
    "x goes on": (
        "break doubled", "run", "info line main", "print values", "x", "print/x values[1]", "x",
        "output values[2]", "print $_", "print $__", "x/dw &values", "info line main",
        "x", "print $pc", "x", "print 1", "x", "print values[1] + 1", "x",
        "x/2wx 69", "print $_", "print $__", "display values[0]", "x", "info line main",
        "next", "x", "print $_", "kill",
    ),
    "sources": ("list parts_data.h:1", "info source", "list parts.h:1", "info source"),
    "info line": (
        "break other", "run", "info line +1", "info line", "info line -1", "info line +100", "up",
        "info line +2", "info line", "info line -1", "list +1", "kill",
    ),
    "displays": (
        "break doubled", "run", "display n", "display/x n", "finish", "info display", "undisplay 1",
        "finish", "info inferiors", "kill",
    ),
    "errors": (
        "print main[1]", "print values[1][2]", "run", "watch -l $rax", "kill",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SESSIONS)
def test_same_as_gdb(name: str) -> None:
    theirs, ours = both(build("parts.c", "pie", _OTHER), *SESSIONS[name])
    assert ours == theirs


def test_the_address_of_what_a_pointer_points_to(tmp_path: Path) -> None:
    """&*p is p, with p's own type."""
    path = tmp_path / "points.c"
    path.write_text(
        "typedef int *const cip;\ntypedef void (*fn)(void);\nvoid f(void) {}\nint x = 4;\n"
        "cip p = &x;\nfn g = f;\nint arr[3];\nint main(void) { f(); return arr[0] + *p; }\n"
    )
    program = tmp_path / "points"
    subprocess.run(["gcc", "-g", "-o", program, path], check=True)
    texts = ("&*p", "&*g", "&*arr", "&*&x", "&*f", "*&*p", "&*p == p", "&(*p)")
    commands = ["break main", "run", *(f"print {text}" for text in texts), "kill"]
    theirs, ours = both(program, *commands)
    assert ours == theirs


def test_of_what_is_optimized_out(tmp_path: Path) -> None:
    """It may be kept, and a definition goes before the declaration in the same file."""
    path = tmp_path / "gone.c"
    path.write_text(
        'extern const char words[];\nconst char words[] = "one";\nextern int numbers[];\n'
        "int numbers[3] = {1, 2, 3};\n__attribute__((noipa)) int f(int n, int unused) {\n"
        "  int gone = n * 7;\n  return n + 1;\n}\nint main(int argc, char **argv) {\n"
        "  return f(argc, argc + 5) - words[0] - numbers[argc];\n}\n"
    )
    program = tmp_path / "gone"
    subprocess.run(["gcc", "-g", "-O2", "-o", program, path], check=True)
    commands = (
        "print 'gone.c'::words", "print &'gone.c'::numbers", "whatis 'gone.c'::words", "break f",
        "run", "up", "print argv", "set $v = argv", "print $v", "set $v = 5", "print $v + 1",
    )  # fmt: skip
    theirs = gdb(program, *commands)
    assert "$3 = <optimized out>\n$4 = <optimized out>\n$5 = 6" in theirs
    lines = batch(program, *commands).stdout.splitlines()
    assert lines == [line for line in theirs.splitlines() if "libthread_db" not in line]
    for command in ("awatch argv", "rwatch argv"):
        done = batch(program, "break f", "run", "up", command)
        assert "Expression cannot be implemented with read/access watchpoint." in done.stderr


def test_constants_that_are_texts(tmp_path: Path) -> None:
    """GCC leaves of a static text that nothing needs any more its bytes, by DW_FORM_strp."""
    path = tmp_path / "texts.c"
    path.write_text(
        '__attribute__((noipa)) int f(int n) {\n  static const char word[] = "some text";\n'
        '  static const char ab[] = "ab";\n  return n + word[2] + ab[1];\n}\n'
        "int main(int argc, char **argv) { return f(argc); }\n"
    )
    for flags in (["-gdwarf-5"], ["-gdwarf-4"], ["-gdwarf-5", "-m32"]):
        program = tmp_path / "texts"
        subprocess.run(["gcc", "-O2", *flags, "-o", program, path], check=True)
        dump = ["readelf", "--debug-dump=info", program]
        shown = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
        assert re.search(r"DW_AT_const_value.*: some text", shown)
        theirs, ours = both(
            program, "print f::word", "break f", "run", "info locals", "print word",
            "whatis word", "print word[2]", "print sizeof(word)", "print ab",
            "print f::ab", "info scope f", "kill",
        )  # fmt: skip
        assert ours == theirs


def test_a_core_has_no_displays(tmp_path: Path) -> None:
    program = build("parts.c", "pie", _OTHER)
    core = tmp_path / "core"
    gdb(program, "break doubled", "run", f"generate-core-file {core}", "kill")
    commands = ("display values", f"core-file {core}", "info display", "display")
    theirs, (ours, _) = _gdb(program, core, *commands), _ours(program, core, *commands)
    assert ours == theirs
