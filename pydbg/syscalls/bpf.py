"""seccomp filters: classic BPF programs, made and interpreted.

A filter sees ``struct seccomp_data``: nr at 0, arch at 4, the instruction pointer at 8 and six
64-bit arguments from 16 on. Filters stack and the highest action wins; SECCOMP_RET_TRACE is
above ALLOW, so a filter for further calls can be added at any time.

Sources: seccomp(2), linux/filter.h, linux/bpf_common.h, the kernel's seccomp_check_filter.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence

from pydbg.errors import UsageError

__all__ = [
    "ACTION_MASK",
    "AUDIT_ARCH",
    "MAX_LENGTH",
    "RET_ALLOW",
    "RET_ERRNO",
    "RET_KILL_PROCESS",
    "RET_KILL_THREAD",
    "RET_LOG",
    "RET_NOTIFY",
    "RET_TRACE",
    "RET_TRAP",
    "Assembler",
    "audit_arch",
    "decide",
    "run",
    "strictest",
    "trace_filter",
]

# linux/seccomp.h; the data is in the lower half.
RET_KILL_PROCESS = 0x80000000
RET_KILL_THREAD = 0x00000000
RET_TRAP = 0x00030000
RET_ERRNO = 0x00050000
RET_NOTIFY = 0x7FC00000
RET_TRACE = 0x7FF00000
RET_LOG = 0x7FFC0000
RET_ALLOW = 0x7FFF0000
ACTION_MASK = 0xFFFF0000

# x32 calls come with x86-64's architecture and bit 30 in the number.
AUDIT_ARCH = {"x86_64": 0xC000003E, "x32": 0xC000003E, "i386": 0x40000003}

NR, ARCH, ARGS = 0, 4, 16
"""Where the call's number, its architecture and its arguments are in seccomp_data."""
DATA_SIZE = 64

LD_ABS = 0x20  # BPF_LD | BPF_W | BPF_ABS
JA = 0x05
JEQ = 0x15
JGT = 0x25
JGE = 0x35
JSET = 0x45
AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
RET = 0x06
_MAX_JUMP = 255
MAX_LENGTH = 4096
"""BPF_MAXINSNS: how many instructions a program may have."""

_WORD = 0xFFFFFFFF


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


class Assembler:
    """Make a program from its end to its beginning.

    All jumps of BPF go forward, so that what an instruction leads to has to be there before it.
    Each method puts an instruction in front and returns its label, for others to lead to; what
    was put there last is where the program begins.

    >>> code = Assembler()
    >>> one = code.test(JEQ, 1, code.ret(RET_TRACE), code.ret(RET_ALLOW))
    >>> entry = code.load(NR, one)
    >>> hex(run(code.program(entry), 1, 0)), hex(run(code.program(entry), 2, 0))
    ('0x7ff00000', '0x7fff0000')
    """

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int, int]] = []  # Backwards.
        self._known: dict[tuple[int, ...], int] = {}

    def ret(self, value: int) -> int:
        """Return ``value`` from the program."""
        return self._once((RET, value), lambda: self._put(RET, 0, 0, value))

    def load(self, offset: int, then: int) -> int:
        """Load the word at ``offset`` of seccomp_data, and go on at ``then``."""
        return self._once((LD_ABS, offset, then), lambda: self._go_on(LD_ABS, offset, then))

    def mask(self, value: int, then: int) -> int:
        """And the accumulator with ``value``, and go on at ``then``."""
        return self._once((AND, value, then), lambda: self._go_on(AND, value, then))

    def test(self, op: int, value: int, true: int, false: int) -> int:
        """Compare the accumulator (JEQ, JGT, JGE, JSET) and go on at one of two labels."""
        if true == false:
            return true
        return self._once((op, value, true, false), lambda: self._branch(op, value, true, false))

    def program(self, entry: int) -> bytes:
        """Return the program that begins at ``entry``: an array of struct sock_filter.

        Raises UsageError if it is longer than the kernel allows.
        """
        if entry != len(self._code) - 1:
            entry = self._jump(entry)
        if len(self._code) > MAX_LENGTH:
            raise UsageError("Too many system calls for one seccomp filter.")
        return b"".join(struct.pack("<HBBI", *insn) for insn in reversed(self._code))

    def _once(self, key: tuple[int, ...], make: Callable[[], int]) -> int:
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def _put(self, op: int, true: int, false: int, value: int) -> int:
        self._code.append((op, true, false, value & _WORD))
        return len(self._code) - 1

    def _distance(self, label: int) -> int:
        """Return how far a jump that is put in front now goes to ``label``."""
        return len(self._code) - 1 - label

    def _jump(self, label: int) -> int:
        # A conditional jump reaches 255 instructions; BPF_JA has 32 bits.
        return self._put(JA, 0, 0, self._distance(label))

    def _go_on(self, op: int, value: int, then: int) -> int:
        if self._distance(then):
            self._jump(then)
        return self._put(op, 0, 0, value)

    def _branch(self, op: int, value: int, true: int, false: int) -> int:
        # One more for the other one's detour, which may come between.
        if self._distance(true) >= _MAX_JUMP:
            true = self._jump(true)
        if self._distance(false) >= _MAX_JUMP:
            false = self._jump(false)
        return self._put(op, self._distance(true), self._distance(false), value)


