"""Decoders of ptrace: the address and the data by request.

Sources: ptrace(2), the C library's sys/user.h, the kernel's include/uapi/linux/ptrace.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import decode_struct, decode_value, pointer_text, struct_text
from pydbg.syscalls.decoders.sigs import signo_text
from pydbg.syscalls.flags import enum_text, flag_set, flags_text, to_signed
from pydbg.syscalls.structs import layout

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS"]

_U32 = 0xFFFFFFFF
_BARE = frozenset(
    ("PTRACE_ATTACH", "PTRACE_KILL", "PTRACE_INTERRUPT", "PTRACE_LISTEN", "PTRACE_TRACEME")
)
# These read or write data whole, wherever; strace leaves the address out.
_NO_ADDRESS = frozenset(
    (*("PTRACE_GETREGS", "PTRACE_SETREGS", "PTRACE_GETFPREGS", "PTRACE_SETFPREGS"),)
)
_SIGNAL = frozenset(
    (
        *("PTRACE_CONT", "PTRACE_SYSCALL", "PTRACE_SINGLESTEP", "PTRACE_SINGLEBLOCK"),
        *("PTRACE_SYSEMU", "PTRACE_SYSEMU_SINGLESTEP", "PTRACE_DETACH"),
    )
)
_DECIMAL_ADDRESS = frozenset(
    (
        *("PTRACE_GETSIGMASK", "PTRACE_SETSIGMASK", "PTRACE_SECCOMP_GET_FILTER"),
        *("PTRACE_SECCOMP_GET_METADATA", "PTRACE_GET_SYSCALL_INFO"),
    )
)
# Request -> kind of the data: what the tracer gives, or (">") what the kernel fills in.
_DATA = {
    "PTRACE_SETOPTIONS": "flags64=ptrace_options",
    "PTRACE_SEIZE": "flags64=ptrace_options",
    "PTRACE_PEEKTEXT": ">ulongp=ptrace",
    "PTRACE_PEEKDATA": ">ulongp=ptrace",
    "PTRACE_PEEKUSER": ">ulongp=ptrace",
    "PTRACE_GETREGS": ">user_regs",
    "PTRACE_SETREGS": "user_regs",
    "PTRACE_GETFPREGS": ">user_fpregs",
    "PTRACE_SETFPREGS": "user_fpregs",
    "PTRACE_GETEVENTMSG": ">ulongp=size",
    "PTRACE_GETSIGINFO": ">siginfo",
    "PTRACE_SETSIGINFO": "siginfo",
    "PTRACE_PEEKSIGINFO": ">siginfos",
    "PTRACE_GETREGSET": "regset",
    "PTRACE_SETREGSET": "regset",
    "PTRACE_GETSIGMASK": ">sigset=addr",
    "PTRACE_SETSIGMASK": "sigset=addr",
    "PTRACE_SECCOMP_GET_FILTER": ">seccomp_program",
    "PTRACE_SECCOMP_GET_METADATA": "seccomp_metadata",
    "PTRACE_GET_SYSCALL_INFO": ">syscall_info",
}
# The members of struct user: offset in the x86-64 one, and what stands there. strace counts
# in a 32-bit tracee's calls as in a 64-bit one's.
_USER_WORDS = (
    *("R15", "R14", "R13", "R12", "RBP", "RBX", "R11", "R10", "R9", "R8", "RAX", "RCX", "RDX"),
    *("RSI", "RDI", "ORIG_RAX", "RIP", "CS", "EFL", "RSP", "SS"),
)
_USER_MEMBERS = (
    *((216, "u_fpvalid"), (224, "i387"), (736, "u_tsize"), (744, "u_dsize"), (752, "u_ssize")),
    *((760, "start_code"), (768, "start_stack"), (776, "signal"), (784, "reserved")),
    *((792, "u_ar0"), (800, "u_fpstate"), (808, "magic"), (816, "u_comm"), (848, "u_debugreg")),
)
_USER_SIZE = 912


def _request(context: Context) -> str:
    return flag_set("ptrace_cmds").by_value.get(context.arg("request"), "")


def _pid(context: Context, value: int, _: str) -> str | None:
    return None if _request(context) == "PTRACE_TRACEME" else str(to_signed(value))


def _user_text(offset: int) -> str:
    """Return an offset in struct user by the member's name."""
    if offset == _USER_SIZE:
        return "sizeof(struct user)"
    if offset > _USER_SIZE:
        return f"{offset:#x}"
    if offset < _USER_MEMBERS[0][0]:
        at = min(offset // 8, len(_USER_WORDS) - 1)
        name, rest = f"8*{_USER_WORDS[at]}", offset - 8 * at
    else:
        start, member = next(item for item in reversed(_USER_MEMBERS) if item[0] <= offset)
        name, rest = f"offsetof(struct user, {member})", offset - start
    return f"{name}+{rest}" if rest else name


def _address(context: Context, value: int, _: str) -> str | None:
    name = _request(context)
    if name in _BARE or name in _NO_ADDRESS:
        return None
    if name in ("PTRACE_GETREGSET", "PTRACE_SETREGSET"):
        return enum_text(value & _U32, "regset_types")
    if name in ("PTRACE_PEEKUSER", "PTRACE_POKEUSER"):
        return _user_text(value)
    if name == "PTRACE_PEEKSIGINFO":
        return decode_struct(context, value, "peeksiginfo_args")
    return str(value) if name in _DECIMAL_ADDRESS else pointer_text(value)


def _data(context: Context, value: int, _: str) -> str | None:
    name = _request(context)
    if name in _BARE:
        return None
    if name in _SIGNAL:
        return signo_text(to_signed(value))
    kind = _DATA.get(name)
    if kind is None:
        return pointer_text(value)
    if kind[0] == ">":
        if not context.returning or context.failed:
            return pointer_text(value)
        kind = kind[1:]
    kind, _, param = kind.partition("=")
    return decode_value(context, value, kind, param)


def _regset(context: Context, addr: int, _: str) -> str:
    """Print the iovec of a register set; that of the general registers with its contents."""
    word = context.word
    base, size = (context.read_word(addr + at * word) if addr else None for at in (0, 1))
    if base is None or size is None:
        return pointer_text(addr)
    text = pointer_text(base)
    known = (context.returning and not context.failed) or _request(context) == "PTRACE_SETREGSET"
    if known and context.arg("addr") & _U32 == 1:  # NT_PRSTATUS
        shape = layout("user_regs", word)
        data = context.read(base, min(size, shape.size)) if base else None
        if data:
            parts = [
                f"{field.name}={_hex(int.from_bytes(data[field.offset :][: field.size], 'little'))}"
                for field in shape.fields
                if field.offset + field.size <= len(data)
            ]
            more = ", ..." if size > shape.size else ""
            text = f"{{{', '.join(parts)}{more}}}"
    return f"{{iov_base={text}, iov_len={size}}}"


def _siginfos(context: Context, addr: int, _: str) -> str:
    from pydbg.syscalls.siginfo import decode_siginfo

    count = context.ret or 0
    if not addr or not count:
        return "[]" if addr else "NULL"
    parts: list[str] = []
    for index in range(min(count, context.members)):
        at = addr + 128 * index
        data = context.read(at, 128)
        if data is None:
            return f"[{', '.join(parts)}, ... /* {at:#x} */]" if parts else pointer_text(addr)
        parts.append(decode_siginfo(data, context.word).text())
    return f"[{', '.join(parts)}{', ...' if count > context.members else ''}]"


def _hex(value: int) -> str:
    return f"{value:#x}" if value else "0"


def _metadata(context: Context, addr: int, _: str) -> str:
    size = min(context.arg("addr"), 16)
    data = context.read(addr, size) if addr and size >= 8 else None
    if data is None:
        return pointer_text(addr)
    text = f"filter_off={int.from_bytes(data[:8], 'little')}"
    if size >= 16:
        text += (
            f", flags={flags_text(int.from_bytes(data[8:16], 'little'), 'seccomp_filter_flags')}"
        )
    return f"{{{text}}}"


# PTRACE_SYSCALL_INFO_...: operation -> the struct of its own members, from byte 24 on.
_SYSCALL_INFO = {1: "syscall_info_entry", 2: "syscall_info_exit", 3: "syscall_info_seccomp"}


def _syscall_info(context: Context, addr: int, _: str) -> str:
    size = context.ret if context.ret else 0
    data = context.read(addr, min(size, context.arg("addr"), 88)) if addr and size >= 24 else None
    if data is None:
        return pointer_text(addr)
    arch, pc, sp = (
        int.from_bytes(data[start:end], "little") for start, end in ((4, 8), (8, 16), (16, 24))
    )
    names = {0xC000003E: "AUDIT_ARCH_X86_64", 0x40000003: "AUDIT_ARCH_I386"}
    shown = names.get(arch, f"{_hex(arch)} /* AUDIT_ARCH_??? */")
    parts = [
        f"op={enum_text(data[0], 'ptrace_syscall_info')}",
        f"arch={shown}, instruction_pointer={pointer_text(pc)}, stack_pointer={pointer_text(sp)}",
    ]
    inner = _SYSCALL_INFO.get(data[0])
    if inner:
        body = data[24:].ljust(layout(inner, context.word).size, b"\0")
        label = inner.removeprefix("syscall_info_")
        parts.append(f"{label}={struct_text(context, body, inner)}")
    return f"{{{', '.join(parts)}}}"


def _exit_value(_context: Context, value: int, _: str) -> str:
    return str(to_signed(value, 64))


def _program(context: Context, addr: int, _: str) -> str:
    if not context.verbose:
        return pointer_text(addr)
    from pydbg.syscalls.decoders.whole import program_text

    return program_text(context, addr, context.ret or 0, seccomp=True)


KINDS: dict[str, Decoder] = {
    "ptrace_pid": _pid,
    "ptrace_addr": _address,
    "ptrace_data": _data,
    "regset": _regset,
    "seccomp_metadata": _metadata,
    "syscall_info": _syscall_info,
    "rval": _exit_value,
    "siginfos": _siginfos,
    "seccomp_program": _program,
}
