"""The type of ``$_siginfo`` as gdb shows it (kernel's siginfo_t, gdb's linux-tdep.c)."""

from __future__ import annotations

from pydbg.expr.types import (
    ArrayType,
    CType,
    DataModel,
    Field,
    IntType,
    StructType,
    VoidType,
    data_model,
)
from pydbg.expr.values import Value

__all__ = ["siginfo_type", "siginfo_value"]


def _layout(members: list[tuple[str, CType]], *, name: str = "", align: int = 1) -> StructType:
    """Lay members out as C does."""
    fields: list[Field] = []
    offset = 0
    for member, ctype in members:
        step = _alignment(ctype)
        align = max(align, step)
        offset = -(-offset // step) * step
        fields.append(Field(member, ctype, offset))
        offset += ctype.size
    return StructType(name, -(-offset // align) * align, "struct", fields)


def _alignment(ctype: CType) -> int:
    if isinstance(ctype, ArrayType):
        return _alignment(ctype.element)
    if isinstance(ctype, StructType):
        return max((_alignment(field.type) for field in ctype.fields), default=1)
    return ctype.size


def _union(name: str, members: list[tuple[str, CType]]) -> StructType:
    size = max(ctype.size for _, ctype in members)
    return StructType(name, size, "union", [Field(member, ctype) for member, ctype in members])


def siginfo_type(pointer_size: int = 8) -> StructType:
    """Return the struct; 128 bytes.

    >>> siginfo_type().field("_sifields").offset
    16
    """
    model: DataModel = data_model(pointer_size)
    integer, long = model.int, model.long
    pid = IntType("__pid_t", 4)
    uid = IntType("__uid_t", 4, signed=False)
    clock = IntType("__clock_t", pointer_size)
    pointer = model.pointer(VoidType())
    short = IntType("short", 2)
    sigval = _union("sigval_t", [("sival_int", integer), ("sival_ptr", pointer)])
    bounds = _layout([("_lower", pointer), ("_upper", pointer)])
    pad_count = 28 if pointer_size == 8 else 29
    fields: list[tuple[str, CType]] = [
        ("_pad", ArrayType("", 4 * pad_count, integer, pad_count, True)),
        ("_kill", _layout([("si_pid", pid), ("si_uid", uid)])),
        (
            "_timer",
            _layout([("si_tid", integer), ("si_overrun", integer), ("si_sigval", sigval)]),
        ),
        ("_rt", _layout([("si_pid", pid), ("si_uid", uid), ("si_sigval", sigval)])),
        (
            "_sigchld",
            _layout(
                [
                    ("si_pid", pid),
                    ("si_uid", uid),
                    ("si_status", integer),
                    ("si_utime", clock),
                    ("si_stime", clock),
                ]
            ),
        ),
        (
            "_sigfault",
            _layout([("si_addr", pointer), ("_addr_lsb", short), ("_addr_bnd", bounds)]),
        ),
        ("_sigpoll", _layout([("si_band", long), ("si_fd", integer)])),
        (
            "_sigsys",
            _layout(
                [
                    ("_call_addr", pointer),
                    ("_syscall", integer),
                    ("_arch", IntType("unsigned int", 4, signed=False)),
                ]
            ),
        ),
    ]
    return _layout(
        [
            ("si_signo", integer),
            ("si_errno", integer),
            ("si_code", integer),
            ("_sifields", _union("", fields)),
        ],
        name="siginfo",
        align=pointer_size,
    )


_SI_USER, _SI_TIMER = 0, -2
_SIGCHLD, _SIGIO, _FAULTS = 17, 29, (4, 7, 8, 11)


def _pieces(data: bytes) -> tuple[tuple[int, int], ...]:
    """Return the (offset, size) of what a siginfo holds behind its head, in the 64-bit layout.

    Which member of the union it is is told by the code and the signal (gdb's
    amd64-linux-siginfo.c).
    """
    signo = int.from_bytes(data[:4], "little")
    code = int.from_bytes(data[8:12], "little", signed=True)
    if code == _SI_USER:
        return ((16, 8),)
    if code != _SI_TIMER and code > 0 and signo == _SIGCHLD:
        return ((16, 12), (32, 4), (40, 4))
    if code != _SI_TIMER and code > 0 and signo in _FAULTS:
        return ((16, 4),)
    if code != _SI_TIMER and code > 0 and signo == _SIGIO:
        return ((16, 4), (24, 4))
    return ((16, 8), (24, 4))


def narrowed(data: bytes) -> bytes:
    """Lay a 64-bit tracer's siginfo out as a 32-bit process has it.

    The kernel gives PTRACE_GETSIGINFO in the tracer's own layout.

    >>> narrowed(bytes((11, 0, 0, 0, 0, 0, 0, 0, 1)) + bytes(7) + b"abcd" + bytes(108))[12:16]
    b'abcd'
    """
    return data[:12] + b"".join(data[at : at + size] for at, size in _pieces(data))


def widened(data: bytes) -> bytes:
    """Lay the siginfo of a 32-bit process out as a 64-bit tracer has it; 128 bytes.

    >>> one = bytes((11, 0, 0, 0, 0, 0, 0, 0, 1)) + bytes(3) + b"abcd"
    >>> narrowed(widened(one)) == one
    True
    """
    wide, at = bytearray(128), 12
    wide[:at] = data[:at]
    for start, size in _pieces(data):
        wide[start : start + size] = data[at : at + size].ljust(size, b"\0")
        at += size
    return bytes(wide)


def siginfo_value(data: bytes, pointer_size: int = 8) -> Value:
    """Make ``$_siginfo`` of the bytes PTRACE_GETSIGINFO gives.

    >>> int(siginfo_value((5).to_bytes(128, "little"))["si_signo"])
    5
    """
    ctype = siginfo_type(pointer_size)
    if pointer_size == 4:
        data = narrowed(data)
    return Value(ctype, bytes(data[: ctype.size]).ljust(ctype.size, b"\0"))
