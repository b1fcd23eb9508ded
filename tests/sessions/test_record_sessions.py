"""``record session`` and ``pydbg test``: what was recorded passes, what differs is shown."""

from __future__ import annotations

import os
import signal
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.support.build import build
from tests.support.run import command, environment, pydbg

COMMANDS = (
    "break inner",
    "commands",
    "silent",
    'printf "a=%d\\n", $rdi',
    "continue",
    "end",
    "run",
    "info breakpoints",
    "delete",
    "break main",
    "run",
    "print $sp",
    "x/2i $pc",
    "info registers rip rsp",
    "try print nosuch",
    "info proc",
)


def record(folder: Path, *commands: str, name: str = "a.session") -> Path:
    """Record ``commands`` in ``folder``, where the program is ./plain, and return the file."""
    program = folder / "plain"
    if not program.exists():
        program.symlink_to(build("plain.c"))
    file = folder / name
    line = ["--batch"]
    for one in (f"record session {file}", *commands, "record stop"):
        line += ["-ex", one]
    done = pydbg(*line, "./plain", cwd=folder)
    assert done.returncode == 0, done.stderr
    return file


def replay(folder: Path, *args: str | Path) -> subprocess.CompletedProcess[str]:
    return pydbg("test", *args, cwd=folder)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    return record(tmp_path, *COMMANDS)


def test_a_recording_passes(recorded: Path) -> None:
    done = replay(recorded.parent, recorded.name)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 passed in ")


def test_a_transcript_holds_nothing_of_the_moment(recorded: Path) -> None:
    text = recorded.read_text()
    assert text.startswith("# A session with pydbg ")
    assert "(pydbg) file ./plain\n" in text
    assert '>printf "a=%d\\n", $rdi\n>continue\n>end\n(pydbg) run\na=0\na=1\n' in text
    assert "hello 35 -\n[Inferior 1 (process PID1) exited with code 07]\n" in text
    assert "= (void *) <stack>\n" in text
    assert "(pydbg) print nosuch\n" not in text
    assert 'No symbol "nosuch" in current context.\n' in text
    assert str(recorded.parent) not in text
    assert "0x7ff" not in text and "0x5555" not in text


def test_two_recordings_are_the_same(recorded: Path, tmp_path: Path) -> None:
    again = record(tmp_path, *COMMANDS, name="b.session")
    first, second = (file.read_text().split("\n", 1)[1] for file in (recorded, again))
    assert first == second


def test_a_difference_is_shown(recorded: Path) -> None:
    recorded.write_text(recorded.read_text().replace("a=3\n", "a=33\n"))
    done = replay(recorded.parent, recorded.name)
    assert done.returncode == 1
    assert "--- a.session\n+++ a.session (replayed)\n" in done.stdout
    assert "\n-a=33\n+a=3\n" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("1 failed in ")


def test_dots_stand_for_any_lines(recorded: Path) -> None:
    text = recorded.read_text()
    recorded.write_text(text.replace("a=0\na=1\na=2\n", "...\n"))
    assert replay(recorded.parent, recorded.name).returncode == 0


def test_update_writes_what_is_shown(recorded: Path) -> None:
    text = recorded.read_text()
    recorded.write_text(text.replace("a=3\n", "a=33\n").replace("a=0\n", "...\n"))
    done = replay(recorded.parent, "--update", recorded.name)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "a.session: updated")
    assert recorded.read_text() == text
    assert replay(recorded.parent, "--update", recorded.name).stdout.startswith("1 passed in ")


def test_a_session_that_ends_earlier_differs(recorded: Path) -> None:
    recorded.write_text(recorded.read_text().replace("(pydbg) delete\n", "(pydbg) quit\n"))
    done = replay(recorded.parent, recorded.name)
    assert done.returncode == 1
    assert "\n-(pydbg) break main\n" in done.stdout


def test_a_recording_of_errors(tmp_path: Path) -> None:
    file = tmp_path / "a.session"
    done = pydbg("--batch", "--keep-going", "-ex", f"record session {file}", "-ex", "break nosuch",
                 "-ex", "print 1 +", "-ex", "record stop", build("plain.c"),
                 cwd=tmp_path)  # fmt: skip
    assert done.returncode == 1
    assert '(pydbg) break nosuch\nFunction "nosuch" not defined.\n' in file.read_text()
    assert replay(tmp_path, file).returncode == 0


def test_what_an_unfinished_recording_has_is_there(tmp_path: Path) -> None:
    file = tmp_path / "a.session"
    done = pydbg("--batch", "-ex", f"record session {file}", "-ex", "break main", "-ex", "run",
                 "-ex", "nosuch", build("plain.c"), cwd=tmp_path)  # fmt: skip
    assert done.returncode == 1
    text = file.read_text()
    assert "(pydbg) run\n\nBreakpoint 1, main (argc=1, argv=" in text
    assert text.endswith('(pydbg) nosuch\nUndefined command: "nosuch".  Try "help".\n')
    assert replay(tmp_path, file).returncode == 0


