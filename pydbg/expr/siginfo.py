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


def _compat(data: bytes) -> bytes:
    """Lay a 64-bit tracer's siginfo out as a 32-bit process has it.

    The kernel gives PTRACE_GETSIGINFO in the tracer's own layout; which member of the union
    holds something is told by the code and the signal (gdb's amd64-linux-siginfo.c).
    """
    signo = int.from_bytes(data[:4], "little")
    code = int.from_bytes(data[8:12], "little", signed=True)
    pieces: tuple[tuple[int, int], ...]
    if code == _SI_USER:
        pieces = ((16, 8),)
    elif code != _SI_TIMER and code > 0 and signo == _SIGCHLD:
        pieces = ((16, 12), (32, 4), (40, 4))
    elif code != _SI_TIMER and code > 0 and signo in _FAULTS:
        pieces = ((16, 4),)
    elif code != _SI_TIMER and code > 0 and signo == _SIGIO:
        pieces = ((16, 4), (24, 4))
    else:
        pieces = ((16, 8), (24, 4))
    return data[:12] + b"".join(data[start : start + size] for start, size in pieces)


def siginfo_value(data: bytes, pointer_size: int = 8) -> Value:
    """Make ``$_siginfo`` of the bytes PTRACE_GETSIGINFO gives.

    >>> int(siginfo_value((5).to_bytes(128, "little"))["si_signo"])
    5
    """
    ctype = siginfo_type(pointer_size)
    if pointer_size == 4:
        data = _compat(data)
    return Value(ctype, bytes(data[: ctype.size]).ljust(ctype.size, b"\0"))
