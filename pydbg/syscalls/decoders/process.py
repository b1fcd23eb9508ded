"""Decoders of processes: clone, wait, futex, prctl, scheduling, capabilities, seccomp, keys."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import decode_struct, decode_value, pointer_text, tail
from pydbg.syscalls.decoders.basic import fd_text, length_of
from pydbg.syscalls.decoders.sigs import signo_text
from pydbg.syscalls.flags import enum_text, flag_set, flags_parts, flags_text, named, to_signed

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS", "wait_status_text"]

_U32 = 0xFFFFFFFF
_CLONE_PIDFD = 0x1000
_CLONE_SETTLS = 0x80000
_CLONE_PARENT_SETTID = 0x100000
_CLONE_CHILD_TID = 0x200000 | 0x1000000
_CLONE_INTO_CGROUP = 0x200000000
_PTRACE_EVENTS = (
    "",
    "PTRACE_EVENT_FORK",
    "PTRACE_EVENT_VFORK",
    "PTRACE_EVENT_CLONE",
    "PTRACE_EVENT_EXEC",
    "PTRACE_EVENT_VFORK_DONE",
    "PTRACE_EVENT_EXIT",
    "PTRACE_EVENT_SECCOMP",
)


def _clone_flags(_context: Context, value: int, _: str) -> str:
    signo = value & 0xFF
    parts, rest = flags_parts(value & ~0xFF, flag_set("clone_flags"))
    if rest:
        parts.append(f"{rest:#x}")
    shown = [named(f"{value & ~0xFF:#x}", "|".join(parts))] if parts else []
    if signo:
        shown.append(signo_text(signo))
    return "flags=" + ("|".join(shown) or "0")


def _clone_stack(_context: Context, value: int, _: str) -> str:
    return f"child_stack={pointer_text(value)}"


def _clone_ptid(context: Context, addr: int, _: str) -> str | None:
    flags = context.arg("flags")
    if not flags & (_CLONE_PARENT_SETTID | _CLONE_PIDFD):
        return None
    value = context.read_int(addr, 4, signed=True)
    if not context.returning or context.failed or value is None:
        return f"parent_tid={pointer_text(addr)}"
    return f"parent_tid=[{fd_text(context, value) if flags & _CLONE_PIDFD else value}]"


def _clone_tls(context: Context, value: int, _: str) -> str | None:
    if not context.arg("flags") & _CLONE_SETTLS:
        return None
    if context.word == 4 and context.returning and not context.failed:
        return f"tls={decode_value(context, value, 'user_desc', '')}"
    return f"tls={value:#x}"


def _clone_ctid(context: Context, value: int, _: str) -> str | None:
    if not context.arg("flags") & _CLONE_CHILD_TID:
        return None
    return f"child_tidptr={pointer_text(value)}"


def _clone_args(context: Context, addr: int, param: str) -> str:
    """Print clone3's struct; after the call also what the kernel stored through it."""
    size = length_of(context, param)
    text = context.memo.get("clone_args")
    data = context.read(addr, min(size, 88)) if addr and size >= 64 else None
    if data is None:
        return str(text) if text else pointer_text(addr)
    flags, pidfd, child, parent, signo, stack, stack_size, tls, tids, count, cgroup = struct.unpack(
        "<11Q", data.ljust(88, b"\0")
    )
    if text is None:
        parts = [f"flags={flags_text(flags, 'clone3_flags')}"]
        if flags & _CLONE_PIDFD:
            parts.append(f"pidfd={pointer_text(pidfd)}")
        if flags & _CLONE_CHILD_TID:
            parts.append(f"child_tid={pointer_text(child)}")
        if flags & _CLONE_PARENT_SETTID:
            parts.append(f"parent_tid={pointer_text(parent)}")
        parts.append(f"exit_signal={signo_text(to_signed(signo)) if signo else 0}")
        parts.append(f"stack={pointer_text(stack)}")
        parts.append(f"stack_size={f'{stack_size:#x}' if stack_size else 0}")
        if flags & _CLONE_SETTLS:
            parts.append(f"tls={f'{tls:#x}' if tls else 'NULL'}")
        if tids or count:
            parts.append(f"set_tid={_tids(context, tids, count)}, set_tid_size={count}")
        if flags & _CLONE_INTO_CGROUP:
            parts.append(f"cgroup={fd_text(context, to_signed(cgroup))}")
        elif cgroup:
            parts.append(f"cgroup={cgroup}")
        if size > 88:
            parts += tail(context, addr, 88, size)
        text = "{" + ", ".join(parts) + "}"
        context.memo["clone_args"] = text
    if context.returning and not context.failed:
        stored = []
        for flag, label, at in (
            (_CLONE_PIDFD, "pidfd", pidfd),
            (_CLONE_PARENT_SETTID, "parent_tid", parent),
        ):
            value = context.read_int(at, 4, signed=True) if flags & flag and at else None
            if value is not None:
                shown = fd_text(context, value) if label == "pidfd" else value
                stored.append(f"{label}=[{shown}]")
        stored += tail(context, addr, 88, size) if size > 88 else []
        if stored:
            return f"{text} => {{{', '.join(stored)}}}"
    return str(text)


