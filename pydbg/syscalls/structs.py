"""The structs of the kernel's interface: a row a struct.

A field is ``name:type`` or ``name:type:kind``; ``kind`` (as in ``rows.py``) says how the
value is printed, decimal where nothing is said. ``@NAME`` as type is a struct inside. A name
with ``-`` before it is not printed; with ``?`` it is where it is not all zeros.
Types: s8 u8 s16 u16 s32 u32 s64 u64, and long, ulong, ptr of the inferior's word size; ``high``
is 32 bits in a 32-bit inferior (the upper half of a time) and nothing in others; ``TYPE*N`` is
an array, ``cN`` a string in N bytes. Layout follows the psABI (i386 aligns 64-bit members to 4).

After ``|`` may stand which fields are printed, in the order of printing, with ``...`` for those
left out; strace -v prints all, in the order of a second list if there is one. A row whose name
ends in 32 stands for its like in 32-bit inferiors.

Sources: the kernel's uapi headers, the man pages of section 2.
"""

from __future__ import annotations

import functools

from pydbg.records import Record, replace
from pydbg.syscalls import structs_kernel

__all__ = ["STRUCTS", "Field", "Layout", "layout"]


def _registers(names: str) -> str:
    return " ".join(f"{name}:ulong:hex" for name in names.split())


