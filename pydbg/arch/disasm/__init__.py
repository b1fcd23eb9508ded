"""Disassemble x86 as gdb 13 and objdump 2.40 print it, AT&T and Intel.

iced-x86 decodes and writes the first draft of each line; ``rules`` holds, one row a
difference, where binutils spells it otherwise, ``prefixes`` which prefix bytes binutils
names because the instruction has no use for them.
"""

from __future__ import annotations

from collections.abc import Callable

from pydbg.arch.model import Arch
from pydbg.arch.x86_64 import X86_64
from pydbg.errors import UsageError
from pydbg.records import Record

__all__ = ["FLAVORS", "Insn", "disassemble"]

FLAVORS = ("att", "intel")


class Insn(Record):
    """Hold one line of a disassembly.

    >>> import pydbg
    >>> with pydbg.launch("/bin/true") as dbg:
    ...     insn = dbg.disassemble(dbg.regs.rip, count=1)[0]
    ...     insn.size, insn.raw.hex(), insn.text
    (3, '4889e7', 'mov    %rsp,%rdi')
    """

    addr: int
    size: int
    raw: bytes
    text: str
    """The whole line behind address and tab, symbols and comment included."""
    target: int | None = None
    """Where a direct call or branch goes."""
    comment: str = ""
    """What stands behind ``#``: the address of a rip-relative operand."""


def disassemble(
    code: bytes,
    addr: int,
    *,
    arch: Arch = X86_64,
    flavor: str = "att",
    symbolize: Callable[[int], str | None] | None = None,
    count: int | None = None,
) -> list[Insn]:
    """Disassemble ``code``, which is at ``addr``, ``count`` instructions at most.

    ``symbolize`` turns an address into ``<main+4>`` or None. Bytes that are no instruction
    become ``(bad)`` lines, as in binutils. An instruction cut off by the end of ``code`` is
    not given.

    >>> for insn in disassemble(b"\\x55\\x48\\x89\\xe5\\xe8\\xfb\\xff\\xff\\xff", 0x1000):
    ...     print(f"{insn.addr:#x}", insn.text)
    0x1000 push   %rbp
    0x1001 mov    %rsp,%rbp
    0x1004 call   0x1004
    >>> disassemble(b"\\x8b\\x45\\xfc", 0, flavor="intel")[0].text
    'mov    eax,DWORD PTR [rbp-0x4]'
    """
    if flavor not in FLAVORS:
        raise UsageError(f'Undefined item: "{flavor}".')
    from pydbg.arch.disasm.engine import engine_for

    return engine_for(arch.bitness, flavor).lines(code, addr, symbolize, count)
