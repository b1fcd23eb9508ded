"""Source level beside gdb: what programs of the wild showed to differ, each on a small fixture."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.live.test_commands_gdb import both
from tests.support.build import build, source

# fixture, variant, compiler, further flags
Program = tuple[str, str, str, tuple[str, ...]]

_OTHER = source("parts_other.c")


def _programs(name: str, *rows: str) -> list[Program]:
    """Return programs of a fixture; a row is a compiler, a variant and flags."""
    made = []
    for row in rows:
        compiler, variant, *flags = row.split()
        made.append((name, variant, compiler, tuple(flags)))
    return made


def _lines(text: str) -> tuple[str, ...]:
    lines = tuple(line for line in text.split("\n") if line)
    return (*lines, "kill") if "run" in lines else lines


SCOPES = """
info scope sum
info scope twice
info scope labels.c:25
info scope main
break sum
run
info locals
bt full
info scope *$pc
info address again
p again
p within
break labels.c:31
continue
info locals
bt full
info scope *$pc
p ONE
p GREEN
break labels.c:43
delete 1 2
continue
bt full
info locals
info scope *$pc
"""
"""Labels, types, enumerators and constants of blocks; inlined functions are scopes too."""

TYPES = "\n".join(
    f"{command} {what}"
    for what in (
        "f", "pf", "&f", "af", "p", "pp", "&p", "ap", "a", "pa", "&a", "aa", "q", "g", "h", "cf",
        "cpp", "one", "many", "fixed", "t", "ret", "fn", "fn *", "fn [2]", "sp", "sp *", "sp[2]",
        "sp **", "arr", "arr *", "arr [2]", "spp", "fnp *", "const fn", "const fn *", "pair",
        "fn *const", "struct t *", "sp **const *", "(fn *)0", "const pair", "struct s", "int",
    )
    for command in ("ptype", "ptype/o", "whatis")
)  # fmt: skip
"""Typedefs behind pointers, arrays and functions; the header of ptype/o."""

ENTRIES = """
break leaf
run
bt
up
info args
continue
bt
up
info args
continue
bt
continue
bt
up
info frame
info args
"""
"""Values at entry: through pointers that are known no more there are none; removed parameters."""

FINISHES = """
break work
run
bt
finish
finish
finish
next
next
continue
up
finish
finish
up
finish
continue
finish
up 2
finish
next
next
next
step
step
info locals
delete
next
next
next
"""
"""Out of inlined calls, whose code lies in several places."""

OPTIONS = """
p -pretty -- one
p -pretty on -- t
p -elements 1 -- many
p -array -- many
p -array-indexes -elements 1 -- many
p -pre -- one
p -elements 1 -- /x many
p -a -- 1
p -foo -- 1
p -elements x -- 1
p -max-depth 0 -- one
p -max-depth -2 -- 1
p -one.x
p --one.x
p - -1
p -- one
p -symbol off -- &one
call -pretty -- one
info functions -q ret
info functions -q nosuch
info functions -n -t int main
info functions -t arr
info functions -foo
info functions -t
info variables -q -t pair
info variables -t struct p
info variables -n ^a
info types -q ^a
info types -q nosuch
rbreak ^ret$
rbreak typedefs.c:^ma
p 'typedefs.c'::one
p 'typedefs.c'::nosuch
p 'nosuch.c'::one
list main
list many
info line t
"""
"""Options of print and of the lists of symbols."""

PLACES = """
break twice
break labels.c:sum
break labels.c:main
info breakpoints
list twice
info line twice
info line labels.c:sum
info scope 9000
run
advance 9000
until 9000
until labels.c:9000
advance +9000
until nosuch.c:3
list 9000
"""
"""Functions of a file, the order of inlined places, lines that are not there."""

STEPI = """
break stream
run
nexti
nexti
nexti
nexti
nexti
stepi
stepi
stepi 2
up
stepi
stepi
nexti
frame
stepi
stepi
bt
info threads
up
info frame
info frame level 2
info line
info line
"""
"""Instructions one by one, in and out of inlined calls; frames further out."""

LABELS = """
break sum:again
break labels.c:sum:within
break labels.c:sum:nosuch
break sum:nosuch
break nosuch:again
break twice:bad
tbreak -function sum -label many
break -label again
break again
info line sum:again
list sum:again
list sum:again,sum:within
info scope sum:again
info breakpoints
run
break many
tbreak -label many
break nosuch
info breakpoints
until again
delete 1
until again
advance within
delete
continue
break again
"""
"""Labels of goto: of a function that is named, and of the current one."""

PRINTS = r"""
dprintf
dprintf sum
dprintf sum,
dprintf sum,n
dprintf sum if n == 2,"n\n"
dprintf nosuch,"n\n"
dprintf sum,"sum of %d, %s\n", n, "text"
dprintf labels.c:43,"main %c %5.2f %% %#x\n", 65, 3.5, 255
dprintf printf,"in the library\n"
dprintf sum:again,"label %d\n", n
dprintf 14,"%d %d\n", 1, 2
show dprintf-style
info breakpoints
condition 1 n > 2
ignore 2 1
disable 3
break labels.c:49
run
dprintf printf,"printed %d\n", $_thread
break labels.c:46
info breakpoints
enable 3
enable once 1
run
next
info breakpoints
finish
delete 2 3
info breakpoints
continue
tbreak main
run
dprintf sum,"nothing there %d\n", nosuch
continue
info breakpoints
"""
"""What a dprintf prints, in the program and in a library; what else breakpoints have."""

PARTS = """
info line parts.h:4
info line parts.h:5
info line parts.h:40
info line parts_data.h:1
break parts_data.h:1
list parts_data.h:1
list parts_data.h:values
print 'parts_data.h'::values
print 'parts_data.h'::nosuch
print 'parts.h'::values
print 'nosuch.h'::values
list *other
list *other+4
run
list parts.h:1,2
return
list
"""
"""Files that several units include, with code or without."""

INHERITED = """
print Base::RED
print ns::Derived::RED
print ns::Derived::SMALL
print ns::Mid::GREEN
print ns::Derived::ANON
print ns::Derived::Kind::A
print Base::Kind::B
print ns::Derived::limit
print sizeof(ns::Derived::Inner)
whatis ns::Derived::Size
ptype ns::Derived::Color
print Tmpl<long>::LARGE
print ns::OUT
break ns::Derived::work
break Tmpl<long>::go
condition 1 c == GREEN
run
print RED
print GREEN
print SMALL
print LARGE
print ANON
print OUT
print limit
print Kind::A
print Kind::B
print k == Kind::B
print Derived::RED
print Mid::LARGE
print Derived::SMALL
print Base::BLUE
print Other::ANON
print this->RED
print c == GREEN
print (Color)4
print (Size)1
print sizeof(Inner)
print sizeof(number)
whatis Color
ptype Size
whatis RED
whatis Mid::Size
whatis Base::Color
print/d RED
print RED + 1
print this->c
condition 1 c == GREEN
up
print RED
print d.RED
print d.GREEN
print d.SMALL
print Derived::RED
continue
print RED
print LARGE
print ANON
print OUT
print ns::OUT
print (Size)100
"""
"""What base classes declare: enumerators, types and static members."""

OUTERMOST = """
break sum
run
bt -past-main on
bt -past-main
bt -past-entry on
bt -past-entry
bt -past-main on -past-entry on 3
bt -past-main -hide -1
show backtrace past-main
show backtrace past-entry
show backtrace limit
set backtrace past-main on
set backtrace past-entry on
show backtrace past-entry
bt
up 2
set backtrace past-main off
bt
set backtrace limit 1
bt
up
set backtrace limit 2
bt -past-main
up
set backtrace limit unlimited
bt
"""
"""Where the stack ends: at main, at the entry point, at a limit."""

CALLED = """
break main
run
break doubled
print doubled(4)
print &twice
print $sp
print $fp
finish
print $sp
print other(2)
bt 1
"""
"""Where the stack of a called function is: its addresses are gdb's."""