STRUCTS = {
    "timespec": "tv_sec:long tv_nsec:ulong",
    "timespec64": "tv_sec:s64 tv_nsec:u64",
    "timeval": "tv_sec:long tv_usec:ulong",
    "timezone": "tz_minuteswest:s32 tz_dsttime:s32",
    "itimerval": "it_interval:@timeval it_value:@timeval",
    "itimerspec": "it_interval:@timespec it_value:@timespec",
    "itimerspec64": "it_interval:@timespec64 it_value:@timespec64",
    "utimbuf": "actime:long:time modtime:long:time",
    "tms": (
        "tms_utime:ulong:clock_t tms_stime:ulong:clock_t tms_cutime:ulong:clock_t "
        "tms_cstime:ulong:clock_t"
    ),
    "timex": (
        "modes:u32:flags=adjtimex_modes offset:long freq:long maxerror:ulong esterror:ulong "
        "status:u32:flags=adjtimex_status constant:long precision:ulong tolerance:long "
        "time:@timeval tick:long ppsfreq:long jitter:long shift:s32 stabil:ulong jitcnt:ulong "
        "calcnt:ulong errcnt:ulong stbcnt:ulong tai:s32"
    ),
    "timex64": (
        "modes:u32:flags=adjtimex_modes -p1:u32 offset:s64 freq:s64 maxerror:u64 esterror:u64 "
        "status:u32:flags=adjtimex_status -p2:u32 constant:s64 precision:u64 tolerance:s64 "
        "time:@timeval64 tick:s64 ppsfreq:s64 jitter:s64 shift:s32 -p3:u32 stabil:u64 jitcnt:u64 "
        "calcnt:u64 errcnt:u64 stbcnt:u64 tai:s32"
    ),
    "rlimit": "rlim_cur:ulong:rlim rlim_max:ulong:rlim",
    "rlimit64": "rlim_cur:u64:rlim64 rlim_max:u64:rlim64",
    "rusage": (
        "ru_utime:@timeval ru_stime:@timeval ru_maxrss:ulong ru_ixrss:ulong ru_idrss:ulong "
        "ru_isrss:ulong ru_minflt:ulong ru_majflt:ulong ru_nswap:ulong ru_inblock:ulong "
        "ru_oublock:ulong ru_msgsnd:ulong ru_msgrcv:ulong ru_nsignals:ulong ru_nvcsw:ulong "
        "ru_nivcsw:ulong | ru_utime ru_stime ..."
    ),
    "winsize": "ws_row:u16 ws_col:u16 ws_xpixel:u16 ws_ypixel:u16",
    "linger": "l_onoff:s32 l_linger:s32",
    "timeval64": "tv_sec:s64 tv_usec:u64",
    "tpacket_req": "tp_block_size:u32 tp_block_nr:u32 tp_frame_size:u32 tp_frame_nr:u32",
    "tpacket_stats": "tp_packets:u32 tp_drops:u32 tp_freeze_q_cnt:u32",
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
    "ipc_perm": (
        "key:s32:int uid:u32 gid:u32 cuid:u32 cgid:u32 mode:u32:mode -seq:u16 -pad:u16 "
        "-unused1:ulong -unused2:ulong | uid gid mode key cuid cgid | uid gid mode key cuid cgid"
    ),
    "ipc_perm_set": "-key:s32 uid:u32 gid:u32 -cuid:u32 -cgid:u32 mode:u32:mode",
    "semid_ds": (
        "sem_perm:@ipc_perm sem_otime:ulong -h1:ulong sem_ctime:ulong -h2:ulong sem_nsems:ulong"
    ),
    "semid_set": "sem_perm:@ipc_perm_set",
    "seminfo": (
        "semmap:s32 semmni:s32 semmns:s32 semmnu:s32 semmsl:s32 semopm:s32 semume:s32 semusz:s32 "
        "semvmx:s32 semaem:s32"
    ),
    "msqid_ds": (
        "msg_perm:@ipc_perm msg_stime:ulong -h1:high msg_rtime:ulong -h2:high msg_ctime:ulong "
        "-h3:high -msg_cbytes:ulong msg_qnum:ulong msg_qbytes:ulong msg_lspid:s32 msg_lrpid:s32"
    ),
    "msqid_set": (
        "msg_perm:@ipc_perm_set -pad:u16*2 -unused1:ulong -unused2:ulong -times:ulong*3 "
        "-h:high*3 -msg_cbytes:ulong -msg_qnum:ulong msg_qbytes:ulong"
    ),
    "msginfo": (
        "msgpool:s32 msgmap:s32 msgmax:s32 msgmnb:s32 msgmni:s32 msgssz:s32 msgtql:s32 msgseg:u16"
    ),
    "shmid_ds": (
        "shm_perm:@ipc_perm shm_segsz:ulong shm_atime:ulong -h1:high shm_dtime:ulong -h2:high "
        "shm_ctime:ulong -h3:high shm_cpid:s32 shm_lpid:s32 shm_nattch:ulong "
        "| shm_perm shm_segsz shm_cpid shm_lpid shm_nattch shm_atime shm_dtime shm_ctime "
        "| shm_perm shm_segsz shm_cpid shm_lpid shm_nattch shm_atime shm_dtime shm_ctime"
    ),
    "shmid_set": "shm_perm:@ipc_perm_set",
    "shminfo": "shmmax:ulong shmmin:ulong shmmni:ulong shmseg:ulong shmall:ulong",
    "shm_info": (
        "used_ids:s32 shm_tot:ulong shm_rss:ulong shm_swp:ulong swap_attempts:ulong "
        "swap_successes:ulong"
    ),
    "keyctl_dh_params": "private:s32:keyring prime:s32:keyring base:s32:keyring",
    "keyctl_pkey_params": "key_id:s32:keyring in_len:u32 out_len:u32 ?__spare:u32*7:hex",
    "keyctl_pkey_verify": "key_id:s32:keyring in_len:u32 in2_len:u32 ?__spare:u32*7:hex",
    "keyctl_pkey_query": (
        "supported_ops:u32:flags=keyctl_pkey_ops key_size:u32 max_data_size:u16 "
        "max_sig_size:u16 max_enc_size:u16 max_dec_size:u16 ?__spare:u32*10:hex"
    ),
    "kcmp_epoll_slot": "efd:u32:fd tfd:u32 toff:u32",
    "futex_waitv": (
        "val:u64:hex uaddr:u64:ptr flags:u32:flags=futex_waitv_flags ?__reserved:u32:hex"
    ),
    "user_regs": _registers(
        "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
        "fs_base gs_base ds es fs gs"
    ),
    "user_regs32": _registers(
        "ebx ecx edx esi edi ebp eax xds xes xfs xgs orig_eax eip xcs eflags esp xss"
    ),
    "user_fpregs32": _registers("cwd swd twd fip fcs foo fos") + " st_space:ulong*20:hex",
    "peeksiginfo_args": "off:u64 flags:u32:flags=peeksiginfo nr:s32",
    "seccomp_notif_sizes": "seccomp_notif:u16 seccomp_notif_resp:u16 seccomp_data:u16",
    "kexec_segment": "buf:ptr:ptr bufsz:ulong mem:ptr:ptr memsz:ulong",
    "sysctl_args": (
        "name:ptr:hex nlen:s32 oldval:ptr:ptr oldlenp:ptr:ptr newval:ptr:ptr newlen:ulong"
    ),
    "user_fpregs": (
        "cwd:u16:hex swd:u16:hex ftw:u16:hex fop:u16:hex rip:u64:hex rdp:u64:hex mxcsr:u32:hex "
        "mxcr_mask:u32:hex st_space:u32*32:hex xmm_space:u32*64:hex padding:u32*24:hex"
    ),
    "syscall_info_entry": "nr:u64 args:u64*6:hex",
    "syscall_info_exit": "rval:u64:rval is_error:u8",
    "syscall_info_seccomp": "nr:u64 args:u64*6:hex ret_data:u32",
    "mq_attr_open": "mq_flags:long:hex mq_maxmsg:long mq_msgsize:long mq_curmsgs:long",
    "mq_attr": "mq_flags:long:flags=open_mode_flags mq_maxmsg:long mq_msgsize:long mq_curmsgs:long",
    "cachestat_range": "off:u64 len:u64",
    "cachestat": (
        "nr_cache:u64 nr_dirty:u64 nr_writeback:u64 nr_evicted:u64 nr_recently_evicted:u64"
    ),
    "sysinfo": (
        "uptime:long loads:ulong*3 totalram:ulong freeram:ulong "
        "sharedram:ulong bufferram:ulong totalswap:ulong freeswap:ulong procs:u16 -pad:u16 "
        "totalhigh:ulong freehigh:ulong mem_unit:u32"
    ),
    "robust_list_head": "list:ptr:ptr futex_offset:long list_op_pending:ptr:ptr",
    "mount_attr": (
        "attr_set:u64:flags64=mount_attr_attr attr_clr:u64:flags64=mount_attr_attr "
        "propagation:u64:enum64=mount_propagation userns_fd:u64:fd"
    ),
    "caphdr": "version:u32:enum=cap_version pid:s32:pid",
    "pollfd": "fd:s32:fd events:s16:flags16=poll_flags -revents:s16",
    "landlock_port": "allowed_access:u64:flags64=landlock_access_net port:u64",
    **structs_kernel.ROWS,
    "sigaltstack": "ss_sp:ptr:ptr ss_flags:s32:flags=sigaltstack_flags ss_size:ulong",
}

