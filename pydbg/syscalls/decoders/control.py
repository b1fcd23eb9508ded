"""Decoders of control: prctl, capabilities, seccomp, keys, rings and the like."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import decode_struct, decode_value, pointer_text
from pydbg.syscalls.decoders.basic import enum_d_text, length_of, string_text
from pydbg.syscalls.flags import enum_text, flag_set, flags_parts, flags_text, to_signed

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS", "personality_text"]

_U32 = 0xFFFFFFFF


def _capabilities(value: int) -> str:
    parts: list[str] = []
    for name, bit in flag_set("capabilities").items:
        if value >> bit & 1:
            parts.append(f"1<<{name}")
            value &= ~(1 << bit)
    if value:
        parts.append(f"{value:#x}")
    return "|".join(parts) or "0"


def _capdata(context: Context, addr: int, _: str) -> str:
    """Print capget's data: one triple of 32 bits in version 1, two after it."""
    version = context.read_int(context.arg("hdrp"))
    pairs = 2 if version in (0x20071026, 0x20080522) else 1
    data = context.read(addr, 12 * pairs) if addr and version is not None else None
    if data is None:
        return pointer_text(addr)
    words = struct.unpack(f"<{3 * pairs}I", data)
    merged = [words[index] | (words[index + 3] << 32 if pairs == 2 else 0) for index in range(3)]
    names = ("effective", "permitted", "inheritable")
    texts = (f"{name}={_capabilities(mask)}" for name, mask in zip(names, merged, strict=True))
    return "{" + ", ".join(texts) + "}"


def _seccomp_flags(context: Context, value: int, _: str) -> str:
    value &= _U32
    if context.arg("operation") & _U32 == 1:
        return flags_text(value, "seccomp_filter_flags")
    return f"{value:#x}" if value else "0"


def _seccomp_arg(context: Context, addr: int, _: str) -> str:
    operation = context.arg("operation") & _U32
    if operation == 1:
        return _fprog(context, addr, "")
    if operation == 2:
        action = context.read_int(addr) if addr else None
        return pointer_text(addr) if action is None else f"[{enum_text(action, 'seccomp_actions')}]"
    if operation == 3 and context.returning and not context.failed:
        return decode_struct(context, addr, "seccomp_notif_sizes")
    return pointer_text(addr)


def _fprog(context: Context, addr: int, param: str) -> str:
    data = context.read(addr, 2 * context.word) if addr else None
    if data is None:
        return pointer_text(addr)
    count = int.from_bytes(data[:2], "little")
    at = int.from_bytes(data[context.word :], "little")
    text = pointer_text(at)
    if context.verbose:
        from pydbg.syscalls.decoders.whole import program_text

        text = program_text(context, at, count, seccomp=param != "socket")
    return f"{{len={count}, filter={text}}}"


def _reboot_arg(context: Context, value: int, _: str) -> str | None:
    if context.arg("op") & _U32 != 0xA1B2C3D4:  # LINUX_REBOOT_CMD_RESTART2
        return None
    return string_text(context, value)


def _syslog(_context: Context, value: int, _: str) -> str:
    number = to_signed(value)
    name = flag_set("syslog_actions").by_value.get(number, "SYSLOG_ACTION_???")
    return f"{number} /* {name} */"


def _syslog_rest(kind: str) -> Decoder:
    def decoder(context: Context, value: int, _: str) -> str | None:
        action = to_signed(context.arg("type"))
        if action in (0, 1, 5, 6, 7, 9, 10):
            return None
        if kind == "len":
            if action == 8:  # SYSLOG_ACTION_CONSOLE_LEVEL
                return enum_d_text(value, "loglevels")
            return str(to_signed(value))
        if action not in (2, 3, 4):
            return pointer_text(value)
        if not context.returning or context.failed:
            return pointer_text(value)
        return decode_value(context, value, "strn", "ret")

    return decoder


