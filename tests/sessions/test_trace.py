"""``pydbg trace`` as a command: statuses, signals, files, JSON, attaching."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import jsonschema
import pexpect
import pytest

from pydbg.trace.options import OPTIONS, parse, usage
from tests.support import build
from tests.support.run import ROOT, command, environment, pydbg
from tests.support.straces import by_process

SCHEMA = json.loads((ROOT / "docs" / "trace.schema.json").read_text())


def trace(*args: str | Path, **more: object) -> subprocess.CompletedProcess[str]:
    return pydbg("trace", *args, **more)  # type: ignore[arg-type]


def records(path: Path) -> list[dict[str, object]]:
    found = [json.loads(line) for line in path.read_text().splitlines()]
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for record in found:
        validator.validate(record)
    return found


@pytest.mark.parametrize("status", [0, 1, 42, 255])
def test_the_status_is_the_programs(status: int) -> None:
    assert trace("-o", "/dev/null", "sh", "-c", f"exit {status}").returncode == status


@pytest.mark.parametrize("name", ["SEGV", "TERM", "KILL", "ABRT"])
def test_pydbg_dies_of_the_programs_signal(name: str) -> None:
    done = trace("-o", "/dev/null", "sh", "-c", f"kill -{name} $$")
    assert done.returncode == -signal.Signals[f"SIG{name}"]


@pytest.mark.parametrize(
    ("line", "status", "message"),
    [
        (["/nonexistent"], 127, "pydbg: Can't stat '/nonexistent': No such file or directory"),
        (["no-such-program"], 127, "pydbg: Can't stat 'no-such-program': No such file"),
        (["/etc/passwd"], 126, "pydbg: /etc/passwd: Permission denied."),
        ([], 2, "pydbg trace: must have PROG [ARGS] or -p PID"),
        (["-e", "trace=opne", "ls"], 2, "Did you mean 'open'"),
        (["-e", "trace=%flie", "ls"], 2, "Unknown syscall group '%flie'.  Did you mean '%file'"),
        (["-e", "trace=/[", "ls"], 2, "Invalid regular expression"),
        (["-e", "signal=SIGFOO", "ls"], 2, "pydbg trace: invalid signal 'SIGFOO'"),
        (["-e", "status=bad", "ls"], 2, "pydbg trace: invalid status 'bad'; there are successful"),
        (["-e", "read=3", "ls"], 2, "pydbg trace: -e read= is not supported"),
        (["-S", "bad", "ls"], 2, "pydbg trace: invalid value 'bad'; there are time, min-time"),
        (["-U", "calls,bad", "ls"], 2, "pydbg trace: unknown column name 'bad'"),
        (["-w", "ls"], 2, "pydbg trace: -w must be given with -c or -C"),
        (["-s", "x", "ls"], 2, "pydbg trace: invalid number 'x'"),
        (["-p", "0"], 2, "pydbg trace: invalid process id '0'"),
        (["-p", "99999999"], 1, "pydbg: No such process: 99999999."),
        (["-j", "ls"], 2, "pydbg trace: invalid option -- 'j'"),
        (["--sumary", "ls"], 2, "did you mean '--summary'?"),
        (["-o", "/nonexistent/x", "ls"], 1, "pydbg: Can't fopen '/nonexistent/x'"),
    ],
)
def test_errors_are_one_line(line: list[str], status: int, message: str) -> None:
    done = trace(*line)
    assert done.returncode == status
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_help_has_every_option() -> None:
    shown = trace("--help").stdout
    assert shown == usage()
    for row in OPTIONS:
        assert row.spelling in shown, row
        assert row.doc in shown
    letters = [row.short for row in OPTIONS if row.short]
    assert letters == sorted(letters, key=lambda letter: (letter.lower(), letter.isupper()))


def test_an_option_has_one_meaning() -> None:
    names = [name for row in OPTIONS for name in (row.short, row.long) if name]
    assert len(names) == len(set(names))
    assert parse(["--follow-forks=output-separately", "ls"]).separately
    assert parse(["-ttt", "ls"]).clock == "unix"
    assert parse(["-qqq", "ls"]).quiet >= {"attach", "exit", "thread-execve"}


def test_files_of_processes(tmp_path: Path) -> None:
    out = tmp_path / "t"
    assert trace("-ff", "-o", out, "sh", "-c", "(exit 1); (exit 2); exit 0").returncode == 0
    files = sorted(tmp_path.iterdir())
    ends = sorted(path.read_text().splitlines()[-1] for path in files)
    assert ends == [f"+++ exited with {code} +++" for code in (0, 1, 2)]
    assert all(" <unfinished" not in path.read_text() for path in files)


def test_output_into_a_command(tmp_path: Path) -> None:
    done = trace("-o", "|tail -n 1", "true")
    assert done.stdout == "+++ exited with 0 +++\n"


def test_append(tmp_path: Path) -> None:
    out = tmp_path / "t"
    out.write_text("before\n")
    trace("-A", "-o", out, "-e", "trace=none", "true")
    assert out.read_text() == "before\n+++ exited with 0 +++\n"


def test_the_environment_can_be_changed() -> None:
    done = trace("-o", "/dev/null", "-E", "A=b", "-E", "HOME", "sh", "-c", "echo $A${HOME-none}")
    assert done.stdout == "bnone\n"


def test_json_has_a_record_for_every_call(tmp_path: Path) -> None:
    out = tmp_path / "t.json"
    program = build.build("many_syscalls.c", "static")
    assert trace("--json", out, program, "20000").returncode == 0
    found = records(out)
    assert sum(record.get("name") == "getppid" for record in found) == 20_000
    assert found[-1]["type"] == "exited"
    uname = next(record for record in found if record.get("name") == "uname")
    assert uname["ret"] == 0
    assert [arg["name"] for arg in uname["args"]] == ["buf"]  # type: ignore[attr-defined]


def test_json_of_processes_signals_and_ends(tmp_path: Path) -> None:
    out = tmp_path / "t.json"
    script = "trap : USR1; kill -USR1 $$; (kill -KILL $BASHPID); kill -TERM $$"
    done = trace("-f", "-k", "--json", out, "bash", "-c", script)
    assert done.returncode == -signal.SIGTERM
    found = records(out)
    kinds = {record["type"] for record in found}
    assert {"syscall", "signal", "killed", "attached"} <= kinds
    failed = [record for record in found if record.get("error") == "ENOENT"]
    assert failed
    assert all(record["errno"] == 2 and record["ret"] == -2 for record in failed)
    assert any(record.get("stack") for record in found)


def test_text_and_json_say_the_same(tmp_path: Path) -> None:
    text, out = tmp_path / "t", tmp_path / "t.json"
    trace("-o", text, "--json", out, "true")
    lines = [line for line in text.read_text().splitlines() if not line.startswith("+++")]
    calls = [record for record in records(out) if record["type"] == "syscall"]
    made = []
    for call in calls:
        args = ", ".join(arg["text"] for arg in call["args"])  # type: ignore[attr-defined]
        made.append(f"{call['name']}({args}) = {call.get('ret_text', '?')}")
    assert [" ".join(line.split()) for line in lines] == [" ".join(line.split()) for line in made]


@pytest.mark.parametrize("signo", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_lost_when_the_trace_is_ended(signo: signal.Signals, tmp_path: Path) -> None:
    """A process that was running before is let go; the file has all that it did until then."""
    out = tmp_path / "t"
    reader, writer = os.pipe()
    script = "import os\nfor n in range(10**9): os.read(0, 1); os.write(1, b'%d\\n' % n)"
    with subprocess.Popen(
        ["/usr/bin/python3", "-c", script],
        stdin=subprocess.PIPE, stdout=writer,
    ) as program:  # fmt: skip
        os.close(writer)
        tracer = subprocess.Popen(
            command("trace", "-o", out, "-e", "trace=write", "-p", str(program.pid)),
            env=environment(), stderr=subprocess.PIPE,
        )  # fmt: skip
        assert program.stdin is not None and tracer.stderr is not None
        tracer.stderr.readline()
        shown = b""
        for _ in range(50):
            program.stdin.write(b"\n")
            program.stdin.flush()
        while shown.count(b"\n") < 50:
            shown += os.read(reader, 4096)
        tracer.send_signal(signo)
        assert tracer.wait(30) == -signo
        tracer.stderr.close()
        assert program.poll() is None
        lines = [line for line in out.read_text().splitlines() if line.startswith("write(1")]
        # The last one may have been cut off before it returned.
        assert len(lines) >= 49
        program.stdin.write(b"\n")
        program.stdin.flush()
        assert os.read(reader, 100) == b"50\n"
        program.stdin.close()
        program.kill()
    os.close(reader)


def test_a_program_that_was_started_dies_with_the_trace(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    tracer = subprocess.Popen(
        command("trace", "-e", "trace=execve", "sh", "-c", "echo up; exec sleep 1000"),
        env=environment(), stdout=writer, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writer)
    assert os.read(reader, 10) == b"up\n"
    tracer.terminate()
    assert tracer.wait(30) == -signal.SIGTERM
    assert os.read(reader, 10) == b""  # Nobody holds it open any more.
    os.close(reader)


def test_stacks_have_lines_and_inlined_calls() -> None:
    done = trace("-k", "-e", "trace=write", build.build("hello.go"))
    assert "(fmt.Println (inlined))" in done.stderr
    functions = ["syscall.write", "os.(*File).Write", "fmt.Fprintln", "main.main"]
    places = [done.stderr.index(f"({name}+") for name in functions]
    assert places == sorted(places)
    assert "hello.go:" in done.stderr


@pytest.mark.parametrize("what", ["caller", "path", "fd", "thread"])
def test_counting_by_other_things(what: str, tmp_path: Path) -> None:
    out = tmp_path / "t"
    trace("--summary-by", what, "-o", out, "cat", "/etc/passwd")
    counted = {"path": "/etc/passwd", "fd": "1<", "caller": "write", "thread": "cat"}
    assert counted[what] in out.read_text()
    plain = tmp_path / "u"
    trace("-c", "-o", plain, "cat", "/etc/passwd")
    # However they are divided, the calls are as many.
    assert out.read_text().split()[-3:-1][0] == plain.read_text().split()[-3:-1][0]


def test_argument_names() -> None:
    done = trace("-N", "-e", "trace=close", "true")
    assert "close(fd=3)" in done.stderr


def test_a_filter_is_used_by_itself() -> None:
    """Calls that are not shown do not stop the program: its status says that it is filtered."""
    script = "grep Seccomp: /proc/self/status"
    for options, mode in (((), "2"), (("-f",), "2"), (("--no-seccomp",), "0"), (("-D",), "2")):
        done = trace(*options, "-e", "trace=uname", "-qqq", "sh", "-c", script)
        assert done.stdout.split() == ["Seccomp:", mode], options
    assert trace("sh", "-c", script).stdout.split()[-1] == "0"


def test_filtered_and_unfiltered_say_the_same(tmp_path: Path) -> None:
    program = build.build("fork.c", "static")
    shown = []
    for options in ((), ("--no-seccomp",)):
        out = tmp_path / "t"
        trace("-f", *options, "-e", "trace=write,exit_group,wait4", "-o", out, program)
        lines = [line for lines in by_process(out.read_text(), True) for line in lines]
        shown.append(sorted(line.partition("(")[0] for line in lines if "SIGCHLD" not in line))
    assert shown[0] == shown[1]


def test_what_a_filtered_program_leaves_behind_lives_on_as_it_would(tmp_path: Path) -> None:
    """The command ends with the program; the child's calls do not fail for want of a tracer."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # Opened to write by the child only after the command has ended.
    script = f"(exec >/dev/null 2>&1; read go < {fifo}; cat /etc/hostname > {fifo}) & exit 4"
    done = trace("-o", tmp_path / "t", "-e", "trace=openat,exit_group", "sh", "-c", script)
    assert done.returncode == 4
    assert (tmp_path / "t").read_text().endswith("+++ exited with 4 +++\n")
    fifo.write_text("go\n")
    assert fifo.read_text() == Path("/etc/hostname").read_text()


