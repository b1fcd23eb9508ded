"""What strace -v shows of stat, statx, directory entries and filters: all of it.

Sources: stat(2), statx(2), getdents(2), the kernel's asm/stat.h and linux/filter.h.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import pointer_text
from pydbg.syscalls.decoders.times import date_text
from pydbg.syscalls.flags import enum_text, flags_text

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context

__all__ = ["entries_text", "extended_text", "program_text", "stat_text", "statx_text"]

_MEMBERS = (
    *("st_dev", "st_ino", "st_mode", "st_nlink", "st_uid", "st_gid", "st_rdev", "st_size"),
    *("st_blksize", "st_blocks", "st_atime", "st_atime_nsec", "st_mtime", "st_mtime_nsec"),
    *("st_ctime", "st_ctime_nsec"),
)


def _values(name: str, data: bytes) -> dict[str, int]:
    if name == "stat":
        dev, ino, nlink, mode, uid, gid, rdev, size, blksize, blocks, *times = struct.unpack_from(
            "<QQQIII4xQqqqqQqQqQ", data
        )
    elif name == "stat64":
        dev, mode, nlink, uid, gid, rdev, size, blksize, blocks, *times, ino = struct.unpack_from(
            "<Q4x4xIIIIQ4xqIQiIiIiIQ", data
        )
    elif name == "stat32":
        dev, ino, mode, nlink, uid, gid, rdev, size, blksize, blocks, *times = struct.unpack_from(
            "<IIHHHHIIIIiIiIiI", data
        )
    else:
        dev, ino, mode, nlink, uid, gid, rdev, size, *stamps = struct.unpack_from(
            "<HHHHHHH2xIiii", data
        )
        blksize = blocks = 0
        times = [part for stamp in stamps for part in (stamp, 0)]
    values = (dev, ino, mode, nlink, uid, gid, rdev, size, blksize, blocks, *times)
    return dict(zip(_MEMBERS, values, strict=True))


def stat_text(data: bytes, name: str) -> str:
    """Return a struct stat of the layout ``name``: stat, stat32, stat64 or oldstat."""
    from pydbg.syscalls.decoders.files import device_text, mode_text

    own = _values(name, data)
    mode = own["st_mode"]
    parts = [f"st_dev={device_text(own['st_dev'])}", f"st_ino={own['st_ino']}"]
    parts.append(f"st_mode={mode_text(mode)}")
    parts += [f"{key}={own[key]}" for key in ("st_nlink", "st_uid", "st_gid")]
    parts += [f"{key}={own[key]}" for key in ("st_blksize", "st_blocks")]
    if mode & 0o170000 in (0o020000, 0o060000):
        parts.append(f"st_rdev={device_text(own['st_rdev'])}")
    else:
        parts.append(f"st_size={own['st_size']}")
    for key in ("st_atime", "st_mtime", "st_ctime"):
        seconds, fraction = own[key], own[f"{key}_nsec"]
        date = date_text(seconds, fraction, 9)
        parts.append(f"{key}={seconds}{f' /* {date} */' if date else ''}")
        if name != "oldstat":
            parts.append(f"{key}_nsec={fraction}")
    return f"{{{', '.join(parts)}}}"


def statx_text(data: bytes) -> str:
    """Return a struct statx."""
    from pydbg.syscalls.decoders.files import mode_text

    mask, blksize, attributes, nlink, uid, gid, mode, ino, size, blocks, known = struct.unpack_from(
        "<IIQIIIH2xQQQQ", data
    )
    parts = [
        f"stx_mask={flags_text(mask, 'statx_masks')}",
        f"stx_blksize={blksize}",
        f"stx_attributes={flags_text(attributes, 'statx_attrs')}",
        *(f"stx_nlink={nlink}", f"stx_uid={uid}", f"stx_gid={gid}"),
        *(f"stx_mode={mode_text(mode)}", f"stx_ino={ino}", f"stx_size={size}"),
        f"stx_blocks={blocks}",
        f"stx_attributes_mask={flags_text(known, 'statx_attrs')}",
    ]
    # The time of birth is there only where the mask says so.
    stamps = [("atime", 64), *([("btime", 80)] if mask & 0x800 else []), ("ctime", 96)]
    for label, at in (*stamps, ("mtime", 112)):
        seconds, fraction = struct.unpack_from("<qI", data, at)
        date = date_text(seconds, fraction, 9)
        text = f"stx_{label}={{tv_sec={seconds}, tv_nsec={fraction}}}"
        parts.append(f"{text} /* {date} */" if date else text)
    major, minor, dev_major, dev_minor = struct.unpack_from("<4I", data, 128)
    parts += [f"stx_rdev_major={major}", f"stx_rdev_minor={minor}"]
    parts += [f"stx_dev_major={dev_major}", f"stx_dev_minor={dev_minor}"]
    if mask & 0x1000:
        (mount,) = struct.unpack_from("<Q", data, 144)
        parts.append(f"stx_mnt_id={f'{mount:#x}' if mount else 0}")
    if mask & 0x2000:
        memory, offset = struct.unpack_from("<II", data, 152)
        parts += [f"stx_dio_mem_align={memory}", f"stx_dio_offset_align={offset}"]
    return f"{{{', '.join(parts)}}}"


def entries_text(context: Context, data: bytes, wide: bool) -> str:
    """Return directory entries: those of getdents64 (``wide``) or of getdents."""
    word = 8 if wide else context.word
    head = 2 * word + 2
    parts: list[str] = []
    at = 0
    while at + head < len(data):
        inode = int.from_bytes(data[at : at + word], "little")
        offset = int.from_bytes(data[at + word : at + 2 * word], "little", signed=wide)
        length = int.from_bytes(data[at + 2 * word : at + head], "little")
        if length <= head:
            break
        entry = data[at : at + length]
        kind = entry[head] if wide else entry[-1]
        name = context.quote(entry[head + wide :].split(b"\0")[0])
        shown = f"d_type={enum_text(kind, 'dirent_types')}"
        text = f"d_ino={inode}, d_off={offset}, d_reclen={length}"
        parts.append(
            f"{{{text}, {shown}, d_name={name}}}" if wide else f"{{{text}, d_name={name}, {shown}}}"
        )
        at += length
    return f"[{', '.join(parts)}]"


_ALU = ("ADD", "SUB", "MUL", "DIV", "OR", "AND", "LSH", "RSH", "NEG", "MOD", "XOR")
_JUMP = ("JA", "JEQ", "JGT", "JGE", "JSET")
_CLASSES = ("LD", "LDX", "ST", "STX", "ALU", "JMP", "RET", "MISC")
_SIZES = {0: "BPF_W", 8: "BPF_H", 0x10: "BPF_B"}
_MODES = ("IMM", "ABS", "IND", "MEM", "LEN", "MSH")
_RETURNS = {0: "BPF_K", 8: "BPF_X", 0x10: "BPF_A"}
_UNKNOWN = "/* BPF_??? */"


def _named(names: tuple[str, ...], index: int, code: int) -> str:
    if index < len(names):
        return f"BPF_{names[index]}"
    return f"{code:#x} {_UNKNOWN}"


def _code_text(code: int) -> str:
    """Return the parts of a classic BPF instruction's code."""
    kind = code & 7
    rest = code & ~7
    text = f"BPF_{_CLASSES[kind]}"
    if kind in (0, 1):
        size = _SIZES.get(code & 0x18) or f"{code & 0x18:#x} {_UNKNOWN}"
        return f"{text}|{size}|{_named(_MODES, code >> 5 & 7, code & 0xE0)}"
    if kind in (2, 3):
        return f"{text}|{rest:#x} {_UNKNOWN}" if rest else text
    if kind in (4, 5):
        names = _ALU if kind == 4 else _JUMP
        source = "BPF_X" if code & 8 else "BPF_K"
        return f"{text}|{source}|{_named(names, code >> 4 & 0xF, code & 0xF0)}"
    if kind == 6:
        known = _RETURNS.get(code & 0x18) or f"{code & 0x18:#x} {_UNKNOWN}"
        rest &= ~0x18
    else:
        value = code & 0xF8
        known = {0: "BPF_TAX", 0x80: "BPF_TXA"}.get(value) or f"{value:#x} {_UNKNOWN}"
        rest &= ~0xF8
    return f"{text}|{known}" + (f"|{rest:#x} {_UNKNOWN}" if rest else "")


