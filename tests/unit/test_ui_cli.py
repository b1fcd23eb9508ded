"""The command line's options and the statuses of a run, without a process."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from pydbg.cli import main, parse
from pydbg.errors import FileError, LaunchError, UsageError
from pydbg.events import Event
from pydbg.ui.batch import run
from tests.unit.ui_fake import FakeSession, exited, hit, interrupted, session


@pytest.mark.parametrize("dash", ["-", "--"])
def test_gdb_spellings(dash: str) -> None:
    options = parse(
        [f"{dash}q", f"{dash}nx", f"{dash}batch", f"{dash}ex", "run", f"{dash}x", "f",
         f"{dash}iex", "set confirm off", f"{dash}eval-command=bt", f"{dash}tty", "/dev/pts/9",
         f"{dash}cd", "/", f"{dash}d", "src", f"{dash}return-child-result", f"{dash}keep-going",
         f"{dash}nw", f"{dash}args", "./prog", "-q", "--", "x"]
    )  # fmt: skip
    assert options.quiet and options.no_init and options.batch
    assert options.return_child_result and options.keep_going
    assert options.steps == [("line", "run"), ("file", "f"), ("line", "bt"), ("directory", "src")]
    assert options.early == [("line", "set confirm off")]
    assert (options.tty, options.cd) == ("/dev/pts/9", "/")
    assert (options.program, options.arguments) == ("./prog", ["-q", "--", "x"])


@pytest.mark.parametrize(
    ("argv", "program", "arguments", "pid"),
    [
        (["./prog", "a", "b"], "./prog", ["a", "b"], ""),
        (["./prog", "12"], "./prog", [], "12"),
        (["--args", "./prog", "12"], "./prog", ["12"], ""),
        (["-p", "12"], "", [], "12"),
        (["-p", "12", "./prog"], "./prog", [], "12"),
        (["--pid=12"], "", [], "12"),
        (["./prog", "-ex", "bt"], "./prog", [], ""),
        (["--", "-prog"], "-prog", [], ""),
        (["-e", "./prog", "a"], "./prog", ["a"], ""),
        (["--ret"], "", [], ""),
    ],
)
def test_program_and_process(argv: list[str], program: str, arguments: list[str], pid: str) -> None:
    options = parse(argv)
    assert (options.program, options.arguments, options.pid) == (program, arguments, pid)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["-nosuch"], "unrecognized option '-nosuch'"),
        (["--batsh"], "unrecognized option '--batsh'; did you mean '--batch'?"),
        (["-x"], "option '-x' requires an argument"),
        (["--batch=1"], "option '--batch' takes no argument"),
        (["-p", "self"], "-p needs the number of a process, not 'self'"),
        (["--init"], "option '--init' is ambiguous: --init-command, --init-eval-command"),
    ],
)
def test_usage_errors(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError) as caught:
        parse(argv)
    assert str(caught.value) == message
    assert main(argv) == 2
    assert capsys.readouterr().err == f"pydbg: {message}\nTry 'pydbg --help'.\n"


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-h"]) == 0
    text = capsys.readouterr().out
    assert "-return-child-result" in text
    assert max(map(len, text.splitlines())) <= 110
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("pydbg ")


def status(*argv: str, events: tuple[Event, ...] = (), stdin: str = "",
           one: FakeSession | None = None) -> tuple[int, FakeSession]:  # fmt: skip
    made = one or session(*events)
    return run(made, parse(argv), terminal=False, stdin=io.StringIO(stdin)), made


def test_all_well() -> None:
    code, one = status("--batch", "-ex", "run", "-ex", "echo a", "./prog", "b", events=(exited(7),))
    assert (code, one.shown) == (0, "<Exited>\na\n")
    assert (one.dbg.loaded, one.settings["args"]) == (["./prog"], "b")


def test_errors_are_fatal() -> None:
    code, one = status("--batch", "-ex", "fail", "-ex", "echo a")
    assert (code, one.shown, one.err.getvalue()) == (1, "", "It failed.\n")


def test_keep_going() -> None:
    code, one = status("--batch", "--keep-going", "-ex", "fail", "-x", "nosuch", "-ex", "echo a")
    assert (code, one.shown) == (1, "a\n")
    assert one.err.getvalue() == "It failed.\nnosuch: No such file or directory.\n"


def test_script_files(tmp_path: Path) -> None:
    script = tmp_path / "s.pydbg"
    script.write_text("echo one\nfail\necho two\n")
    code, one = status("--batch", "-x", str(script), "-ex", "echo a")
    assert (code, one.shown, one.err.getvalue()) == (1, "one\n", f"{script}:2: It failed.\n")
    assert status("--batch", "-x", "nosuch")[0] == 1


def test_body_over_neighbouring_ex() -> None:
    one = session(hit(1))
    one.dbg.breakpoint(1)
    code, _ = status("--batch", "-ex", "commands 1", "-ex", "silent", "-ex", "echo x", "-ex", "end",
                     "-ex", "run", one=one)  # fmt: skip
    assert (code, one.shown) == (0, "x\n")


def test_piped_commands() -> None:
    code, one = status(stdin="echo a\nfail\necho b\n")
    assert (code, one.shown, one.err.getvalue()) == (1, "a\n", "stdin:2: It failed.\n")
    assert one.dbg.stdin == "/dev/null"
    assert status(stdin="quit 9\n")[0] == 9
    assert status("--batch", stdin="fail\n")[0] == 0


def test_quit_and_child_result() -> None:
    assert status("--batch", "-ex", "quit 5")[0] == 5
    assert status("--batch", "-ex", "quit", "--return-child-result")[0] == 1
    result = ("--batch", "--return-child-result", "-ex", "run")
    assert status(*result, events=(exited(7),))[0] == 7
    assert status(*result, "-ex", "fail", events=(exited(7),))[0] == 1
    assert status(*result, events=(hit(1),))[0] == 137
    assert status(*result, "-ex", "quit", events=(exited(7),))[0] == 7


def test_interrupt() -> None:
    code, one = status("--batch", "-ex", "run", "-ex", "echo a", events=(interrupted(),))
    assert (code, one.shown) == (130, "<Interrupted>\n")


def test_program_that_cannot_be_loaded(tmp_path: Path) -> None:
    one = session()

    def refuse(path: str) -> None:
        raise FileError(f"{path}: No such file or directory.")

    one.dbg.load_program = refuse
    assert status("--batch", str(tmp_path / "nosuch"), "-ex", "echo a", one=one)[0] == 127
    assert status("--batch", str(tmp_path), one=one)[0] == 126
    assert one.shown == ""


def test_program_that_cannot_be_run() -> None:
    one = session()

    def refuse() -> Event:
        raise LaunchError("./prog: Permission denied.", 126)

    one.dbg.next_event = refuse
    assert status("--batch", "-ex", "run", one=one)[0] == 126


def test_process_that_cannot_be_attached() -> None:
    one = session()

    def refuse(pid: int) -> Event:
        raise FileError(f"No process {pid}.")

    one.dbg.attach = refuse
    assert status("--batch", "-p", "12", "-ex", "echo a", one=one)[0] == 1
    assert one.shown == ""


def test_tty_and_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir("/")
    code, one = status("--batch", "-tty", "/dev/null", "-cd", str(tmp_path), "-d", "src")
    assert (code, one.dbg.tty, Path.cwd()) == (0, "/dev/null", tmp_path)
    assert str(tmp_path / "src") in one.memory["sources"].directories.split(":")
    assert status("--batch", "-cd", "/nosuch")[0] == 1
