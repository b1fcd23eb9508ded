"""ptrace(2) requests, one function each.

Requests that are not in a hurry go through python-ptrace's binding. What it lacks (SEIZE,
INTERRUPT, LISTEN, the register sets, GET_SYSCALL_INFO, signal masks), what it gets wrong (the
event message has a pid's 4 bytes there, siginfo a uid's 2) and what is asked at every stop is
here and nowhere else. Nothing is loaded before the first request is made.

Every function raises :class:`~pydbg.errors.ThreadGone` where the kernel says ESRCH: the tracee
died, or it is not stopped, which the event loop knows how to tell apart. Every other refusal
is a :class:`~pydbg.errors.PtraceError` that names the request.
"""

from __future__ import annotations

import errno as _errno
import struct
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from pydbg.errors import PtraceError, ThreadGone
from pydbg.records import NamedTuple

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable

# Requests: <linux/ptrace.h>, <asm/ptrace-abi.h>.
PEEKUSER, POKEUSER = 3, 6
CONT = 7
SINGLESTEP = 9
GETREGS = 12
SETREGS = 13
SYSCALL = 24
GETEVENTMSG = 0x4201
GETSIGINFO = 0x4202
GETREGSET = 0x4204
SETREGSET = 0x4205
SEIZE = 0x4206
INTERRUPT = 0x4207
LISTEN = 0x4208
GETSIGMASK = 0x420A
SECCOMP_GET_FILTER = 0x420C
GET_SYSCALL_INFO = 0x420E

# Options of SEIZE and SETOPTIONS.
O_TRACESYSGOOD = 0x1
O_TRACEFORK = 0x2
O_TRACEVFORK = 0x4
O_TRACECLONE = 0x8
O_TRACEEXEC = 0x10
O_TRACEVFORKDONE = 0x20
O_TRACEEXIT = 0x40
O_TRACESECCOMP = 0x80
O_EXITKILL = 0x100000

# Register sets: <linux/elf.h>.
NT_PRSTATUS = 1
NT_PRFPREG = 2
NT_X86_XSTATE = 0x202

USER_REGS_SIZE = 216
"""Bytes of ``struct user_regs_struct``: 27 words of 8 bytes, for 32-bit tracees too."""

DEBUG_REGISTER_OFFSET = 848
"""``offsetof(struct user, u_debugreg)``; DR0 to DR7 follow, 8 bytes each."""

SIGINFO_SIZE = 128

AUDIT_ARCH_X86_64 = 0xC000003E
AUDIT_ARCH_I386 = 0x40000003

# The longest XSAVE area known is about 11 KiB (AMX tiles).
_REGSET_ROOM = 16384
_SYSCALL_INFO_SIZE = 88
_HEAD = struct.Struct("<B3xIQQ")
_ENTRY = struct.Struct("<7Q")
_EXIT = struct.Struct("<qB")
_SECCOMP = struct.Struct("<7QI")


class SyscallInfo(NamedTuple):
    """Hold what PTRACE_GET_SYSCALL_INFO says about a stop.

    ``op`` is "entry", "exit", "seccomp" or "none" (the stop is not at a system call).
    ``arch`` is an AUDIT_ARCH constant, ``nr`` and ``args`` are set at "entry" and "seccomp",
    ``rval`` (signed) and ``is_error`` at "exit", ``ret_data`` (the filter's) at "seccomp".
    """

    op: str
    arch: int
    ip: int
    sp: int
    nr: int = -1
    args: tuple[int, ...] = ()
    rval: int = 0
    is_error: bool = False
    ret_data: int = 0


@cache
def _libc() -> ctypes.CDLL:
    """Return the C library, which is in this process already."""
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


@cache
def _ptrace() -> Callable[..., int]:
    """Return the foreign function, loaded once.

    python-ptrace's binding declares four unsigned long arguments, and converting each costs
    0.4 us a call. Without declared arguments ctypes passes an int as a C int, which is right
    for requests, thread ids, signals and options; addresses and words must be wrapped in
    c_void_p.
    """
    import ctypes

    function = _libc()["ptrace"]
    function.restype = ctypes.c_long
    return function


