"""seccomp filters: the program that is made decides as the set it is made of."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydbg.errors import UsageError
from pydbg.syscalls.bpf import RET_ALLOW, RET_TRACE, audit_arch, run, trace_filter

X86_64 = audit_arch("x86_64")
I386 = audit_arch("i386")
numbers = st.sets(st.integers(min_value=0, max_value=1200), max_size=60)


@given(numbers, numbers)
def test_filter_traces_its_numbers_only(native: set[int], other: set[int]) -> None:
    program = trace_filter({"x86_64": native, "i386": other})
    edges = {number + step for number in native | other for step in (-1, 0, 1)}
    for number in edges | {0, 0x40000001, 0xFFFFFFFF}:
        wanted = RET_TRACE if number in native else RET_ALLOW
        assert run(program, number, X86_64) == (wanted if number >= 0 else RET_ALLOW)
        if number >= 0:
            assert run(program, number, I386) == (RET_TRACE if number in other else RET_ALLOW)
        assert run(program, number, 0xC00000B7) == RET_ALLOW


def test_filter_of_many_scattered_numbers_stays_small_and_right() -> None:
    wanted = set(range(0, 1200, 2))
    program = trace_filter({"x86_64": wanted, "i386": {1}})
    assert len(program) // 8 < 4096
    for number in range(1202):
        assert (run(program, number, X86_64) == RET_TRACE) == (number in wanted)
    assert run(program, 1, I386) == RET_TRACE
    assert run(program, 2, I386) == RET_ALLOW


def test_ranges_take_one_comparison() -> None:
    assert len(trace_filter({"x86_64": range(472)})) // 8 == 6


def test_x32_shares_the_architecture() -> None:
    program = trace_filter({"x86_64": {0}, "x32": {0x40000001}})
    assert run(program, 0x40000001, X86_64) == RET_TRACE
    assert run(program, 0, X86_64) == RET_TRACE
    assert run(program, 1, X86_64) == RET_ALLOW


def test_numbers_no_call_can_have_are_left_out() -> None:
    program = trace_filter({"x86_64": {-1, 1 << 40, 3}})
    assert run(program, 3, X86_64) == RET_TRACE
    assert run(program, 0, X86_64) == RET_ALLOW


def test_too_many_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="Too many system calls"):
        trace_filter({"x86_64": range(0, 9000, 2)})


def test_unknown_architecture_is_refused() -> None:
    with pytest.raises(UsageError, match="No seccomp architecture for 'mips'"):
        trace_filter({"mips": {1}})


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (b"", "ends without a return"),
        (struct.pack("<HBBI", 0x20, 0, 0, 0), "ends without a return"),
        (struct.pack("<HBBI", 0x20, 0, 0, 64), "not for seccomp"),
        (struct.pack("<HBBI", 0xFF, 0, 0, 0), "not for seccomp"),
    ],
)
def test_interpreter_refuses_what_the_kernel_refuses(program: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(program, 0, X86_64)