def decide(code: Assembler, leaves: Mapping[int, int], otherwise: int) -> int:
    """Put in front a search for the accumulator among ``leaves``: value -> label.

    It takes a number of steps that grows with the logarithm of the count; neighbours that lead
    to the same label are one range.
    """
    starts: list[tuple[int, int]] = [(0, otherwise)]
    for value in sorted(leaves):
        for start, label in ((value, leaves[value]), (value + 1, otherwise)):
            if starts[-1][0] == start:
                starts.pop()
            if (starts[-1][1] if starts else None) != label and start <= _WORD:
                starts.append((start, label))
    return _search(code, starts)


def _search(code: Assembler, starts: Sequence[tuple[int, int]]) -> int:
    if len(starts) == 1:
        return starts[0][1]
    if len(starts) == 3 and starts[0][1] == starts[2][1] and starts[2][0] == starts[1][0] + 1:
        return code.test(JEQ, starts[1][0], starts[1][1], starts[0][1])
    middle = len(starts) // 2
    right = _search(code, starts[middle:])
    left = _search(code, starts[:middle])
    return code.test(JGE, starts[middle][0], right, left)


def trace_filter(numbers: Mapping[str, Iterable[int]] | Mapping[int, Iterable[int]]) -> bytes:
    """Make a filter that traces the given calls and allows all others.

    ``numbers`` maps an ABI ("x86_64", "x32", "i386", or an AUDIT_ARCH value) to its call
    numbers. The result is an array of struct sock_filter (8 bytes each).

    >>> program = trace_filter({"x86_64": {1}, "i386": {4}})
    >>> hex(run(program, 1, audit_arch("x86_64"))), hex(run(program, 4, audit_arch("x86_64")))
    ('0x7ff00000', '0x7fff0000')
    >>> hex(run(program, 4, audit_arch("i386")))
    '0x7ff00000'
    """
    by_arch: dict[int, set[int]] = {}
    for abi, wanted in numbers.items():
        known = {number for number in wanted if 0 <= number <= _WORD}
        by_arch.setdefault(audit_arch(abi), set()).update(known)
    code = Assembler()
    allow = entry = code.ret(RET_ALLOW)
    trace = code.ret(RET_TRACE)
    for arch, wanted_numbers in by_arch.items():
        search = decide(code, dict.fromkeys(wanted_numbers, trace), allow)
        entry = code.test(JEQ, arch, code.load(NR, search), entry)
    return code.program(code.load(ARCH, entry))


def strictest(values: Iterable[int]) -> int:
    """Return which of several filters' answers the kernel follows (seccomp(2)).

    The actions rank as signed numbers. Of equal ones it is that of the newest filter, which
    comes first.

    >>> hex(strictest([RET_ALLOW, RET_ERRNO | 1, RET_ERRNO | 2, RET_TRACE]))
    '0x50001'
    """
    return min(values, key=_rank, default=RET_ALLOW)


def _rank(value: int) -> int:
    action = value & ACTION_MASK
    return action - (1 << 32) if action >> 31 else action


