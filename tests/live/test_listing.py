"""Source text: list beside gdb, missing, moved and newer files, Enter."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import pydbg
from pydbg.commands.session import Session
from tests.live.test_line_steps import differing
from tests.support import run
from tests.support.build import build, source
from tests.support.oracle import gdb
from tests.support.run import batch

SESSIONS = {
    "without a process": (
        "list", "list", "list -", "list -", "info source", "list 30", "list", "list -",
        "list 10,12", "list", "list ,20", "list 70,", "list", "list twice", "list twice,",
        "list twice,sum", "list steps.c:5", "list steps.c:twice", "list nosuch",
        "list steps.c:500", "list 500", "list nosuch.c:3", "list *main", "list 1,", "list -",
        "set listsize 3", "list 40", "list", "set listsize 1", "list 40", "list", "list -",
        "set listsize unlimited", "list 70", "list ,", "list main,nosuch", "list 20,10",
    ),
    "at stops": (
        "break sum", "run", "list", "list", "list -", "list -", "frame", "list", "list -", "up",
        "list", "list +", "info source", "down", "list", "step", "list", "list +5", "list -3",
        "next", "next", "list", "list",
    ),
    "directories": (
        "show directories", "directory /tmp", "show directories", "directory /usr:/bin",
        "directory /bin", "directory", "set directories /nonexistent", "show directories",
        "set directories", "show directories", "show substitute-path",
        "set substitute-path /nowhere /else", "set substitute-path /a", "show substitute-path",
        "show substitute-path /nowhere", "unset substitute-path /zzz", "unset substitute-path",
        "show substitute-path", "list twice", "list 1,3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SESSIONS)
def test_session_prints_what_gdb_prints(name: str) -> None:
    different = differing("steps.c", "pie", SESSIONS[name])
    assert different == {}


@pytest.mark.parametrize(("name", "variant"), [("classes.cc", "pie"), ("hello.rs", "pie")])
def test_other_languages(name: str, variant: str) -> None:
    lines = ("list", "list", "list -", "list 20,25", "info source")
    assert differing(name, variant, lines) == {}


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """Give a program whose source is not where it was compiled."""
    (tmp_path / "old").mkdir()
    shutil.copy(source("steps.c"), tmp_path / "old/steps.c")
    command = ["gcc", "-g", "-O0", "old/steps.c", "-o", "prog"]
    subprocess.run(command, cwd=tmp_path, check=True)
    (tmp_path / "old").rename(tmp_path / "new")
    return tmp_path


@pytest.mark.parametrize(
    "commands",
    [
        ("list 9,11", "list 9,11"),
        ("break sum", "run", "next", "next", "bt 1", "next", "list", "list"),
        ("directory {}/new", "list 9,11"),
        ("set substitute-path {}/old {}/new", "list 9,11"),
        ("set substitute-path {}/old/ {}/new/", "list 9,11", "unset substitute-path", "list 9,11"),
        ("set substitute-path {} /nowhere", "list 9,11"),
        ("list 9,9", "directory {}/new", "break sum", "run", "next"),
    ],
)
def test_a_source_that_was_moved(moved: Path, commands: tuple[str, ...]) -> None:
    lines = [line.format(moved, moved) for line in commands]
    theirs = [one for one in gdb(moved / "prog", *lines).split("\n") if "libthread_db" not in one]
    ours = batch(moved / "prog", *lines).stdout.split("\n")
    shown = [[one for one in text if one[:1].isdigit()] for text in (theirs, ours)]
    assert shown[0] == shown[1]
    assert len(shown[0]) > 0 or "/nowhere" in lines[0] or lines[0] == "list 9,11"


def test_a_source_newer_than_the_program_is_told_once(moved: Path) -> None:
    (moved / "new").rename(moved / "old")
    program = moved / "prog"
    newer = program.stat().st_mtime + 100
    os.utime(moved / "old/steps.c", (newer, newer))
    done = batch(program, "list 9,10", "list 12,13", "break sum", "run")
    assert done.stderr.count("warning: Source file is more recent than executable.") == 1
    assert "18\t    if (n <= 0)" in done.stdout


@pytest.mark.parametrize(
    "lines",
    [
        ("break sum", "run", "next"),
        ("info line sum", "list 9,10", "break sum", "run"),
        ("break sum", "run", "up", "frame"),
    ],
)
def test_a_newer_source_is_told_where_gdb_tells_it(moved: Path, lines: tuple[str, ...]) -> None:
    (moved / "new").rename(moved / "old")
    program = moved / "prog"
    newer = program.stat().st_mtime + 100
    os.utime(moved / "old/steps.c", (newer, newer))
    script = "\n".join(lines)
    shown = []
    for command, env in (
        (["gdb", "-nx", "-q", "-iex", "set width 0", str(program)], {**os.environ, "HOME": "/"}),
        (run.command("-q", "-nx", program), run.environment()),
    ):
        text = subprocess.run(
            command, input=script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=60, env=env, check=False,
        ).stdout.split("\n")  # fmt: skip
        at = next(n for n, line in enumerate(text) if "more recent" in line)
        shown.append([line.split(") ")[-1] for line in text[at - 1 : at + 2]])
    assert shown[0] == shown[1]


def test_a_directory_of_the_command_line(moved: Path) -> None:
    done = batch(moved / "prog", "list 9,10", options=["-d", str(moved / "new")])
    assert done.stdout.startswith("9\tstatic int twice(int a)\n10\t{")


@pytest.mark.parametrize(
    ("typed", "first"),
    [(["list 10,12", "", ""], "23"), (["list 40", ""], "45"), (["list 40", "list -", ""], "15")],
)
def test_enter_goes_on(typed: list[str], first: str) -> None:
    out = io.StringIO()
    with pydbg.Debugger(str(build("steps.c"))) as dbg:
        session = Session(dbg, out=out, err=out)
        for line in typed:
            out.seek(0)
            out.truncate()
            session.enter(line)
    assert out.getvalue().partition("\t")[0] == first


def test_info_sources_names_the_files_of_the_program() -> None:
    done = batch(build("steps.c"), "info sources steps")
    assert f"\n{source('steps.c')}\n" in done.stdout
    assert str(source("steps.c")) not in batch(build("steps.c"), "info sources nosuch").stdout
    assert batch(build("steps.c"), "info sources (").returncode == 1


def test_control_characters_and_lines_without_code(tmp_path: Path) -> None:
    """GNU sources have form feeds between functions; /m shows what stands between lines, too."""
    path = tmp_path / "feeds.c"
    path.write_text(
        "static int twice(int n) { return n + n; }\n\f\n// \x01 \x7f \t\u00e9\r\n\n"
        "int main(int argc, char **argv) {\n  int sum = 0;\n\n  for (int i = 0; i < argc; i++)\n"
        "    // between\n    sum +=\n      twice(i);\n\n  return sum;\n}\n"
    )
    for flags in (["-O0"], ["-O2"]):
        program = tmp_path / "feeds"
        subprocess.run(["gcc", "-g", *flags, "-o", program, path], check=True)
        ranges = ("main", "main,+12", "*(char (*)[1])main,+20", "twice", "_start")
        commands = [f"disassemble /{how} {one}" for how in ("m", "rm", "s") for one in ranges]
        for command in ("list 1,20", "list main", *commands, "list"):
            shown = batch(program, command).stdout
            assert shown == gdb(program, command), (flags, command)