def test_a_signal_ends_a_filtered_trace(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    script = "echo up; exec sleep 1000"
    tracer = subprocess.Popen(
        command("trace", "-e", "trace=uname", "sh", "-c", script),
        env=environment(), stdout=writer, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writer)
    assert os.read(reader, 10) == b"up\n"
    tracer.terminate()
    assert tracer.wait(30) == -signal.SIGTERM
    assert os.read(reader, 10) == b""
    os.close(reader)


@pytest.mark.parametrize("option", ["-D", "-DD", "-DDD"])
def test_the_program_stays_our_child(option: str) -> None:
    """With -D the tracer is not between the program and whoever started it."""
    with subprocess.Popen(
        command("trace", option, "-e", "trace=exit_group", "sh", "-c", "echo $PPID $$; exit 5"),
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        out, err = program.communicate(timeout=60)
    assert out.split() == [str(os.getpid()), str(program.pid)]
    assert program.returncode == 5
    assert err == f"exit_group(5){' ' * 27}= ?\n+++ exited with 5 +++\n"


def test_running_as_another_user() -> None:
    done = trace(
        "-u", "nobody", "-e", "trace=none", "-e", "signal=none", "-qqq", "sh", "-c", "id -un"
    )
    assert (done.stdout, done.stderr) == ("nobody\n", "")
    assert trace("-u", "no-such-user", "ls").stderr == (
        "pydbg trace: Cannot find user 'no-such-user'\n"
    )


def test_a_call_that_is_taken_up_again_is_named() -> None:
    done = trace("-f", "-e", "trace=restart_syscall,clock_nanosleep", build.build("restarts.c"))
    assert done.returncode == 0
    assert "restart_syscall(<... resuming interrupted clock_nanosleep ...>" in done.stderr


def test_colours_are_for_terminals() -> None:
    plain = trace("-e", "trace=close", "true").stderr
    assert "\x1b" not in plain
    coloured = trace("--color", "always", "-e", "trace=close", "true").stderr
    assert "\x1b[34mclose\x1b[0m(3)" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain
    script = f"{shlex.join(command('trace', '-e', 'trace=close', 'true'))}"
    for extra, seen in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False)):
        child = pexpect.spawn(script, env=environment(extra), encoding="utf-8")
        shown = child.read()
        child.wait()
        child.close()
        assert "close" in shown
        assert ("\x1b[34mclose" in shown) == seen


