"""The way to a frame's caller where no call frame information tells: by the code and the stack.

A guess must prove itself: what it takes for a return address has to stand behind a call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydbg.arch import Arch
from pydbg.errors import MemoryFault
from pydbg.target.rawframe import NO_PC, Modules, RawFrame, Read, Way

__all__ = ["Guesses"]

_MAX_UNPROVEN = 1024  # words of an overwritten stack that are shown as if they were callers
_SCAN, _SCAN_INDIRECT = 64, 8  # words of the stack that a search for a return address looks at
_LARGEST_FRAME = 1 << 28  # a frame pointer further up than this belongs to another stack
_CODE_WINDOW = 64  # how much of a function the prologue analysis is shown


class Guesses:
    """Guess how the frames of one stack are left."""

    def __init__(self, read: Read, modules: Modules, arch: Arch) -> None:
        self._read = read
        self._modules = modules
        self._arch = arch
        self._word = arch.pointer_size
        self._mask = (1 << (8 * self._word)) - 1
        self._ra = arch.return_column
        self._sp, self._fp = arch.stack_columns
        self._below_loader = False
        self._unproven = 0

    def way(self, frame: RawFrame, module: Any, exact: bool) -> Way:
        """Choose among what the code and the stack suggest; the first that proves itself."""
        function: int | None = None
        if module is not None:
            symbol = module.symbol_at(frame.lookup_pc)
            if symbol is not None and symbol[0].is_code:
                function = frame.lookup_pc - symbol[1]
        if self._below_loader or (module is not None and self._starts_loader(module, frame)):
            sp = frame.regs.get(self._sp)
            if sp is not None:
                self._below_loader = True
                return Way("sp", sp + self._word & self._mask, {self._ra: sp}, function=function)
        ways = list(self._found(frame, function, exact))
        for way in ways:
            way.function = function
            if self._proves_itself(way):
                if module is not None:
                    way.outermost = way.is_entry(module)
                return way
        # Nothing convinces. What the prologue says is still the best that is known where
        # there is code; the checks of the next frame will end the walk. Elsewhere it is the
        # word on top: after a jump to nowhere, or a stack that was written over, the words
        # are shown one by one, as in gdb, until there is a caller, a null or no memory.
        self._unproven += 1
        way = Way("none", error=NO_PC)
        sp = frame.regs.get(self._sp)
        if self._word == 4 and frame.regs.get(self._fp) == 0:
            way = Way("none")  # i386_frame_cache: a base of 0 marks the outermost frame
            way.outermost = True
        elif self._unproven < _MAX_UNPROVEN:
            if ways:
                way = ways[0]
            elif sp is not None:
                way = Way("sp", sp + self._word & self._mask, {self._ra: sp})
        way.function = function
        way.outermost |= module is not None and way.is_entry(module)
        return way

    def _starts_loader(self, module: Any, frame: RawFrame) -> bool:
        """Tell the first frame of the dynamic loader, which has no CFI.

        Below it gdb shows argc and what argv points to as if they were frames, down to argv's
        null; and so it is here, since people know that picture. (On i386 it does not.)
        """
        if module.is_main or self._word == 4:
            return False
        found = module.symbol_at(frame.lookup_pc)
        if found is None:
            return False
        symbol = found[0]
        return bool(symbol.link_addr == module.elf.entry or symbol.name == "_dl_start_user")

    def _found(self, frame: RawFrame, function: int | None, exact: bool) -> Iterator[Way]:
        word, sp, fp = self._word, frame.regs.get(self._sp), frame.regs.get(self._fp)
        on_top = None
        if sp is not None:
            on_top = Way("sp", sp + word & self._mask, {self._ra: sp})
        if exact and on_top is not None and self._code(frame.pc, 1) in (b"\xc3", b"\xc2"):
            yield on_top  # at `ret`
        if function is not None:
            from pydbg.arch.prologue import analyze_prologue  # rarely needed

            code = self._code(function, _CODE_WINDOW)
            found = analyze_prologue(code, function, frame.pc, arch=self._arch)
            base = frame.regs.get(found.cfa_register)
            # A frameless function says nothing but "sp + 8", true until it moves sp.
            known = found.has_frame or found.end >= frame.pc or found.cfa_register != self._sp
            if base is not None and (exact or known):
                cfa = base + found.cfa_offset & self._mask
                saved = {n: cfa + offset & self._mask for n, offset in found.saved.items()}
                yield Way("prologue", cfa, saved)
        elif on_top is not None and (exact or self._modules.at(frame.pc) is None):
            yield on_top  # as after a jump to a wild address, or in code made at run time
        if fp is not None and sp is not None and 0 <= fp - sp < _LARGEST_FRAME:
            cfa = fp + 2 * word & self._mask
            yield Way("fp", cfa, {self._fp: fp, self._ra: fp + word & self._mask})
        if sp is not None and function is not None:
            yield from self._scan(sp, function)

    def _scan(self, sp: int, function: int) -> Iterator[Way]:
        """Look up the stack for a word that stands behind a call of this very function.

        For code that pushes without a frame and has no CFI, as __do_global_dtors_aux in
        crtbeginS.o. An indirect call may have gone anywhere, so it counts only near.
        """
        word = self._word
        for index in range(_SCAN):
            at = sp + index * word & self._mask
            try:
                addr = self._word_at(at)
            except MemoryFault:
                return
            if self._modules.at(addr) is None:
                continue
            code = self._code(addr - 8, 8)
            if not _follows_call(code):
                continue
            direct = code[3] == 0xE8
            target = addr + int.from_bytes(code[4:], "little", signed=True) & self._mask
            if target == function if direct else index < _SCAN_INDIRECT:
                yield Way("scan", at + word & self._mask, {self._ra: at})
                return

    def _proves_itself(self, way: Way) -> bool:
        """Tell whether what a way takes for a return address stands behind a call.

        Or is the address of a signal trampoline, where a handler returns to. 0 counts as
        well: the bottom of a thread's stack.
        """
        try:
            addr = self._word_at(way.saved[self._ra])
        except (MemoryFault, KeyError):
            return False
        if addr == 0:
            return way.how in ("prologue", "fp")
        return _follows_call(self._code(addr - 8, 8)) or self._is_trampoline(addr)

    def _is_trampoline(self, addr: int) -> bool:
        module = self._modules.at(addr)
        row = module.cfi.cfi_for(addr - module.bias) if module is not None else None
        if row is not None and row.signal_frame:
            return True
        code = self._code(addr, 9)
        return code.startswith((b"\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", b"\x58\xb8\x77\0\0\0\xcd"))

    def _word_at(self, addr: int) -> int:
        return int.from_bytes(self._read(addr, self._word), "little")

    def _code(self, addr: int, size: int) -> bytes:
        """Read code, less of it before an unreadable page, none where there is none."""
        addr &= self._mask
        for length in (size, min(size, -addr % 4096 or size)):
            try:
                return self._read(addr, length)
            except MemoryFault:
                continue
        return b""


def _follows_call(code: bytes) -> bool:
    """Tell whether 8 bytes of code end in a call: E8 rel32, or FF /2 in any form.

    >>> _follows_call(bytes([0x90, 0x90, 0x90, 0xe8, 1, 0, 0, 0]))
    True
    >>> _follows_call(bytes([0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xd0]))
    True
    >>> _follows_call(bytes(8))
    False
    """
    if len(code) < 8:
        return False
    if code[3] == 0xE8:
        return True
    for length in (2, 3, 4, 6, 7):
        if code[-length] == 0xFF and code[1 - length] & 0x38 == 0x10:
            mode, base = code[1 - length] >> 6, code[1 - length] & 7
            if mode == 3:
                size = 2
            else:
                sib = base == 4
                wide = mode == 2 or (mode == 0 and base == 5)
                if mode == 0 and sib and length >= 3 and code[2 - length] & 7 == 5:
                    wide = True  # no base register: a 4-byte address
                size = 2 + sib + (4 if wide else mode)
            if size == length:
                return True
    return False
