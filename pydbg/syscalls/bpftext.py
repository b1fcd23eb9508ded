"""seccomp filters in words: what each instruction does, and what a filter's answer means."""

from __future__ import annotations

import struct

from pydbg.syscalls import bpf

__all__ = ["action_text", "disassemble"]

_ACTIONS = {
    bpf.RET_KILL_PROCESS: "KILL_PROCESS",
    bpf.RET_KILL_THREAD: "KILL_THREAD",
    bpf.RET_TRAP: "TRAP",
    bpf.RET_ERRNO: "ERRNO",
    bpf.RET_NOTIFY: "USER_NOTIF",
    bpf.RET_TRACE: "TRACE",
    bpf.RET_LOG: "LOG",
    bpf.RET_ALLOW: "ALLOW",
}
_ARCHES = {bpf.AUDIT_ARCH["x86_64"]: "x86_64", bpf.AUDIT_ARCH["i386"]: "i386"}
_SIGNS = {0x10: "==", 0x20: ">", 0x30: ">=", 0x40: "&"}
_OPPOSITES = {0x10: "!=", 0x20: "<=", 0x30: "<"}
_ALU = {0x00: "+", 0x10: "-", 0x20: "*", 0x30: "/", 0x40: "|", 0x50: "&", 0x60: "<<",
        0x70: ">>", 0xA0: "^"}  # fmt: skip
_MAX_ERRNO = 4095

State = tuple[str, str]
"""What the accumulator holds ("nr", "arch", ""), and the architecture that is known."""


def action_text(value: int) -> str:
    """Return what a filter answered.

    >>> action_text(0x50001), action_text(0x7FFF0000), action_text(0x7FF00003)
    ('ERRNO(EPERM)', 'ALLOW', 'TRACE(3)')
    """
    from pydbg.syscalls.errno import error_name

    action, data = value & bpf.ACTION_MASK, value & 0xFFFF
    name = _ACTIONS.get(action)
    if name is None:
        return f"{value:#x} (KILL_PROCESS)"  # seccomp(2): what is unknown kills.
    if name == "ERRNO":
        number = min(data, _MAX_ERRNO)
        return f"ERRNO({error_name(number) or number})"
    return f"{name}({data})" if data else name


def disassemble(program: bytes) -> list[str]:
    """Return a filter's instructions, one a line, with the words of what is known.

    >>> for line in disassemble(bpf.trace_filter({"x86_64": {1}})):
    ...     print(line)
    0000: A = arch
    0001: if (A != x86_64) goto 0005
    0002: A = nr
    0003: if (A != 1 write) goto 0005
    0004: return TRACE
    0005: return ALLOW
    """
    code = list(struct.iter_unpack("<HBBI", program))
    states = _states(code)
    return [f"{index:04}: {_text(index, insn, states[index])}" for index, insn in enumerate(code)]


def _states(code: list[tuple[int, ...]]) -> list[State]:
    """Return what is known before each instruction: every way there agrees on it."""
    known: list[State | None] = [None] * (len(code) + 1)
    if code:
        known[0] = ("", "")
    for index, (op, true, false, k) in enumerate(code):
        holds, arch = known[index] or ("", "")
        if op & 7 == 5:
            hops = (k, k) if op == bpf.JA else (true, false)
            same = arch
            if op == bpf.JEQ and holds == "arch":
                same = _ARCHES.get(k, "")
            for hop, at_target in zip(hops, (same, arch), strict=True):
                _join(known, index + 1 + hop, (holds, at_target))
            continue
        if op & 7 == 6:
            continue
        if op == bpf.LD_ABS:
            holds = {bpf.NR: "nr", bpf.ARCH: "arch"}.get(k, "")
        elif op & 7 not in (1, 2, 3):
            holds = ""
        _join(known, index + 1, (holds, arch))
    return [one or ("", "") for one in known]


def _join(known: list[State | None], at: int, state: State) -> None:
    if at >= len(known):
        return
    old = known[at]
    if old is None:
        known[at] = state
        return
    known[at] = (
        old[0] if old[0] == state[0] else "",
        old[1] if old[1] == state[1] else "",
    )


def _text(index: int, insn: tuple[int, ...], state: State) -> str:
    op, true, false, k = insn
    kind, operand = op & 7, "X" if op & 8 else _constant(k)
    if kind == 6:
        return "return A" if op & 0x18 == 0x10 else f"return {action_text(k)}"
    if op == bpf.JA:
        return f"goto {index + 1 + k:04}"
    if kind == 5:
        value = operand if op & 8 else _named(k, state)
        return _branch(op & 0xF0, value, index, true, false)
    if op == 0x84:
        return "A = -A"
    if kind == 4 and op & 0xF0 in _ALU:
        return f"A {_ALU[op & 0xF0]}= {operand}"
    loads = {
        bpf.LD_ABS: f"A = {_field(k)}",
        0x00: f"A = {_constant(k)}",
        0x01: f"X = {_constant(k)}",
        0x80: f"A = {bpf.DATA_SIZE}",
        0x81: f"X = {bpf.DATA_SIZE}",
        0x60: f"A = mem[{k}]",
        0x61: f"X = mem[{k}]",
        0x02: f"mem[{k}] = A",
        0x03: f"mem[{k}] = X",
        0x07: "X = A",
        0x87: "A = X",
    }
    return loads.get(op, f"(invalid {op:#x}, {true}, {false}, {k:#x})")


def _branch(kind: int, value: str, index: int, true: int, false: int) -> str:
    first, second = f"{index + 1 + true:04}", f"{index + 1 + false:04}"
    if true == false:
        return f"goto {first}"
    if kind == 0x40:
        holds, fails = f"A & {value}", f"!(A & {value})"
    else:
        holds, fails = f"A {_SIGNS.get(kind, '?')} {value}", f"A {_OPPOSITES.get(kind)} {value}"
    if true == 0:
        return f"if ({fails}) goto {second}"
    text = f"if ({holds}) goto {first}"
    return text if false == 0 else f"{text} else goto {second}"


def _field(offset: int) -> str:
    names = {0: "nr", 4: "arch", 8: "ip (low)", 12: "ip (high)"}
    if offset in names:
        return names[offset]
    if offset % 4 or offset >= bpf.DATA_SIZE:
        return f"data[{offset}]"
    index = (offset - bpf.ARGS) // 8
    return f"args[{index}] ({'high' if offset % 8 else 'low'})"


def _constant(value: int) -> str:
    return str(value) if value < 10 else f"{value:#x}"


def _named(value: int, state: State) -> str:
    from pydbg.syscalls.table import table_for

    holds, arch = state
    if holds == "arch":
        return _ARCHES.get(value, _constant(value))
    if holds == "nr":
        abi = arch or "x86_64"
        if abi == "x86_64" and value >> 30 == 1:
            abi = "x32"
        row = table_for(abi).by_number(value)
        number = str(value) if value < 1 << 20 else f"{value:#x}"
        return f"{number} {row.name}" if row is not None else number
    return _constant(value)