def test_a_path_that_is_no_text(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\xfe"
    out = tmp_path / "t"
    done = subprocess.run(
        [*command("trace", "-P"), path, "-o", out, "--json", tmp_path / "j", "cat", path],
        env=environment(), capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert '\\377\\376", O_RDONLY) = -1 ENOENT' in out.read_text()
    shown = (tmp_path / "j").read_text()
    assert records(tmp_path / "j")
    assert json.dumps('\\377\\376"')[1:-1] in shown


def test_privileges_are_as_under_strace(tmp_path: Path) -> None:
    """A set-user-ID program gets what it would get without a trace, if root traces it."""
    source, program = tmp_path / "id.c", tmp_path / "id"
    source.write_text(
        "#include <stdio.h>\n#include <unistd.h>\n"
        'int main(void) { printf("%d %d\\n", getuid() == 0, geteuid() == 0); }\n'
    )
    subprocess.run(["gcc", "-o", program, source], check=True)
    program.chmod(0o4755)
    for folder in (tmp_path, *list(tmp_path.parents)[:-2]):
        folder.chmod(0o755)
    options = ["-u", "nobody", "-e", "trace=geteuid", "-o", tmp_path / "t"]
    theirs = subprocess.run(["strace", *options, program], capture_output=True, text=True)
    ours = trace(*options, program)
    assert ours.stdout == theirs.stdout
    assert (tmp_path / "t").read_text().startswith("geteuid()")