@cache
def _binding() -> Any:
    """Return python-ptrace's binding, without what its import does on the way.

    ``ptrace.ctypes_libc`` asks ``ctypes.util.find_library("c")``, which imports subprocess and
    forks ``ldconfig -p``: 25 ms, and a SIGCHLD in the host program. So the module gets its two
    names from us, unless somebody has imported it before. What is left of the import takes as
    long as a session's first stop, so nothing on the way there may ask for the binding.
    """
    from types import ModuleType

    name = "ptrace.ctypes_libc"
    if name not in sys.modules:
        stand_in = ModuleType(name, "The C library of this process, found without ldconfig.")
        stand_in.__dict__.update(LIBC_FILENAME=None, libc=_libc())
        sys.modules[name] = stand_in
    from ptrace.binding import func

    # What an import of the module would have done.
    vars(sys.modules["ptrace"])["ctypes_libc"] = sys.modules[name]
    return func


@cache
def _user_regs_view() -> Callable[[bytearray], object]:
    import ctypes

    return (ctypes.c_char * USER_REGS_SIZE).from_buffer


def _fail(request: str, tid: int) -> NoReturn:
    import ctypes

    errno = ctypes.get_errno()
    if errno == _errno.ESRCH:
        raise ThreadGone(tid)
    raise PtraceError(f"PTRACE_{request}", tid, errno)


# --- attaching and resuming ----------------------------------------------------------------


def seize(tid: int, options: int = 0) -> None:
    """Attach to a task without stopping it; ``options`` are O_ constants or-ed together."""
    if _ptrace()(SEIZE, tid, 0, options) == -1:
        _fail("SEIZE", tid)


def interrupt(tid: int) -> None:
    """Stop a seized tracee: it reports ``EventStop(tid, "stop")`` unless another stop is due."""
    if _ptrace()(INTERRUPT, tid, 0, 0) == -1:
        _fail("INTERRUPT", tid)


def listen(tid: int) -> None:
    """Leave a tracee in its group-stop but let it report what ends that stop."""
    if _ptrace()(LISTEN, tid, 0, 0) == -1:
        _fail("LISTEN", tid)


def cont(tid: int, sig: int = 0) -> None:
    """Resume a tracee; deliver ``sig`` if it stopped in a signal-delivery-stop."""
    if _ptrace()(CONT, tid, 0, sig) == -1:
        _fail("CONT", tid)


def syscall(tid: int, sig: int = 0) -> None:
    """Resume a tracee up to its next system call entry or return."""
    if _ptrace()(SYSCALL, tid, 0, sig) == -1:
        _fail("SYSCALL", tid)


def resumer() -> Callable[[int, int], None]:
    """Return a function ``(request, tid)`` that resumes without a signal, for a hot loop."""
    call = _ptrace()

    def resume(request: int, tid: int) -> None:
        if call(request, tid, 0, 0) == -1:
            _fail("CONT" if request == CONT else "SYSCALL", tid)

    return resume


def step(tid: int, sig: int = 0) -> None:
    """Resume a tracee for one instruction (it stops with SIGTRAP)."""
    if _ptrace()(SINGLESTEP, tid, 0, sig) == -1:
        _fail("SINGLESTEP", tid)


def detach(tid: int, sig: int = 0) -> None:
    """Let a stopped tracee go; deliver ``sig`` as :func:`cont` does."""
    _bound("DETACH", tid, sig)


def geteventmsg(tid: int) -> int:
    """Return the word that belongs to an event stop.

    It is the new task's id at fork, vfork, clone and vfork-done, the former thread id at exec,
    the wait status at exit, the filter's data at seccomp.
    """
    import ctypes

    message = ctypes.c_ulong()
    if _ptrace()(GETEVENTMSG, tid, 0, ctypes.byref(message)) == -1:
        _fail("GETEVENTMSG", tid)
    return message.value


# --- registers -----------------------------------------------------------------------------


