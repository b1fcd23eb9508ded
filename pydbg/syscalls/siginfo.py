"""What came with a signal: the bytes of siginfo_t as fields.

The kernel fills one arm of a union, chosen by the signal and its code (kernel/signal.c,
``siginfo_layout``). PTRACE_GETSIGINFO gives the tracer's own layout, so on x86-64 the union
starts at 16, whatever the inferior is; in a 32-bit inferior's memory it starts at 12.

Sources: sigaction(2), asm-generic/siginfo.h, the psABI for the layout.
"""

from __future__ import annotations

import struct

from pydbg.records import Record, field
from pydbg.syscalls.errno import error_name
from pydbg.syscalls.flags import named
from pydbg.syscalls.signals import strace_name

__all__ = ["SigInfo", "code_name", "decode_siginfo"]

# si_code of any signal.
_CODES = {
    0: "SI_USER",
    0x80: "SI_KERNEL",
    -1: "SI_QUEUE",
    -2: "SI_TIMER",
    -3: "SI_MESGQ",
    -4: "SI_ASYNCIO",
    -5: "SI_SIGIO",
    -6: "SI_TKILL",
    -7: "SI_DETHREAD",
    -60: "SI_ASYNCNL",
}
# si_code of one signal, from 1 on.
_SIGNAL_CODES = {
    4: "ILL_ILLOPC ILL_ILLOPN ILL_ILLADR ILL_ILLTRP ILL_PRVOPC ILL_PRVREG ILL_COPROC ILL_BADSTK",
    5: "TRAP_BRKPT TRAP_TRACE TRAP_BRANCH TRAP_HWBKPT TRAP_UNK TRAP_PERF",
    7: "BUS_ADRALN BUS_ADRERR BUS_OBJERR BUS_MCEERR_AR BUS_MCEERR_AO",
    8: (
        "FPE_INTDIV FPE_INTOVF FPE_FLTDIV FPE_FLTOVF FPE_FLTUND FPE_FLTRES FPE_FLTINV FPE_FLTSUB "
        "__FPE_DECOVF __FPE_DECDIV __FPE_DECERR __FPE_INVASC __FPE_INVDEC FPE_FLTUNK FPE_CONDTRAP"
    ),
    11: (
        "SEGV_MAPERR SEGV_ACCERR SEGV_BNDERR SEGV_PKUERR SEGV_ACCADI SEGV_ADIDERR SEGV_ADIPERR "
        "SEGV_MTEAERR SEGV_MTESERR SEGV_CPERR"
    ),
    17: "CLD_EXITED CLD_KILLED CLD_DUMPED CLD_TRAPPED CLD_STOPPED CLD_CONTINUED",
    29: "POLL_IN POLL_OUT POLL_MSG POLL_ERR POLL_PRI POLL_HUP",
    31: "SYS_SECCOMP SYS_USER_DISPATCH",
}
_SIGTRAP = 5
_SIGCHLD = 17
_SIGIO = 29
_SIGSYS = 31
_FAULTS = (4, 7, 8, 11)
_CLD_EXITED = 1
_SI_KERNEL = 0x80


class SigInfo(Record):
    """Hold a decoded siginfo_t.

    ``fields`` has the members of the union's arm that the kernel filled, in the order of
    sigaction(2): si_pid, si_uid, si_status, si_addr, si_int, si_ptr ...
    """

    signo: int
    errno: int
    code: int
    fields: dict[str, int] = field(default_factory=dict)

    @property
    def code_text(self) -> str:
        """Return the name of the code ("SEGV_MAPERR"), or the number."""
        return code_name(self.signo, self.code) or f"{self.code:#x}"

    def text(self) -> str:
        """Return strace's line of it.

        >>> data = struct.pack("<iii4xQ", 11, 0, 1, 0xdead).ljust(128, b"\\0")
        >>> decode_siginfo(data).text()
        '{si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0xdead}'
        """
        if not self.signo:
            return "{}"
        signo = named(str(self.signo), strace_name(self.signo))
        code = self.code & 0xFFFFFFFF
        parts = [
            f"si_signo={signo}",
            f"si_code={named(f'{code:#x}' if code else '0', self.code_text)}",
        ]
        if self.errno:
            parts.append(
                f"si_errno={named(str(self.errno), error_name(self.errno) or str(self.errno))}"
            )
        return "{" + ", ".join(parts + self._union_text()) + "}"

    def _union_text(self) -> list[str]:
        fields = self.fields
        parts = []
        for name, value in fields.items():
            if name in ("si_addr", "si_call_addr", "si_lower", "si_upper"):
                parts.append(f"{name}={value:#x}" if value else f"{name}=NULL")
            elif name == "si_status" and self.code != _CLD_EXITED:
                parts.append(f"si_status={named(str(value), strace_name(value)) if value else 0}")
            elif name == "si_ptr":
                if value or self.code == -2:
                    shown = f"{value:#x}" if value else "NULL"
                    parts.append(f"si_int={fields['si_int']}, si_ptr={shown}")
            elif name == "si_syscall":
                parts.append(f"si_syscall={_syscall_text(value, fields['si_arch'])}")
            elif name == "si_arch":
                parts.append(f"si_arch={_ARCHES.get(value) or _unknown(value, 'AUDIT_ARCH_???')}")
            elif name in ("si_utime", "si_stime") and value:
                # In clock ticks, of which user space always sees 100 a second (USER_HZ).
                parts.append(f"{name}={value} /* {value / 100:.2f} s */")
            elif name == "si_timerid":
                parts.append(f"si_timerid={f'{value:#x}' if value else 0}")
            elif name == "si_addr_lsb":
                parts.append(f"si_addr_lsb={f'{value:#x}' if value else 0}")
            elif name in ("si_band", "si_fd"):
                # Only the first three codes of SIGIO tell of a descriptor, says strace.
                if self.code in (1, 2, 3, -5):
                    parts.append(f"{name}={value}")
            elif name != "si_int":
                parts.append(f"{name}={value}")
        return parts


