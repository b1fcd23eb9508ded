"""The SYNOPSIS of a man page: read as man shows it, and nothing that is in the way hurts."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pydbg.commands.manpage import synopsis

PAGE = r""".\" A comment.
.TH FROB 2 2024-01-01 "Linux man-pages"
.SH NAME
frob \- do it
.SH SYNOPSIS
.nf
.B #include <sys/frob.h>
.PP
.BI "int frob(int " fd ", const char *" path \
", size_t " size );
\fBint\fP \fIx\fP \- "quoted \(dq"\" and a comment
.fi
.PP
.RS -4
Feature Test Macro Requirements for glibc (see
.BR feature_test_macros (7)):
.SH DESCRIPTION
Text.
"""
SHOWN = (
    "#include <sys/frob.h>",
    "",
    "int frob(int fd, const char *path, size_t size);",
    'int x - "quoted ""',
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MANPATH", f"/nonexistent:{tmp_path}")
    place = tmp_path / "man2"
    place.mkdir()
    return place


def test_a_page(folder: Path) -> None:
    (folder / "frob.2").write_text(PAGE)
    assert synopsis("frob") == ("frob(2)", SHOWN)


def test_a_packed_page_that_another_includes(folder: Path) -> None:
    (folder / "frob.2.gz").write_bytes(gzip.compress(PAGE.encode()))
    (folder / "frobat.2").write_text('.\\" Nothing here.\n.so man2/frob.2\n')
    assert synopsis("frobat") == ("frob(2)", SHOWN)


def test_what_is_no_page(folder: Path) -> None:
    os.mkfifo(folder / "pipe.2")
    (folder / "loop.2").write_text(".so man2/loop.2\n")
    (folder / "bad.2.gz").write_bytes(b"\x1f\x8bnothing")
    (folder / "empty.2").write_bytes(b"")
    (folder / "bytes.2").write_bytes(b"\xff\0" * 1000)
    (folder / "huge.2.gz").write_bytes(gzip.compress(b"x" * (1 << 24)))
    (folder / "folder.2").mkdir()
    names = ("pipe", "loop", "bad", "empty", "bytes", "huge", "folder", "nosuch", "../man2/frob")
    assert [synopsis(name) for name in names] == [None] * len(names)


NAMES = ("write", "openat", "mmap", "futex", "clone3", "ioctl", "rt_sigaction", "select", "execve",
         "socketcall", "statx", "bpf", "ptrace", "wait4", "fcntl")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_as_man_shows_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MANPATH", raising=False)
    found = synopsis(name)
    if found is None or shutil.which("man") is None or shutil.which("groff") is None:
        assert found is None or found[1]
        return
    done = subprocess.run(
        ["man", "-E", "ascii", "2", name],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "MANWIDTH": "500", "MANPAGER": "cat", "LC_ALL": "C"},
        timeout=60,
    )
    shown = re.sub(r".\x08|\x1b\[[0-9;]*m", "", done.stdout)
    assert "".join(" ".join(found[1]).split()) in "".join(shown.split())
