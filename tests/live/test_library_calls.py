"""Caught system calls: callbacks, decoded arguments, and when decoding is too late."""

from __future__ import annotations

import pytest

import pydbg


def test_decoded_at_entry_and_return() -> None:
    with pydbg.launch("/bin/cat", "/etc/hostname", stdout="/dev/null") as dbg:
        dbg.catch_syscall("openat", condition='$_streq((char *)path, "/etc/hostname")')
        entry = dbg.cont()
        assert isinstance(entry, pydbg.SyscallCaught)
        assert entry.decoded.line() == f'openat(AT_FDCWD<{_cwd()}>, "/etc/hostname", O_RDONLY)'
        assert entry.decoded is entry.decoded
        assert [arg.name for arg in entry.decoded.args][:3] == ["dirfd", "path", "flags"]
        assert entry.decoded.ret_text is None
        dbg.catch_syscall("close", phase="both")
        back = dbg.cont()
        assert isinstance(back, pydbg.SyscallCaught) and back.phase == "return"
        assert back.decoded.line().startswith(entry.decoded.line() + " = 3")
        assert back.ret == 3


def _cwd() -> str:
    import os

    return os.getcwd()


def test_a_closed_descriptor_keeps_its_path() -> None:
    with pydbg.launch("/bin/cat", "/etc/hostname", stdout="/dev/null") as dbg:
        lines = []
        point = dbg.catch_syscall(
            "close",
            on_entry=lambda call: lines.append(call.decoded.line()),
            on_return=lambda call: lines.append(call.decoded.line()),
        )
        assert isinstance(dbg.cont(), pydbg.Exited)
        assert point.hit_count == len(lines)
        assert "close(3</etc/hostname>)" in lines
        assert "close(3</etc/hostname>) = 0" in lines


def test_too_late_to_decode() -> None:
    with pydbg.launch("/bin/echo", "hi", stdout="/dev/null") as dbg:
        dbg.catch_syscall("write", phase="entry")
        seen = dbg.cont()
        late = dbg.cont()
        assert isinstance(seen, pydbg.SyscallCaught) and isinstance(late, pydbg.Exited)
        with pytest.raises(pydbg.CommandError, match="The thread has left write"):
            seen.decoded  # noqa: B018
    made_up = pydbg.SyscallCaught(1, 1, 1, False, "entry", "x86_64", 1, "write", ())
    with pytest.raises(pydbg.CommandError, match="no program"):
        made_up.decoded  # noqa: B018


def test_callbacks_go_on_or_stop() -> None:
    with pydbg.launch("/bin/sh", "-c", "echo a; echo b; echo c", stdout="/dev/null") as dbg:
        texts = []

        def wrote(call: pydbg.SyscallCaught) -> object:
            texts.append(bytes(dbg.memory[call.args[1] : call.args[1] + call.args[2]]))
            return pydbg.STOP if len(texts) == 2 else None

        dbg.catch_syscall("write", on_entry=wrote)
        event = dbg.cont()
        assert isinstance(event, pydbg.SyscallCaught) and event.phase == "entry"
        assert texts == [b"a\n", b"b\n"]
        assert isinstance(dbg.cont(), pydbg.Exited)
        assert texts[2:] == [b"c\n"]


def test_an_error_in_a_callback_comes_out_of_cont() -> None:
    with pydbg.launch("/bin/echo", "hi", stdout="/dev/null") as dbg:

        def broken(call: pydbg.SyscallCaught) -> None:
            raise KeyError("mine")

        point = dbg.catch_syscall("write", on_entry=broken)
        with pytest.raises(KeyError, match="mine"):
            dbg.cont()
        assert dbg.regs.rip  # The program is stopped, and goes on.
        dbg.delete(point.number)
        event = dbg.cont()
        assert isinstance(event, pydbg.Exited) and event.code == 0
