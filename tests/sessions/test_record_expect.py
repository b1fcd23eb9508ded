"""``expect``, ``expect-stop`` and ``expect-output`` in scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.build import build
from tests.support.run import batch, pydbg

PLAIN = ("plain.c", "pie")


def script(folder: Path, *lines: str, program: Path | None = None) -> tuple[int, str, str]:
    file = folder / "a.pydbg"
    file.write_text("\n".join(lines) + "\n")
    done = pydbg("--batch", "-x", "a.pydbg", program or build(*PLAIN), cwd=folder)
    return done.returncode, done.stdout, done.stderr


def failure(folder: Path, *lines: str, program: Path | None = None) -> str:
    """Return the one line that a script fails with; what gdb says aside does not count."""
    status, _, shown = script(folder, *lines, program=program)
    assert status == 1
    aside = "No such file or directory."  # the source of a library's function
    found = [
        line
        for line in shown.splitlines()
        if not line.startswith("[Inferior ") and not line.endswith(aside)
    ]
    assert len(found) == 1, shown
    return found[0]


def test_a_script_that_holds(tmp_path: Path) -> None:
    status, shown, errors = script(
        tmp_path,
        "break inner",
        "run",
        "expect-stop breakpoint 1",
        "expect-stop breakpoint",
        "expect $rdi == 0 && $_hit_bpnum == 1",
        "delete",
        "continue",
        "expect-stop exit 7",
        "expect $_exitcode == 7",
        'expect-output "hello 35 -\\n"',
        "expect-output -latest hello",
    )
    assert (status, errors) == (0, "")
    assert shown.endswith("hello 35 -\n" + shown.splitlines()[-1] + "\n")


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("$rdi == 3", "== does not hold for 0 and 3"),
        ("1 > 2", "> does not hold for 1 and 2"),
        ("0", "0"),
        ("1 && 0", "0"),
    ],
)
def test_an_expression_that_is_false(tmp_path: Path, expression: str, why: str) -> None:
    found = failure(tmp_path, "break inner", "run", f"expect {expression}", "print 1")
    assert found == f"a.pydbg:3: expect {expression}: {why}"


def test_an_expression_that_means_nothing(tmp_path: Path) -> None:
    found = failure(tmp_path, "expect nosuch == 1")
    assert found == 'a.pydbg:1: No symbol "nosuch" in current context.'


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("breakpoint 2", "expected a breakpoint 2, but the program stopped at breakpoint 1 in "),
        ("exit", "expected an exit, but the program stopped at breakpoint 1 in inner at "),
        ("syscall write", "expected a syscall write, but the program stopped at breakpoint 1 "),
    ],
)
def test_another_stop(tmp_path: Path, wanted: str, text: str) -> None:
    found = failure(tmp_path, "break inner", "run", f"expect-stop {wanted}")
    assert found.startswith(f"a.pydbg:3: {text}")


def test_stops_at_calls(tmp_path: Path) -> None:
    lines = ["catch syscall write", "run", "expect-stop syscall", "expect-stop syscall write",
             "expect-stop syscall write entry", "expect-stop catchpoint 1", "continue",
             "expect-stop syscall write return"]  # fmt: skip
    assert script(tmp_path, *lines)[0] == 0
    found = failure(tmp_path, *lines, "expect-stop syscall entry write")
    assert "stopped at the return of syscall write" in found
    assert "Usage: expect-stop syscall" in failure(tmp_path, *lines, "expect-stop syscall a b")


def test_signals_and_deaths(tmp_path: Path) -> None:
    program = build("segfault.c")
    lines = ["run", "expect-stop signal SIGSEGV", "expect-stop signal 11", "continue",
             "expect-stop killed SIGSEGV"]  # fmt: skip
    assert script(tmp_path, *lines, program=program)[0] == 0
    found = failure(tmp_path, "run", "expect-stop signal SIGABRT", program=program)
    assert "expected a signal SIGABRT, but the program received signal SIGSEGV in crash" in found
    found = failure(tmp_path, "run", "expect-stop signal nosuch", program=program)
    assert found == "a.pydbg:2: Unknown signal name 'nosuch'."


def test_steps(tmp_path: Path) -> None:
    lines = ["break main", "run", "stepi", "expect-stop step", "expect-stop step stepi",
             "break inner", "continue", "finish", "expect-stop step finish"]  # fmt: skip
    assert script(tmp_path, *lines)[0] == 0


def test_before_the_program_runs(tmp_path: Path) -> None:
    found = failure(tmp_path, "expect-stop exit 0")
    assert found == "a.pydbg:1: expected an exit 0, but the program was not run"


def test_output_that_was_not_printed(tmp_path: Path) -> None:
    found = failure(tmp_path, "run", 'expect-output "bye"')
    assert found == (
        'a.pydbg:2: expected the output "bye", but the program printed "hello 35 -\\n"'
    )
    found = failure(tmp_path, "break inner", "run", "expect-output bye")
    assert found.endswith("but the program printed nothing")


def test_output_is_asked_for_since_the_last_stop(tmp_path: Path) -> None:
    program = build("steps_of_output.c")
    lines = ["catch syscall getppid entry", "run", "expect-output one", "continue",
             "expect-output one", "expect-output -latest two"]  # fmt: skip
    assert script(tmp_path, *lines, program=program)[0] == 0
    found = failure(tmp_path, *lines, "expect-output -latest one", program=program)
    assert found.endswith('printed "two\\n" since it was last resumed')


def test_output_stays_in_order_with_the_debugger(tmp_path: Path) -> None:
    program = build("steps_of_output.c")
    _, shown, _ = script(
        tmp_path,
        "catch syscall getppid entry",
        "run",
        "echo between\\n",
        "continue",
        "expect-output two",
        "continue",
        program=program,
    )
    words = [word for word in ("one", "between", "two", "three") if word in shown]
    assert words == ["one", "between", "two", "three"]
    places = [shown.index(word) for word in words]
    assert places == sorted(places)
    assert shown.index("one") < shown.index("Catchpoint 1 (call to") < shown.index("between")


def test_much_output_does_not_block_the_program(tmp_path: Path) -> None:
    status, shown, _ = script(
        tmp_path, "run", "expect-stop exit 0", "expect-output 99999", program=build("chatty.c")
    )
    assert status == 0
    assert [line for line in shown.splitlines() if line.isdigit()] == [
        str(i) for i in range(100_000)
    ]


def test_output_must_be_captured() -> None:
    done = pydbg("--batch", "-nx", build(*PLAIN), input='run\nexpect-output "x"\n')
    assert done.returncode in (0, 1)
    done = pydbg(build(*PLAIN), input='run\nexpect-output "hello"\n')
    assert done.returncode == 1
    assert 'put "capture-output" before "run"' in done.stderr
    done = pydbg(build(*PLAIN), input='capture-output\nrun\nexpect-output "hello"\n')
    assert (done.returncode, done.stderr) == (0, "")
    assert "hello 35 -\n" in done.stdout


def test_on_the_command_line() -> None:
    done = batch(build(*PLAIN), "run", "expect-output hello", "expect-stop exit 7")
    assert (done.returncode, done.stderr) == (0, "")