def _tids(context: Context, addr: int, count: int) -> str:
    data = context.read(addr, 4 * min(count, 32)) if addr and count else None
    if data is None:
        return pointer_text(addr)
    return f"[{', '.join(str(tid) for (tid,) in struct.iter_unpack('<i', data))}]"


def wait_status_text(status: int) -> str:
    """Return a wait status in the words of wait(2)'s macros.

    >>> wait_status_text(0x300), wait_status_text(9)
    ('WIFEXITED(s) && WEXITSTATUS(s) == 3', 'WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL')
    """
    if status & 0xFF == 0x7F and status != 0xFFFF:
        text = f"WIFSTOPPED(s) && WSTOPSIG(s) == {_stop_signal(status >> 8 & 0xFF)}"
        event = status >> 16
        if event:
            known = event < len(_PTRACE_EVENTS)
            name = "PTRACE_EVENT_STOP" if event == 128 else f"{event:#x}"
            text += f" | {_PTRACE_EVENTS[event] if known else name} << 16"
        return text
    if status == 0xFFFF:
        return "WIFCONTINUED(s)"
    if status & 0x7F:
        core = " && WCOREDUMP(s)" if status & 0x80 else ""
        return f"WIFSIGNALED(s) && WTERMSIG(s) == {signo_text(status & 0x7F)}{core}"
    return f"WIFEXITED(s) && WEXITSTATUS(s) == {status >> 8 & 0xFF}"


def _stop_signal(signo: int) -> str:
    return f"{signo_text(signo & 0x7F)} | 0x80" if signo & 0x80 else signo_text(signo)


def _wait_status(context: Context, addr: int, _: str) -> str:
    status = context.read_int(addr) if addr and context.ret else None
    return pointer_text(addr) if status is None else f"[{{{wait_status_text(status)}}}]"


def _wait_rusage(context: Context, addr: int, _: str) -> str:
    # The kernel fills it in only when it tells of a child.
    if context.call.name == "wait4" and not context.ret:
        return pointer_text(addr)
    return decode_struct(context, addr, "rusage")


_UTSNAME = ("sysname", "nodename", "release", "version", "machine", "domainname")


def _utsname(context: Context, addr: int, _: str) -> str:
    data = context.read(addr, 390) if addr else None
    if data is None:
        return pointer_text(addr)
    names = _UTSNAME if context.verbose else _UTSNAME[:2]
    texts = [
        f"{name}={context.quote(data[65 * at : 65 * at + 65].split(bytes(1))[0])}"
        for at, name in enumerate(names)
    ]
    return f"{{{', '.join(texts)}{'' if context.verbose else ', ...'}}}"


def _waitid_id(context: Context, value: int, _: str) -> str:
    if context.arg("idtype") & _U32 == 3:
        return fd_text(context, to_signed(value))
    return str(to_signed(value))


def _sched_policy(_context: Context, value: int, _: str) -> str:
    return policy_text(value & _U32)


