"""From a line of output to the system call: what a backtrace in ``write`` shows of a language."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support import oracle
from tests.support.build import build
from tests.support.run import batch

_FRAME = re.compile(r"^#\d+ +(?:0x[0-9a-f]+ in )?(.+?) \(", re.MULTILINE)

GO = ["syscall.write", "internal/poll.(*FD).Write", "os.(*File).Write", "fmt.Fprintln"]


def layers(program: str | Path, *args: str, when: str = "") -> list[str]:
    """Return the functions of the stack at the first write, the innermost first."""
    done = batch(program, f"catch syscall write entry {when}", "run", "backtrace", args=args)
    assert done.returncode == 0, done.stderr
    return _FRAME.findall(done.stdout)


def theirs(program: str | Path) -> list[str]:
    """Return what gdb has for the same stop."""
    text = oracle.gdb(program, "catch syscall write", "run", "backtrace")
    return _FRAME.findall(text)


def in_order(wanted: Sequence[str], found: Sequence[str]) -> bool:
    """Tell whether the names stand in ``found`` in their order, others between."""
    rest = iter(found)
    return all(any(name == other for other in rest) for name in wanted)


@pytest.mark.parametrize("variant", ["pie", "stripped"])
@pytest.mark.parametrize("options", [(), ("-buildmode=pie",)], ids=["exe", "pie"])
def test_go(variant: str, options: tuple[str, ...]) -> None:
    found = layers(build("lines.go", variant, *options))
    wanted = ["syscall.write", "syscall.Write", *GO[1:], "fmt.Println", "main.main"]
    assert in_order(wanted, found), found


def test_rust() -> None:
    found = layers(build("hello.rs"))
    wanted = ["std::io::stdio::_print", "hello::main"]
    assert in_order(wanted, found), found
    # The whole way down: the stream, its buffer that ends at each line, the descriptor.
    names = "\n".join(found)
    assert re.search(r"write$", found[0])
    assert names.index("FileDesc") < names.index("linewriter") < names.index("core::fmt::write")


@pytest.mark.parametrize("variant", ["pie", "static"])
def test_c(variant: str) -> None:
    program = build("hello.c", variant)
    found = layers(program)
    assert in_order(["main"], found) and any("printf" in name for name in found), found
    assert found == theirs(program)[: len(found)]


def test_cpp() -> None:
    program = build("hello.cc")
    found = layers(program)
    assert any("operator<<" in name for name in found), found
    assert found[-1] == "main" and "write" in found[0]
    assert len(found) == len(theirs(program))


def test_python() -> None:
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    assert python is not None
    found = layers(python, "-S", "-c", "print('hello')", when="if fd == 1")
    # print is a C function; the evaluation of the program's bytecode is outside of it.
    wanted = ["PyFile_WriteObject", "_PyEval_EvalFrameDefault", "PyEval_EvalCode"]
    assert in_order(wanted, found), found
    assert any(name in ("Py_BytesMain", "Py_RunMain") for name in found), found
