"""Values, types and expressions of Go: gdb's answers, and Go's own where gdb has none."""

from __future__ import annotations

import re

import pytest

from tests.live.test_commands_gdb import both
from tests.support.build import NEW_GO, build
from tests.support.marks import marks
from tests.support.run import batch

UNOPTIMISED = "-gcflags=all=-N -l"
LINES = marks("values.go")
RAW = "disable pretty-printer global go"
"""gdb has no printers for Go; of ours, strings and numbers are as gdb has them."""

SAME = (
    "i8", "u8", "i8 + 1", "f32 * 2", "7/2", "7/2.0", "text", "empty", "main.title", "'main.title'",
    "main.total", "main.limit", "main.total + 1", "main.origin", "main.origin.name", "double",
    "**double", "*double", "&main.total", "*&main.total", "nothing", "*nothing", "nothing.name",
    "grid", "grid[1]", "grid[1][0]", "slice", "slice.array", "slice.array[1]",
    "slice.array[0]@2", "*slice.array@2", "none", "bytes", "bytes.array", "ages", "ages.count",
    "squares.count", "noMap", "*noMap", "queue", "*queue", "queue.qcount", "noChan", "closure",
    "noFunc", "method", "temp", "day", "wait", "err", "err.tab", "*err.tab", "err.data", "plain",
    "noErr", "value", "value._type", "*value._type", "value.data", "words2", "boxed", "two",
    "two.key", "anything", "anything.array[0]", "addr", "words", "words.array[0]",
    "words.array[1]", "n", "any", "count", "flag", "flag == true", "true", "nothing == 0",
    "!flag", "^1", "-i8", "letter", "'a'", '"abc"', '"abc"[1]', "c64", "c128", "text.str",
    "int(f32)", "uint8(300)", "float64(3)", "int32", "uint8", "*int", "main.shape",
    "main.celsius", "main.results", "main.locals", "main.main", "'main.(*shape).grow'",
    "'runtime.g'", "i8 = 5", "i8", "i8.x", "1 && 0", "1 || 0", "1 ? 2 : 3", "1 == 1", "i8 < 3",
    "3 << 2", "255 & ^15", "255 &^ 15", "6 ^ 3", "6 | 1", "0x1f", "017", "0b11", "1e3", "1.5e-3",
    "$rip", "$foo", "$foo = 3", "$foo", "error", "main.namer", "uintptr(5)", "bool(1)",
    "complex64", "&slice", "&grid[1]", "u64 + 1", "u64", "i64 - 1", "u8 + u8", "u8 * 10",
    "i32 % 5", "f64 / 0", "flag && true", "1, 2", "(1+2)*3", 'text + "x"', "slice@2",
)  # fmt: skip
FORMATTED = (
    "/x i32", "/d u8", "/c u8", "/x text", "/s text", "/s bytes.array", "/r text", "/f f64",
    "/o u16", "/z u16", "/t u16",
)  # fmt: skip
SHOWN = (
    "bt", "info args", "info locals", "info frame", "info source", "list *$pc", "info scope *$pc",
    "up", "info args", "kill",
)  # fmt: skip

_SETTING_UP = r"\d+ (break|run|disable|handle)\b"


def plain(text: str) -> str:
    """Take out what differs from run to run: the heap, the stack's end, hash seeds, threads."""
    text = re.sub(r"0xc000[0-9a-f]{6}", "HEAP", text)
    text = re.sub(r"(language|Source language is) (unknown|go)\.", r"\1 .", text)
    text = re.sub(r"0x7f[0-9a-f]{10}", "STACK", text)
    text = re.sub(r"^\[New LWP \d+\]\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\$\d+ = ", "$ = ", text)
    return re.sub(r"hash0 = \d+", "hash0", text)


def compared(mark: str, *lines: str, flags: tuple[str, ...] = ()) -> dict[str, tuple[str, str]]:
    """Return what gdb and pydbg show differently."""
    path = build("values.go", "pie", *flags)
    theirs, ours = both(path, RAW, f"break values.go:{LINES[mark]}", "run 2>/dev/null", *lines)
    return {
        line: (plain(theirs[line]), plain(ours[line]))
        for line in theirs
        if plain(theirs[line]) != plain(ours[line]) and not re.match(_SETTING_UP, line)
    }


def test_values_and_types_are_gdbs() -> None:
    asked = [f"{word} {text}" for text in SAME for word in ("print", "whatis", "ptype")]
    asked += [*(f"print{text}" for text in FORMATTED), "kill"]
    assert compared("locals", *asked, flags=(UNOPTIMISED,)) == {}


