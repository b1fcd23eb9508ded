"""Filters in the interpreter and in the kernel: the same answer to every call."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pydbg.seccomp.compile import answer, compile_profile
from pydbg.seccomp.evaluate import Judge
from pydbg.seccomp.profile import read
from pydbg.syscalls import bpf
from pydbg.syscalls.bpf import audit_arch, run
from pydbg.syscalls.table import table_for
from tests.support.seccomp import HARMLESS, Call, expected, observe
from tests.support.seccomp_profiles import PROFILES

WORD = st.sampled_from([0, 1, 2, 5, 31, 32, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]) | st.integers(
    0, 0xFFFFFFFF
)
ACTIONS = (
    bpf.RET_KILL_PROCESS,
    bpf.RET_KILL_THREAD,
    bpf.RET_TRAP,
    bpf.RET_ERRNO,
    bpf.RET_NOTIFY,
    bpf.RET_TRACE,
    bpf.RET_LOG,
    bpf.RET_ALLOW,
)
VALUES = st.builds(int.__or__, st.sampled_from(ACTIONS), st.sampled_from([0, 1, 13, 4095, 0xFFFF]))


@st.composite
def calls(draw: st.DrawFn) -> Call:
    abi = draw(st.sampled_from(["x86_64", "i386"]))
    row = table_for(abi).by_name(draw(st.sampled_from(HARMLESS)))
    assert row is not None
    args = draw(st.lists(WORD | st.integers(0, (1 << 64) - 1), min_size=6, max_size=6))
    if abi == "i386":
        args = [arg & 0xFFFFFFFF for arg in args]
    return abi, draw(st.sampled_from([row.number, row.number, 1000, 0xFFFFFFFF])), args


LOADS = st.tuples(st.just(bpf.LD_ABS), st.sampled_from([*range(0, 8, 4), *range(16, 64, 4)]))
PLAIN = st.one_of(
    LOADS,
    st.tuples(st.sampled_from([0x00, 0x01]), WORD),
    st.tuples(st.sampled_from([0x80, 0x81, 0x07, 0x87, 0x84]), st.just(0)),
    st.tuples(st.sampled_from([0x02, 0x03]), st.integers(0, 3)),
    st.tuples(st.sampled_from([0x04, 0x14, 0x24, 0x44, 0x54, 0xA4]), WORD),
    st.tuples(st.just(0x34), st.integers(1, 0xFFFFFFFF)),
    st.tuples(st.sampled_from([0x64, 0x74]), st.integers(0, 31)),
    st.tuples(st.sampled_from([0x0C, 0x1C, 0x2C, 0x3C, 0x4C, 0x5C, 0x6C, 0x7C, 0xAC]), st.just(0)),
)
BRANCHES = st.sampled_from([0x15, 0x25, 0x35, 0x45, 0x1D, 0x2D, 0x3D, 0x4D])
RETURNS = st.tuples(st.just(bpf.RET), VALUES) | st.just((0x16, 0))


@st.composite
def programs(draw: st.DrawFn) -> bytes:
    """Draw a program that the kernel takes: all jumps inside, memory written before it is read."""
    code = [(0x02, 0, 0, 0), (0x02, 0, 0, 1), (0x02, 0, 0, 2), (0x02, 0, 0, 3)]
    body = draw(st.lists(PLAIN | st.tuples(BRANCHES, WORD), min_size=1, max_size=24))
    for index, (op, k) in enumerate(body):
        left = len(body) - index
        hop = st.integers(0, left - 1) if op & 7 == 5 else st.just(0)
        code.append((op, draw(hop), draw(hop), k))
        if op & 7 == 5:
            continue
        if draw(st.integers(0, 9)) == 0:
            code[-1] = (draw(st.sampled_from([0x60, 0x61])), 0, 0, draw(st.integers(0, 3)))
    for op, value in draw(st.lists(RETURNS, min_size=1, max_size=1)):
        code.append((op, 0, 0, value))
    return b"".join(struct.pack("<HBBI", *insn) for insn in code)


@settings(max_examples=60, deadline=None)
@given(programs(), st.lists(calls(), min_size=1, max_size=6))
def test_the_interpreter_is_the_kernel(program: bytes, made: list[Call]) -> None:
    for (abi, nr, args), seen in zip(made, observe(program, made), strict=True):
        value = run(program, nr, audit_arch(abi), 0, args)
        exists = table_for(abi).by_number(nr) is not None
        assert seen == expected(value, seen, exists=exists), (abi, nr, args, hex(value))


@pytest.mark.parametrize("size", [1, 255, 256, 257, 1200])
def test_far_jumps_arrive(size: int) -> None:
    code = bpf.Assembler()
    leaves = {nr: code.ret(bpf.RET_ERRNO | nr) for nr in range(1, size + 1)}
    entry = code.load(bpf.NR, bpf.decide(code, leaves, code.ret(bpf.RET_ALLOW)))
    program = code.program(entry)
    for nr in range(size + 2):
        wanted = bpf.RET_ERRNO | nr if nr in leaves else bpf.RET_ALLOW
        assert run(program, nr, 0) == wanted
    made: list[Call] = [("x86_64", nr, ()) for nr in (1000, size, size + 1) if nr >= 600]
    for (_, nr, _), seen in zip(made, observe(program, made), strict=True):
        assert seen == expected(run(program, nr, 0), seen, exists=False)


@settings(max_examples=60, deadline=None)
@given(PROFILES, st.lists(calls(), min_size=1, max_size=6))
def test_a_profile_s_filter_does_in_the_kernel_what_is_judged(
    profile: dict[str, Any], made: list[Call]
) -> None:
    judge = Judge(read(json.dumps(profile)))
    program = compile_profile(judge)
    for (abi, nr, args), seen in zip(made, observe(program, made), strict=True):
        value = answer(judge.decide(abi, nr, args))
        exists = table_for(abi).by_number(nr) is not None
        assert seen == expected(value, seen, exists=exists), (abi, nr, args, hex(value))
