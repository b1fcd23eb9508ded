"""Frames that are left otherwise than by returning: exceptions and longjmp.

A step over a call waits where the call returns to, and neither comes by there. So while calls
run, the functions of the C library and the unwinder that leave frames are watched; at a hit it is
worked out where control may arrive in the frame of the step or further out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError

if TYPE_CHECKING:
    from pydbg.linemap import LineMap
    from pydbg.symbols.modules import Module
    from pydbg.target.thread import Thread

__all__ = ["WaysOut"]

_UNWINDER = ("_Unwind_RaiseException", "_Unwind_Resume", "_Unwind_Resume_or_Rethrow")
_JUMPS = ("longjmp", "_longjmp", "siglongjmp", "__longjmp_chk", "__libc_siglongjmp")
_FRAMES = 256
"""So many frames are looked through for one that an exception may arrive in."""


class WaysOut:
    """Know the functions that leave frames, and where they lead."""

    def __init__(self, places: LineMap) -> None:
        self.map = places
        self._known: tuple[object, ...] = ()
        self._raises: frozenset[int] = frozenset()
        self._jumps: frozenset[int] = frozenset()

    def addresses(self) -> frozenset[int]:
        """Give the run-time addresses to watch."""
        modules = self.map.dbg.modules
        known = tuple(map(id, modules))
        if known != self._known:
            self._known = known
            self._raises = self._find(_UNWINDER, modules, ("libgcc_s.", "libunwind."))
            self._jumps = self._find(_JUMPS, modules, ("libc.so", "libc-", "libpthread"))
        return self._raises | self._jumps

    @staticmethod
    def _find(
        names: tuple[str, ...], modules: object, libraries: tuple[str, ...]
    ) -> frozenset[int]:
        found: set[int] = set()
        for module in modules:  # type: ignore[attr-defined]
            static = module.is_main and module.elf.interp is None
            if not (static or module.name.startswith(libraries)):
                continue
            for name in names:
                found |= {module.addr_of(s) for s in module.lookup(name) if s.is_code}
        return frozenset(found)

    def watches(self, addr: int) -> bool:
        """Tell whether an address is one of those that were given last."""
        return addr in self._raises or addr in self._jumps

    def is_exception(self, addr: int) -> bool:
        """Tell whether an exception is on its way at an address that is watched."""
        return addr in self._raises

    def is_jump(self, addr: int) -> bool:
        """Tell whether a longjmp begins at an address that is watched."""
        return addr in self._jumps

    def pads(self, thread: Thread, cfa: int) -> dict[int, int]:
        """Give landing pads of the frame with ``cfa`` and of those further out.

        The CFA of its frame is with each.
        """
        found: dict[int, int] = {}
        for raw in self.map.raw_frames(thread, _FRAMES):
            if raw.cfa is None or raw.cfa < cfa:
                continue
            module = self.map.module_at(raw.lookup_pc)
            if module is not None:
                pad = self._pad(module, raw.lookup_pc)
                if pad is not None:
                    found.setdefault(pad, raw.cfa)
        return found

    @staticmethod
    def _pad(module: Module, addr: int) -> int | None:
        from pydbg.symbols.landingpads import landing_pad

        pad = landing_pad(module, module.link_addr(addr))
        return None if pad is None else module.addr(pad)

    def target(self, thread: Thread) -> tuple[int, int] | None:
        """Give pc and sp that a longjmp which begins here goes to.

        glibc keeps them rotated and mixed with a secret of the thread (PTR_MANGLE); their
        places in a jmp_buf are in its jmpbuf-offsets.h.
        """
        inferior = thread.inferior
        word = inferior.arch.pointer_size
        wide = word == 8
        block = thread.registers
        bits, mask = 8 * word, (1 << 8 * word) - 1
        at_sp, at_pc, turn, secret_at = (48, 56, 17, 0x30) if wide else (16, 20, 9, 0x18)
        raw = thread.fetch()
        base = int.from_bytes(raw[168:176] if wide else raw[176:180], "little")
        try:
            if wide:
                env = block.get("rdi")
            else:
                env = int.from_bytes(inferior.read(thread.sp + word, word), "little")
            secret = int.from_bytes(inferior.read(base + secret_at, word), "little") if base else 0
            kept = [
                int.from_bytes(inferior.read(env + at, word), "little") for at in (at_pc, at_sp)
            ]
        except DebuggerError:
            return None
        clear = [((k >> turn | k << (bits - turn)) & mask) ^ secret for k in kept]
        for pc, sp in (clear, kept):  # Other C libraries keep them as they are.
            module = self.map.module_at(pc)
            if module is not None and module.section_at(pc) is not None:
                return pc, sp
        return None
