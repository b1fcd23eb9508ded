"""Rust beside its own words: panics as the program tells them, the library's types as rust-gdb."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from shutil import which

import pytest

import pydbg
from tests.live.test_commands_gdb import both
from tests.support.build import build
from tests.support.marks import line_of
from tests.support.run import command, environment


def compilers() -> list[str]:
    """Give the system's compiler, and the one that is found first where that is another."""
    found = [which("rustc") or "rustc", which("rustc", path="/usr/bin") or "rustc"]
    return list(dict.fromkeys(found))


# --- panics ----------------------------------------------------------------------------------

_KINDS = ("literal", "formatted", "index", "expect", "divide", "overflow", "unwrap", "equal")
_OLD = re.compile(r"thread '.*?' panicked at '(.*)', (\S+:\d+:\d+)", re.DOTALL)
_NEW = re.compile(r"thread '.*?' (?:\(\d+\) )?panicked at (\S+:\d+:\d+):\n(.*)\nnote:", re.DOTALL)


def told(program: Path, kind: str) -> str:
    """Return what the program itself says of its first panic: the message and the place."""
    clean = {**environment(), "RUST_BACKTRACE": "0"}
    done = subprocess.run([program, kind], capture_output=True, text=True, env=clean, check=False)
    old = _OLD.search(done.stderr)
    if old is not None:
        return f"{old[1]} (at {old[2]})"
    new = _NEW.search(done.stderr)
    assert new is not None, done.stderr
    return f"{new[2]} (at {new[1]})"


def caught(program: Path, kind: str) -> pydbg.Debugger:
    """Return a debugger stopped at the first panic that is caught."""
    dbg = pydbg.launch(str(program), kind, stdout="/dev/null", stderr="/dev/null")
    dbg.catch("panic")
    return dbg


@pytest.mark.parametrize("flags", [(), ("-C", "panic=abort"), ("-C", "debuginfo=1")], ids=str)
@pytest.mark.parametrize("compiler", compilers())
def test_a_panic_says_what_the_program_says(compiler: str, flags: tuple[str, ...]) -> None:
    program = build("panics.rs", "pie", *flags, compiler=compiler)
    # Without types in the debug information only some arguments can be read.
    kinds = _KINDS if "debuginfo=1" not in flags else ("literal", "divide", "index", "expect")
    for kind in kinds:
        with caught(program, kind) as dbg:
            event = dbg.cont()
            assert isinstance(event, pydbg.events.CatchHit) and event.kind == "panic"
            said = " ".join(told(program, kind).split())
            assert " ".join((event.message or "").split()) == said, kind


def test_panics_of_threads_and_ones_that_are_caught() -> None:
    program = build("panics.rs")
    with caught(program, "thread") as dbg:
        event = dbg.cont()
        assert isinstance(event, pydbg.events.CatchHit)
        assert event.message is not None and event.message.startswith("in thread 1 (at ")
        assert event.tid != dbg.live_inferior().pid
        assert isinstance(dbg.cont(), pydbg.events.Exited)
    with caught(program, "caught") as dbg:
        messages = []
        while isinstance(event := dbg.cont(), pydbg.events.CatchHit):
            messages.append((event.message or "").partition(" (")[0])
        assert messages == ["first", "second"]
    with caught(program, "any") as dbg:
        event = dbg.cont()
        assert isinstance(event, pydbg.events.CatchHit)
        assert event.message is not None and event.message.startswith("a value that is no text")


def test_the_commands_of_panics() -> None:
    program = build("panics.rs")
    # Set before the program runs; a second run, where the temporary one is gone.
    line = command(
        "-nx", "--batch", "--keep-going", "-ex", "tcatch panic", "-ex", "info breakpoints",
        "-ex", "run index", "-ex", "info breakpoints", "-ex", "catch panic", "-ex", "run literal",
        "-ex", "frame function panics::main", "-ex", "info breakpoints", program,
    )  # fmt: skip
    done = subprocess.run(line, capture_output=True, text=True, env=environment(), check=False)
    shown = done.stdout
    assert shown.count("Temporary catchpoint 1 (panic), ") == 1, shown
    assert "index out of bounds: the len is 3 but the index is 4 (at " in shown
    assert "Catchpoint 2 (panic), " in shown and "plain text (at " in shown
    assert "catchpoint already hit 1 time" in shown
    assert re.search(r"^#\d+ .* in panics::main \(\) at ", shown, re.MULTILINE), shown


# --- the library's types ---------------------------------------------------------------------

_LOCALS = [
    "word", "none", "long", "os", "vec", "words", "nothing", "many", "ring", "rc", "other", "arc",
    "cell", "ref_cell", "map", "big_map", "set", "tree", "high", "tree_set", "empty", "nested",
    "pairs", "*boxed", "person.name", "person.tags",
]  # fmt: skip


