"""Records of system calls: what one is, and what one is doing now."""

from __future__ import annotations

from pydbg.records import Record

__all__ = ["CallAbi", "CallAt", "CallFacts", "CallHistory", "CallSlot", "ThreadCalls"]


class CallSlot(Record):
    """Hold an argument and the register that holds it.

    ``kind``, ``param`` and ``out`` are those of the call's row; ``raw`` and ``text`` its value
    where there is one.
    """

    register: str
    name: str
    kind: str
    param: str = ""
    out: bool = False
    raw: int = 0
    text: str = ""
    values: tuple[str, ...] = ()
    """Names that the value may be made of."""


class CallAbi(Record):
    """Hold a call as one ABI has it; ``insn`` is the instruction that makes it."""

    abi: str
    number: int
    insn: str
    number_register: str
    result_register: str
    clobbers: tuple[str, ...]
    slots: tuple[CallSlot, ...]


class CallFacts(Record):
    """Hold what is known of a call; ``page`` and ``synopsis`` are the man page's."""

    name: str
    abis: tuple[CallAbi, ...]
    groups: tuple[str, ...]
    ret: str
    also: tuple[tuple[str, str], ...] = ()
    """What the same number is in other ABIs: (ABI, name)."""
    page: str = ""
    synopsis: tuple[str, ...] = ()


class CallAt(Record):
    """Hold the call that a thread is at; ``phase`` is CallState's."""

    phase: str
    name: str
    number: int
    number_register: str
    result_register: str
    slots: tuple[CallSlot, ...]
    line: str
    insn: int
    raw: bytes
    symbol: str
    text: str
    result: str = ""
    word_size: int = 8


class ThreadCalls(Record):
    """Hold the last calls of a thread, the one that it is in at the end."""

    number: int
    target: str
    lines: tuple[str, ...]
    ended: bool = False


class CallHistory(Record):
    """Hold the last calls of all threads."""

    threads: tuple[ThreadCalls, ...]
