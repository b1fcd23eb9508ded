"""Thread-local storage: where a module's block of a thread lies.

glibc tells its offsets to debuggers in variables that its own thread library reads
(nptl_db/structs.def): each is three words, the size of a field in bits, how many there are, and
the offset. The thread's vector of blocks is indexed by the module's number (ELF Handling For
Thread-Local Storage, section 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.errors import ExprError, MemoryFault, NoProcess

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.symbols.modules import Module
    from pydbg.target.inferior import Inferior

__all__ = ["tls_addr"]

_PT_TLS = 7
_UNALLOCATED = (1 << 64) - 1


def tls_addr(dbg: Debugger, module: Module, offset: int) -> int:
    """Return the run-time address of an offset in a module's block of the selected thread.

    Raises ExprError where the block is not there (yet) or the C library does not tell.
    """
    thread = dbg.thread
    if thread is None:
        raise NoProcess("Cannot read thread-local storage without a running program.")
    inferior = thread.inferior
    word = inferior.arch.pointer_size
    for segment in module.elf.segments:
        # With -gsplit-dwarf gcc 12 has the address in the file where the offset ought to be.
        start, end = segment.link_addr, segment.end
        if segment.type == _PT_TLS and end - start <= offset and start <= offset < end:
            offset -= start
    try:
        pointer = _thread_pointer(thread, word)
        number = _module_id(inferior, module, word)
        if number is not None:
            base = _block(inferior, pointer, number, word)
            if base is not None:
                return base + offset
        if module.is_main:
            return pointer - _static_size(module) + offset
    except MemoryFault:
        pass
    what = "executable file" if module.is_main else "shared library"
    raise ExprError(
        f"Cannot find thread-local storage for process {inferior.pid}, {what} {module.path}:\n"
        "Cannot find thread-local variables on this target"
    )


def _thread_pointer(thread: object, word: int) -> int:
    # user_regs_struct (sys/user.h): fs_base is word 21; on i386 the base of gs, word 22.
    regs = thread.fetch()  # type: ignore[attr-defined]
    at = 8 * (21 if word == 8 else 22)
    pointer = int.from_bytes(regs[at : at + 8], "little")
    if not pointer:
        raise ExprError("Cannot find thread-local variables: the thread has no storage yet.")
    return pointer & ((1 << 8 * word) - 1)


def _static_size(module: Module) -> int:
    """Return how far below the thread pointer the program's own block begins (variant II)."""
    for segment in module.elf.segments:
        if segment.type == _PT_TLS:
            align = max(segment.align, 1)
            return -(-segment.mem_size // align) * align
    raise ExprError("The module has no thread-local storage.")


def _field(inferior: Inferior, name: str) -> int | None:
    """Return the offset of a field that the C library tells its debuggers."""
    found = inferior.modules.lookup(f"_thread_db_{name}") if inferior.modules is not None else []
    for module, symbol in found:
        words = inferior.read(module.addr_of(symbol), 12)
        return int.from_bytes(words[8:12], "little")
    return None


def _module_id(inferior: Inferior, module: Module, word: int) -> int | None:
    """Return a module's number from the dynamic loader's own record of it."""
    from pydbg.symbols.linkmap import link_map_addrs, r_debug_addr

    main = inferior.modules.main if inferior.modules is not None else None
    offset = _field(inferior, "link_map_l_tls_modid")
    if main is None or offset is None:
        return 1 if module.is_main else None
    debug = r_debug_addr(inferior.read, main.elf, main.bias)
    if debug is None:
        return 1 if module.is_main else None
    for addr, bias, path in link_map_addrs(inferior.read, debug, word):
        if (module.is_main and not path) or (path and path == module.path and bias == module.bias):
            number = int.from_bytes(inferior.read(addr + offset, word), "little")
            return number or None
    return None


def _block(inferior: Inferior, pointer: int, number: int, word: int) -> int | None:
    """Return where a module's block begins; None if the thread has none yet."""
    dtvp = _field(inferior, "pthread_dtvp")
    if dtvp is None:
        dtvp = word  # tcbhead_t: the vector's address follows the block's own.
    vector = int.from_bytes(inferior.read(pointer + dtvp, word), "little")
    stride = 2 * word  # union dtv: a pointer and what to free.
    addr = int.from_bytes(inferior.read(vector + number * stride, word), "little")
    return None if addr in (0, _UNALLOCATED >> (64 - 8 * word)) else addr
