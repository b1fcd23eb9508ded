"""Decoders of perf_event_open: struct perf_event_attr.

Sources: perf_event_open(2), the kernel's include/uapi/linux/perf_event.h.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import pointer_text
from pydbg.syscalls.flags import enum_text, flags_text

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS"]

_HARDWARE, _SOFTWARE, _TRACEPOINT, _HW_CACHE, _BREAKPOINT = 0, 1, 2, 3, 5
# The bits behind read_format; "precise_ip" has two.
_BITS_BEFORE = (
    *("disabled", "inherit", "pinned", "exclusive", "exclude_user", "exclude_kernel"),
    *("exclude_hv", "exclude_idle", "mmap", "comm", "freq", "inherit_stat", "enable_on_exec"),
    *("task", "watermark"),
)
_BITS_BEHIND = (
    *("mmap_data", "sample_id_all", "exclude_host", "exclude_guest"),
    *("exclude_callchain_kernel", "exclude_callchain_user", "mmap2", "comm_exec"),
    *("use_clockid", "context_switch", "write_backward", "namespaces", "ksymbol", "bpf_event"),
    *("aux_output", "cgroup", "text_poke", "build_id", "inherit_thread", "remove_on_exec"),
    "sigtrap",
)
_PRECISE = (
    "arbitrary skid",
    "constant skid",
    "requested to have 0 skid",
    "must have 0 skid",
)


# Members behind config1: name, offset, size and how it is printed.
_TAIL = (
    ("config2", 64, 8, "hex"),
    ("branch_sample_type", 72, 8, "branch"),
    ("sample_regs_user", 80, 8, "hex"),
    ("sample_stack_user", 88, 4, "hex"),
    ("clockid", 92, 4, "clock"),
    ("sample_regs_intr", 96, 8, "hex"),
    ("aux_watermark", 104, 4, "int"),
    ("sample_max_stack", 108, 2, "int"),
    ("aux_sample_size", 112, 4, "int"),
    ("sig_data", 120, 8, "hex"),
)
_BRANCH_STACK, _STACK_USER, _USE_CLOCKID = 1 << 11, 1 << 13, 1 << 25


def _config(kind: int, config: int) -> str:
    if kind == _HARDWARE:
        return enum_text(config, "perf_hw_id")
    if kind == _SOFTWARE:
        return enum_text(config, "perf_sw_ids")
    if kind == _TRACEPOINT:
        return str(config)
    if kind == _HW_CACHE:
        text = (
            f"{enum_text(config >> 16 & 0xFF, 'perf_cache_result')}<<16|"
            f"{enum_text(config >> 8 & 0xFF, 'perf_cache_op')}<<8|"
            f"{enum_text(config & 0xFF, 'perf_cache_id')}"
        )
        rest = config >> 24
        return f"{rest:#x}<<24|{text}" if rest else text
    return _hex(config)


def _hex(value: int) -> str:
    return f"{value:#x}" if value else "0"


def _attribute(context: Context, addr: int, _: str) -> str:
    given = context.read_int(addr + 4) if addr else None
    if given is None:
        return pointer_text(addr)
    size = min(given or 64, 128)
    data = context.read(addr, size) if size >= 64 else None
    if data is None:
        return pointer_text(addr)
    kind, _, config, period, sample, form, bits, wakeup, bp_type, config1 = struct.unpack_from(
        "<IIQQQQQIIQ", data
    )
    parts = [
        f"type={enum_text(kind, 'perf_type')}",
        f"size={enum_text(given, 'perf_attr_size')}",
        f"config={_config(kind, config)}",
        f"{'sample_freq' if bits >> 10 & 1 else 'sample_period'}={period}",
        f"sample_type={flags_text(sample, 'perf_sample_type')}",
        f"read_format={flags_text(form, 'perf_read_format')}",
    ]
    parts += _bits(context, bits, _BITS_BEFORE, 0)
    precise = bits >> 15 & 3
    parts.append(f"precise_ip={precise} /* {_PRECISE[precise]} */")
    parts += _bits(context, bits, _BITS_BEHIND, 17)
    if not context.verbose:
        return f"{{{', '.join(parts)}, ...}}"
    parts.append(f"{'wakeup_watermark' if bits >> 14 & 1 else 'wakeup_events'}={wakeup}")
    watched = kind == _BREAKPOINT
    if watched:
        parts.append(f"bp_type={enum_text(bp_type, 'perf_bp_type')}")
    parts.append(f"{'bp_addr' if watched else 'config1'}={_hex(config1)}")
    absent = {
        "branch_sample_type": not sample & _BRANCH_STACK,
        "sample_stack_user": not sample & _STACK_USER,
        "clockid": not bits & _USE_CLOCKID,
    }
    for name, at, length, style in _TAIL:
        if at + length > len(data) or absent.get(name):
            continue
        value = int.from_bytes(data[at : at + length], "little")
        if watched and name == "config2":
            parts.append(f"bp_len={value}")
        else:
            parts.append(f"{name}={_tail_text(value, style)}")
    if given > len(data):
        parts.append("...")
    return f"{{{', '.join(parts)}}}"


def _tail_text(value: int, style: str) -> str:
    if style == "branch":
        return flags_text(value, "perf_branch_type")
    if style == "clock":
        return enum_text(value, "clocks")
    return str(value) if style == "int" else _hex(value)


def _bits(context: Context, bits: int, names: tuple[str, ...], start: int) -> list[str]:
    """Return the bits that are set; with -v all of them."""
    values = ((name, bits >> at & 1) for at, name in enumerate(names, start))
    return [f"{name}={value}" for name, value in values if value or context.verbose]


KINDS: dict[str, Decoder] = {"perf_attr": _attribute}