def getregs(tid: int, buf: bytearray) -> None:
    """Fill ``buf`` (216 bytes, reused by the caller) with the general registers."""
    if _ptrace()(GETREGS, tid, 0, _user_regs_view()(buf)) == -1:
        _fail("GETREGS", tid)


def setregs(tid: int, buf: bytearray) -> None:
    """Set the general registers from ``buf`` (216 bytes)."""
    if _ptrace()(SETREGS, tid, 0, _user_regs_view()(buf)) == -1:
        _fail("SETREGS", tid)


def getregset(tid: int, note: int) -> bytes:
    """Return a register set, as long as the kernel has it (NT_X86_XSTATE: the XSAVE area)."""
    import ctypes

    room = ctypes.create_string_buffer(_REGSET_ROOM)
    iovec = (ctypes.c_size_t * 2)(ctypes.addressof(room), _REGSET_ROOM)
    if _ptrace()(GETREGSET, tid, note, iovec) == -1:
        _fail("GETREGSET", tid)
    return ctypes.string_at(room, iovec[1])


def setregset(tid: int, note: int, data: bytes) -> None:
    """Set a register set; ``data`` has the length that :func:`getregset` returned."""
    import ctypes

    room = ctypes.create_string_buffer(data, len(data))
    iovec = (ctypes.c_size_t * 2)(ctypes.addressof(room), len(data))
    if _ptrace()(SETREGSET, tid, note, iovec) == -1:
        _fail("SETREGSET", tid)


def _bound(request: str, tid: int, *words: int) -> int:
    """Make a request that is not in a hurry through python-ptrace's binding."""
    func = _binding()
    try:
        word = getattr(func, f"ptrace_{request.lower()}")(tid, *words)
    except func.PtraceError as error:
        if error.errno == _errno.ESRCH:
            raise ThreadGone(tid) from None
        # Without an errno the binding itself refused: the offset is not a word's.
        raise PtraceError(f"PTRACE_{request}", tid, error.errno or _errno.EIO) from None
    return int(word or 0)


def peekuser(tid: int, offset: int) -> int:
    """Return the word at ``offset`` of the tracee's ``struct user``."""
    import ctypes

    ctypes.set_errno(0)  # The word itself may be -1.
    word = _ptrace()(PEEKUSER, tid, offset, 0)
    if word == -1 and ctypes.get_errno():
        _fail("PEEKUSER", tid)
    return word & 0xFFFF_FFFF_FFFF_FFFF


def pokeuser(tid: int, offset: int, value: int) -> None:
    """Set the word at ``offset`` of the tracee's ``struct user``.

    The kernel refuses a debug register's address that is not the user's or not aligned
    (EINVAL), and DR4 and DR5 (EIO).
    """
    import ctypes

    if _ptrace()(POKEUSER, tid, offset, ctypes.c_void_p(value)) == -1:
        _fail("POKEUSER", tid)


def peekdata(tid: int, addr: int) -> int:
    """Return the word at ``addr``. For memory use :mod:`pydbg.linux.memory`, which is faster."""
    return _bound("PEEKDATA", tid, addr) & 0xFFFF_FFFF_FFFF_FFFF


def pokedata(tid: int, addr: int, value: int) -> None:
    """Set the word at ``addr``, also where /proc/PID/mem may not write."""
    _bound("POKEDATA", tid, addr, value)


# --- signals -------------------------------------------------------------------------------


def getsiginfo(tid: int) -> bytes:
    """Return the 128 bytes of ``siginfo_t`` of the signal that stopped the tracee.

    A group-stop has none: the kernel answers EINVAL, a PtraceError.
    """
    import ctypes

    info = ctypes.create_string_buffer(SIGINFO_SIZE)
    if _ptrace()(GETSIGINFO, tid, 0, info) == -1:
        _fail("GETSIGINFO", tid)
    return info.raw