_SIZES = {"s8": 1, "u8": 1, "s16": 2, "u16": 2, "s32": 4, "u32": 4, "s64": 8, "u64": 8}


class Field(Record):
    """Hold one field: where it is, how large, and how it is printed."""

    name: str
    offset: int
    size: int
    """Bytes of one value, or of the struct inside."""
    count: int
    """How many values there are; 0: it is no array."""
    signed: bool
    kind: str
    param: str
    inner: str
    """The name of the struct inside, or nothing."""
    optional: bool
    """Whether it is left out when it is zero."""


class Layout(Record):
    """Hold a struct's fields, those that are printed, and its size for one word size."""

    fields: tuple[Field, ...]
    short: tuple[Field, ...]
    """What is printed, in order."""
    full: tuple[Field, ...]
    """What is printed with -v."""
    size: int
    align: int
    more: bool
    """Whether short leaves fields out, which is shown as three dots."""


@functools.cache
def layout(name: str, word: int) -> Layout:
    """Return the layout of the struct ``name`` for pointers of ``word`` bytes.

    >>> layout("timespec", 8).size, layout("timespec", 4).size
    (16, 8)
    >>> [(field.name, field.offset) for field in layout("flock64", 4).fields][2:4]
    [('l_start', 4), ('l_len', 12)]
    """
    text = (STRUCTS.get(f"{name}32") if word == 4 else None) or STRUCTS[name]
    members, *lists = (part.split() for part in text.split("|"))
    fields: dict[str, Field] = {}
    offset = 0
    align = 1
    for token in members:
        label, *rest = token.split(":")
        field, field_align, total = _field(label.lstrip("-?"), rest, word)
        offset = -(-offset // field_align) * field_align
        align = max(align, field_align)
        fields[label] = replace(field, offset=offset, optional=label.startswith("?"))
        offset += total
    shown = [label for label in fields if not label.startswith("-")]
    short = lists[0] if lists else shown
    full = lists[1] if len(lists) > 1 else shown
    return Layout(
        tuple(fields.values()),
        tuple(fields[label] for label in short if label != "..."),
        tuple(fields[label] for label in full),
        -(-offset // align) * align,
        align,
        "..." in short,
    )


def _field(label: str, rest: list[str], word: int) -> tuple[Field, int, int]:
    """Return a field at offset 0, its alignment and all its bytes."""
    kind_type, _, count = rest[0].partition("*")
    kind, _, param = (rest[1] if len(rest) > 1 else "").partition("=")
    inner = kind_type[1:] if kind_type.startswith("@") else ""
    if inner:
        shape = layout(inner, word)
        size, align, signed = shape.size, shape.align, False
    elif kind_type[0] == "c":
        size, align, signed, kind = int(kind_type[1:]), 1, False, "chars"
    elif kind_type == "high":
        size, align, signed = (4, 4, False) if word == 4 else (0, 1, False)
    else:
        size = _SIZES.get(kind_type, word)
        align, signed = min(size, word), kind_type[0] == "s" or kind_type == "long"
    field = Field(label, 0, size, int(count or 0), signed, kind, param, inner, False)
    return field, align, size * (int(count) if count else 1)
