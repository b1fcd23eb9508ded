"""Decoders of System V IPC: semaphores, messages and shared memory.

Sources: semctl(2), msgctl(2), shmctl(2), the kernel's include/uapi/linux/{ipc,sem,msg,shm}.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import decode_struct, pointer_text
from pydbg.syscalls.decoders.basic import buffer_text, length_of
from pydbg.syscalls.decoders.memory import with_huge
from pydbg.syscalls.flags import enum_text, flag_set, flags_parts, named, to_signed

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS"]

_U32 = 0xFFFFFFFF
_IPC_64 = 0x100

# Command -> the struct that the kernel reads, or (">") fills in.
_CONTROL = {
    "IPC_SET": "{}id_set",
    "IPC_STAT": ">{}id_ds",
    "SEM_STAT": ">{}id_ds",
    "MSG_STAT": ">{}id_ds",
    "SHM_STAT": ">{}id_ds",
    "SEM_STAT_ANY": ">{}id_ds",
    "MSG_STAT_ANY": ">{}id_ds",
    "SHM_STAT_ANY": ">{}id_ds",
    "IPC_INFO": ">{}info",
    "SEM_INFO": ">seminfo",
    "MSG_INFO": ">msginfo",
    "SHM_INFO": ">shm_info",
}
_FAMILIES = {"semctl": "sem", "msgctl": "msq", "shmctl": "shm"}


def _mode(mode: int) -> str:
    return f"0{mode:02o}" if mode <= 7 else f"0{mode:o}"


def _shmget_flags(_context: Context, value: int, _: str) -> str:
    value &= _U32
    parts, rest, huge = with_huge(value & ~0o777, "shm_bits", 0o4000, "SHM_HUGE_SHIFT")
    parts += [*([f"{rest:#x}"] if rest else []), *([huge] if huge else [])]
    shown = [named(f"{value & ~0o777:#x}", "|".join(parts))] if parts else []
    return "|".join([*shown, _mode(value & 0o777)])


def _ipc_flags(_context: Context, value: int, _: str) -> str:
    value &= _U32
    parts, rest = flags_parts(value & ~0o777, flag_set("ipc_bits"))
    if not parts and rest:
        # strace puts nothing between the two.
        return f"{value & ~0o777:#x}{_mode(value & 0o777)}"
    if rest:
        parts.append(f"{rest:#x}")
    shown = [named(f"{value & ~0o777:#x}", "|".join(parts))] if parts else []
    return "|".join([*shown, _mode(value & 0o777)])


def _ipc_cmd(_context: Context, value: int, param: str) -> str:
    value &= _U32
    if value & _IPC_64:  # i386's own layout, printed as a flag
        return named("0x100", "IPC_64") + "|" + enum_text(value & ~_IPC_64, param)
    return enum_text(value, param)


def _ipc_call(_context: Context, value: int, _: str) -> str:
    """Print the first argument of i386's ipc: a version above the call's number."""
    version, call = value >> 16, value & 0xFFFF
    return f"{version}<<16|{call}" if version else str(call)


_NR_IPC = 117


def _control(context: Context, addr: int, _: str) -> str:
    """Print the last argument of semctl, msgctl or shmctl, by command."""
    text = _control_text(context, addr)
    # i386's ipc passes a pointer to semctl's argument.
    through = context.call.name == "semctl" and context.call.number == _NR_IPC
    return f"[{text}]" if through and text.startswith(("0x", "NULL")) else text


def _control_text(context: Context, addr: int) -> str:
    call = context.call.name
    name = flag_set(call).by_value.get(context.arg("cmd") & _U32 & ~_IPC_64, "")
    struct = _CONTROL.get(name, "").format(_FAMILIES[call])
    if struct.startswith(">"):
        if not context.returning or context.failed:
            return pointer_text(addr)
        struct = struct[1:]
    if not struct:
        return pointer_text(addr)
    return decode_struct(context, addr, struct.replace("msqinfo", "msginfo"))


def _sembufs(context: Context, addr: int, param: str) -> str:
    count = length_of(context, param) & _U32
    if not addr or count > 500:
        return pointer_text(addr)
    if not count:
        return "[]"
    parts: list[str] = []
    for index in range(min(count, context.members)):
        text = decode_struct(context, addr + 6 * index, "sembuf")
        if not text.startswith("{"):
            return pointer_text(addr) if not parts else f"[{', '.join(parts)}, ... /* {text} */]"
        parts.append(text)
    more = ", ..." if count > context.members else ""
    return f"[{', '.join(parts)}{more}]"


def _msgbuf(context: Context, addr: int, param: str) -> str:
    kind = context.read_word(addr) if addr else None
    if kind is None:
        return pointer_text(addr)
    text = buffer_text(context, addr + context.word, length_of(context, param))
    return f"{{mtype={to_signed(kind, 8 * context.word)}, mtext={text}}}"


KINDS: dict[str, Decoder] = {
    "shmget_flags": _shmget_flags,
    "ipc_flags": _ipc_flags,
    "ipc_call": _ipc_call,
    "ipc_cmd": _ipc_cmd,
    "ipc_arg": _control,
    "sembufs": _sembufs,
    "msgbuf": _msgbuf,
}
