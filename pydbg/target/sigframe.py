"""The registers that the kernel saved for a signal's handler: found by the trampoline's code.

Source: arch/x86/kernel/signal.c, asm/sigcontext.h; gdb's amd64-linux-tdep.c and
i386-linux-tdep.c know the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from pydbg.errors import MemoryFault

__all__ = ["saved_at"]

# Offsets in struct sigcontext by DWARF number, the return column last.
_SIGCONTEXT_64 = {
    8: 0, 9: 8, 10: 16, 11: 24, 12: 32, 13: 40, 14: 48, 15: 56, 5: 64, 4: 72, 6: 80, 3: 88,
    1: 96, 0: 104, 2: 112, 7: 120, 16: 128,
}  # fmt: skip
_SIGCONTEXT_32 = {7: 16, 6: 20, 5: 24, 4: 28, 3: 32, 1: 36, 2: 40, 0: 44, 8: 56}
_RETURN_64 = b"\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05"
"""mov $__NR_rt_sigreturn,%rax; syscall"""


def saved_at(
    read: Callable[[int, int], bytes], pc: int, sp: int, word: int
) -> dict[int, int] | None:
    """Return where registers are saved, by DWARF number; None where a pc is in no trampoline.

    The registers are in the struct sigcontext that the kernel pushed.

    >>> saved_at(lambda addr, size: (bytes(7) + _RETURN_64)[:size], 0x1007, 0x2000, 8)[16]
    8360
    """
    try:
        data = read(pc - 7 & ((1 << 8 * word) - 1), 16)
        if word == 8:
            if not (data.startswith(_RETURN_64, 7) or data.startswith(_RETURN_64)):
                return None
            context, layout = sp + 40, _SIGCONTEXT_64  # offsetof(ucontext_t, uc_mcontext)
        else:
            found = _context_32(read, data, sp)
            if found is None:
                return None
            context, layout = found, _SIGCONTEXT_32
    except MemoryFault:
        return None
    return {number: context + offset for number, offset in layout.items()}


def _context_32(read: Callable[[int, int], bytes], data: bytes, sp: int) -> int | None:
    """Find struct sigcontext at pop %eax; mov $119,%eax; int $0x80, or mov $173,%eax."""
    old, new = b"\x58\xb8\x77\x00\x00\x00\xcd\x80", b"\xb8\xad\x00\x00\x00\xcd\x80"
    if data.startswith(old, 7) or data.startswith(old[1:], 6):
        return sp + 4  # the signal's number is in front of it
    if data.startswith(old, 1):
        return sp
    if data.startswith(new, 7) or data.startswith(new, 2):
        # rt frame: signo, siginfo pointer, ucontext pointer; uc_mcontext is at 20
        return int.from_bytes(read(sp + 8, 4), "little") + 20
    return None
