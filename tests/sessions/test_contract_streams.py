"""The contract of scripted sessions: who writes where, and in which order."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support.build import build
from tests.support.run import ROOT, batch, command, environment, pydbg

SCHEMA = json.loads((ROOT / "docs" / "events.schema.json").read_text())


@pytest.fixture(scope="module")
def plain() -> Path:
    return build("plain.c", "pie")


def events(text: str) -> list[dict[str, Any]]:
    """Return the events of a stream; each must fit the schema."""
    checker = jsonschema.Draft202012Validator(SCHEMA)
    found = [json.loads(line) for line in text.splitlines()]
    for one in found:
        checker.validate(one)
    return found


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_point_1_text_on_stdout_errors_on_stderr(plain: Path) -> None:
    done = batch(plain, "break main", "run", "print nosuch")
    assert "Breakpoint 1, main (" in done.stdout
    assert "nosuch" not in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_point_1_stdin_is_not_read() -> None:
    done = pydbg("--batch", "-ex", "print 1", input="print 2\n")
    assert done.stdout == "$1 = 1\n"


def test_point_6_what_becomes_of_the_program_is_said(plain: Path) -> None:
    done = batch(plain, "break main", "run")
    assert done.stderr.startswith("[Inferior 1 (process ")
    assert done.stderr.endswith(") killed]\n")


def test_point_7_the_programs_stdin(tmp_path: Path) -> None:
    cat = ["--args", "/bin/cat"]
    assert "typed\n" in pydbg("--batch", "-ex", "run", *cat, input="typed\n").stdout
    given = tmp_path / "given"
    given.write_text("from a file\n")
    done = pydbg(*cat, input=f"run\nrun < {given}\nprint 1\n")
    assert done.returncode == 0
    assert "from a file\n" in done.stdout
    assert "print" not in done.stdout


@pytest.mark.parametrize(
    "redirects", ["> out 2>&1", "2>&1 > out", ">> out 2>&1", "> out 2> err", "2>&1"]
)
def test_redirections_are_the_shells(tmp_path: Path, redirects: str) -> None:
    """The oracle is the shell itself."""
    words = "-c 'echo out; echo err >&2; echo more'"
    seen = []
    for mine in (True, False):
        where = tmp_path / str(mine)
        where.mkdir()
        if mine:
            argv = command("--batch", "-ex", f"run {words} {redirects}", "--args", "/bin/sh")
        else:
            argv = ["sh", "-c", f"sh {words} {redirects}"]
        done = subprocess.run(argv, cwd=where, env=environment(), capture_output=True, text=True)
        shown = "".join(f"{word}\n" for word in done.stdout.split() if word in "out err more")
        seen.append((shown, {file.name: file.read_text() for file in where.iterdir()}))
    assert seen[0] == seen[1]


def test_point_8_order_through_a_pipe(tmp_path: Path) -> None:
    script = tmp_path / "s"
    script.write_text(
        "break inner\ncommands\nsilent\necho hit\\n\nend\necho one\\n\nrun\necho two\\n\n"
        "python\nprint('three')\ndbg.delete(1)\ndbg.cont()\nprint('five')\nend\n"
    )
    out = tmp_path / "out"
    with out.open("wb") as stream:
        subprocess.run(
            command("--batch", "-x", script, "--args", build("plain.c", "pie")),
            stdout=stream, stderr=subprocess.DEVNULL, env=environment(), check=True,
        )  # fmt: skip
    shown = [line for line in out.read_text().splitlines() if line[:1] != "["]
    assert shown[-5:] == ["hit", "two", "three", "hello 35 -", "five"]
    assert "one" in shown


def test_point_8_output_and_log_fd(plain: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    done = batch(plain, "run", "print 1", "python print(2)", options=["--output", str(log)])
    assert (done.returncode, done.stdout) == (0, "hello 35 -\n")
    assert log.read_text().endswith("exited with code 07]\n$1 = 1\n2\n")
    read, write = os.pipe()
    again = subprocess.run(
        command("--batch", "--log-fd", str(write), "-ex", "print 1"),
        pass_fds=[write], capture_output=True, text=True, env=environment(),
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read) as stream:
        assert (stream.read(), again.stdout) == ("$1 = 1\n", "")


def test_point_8_inferior_stdout_and_stderr(plain: Path, tmp_path: Path) -> None:
    out, err = tmp_path / "out", tmp_path / "err"
    shell = ["-c", "echo to stdout; echo to stderr >&2"]
    options = ["--inferior-stdout", str(out), "--inferior-stderr", str(err)]
    done = batch("/bin/sh", "run", args=shell, options=options)
    assert (out.read_text(), err.read_text()) == ("to stdout\n", "to stderr\n")
    assert "to std" not in done.stdout + done.stderr
    done = batch(plain, "run", options=["--inferior-stdout=null"])
    assert "hello" not in done.stdout


def test_point_8_json_of_breakpoints_and_exit(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "events"
    done = batch(plain, "break inner", "run", "delete", "continue",
                 options=["--json", str(path)])  # fmt: skip
    assert done.returncode == 0
    found = events(path.read_text())
    assert (found[0]["event"], found[0]["schema"]) == ("begin", 1)
    stop = next(one for one in found if one["event"] == "stopped")
    assert (stop["reason"], stop["bp"], stop["thread"]) == ("breakpoint", 1, 1)
    assert (stop["func"], stop["file"].endswith("plain.c")) == ("inner", True)
    assert [one["code"] for one in found if one["event"] == "exited"] == [7]
    assert found[-1] == {"event": "end", "status": 0}
    text = "".join(one["text"] for one in found if one["event"] == "output")
    assert "hello" not in text
    assert text == done.stdout.replace("hello 35 -\n", "")


def test_point_8_json_of_system_calls(tmp_path: Path) -> None:
    path = tmp_path / "events"
    lines = ["catch syscall openat", "run", "while $_isvoid($_exitcode)", "continue", "end"]
    batch("/bin/cat", *lines, args=["/nonexistent"], options=["--json", str(path)])
    calls = [one["syscall"] for one in events(path.read_text()) if "syscall" in one]
    assert {call["name"] for call in calls} == {"openat"}
    wanted = [call for call in calls if call["args"][1] == '"/nonexistent"']
    assert [call["phase"] for call in wanted] == ["entry", "return"]
    assert (wanted[0]["ret"], wanted[0]["errno"]) == (None, None)
    missing = wanted[1]
    assert missing["errno"] == "ENOENT"
    assert (missing["ret"], missing["phase"], missing["nr"]) == (-2, "return", 257)
    assert len(missing["raw"]) == len(missing["args"])


def test_point_8_json_of_a_death_and_an_error(tmp_path: Path) -> None:
    path = tmp_path / "events"
    script = tmp_path / "s"
    script.write_text("run\ncontinue\nprint nosuch\n")
    done = pydbg("--batch", "-x", script, "--json", path, build("segfault.c", "pie"))
    found = events(path.read_text())
    stop = next(one for one in found if one["event"] == "stopped")
    assert (stop["reason"], stop["signal"]["name"]) == ("signal", "SIGSEGV")
    end = next(one for one in found if one["event"] == "exited")
    assert (end["signal"]["number"], "code" in end) == (11, False)
    error = next(one for one in found if one["event"] == "error")
    assert (error["file"], error["line"]) == (str(script), 3)
    assert found[-1]["status"] == done.returncode == 1


def test_point_8_json_to_stdout_is_nothing_but_json(plain: Path) -> None:
    done = batch(plain, "run", "print 1", "shell echo hi", options=["--json", "fd:1"])
    found = events(done.stdout)
    assert "hello 35 -\n" in done.stderr
    assert "hi\n" in "".join(one.get("text", "") for one in found)


def test_point_9_the_same_text_in_each_run(plain: Path) -> None:
    lines = ["break inner", "run", "info registers rip", "x/2gx $rsp"]
    assert batch(plain, *lines).stdout == batch(plain, *lines).stdout


def test_point_11_init_files(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "pydbg").mkdir()
    (tmp_path / "pydbg" / "init").write_text("print 7\n")
    (tmp_path / ".pydbginit").write_text("print 8\n")
    here = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert pydbg("--batch", plain, env=here, cwd=tmp_path).stdout == ""


def test_point_12_stacks_of_all_threads() -> None:
    done = batch(build("threads.c", "pie"), "break main", "run", "thread apply all bt")
    assert "\nThread 1 (" in done.stdout
    assert done.returncode == 0