def run(
    program: bytes,
    nr: int,
    arch: int,
    ip: int = 0,
    args: Sequence[int] = (),
    *,
    path: list[int] | None = None,
) -> int:
    """Interpret a filter for one call, and return its action with the data bits.

    ``path`` gets the indices of the instructions that were executed. ValueError for an
    instruction that the kernel does not allow to seccomp.

    >>> run(struct.pack("<HBBI", 0x06, 0, 0, RET_ALLOW), 0, 0) == RET_ALLOW
    True
    """
    words = [arg & 0xFFFFFFFFFFFFFFFF for arg in (*args, 0, 0, 0, 0, 0, 0)[:6]]
    data = struct.pack("<IIQ6Q", nr & _WORD, arch, ip & 0xFFFFFFFFFFFFFFFF, *words)
    code = list(struct.iter_unpack("<HBBI", program))
    memory = [0] * 16
    a = x = position = 0
    while 0 <= position < len(code):
        op, if_true, if_false, k = code[position]
        if path is not None:
            path.append(position)
        position += 1
        if op == LD_ABS and k % 4 == 0 and k < len(data):
            (a,) = struct.unpack_from("<I", data, k)
        elif op == JA:
            position += k
        elif op & 7 == 5 and op in _JUMPS:
            holds = _compare(op & 0xF0, a, x if op & 8 else k)
            position += if_true if holds else if_false
        elif op == RET:
            return int(k)
        elif op == 0x16:  # BPF_RET | BPF_A
            return a
        elif op in _ALU:
            operand = x if op & 8 else k
            if op & 0xF0 == 0x30 and operand == 0:
                return 0  # A division by zero ends the program with 0 (bpf_prog_run).
            a = _ALU[op](a, operand) & _WORD
        elif op in _MOVES and (op not in _INDEXED or k < len(memory)):
            a, x = _move(op, k, a, x, memory)
        else:
            raise ValueError(f"instruction {op:#x} at {position - 1} is not for seccomp")
    raise ValueError("the program ends without a return")


_JUMPS = frozenset(kind | source | 5 for kind in (0x10, 0x20, 0x30, 0x40) for source in (0, 8))
_LD_IMM, _LDX_IMM, _LD_LEN, _LDX_LEN = 0x00, 0x01, 0x80, 0x81
_LD_MEM, _LDX_MEM, _ST, _STX = 0x60, 0x61, 0x02, 0x03
_TAX, _TXA = 0x07, 0x87
_INDEXED = frozenset((_LD_MEM, _LDX_MEM, _ST, _STX))
_MOVES = frozenset((_LD_IMM, _LDX_IMM, _LD_LEN, _LDX_LEN, _TAX, _TXA)) | _INDEXED


def _compare(kind: int, a: int, operand: int) -> bool:
    if kind == 0x10:
        return a == operand
    if kind == 0x20:
        return a > operand
    return a >= operand if kind == 0x30 else bool(a & operand)


def _move(op: int, k: int, a: int, x: int, memory: list[int]) -> tuple[int, int]:
    if op == _ST:
        memory[k] = a
    elif op == _STX:
        memory[k] = x
    elif op == _TAX:
        x = a
    elif op == _TXA:
        a = x
    else:
        # The length that LEN loads is that of seccomp_data, a constant of the kernel.
        value = k if op in (_LD_IMM, _LDX_IMM) else memory[k] if op in _INDEXED else DATA_SIZE
        a, x = (a, value) if op & 1 else (value, x)
    return a, x


_ALU: dict[int, Callable[[int, int], int]] = {
    kind | source | 4: function
    for kind, function in {
        0x00: lambda a, b: a + b,
        0x10: lambda a, b: a - b,
        0x20: lambda a, b: a * b,
        0x30: lambda a, b: a // b,
        0x40: lambda a, b: a | b,
        0x50: lambda a, b: a & b,
        # The kernel refuses constants above 31; a register's upper bits do not count.
        0x60: lambda a, b: a << (b & 31),
        0x70: lambda a, b: a >> (b & 31),
        0x80: lambda a, b: -a,
        0xA0: lambda a, b: a ^ b,
    }.items()
    for source in (0, 8)
}
"""BPF_ALU operations; the operand is K or, with bit 3, X."""
