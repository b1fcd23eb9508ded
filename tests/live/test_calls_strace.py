"""Ask strace about calls that never happen: fixtures/calls_*.c, each refused and "successful".

A filter of the program's own answers every call with an error or with success, so that all of
them can be made anywhere, by anybody, and what "came back" is what the program put there.
Without randomised addresses two runs are the same to the byte.
"""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path

import pytest

from pydbg.syscalls.decode import Options
from pydbg.syscalls.table import table_for
from tests.live.syscall_recorder import record
from tests.live.test_decode_strace import environment, straces_lines
from tests.support import build

PROGRAMS = sorted(path.name for path in build.FIXTURES.glob("calls_*.c"))
VARIANTS = {"x86_64": "nodebug", "i386": "m32"}
ERRORS = {"refused": "38", "success": "0"}


@functools.cache
def program(name: str, abi: str) -> str:
    return str(build.build(name, VARIANTS[abi], "-w", "-O0"))


def own_calls(lines: list[str]) -> list[str]:
    """Return the lines after the filter is in force, without padding."""
    start = next(
        at for at, line in enumerate(lines) if "PR_SET_SECCOMP" in line or "prctl(0x16," in line
    )
    return [re.sub(r"\) +(= )", r") \1", line) for line in lines[start:]]


def both(
    name: str, abi: str, error: str, folder: Path, *, flags: tuple[str, ...] = (),
    options: Options | None = None,
) -> tuple[list[str], list[str]]:  # fmt: skip
    """Return our lines and strace's."""
    argv = [program(name, abi), ERRORS[error]]
    ours = record(argv, environment(), randomize=False, options=options)
    theirs = straces_lines(argv, False, folder, randomize=False, options=flags)
    return own_calls(ours), own_calls(theirs)


def same(ours: str, theirs: str) -> bool:
    """Tell whether the lines agree but for names of constants that are younger than strace."""
    if ours == theirs:
        return True
    unknown = r"0x[0-9a-f]+\\ /\\\*\\ \w+_(?:\\\?){2,3}\\ \\\*/"
    name = r"(?:[A-Z0-9_|]+|(?:MAKE|FD)_\\w+[(][^)]*[)])"
    pattern = re.sub(unknown, name, re.escape(theirs))
    return re.fullmatch(pattern, ours) is not None


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("abi", VARIANTS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_calls_print_as_strace(name: str, abi: str, error: str, tmp_path: Path) -> None:
    ours, theirs = both(name, abi, error, tmp_path)
    assert len(ours) == len(theirs)
    assert [pair for pair in zip(ours, theirs, strict=True) if not same(*pair)] == []


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("abi", VARIANTS)
def test_calls_younger_than_strace_print_as_the_fixture_expects(abi: str, error: str) -> None:
    argv = [program("newer_calls.c", abi), ERRORS[error]]
    run = subprocess.run(
        ["setarch", "-R", argv[0], "print", argv[1]],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    ours = own_calls(record(argv, environment(), randomize=False))
    # Between the filter's line and the end of the program.
    assert ours[1:-2] == run.stdout.splitlines()


# What strace -v, -x, -xx and -s are here.
OPTIONS = {
    "-v": Options(verbose=True),
    "-x": Options(hex_strings=1),
    "-xx": Options(hex_strings=2),
    "-s8": Options(limit=8),
    "-s100": Options(limit=100),
}


def test_netlink_messages_print_as_strace(tmp_path: Path) -> None:
    argv = [str(build.build("asks_interfaces.c", "nodebug"))]
    ours = record(argv, environment(), randomize=False)
    theirs = straces_lines(argv, False, tmp_path, randomize=False)
    # What differs from run to run: who asks, when, and counters of the interfaces.
    changing = r"(nlmsg_seq|nlmsg_pid|nl_pid|cstamp|tstamp|[rt]x_\w+)=-?\w+"
    kept = [
        [re.sub(changing, r"\1=N", re.sub(r"\) +(= )", r") \1", line)) for line in lines]
        for lines in (ours, theirs)
    ]
    kept = [[line for line in lines if "NETLINK" in line] for lines in kept]
    assert kept[0] == kept[1]
    assert any("RTM_NEWLINK" in line for line in kept[0])


# Of the calls of each fixture so many may print a structure's constants by name with -X still:
# termios, capabilities, bpf's version, CPU clocks, FUTEX_OP.
STYLED_OTHERWISE = {"calls_ioctl.c": 0.04, "calls_process.c": 0.08, "calls_time.c": 0.09}


@pytest.mark.parametrize("style", ["raw", "verbose"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_constants_print_in_straces_style(name: str, style: str, tmp_path: Path) -> None:
    flags = ("-X", style)
    ours, theirs = both(
        name, "x86_64", "success", tmp_path, flags=flags, options=Options(xlat=style)
    )
    assert len(ours) == len(theirs)
    differing = [pair for pair in zip(ours, theirs, strict=True) if not same_number(*pair)]
    assert len(differing) <= len(ours) * STYLED_OTHERWISE.get(name, 0.03), differing


def same_number(ours: str, theirs: str) -> bool:
    """Tell whether lines agree but for comments on what strace has no name for."""
    unknown = r"/\\\*\\ \w+_(?:\\\?){2,3}\\ \\\*/"
    return re.fullmatch(re.sub(unknown, r"/\\* [^*]* \\*/", re.escape(theirs)), ours) is not None


@pytest.mark.parametrize("flag", OPTIONS)
@pytest.mark.parametrize("abi", VARIANTS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_options_do_what_straces_do(name: str, abi: str, flag: str, tmp_path: Path) -> None:
    ours, theirs = both(name, abi, "success", tmp_path, flags=(flag,), options=OPTIONS[flag])
    assert len(ours) == len(theirs)
    assert [pair for pair in zip(ours, theirs, strict=True) if not same(*pair)] == []


def test_at_least_250_calls_are_compared(tmp_path: Path) -> None:
    for abi, wanted in (("x86_64", 350), ("i386", 430)):
        table = table_for(abi)
        seen = set()
        for name in PROGRAMS:
            lines = own_calls(record([program(name, abi), "0"], environment(), randomize=False))
            seen |= {line.split("(")[0] for line in lines[1:] if "(" in line}
        known = {name for name in seen if table.by_name(name)}
        assert len(known) >= wanted, sorted(set(table.names()) - known)
