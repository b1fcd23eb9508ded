"""The package's surface: every public name is there, and loaded only when it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pydbg
from pydbg import errors, events


@pytest.mark.parametrize("name", pydbg.__all__)
def test_public_names(name: str) -> None:
    assert getattr(pydbg, name) is not None
    assert name in dir(pydbg)


def test_all_errors_and_stops_are_public() -> None:
    public = set(pydbg.__all__)
    for room, base in ((errors, errors.DebuggerError), (events, events.Event)):
        names = {
            name
            for name, value in vars(room).items()
            if isinstance(value, type) and issubclass(value, base)
        }
        assert names <= public


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nosuch'"):
        _ = pydbg.nosuch


def test_errors_do_not_load_the_debugger() -> None:
    code = "import sys, pydbg; pydbg.UsageError; print('pydbg.debugger' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
