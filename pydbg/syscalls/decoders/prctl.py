"""Decoders of prctl and arch_prctl: the arguments and the result by option.

Sources: prctl(2), arch_prctl(2), the kernel's uapi headers linux/prctl.h and asm/prctl.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import by_command, decode_value, pointer_text
from pydbg.syscalls.decoders.sigs import signo_text
from pydbg.syscalls.flags import enum_text, flag_set, flags_parts, flags_text, name_of, to_signed

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS", "result_text"]

_U32 = 0xFFFFFFFF

# Option -> kinds of its arguments; options without a row print all four in hex.
_PRCTL = {
    "PR_SET_NAME": ("comm=15",),
    "PR_GET_NAME": (">comm=16",),
    "PR_SET_PDEATHSIG": ("sig64",),
    "PR_GET_PDEATHSIG": (">sigp",),
    "PR_GET_DUMPABLE": (),
    "PR_SET_DUMPABLE": ("enum64=dumpable",),
    "PR_GET_UNALIGN": (">flagsp=pr_unalign",),
    "PR_SET_UNALIGN": ("flags=pr_unalign",),
    "PR_GET_KEEPCAPS": (),
    "PR_SET_KEEPCAPS": ("size",),
    "PR_GET_FPEMU": (">intp=int",),
    "PR_SET_FPEMU": ("size",),
    "PR_GET_FPEXC": (">intp=int",),
    "PR_SET_FPEXC": ("size",),
    "PR_GET_TIMING": (),
    "PR_SET_TIMING": ("size",),
    "PR_GET_ENDIAN": (">intp=int",),
    "PR_SET_ENDIAN": ("size",),
    "PR_GET_SECCOMP": (),
    "PR_SET_SECCOMP": ("enum64=seccomp_mode", "seccomp_rest", "seccomp_rest", "seccomp_rest"),
    "PR_GET_TSC": (">enump=pr_tsc",),
    "PR_SET_TSC": ("enum=pr_tsc",),
    "PR_GET_SECUREBITS": (),
    "PR_SET_SECUREBITS": ("flags64=securebits",),
    "PR_GET_TIMERSLACK": (),
    "PR_SET_TIMERSLACK": ("long",),
    "PR_TASK_PERF_EVENTS_DISABLE": (),
    "PR_TASK_PERF_EVENTS_ENABLE": (),
    "PR_MCE_KILL": ("enum64=pr_mce_kill", "mce_policy", "hex", "hex"),
    "PR_CAPBSET_READ": ("enum64=capabilities",),
    "PR_CAPBSET_DROP": ("enum64=capabilities",),
    "PR_CAP_AMBIENT": ("enum64=cap_ambient", "ambient_cap", "hex", "hex"),
    "PR_SET_CHILD_SUBREAPER": ("size",),
    "PR_GET_CHILD_SUBREAPER": (">intp=int",),
    "PR_SET_NO_NEW_PRIVS": ("size", "hex", "hex", "hex"),
    "PR_SET_THP_DISABLE": ("size", "hex", "hex", "hex"),
    "PR_GET_TID_ADDRESS": (">ulongp=ptr",),
    "PR_SET_PTRACER": ("tracer",),
    "PR_SET_MM": ("enum=set_mm", "hex", "hex", "hex"),
    "PR_SET_FP_MODE": ("flags=pr_fp_mode",),
    "PR_GET_FP_MODE": (),
    "PR_SVE_SET_VL": ("vector_length=pr_sve_vl",),
    "PR_SVE_GET_VL": (),
    "PR_SME_SET_VL": ("vector_length=pr_sme_vl",),
    "PR_SME_GET_VL": (),
    "PR_GET_SPECULATION_CTRL": ("enum64=pr_spec_what",),
    "PR_SET_SPECULATION_CTRL": ("enum64=pr_spec_what", "pr_spec"),
    "PR_PAC_RESET_KEYS": ("flags64=pr_pac_keys", "hex", "hex", "hex"),
    "PR_PAC_SET_ENABLED_KEYS": (
        "flags64=pr_pac_enabled_keys", "flags64=pr_pac_enabled_keys", "hex", "hex",
    ),
    "PR_SET_TAGGED_ADDR_CTRL": ("tagged_addr", "hex", "hex", "hex"),
    "PR_SET_IO_FLUSHER": ("size", "hex", "hex", "hex"),
    "PR_SET_SYSCALL_USER_DISPATCH": ("enum64=pr_dispatch", "hex", "hex", "ptr"),
    "PR_SCHED_CORE": (
        "enum=pr_sched_core", "pid", "enum_v=pr_sched_core_pidtypes", "core_cookie",
    ),
    "PR_SET_VMA": ("enum64=pr_set_vma", "hex", "size", "str"),
    "PR_SET_MDWE": ("flags64=pr_mdwe", "hex", "hex", "hex"),
}  # fmt: skip

_ARCH_PRCTL = {
    "ARCH_SET_GS": ("ptr",),
    "ARCH_SET_FS": ("ptr",),
    "ARCH_GET_FS": (">ulongp=ptr",),
    "ARCH_GET_GS": (">ulongp=ptr",),
    "ARCH_GET_CPUID": (),
    "ARCH_GET_XCOMP_SUPP": (">xfeatures",),
    "ARCH_GET_XCOMP_PERM": (">xfeatures",),
    "ARCH_GET_XCOMP_GUEST_PERM": (">xfeatures",),
    "ARCH_REQ_XCOMP_PERM": ("enum_v=xfeatures",),
    "ARCH_REQ_XCOMP_GUEST_PERM": ("enum_v=xfeatures",),
}
_ARCH_REST = ("hex",)


def _argument(context: Context, value: int, _: str) -> str | None:
    return by_command(context, value, "prctl_options", _PRCTL)


def _arch_argument(context: Context, value: int, _: str) -> str | None:
    return by_command(context, value, "arch_prctl", _ARCH_PRCTL, _ARCH_REST)


def _name(context: Context, addr: int, param: str) -> str:
    """Print the name of a thread, which is cut after 15 characters."""
    limit = min(int(param), context.limit)
    data = context.read_upto(addr, limit + 1) if addr else b""
    end = data.find(b"\0")
    if end < 0 and len(data) <= limit:
        return pointer_text(addr)
    return context.quote(data[:end]) if 0 <= end <= limit else context.quote(data[:limit]) + "..."


def _signal_pointer(context: Context, addr: int, _: str) -> str:
    number = context.read_int(addr, 4, signed=True) if addr else None
    return pointer_text(addr) if number is None else f"[{signo_text(number)}]"


def _tracer(context: Context, value: int, _: str) -> str:
    everyone = value == (1 << (8 * context.word)) - 1
    return "PR_SET_PTRACER_ANY" if everyone else str(to_signed(value))


def _seccomp_rest(context: Context, value: int, _: str) -> str | None:
    """Print what follows the mode: a filter's program, nothing, or what nobody knows."""
    mode = context.arg("arg2")
    if mode == 1:  # SECCOMP_MODE_STRICT
        return None
    if mode != 2:  # SECCOMP_MODE_FILTER
        return f"{value:#x}" if value else "0"
    return decode_value(context, value, "fprog", "") if context.index == 2 else None