def program_text(context: Context, addr: int, count: int, *, seccomp: bool) -> str:
    """Return ``count`` instructions of classic BPF; ``seccomp`` names what a filter returns."""
    if not addr:
        return "NULL"
    if not count:
        return "[]"
    parts: list[str] = []
    for index in range(min(count, 4096)):
        data = context.read(addr + 8 * index, 8)
        if data is None:
            at = addr + 8 * index
            return f"[{', '.join(parts)}, ... /* {at:#x} */]" if parts else pointer_text(addr)
        code, yes, no, value = struct.unpack("<HBBI", data)
        text = f"{value:#x}" if value else "0"
        if yes or no:
            jumps = ", ".join(f"{jump:#x}" if jump else "0" for jump in (yes, no))
            parts.append(f"BPF_JUMP({_code_text(code)}, {text}, {jumps})")
            continue
        if seccomp and code & 7 == 6 and code & 0x18 == 0:
            text = _return_text(value)
        parts.append(f"BPF_STMT({_code_text(code)}, {text})")
    return f"[{', '.join(parts)}{', ...' if count > 4096 else ''}]"


def _return_text(value: int) -> str:
    """Return a seccomp filter's answer: the action, and its data where there is some."""
    action, data = value & 0xFFFF0000, value & 0xFFFF
    text = enum_text(action, "seccomp_actions")
    return f"{text}|{data:#x}" if data else text