SEARCHES = """
search sum
list 1,10
search seen
search seen
print $_
search int
reverse-search enum
forward-search nothing
list
break sum
run
search count
fo count
list
rev struct
list
search ^}
"""
"""Lines by what is in them."""

TYPE_NAMES = """
break arguments
run
whatis s
whatis v
whatis m
disable type-printer std::vector
whatis v
whatis m
disable type-printer std::map
whatis m
enable type-printer std::vector
disable type-printer std::__cxx11::string
whatis m
disable type-printer std::string
whatis s
whatis m
disable type-printer nosuch
enable type-printer std::string
enable type-printer std::map
whatis s
whatis m
"""
"""Short names of types, taken away and given back one by one."""

AT_ENTRY = """
break work
run
p by@entry
p by@entry + 1
p *out@entry
whatis by@entry
p seen@entry
p nosuch@entry
next
next
p by@entry
info frame
bt -entry-values compact
bt -entry-values if-needed
bt -entry-values no
up
p n@entry
p own@entry
condition 1 by@entry > 1
"""
"""Parameters as they were when the function was entered; references have no such value."""

DISPLAYS = """
break sum
run
display 1 + 2
display/i $pc
display/x n
info display
next
finish
undisplay 2
up
finish
finish
"""
"""Displays come between the place of a stop and what finish tells."""