def printers_of(compiler: str) -> Path:
    """Return the directory that has gdb's printers for what a compiler makes."""
    done = subprocess.run(
        [compiler, "--print", "sysroot"], capture_output=True, text=True, check=True
    )
    return Path(done.stdout.strip()) / "lib/rustlib/etc"


def sections(text: str) -> dict[str, str]:
    """Return what was printed for each expression; pairs of a hash table have no order."""
    found: dict[str, str] = {}
    for part in text.split("@@@ ")[1:]:
        name, _, body = part.partition("\n")
        value = body.partition(" = ")[2].strip()
        if name in ("big_map",):
            head, _, rest = value.partition(" = {")
            value = head + str(sorted(rest.rstrip("}").split(", ")))
        found[name] = value
    return found


Done = subprocess.CompletedProcess[str]


def beside_rust_gdb(
    program: Path, compiler: str, lines: list[str], directory: Path
) -> tuple[Done, Done]:
    """Run a script in gdb with the printers that come with a compiler, and in pydbg."""
    script = directory / "commands"
    script.write_text("\n".join(lines) + "\n")
    etc = printers_of(compiler)
    gdb = ["gdb", "-nx", "-batch", "-iex", "set width 0"]
    for one in (f"python import sys; sys.path.insert(0, {str(etc)!r})", f"directory {etc}",
                f"add-auto-load-safe-path {etc}"):  # fmt: skip
        gdb += ["-iex", one]
    clean = {**environment(), "LC_ALL": "C.UTF-8", "DEBUGINFOD_URLS": ""}
    theirs, ours = (
        subprocess.run(
            [*line, "-x", str(script), str(program)], capture_output=True, text=True, env=clean,
            stdin=subprocess.DEVNULL, check=False,
        )
        for line in (gdb, command("-nx", "--batch"))
    )  # fmt: skip
    return theirs, ours


_SLICES = """\
struct P { a: i32, b: u8 }
#[inline(never)]
fn show(text: &str, bytes: &[u8], ps: &[P], words: &mut [u16], none: &[u64]) -> usize {
    let unit = ();
    let keep = &unit as *const () as usize;
    text.len() + bytes.len() + ps[0].a as usize + ps[0].b as usize + none.len() + keep // here
        + words.len()
}
fn main() { show("te\\nxt", b"by", &[P { a: 1, b: 2 }], &mut [1, 2], &[]); }
"""


@pytest.mark.parametrize("compiler", compilers())
def test_slices_beside_rust_gdb(compiler: str, tmp_path: Path) -> None:
    source = tmp_path / "slices.rs"
    source.write_text(_SLICES)
    subprocess.run(
        [compiler, "-g", "--edition=2021", source.name, "-o", "slices"], cwd=tmp_path, check=True
    )
    asked = ("bt 1", "info args", "print bytes", "print/x bytes", "print/r bytes", "print/r text",
             "print &ps[0..1]", "print ps[0]", "print unit == unit", "print *text.data_ptr",
             "list *$pc")  # fmt: skip
    lines = ["break slices.rs:6", "run"]
    for one in asked:
        lines += [f"echo @@@ {one}\\n", one]
    theirs, ours = beside_rust_gdb(tmp_path / "slices", compiler, lines, tmp_path)
    want, got = ([re.sub(r"0x7f\w+", "STACK", part) for part in done.stdout.split("@@@ ")[1:]]
                 for done in (theirs, ours))  # fmt: skip
    assert len(want) == len(asked) and "&[slices::P](size=1) = {...}" in want[0]
    assert got == want


@pytest.mark.parametrize("compiler", compilers())
def test_library_types_beside_rust_gdb(compiler: str, tmp_path: Path) -> None:
    program = build("collections.rs", compiler=compiler)
    lines = [f"break collections.rs:{line_of('collections.rs', 'made')}", "run >/dev/null"]
    for name in _LOCALS:
        lines += [f"echo @@@ {name}\\n", f"print {name}"]
    theirs, ours = beside_rust_gdb(program, compiler, lines, tmp_path)
    want, got = sections(theirs.stdout), sections(ours.stdout)
    assert list(want) == _LOCALS, theirs.stdout + theirs.stderr
    assert got == want, json.dumps(
        {n: (want[n], got.get(n)) for n in want if want[n] != got.get(n)}
    )


def test_what_rust_gdb_does_not_show() -> None:
    program = build("collections.rs")
    with pydbg.launch(str(program), stdout="/dev/null") as dbg:
        dbg.break_at(f"collections.rs:{line_of('collections.rs', 'made')}")
        dbg.cont()
        assert str(dbg.eval("dir")) == '"/tmp"' and str(dbg.eval("file")) == '"/tmp/x.txt"'
        assert dbg.formatter().top(dbg.eval("borrowed")).startswith("Ref(borrow=1) = {*value = ")
        assert dbg.formatter().top(dbg.eval("weak")).startswith("Rc(strong=2, weak=1)")
        assert str(dbg.eval("non_zero")) == "5"
        assert dbg.formatter().top(dbg.eval("units")) == "Vec(size=2) = {(), ()}"
        assert int(dbg.eval('word == "h\\u{e9}llo\\n"')) == 1
        assert int(dbg.eval('word == "else"')) == 0