@pytest.mark.parametrize("flags", [(UNOPTIMISED,), ()], ids=["plain", "optimised"])
@pytest.mark.parametrize("mark", ["locals", "grow", "results", "unnamed", "generic"])
def test_frames_are_gdbs(mark: str, flags: tuple[str, ...]) -> None:
    assert compared(mark, *SHOWN, flags=flags) == {}


BEYOND = {
    # Variables that were moved to the heap, and those of the package.
    "one.name": '"one"', "one.sides[1]": "4", "pointer.name": '"one"', "numbers[2]": "3",
    "one.next.name": '"origin"', "*&one.sides[2]": "5", "title": '"a \\"title\\"\\n"',
    "total": "7", "limit": "12", "origin.sides[0]": "1", "main.origin.tags[1]": '"y"',
    "os.Args.len": "1", "runtime.buildVersion == nil": None,
    # Slices, strings, maps.
    'string("abc") == "abc"': "true",
    "slice[1]": "3", "slice.len": "2", "len(slice)": "2", "cap(slice)": "3", "len(text)": "12",
    "text[1]": "195 '\\303'", "len(ages)": "1", "len(queue)": "2", "cap(queue)": "4",
    "len(numbers)": "4", 'ages["ann"]': "31", "squares[39].name": '"39"', "len(noMap)": "0",
    "$len(words)": "2", "$cap(slice)": "3", 'words[0] + ""': None,
    # Comparisons.
    'text == "h\u00e9llo\\tworld"': "true", 'words[0] == "a"': "true", 'words[0] < "b"': "true",
    'words[0] != "a"': "false", "nothing == nil": "true", "none == nil": "true",
    "noErr == nil": "true", "err == nil": "false", "false": "false", "double == nil": "false",
    # Interfaces.
    "$dtype(err).code": "7", "*$dtype(boxed)": None, "*$dtype(value)": "42",
    "$dtype(any).name": '"origin"', "*$dtype(words2)": '"boxed"', "$dtype(plain).s": '"plain text"',
    # Casts of C.
    "(long)&grid[1] - (long)&grid[0]": "2", "*(unsigned char *)text.str": "104 'h'",
    "{char}text.str": "104 'h'", "sizeof(long)": "8", "~1": "-2",
    "*(short *)&u16": "16", "double == &pointer": "true",
    # Conversions, types.
    "(*main.shape)(pointer).name": '"one"', "(int)f32": "1", "sizeof(int)": "8",
    "sizeof(main.shape)": "80", "main.celsius(2)": "2", "sizeof([]int)": "24",
}  # fmt: skip


