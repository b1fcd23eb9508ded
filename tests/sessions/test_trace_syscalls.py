"""``trace syscalls`` at the prompt against ``pydbg trace`` and strace; the flight recorder."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.build import build
from tests.support.run import batch, pydbg

_CALL = re.compile(r"^(?:\[pid +\d+\] )?(?:\w+\(|<\.\.\. \w+ resumed|--- SIG|\+\+\+ )")


def lines_of(text: str) -> list[str]:
    """Return the lines of a trace in a session's output."""
    return [line for line in text.splitlines() if _CALL.match(line)]


def plain(lines: Sequence[str]) -> list[str]:
    """Make what differs from run to run equal: addresses, ids, random bytes."""
    found = []
    for line in lines:
        line = re.sub(r"\[pid +\d+\] ", "[pid N] ", line)
        line = re.sub(r"0x[0-9a-f]{5,}", "ADDR", line)
        line = re.sub(r'getrandom\("[^"]*"', 'getrandom("..."', line)
        line = re.sub(r"\b\d{3,}\b", "N", line)
        found.append(re.sub(r" +=", " =", line))
    return found


def traced(
    program: str | Path, *commands: str, spec: str = "", args: Sequence[str] = (), **more: object
) -> str:
    """Return the output of a session that shows system calls."""
    done = batch(program, f"trace syscalls on {spec}", *commands, args=args, **more)  # type: ignore[arg-type]
    assert done.returncode == 0, done.stderr
    return done.stdout


def the_other(program: str | Path, *options: str, args: Sequence[str] = ()) -> list[str]:
    """Return the lines of ``pydbg trace``, without the execve that a debugger does not see."""
    done = pydbg("trace", *options, program, *args)
    return [line for line in lines_of(done.stderr) if not line.startswith("execve")]


@pytest.mark.parametrize("name", ["syscalls.c", "steps_of_output.c"])
def test_the_same_lines_as_trace(name: str) -> None:
    program = build(name)
    assert plain(lines_of(traced(program, "run"))) == plain(the_other(program))


