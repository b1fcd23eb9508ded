"""x86-64: registers in gdb's order, psABI numbers, System V calling convention."""

from __future__ import annotations

from pydbg.arch import _x86
from pydbg.arch.model import Arch, Register

__all__ = ["X86_64"]

# System V psABI, figure 3.36: rax rdx rcx rbx rsi rdi rbp rsp are 0 to 7.
_DWARF = {
    name: number
    for number, name in enumerate(["rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp"])
} | {f"r{i}": i for i in range(8, 16)}
_GPRS = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"] + [f"r{i}" for i in range(8, 16)]
_SEGMENTS = {"cs": 51, "ss": 52, "ds": 53, "es": 50, "fs": 54, "gs": 55}
# gdb numbers the parts by parent: bl is the low byte of rbx, and so on.
_STEMS = {
    "rax": "a",
    "rbx": "b",
    "rcx": "c",
    "rdx": "d",
    "rsi": "si",
    "rdi": "di",
    "rbp": "bp",
    "rsp": "sp",
}


def _parts() -> list[Register]:
    """Build the byte, word and dword names in gdb's order; gdb has no word register sp."""
    new = [f"r{i}" for i in range(8, 16)]
    low = [_x86.part(stem + "l", name, 1) for name, stem in _STEMS.items()]
    high = [_x86.part(_STEMS[n][0] + "h", n, 1, 1) for n in _GPRS[:4]]
    words = [
        _x86.part(stem + "x" if len(stem) == 1 else stem, name, 2)
        for name, stem in _STEMS.items()
        if stem != "sp"
    ]
    return [
        *low,
        *(_x86.part(name + "l", name, 1) for name in new),
        *high,
        *words,
        *(_x86.part(name + "w", name, 2) for name in new),
        *(_x86.part("e" + name[1:], name, 4) for name in _STEMS),
        *(_x86.part(name + "d", name, 4) for name in new),
    ]


def _registers() -> tuple[Register, ...]:
    kinds = {"rbp": "data_ptr", "rsp": "data_ptr"}
    return (
        *(_x86.general(n, kinds.get(n, "int64"), 8, n, _DWARF[n]) for n in _GPRS),
        _x86.general("rip", "code_ptr", 8, "rip", 16),
        _x86.general("eflags", "i386_eflags", 4, "eflags", 49),
        *(_x86.general(name, "int32", 4, name, dwarf) for name, dwarf in _SEGMENTS.items()),
        *_x86.x87("int", st=33, control=65, status=66),
        *_x86.sse(16, xmm=17, mxcsr=64),
        *_x86.avx_halves(16),
        *_x86.hi16("xmm", "", "vec128", 16, 0),
        *_x86.hi16("ymm", "h", "uint128", 16, 16),
        *_x86.opmask(118),
        *_x86.zmm_halves(16),
        *_x86.hi16("zmm", "h", "v2ui128", 32, 32),
        _x86.pkru(),
        _x86.system("fs_base", 8, "fs_base", 58),
        _x86.system("gs_base", 8, "gs_base", 59),
        _x86.system("orig_rax", 8, "orig_rax"),
        *_parts(),
        *_x86.ymm(32),
        *_x86.zmm(32),
    )


X86_64 = Arch(
    name="x86-64",
    bitness=64,
    pointer_size=8,
    registers=_registers(),
    pc="rip",
    sp="rsp",
    fp="rbp",
    flags="eflags",
    return_column=16,
    call_args=("rdi", "rsi", "rdx", "rcx", "r8", "r9"),
    call_ret="rax",
    syscall_insns=(b"\x0f\x05", b"\x0f\x34", b"\xcd\x80"),
    syscall_abi="x86_64",
    syscall_number="orig_rax",
    syscall_args=("rdi", "rsi", "rdx", "r10", "r8", "r9"),
    syscall_ret="rax",
    syscall_clobbers=("rcx", "r11"),  # The instruction keeps rip and rflags there (Intel SDM 2B).
    aliases={"pc": "rip", "sp": "rsp", "fp": "rbp", "ps": "eflags"}
    | {f"r{i}b": f"r{i}l" for i in range(8, 16)},
    red_zone=128,
    gpr_offsets=dict(_x86.USER_OFFSETS),
)
