"""Decoding of wait statuses, against what os.W* macros and ptrace(2) say."""

from __future__ import annotations

import os
import signal

import pytest

from pydbg.linux.wait import decode
from pydbg.rawstops import (
    EventStop,
    GroupStop,
    RawStop,
    SeccompStop,
    SignalStop,
    SyscallStop,
    ThreadExit,
    ThreadKilled,
)


@pytest.mark.parametrize(
    ("status", "stop"),
    [
        (0x0000, ThreadExit(9, 0)),
        (0xFF00, ThreadExit(9, 255)),
        (0x0009, ThreadKilled(9, 9, False)),
        (0x0086, ThreadKilled(9, 6, True)),
        (0x057F, SignalStop(9, 5)),
        (0x227F, SignalStop(9, 34)),
        (0x407F, SignalStop(9, 64)),
        (0x857F, SyscallStop(9)),
        (0x01057F, EventStop(9, "fork")),
        (0x02057F, EventStop(9, "vfork")),
        (0x03057F, EventStop(9, "clone")),
        (0x04057F, EventStop(9, "exec")),
        (0x05057F, EventStop(9, "vfork-done")),
        (0x06057F, EventStop(9, "exit")),
        (0x07057F, SeccompStop(9)),
        (0x80057F, EventStop(9, "stop")),
        (0x80137F, GroupStop(9, signal.SIGSTOP)),
        (0x80147F, GroupStop(9, signal.SIGTSTP)),
        (0x80157F, GroupStop(9, signal.SIGTTIN)),
        (0x80167F, GroupStop(9, signal.SIGTTOU)),
        (0x63057F, EventStop(9, "event 99")),
    ],
)
def test_decode(status: int, stop: RawStop) -> None:
    assert decode(9, status) == stop


def test_decode_agrees_with_the_macros() -> None:
    for status in range(0x10000):
        low = status & 0xFF
        if low == 0x7F:
            kind: type = SyscallStop if status >> 8 == 0x85 else SignalStop
            assert os.WIFSTOPPED(status)
        elif os.WIFEXITED(status):
            kind = ThreadExit
        else:
            kind = ThreadKilled
        stop = decode(1, status)
        assert type(stop) is kind
        if isinstance(stop, ThreadExit):
            assert stop.code == os.WEXITSTATUS(status)
        elif isinstance(stop, ThreadKilled):
            assert stop.signo == os.WTERMSIG(status)
            assert stop.core == os.WCOREDUMP(status)
        elif isinstance(stop, SignalStop):
            assert stop.signo == os.WSTOPSIG(status)
