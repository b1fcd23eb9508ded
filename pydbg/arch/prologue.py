"""Recognise how compiled functions begin, where no debug information says it.

The answers are those of gdb 13 (its manual calls it prologue analysis), because a
breakpoint on a function goes where the prologue ends and users compare. Only the patterns
below are known; any other function counts as having no prologue at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from pydbg.arch.model import Arch
from pydbg.arch.x86_64 import X86_64
from pydbg.records import Record, field

__all__ = ["Prologue", "analyze_prologue", "skip_prologue", "xmm_save_block"]

_NO_LIMIT = 1 << 64

# System V psABI figure 3.36 gives rax rdx rcx ... for 0, 1, 2; encodings have rax rcx rdx rbx.
_ENCODED_TO_DWARF_64 = (0, 2, 1, 3, 7, 6, 4, 5, *range(8, 16))

_ENDBR64 = b"\xf3\x0f\x1e\xfa"
_ENDBR32 = b"\xf3\x0f\x1e\xfb"
_PUSH_FP = 0x55

# gcc realigns the stack pointer before it sets up the frame:
#   [push %reg;] lea 8|16(%rsp),%reg; and $-N,%rsp; push -8(%reg)
_ALIGN_64 = (
    rb"(?:(?P<push>[\x40-\x41\x48-\x49]?[\x50-\x57])?)"
    rb"(?P<rex>[\x48\x4c])\x8d(?P<modrm>[\x44\x4c\x54\x5c\x64\x6c\x74\x7c])\x24(?P<disp>[\x08\x10])"
    rb"(?P<and>\x48(?:\x83\xe4.|\x81\xe4....))"
    rb"(?P<rexb>[\x40-\x41\x48-\x49]?)\xff(?P<repush>[\x70-\x77])\xf8"
)
_ALIGN_64_WINDOW = 18  # gdb looks no further, and not at all where less can be read.
_ALIGN_32 = (
    rb"(?P<push>[\x50-\x57]?)"
    rb"\x8d(?P<modrm>[\x44\x4c\x54\x5c\x64\x6c\x74\x7c])\x24(?P<disp>[\x04\x08])"
    rb"(?P<and>\x83\xe4.|\x81\xe4....)"
    rb"\xff(?P<repush>[\x70-\x77])\xfc"
)
_ALIGN_32_WINDOW = 14

_MOV_SP_FP_64 = rb"\x48(?:\x89\xe5|\x8b\xec)"
# On i386 gcc moves instructions on %eax, %ecx and %edx in front of `mov %esp,%ebp`.
_MIGRATED_32 = (
    rb"(?:[\xb0-\xb2\xb4-\xb6].|[\xb8-\xba]....|\xa1....|\x89[\x05\x0d\x15]....|"
    rb"[\x29\x2b\x31\x33][\xc0\xc9\xd2])*"
)
_MOV_SP_FP_32 = rb"\x89\xe5|\x8b\xec|\x8d\x2c\x24"
_ALLOCATE_32 = rb"\x83\xec(?P<sub8>.)|\x81\xec(?P<sub32>....)|\x8d\x64.(?P<lea>.)"
_PIC_32 = rb"\xe8\0\0\0\0\x5b(?:\x89\x5d.|\x89\x9d....)?\x81\xc3...."
_STRUCT_RETURN_32 = rb"\x58\x87(?:\x04\x24|\x44\x24\0)"
_PROBE_32 = rb"(?:\x68....|\x6a.)\xe8.....\xc4\x04"
_NOOPS_32 = rb"(?:\x90|\x8b\xff)*"
_JUMPS_32 = ((b"\x66\xe9", 2), (b"\xe9", 4), (b"\xeb", 1))

# gcc saves the vector arguments of a variadic function behind `test %al,%al; je`.
_XMM_SAVES = (
    rb"\x84\xc0\x74(?P<over>.)(?P<saves>"
    + b"".join(rb"\x0f\x29(?:\x%x.|\x%x....)" % (0x45 | i << 3, 0x85 | i << 3) for i in range(8))
    + rb")"
)


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


def _match(pattern: bytes, code: bytes, at: int = 0) -> re.Match[bytes] | None:
    return _compiled(pattern).match(code, at)


class Prologue(Record):
    """Tell how the frame stands at a pc: CFA = register + offset, and what was saved where."""

    end: int
    """Where the analysis stopped: behind the prologue, or at the pc."""
    has_frame: bool
    """Whether the frame pointer was found to be set up."""
    cfa_register: int
    """DWARF number."""
    cfa_offset: int
    saved: Mapping[int, int] = field(default_factory=dict)
    """DWARF number -> offset from the CFA of the memory that holds the caller's value; the
    return column is in it."""


def skip_prologue(code: bytes, addr: int, *, arch: Arch = X86_64) -> int:
    """Return the address behind the prologue of the function at ``addr``, or ``addr``.

    ``code`` holds the function's first bytes; 64 are plenty.

    >>> hex(skip_prologue(b"\\x55\\x48\\x89\\xe5\\x5d\\xc3", 0x1000))
    '0x1004'
    >>> hex(skip_prologue(b"\\x53\\x48\\x89\\xfb", 0x1000))
    '0x1000'
    """
    if arch.bitness == 64:
        found = _analyze_64(code, addr, _NO_LIMIT)
        return found.end if found.has_frame else addr
    found = _analyze_32(code, addr, _NO_LIMIT)
    if not found.has_frame:
        return addr
    end = found.end
    if pic := _match(_PIC_32, code, end - addr):
        end = addr + pic.end()
    if _follow_jump(code, 0):
        end = addr + _follow_jump(code, end - addr, end - addr)
    return end


def analyze_prologue(code: bytes, addr: int, pc: int, *, arch: Arch = X86_64) -> Prologue:
    """Tell how the frame of the function at ``addr`` stands at ``pc``, without CFI.

    >>> analyze_prologue(b"\\x55\\x48\\x89\\xe5", 0x1000, 0x1001)
    Prologue(end=4097, has_frame=False, cfa_register=7, cfa_offset=16, saved={16: -8, 6: -16})
    """
    analyze = _analyze_64 if arch.bitness == 64 else _analyze_32
    return analyze(code, addr, pc)


def xmm_save_block(code: bytes) -> int:
    """Return the size of a variadic function's `test %al,%al; je; movaps...` block, or 0.

    gcc's line table marks a false end of the prologue in it (gcc PR debug/48827).

    >>> xmm_save_block(b"\\x84\\xc0\\x74\\x20\\x90")
    0
    """
    found = _match(_XMM_SAVES, code)
    if found is None or len(found["saves"]) != found["over"][0]:
        return 0
    return found.end()


def _aligned_register(found: re.Match[bytes] | None, word: int) -> int | None:
    """Check that all parts of a realignment name one register; return its encoding."""
    if found is None:
        return None
    groups = found.groupdict()
    register = found["modrm"][0] >> 3 & 7 | (8 if groups.get("rex") == b"\x4c" else 0)
    again = found["repush"][0] & 7 | (8 if (groups.get("rexb") or b"\0")[0] & 1 else 0)
    push = found["push"] or b""
    if found["disp"][0] != word * (2 if push else 1):
        return None
    if push:
        pushed = push[-1] & 7 | (8 if len(push) == 2 and push[0] & 1 else 0)
        if pushed != register:
            return None
    return register if register == again and register not in (4, 5) else None


def _analyze_64(code: bytes, addr: int, pc: int) -> Prologue:
    sp, fp, ra = 7, 6, 16
    if pc <= addr:
        return Prologue(pc, False, sp, 8, {ra: -8})
    at, saved_sp = 0, None
    found = _match(_ALIGN_64, code) if len(code) >= _ALIGN_64_WINDOW else None
    register = _aligned_register(found, 8)
    if found is not None and register is not None and found.end() <= _ALIGN_64_WINDOW:
        at = min(found.end(), pc - addr)
        if pc > addr + found.start("and"):
            saved_sp = _ENCODED_TO_DWARF_64[register]
    if code.startswith(_ENDBR64, at):
        at += len(_ENDBR64)
    end, depth, saved, framed = min(addr + at, pc), 8, {ra: -8}, False
    if pc > addr + at and code[at : at + 1] == bytes((_PUSH_FP,)):
        end, depth = addr + at + 1, 16
        saved[fp] = -16
        if pc > end and _match(_MOV_SP_FP_64, code, at + 1):
            end, framed = addr + at + 4, True
    if framed:
        return Prologue(end, True, fp, 16, saved)
    if saved_sp is not None:
        return Prologue(end, False, saved_sp, 0, {ra: -8})
    return Prologue(end, False, sp, depth, saved)


def _follow_jump(code: bytes, at: int, default: int = 0) -> int:
    """Return the offset in ``code`` to which a direct jump at ``at`` goes, else ``default``."""
    for opcode, width in _JUMPS_32:
        start = at + len(opcode)
        if code.startswith(opcode, at) and start + width <= len(code):
            distance = int.from_bytes(code[start : start + width], "little", signed=True)
            # Some functions begin with a jump to their set-up code at their end.
            target = start + width + distance
            return target if 0 <= target < len(code) else default
    return default


def _analyze_32(code: bytes, addr: int, pc: int) -> Prologue:
    sp, fp, ra = 4, 5, 8
    limit = pc - addr
    at = len(_ENDBR32) if code.startswith(_ENDBR32) else 0
    if noops := _match(_NOOPS_32, code, at):
        at = noops.end()
    at = _follow_jump(code, at, at)
    if limit > at and (found := _match(_STRUCT_RETURN_32, code, at)):
        at = found.end()
    if found := _match(_PROBE_32, code, at):
        at = found.end()
    saved_sp = None
    found = _match(_ALIGN_32, code, at) if len(code) >= at + _ALIGN_32_WINDOW else None
    register = _aligned_register(found, 4)
    if found is not None and register is not None and found.end() - at <= _ALIGN_32_WINDOW:
        if limit > found.start("and"):
            saved_sp = register  # On i386 DWARF's numbers are the encodings'.
        at = min(found.end(), limit)
    at, locals_size, depth, saved = _frame_setup_32(code, at, limit)
    base = -8  # The saved %ebp, from the CFA.
    offset = base - max(locals_size, 0)
    for _ in range(8):
        if at >= limit or not 0x50 <= (code[at] if at < len(code) else 0) <= 0x57:
            break
        offset -= 4
        depth += 4
        saved[code[at] - 0x50] = offset
        at += 1
    saved[ra] = -4
    if locals_size >= 0:
        return Prologue(addr + at, True, fp, 8, saved)
    if saved_sp is not None:
        return Prologue(addr + at, False, saved_sp, 0, {ra: -4})
    return Prologue(addr + at, False, sp, 4 + depth, saved)


def _frame_setup_32(code: bytes, at: int, limit: int) -> tuple[int, int, int, dict[int, int]]:
    """Match the frame set-up; return its end, the locals' size (-1: no frame), bytes pushed
    and what was saved."""
    saved: dict[int, int] = {}
    if limit <= at:
        return limit, -1, 0, saved
    if code[at : at + 1] == b"\xc8" and at + 4 <= len(code):  # enter
        return at + 4, int.from_bytes(code[at + 1 : at + 3], "little"), 0, saved
    if code[at : at + 1] != bytes((_PUSH_FP,)):
        return at, -1, 0, saved
    saved[5] = -8
    at += 1
    if limit <= at:
        return limit, -1, 4, saved
    migrated = _match(_MIGRATED_32, code, at)
    skipped = migrated.end() if migrated else at
    if limit <= skipped:
        return limit, -1, 4, saved
    found = _match(_MOV_SP_FP_32, code, skipped)
    if found is None:
        return at, -1, 4, saved
    at = found.end()
    if limit <= at or (found := _match(_ALLOCATE_32, code, at)) is None:
        return min(at, limit), 0, 4, saved
    size = int.from_bytes(found["sub8"] or found["sub32"] or found["lea"], "little", signed=True)
    return found.end(), -size if found["lea"] else size, 4, saved
