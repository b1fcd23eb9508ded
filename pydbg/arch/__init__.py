"""Knowledge about CPUs: registers, conventions, instructions. Bytes in, values out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydbg.arch.model import Arch, Register
from pydbg.arch.x86_64 import X86_64
from pydbg.errors import FileError

if TYPE_CHECKING:
    from pydbg.arch.i386 import I386

__all__ = ["I386", "X86_64", "Arch", "Register", "arch_for"]

_EM_386, _EM_X86_64 = 3, 62
_CLASS32, _CLASS64 = 1, 2

# The e_machine values (elf.h) that people meet, by the names of their Debian ports or tools.
_MACHINES = {
    2: "sparc",
    4: "m68k",
    8: "mips",
    15: "hppa",
    20: "powerpc",
    21: "ppc64",
    22: "s390x",
    40: "arm",
    42: "sh",
    43: "sparc64",
    50: "ia64",
    183: "aarch64",
    243: "riscv",
    247: "bpf",
    258: "loongarch",
}


def __getattr__(name: str) -> Any:
    # Most sessions debug no 32-bit program, and a record is some two hundred objects.
    if name == "I386":
        from pydbg.arch.i386 import I386

        return I386
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def arch_for(elf_machine: int, elf_class: int, what: str = "This program") -> Arch:
    """Find the record for an ELF file's e_machine and EI_CLASS.

    >>> arch_for(62, 2).name, arch_for(3, 1).name
    ('x86-64', 'i386')
    >>> arch_for(183, 2, "hello")
    Traceback (most recent call last):
    pydbg.errors.FileError: hello is for aarch64, which pydbg cannot run here.
    """
    if (elf_machine, elf_class) == (_EM_X86_64, _CLASS64):
        return X86_64
    if (elf_machine, elf_class) == (_EM_386, _CLASS32):
        from pydbg.arch.i386 import I386

        return I386
    if (elf_machine, elf_class) == (_EM_X86_64, _CLASS32):
        name = "x32"
    else:
        name = _MACHINES.get(elf_machine, f"machine {elf_machine}")
    raise FileError(f"{what} is for {name}, which pydbg cannot run here.")
