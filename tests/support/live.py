"""Short words for live tests through the Python API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydbg
from tests.support.build import build


@contextmanager
def program(
    name: str, *args: str, variant: str = "pie", settings: dict[str, str] | None = None
) -> Iterator[pydbg.Debugger]:
    """Give the debugger of a fixture that was not started yet; its output goes nowhere."""
    with pydbg.Debugger(str(build(name, variant)), args) as dbg:
        dbg.stdout = "/dev/null"
        for key, value in (settings or {}).items():
            dbg.settings.set(key, value)
        yield dbg


def expect_exit(event: pydbg.Event, code: int = 0) -> None:
    """Check that the program ended by itself."""
    assert isinstance(event, pydbg.Exited), event
    assert event.code == code


def stops(dbg: pydbg.Debugger, event: pydbg.Event) -> list[pydbg.Event]:
    """Go on to the program's end and return every stop on the way, with the first and the end."""
    found = [event]
    while not isinstance(found[-1], pydbg.Exited | pydbg.Killed):
        found.append(dbg.cont())
    return found


def addr_of(dbg: pydbg.Debugger, name: str) -> int:
    """Return where a symbol stands."""
    addr = int(dbg.eval(f"(long)&{name}"))
    assert addr
    return addr


def state_of(pid: int) -> str:
    """Return a process's state letter."""
    return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