def _mce_policy(context: Context, value: int, _: str) -> str:
    if context.arg("arg2") == 1:  # PR_MCE_KILL_SET
        return enum_text(value, "pr_mce_kill_policy")
    return f"{value:#x}" if value else "0"


def _ambient_cap(context: Context, value: int, _: str) -> str:
    if context.arg("arg2") in (1, 2, 3):  # is set, raise, lower
        return enum_text(value, "capabilities")
    return f"{value:#x}" if value else "0"


def _core_cookie(context: Context, value: int, _: str) -> str | None:
    # PR_SCHED_CORE_GET fills it in; for all others it is a pointer that nobody looks at.
    if context.arg("arg2") & _U32 == 0 and context.returning and not context.failed:
        number = context.read_int(value, 8) if value else None
        return pointer_text(value) if number is None else f"[{f'{number:#x}' if number else 0}]"
    return pointer_text(value)


def _vector_length(_context: Context, value: int, param: str) -> str:
    high, low = value & ~0xFFFF, value & 0xFFFF
    shown = f"{low:#x}" if low else "0"
    return f"{flags_text(high, param)}|{shown}" if high else shown


def _speculation(context: Context, value: int, _: str) -> str:
    if context.arg("arg2") in flag_set("pr_spec_what").by_value:
        return enum_text(value, "pr_spec_ctrl")
    return f"{value:#x}" if value else "0"