CASES: dict[str, tuple[str, list[Program]]] = {
    "scopes": (
        SCOPES,
        _programs("labels.c", "gcc pie", "gcc O2", "clang O2", "clang pie", "gcc m32 -O2"),
    ),
    "types": (TYPES, _programs("typedefs.c", "gcc pie", "clang dwarf4")),
    "entries": (ENTRIES, _programs("entries.c", "gcc O2", "gcc dwarf4 -O2", "clang O2")),
    "finishes": (
        FINISHES,
        _programs("inlined.c", "gcc O2", "gcc pie -O1", "gcc pie -Os", "clang O2", "clang pie -O1"),
    ),
    "stepi": (
        STEPI,
        _programs("inlined.c", "gcc O2", "gcc pie -O1", "clang O2", "clang pie -O1", "gcc m32 -O2"),
    ),
    "labels": (LABELS, _programs("labels.c", "gcc pie", "gcc O2", "clang pie", "clang O2")),
    "prints": (PRINTS, _programs("labels.c", "gcc pie", "gcc O2")),
    "inherited": (INHERITED, _programs("inherited.cc", "g++ pie", "clang++ pie")),
    "outermost": (OUTERMOST, _programs("labels.c", "gcc pie", "gcc m32")),
    "searches": (SEARCHES, _programs("labels.c", "gcc pie")),
    "type names": (TYPE_NAMES, _programs("stl.cc", "g++ pie -std=c++20")),
    "at entry": (AT_ENTRY, _programs("references.cc", "g++ O2", "clang++ O2")),
    "displays": (DISPLAYS, _programs("labels.c", "gcc pie")),
    "options": (OPTIONS, _programs("typedefs.c", "gcc pie")),
    "parts": (
        "break doubled" + PARTS,
        _programs("parts.c", f"gcc pie {_OTHER}", f"clang pie {_OTHER}", f"gcc m32 {_OTHER}"),
    ),
    "called": (CALLED, _programs("parts.c", f"gcc pie {_OTHER}", f"gcc m32 {_OTHER}")),
    "places": (PLACES, _programs("labels.c", "gcc O2", "gcc pie")),
}


@pytest.mark.parametrize(
    ("script", "program"),
    [
        pytest.param(script, program, id="-".join((name, *program[1:3], *program[3])).split("/")[0])
        for name, (script, programs) in CASES.items()
        for program in programs
    ],
)
def test_same_as_gdb(script: str, program: Program) -> None:
    """What gdb says about a program is what pydbg says."""
    name, variant, compiler, flags = program
    theirs, ours = both(build(name, variant, *flags, compiler=compiler), *_lines(script))
    wrong = {
        command: (text, ours.get(command))
        for command, text in theirs.items()
        if _common(text) != _common(ours.get(command, ""))
    }
    assert not wrong


def test_a_unit_in_a_relative_directory_is_named_by_it(tmp_path: Path) -> None:
    """Debian's C library is built so: what has no file of its own is in ./assert/assert.c."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/rel.c").write_text("long one; int main(void) { return (int)one; }\n")
    command = ["gcc", "-g", f"-fdebug-prefix-map={tmp_path}/sub=./sub", "rel.c", "-o", "../rel"]
    subprocess.run(command, cwd=tmp_path / "sub", check=True)
    theirs, ours = both(tmp_path / "rel", "info types .", "info functions main", "info variables o")
    assert "./sub/rel.c" in "".join(theirs.values())
    assert ours == theirs


def _common(text: str) -> str:
    """Leave out what is said of a name that nothing has (there pydbg has a guess, too).

    And what is said of a line more than once.
    """
    text = re.sub(r"  Did you mean .*", "", text)
    # gdb says it once for each unit that includes a file, pydbg once, and in another order.
    line = re.fullmatch(r"(?:Line .*\n?)+", text)
    return text if line is None else "\n".join(sorted(set(text.splitlines())))


def test_the_unit_of_a_stop_is_the_current_one(tmp_path: Path) -> None:
    """A header's code is in two units, made in two directories."""
    (tmp_path / "both.h").write_text("static int twice(int n) { return 2 * n; }\n")
    texts = {
        "one": "int other(int);\nint main(void) { return twice(1) + other(2); }\n",
        "two": "int other(int n) { return twice(n); }\n",
    }
    for name, text in texts.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.c").write_text(f'#include "../both.h"\n{text}')
        compiled = ["gcc", "-g", "-O0", "-c", f"-I{tmp_path}", f"{name}.c"]
        subprocess.run(compiled, cwd=tmp_path / name, check=True)
    objects = ["one/one.o", "two/two.o"]
    subprocess.run(["gcc", *objects, "-o", "it"], cwd=tmp_path, check=True)
    lines = ("break twice", "run", "info source", "continue", "info source", "list", "info source")
    theirs, ours = both(tmp_path / "it", *lines, "kill")
    assert "Compilation directory is " + str(tmp_path / "two") in theirs["5 info source"]
    assert ours == theirs
    (tmp_path / "both.h").unlink()
    theirs, ours = both(tmp_path / "it", *lines, "up", "down", "frame", "kill")
    assert "No such file" in theirs["2 run"] and "No such file" in theirs["4 continue"]
    assert ours == theirs