def test_a_recording_begins_before_anything_else(tmp_path: Path) -> None:
    done = pydbg("--batch", "-ex", "break main", "-ex", f"record session {tmp_path}/a",
                 build("plain.c"))  # fmt: skip
    assert done.returncode == 1
    assert "A recording must begin before" in done.stderr
    assert not (tmp_path / "a").exists()
    done = pydbg("--batch", "-ex", "record stop")
    assert (done.returncode, done.stderr) == (1, "No session is being recorded.\n")


def test_a_file_that_takes_nothing() -> None:
    done = pydbg("--batch", "-ex", "record session /dev/full")
    assert (done.returncode, done.stderr) == (1, "/dev/full: No space left on device.\n")


def test_results_as_tap_and_junit(recorded: Path) -> None:
    folder = recorded.parent
    (folder / "bad.pydbg").write_text('file ./plain\nexpect 1 == "<"[0]\n')
    (folder / "good.pydbg").write_text("file ./plain\nrun\nexpect-stop exit 7\n")
    files = ("a.session", "bad.pydbg", "good.pydbg", "missing")
    done = replay(folder, "--tap", "--junit", "junit.xml", *files)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[:3] == ["TAP version 14", "1..4", "ok 1 - a.session"]
    assert "not ok 2 - bad.pydbg" in lines
    assert "# bad.pydbg:2: expect 1 == \"<\"[0]: == does not hold for 1 and 60 '<'" in lines
    assert "ok 3 - good.pydbg" in lines
    assert lines[-2:] == ["not ok 4 - missing", "# missing: No such file or directory."]
    suite = ElementTree.parse(folder / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("4", "2")
    failures = {case.get("name"): case.find("failure") for case in suite}
    assert failures["a.session"] is None and failures["good.pydbg"] is None
    bad = failures["bad.pydbg"]
    assert bad is not None
    assert bad.get("message") == lines[lines.index("not ok 2 - bad.pydbg") + 1][2:]


def test_a_program_that_does_not_end(tmp_path: Path) -> None:
    (tmp_path / "a.pydbg").write_text("file /bin/sleep\nrun 1000\n")
    (tmp_path / "b.session").write_text("(pydbg) file /bin/sleep\n(pydbg) run 1000\n")
    done = replay(tmp_path, "--timeout", "0.5", "a.pydbg", "b.session")
    assert done.returncode == 1
    assert "a.pydbg:2: It took more than 0.5 seconds.\n" in done.stdout
    assert "\n+It took more than 0.5 seconds.\n" in done.stdout


@pytest.mark.parametrize("args", [(), ("--nosuch", "a"), ("--timeout", "x", "a"), ("--junit",)])
def test_usage(args: tuple[str, ...]) -> None:
    done = pydbg("test", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pydbg test: ")
    assert done.stderr.endswith("Try 'pydbg test --help'.\n")


def test_normalised_text_is_the_same_everywhere(tmp_path: Path) -> None:
    program = tmp_path / "plain"
    program.symlink_to(build("plain.c"))
    shown = []
    for randomised in ("off", "on"):
        done = pydbg("--batch", "--normalise", "-ex", f"set disable-randomization {randomised}",
                     "-ex", "break main", "-ex", "run", "-ex", "print $sp", "-ex", "bt",
                     "-ex", "info registers rip rbp", "-ex", "kill", "./plain",
                     cwd=tmp_path)  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        shown.append(done.stdout)
    assert shown[0] == shown[1]
    assert "[Inferior 1 (process PID1) killed]" in shown[0]
    assert "rip            <main+" in shown[0]


def test_results_that_nobody_reads(recorded: Path) -> None:
    line = " ".join(command("test", *[recorded.name] * 3))
    done = subprocess.run(
        ["bash", "-c", f"{line} --tap | head -n 1; exit ${{PIPESTATUS[0]}}"],
        cwd=recorded.parent, env=environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("TAP version 14\n", "")
    assert done.returncode in (0, 141)


def test_a_signal_ends_the_tests(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "started")
    (tmp_path / "a.pydbg").write_text("file /bin/sh\nrun -c 'echo > started; exec sleep 1000'\n")
    running = subprocess.Popen(
        command("test", "a.pydbg"), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE
    )
    assert (tmp_path / "started").read_text() == "\n"  # It waits until the program writes.
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=30) == -signal.SIGTERM
    assert running.communicate()[0] == b""