def getsigmask(tid: int) -> int:
    """Return the blocked signals: bit ``signo - 1`` is set for a blocked ``signo``."""
    import ctypes

    mask = ctypes.c_uint64()
    if _ptrace()(GETSIGMASK, tid, 8, ctypes.byref(mask)) == -1:
        _fail("GETSIGMASK", tid)
    return mask.value


def tgkill(pid: int, tid: int, signo: int) -> None:
    """Send ``signo`` to one thread of a process (tgkill(2))."""
    import ctypes

    if _libc()["tgkill"](pid, tid, signo) == -1:
        if ctypes.get_errno() == _errno.ESRCH:
            raise ThreadGone(tid)
        raise PtraceError("tgkill", tid, ctypes.get_errno())


# --- system calls --------------------------------------------------------------------------


def parse_syscall_info(data: bytes) -> SyscallInfo:
    """Decode ``struct ptrace_syscall_info`` (<linux/ptrace.h>).

    >>> raw = struct.pack("<B3xIQQ7Q", 1, AUDIT_ARCH_X86_64, 0x401000, 0x7FF0, 1, *range(6))
    >>> info = parse_syscall_info(raw)
    >>> info.op, info.nr, info.args
    ('entry', 1, (0, 1, 2, 3, 4, 5))
    """
    op, arch, ip, sp = _HEAD.unpack_from(data)
    if op == 1:
        nr, *args = _ENTRY.unpack_from(data, 24)
        return SyscallInfo("entry", arch, ip, sp, nr, tuple(args))
    if op == 2:
        rval, is_error = _EXIT.unpack_from(data, 24)
        return SyscallInfo("exit", arch, ip, sp, rval=rval, is_error=bool(is_error))
    if op == 3:
        nr, *args, ret_data = _SECCOMP.unpack_from(data, 24)
        return SyscallInfo("seccomp", arch, ip, sp, nr, tuple(args), ret_data=ret_data)
    return SyscallInfo("none", arch, ip, sp)


def get_syscall_info(tid: int) -> SyscallInfo:
    """Return which system call a tracee stopped at, and on which side of it (Linux 5.3)."""
    import ctypes

    info = ctypes.create_string_buffer(_SYSCALL_INFO_SIZE)
    if _ptrace()(GET_SYSCALL_INFO, tid, _SYSCALL_INFO_SIZE, info) == -1:
        _fail("GET_SYSCALL_INFO", tid)
    return parse_syscall_info(info.raw)


def syscall_info_source() -> Callable[[int], tuple[int, ...]]:
    """Return a function that asks what :func:`get_syscall_info` does, made for a hot loop.

    It returns the struct's words as they are: op (1 entry, 2 exit, 3 seccomp), arch, ip, sp, then
    nr and the arguments, or at an exit the result (unsigned) and whether it is an error.
    """
    import ctypes

    info = ctypes.create_string_buffer(_SYSCALL_INFO_SIZE)
    where = ctypes.byref(info)
    request = _ptrace()
    unpack = struct.Struct("<B3xIQQ8Q").unpack_from

    def ask(tid: int) -> tuple[int, ...]:
        if request(GET_SYSCALL_INFO, tid, _SYSCALL_INFO_SIZE, where) == -1:
            _fail("GET_SYSCALL_INFO", tid)
        return unpack(info)

    return ask


def seccomp_get_filter(tid: int, index: int) -> bytes | None:
    """Return the BPF program of the ``index``-th seccomp filter, newest first; None past the end.

    Needs CAP_SYS_ADMIN. A program is an array of ``struct sock_filter``, 8 bytes each.
    """
    import ctypes

    count = _ptrace()(SECCOMP_GET_FILTER, tid, index, 0)
    if count == -1:
        # A task without any filter is refused with EINVAL, an index too high with ENOENT.
        if ctypes.get_errno() in (_errno.ENOENT, _errno.EINVAL):
            return None
        _fail("SECCOMP_GET_FILTER", tid)
    program = ctypes.create_string_buffer(8 * count)
    if _ptrace()(SECCOMP_GET_FILTER, tid, index, program) == -1:
        _fail("SECCOMP_GET_FILTER", tid)
    return program.raw
