"""The tests' own tools: oracles are parsed right, and what is left behind is found."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.support import leftovers, oracle
from tests.support.build import VARIANTS, build, build_library
from tests.support.marks import line_of, marks


def test_marks() -> None:
    assert set(marks("plain.c")) == {"inner", "loop", "main", "end"}
    assert line_of("plain.c", "inner") < line_of("plain.c", "loop")


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_runs(variant: str) -> None:
    assert subprocess.run([build("plain.c", variant)], stdout=subprocess.DEVNULL).returncode == 7


@pytest.mark.parametrize("name", ["classes.cc", "hello.rs", "hello.go"])
def test_other_languages_run(name: str) -> None:
    assert subprocess.run([build(name)], stdout=subprocess.DEVNULL).returncode == 0
    assert subprocess.run([build(name, "stripped")], stdout=subprocess.DEVNULL).returncode == 0


def test_libraries() -> None:
    assert subprocess.run([build("dlopen.c"), build_library("plugin.c")]).returncode == 0


def test_gdb_answers() -> None:
    program = build("plain.c")
    frames = oracle.gdb_backtrace(program, "break inner", "run")
    assert [name for _, _, name in frames] == ["inner", "outer", "main"]
    assert [level for level, _, _ in frames] == [0, 1, 2]
    registers = oracle.gdb_registers(program, "break inner", "run")
    assert registers["rip"] == oracle.gdb_value(program, "break inner", "run", expression="$rip")
    here = oracle.gdb_break_address(build("plain.c", "nopie"), "inner")
    assert here == oracle.gdb_registers(build("plain.c", "nopie"), "break inner", "run")["rip"]
    assert oracle.gdb_value(program, "break inner", "run", expression="counter") == 3


def test_strace_answers() -> None:
    lines = oracle.strace("/bin/echo", "hi", options=["-e", "write"])
    assert lines == ['write(1, "hi\\n", 3)                     = 3', "+++ exited with 0 +++"]


def test_a_child_left_behind_is_found_and_killed() -> None:
    read, write = os.pipe()
    with pytest.raises(AssertionError, match=r"left behind.*cat"), leftovers.none_left("t1"):
        child = subprocess.Popen(["cat"], stdin=read)
        os.kill(child.pid, signal.SIGCONT)
    os.close(read)
    os.close(write)
    assert child.poll() is not None


def test_an_orphan_left_behind_is_found_and_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_PATIENCE_MS", 10)
    environment = {**os.environ, leftovers.TOKEN: "t2"}
    read, write = os.pipe()
    with pytest.raises(AssertionError, match=r"left behind.*cat"), leftovers.none_left("t2"):
        shell = ["sh", "-c", "exec 3<&0; (exec cat <&3 >/dev/null 2>&1) & echo"]
        subprocess.run(shell, stdin=read, env=environment, check=True, stdout=subprocess.DEVNULL)
    os.close(read)
    os.close(write)
