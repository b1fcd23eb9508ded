"""libseccomp's own word about profiles: the filter that it makes of one, as runc asks it to."""

from __future__ import annotations

import ctypes
import tempfile

from pydbg.seccomp.profile import Profile
from pydbg.syscalls import bpf

_OPERATORS = ("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ")  # enum scmp_compare, from 1.
_TOKENS = {"x86_64": 0xC000003E, "i386": 0x40000003, "x32": 0x4000003E}
_ACTIONS = {
    "ALLOW": bpf.RET_ALLOW,
    "LOG": bpf.RET_LOG,
    "TRAP": bpf.RET_TRAP,
    "KILL": bpf.RET_KILL_THREAD,
    "KILL_THREAD": bpf.RET_KILL_THREAD,
    "KILL_PROCESS": bpf.RET_KILL_PROCESS,
    "NOTIFY": bpf.RET_NOTIFY,
    "TRACE": bpf.RET_TRACE,
    "ERRNO": bpf.RET_ERRNO,
}


class _Condition(ctypes.Structure):
    """struct scmp_arg_cmp."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_api_set(6)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_release.argtypes = (ctypes.c_void_p,)
    library.seccomp_arch_add.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    library.seccomp_export_bpf.argtypes = (ctypes.c_void_p, ctypes.c_int)
    library.seccomp_syscall_resolve_name.argtypes = (ctypes.c_char_p,)
    library.seccomp_rule_add_array.argtypes = (
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_void_p,
    )
    return library


def _action(name: str, errno: int) -> int:
    word = name.removeprefix("SCMP_ACT_")
    return _ACTIONS[word] | (errno if word in ("ERRNO", "TRACE") else 0)


def compiled(profile: Profile) -> bytes | None:
    """Return libseccomp's filter for a profile; None where it refuses a rule.

    Rules are added as runc adds them (seccomp_linux.go): none that does what the default does,
    and one for each condition where an argument is compared twice.
    """
    library = _library()
    default = _action(profile.default_action, profile.default_errno)
    context = library.seccomp_init(default)
    assert context
    try:
        for abi in profile.abis:
            assert abi == "x86_64" or library.seccomp_arch_add(context, _TOKENS[abi]) == 0
        for rule in profile.rules:
            action = _action(rule.action, rule.errno)
            if action == default:
                continue
            indices = [one.index for one in rule.args]
            twice = len(set(indices)) < len(indices)
            groups = [(one,) for one in rule.args] if twice else [rule.args]
            for name in rule.names:
                number = library.seccomp_syscall_resolve_name(name.encode())
                for group in groups:
                    conditions = (_Condition * max(1, len(group)))(
                        *(
                            _Condition(
                                one.index,
                                _OPERATORS.index(one.op.removeprefix("SCMP_CMP_")) + 1,
                                one.value,
                                one.value_two,
                            )
                            for one in group
                        )
                    )
                    if library.seccomp_rule_add_array(
                        context, action, number, len(group), conditions
                    ):
                        return None
        with tempfile.TemporaryFile() as stream:
            assert library.seccomp_export_bpf(context, stream.fileno()) == 0
            stream.seek(0)
            return stream.read()
    finally:
        library.seccomp_release(context)