# Extended BPF (what bpf(2) loads): the classic names and those that came with it.
_EXTENDED_CLASSES = ("LD", "LDX", "ST", "STX", "ALU", "JMP", "JMP32", "ALU64")
_EXTENDED_ALU = (*_ALU, "MOV", "ARSH", "END")
_EXTENDED_JUMP = (
    *_JUMP,
    *("JNE", "JSGT", "JSGE", "CALL", "EXIT", "JLT", "JLE", "JSLT", "JSLE"),
)
_EXTENDED_MODES = ("IMM", "ABS", "IND", "MEM", "LEN", "MSH", "XADD")


def extended_text(context: Context, addr: int, count: int) -> str:
    """Return ``count`` instructions of extended BPF."""
    if not addr or not count:
        return "[]" if addr else "NULL"
    parts: list[str] = []
    for index in range(min(count, 4096)):
        at = addr + 8 * index
        data = context.read(at, 8)
        if data is None:
            return f"[{', '.join(parts)}, ... /* {at:#x} */]" if parts else pointer_text(addr)
        code, registers, offset, value = struct.unpack("<BBhi", data)
        target, source = (
            enum_text(number, "bpf_registers") for number in (registers & 15, registers >> 4)
        )
        shown = f"{value & 0xFFFFFFFF:#x}" if value else "0"
        parts.append(
            f"{{code={_extended_code(code)}, dst_reg={target}, src_reg={source}, off={offset}, "
            f"imm={shown}}}"
        )
    return f"[{', '.join(parts)}{', ...' if count > 4096 else ''}]"


def _extended_code(code: int) -> str:
    kind = code & 7
    text = f"BPF_{_EXTENDED_CLASSES[kind]}"
    if kind < 4:
        size = _SIZES.get(code & 0x18, "BPF_DW")
        return f"{text}|{size}|{_named(_EXTENDED_MODES, code >> 5, code & 0xE0)}"
    names = _EXTENDED_ALU if kind in (4, 7) else _EXTENDED_JUMP
    source = "BPF_X" if code & 8 else "BPF_K"
    return f"{text}|{source}|{_named(names, code >> 4, code & 0xF0)}"