def test_what_gdb_does_not_know_is_gos() -> None:
    asked = [text for text, shown in BEYOND.items() if shown is not None]
    done = batch(
        build("values.go", "pie", UNOPTIMISED), f"break values.go:{LINES['locals']}", "run",
        "set print address off", *(f"print {text}" for text in asked),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = re.findall(r"^\$\d+ = (.*)$", done.stdout, re.MULTILINE)
    assert dict(zip(asked, shown, strict=True)) == {text: BEYOND[text] for text in asked}


WRONG = {
    "main.nosuch": 'No symbol "main.nosuch" in current context.',
    "nosuch.x": 'No symbol "nosuch" in current context.',
    "one.nosuch": "There is no member named nosuch.",
    "slice[2]": "index out of range [2] with length 2",
    "slice[-1]": "index out of range [-1] with length 2",
    'ages["bob"]': "no such key",
    "len(i8)": "len is not defined for a int8.",
    "len()": "len takes one argument.",
    "closure(1)": "Functions of Go cannot be called: they need a goroutine of their own.",
    "[]nosuch": "A syntax error in expression, near `[]nosuch'.",
    "map[": "A syntax error in expression, near `'.",
    "i8.": "A syntax error in expression, near `'.",
    "main.shape": "Cannot look up value of a typedef `main.shape'.",
    "$dtype(nosuch)": 'No symbol "nosuch" in current context.',
    "$len()": "You must provide one argument.",
}


def test_errors_are_one_line() -> None:
    done = batch(
        build("values.go", "pie", UNOPTIMISED), f"break values.go:{LINES['locals']}", "run",
        *(f"try print {text}" for text in WRONG),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stderr.partition("No such file or directory.\n")[2].splitlines()
    assert lines[: len(WRONG)] == list(WRONG.values())


STEPS = (
    *["step"] * 9, "bt 2", *["step"] * 9, "bt 2", "finish", *["next"] * 4, "until",
    "advance main.locals", "step", "step", "next", "next", "kill",
)  # fmt: skip


@pytest.mark.parametrize("flags", [(UNOPTIMISED,), ()], ids=["plain", "optimised"])
def test_steps_are_gdbs(flags: tuple[str, ...]) -> None:
    """Through generic functions, closures, interfaces' methods and functions of the library."""
    path = build("values.go", "pie", *flags)
    for _ in range(10):
        asked = ("handle SIGURG nostop noprint", "break main.main", "run", *STEPS)
        theirs, ours = both(path, RAW, *asked)
        if not re.search(r"runtime\.(sigtramp|morestack)", "".join(theirs.values())):
            break  # Otherwise gdb stopped where the runtime preempts the goroutine.
    for line in theirs:
        if not re.match(_SETTING_UP, line):
            # What results hold before they are set is left over from something else.
            mine, other = (
                re.sub(r"\bsum=\d+", "sum=", plain(all_[line])) for all_ in (ours, theirs)
            )
            assert mine == other, line


RETURNED = {
    "two": '{r0 = 3, r1 = TEXT "two"}',
    "flt": "4",
    "str": 'TEXT "hel"',
    "sl": "[]int = {1, 5, 3, 9}",
    "st": '{x = 4, y = 5, name = TEXT "p"}',
    "ptr": "(main.P *) HEAP",
    "ifc": "main.S(main.R) = {w = 6, h = 2}",
    "er": "error(main.E) = {code = 7}",
    "b8": "true",
    "arr": None,  # On the stack.
    "mp": 'map[string]int = {["n"] = 2}',
    "fn": None,
    "cplx": "-3 + 4i",
    "none": None,
    "named": "{res = 8, err = error(main.E) = {code = 4}}",
}


@pytest.mark.parametrize("compiler", [None, NEW_GO], ids=["distribution", "new"])
@pytest.mark.parametrize("flags", [("-gcflags=-N -l",), ()], ids=["plain", "optimised"])
def test_finish_shows_what_was_returned(flags: tuple[str, ...], compiler: str | None) -> None:
    """By Go's convention: in nine registers for words and fifteen for fractions."""
    asked = [line for name in RETURNED for line in (f"break main.{name}", "continue", "finish")]
    done = batch(
        build("results.go", "pie", *flags, compiler=compiler), "tbreak main.main",
        "handle SIGURG nostop noprint", "run", *asked, "print $.res",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    parts = (
        done.stdout.split("Run till exit from #0  main.")[1:]
        or re.split(r"hit Breakpoint \d+, main\.", done.stdout)[1:]
    )
    found = {}
    for part in parts:
        shown = re.search(r"Value returned (?:is|in) (?:\$\d+ = )?(.*)", part)
        text = None if shown is None else re.sub(r'0x[0-9a-f]+ "', 'TEXT "', shown[1])
        if text is not None and text.startswith("(main.P *) 0x"):
            text = "(main.P *) HEAP"
        found[part.partition(" ")[0]] = text
    assert found == RETURNED
    assert re.findall(r"^\$\d+ = (.*)$", done.stdout, re.MULTILINE)[0] == "8"


WATCHED = (
    "break main.ints if a > 3 && b == 2", "tbreak main.main", "run", "next", "next", "next",
    "watch main.G if main.G > 2", "watch total", "info watchpoints", "continue", "continue",
    "continue", "continue", "continue", "info breakpoints", "info args", "p a + b", "kill",
)  # fmt: skip


def test_conditions_and_watchpoints_are_gdbs() -> None:
    path = build("results.go", "pie", "-gcflags=-N -l")
    theirs, ours = both(path, RAW, "handle SIGURG nostop noprint", *WATCHED)
    for line in theirs:
        if not re.match(_SETTING_UP, line):
            mine, other = (re.sub(r"~r0=\d+|~r0 = \d+", "~r0", plain(all_[line]))
                           for all_ in (ours, theirs))  # fmt: skip
            assert mine == other, line


RECURSIVE = (
    "break main.last", "run", "bt", "ptype main.state", "whatis main.state", "print main.last",
    "ptype main.last", "info functions -q -n main.last$", "info types -q state$", "up",
    "print next", "whatis next", "ptype next", "whatis *next", "info locals", "kill",
)  # fmt: skip


@pytest.mark.parametrize("compiler", [None, NEW_GO], ids=["distribution", "new"])
def test_functions_that_return_their_own_type_are_gdbs(compiler: str | None) -> None:
    path = build("results.go", "pie", UNOPTIMISED, compiler=compiler)
    theirs, ours = both(path, RAW, "handle SIGURG nostop noprint", *RECURSIVE)
    for line in theirs:
        if not re.match(_SETTING_UP, line):
            assert plain(ours[line]) == plain(theirs[line]), line
