"""The structs of the kernel's interface: a row a struct.

A field is ``name:type`` or ``name:type:kind``; ``kind`` (as in ``rows.py``) says how the
value is printed, decimal where nothing is said. ``@NAME`` as type is a struct inside. A name
with ``-`` before it is not printed, and ``...`` stands where strace prints it: fields left out.
Types: s8 u8 s16 u16 s32 u32 s64 u64, and long, ulong, ptr of the inferior's word size. Layout
follows the psABI (i386 aligns 64-bit members to 4).

Sources: the kernel's uapi headers, the man pages of section 2.
"""

from __future__ import annotations

import functools

from pydbg.records import Record

__all__ = ["STRUCTS", "Field", "Layout", "layout"]

STRUCTS = {
    "timespec": "tv_sec:long tv_nsec:long",
    "timespec64": "tv_sec:s64 tv_nsec:s64",
    "timeval": "tv_sec:long tv_usec:long",
    "timezone": "tz_minuteswest:s32 tz_dsttime:s32",
    "itimerval": "it_interval:@timeval it_value:@timeval",
    "itimerspec": "it_interval:@timespec it_value:@timespec",
    "itimerspec64": "it_interval:@timespec64 it_value:@timespec64",
    "utimbuf": "actime:long:time modtime:long:time",
    "tms": "tms_utime:ulong tms_stime:ulong tms_cutime:ulong tms_cstime:ulong",
    "rlimit": "rlim_cur:ulong:rlim rlim_max:ulong:rlim",
    "rlimit64": "rlim_cur:u64:rlim64 rlim_max:u64:rlim64",
    "rusage": "ru_utime:@timeval ru_stime:@timeval ...",
    "winsize": "ws_row:u16 ws_col:u16 ws_xpixel:u16 ws_ypixel:u16",
    "linger": "l_onoff:s32 l_linger:s32",
    "ucred": "pid:s32 uid:s32 gid:s32",
    "flock": (
        "l_type:s16:enum=lock_types l_whence:s16:enum=seek l_start:long l_len:long l_pid:s32:pid"
    ),
    "flock_set": (
        "l_type:s16:enum=lock_types l_whence:s16:enum=seek l_start:long l_len:long -l_pid:s32"
    ),
    "flock64": (
        "l_type:s16:enum=lock_types l_whence:s16:enum=seek l_start:s64 l_len:s64 l_pid:s32:pid"
    ),
    "flock64_set": (
        "l_type:s16:enum=lock_types l_whence:s16:enum=seek l_start:s64 l_len:s64 -l_pid:s32"
    ),
    "f_owner_ex": "type:s32:enum=owner_types pid:s32",
    "sembuf": "sem_num:u16 sem_op:s16 sem_flg:s16:flags=sem_flags",
    "mq_attr": "mq_flags:long:flags_open mq_maxmsg:long mq_msgsize:long mq_curmsgs:long",
    "cachestat_range": "off:u64 len:u64",
    "cachestat": (
        "nr_cache:u64 nr_dirty:u64 nr_writeback:u64 nr_evicted:u64 nr_recently_evicted:u64"
    ),
    "sysinfo": (
        "uptime:long loads:ulong:ulongs=3 -l1:ulong -l2:ulong totalram:ulong freeram:ulong "
        "sharedram:ulong bufferram:ulong totalswap:ulong freeswap:ulong procs:u16 -pad:u16 "
        "totalhigh:ulong freehigh:ulong mem_unit:u32"
    ),
    "ustat": "f_tfree:s32 f_tinode:ulong ...",
    "robust_list_head": "list:ptr:ptr futex_offset:long list_op_pending:ptr:ptr",
    "sched_attr_body": (
        "size:u32 sched_policy:u32:enum=schedulers sched_flags:u64:flags64=sched_attr_flags "
        "sched_nice:s32 sched_priority:u32 sched_runtime:u64 sched_deadline:u64 sched_period:u64"
    ),
    "mount_attr": (
        "attr_set:u64:flags64=mount_attr_attr attr_clr:u64:flags64=mount_attr_attr "
        "propagation:u64:flags64=mount_flags userns_fd:u64:fd"
    ),
    "caphdr": "version:u32:enum=cap_version pid:s32:pid",
    "pollfd": "fd:s32:fd events:s16:flags16=poll_flags -revents:s16",
    "sigaltstack": "ss_sp:ptr:ptr ss_flags:s32:flags=sigaltstack_flags ss_size:ulong",
}

_SIZES = {"s8": 1, "u8": 1, "s16": 2, "u16": 2, "s32": 4, "u32": 4, "s64": 8, "u64": 8}


class Field(Record):
    """Hold one field: where it is, how large, and how it is printed."""

    name: str
    offset: int
    size: int
    signed: bool
    kind: str
    param: str
    inner: str
    """The name of the struct inside, or nothing."""
    shown: bool


class Layout(Record):
    """Hold a struct's fields and its size for one word size."""

    fields: tuple[Field, ...]
    size: int
    align: int
    more: bool
    """Whether fields are left out at the end."""


@functools.cache
def layout(name: str, word: int) -> Layout:
    """Return the layout of the struct ``name`` for pointers of ``word`` bytes.

    >>> layout("timespec", 8).size, layout("timespec", 4).size
    (16, 8)
    >>> [(field.name, field.offset) for field in layout("flock64", 4).fields][2:4]
    [('l_start', 4), ('l_len', 12)]
    """
    fields = []
    offset = 0
    align = 1
    more = False
    for token in STRUCTS[name].split():
        if token == "...":
            more = True
            continue
        label, kind_type, *kind = token.split(":")
        kind_name, _, param = (kind[0] if kind else "").partition("=")
        inner = kind_type[1:] if kind_type.startswith("@") else ""
        if inner:
            size, field_align, signed = layout(inner, word).size, layout(inner, word).align, False
        else:
            size = _SIZES.get(kind_type, word)
            field_align = min(size, word)
            signed = kind_type[0] == "s" or kind_type == "long"
        offset = -(-offset // field_align) * field_align
        align = max(align, field_align)
        fields.append(
            Field(
                label.lstrip("-"),
                offset,
                size,
                signed,
                kind_name,
                param,
                inner,
                not label.startswith("-"),
            )
        )
        offset += size
    return Layout(tuple(fields), -(-offset // align) * align, align, more)
