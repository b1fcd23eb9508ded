"""Signals, siginfo and error numbers, asked of gdb, strace's texts and the C library."""

from __future__ import annotations

import errno as python_errno
import os
import signal
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydbg.syscalls.errno import error_name, error_number, error_text
from pydbg.syscalls.siginfo import code_name, decode_siginfo
from pydbg.syscalls.signals import (
    gdb_signals,
    signal_name,
    signal_number,
    signal_text,
    strace_name,
)
from tests.support import oracle


def test_table_is_gdbs() -> None:
    theirs = []
    for line in oracle.gdb(None, "info signals").splitlines():
        # "SIGHUP        Yes\tYes\tYes\t\tHangup"
        parts = line.split("\t")
        if len(parts) == 5 and parts[0].split()[-1] in ("Yes", "No"):
            name, stop = parts[0].split()
            theirs.append((name, stop == "Yes", parts[1] == "Yes", parts[2] == "Yes", parts[4]))
    ours = [(row.name, row.stop, row.print, row.pass_, row.text) for row in gdb_signals()]
    assert ours == theirs
    assert len(ours) == 149


def test_numbers_are_this_systems() -> None:
    for number in signal.Signals:
        if number < 32:
            assert signal_number(number.name) == number
            assert signal_number(signal_name(number)) == number
    assert signal_number("SIGRTMIN") == signal.SIGRTMIN
    assert signal_number("SIGRTMAX") == signal.SIGRTMAX


@given(st.integers(min_value=1, max_value=64))
def test_every_name_is_read_back(signo: int) -> None:
    assert signal_number(signal_name(signo)) == signo
    if signo != 32:
        # strace's SIGRTMIN is the kernel's first, the C library's (and ours to read) is 34.
        assert signal_number(strace_name(signo)) == signo
    assert signal_text(signo)


@pytest.mark.parametrize("name", ["SIG", "SIG65", "SIG31", "SIGRTMIN+40", "SIGRT_x", "SIGFOO", ""])
def test_names_that_are_none(name: str) -> None:
    assert signal_number(name) is None


def test_errors_are_this_systems() -> None:
    for number, name in python_errno.errorcode.items():
        assert error_number(name) == number
        if name not in ("EDEADLOCK", "ENOTSUP"):
            assert error_name(number) == name
        assert error_text(number) == os.strerror(number)
    assert (error_name(512), error_text(512)) == (
        "ERESTARTSYS",
        "To be restarted if SA_RESTART is set",
    )
    assert error_name(132 + 7) is None


def info(signo: int, code: int, union: bytes, word_size: int = 8) -> bytes:
    """Return the bytes of a siginfo_t."""
    head = struct.pack("<iii", signo, 0, code) + bytes(4 if word_size == 8 else 0)
    return (head + union).ljust(128, b"\0")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (
            info(11, 1, struct.pack("<Q", 0)),
            "{si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL}",
        ),
        (
            info(10, 0, struct.pack("<iI", 7, 8)),
            "{si_signo=SIGUSR1, si_code=SI_USER, si_pid=7, si_uid=8}",
        ),
        (
            info(10, -6, struct.pack("<iI", 7, 8)),
            "{si_signo=SIGUSR1, si_code=SI_TKILL, si_pid=7, si_uid=8}",
        ),
        (
            info(12, -1, struct.pack("<iIQ", 7, 8, 0x1234)),
            "{si_signo=SIGUSR2, si_code=SI_QUEUE, si_pid=7, si_uid=8, si_int=4660, si_ptr=0x1234}",
        ),
        (
            info(17, 1, struct.pack("<iIi4xqq", 7, 0, 3, 0, 0)),
            "{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=7, si_uid=0, si_status=3, "
            "si_utime=0, si_stime=0}",
        ),
        (
            info(17, 2, struct.pack("<iIi4xqq", 7, 0, 9, 162, 0)),
            "{si_signo=SIGCHLD, si_code=CLD_KILLED, si_pid=7, si_uid=0, si_status=SIGKILL, "
            "si_utime=162 /* 1.62 s */, si_stime=0}",
        ),
        (
            info(31, 1, struct.pack("<QiI", 0x400000, 1, 0xC000003E)),
            "{si_signo=SIGSYS, si_code=SYS_SECCOMP, si_call_addr=0x400000, "
            "si_syscall=__NR_write, si_arch=AUDIT_ARCH_X86_64}",
        ),
        (info(5, 0x80, b""), "{si_signo=SIGTRAP, si_code=SI_KERNEL, si_addr=NULL}"),
        (
            info(10, 77, struct.pack("<iI", 7, 8)),
            "{si_signo=SIGUSR1, si_code=0x4d, si_pid=7, si_uid=8}",
        ),
    ],
)
def test_siginfo_prints_as_strace(data: bytes, text: str) -> None:
    assert decode_siginfo(data).text() == text


def test_siginfo_of_a_32_bit_program() -> None:
    data = info(17, 2, struct.pack("<iIiii", 7, 0, 9, 1, 2), word_size=4)
    assert decode_siginfo(data, 4).fields == {
        "si_pid": 7,
        "si_uid": 0,
        "si_status": 9,
        "si_utime": 1,
        "si_stime": 2,
    }


def test_siginfo_has_the_bounds_of_a_fault() -> None:
    data = info(11, 3, struct.pack("<QQQQ", 16, 0, 0x1000, 0x2000))
    assert decode_siginfo(data).fields == {"si_addr": 16, "si_lower": 0x1000, "si_upper": 0x2000}
    assert decode_siginfo(info(7, 4, struct.pack("<Qh", 16, 12))).fields["si_addr_lsb"] == 12
    assert decode_siginfo(info(11, 4, struct.pack("<QQI", 16, 0, 5))).fields["si_pkey"] == 5


def test_codes_have_names() -> None:
    assert code_name(5, 1) == "TRAP_BRKPT"
    assert code_name(8, 1) == "FPE_INTDIV"
    assert code_name(11, -6) == "SI_TKILL"


@given(st.binary(max_size=140), st.sampled_from([4, 8]))
def test_any_bytes_are_decoded(data: bytes, word_size: int) -> None:
    text = decode_siginfo(data, word_size).text()
    assert text == "{}" or text.startswith("{si_signo=")