def test_the_same_lines_as_strace(tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = build("syscalls.c")
    subprocess.run(
        ["strace", "-o", out, program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    theirs = [line for line in out.read_text().splitlines() if not line.startswith("execve")]
    ours = lines_of(traced(program, "run", options=["--inferior-stdout", "null"]))
    assert plain(ours) == plain(theirs)


def test_under_breakpoints_nothing_is_lost_or_repeated() -> None:
    program = build("syscalls.c")
    alone = plain(lines_of(traced(program, "run")))
    stops = ["break main", "run", "stepi", "nexti", "continue"]
    assert plain(lines_of(traced(program, *stops))) == alone
    caught = ["catch syscall write", "catch syscall pipe2 return", "run", *["continue"] * 5]
    text = traced(program, *caught)
    # The stops of a catchpoint show the call themselves, with the paths of descriptors.
    lines = [line for line in lines_of(text) if not re.match(r"write\(\d+<|pipe2\(.*<", line)]
    assert plain(lines) == alone


@pytest.mark.parametrize("spec", ["write,lseek", "%desc", "/^[gm]et?", "!%memory", "none"])
@pytest.mark.parametrize("mode", ["auto", "off"])
def test_sets(spec: str, mode: str) -> None:
    program = build("syscalls.c")
    text = batch(
        program, f"set syscall-filter {mode}", f"trace syscalls on {spec}", "break main", "run",
        "continue",
    ).stdout  # fmt: skip
    assert plain(lines_of(text)) == plain(the_other(program, "-e", f"trace={spec}"))


def test_switched_on_and_off() -> None:
    program = build("steps_of_output.c")
    done = batch(
        program, "info trace", "trace syscalls", "break getppid", "run",
        "trace syscalls on write,getppid", "info trace", "continue", "trace syscalls off",
        "continue",
    )  # fmt: skip
    assert done.stdout.count("No system calls are shown.\nNone are kept.\n") == 2
    assert "System calls are shown: write,getppid\n" in done.stdout
    assert [line.split("(")[0] for line in lines_of(done.stdout)] == ["getppid"]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("trace syscalls on wirte", "Unknown syscall name 'wirte'.  Did you mean 'write'"),
        ("trace syscalls maybe", 'Undefined word "maybe".  Valid are on, off.'),
        ("trace syscalls off write", "off takes no calls"),
        ("trace signals", 'Undefined trace command: "signals".'),
        ("set syscall-history -1", "A number from 0 (off) to 1000000 is expected."),
        ("info syscalls", "No system calls are kept.  set syscall-history N"),
        ("info syscalls -x", "A number of calls is expected, not -x."),
    ],
)
def test_errors(line: str, error: str) -> None:
    done = batch(build("steps_of_output.c"), line)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(error)


def test_an_error_changes_nothing() -> None:
    done = batch(
        build("steps_of_output.c"), "trace syscalls on getppid", "trace syscalls on wirte",
        "info trace", options=["--keep-going"],
    )  # fmt: skip
    assert "System calls are shown: getppid\n" in done.stdout


def test_twice_run_and_second_program() -> None:
    text = traced(build("steps_of_output.c"), "run", "run", spec="getppid")
    assert len(lines_of(text)) == 2 * 3  # getppid twice, and the end


def test_threads_name_themselves() -> None:
    program = build("threads.c")
    lines = lines_of(traced(program, "run", spec="clone3,clone,exit,exit_group"))
    theirs = the_other(program, "-f", "-e", "trace=clone3,clone,exit,exit_group")
    named = re.compile(r"^\[pid +(\d+)\]", re.MULTILINE)
    pids = set(named.findall("\n".join(lines)))
    assert len(pids) == len(set(named.findall("\n".join(theirs))))
    ends = [line for line in lines if "+++ exited" in line]
    assert len(ends) == len([line for line in theirs if "+++ exited" in line])


def test_every_call_of_many_threads_is_there() -> None:
    program = build("hammer.c")
    text = traced(program, "run", spec="getppid,sched_yield,write,futex")
    begun = [line for line in lines_of(text) if "<unfinished ...>" in line]
    resumed = [line for line in lines_of(text) if "resumed>" in line]
    assert len(begun) == len(resumed)


def test_a_call_that_is_interrupted_is_unfinished_and_resumed() -> None:
    program = build("threads.c")
    text = traced(program, "break worker", "run", "delete", "continue", spec="all")
    stop = text.index("hit Breakpoint 1")
    assert lines_of(text[stop:])
    lines = lines_of(text)
    for name in re.findall(r"<\.\.\. (\w+) resumed", "\n".join(lines)):
        assert any(re.search(rf"\b{name}\(.* <unfinished", line) for line in lines), name


def test_a_forked_child_that_is_kept() -> None:
    program = build("fork.c")
    text = traced(
        program, "set detach-on-fork off", "set follow-fork-mode child", "run", "inferior 1",
        "continue", spec="exit_group,wait4",
    )  # fmt: skip
    # The parent runs beside the child: its wait4 may come between.
    assert re.search(r"^\[pid +\d+\] exit_group\(3( <unf|\) +=)", text, re.MULTILINE)
    assert "<... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 3}]" in text
    assert re.search(r"^exit_group\(3\) +=", text, re.MULTILINE)


def test_the_child_that_is_followed() -> None:
    text = traced(build("fork.c"), "set follow-fork-mode child", "run", spec="exit_group,write")
    assert re.search(r"^exit_group\(\d+\) +=", text, re.MULTILINE)


@pytest.mark.parametrize("mode", ["auto", "off"])
def test_exec(mode: str) -> None:
    text = traced(
        "/bin/sh", f"set syscall-filter {mode}", "run", spec="execve,exit_group",
        args=["-c", "exec /bin/true"],
    )  # fmt: skip
    lines = lines_of(text)
    assert re.match(r'execve\("/bin/true", \["/bin/true"\], .*\) = 0$', lines[0])
    assert plain(lines[1:]) == ["exit_group(0) = ?", "+++ exited with 0 +++"]


def test_an_exec_of_another_thread() -> None:
    text = traced(build("thread_exec.c"), "run", spec="execve")
    lines = "\n".join(lines_of(text))
    assert re.search(r"\+\+\+ superseded by execve in pid \d+ \+\+\+", lines)
    assert re.search(r"(?:execve\(.*|execve resumed>\)) += 0", lines)


def test_attached() -> None:
    import pydbg as library

    lines: list[str] = []
    with (
        library.Debugger() as dbg,
        subprocess.Popen(
            ["/bin/sh", "-c", "echo; read a; kill -USR1 $$; exit 3"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as child,
    ):
        assert child.stdout is not None and child.stdin is not None
        child.stdout.readline()
        dbg.attach(child.pid)
        dbg.signals.handle([10], ["nostop", "noprint"])
        dbg.calllog.show("read,kill")
        dbg.on_event(lambda e: lines.append(e.text) if isinstance(e, library.CallTraced) else None)
        child.stdin.write(b"go\n")
        child.stdin.flush()
        assert dbg.cont().signo == 10
    assert any(re.match(r"kill\(\d+, SIGUSR1\) += 0", line) for line in lines), lines
    assert any(line.startswith("--- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER") for line in lines)
    assert lines[-1] == "+++ killed by SIGUSR1 +++"


def test_a_denied_call_is_told_once() -> None:
    text = traced("/bin/cat", "deny openat:EACCES", "run", spec="openat", args=["/etc/hostname"])
    lines = [line for line in lines_of(text) if line.startswith("openat")]
    assert lines and all(line.endswith("(Permission denied) (INJECTED)") for line in lines)
    count = batch(
        "/bin/cat", "deny openat:EACCES", "run", "info deny", args=["/etc/hostname"]
    ).stdout.count("(INJECTED)")
    assert len(lines) == count


def test_what_the_program_says_is_escaped() -> None:
    script = r"printf '\033[31mred'; cat '/x\033y' 2>/dev/null"
    text = traced("/bin/sh", "run", spec="write,openat", args=["-c", script],
                  options=["--inferior-stdout", "null"])  # fmt: skip
    assert "\x1b" not in text and r"\33[31mred" in text


def test_json_has_a_notice_for_each_line(tmp_path: Path) -> None:
    from jsonschema import Draft202012Validator

    from tests.support.run import ROOT

    schema = Draft202012Validator(json.loads((ROOT / "docs" / "events.schema.json").read_text()))
    events = tmp_path / "events"
    text = traced(
        build("steps_of_output.c"), "run", spec="getppid", options=["--json", str(events)]
    )
    rows = [json.loads(line) for line in events.read_text().splitlines()]
    for row in rows:
        schema.validate(row)
    told = [row["text"] for row in rows if row.get("kind") == "call-traced"]
    assert told == lines_of(text)


# --- the flight recorder ---------------------------------------------------------------------


def test_the_last_calls_are_those_of_the_trace() -> None:
    program = build("syscalls.c")
    done = batch(program, "set syscall-history 5", "run", "info syscalls", "info syscalls -2")
    blocks = re.findall(r"^Thread 1 \(LWP \d+\), which has ended:\n((?:  .*\n)+)", done.stdout,
                        re.MULTILINE)  # fmt: skip
    kept = [[line[2:] for line in block.splitlines()] for block in blocks]
    calls = [line for line in the_other(program) if not line.startswith(("+++", "---"))]
    assert plain(kept[0]) == plain(calls[-5:])
    assert kept[1] == kept[0][-2:]


def test_the_call_that_a_thread_is_in() -> None:
    done = batch(build("syscalls.c"), "set syscall-history 2", "catch syscall lseek", "run",
                 "info syscalls")  # fmt: skip
    assert re.search(r"\n  lseek\(3, 0, SEEK_END <unfinished \.\.\.>\n$", done.stdout)


def test_of_each_thread_and_smaller_later() -> None:
    done = batch(
        build("threads.c"), "set syscall-history 100", "run", "set syscall-history 1",
        "info syscalls", "set syscall-history 0", "info syscalls",
    )  # fmt: skip
    threads = re.findall(r"^Thread \d+ \(LWP \d+\), which has ended:\n  \w+\(.*\n(?!  )",
                         done.stdout, re.MULTILINE)  # fmt: skip
    assert len(threads) > 1
    assert done.stderr.startswith("No system calls are kept.")


def test_the_crash_report_shows_them(tmp_path: Path) -> None:
    import pydbg as library
    from pydbg.crash.watch import watch
    from pydbg.render import report

    reports: list[object] = []
    with library.Debugger(str(build("segfault.c"))) as dbg:
        dbg.stdout = dbg.stderr = str(tmp_path / "out")
        dbg.settings.set("syscall-history", "4")
        watch(dbg, reports.append)
    (one,) = reports
    text = report.text(one)  # type: ignore[arg-type]
    calls = text.partition("Last system calls:\n")[2].splitlines()
    assert len(calls) >= 4 and all(_CALL.match(line) for line in calls[:4])


# --- catchpoints that never fired --------------------------------------------------------------


@pytest.mark.parametrize("mode", ["auto", "off"])
def test_a_relative_was_seen(mode: str) -> None:
    done = batch(build("syscalls.c"), f"set syscall-filter {mode}", "catch syscall nanosleep",
                 "catch syscall open", "run")  # fmt: skip
    assert "Catchpoint 1: nanosleep: 0 hits; saw clock_nanosleep x1\n" in done.stdout
    assert re.search(r"^Catchpoint 2: open: 0 hits; saw openat x\d+$", done.stdout, re.MULTILINE)


def test_counts_are_those_of_strace() -> None:
    program = build("syscalls.c")
    done = batch(program, "catch syscall open", "run")
    found = re.search(r"open: 0 hits; saw openat x(\d+)", done.stdout)
    theirs = subprocess.run(
        ["strace", "-c", "-e", "trace=openat", "-U", "calls,name", program],
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    ).stderr  # fmt: skip
    count = re.search(r"^\s*(\d+) openat$", theirs, re.MULTILINE)
    assert found is not None and count is not None and found[1] == count[1]


@pytest.mark.parametrize(
    ("commands", "told"),
    [
        (["catch syscall fork"], "fork: 0 hits; nor was clone or clone3 or vfork called"),
        (
            ["set syscall-filter off", "catch syscall fork"],
            "fork: 0 hits; no call like it was made",
        ),
        (["catch syscall recvfrom"], "recvfrom: 0 hits; what else was called is not known"),
        (["set syscall-filter off", "catch syscall pread64"], "pread64: 0 hits; saw "),
        (["catch syscall lseek if offset == 77"], "lseek: 0 hits; seen once, its condition never"),
    ],
)
def test_what_is_known(commands: list[str], told: str) -> None:
    done = batch(build("syscalls.c"), *commands, "run")
    if "pread64" in told:  # The loader makes that call.
        done = batch(build("syscalls.c", "static"), *commands, "run")
    assert f"Catchpoint 1: {told}" in done.stdout


def test_nothing_is_said_of_one_that_fired_or_is_off() -> None:
    done = batch(build("syscalls.c"), "catch syscall lseek", "catch syscall fork", "disable 2",
                 "run", "continue", "continue")  # fmt: skip
    assert "0 hits" not in done.stdout


def test_at_the_end_of_a_script_too() -> None:
    done = batch(build("syscalls.c"), "catch syscall fork", "break main", "run")
    assert "Catchpoint 1: fork: 0 hits; nor was clone or clone3 or vfork called\n" in done.stderr
