"""What a fatal signal means: from siginfo, instruction, registers and maps to a verdict.

The kernel says little: SIGSEGV at an address, or at none. What went wrong is in the
instruction that was at work and in the map of the address space around the address. Pure
functions; :mod:`pydbg.crash` gathers the facts.

Sources: sigaction(2) (si_code), Intel SDM volume 3A, 6.15 (which exception is which signal),
arch/x86/kernel/traps.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydbg.arch.access import Access, Effect, is_canonical
from pydbg.crash.places import mapping_at, place
from pydbg.records import Record
from pydbg.syscalls.siginfo import SigInfo
from pydbg.syscalls.signals import signal_name, signal_text

if TYPE_CHECKING:
    from pydbg.linux.procfs import Mapping

__all__ = ["Facts", "Verdict", "classify"]

SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGSEGV = 4, 5, 6, 7, 8, 9, 11
SIGPIPE, SIGXCPU, SIGXFSZ, SIGSYS = 13, 24, 25, 31
_SI_KERNEL = 0x80
_MAPERR, _ACCERR, _PKUERR = 1, 2, 4
_NULL_LIMIT = 0x10000
"""vm.mmap_min_addr (proc(5)): nothing is ever mapped below."""
_STACK_REACH = 1 << 20
"""How far from the stack pointer an access may be and still be one to the stack."""


class Facts(Record):
    """Hold what a verdict is based on.

    ``caller`` is where a jump to a bad address came from, ``file_size`` the size of the file
    that is mapped at the address, ``recursion`` the functions that repeat on the stack.
    """

    info: SigInfo
    pid: int
    pc: int = 0
    sp: int = 0
    effect: Effect | None = None
    maps: Sequence[Mapping] = ()
    abort_message: str = ""
    sender: str = ""
    caller: str = ""
    file_size: int | None = None
    recursion: tuple[str, ...] = ()
    syscall: str = ""


class Verdict(Record):
    """Say what killed the program: a word for machines, a title, and lines that explain it."""

    kind: str
    title: str
    details: tuple[str, ...] = ()
    access: str = ""
    """"read", "write", "read and write" or "execute"."""
    addr: int | None = None
    register: str = ""
    """The register that held the bad pointer."""
    offset: int | None = None
    """Of the member, where the pointer was null."""


def classify(facts: Facts) -> Verdict:
    """Return the verdict about a fatal signal.

    >>> info = SigInfo(11, 0, 1, {"si_addr": 24})
    >>> write = Effect("mov", 7, (Access("write", 24, 4, "rax", "", 0, 24),))
    >>> verdict = classify(Facts(info, 1, 0x1000, 0x7FFF0000, write))
    >>> verdict.kind, verdict.title, verdict.offset
    ('null-dereference', 'null pointer dereference', 24)
    >>> verdict.details
    ('write of 4 bytes at address 0x18: $rax is null, the member is at offset 0x18 (24)',)
    """
    signo, info = facts.info.signo, facts.info
    if signo == SIGABRT and _from_itself(facts):
        return _abort(facts)
    if info.code <= 0:
        return _sent(facts)
    maker = {
        SIGSEGV: _segv,
        SIGBUS: _bus,
        SIGFPE: _arithmetic,
        SIGILL: _illegal,
        SIGTRAP: _trap,
        SIGSYS: _bad_call,
    }.get(signo)
    return _other(facts) if maker is None else maker(facts)


def _from_itself(facts: Facts) -> bool:
    return facts.info.code <= 0 and facts.info.fields.get("si_pid") == facts.pid


# --- SIGSEGV -------------------------------------------------------------------------------


def _segv(facts: Facts) -> Verdict:
    info = facts.info
    if info.code == _SI_KERNEL:
        return _protection(facts)
    addr = info.fields.get("si_addr", 0)
    used = _used(facts, addr)
    if addr == facts.pc and used is None:
        return _execute(facts, addr)
    how = _how(used, addr)
    access = used.kind if used is not None else ""
    register = used.base if used is not None else ""
    if _is_overflow(facts, addr):
        return _overflow(facts, addr, how, access)
    if addr < _NULL_LIMIT and info.code == _MAPERR:
        return _null(facts, addr, used, how)
    where = place(addr, facts.maps)
    details = (f"{how}, {where}", *_pointer(used))
    if info.code == _PKUERR:
        key = info.fields.get("si_pkey", 0)
        details = (*details, f"protection key {key} forbids it (pkeys(7))")
        return Verdict("protection-key", "access forbidden by a protection key", details, access,
                       addr, register)  # fmt: skip
    mapping = mapping_at(addr, facts.maps)
    if info.code == _ACCERR and mapping is not None:
        if "r" not in mapping.perms:
            return Verdict("protected", "access to protected memory", details, access, addr,
                           register)  # fmt: skip
        if "w" not in mapping.perms and access != "read":
            return Verdict("write-read-only", "write to read-only memory", details, access, addr,
                           register)  # fmt: skip
    return Verdict("unmapped", "use of an unmapped address", details, access, addr, register)


def _used(facts: Facts, addr: int) -> Access | None:
    """Return the access of the instruction that touches ``addr``."""
    if facts.effect is None:
        return None
    for one in facts.effect.accesses:
        # A repeated string instruction has no fixed size; the address is its register's.
        if one.addr <= addr < one.addr + max(one.size, 1):
            return one
    return None


def _how(used: Access | None, addr: int) -> str:
    if used is None:
        return f"access to address {addr:#x}"
    size = f" of {used.size} byte{'s' if used.size > 1 else ''}" if used.size else ""
    return f"{used.kind}{size} at address {addr:#x}"


def _pointer(used: Access | None) -> tuple[str, ...]:
    """Say from which registers an address came."""
    if used is None or not used.base:
        return ()
    text = f"the pointer is ${used.base} = {used.base_value:#x}"
    if used.index:
        text += f", indexed by ${used.index}"
    if used.offset:
        text += f", offset {used.offset:#x}"
    letters = _letters(used.base_value)
    return (text + (f", which is text: {letters}" if letters else ""),)


def _letters(value: int) -> str:
    """Return the characters of a value that looks like text, "" if it does not."""
    data = value.to_bytes(8, "little").rstrip(b"\0")
    if len(data) >= 6 and all(0x20 <= byte < 0x7F for byte in data):
        return '"' + data.decode("ascii") + '"'
    return ""


def _null(facts: Facts, addr: int, used: Access | None, how: str) -> Verdict:
    title = "null pointer dereference"
    access = used.kind if used is not None else ""
    if used is None or not used.base:
        return Verdict("null-dereference", title, (how,), access, addr, "", addr)
    if used.base_value == 0 and not used.index:
        text = f"{how}: ${used.base} is null"
        if addr:
            text += f", the member is at offset {addr:#x} ({addr})"
        return Verdict("null-dereference", title, (text,), access, addr, used.base, addr)
    if used.base_value == 0:
        text = f"{how}: ${used.base} is null, indexed by ${used.index}"
        return Verdict("null-dereference", title, (text,), access, addr, used.base, addr)
    text = f"{how}: ${used.base} is {used.base_value:#x}, a member's address of a null pointer"
    return Verdict("null-dereference", title, (text,), access, addr, used.base, addr)


def _execute(facts: Facts, addr: int) -> Verdict:
    caller = (f"called from {facts.caller}",) if facts.caller else ()
    if addr < _NULL_LIMIT:
        text = f"the program jumped to address {addr:#x}"
        return Verdict("null-call", "call of a null function pointer", (text, *caller), "execute",
                       addr)  # fmt: skip
    where = place(addr, facts.maps)
    mapping = mapping_at(addr, facts.maps)
    text = f"the program jumped to address {addr:#x}, {where}"
    if mapping is not None and "x" not in mapping.perms:
        title = "execution of memory that is not executable"
        return Verdict("execute-no-execute", title, (text, *caller), "execute", addr)
    return Verdict("execute-unmapped", "jump to an unmapped address", (text, *caller), "execute",
                   addr)  # fmt: skip


def _is_overflow(facts: Facts, addr: int) -> bool:
    """Tell whether a fault is in the guard below a stack, and the stack pointer near it."""
    if abs(addr - facts.sp) > _STACK_REACH:
        return False
    here = mapping_at(addr, facts.maps)
    above = next((one for one in facts.maps if one.start > addr), None)
    if above is None or "w" not in above.perms:
        return False
    if here is not None:
        # pthread_attr_setguardsize(3): memory without any rights below a thread's stack.
        return here.perms.startswith("---") and above.start == here.end
    # The kernel's own: no mapping within stack_guard_gap (256 pages), or beyond the limit.
    return above.start - addr <= _STACK_REACH and (
        above.path == "[stack]" or facts.sp < above.start + 0x1000
    )


def _overflow(facts: Facts, addr: int, how: str, access: str) -> Verdict:
    details = [f"{how}, in the guard below the stack ($sp = {facts.sp:#x})"]
    if facts.recursion:
        details.append("endless recursion: " + " -> ".join((*facts.recursion, facts.recursion[0])))
    return Verdict("stack-overflow", "stack overflow", tuple(details), access, addr, "sp")


def _protection(facts: Facts) -> Verdict:
    """Judge a general protection fault, for which the kernel gives no address."""
    effect = facts.effect
    if effect is None:
        if not is_canonical(facts.pc):
            return _non_canonical_pc(facts, facts.pc)
        return Verdict("protection-fault", "general protection fault")
    for one in effect.accesses:
        last = (one.addr + max(one.size, 1) - 1) & ((1 << 64) - 1)
        if not is_canonical(one.addr) or not is_canonical(last):
            return Verdict(
                "non-canonical",
                "use of a non-canonical address",
                (f"{_how(one, one.addr)}, which no mapping can have", *_pointer(one)),
                one.kind,
                one.addr,
                one.base,
            )
    for one in effect.accesses:
        if effect.aligned > 1 and one.addr % effect.aligned:
            text = f"{_how(one, one.addr)}: {effect.mnemonic} needs a multiple of {effect.aligned}"
            return Verdict("misaligned", "misaligned vector access", (text, *_pointer(one)),
                           one.kind, one.addr, one.base)  # fmt: skip
    if effect.is_privileged:
        text = f"{effect.mnemonic} is for the kernel"
        return Verdict("privileged", "privileged instruction", (text,), "execute", facts.pc)
    if effect.mnemonic in ("ret", "call", "jmp"):
        text = f"{effect.mnemonic} to an address that is not canonical"
        details = (text, *((facts.caller,) if facts.caller else ()))
        return Verdict("non-canonical", "jump to a non-canonical address", details, "execute")
    return Verdict("protection-fault", f"general protection fault at {effect.mnemonic}")


def _non_canonical_pc(facts: Facts, addr: int) -> Verdict:
    letters = _letters(addr)
    text = f"the program jumped to {addr:#x}" + (f", which is text: {letters}" if letters else "")
    return Verdict("non-canonical", "jump to a non-canonical address", (text,), "execute", addr)


# --- the other signals ---------------------------------------------------------------------


def _bus(facts: Facts) -> Verdict:
    info = facts.info
    addr = info.fields.get("si_addr", 0)
    used = _used(facts, addr)
    access = used.kind if used is not None else ""
    where = f"{_how(used, addr)}, {place(addr, facts.maps)}"
    if info.code == 2:
        mapping = mapping_at(addr, facts.maps)
        if mapping is None or not mapping.path.startswith("/"):
            title = "access to memory that has no page behind it"
            return Verdict("bus-error", title, (where,), access, addr)
        offset = mapping.offset + addr - mapping.start
        text = f"it is offset {offset:#x} of the file"
        if facts.file_size is not None:
            text += f", which has {facts.file_size:#x} bytes"
        return Verdict("bus-beyond-end", "access beyond the end of a mapped file", (where, text),
                       access, addr)  # fmt: skip
    if info.code in (4, 5):
        return Verdict("bus-memory-failure", "memory that the hardware lost", (where,), access,
                       addr)  # fmt: skip
    if info.code in (1, _SI_KERNEL):
        used = used or next(iter(facts.effect.accesses if facts.effect else ()), None)
        details = (_how(used, used.addr),) if used is not None else ()
        return Verdict("bus-alignment", "misaligned access, or one beyond the stack's limits",
                       details, used.kind if used else "", used.addr if used else None)  # fmt: skip
    return Verdict("bus-error", "bus error", (where,), access, addr)


_FLOATS = {
    2: "integer overflow (into)",
    3: "floating-point division by zero",
    4: "floating-point overflow",
    5: "floating-point underflow",
    6: "inexact floating-point result",
    7: "invalid floating-point operation",
    8: "subscript out of range",
}


def _arithmetic(facts: Facts) -> Verdict:
    code, effect = facts.info.code, facts.effect
    if code != 1:
        title = _FLOATS.get(code, "arithmetic exception")
        return Verdict("floating-point", title)
    if effect is None or effect.divisor is None:
        return Verdict("division", "division by zero, or its result does not fit")
    if effect.divisor == 0:
        return Verdict("division-by-zero", "integer division by zero",
                       (f"{effect.mnemonic} by 0",))  # fmt: skip
    text = f"{effect.mnemonic} by {effect.divisor:#x}: the quotient does not fit its register"
    return Verdict("division-overflow", "integer division overflow", (text,))


def _illegal(facts: Facts) -> Verdict:
    effect = facts.effect
    if effect is not None and effect.mnemonic in ("ud2", "ud1", "ud0"):
        text = f"{effect.mnemonic}, which compilers put where control must not come"
        return Verdict("trap", "a trap that the compiler put there", (text,), "execute", facts.pc)
    if effect is None:
        title = "bytes that are no instruction"
        return Verdict("illegal-instruction", title, (), "execute", facts.pc)
    text = f"{effect.mnemonic}, which this processor or kernel does not allow"
    return Verdict("illegal-instruction", "illegal instruction", (text,), "execute", facts.pc)


def _trap(facts: Facts) -> Verdict:
    text = "int3 in the program, and no debugger to take it"
    return Verdict("breakpoint-trap", "a breakpoint instruction of the program", (text,),
                   "execute", facts.pc)  # fmt: skip


def _bad_call(facts: Facts) -> Verdict:
    text = facts.syscall or f"number {facts.info.fields.get('si_syscall', -1)}"
    return Verdict("bad-syscall", "system call that a seccomp filter forbids", (text,))


def _abort(facts: Facts) -> Verdict:
    lines = tuple(line for line in facts.abort_message.rstrip("\n").split("\n") if line)
    return Verdict("abort", "the program called abort", lines)


def _sent(facts: Facts) -> Verdict:
    name = signal_name(facts.info.signo)
    if _from_itself(facts) and facts.info.signo in _WORDS:
        return _other(facts)  # The kernel sends SIGPIPE in the name of the writer.
    if _from_itself(facts):
        return Verdict("raised", f"the program sent itself {name}")
    pid = facts.info.fields.get("si_pid", 0)
    if not pid:
        return _other(facts)
    who = f"process {pid}" + (f" ({facts.sender})" if facts.sender else "")
    return Verdict("sent", f"{name} was sent by {who}")


_WORDS = {
    SIGPIPE: "written to a pipe or socket that nobody reads any more",
    SIGXCPU: "the limit of CPU time was used up (RLIMIT_CPU)",
    SIGXFSZ: "a file grew beyond the limit (RLIMIT_FSIZE)",
    SIGKILL: "from outside, perhaps for want of memory; there was nothing left to look at",
}


def _other(facts: Facts) -> Verdict:
    signo = facts.info.signo
    words = _WORDS.get(signo)
    return Verdict("signal", signal_text(signo).lower(), (words,) if words else ())