def personality_text(value: int) -> str:
    """Return an execution domain and its flags (personality(2))."""
    if value == _U32:
        return f"{value:#x}"
    domain = flag_set("personality_types")
    flags, rest = flags_parts(value & ~0xFF, flag_set("personality_flags"))
    whole = domain.by_value.get(value)
    if whole:
        return whole
    first = domain.by_value.get(value & 0xFF, f"{value & 0xFF:#x} /* PER_??? */")
    return "|".join([first, *flags, *([f"{rest:#x}"] if rest else [])])


def _membarrier_cpu(context: Context, value: int, _: str) -> str | None:
    return str(to_signed(value)) if context.arg("flags") & _U32 else None


def _kexec_flags(_context: Context, value: int, _: str) -> str:
    arch = enum_text(value & 0xFFFF0000, "kexec_archs")
    rest = value & ~0xFFFF0000
    return f"{arch}|{flags_text(rest, 'kexec_bits')}" if rest else arch


def _user_desc(context: Context, addr: int, _: str) -> str:
    """Print struct user_desc (asm/ldt.h): three words and a word of bits."""
    data = context.read(addr, 16) if addr else None
    if data is None:
        return pointer_text(addr)
    entry, base, limit, bits = struct.unpack("<iIII", data)
    names = [
        ("seg_32bit", 0, 1),
        ("contents", 1, 3),
        ("read_exec_only", 3, 1),
        ("limit_in_pages", 4, 1),
        ("seg_not_present", 5, 1),
        ("useable", 6, 1),
    ]
    if context.word == 8:
        names.append(("lm", 7, 1))
    texts = (f"{name}={bits >> shift & mask}" for name, shift, mask in names)
    # printf's "%#08x" writes no 0x before a zero.
    base_text, limit_text = (f"{at:#08x}" if at else "0" * 8 for at in (base, limit))
    return (
        f"{{entry_number={entry}, base_addr={base_text}, limit={limit_text}, {', '.join(texts)}}}"
    )


def _thread_area_got(context: Context, addr: int, _: str) -> str:
    """Print get_thread_area's struct: the entry that was asked for, then all of it."""
    if not context.returning:
        entry = context.read_int(addr, 4, signed=True) if addr else None
        text = pointer_text(addr) if entry is None else f"{{entry_number={entry}, ...}}"
        context.memo["user_desc"] = text
        return text
    if context.failed:
        return str(context.memo.get("user_desc") or pointer_text(addr))
    return _user_desc(context, addr, "")


def _ldt_entry(context: Context, addr: int, _: str) -> str:
    return _user_desc(context, addr, "") if context.arg("bytecount") == 16 else pointer_text(addr)


def _kexec_segments(context: Context, addr: int, param: str) -> str:
    count = length_of(context, param)
    size = 4 * context.word
    if not addr or count > 16:
        return pointer_text(addr)
    parts: list[str] = []
    for index in range(count):
        text = decode_struct(context, addr + size * index, "kexec_segment")
        if not text.startswith("{"):
            return f"[{', '.join(parts)}, ... /* {text} */]" if parts else pointer_text(addr)
        parts.append(text)
    return f"[{', '.join(parts)}]"


def _thread_area(context: Context, addr: int, _: str) -> str:
    if context.returning:
        entry = context.read_int(addr, 4, signed=True)
        if not context.failed and entry is not None:
            context.note = f"entry_number={entry}"
        return str(context.memo.get("user_desc") or pointer_text(addr))
    text = _user_desc(context, addr, "")
    context.memo["user_desc"] = text
    return text


KINDS: dict[str, Decoder] = {
    "capdata": _capdata,
    "seccomp_flags": _seccomp_flags,
    "seccomp_arg": _seccomp_arg,
    "fprog": _fprog,
    "user_desc": _user_desc,
    "thread_area": _thread_area,
    "thread_area_got": _thread_area_got,
    "ldt_entry": _ldt_entry,
    "kexec_segments": _kexec_segments,
    "reboot_arg": _reboot_arg,
    "syslog_action": _syslog,
    "syslog_buf": _syslog_rest("buf"),
    "syslog_len": _syslog_rest("len"),
    "personality": lambda _c, value, _p: personality_text(value & _U32),
    "membarrier_cpu": _membarrier_cpu,
    "kexec_flags": _kexec_flags,
}
