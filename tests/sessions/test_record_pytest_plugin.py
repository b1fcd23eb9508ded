"""The pytest plugin, by a test run of its own: what passes, what a failure shows, what is left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.build import build
from tests.support.run import environment

TESTS = """
import os
import pytest
from pydbg import BreakpointHit, CommandError, Exited, FileError

def test_library(pydbg):
    dbg = pydbg.launch(PLAIN)
    point = dbg.break_at("inner", callback=lambda point: None)
    assert dbg.cont().code == 7
    assert point.hit_count == 5
    assert pydbg.output == "hello 35 -\\n"
    assert isinstance(pydbg.last_event, Exited)

def test_commands(pydbg):
    pydbg.launch(PLAIN, "word", settings={"disassembly-flavor": "intel"})
    pydbg.execute("break inner")
    assert "Breakpoint 1, inner" in pydbg.execute("continue")
    assert "#1 " in pydbg.execute("bt")
    pydbg.execute("delete")
    assert "hello 35 word\\n" in pydbg.execute("continue")
    with pytest.raises(CommandError):
        pydbg.execute("bt")

def test_two_programs(pydbg):
    first, second = pydbg.launch(PLAIN), pydbg.launch(PLAIN)
    assert first.cont().code == second.cont().code == 7

def test_streams(pydbg, tmp_path):
    dbg = pydbg.launch(PLAIN, stdout=str(tmp_path / "out"))
    dbg.cont()
    assert (tmp_path / "out").read_text() == "hello 35 -\\n"
    assert pydbg.output == ""

def test_missing(pydbg):
    with pytest.raises(FileError):
        pydbg.launch("/nonexistent")

def test_left_running(pydbg):
    dbg = pydbg.launch(PLAIN)
    with open(PIDS, "a") as file:
        file.write(str(dbg.inferior.pid))

def test_left_is_gone():
    with pytest.raises(ProcessLookupError):
        os.kill(int(open(PIDS).read()), 0)
"""

FAILING = """
def test_fails(pydbg):
    dbg = pydbg.launch(PLAIN)
    dbg.break_at("inner")
    dbg.cont()
    pydbg.execute("print $rdi + 41")
    assert dbg.cont().code == 7
"""


def run(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    names = f"PLAIN = {str(build('plain.c'))!r}\nPIDS = {str(folder / 'pids')!r}\n"
    (folder / "test_inner.py").write_text(names + text)
    plugins = ["-p", "pydbg.pytest_plugin", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, "test_inner.py"],
        cwd=folder,
        # An installed pydbg would bring the plugin a second time.
        env=environment({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}),
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_what_the_fixture_does(tmp_path: Path) -> None:
    done = run(tmp_path, TESTS)
    assert done.returncode == 0, done.stdout
    assert "7 passed" in done.stdout


def test_a_failure_shows_the_transcript(tmp_path: Path) -> None:
    done = run(tmp_path, FAILING)
    assert done.returncode == 1
    _, _, shown = done.stdout.partition("pydbg transcript")
    assert f"$ pydbg --args {build('plain.c')}\n" in shown
    assert "[stopped at breakpoint 1]\n(pydbg) print $rdi + 41\n$1 = 41\n" in shown
    assert "[it is here]\n#0  inner (a=1, b=5)" in shown