SHOWN = {
    "free": "Mutex = {value = 5}",
    "locked": 'Mutex(locked) = {value = "inside"}',
    "guard": 'MutexGuard = {*value = "inside"}',
    "poisoned": "Arc(strong=1, weak=0) = {value = Mutex(poisoned) = {value = 1}, strong = 1, "
    "weak = 0}",
    "unread": "RwLock = {value = 1}",
    "read": "RwLock(read=2) = {value = Vec(size=2) = {1, 2}}",
    "two": "RwLockReadGuard = {*value = Vec(size=2) = {1, 2}}",
    "written": "RwLock(write) = {value = 2.5}",
    "writing": "RwLockWriteGuard = {*value = 2.5}",
    "epoch": "SystemTime(2000-02-29 00:00:00.25 UTC)",
    "number": str(1 << 63),
    "small": "-3",
    "flag": "true",
    "c_string": '"c string"',
    "c_str": '"c string"',
    "list": "LinkedList(size=3) = {1, 2, 3}",
    "no_list": "LinkedList(size=0)",
    "heap": "BinaryHeap(size=3) = {5, 1, 2}",
    "shared_text": 'Rc(strong=1, weak=1) = {value = "text", strong = 1, weak = 1}',
    "shared_slice": "Arc(strong=1, weak=0) = {value = [1, 2, 3], strong = 1, weak = 0}",
    "weak": 'Rc(strong=1, weak=1) = {value = "text", strong = 1, weak = 1}',
    "text": '"boxed"',
}


@pytest.mark.parametrize("compiler", compilers())
def test_locks_times_lists_and_shared_slices(compiler: str, tmp_path: Path) -> None:
    program, said = build("library.rs", compiler=compiler), tmp_path / "said"
    with pydbg.launch(str(program), stdout=str(said)) as dbg:
        dbg.break_at(f"library.rs:{line_of('library.rs', 'made')}")
        dbg.cont()

        def shown(name: str) -> str:
            return dbg.formatter().top(dbg.eval(name))

        assert {name: shown(name) for name in SHOWN} == SHOWN
        times = ("nothing", "seconds", "millis", "micros", "nanos", "mixed")
        assert [shown(name) for name in times] == said.read_text().splitlines()
        address = f"{dbg.eval('&target').number():#x}"
        assert shown("raw") == shown("nonnull") == address
        assert re.fullmatch(r"Instant\([\d.]+s\)", shown("start"))
        dbg.memory[dbg.eval("&list.len").number()] = b"\x07"
        assert shown("list").startswith("LinkedList(size=7) = {1, 2, 3<error reading variable: ")


@pytest.mark.parametrize("compiler", compilers())
def test_functions_and_types_are_listed_as_gdb_does(compiler: str) -> None:
    program = build("values.rs", compiler=compiler)
    asked = ("info functions values::", "info types values::")
    theirs, ours = both(program, *asked)
    modules = re.compile(r"^\t[\w:{}#<>]+\n", re.MULTILINE)  # gdb takes them for types.
    for line in asked:
        key = next(one for one in theirs if one.endswith(line))
        assert "values::" in ours[key] and ours[key] == modules.sub("", theirs[key])


@pytest.mark.parametrize("compiler", compilers())
def test_addresses_of_generic_functions_are_gdbs(compiler: str) -> None:
    program = build("values.rs", compiler=compiler)
    asked = ("info address values::pair<char>", "info address values::pair<u8>")
    theirs, ours = both(program, *asked)
    assert "is a function at address 0x" in next(iter(list(theirs.values())[1:]))
    assert ours == theirs


_OPTIMISED = (
    "break optimised::lex", "break optimised::pick", "break optimised::halves", "run",
    "info args", "print s", "print out", "info locals", "finish", "delete 1", "continue",
    "info args", "print k", "finish", "continue", "info args", "print v", "print at", "kill",
)  # fmt: skip
_CONVENTION = re.compile(r"^warning: Function .* does not follow .*\n", re.MULTILINE)


@pytest.mark.parametrize("compiler", compilers())
def test_what_the_optimiser_leaves_is_shown_as_gdb_does(compiler: str) -> None:
    """Slices without their length, pointers to nothing, results where LLVM likes them to be."""
    program = build("optimised.rs", "O2", "--edition=2021", compiler=compiler)
    theirs, ours = both(program, *_OPTIMISED)
    for line in theirs:
        if not re.match(r"\d+ (break|run|delete)\b", line):
            assert plain(ours[line]) == plain(_CONVENTION.sub("", theirs[line])), line


def plain(text: str) -> str:
    """Take out what differs from run to run."""
    return re.sub(r"0x7f[0-9a-f]{10}|process \d+", "STACK", re.sub(r"k[01]: \d+", "k", text))