_ARCHES = {0xC000003E: "AUDIT_ARCH_X86_64", 0x40000003: "AUDIT_ARCH_I386"}


def _syscall_text(number: int, arch: int) -> str:
    from pydbg.syscalls.table import table_for

    if arch not in _ARCHES:
        return str(number)
    call = table_for("i386" if arch == 0x40000003 else "x86_64").by_number(number)
    return f"__NR_{call.name}" if call else _unknown(number, "__NR_???")


def _unknown(value: int, mark: str) -> str:
    return f"{f'{value:#x}' if value else 0} /* {mark} */"


def code_name(signo: int, code: int) -> str | None:
    """Return the name of a signal's code, or None.

    >>> code_name(11, 2), code_name(5, 0x80), code_name(10, -6), code_name(11, 99)
    ('SEGV_ACCERR', 'SI_KERNEL', 'SI_TKILL', None)
    """
    names = _SIGNAL_CODES.get(signo, "").split()
    if 1 <= code <= len(names):
        return names[code - 1]
    return _CODES.get(code)


def decode_siginfo(data: bytes, word_size: int = 8) -> SigInfo:
    """Decode the bytes of a siginfo_t (128 of them; fewer read as zeros after the end).

    >>> info = decode_siginfo(struct.pack("<iii4xiIi", 17, 0, 1, 42, 1000, 7))
    >>> info.code_text, info.fields
    ('CLD_EXITED', {'si_pid': 42, 'si_uid': 1000, 'si_status': 7, 'si_utime': 0, 'si_stime': 0})
    """
    data = bytes(data).ljust(128, b"\0")
    signo, errno, code = struct.unpack_from("<iii", data)
    union = data[16:] if word_size == 8 else data[12:]
    return SigInfo(signo, errno, code, _union(signo, code, union, word_size))


def _union(signo: int, code: int, union: bytes, word_size: int) -> dict[str, int]:
    word = "Q" if word_size == 8 else "I"
    own = code > 0
    if own and signo in (*_FAULTS, _SIGTRAP):
        return _fault(signo, code, union, word)
    if own and signo == _SIGCHLD:
        pid, uid, status = struct.unpack_from("<iIi", union)
        offset = 16 if word_size == 8 else 12
        utime, stime = struct.unpack_from("<" + word.lower() * 2, union, offset)
        return {
            "si_pid": pid,
            "si_uid": uid,
            "si_status": status,
            "si_utime": utime,
            "si_stime": stime,
        }
    if (own and signo == _SIGIO and code != _SI_KERNEL) or code == -5:
        band, descriptor = struct.unpack_from(f"<{word.lower()}i", union)
        return {"si_band": band, "si_fd": descriptor}
    if own and signo == _SIGSYS:
        addr, number, arch = struct.unpack_from(f"<{word}iI", union)
        return {"si_call_addr": addr, "si_syscall": number, "si_arch": arch}
    first, second = struct.unpack_from("<iI", union)
    (value,) = struct.unpack_from("<" + word, union, 8)
    (small,) = struct.unpack_from("<i", union, 8)
    if code == -2:
        return {"si_timerid": first, "si_overrun": second, "si_int": small, "si_ptr": value}
    if code in (0, -6):
        return {"si_pid": first, "si_uid": second}
    if own and (signo == _SIGIO or not (first or second or value)):
        return {}
    if own and not (first or second):
        return {"si_int": small, "si_ptr": value}
    return {"si_pid": first, "si_uid": second, "si_int": small, "si_ptr": value}


def _fault(signo: int, code: int, union: bytes, word: str) -> dict[str, int]:
    size = struct.calcsize(word)
    fields = {"si_addr": struct.unpack_from("<" + word, union)[0]}
    if signo == 7 and code in (4, 5):
        fields["si_addr_lsb"] = struct.unpack_from("<h", union, size)[0]
    elif signo == 11 and code == 3:
        lower, upper = struct.unpack_from("<" + word * 2, union, 2 * size)
        fields |= {"si_lower": lower, "si_upper": upper}
    elif signo == 11 and code == 4:
        fields["si_pkey"] = struct.unpack_from("<I", union, 2 * size)[0]
    return fields
