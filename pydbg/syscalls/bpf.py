"""seccomp filters: classic BPF programs, made and interpreted.

A filter sees ``struct seccomp_data``: nr at 0, arch at 4, the instruction pointer at 8 and six
64-bit arguments from 16 on. Filters stack and the highest action wins; SECCOMP_RET_TRACE is
above ALLOW, so a filter for further calls can be added at any time.

Sources: seccomp(2), linux/filter.h, linux/bpf_common.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence

from pydbg.errors import UsageError

__all__ = ["AUDIT_ARCH", "RET_ALLOW", "RET_TRACE", "audit_arch", "run", "trace_filter"]

RET_TRACE = 0x7FF00000
RET_ALLOW = 0x7FFF0000

# x32 calls come with x86-64's architecture and bit 30 in the number.
AUDIT_ARCH = {"x86_64": 0xC000003E, "x32": 0xC000003E, "i386": 0x40000003}

_LD_ABS = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JA = 0x05
_JEQ = 0x15
_JGT = 0x25
_JGE = 0x35
_JSET = 0x45
_RET = 0x06
_MAX_JUMP = 255
_MAX_LENGTH = 4096

_Insn = tuple[int, int, int, int]


def audit_arch(abi: str | int) -> int:
    """Return the AUDIT_ARCH value of an ABI's name; a number is returned as it is.

    >>> hex(audit_arch("i386"))
    '0x40000003'
    """
    if isinstance(abi, int):
        return abi
    if abi not in AUDIT_ARCH:
        raise UsageError(f"No seccomp architecture for '{abi}'.")
    return AUDIT_ARCH[abi]


def trace_filter(numbers: Mapping[str, Iterable[int]] | Mapping[int, Iterable[int]]) -> bytes:
    """Make a filter that traces the given calls and allows all others.

    ``numbers`` maps an ABI ("x86_64", "x32", "i386", or an AUDIT_ARCH value) to its call
    numbers. The result is an array of struct sock_filter (8 bytes each). The decision takes
    a number of steps that grows with the logarithm of the count.

    >>> program = trace_filter({"x86_64": {1}, "i386": {4}})
    >>> hex(run(program, 1, audit_arch("x86_64"))), hex(run(program, 4, audit_arch("x86_64")))
    ('0x7ff00000', '0x7fff0000')
    >>> hex(run(program, 4, audit_arch("i386")))
    '0x7ff00000'
    """
    by_arch: dict[int, set[int]] = {}
    for abi, wanted in numbers.items():
        known = {number for number in wanted if 0 <= number < 1 << 32}
        by_arch.setdefault(audit_arch(abi), set()).update(known)
    program: list[_Insn] = [(_LD_ABS, 0, 0, 4)]
    for arch, wanted_numbers in by_arch.items():
        section = [(_LD_ABS, 0, 0, 0), *_decide(_ranges(wanted_numbers))]
        if len(section) <= _MAX_JUMP:
            program.append((_JEQ, 0, len(section), arch))
        else:
            program += [(_JEQ, 1, 0, arch), (_JA, 0, 0, len(section))]
        program += section
    program.append((_RET, 0, 0, RET_ALLOW))
    if len(program) > _MAX_LENGTH:
        raise UsageError("Too many system calls for one seccomp filter.")
    return b"".join(struct.pack("<HBBI", *insn) for insn in program)


def _ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def _decide(ranges: Sequence[tuple[int, int]]) -> list[_Insn]:
    """Return code that returns TRACE where the accumulator is in one of ``ranges``."""
    if not ranges:
        return [(_RET, 0, 0, RET_ALLOW)]
    if len(ranges) == 1:
        low, high = ranges[0]
        verdicts = [(_RET, 0, 0, RET_TRACE), (_RET, 0, 0, RET_ALLOW)]
        if low == high:
            return [(_JEQ, 0, 1, low), *verdicts]
        return [(_JGE, 0, 2, low), (_JGT, 1, 0, high), *verdicts]
    middle = len(ranges) // 2
    left, right = _decide(ranges[:middle]), _decide(ranges[middle:])
    pivot = ranges[middle][0]
    if len(left) <= _MAX_JUMP:
        return [(_JGE, len(left), 0, pivot), *left, *right]
    # A conditional jump reaches 255 instructions; BPF_JA has 32 bits.
    return [(_JGE, 0, 1, pivot), (_JA, 0, 0, len(left)), *left, *right]


def run(program: bytes, nr: int, arch: int, ip: int = 0, args: Sequence[int] = ()) -> int:
    """Interpret a filter for one call, and return its action with the data bits.

    It knows the instructions that the kernel allows to seccomp except the arithmetic ones;
    ValueError for any other, as the kernel refuses such a program.

    >>> run(struct.pack("<HBBI", 0x06, 0, 0, RET_ALLOW), 0, 0) == RET_ALLOW
    True
    """
    words = [arg & 0xFFFFFFFFFFFFFFFF for arg in (*args, 0, 0, 0, 0, 0, 0)[:6]]
    data = struct.pack("<IIQ6Q", nr & 0xFFFFFFFF, arch, ip & 0xFFFFFFFFFFFFFFFF, *words)
    code = list(struct.iter_unpack("<HBBI", program))
    accumulator = position = 0
    while 0 <= position < len(code):
        op, if_true, if_false, value = code[position]
        position += 1
        if op == _LD_ABS and value % 4 == 0 and value < len(data):
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif op == _JA:
            position += value
        elif op == _JEQ:
            position += if_true if accumulator == value else if_false
        elif op == _JGT:
            position += if_true if accumulator > value else if_false
        elif op == _JGE:
            position += if_true if accumulator >= value else if_false
        elif op == _JSET:
            position += if_true if accumulator & value else if_false
        elif op == _RET:
            return int(value)
        elif op == 0x54:  # BPF_ALU | BPF_AND | BPF_K: masked comparison of an argument
            accumulator &= value
        else:
            raise ValueError(f"instruction {op:#x} at {position - 1} is not for seccomp")
    raise ValueError("the program ends without a return")
