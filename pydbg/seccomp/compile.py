"""Profiles to filters: the kernel decides as the profile is judged.

Two filters can be made of a profile. The plain one answers what the profile says. The traced
one answers SECCOMP_RET_TRACE where the profile refuses, so that a debugger sees the call and no
other one stops; the debugger then does what the profile says. A call that is to kill or to trap
it sends on with a secret word in the register of the sixth argument: the kernel asks the filter
once more after a tracer's stop (seccomp(2)), and to that word it gives the real answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pydbg.seccomp.evaluate import Judge, Verdict
from pydbg.seccomp.profile import Condition
from pydbg.syscalls import bpf
from pydbg.syscalls.bpf import ARGS, Assembler

__all__ = ["compile_profile", "plain", "traced"]

_WORD = 0xFFFFFFFF
_X32 = 0x40000000
_MINUS_ONE = 0xFFFFFFFF

Leaf = Callable[[Assembler, Verdict], int]

_RETURNS = {
    "ALLOW": bpf.RET_ALLOW,
    "LOG": bpf.RET_LOG,
    "TRAP": bpf.RET_TRAP,
    "KILL_THREAD": bpf.RET_KILL_THREAD,
    "KILL_PROCESS": bpf.RET_KILL_PROCESS,
    "TRACE": bpf.RET_TRACE,
    "NOTIFY": bpf.RET_NOTIFY,
}


def answer(verdict: Verdict) -> int:
    """Return what a filter returns for a verdict."""
    if verdict.action == "ERRNO":
        return bpf.RET_ERRNO | verdict.errno
    return _RETURNS[verdict.action]


def plain(code: Assembler, verdict: Verdict) -> int:
    """Put in front what answers a verdict as it is."""
    return code.ret(answer(verdict))


def traced(word: int) -> Leaf:
    """Return how a verdict is answered under a debugger that knows the secret word."""

    def leaf(code: Assembler, verdict: Verdict) -> int:
        if not verdict.refuses:
            return plain(code, verdict)
        trace = code.ret(bpf.RET_TRACE)
        if not verdict.kills:
            return trace
        real = plain(code, verdict)
        return code.load(ARGS + 8 * 5, code.test(bpf.JEQ, word, real, trace))

    return leaf


def compile_profile(judge: Judge, leaf: Leaf = plain) -> bytes:
    """Return the filter of a profile: an array of struct sock_filter.

    Raises UsageError if it is longer than the kernel allows.

    >>> from pydbg.seccomp.profile import read
    >>> judge = Judge(read('{"defaultAction": "SCMP_ACT_ERRNO"}'))
    >>> hex(bpf.run(compile_profile(judge), 1, bpf.audit_arch("x86_64")))
    '0x50001'
    """
    code = Assembler()
    entry = leaf(code, judge.foreign("x86_64"))  # An architecture that nobody named.
    for abi in ("i386", "x86_64"):
        if abi == "x86_64" or abi in judge.tables:
            search = _search(code, judge, abi, leaf)
        else:
            search = leaf(code, judge.foreign(abi))
        entry = code.test(bpf.JEQ, bpf.audit_arch(abi), search, entry)
    return code.program(code.load(bpf.ARCH, entry))


def _search(code: Assembler, judge: Judge, abi: str, leaf: Leaf) -> int:
    default = leaf(code, judge.default)
    leaves = _leaves(code, judge, abi, leaf, default)
    if abi == "i386":
        return code.load(bpf.NR, bpf.decide(code, leaves, default))
    native = bpf.decide(code, leaves, default)
    if "x32" in judge.tables:
        other = bpf.decide(code, _leaves(code, judge, "x32", leaf, default), default)
    else:
        other = leaf(code, judge.foreign("x32"))
    # -1 is no call of x32: it is how a tracer has a call skipped.
    other = code.test(bpf.JEQ, _MINUS_ONE, default, other)
    return code.load(bpf.NR, code.test(bpf.JGE, _X32, other, native))


def _leaves(code: Assembler, judge: Judge, abi: str, leaf: Leaf, default: int) -> Mapping[int, int]:
    found = {}
    for nr, choices in judge.tables[abi].items():
        label = default
        for conditions, rule in reversed(choices):
            label = _all(code, conditions, abi, leaf(code, judge.by_rule(rule)), label)
        found[nr] = label
    return found


def _all(code: Assembler, conditions: Sequence[Condition], abi: str, true: int, false: int) -> int:
    for condition in reversed(conditions):
        true = _compare(code, condition, abi, true, false)
    return true


_OPPOSITES = {"SCMP_CMP_NE": "EQ", "SCMP_CMP_LT": "GE", "SCMP_CMP_LE": "GT"}


def _compare(code: Assembler, condition: Condition, abi: str, true: int, false: int) -> int:
    """Put a comparison in front: the upper halves first, then where they are equal the lower."""
    opposite = _OPPOSITES.get(condition.op)
    if opposite is not None:
        true, false = false, true
    op = opposite or condition.op.removeprefix("SCMP_CMP_")
    at = ARGS + 8 * condition.index
    mask = condition.value if op == "MASKED_EQ" else (1 << 64) - 1
    value = condition.value_two & mask if op == "MASKED_EQ" else condition.value
    low = _test(code, op, at, mask & _WORD, value & _WORD, true, false)
    if abi != "x86_64":
        return low
    if op in ("EQ", "MASKED_EQ"):
        return _test(code, op, at + 4, mask >> 32, value >> 32, low, false)
    equal = code.test(bpf.JEQ, value >> 32, low, false)
    return code.load(at + 4, code.test(bpf.JGT, value >> 32, true, equal))


def _test(code: Assembler, op: str, at: int, mask: int, value: int, true: int, false: int) -> int:
    jump = {"GT": bpf.JGT, "GE": bpf.JGE}.get(op, bpf.JEQ)
    label = code.test(jump, value, true, false)
    if op == "MASKED_EQ" and mask != _WORD:
        label = code.mask(mask, label)
    return code.load(at, label)