def tagged_text(value: int) -> str:
    """Return the control word of tagged addresses (arm64's, but asked for anywhere).

    >>> tagged_text(0), tagged_text(3)
    ('!PR_TAGGED_ADDR_ENABLE|PR_MTE_TCF_NONE', 'PR_TAGGED_ADDR_ENABLE|PR_MTE_TCF_SYNC')
    """
    parts = ["PR_TAGGED_ADDR_ENABLE" if value & 1 else "!PR_TAGGED_ADDR_ENABLE"]
    names, _ = flags_parts(value & 6, flag_set("pr_mte_tcf"))
    parts += names or ["PR_MTE_TCF_NONE"]
    tags = value >> 3 & 0xFFFF
    if tags:
        parts.append(f"{tags:#x}<<PR_MTE_TAG_SHIFT")
    rest = value >> 19 << 19
    return "|".join([*parts, *([f"{rest:#x}"] if rest else [])])


def _xfeatures(context: Context, addr: int, _: str) -> str:
    value = context.read_int(addr, 8) if addr else None
    if value is None:
        return pointer_text(addr)
    if not value:
        return "[0]"
    names = [
        name.replace("XFEATURE_", "XFEATURE_MASK_")
        for name, bit in flag_set("xfeatures").items
        if value >> bit & 1
    ]
    return f"[{value:#x} /* {'|'.join(names) or 'XFEATURE_MASK_???'} */]"


def result_text(context: Context, ret: int) -> str | None:
    """Return the text of prctl's result; None where it is a plain number."""
    name = flag_set("prctl_options").by_value.get(context.arg("option") & _U32, "")
    known = _RESULTS.get(name)
    if known is None:
        return None
    kind, _, param = known.partition("=")
    shown = f"{ret:#x}" if ret else "0"
    if kind == "enum":
        if name == "PR_GET_SECCOMP" and not ret:
            return None
        return f"{ret} ({name_of(ret, param)})"
    if kind == "tagged":
        return f"{shown} ({tagged_text(ret)})"
    if kind == "spec":
        return f"{shown} ({flags_text(ret, param) if ret else 'PR_SPEC_NOT_AFFECTED'})"
    if kind == "vector":
        return f"{shown} ({_vector_length(context, ret, param)})" if ret else "0"
    return f"{shown} ({flags_text(ret, param)})" if ret else "0"


_RESULTS = {
    "PR_GET_DUMPABLE": "enum=dumpable",
    "PR_GET_SECCOMP": "enum=seccomp_mode",
    "PR_GET_SECUREBITS": "flags=securebits",
    "PR_MCE_KILL_GET": "enum=pr_mce_kill_policy",
    "PR_GET_FP_MODE": "flags=pr_fp_mode",
    "PR_SVE_GET_VL": "vector=pr_sve_vl",
    "PR_SME_GET_VL": "vector=pr_sme_vl",
    "PR_GET_SPECULATION_CTRL": "spec=pr_spec",
    "PR_PAC_GET_ENABLED_KEYS": "flags=pr_pac_enabled_keys",
    "PR_GET_TAGGED_ADDR_CTRL": "tagged",
    "PR_GET_MDWE": "flags=pr_mdwe",
}

KINDS: dict[str, Decoder] = {
    "prctl_arg": _argument,
    "arch_prctl_arg": _arch_argument,
    "comm": _name,
    "sig64": lambda _c, value, _p: signo_text(value) if value < 4096 else str(value),
    "sigp": _signal_pointer,
    "tracer": _tracer,
    "seccomp_rest": _seccomp_rest,
    "mce_policy": _mce_policy,
    "ambient_cap": _ambient_cap,
    "core_cookie": _core_cookie,
    "vector_length": _vector_length,
    "pr_spec": _speculation,
    "tagged_addr": lambda _c, value, _p: tagged_text(value),
    "xfeatures": _xfeatures,
}