def policy_text(value: int) -> str:
    """Return a scheduling policy with SCHED_RESET_ON_FORK."""
    reset = value & 0x40000000
    text = enum_text(value & ~0x40000000, "schedulers")
    if reset and not text.startswith("0x"):
        return text + "|SCHED_RESET_ON_FORK"
    return enum_text(value, "schedulers")


def _cpuset(context: Context, addr: int, param: str) -> str:
    size = length_of(context, param)
    size = -(-min(size & _U32, 4096) // context.word) * context.word
    if not size and addr:
        return "[]"
    data = context.read(addr, size) if addr else None
    if data is None:
        return pointer_text(addr)
    bits = int.from_bytes(data, "little")
    return f"[{' '.join(str(cpu) for cpu in range(8 * size) if bits >> cpu & 1)}]"


_KEEP_POLICY, _KEEP_PARAMS = 8, 16
_ATTR_SIZE = 48  # Without the two members that came later.


def _sched_attr(context: Context, addr: int, param: str) -> str:
    """Print struct sched_attr: as large as it says, or as ``param`` says it may become."""
    setting = not param
    room = context.arg(param) & _U32 if param else 0
    own = context.read_int(addr) if addr else None
    if own is None or (param and not room):
        return pointer_text(addr)
    size = min((own or _ATTR_SIZE) if setting else own, 56)
    if size < _ATTR_SIZE:
        return f"{{size={own}}}"
    data = context.read(addr, min(size, room) if param else size)
    if data is None:
        return pointer_text(addr)
    data = data.ljust(56, b"\0")
    _, policy, flags, nice, priority, *times = struct.unpack_from("<IIQiI3Q", data)
    parts = [f"size={own}"]
    kept = flags if setting else 0
    if policy >> 31 or not kept & (_KEEP_POLICY | _KEEP_PARAMS):
        parts.append(f"sched_policy={enum_text(policy, 'schedulers')}")
    parts.append(f"sched_flags={flags_text(flags, 'sched_attr_flags')}")
    if not kept & _KEEP_PARAMS:
        parts += [f"sched_nice={nice}", f"sched_priority={priority}"]
        names = ("sched_runtime", "sched_deadline", "sched_period")
        parts += [f"{name}={value}" for name, value in zip(names, times, strict=True)]
    if size >= 56:
        low, high = struct.unpack_from("<II", data, 48)
        parts += [f"sched_util_min={low}", f"sched_util_max={high}"]
    if own > size and setting:
        parts.append("...")
    return f"{{{', '.join(parts)}}}"


def _ioprio(_context: Context, value: int, _: str) -> str:
    return ioprio_text(value & _U32)


def ioprio_text(value: int) -> str:
    """Return an I/O priority: class and level."""
    return f"IOPRIO_PRIO_VALUE({enum_text(value >> 13, 'ioprio_class')}, {value & 0x1FFF})"


def _kcmp_index(context: Context, value: int, _: str) -> str | None:
    kind = context.arg("type") & _U32
    if kind == 0:  # KCMP_FILE
        return str(to_signed(value))
    if kind == 7:  # KCMP_EPOLL_TFD
        if context.call.args[context.index].name == "idx1":
            return fd_text(context, to_signed(value))
        return decode_struct(context, value, "kcmp_epoll_slot")
    if 1 <= kind <= 6:
        return None
    return f"{value:#x}" if value else "0"


KINDS: dict[str, Decoder] = {
    "clone_flags": _clone_flags,
    "clone_stack": _clone_stack,
    "clone_ptid": _clone_ptid,
    "clone_ctid": _clone_ctid,
    "clone_tls": _clone_tls,
    "clone_args": _clone_args,
    "wstatus": _wait_status,
    "wait_rusage": _wait_rusage,
    "utsname": _utsname,
    "waitid_id": _waitid_id,
    "sched_policy": _sched_policy,
    "cpuset": _cpuset,
    "sched_attr": _sched_attr,
    "ioprio": _ioprio,
    "kcmp_idx": _kcmp_index,
}
