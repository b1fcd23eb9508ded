"""Every reason for which a program stops, as a real session writes it with ``--json``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pydbg import events as ev
from pydbg.breakpoints import CATCH_KINDS
from pydbg.render.jsonevents import REASONS
from tests.support.build import build, build_library
from tests.support.marks import line_of
from tests.support.run import ROOT, command, environment, pydbg

SCHEMA = json.loads((ROOT / "docs" / "events.schema.json").read_text())

SHELL = ("/bin/sh", "-c")
# The debugger is the program's parent.
INTERRUPT = (*SHELL, "kill -INT $PPID; exec sleep 1000")

SESSIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "breakpoint": (("break inner", "run"), ("plain.c",)),
    "watchpoint": (("start", "python dbg.watch('counter', size=8)", "continue"), ("watched.c",)),
    "watchpoint-scope": (
        ("break inner", "run", "watch sum", "delete 1", "continue", "continue"),
        ("plain.c",),
    ),
    "syscall": (("catch syscall write", "run"), ("plain.c",)),
    "catch": (("catch fork", "run"), ("fork.c",)),
    "signal": (("run",), ("segfault.c",)),
    "step": (("starti", "stepi"), ("plain.c",)),
    "location": (("start", "advance inner"), ("plain.c",)),
    "finish": (("break inner", "run", "finish"), ("plain.c",)),
    "interrupt": (("run",), INTERRUPT),
    "attach": ((), ()),
    "start": (("starti",), ("plain.c",)),
}
"""Commands and a program, whose last stop but the end is for that reason."""

MORE = {"breakpoint": ("bp", "bps"), "watchpoint": ("bp", "watch"),
        "watchpoint-scope": ("bp",), "syscall": ("bp", "syscall"),
        "catch": ("bp", "catch"), "signal": ("signal",), "step": ("plan",),
        "location": ("plan",), "finish": ("value",)}  # fmt: skip
"""What only a stop for that reason has."""

CATCHES: dict[str, tuple[str, ...]] = {
    "fork": ("fork.c",),
    "vfork": ("vfork.c",),
    "clone": ("threads.c",),
    "exec": (*SHELL, "exec /bin/true"),
    "exit": ("plain.c",),
    "load": ("dlopen.c", "PLUGIN"),
    "seccomp": ("sigsys.c",),
    "throw": ("throws.cc",),
    "rethrow": ("throws.cc",),
    "catch": ("throws.cc",),
    "unload": ("dlopen.c", "PLUGIN"),
    "panic": ("panics.rs", "literal"),
}


def words(program: tuple[str, ...]) -> list[str]:
    """Return a command line, with fixtures compiled."""
    made = {"PLUGIN": lambda: str(build_library("plugin.c"))}
    return [
        str(build(word))
        if word.endswith((".c", ".cc", ".rs"))
        else made.get(word, lambda w=word: w)()
        for word in program
    ]


def stream(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """Run a session and return its events, each of which fits the schema."""
    path = folder / "events"
    pydbg("--batch", "-nx", "--json", str(path), *arguments)
    found = [json.loads(line) for line in path.read_text().splitlines()]
    checker = jsonschema.Draft202012Validator(SCHEMA)
    for one in found:
        checker.validate(one)
    return found


def stops(folder: Path, commands: tuple[str, ...], program: tuple[str, ...]) -> list[Any]:
    flags = [part for line in commands for part in ("-ex", line)]
    found = stream(folder, *flags, "--args", *words(program))
    assert [one for one in found if one["event"] == "error"] == []
    return [one for one in found if one["event"] == "stopped"]


@pytest.fixture
def sleeper() -> Iterator[int]:
    with subprocess.Popen(["/bin/sleep", "1000"]) as child:
        yield child.pid
        child.kill()


def test_every_event_is_a_stop_an_end_or_a_notice() -> None:
    every = set(ev.Event.__subclasses__())
    notices = {one for one in every if (one.__doc__ or "").startswith("Tell")}
    assert every - notices == {*REASONS, ev.Exited, ev.Killed}


def test_the_schema_knows_the_reasons() -> None:
    named = SCHEMA["$defs"]["stopped"]["properties"]["reason"]["enum"]
    assert set(named) == {*REASONS.values(), "other"}
    prose = (ROOT / "docs" / "json.md").read_text()
    assert [one for one in REASONS.values() if f"`{one}`" not in prose] == []


@pytest.mark.parametrize("reason", REASONS.values())
def test_a_stop_of_each_reason(reason: str, tmp_path: Path, sleeper: int) -> None:
    if reason == "attach":
        found = stream(tmp_path, "-p", str(sleeper))
        found = [one for one in found if one["event"] == "stopped"]
        assert found[-1]["pid"] == sleeper
    elif reason == "core":
        core = tmp_path / "core"
        lines = ("start", f"generate-core-file {core}", "kill", f"core-file {core}")
        found = stops(tmp_path, lines, ("plain.c",))
    else:
        found = stops(tmp_path, *SESSIONS[reason])
    last = found[-1]
    assert last["reason"] == reason
    assert set(MORE.get(reason, ())) <= set(last)
    assert int(last["pc"], 16) > 0 and last["thread"] == 1


@pytest.mark.parametrize("kind", sorted({*CATCH_KINDS} - {"syscall", "signal"}))
def test_a_stop_of_each_catchpoint(kind: str, tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    refused = {"names": ["getuid"], "action": "SCMP_ACT_ERRNO"}
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [refused]}))
    begin = f"set seccomp-profile {profile}" if kind == "seccomp" else "pwd"
    (last,) = stops(tmp_path, (begin, f"catch {kind}", "run", "kill"), CATCHES[kind])
    assert (last["reason"], last["catch"]["kind"], last["bp"]) == ("catch", kind, 1)


@pytest.mark.parametrize("plan", ["stepi", "nexti", "stepsys", "stepcall", "stepret", "stepjump"])
def test_a_stop_of_each_step(plan: str, tmp_path: Path) -> None:
    last = stops(tmp_path, ("starti", plan), ("plain.c",))[-1]
    assert (last["reason"], last["plan"]) == ("step", plan)


@pytest.mark.parametrize("line", [f"until {line_of('plain.c', 'end')}", "advance outer"])
def test_a_stop_at_a_location(line: str, tmp_path: Path) -> None:
    last = stops(tmp_path, ("start", line), ("plain.c",))[-1]
    assert (last["reason"], last["plan"]) == ("location", line.partition(" ")[0])


def test_job_control_is_a_notice() -> None:
    options = ["--batch", "-nx", "--json", "fd:1", "-ex", "handle SIGSTOP nostop noprint pass"]
    program = [*SHELL, "kill -STOP $$"]
    with subprocess.Popen(
        command(*options, "-ex", "run", "--args", *program), env=environment(),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    ) as session:  # fmt: skip
        assert session.stdout is not None
        found = []
        for line in session.stdout:
            found.append(json.loads(line))
            if found[-1].get("kind") == "group-stopped":  # It would wait for a SIGCONT.
                os.kill(found[-1]["pid"], signal.SIGKILL)
    checker = jsonschema.Draft202012Validator(SCHEMA)
    for one in found:
        checker.validate(one)
    (notice,) = [one for one in found if one.get("kind") == "group-stopped"]
    assert notice["signo"] == signal.SIGSTOP
    (ended,) = [one for one in found if one["event"] == "exited"]
    assert ended["signal"]["name"] == "SIGKILL"
    assert [one for one in found if one["event"] == "stopped"] == []


def test_normalised_texts_and_plain_values(tmp_path: Path) -> None:
    program = str(build("plain.c"))
    runs = [
        stream(
            tmp_path, "--normalise", "--keep-going", "-ex", "break inner", "-ex", "run", "-ex",
            "info inferiors", "-ex", "x/2i $pc", "-ex", "x 8", "-ex", "print nosuch", program,
        )
        for _ in range(2)
    ]  # fmt: skip
    texts = [
        [one.get("text", one.get("message")) for one in run if one["event"] in ("output", "error")]
        for run in runs
    ]
    assert texts[0] == texts[1]
    assert any("process PID1" in text for text in texts[0])
    assert any("<inner+" in text for text in texts[0])
    stopped = [next(one for one in run if one["event"] == "stopped") for run in runs]
    assert stopped[0]["pid"] != stopped[1]["pid"]
    assert all(str(one["pid"]) not in json.dumps(texts[0]) for one in stopped)
