"""Bytes of any debug section are changed at random: commands give an answer or an error line.

A core dump stands for the process, so that unwinding and locations are read as well. What is
damaged is the program, or the file that a part of its debug information lies in.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pydbg.commands.session import Session
from pydbg.debugger import Debugger
from pydbg.errors import DebuggerError
from pydbg.symbols.elf import ElfFile
from tests.support.build import source
from tests.support.oracle import gdb

COMMANDS = (
    "bt full", "info frame", "info locals", "up", "info locals", "info args", "p n", "p points[1]",
    "ptype struct point", "whatis where", "p *where", "info scope recurse", "p name", "p real",
    "info line recurse", "info source", "info types point", "info functions recurse",
    "info variables table", "break inner", "break watches.c:60", "list inner", "p sizeof(points)",
    "info symbol main", "x/3i $pc", "disassemble /s", "info sharedlibrary", "info sources watch",
)  # fmt: skip
VARIANTS = {
    "gcc 5, macros": ("gcc", "-g3", "-gdwarf-5", "-O2"),
    "gcc 4, types": ("gcc", "-g", "-gdwarf-4", "-O1", "-fdebug-types-section"),
    "split": ("gcc", "-g", "-gdwarf-5", "-O2", "-gsplit-dwarf"),
    "clang, names": ("clang", "-g", "-gdwarf-5", "-O1", "-gpubnames"),
    "dwz": ("gcc", "-g", "-gdwarf-5", "-O1"),
}
VALUES = st.sampled_from((0, 1, 0x7F, 0x80, 0xFF)) | st.integers(0, 255)


@pytest.fixture(scope="module", params=VARIANTS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a program, a core of it in a function, and keep the bytes of what may be damaged."""
    place = tmp_path_factory.mktemp("fuzz")
    path = shutil.copy(source("watches.c"), place)
    line = [*VARIANTS[request.param], "-fno-inline", "-o", "program", path]
    subprocess.run(line, cwd=place, check=True, capture_output=True)
    if request.param == "dwz":
        shutil.copy(place / "program", place / "copy")
        subprocess.run(["dwz", "-m", "common.debug", "program", "copy"], cwd=place, check=True)
    gdb(place / "program", "break inner", "run", f"generate-core-file {place}/core")
    assert (place / "core").exists()
    return place


@given(data=st.data())
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_damaged_debug_information_is_an_error_at_the_most(
    folder: Path, data: st.DataObject
) -> None:
    files = [one for one in sorted(folder.iterdir()) if one.suffix in (".dwo", ".debug")]
    victim = data.draw(st.sampled_from([folder / "program", *files]))
    whole = victim.read_bytes()
    try:
        victim.write_bytes(_damaged(whole, data))
        _ask(folder)
    finally:
        victim.write_bytes(whole)


def _damaged(whole: bytes, data: st.DataObject) -> bytes:
    image = bytearray(whole)
    sections = [one for one in ElfFile.from_bytes(whole, "whole").sections if _counts(one)]
    for section in data.draw(st.lists(st.sampled_from(sections), min_size=1, max_size=3)):
        at, size = section.offset, section.size
        if data.draw(st.integers(0, 4)) == 0:  # cut short, or all of one value
            begin = data.draw(st.integers(0, size - 1))
            image[at + begin : at + size] = bytes([data.draw(VALUES)]) * (size - begin)
            continue
        # Headers are hit more often than what is behind them.
        place = st.integers(0, min(size, 40) - 1) | st.integers(0, size - 1)
        for offset, value in data.draw(st.lists(st.tuples(place, VALUES), max_size=30)):
            image[at + offset] = value
    return bytes(image)


def _counts(section: object) -> bool:
    name, size = getattr(section, "name", ""), getattr(section, "size", 0)
    return bool(size) and (name.startswith((".debug_", ".eh_frame", ".gnu_debugaltlink")))


def _ask(folder: Path) -> None:
    out = io.StringIO()
    with Debugger() as dbg:
        session = Session(dbg, out=out, err=out)
        for command in (
            "set index-cache enabled off",
            "set debug-file-directory /nonexistent",
            f"file {folder}/program",
            f"core-file {folder}/core",
            *COMMANDS,
        ):
            try:
                session.execute(command)
            except DebuggerError as error:
                out.write(f"{error}\n")
    assert "#0 " in out.getvalue()
