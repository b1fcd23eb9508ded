"""What x86-64 and i386 have in common: user_regs_struct and the vector registers."""

from __future__ import annotations

from pydbg.arch.model import Register

# struct user_regs_struct of <sys/user.h>; an i386 program seen by a 64-bit tracer has it too.
USER_REGS = [
    "r15",
    "r14",
    "r13",
    "r12",
    "rbp",
    "rbx",
    "r11",
    "r10",
    "r9",
    "r8",
    "rax",
    "rcx",
    "rdx",
    "rsi",
    "rdi",
    "orig_rax",
    "rip",
    "cs",
    "eflags",
    "rsp",
    "ss",
    "fs_base",
    "gs_base",
    "ds",
    "es",
    "fs",
    "gs",
]
USER_OFFSETS = {name: index * 8 for index, name in enumerate(USER_REGS)}

AVX = 1 << 2
OPMASK = 1 << 5
AVX512 = OPMASK | 1 << 6 | 1 << 7
PKRU = 1 << 9

_GENERAL = ("general", "all")
_FLOAT = ("float", "all")
_VECTOR = ("vector", "all")


def general(name: str, kind: str, size: int, source: str, dwarf: int | None = None) -> Register:
    """Build a register of the general group that lives in user_regs_struct as ``source``."""
    return Register(name, size, kind, _GENERAL, dwarf, where="gpr", offset=USER_OFFSETS[source])


def system(name: str, size: int, source: str, dwarf: int | None = None) -> Register:
    """Build a register of the system group, which plain ``info registers`` leaves out."""
    return Register(
        name, size, "long", ("system",), dwarf, where="gpr", offset=USER_OFFSETS[source]
    )


def part(name: str, parent: str, size: int, offset: int = 0) -> Register:
    """Build the name of a part of a general register."""
    kind = f"int{size * 8}"
    return Register(name, size, kind, where="sub", offset=offset, parent=parent)


def x87(control_type: str, st: int, control: int, status: int) -> list[Register]:
    """Build st0 to fop; the numbers are DWARF's for st0, fctrl and fstat.

    The control registers are 4 bytes in gdb; most have two in the FXSAVE area (Intel SDM
    vol. 1, table 10-2), see ``registers.RegisterBlock``.
    """
    stack = [
        Register(f"st{i}", 10, "i387_ext", _FLOAT, st + i, "xsave", 32 + 16 * i) for i in range(8)
    ]
    rows = (
        ("fctrl", 0, control),
        ("fstat", 2, status),
        ("ftag", 4, None),
        ("fiseg", 12, None),
        ("fioff", 8, None),
        ("foseg", 20, None),
        ("fooff", 16, None),
        ("fop", 6, None),
    )
    return stack + [
        Register(name, 4, control_type, _FLOAT, dwarf, "xsave", offset)
        for name, offset, dwarf in rows
    ]


def sse(count: int, xmm: int, mxcsr: int) -> list[Register]:
    """Build xmm0 and on, and mxcsr; the numbers are DWARF's."""
    groups = (*_VECTOR, "sse")
    registers = [
        Register(
            f"xmm{i}",
            16,
            "vec128",
            groups,
            xmm + i,
            "xsave",
            160 + 16 * i,
            component=1,
            hidden_by=AVX,
        )
        for i in range(count)
    ]
    registers.append(Register("mxcsr", 4, "i386_mxcsr", groups, mxcsr, "xsave", 24, component=1))
    return registers


def avx_halves(count: int) -> list[Register]:
    """Build ymm0h and on, the upper halves that are registers of their own in XSAVE."""
    return [
        Register(f"ymm{i}h", 16, "uint128", (), None, "xsave", 16 * i, component=2, feature=AVX)
        for i in range(count)
    ]


def hi16(prefix: str, suffix: str, kind: str, size: int, offset: int) -> list[Register]:
    """Build one slice of zmm16 to zmm31, which lie whole in the Hi16_ZMM component."""
    return [
        Register(
            f"{prefix}{16 + i}{suffix}",
            size,
            kind,
            ("sse",) if prefix == "xmm" else (),
            67 + i if prefix == "xmm" else None,
            "xsave",
            64 * i + offset,
            component=7,
            feature=AVX512,
        )
        for i in range(16)
    ]


def opmask(dwarf: int) -> list[Register]:
    """Build k0 to k7."""
    return [
        Register(
            f"k{i}",
            8,
            "uint64",
            _GENERAL,
            dwarf + i,
            "xsave",
            8 * i,
            component=5,
            feature=AVX512,
        )
        for i in range(8)
    ]


def zmm_halves(count: int) -> list[Register]:
    """Build zmm0h to zmm15h of the ZMM_Hi256 component."""
    return [
        Register(f"zmm{i}h", 32, "v2ui128", (), None, "xsave", 32 * i, component=6, feature=AVX512)
        for i in range(count)
    ]


def pkru() -> Register:
    """Build the protection key rights register."""
    return Register("pkru", 4, "uint32", ("all",), None, "xsave", component=9, feature=PKRU)


def ymm(count: int) -> list[Register]:
    """Build ymm0 and on of their two halves."""
    return [
        Register(
            f"ymm{i}",
            32,
            "vec256",
            _VECTOR if i < 16 else (),
            where="pseudo",
            parts=(f"xmm{i}", f"ymm{i}h"),
            feature=AVX if i < 16 else AVX512,
            hidden_by=AVX512,
        )
        for i in range(count)
    ]


def zmm(count: int) -> list[Register]:
    """Build zmm0 and on of their three parts."""
    return [
        Register(
            f"zmm{i}",
            64,
            "vec512",
            _VECTOR,
            where="pseudo",
            parts=(f"xmm{i}", f"ymm{i}h", f"zmm{i}h"),
            feature=AVX512,
        )
        for i in range(count)
    ]
