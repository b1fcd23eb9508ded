"""i386 programs on x86-64, seen through the 64-bit user_regs_struct."""

from __future__ import annotations

from pydbg.arch import _x86
from pydbg.arch.model import Arch, Register

__all__ = ["I386"]

# System V i386 psABI, table 2.14: this order is also gdb's.
_GPRS = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"]
_SEGMENTS = {"cs": 41, "ss": 42, "ds": 43, "es": 40, "fs": 44, "gs": 45}


def _parts() -> list[Register]:
    """Build the byte and word names in gdb's order; gdb has no word register sp."""
    words = [("ax", "eax"), ("cx", "ecx"), ("dx", "edx"), ("bx", "ebx")]
    words += [("bp", "ebp"), ("si", "esi"), ("di", "edi")]
    return [
        *(_x86.part(name[1] + "l", name, 1) for name in _GPRS[:4]),
        *(_x86.part(name[1] + "h", name, 1, 1) for name in _GPRS[:4]),
        *(_x86.part(name, parent, 2) for name, parent in words),
    ]


def _mmx() -> list[Register]:
    """Build mm0 to mm7, which are the mantissas of the *physical* x87 registers.

    The FXSAVE area is in stack order (st0 first), so the place moves with the TOP field of
    fstat; ``registers.RegisterBlock`` works that out.
    """
    groups = ("vector", "all", "mmx")
    return [Register(f"mm{i}", 8, "vec64", groups, 29 + i, "mmx", i) for i in range(8)]


def _registers() -> tuple[Register, ...]:
    kinds = {"ebp": "data_ptr", "esp": "data_ptr"}
    return (
        *(
            _x86.general(n, kinds.get(n, "int32"), 4, "r" + n[1:], dwarf)
            for dwarf, n in enumerate(_GPRS)
        ),
        _x86.general("eip", "code_ptr", 4, "rip", 8),
        _x86.general("eflags", "i386_eflags", 4, "eflags", 9),
        *(_x86.general(name, "int32", 4, name, dwarf) for name, dwarf in _SEGMENTS.items()),
        *_x86.x87("long", st=11, control=37, status=38),
        *_x86.sse(8, xmm=21, mxcsr=39),
        *_x86.avx_halves(8),
        *_x86.opmask(93),
        *_x86.zmm_halves(8),
        _x86.pkru(),
        _x86.system("orig_eax", 4, "orig_rax"),
        *_parts(),
        *_x86.ymm(8),
        *_x86.zmm(8),
        *_mmx(),
    )


I386 = Arch(
    name="i386",
    bitness=32,
    pointer_size=4,
    registers=_registers(),
    pc="eip",
    sp="esp",
    fp="ebp",
    flags="eflags",
    return_column=8,
    call_args=(),
    call_ret="eax",
    syscall_insns=(b"\xcd\x80", b"\x0f\x34", b"\x0f\x05"),
    syscall_abi="i386",
    syscall_number="orig_eax",
    syscall_args=("ebx", "ecx", "edx", "esi", "edi", "ebp"),
    syscall_ret="eax",
    syscall_clobbers=(),
    aliases={"pc": "eip", "sp": "esp", "fp": "ebp", "ps": "eflags"},
    gpr_offsets={
        ("e" + n[1:] if n[1:] in ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "ip") else n): o
        for n, o in _x86.USER_OFFSETS.items()
        if n in ("cs", "eflags", "ss", "ds", "es", "fs", "gs")
        or n[1:] in ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "ip")
    }
    | {"orig_eax": _x86.USER_OFFSETS["orig_rax"]},
)
