"""More rows of structs: those of quotactl, bpf, mounts and other large interfaces.

The grammar is that of ``structs.py``, which joins these rows to its own.

Sources: the kernel's uapi headers linux/quota.h, dqblk_xfs.h, bpf.h, mount.h.
"""

from __future__ import annotations

__all__ = ["ROWS"]

_QUOTA = (
    "dqb_bhardlimit:u64 dqb_bsoftlimit:u64 dqb_curspace:u64 dqb_ihardlimit:u64 "
    "dqb_isoftlimit:u64 dqb_curinodes:u64 dqb_btime:u64 dqb_itime:u64 "
    "dqb_valid:u32:flags=dqblk_valid"
)
_QUOTA_SHORT = (
    "dqb_bhardlimit dqb_bsoftlimit dqb_curspace dqb_ihardlimit dqb_isoftlimit dqb_curinodes"
)
_ELEMENT = "map_fd:s32:fd -pad:u32 key:u64:ptr"
_NEXT_ID = "start_id:u32 next_id:u32 open_flags:u32:flags=bpf_file_flags"
_BATCH = (
    "in_batch:u64:hex out_batch:u64:hex keys:u64:ptr values:u64:ptr count:u32 map_fd:s32:fd "
    "elem_flags:u64:flags64=bpf_elem_flags flags:u64:hex"
)

ROWS = {
    "if_dqinfo": (
        "dqi_bgrace:u64 dqi_igrace:u64 dqi_flags:u32:flags=dqinfo_flags "
        "dqi_valid:u32:flags=dqinfo_valid"
    ),
    "if_dqblk": f"{_QUOTA} | {_QUOTA_SHORT} ...",
    "if_nextdqblk": f"{_QUOTA} dqb_id:u32 | {_QUOTA_SHORT} dqb_id ...",
    "fs_disk_quota": (
        "d_version:s8 d_flags:u8:flags=xfs_dqblk_flags d_fieldmask:u16:hex d_id:u32 "
        "d_blk_hardlimit:u64 d_blk_softlimit:u64 d_ino_hardlimit:u64 d_ino_softlimit:u64 "
        "d_bcount:u64 d_icount:u64 d_itimer:s32 d_btimer:s32 d_iwarns:u16 d_bwarns:u16 "
        "-pad:s32 d_rtb_hardlimit:u64 d_rtb_softlimit:u64 d_rtbcount:u64 d_rtbtimer:s32 "
        "d_rtbwarns:u16 -pad3:s16 -pad4:u8*8 "
        "| d_version d_flags d_fieldmask d_id d_blk_hardlimit d_blk_softlimit d_ino_hardlimit "
        "d_ino_softlimit d_bcount d_icount ..."
    ),
    "fs_qfilestat": "qfs_ino:u64 qfs_nblks:u64 qfs_nextents:u32",
    "fs_qfilestatv": "qfs_ino:u64 qfs_nblks:u64 qfs_nextents:u32 -pad:u32",
    "fs_quota_stat": (
        "qs_version:s8 qs_flags:u16:flags=xfs_quota_flags -pad:s8 qs_uquota:@fs_qfilestat "
        "qs_gquota:@fs_qfilestat qs_incoredqs:u32 qs_btimelimit:s32 qs_itimelimit:s32 "
        "qs_rtbtimelimit:s32 qs_bwarnlimit:u16 qs_iwarnlimit:u16 | qs_version ..."
    ),
    "fs_quota_statv": (
        "qs_version:s8 -pad:u8 qs_flags:u16:flags=xfs_quota_flags qs_incoredqs:u32 "
        "qs_uquota:@fs_qfilestatv qs_gquota:@fs_qfilestatv qs_pquota:@fs_qfilestatv "
        "qs_btimelimit:s32 qs_itimelimit:s32 qs_rtbtimelimit:s32 qs_bwarnlimit:u16 "
        "qs_iwarnlimit:u16 | qs_version ..."
    ),
    "fstrim_range": "start:u64:hex len:u64 minlen:u64",
    "fsxattr": (
        "fsx_xflags:u32:flags=fs_xflags fsx_extsize:u32 fsx_nextents:u32 fsx_projid:u32:hex "
        "fsx_cowextsize:u32 -pad:u8*8"
    ),
    "fsxattr_set": (
        "fsx_xflags:u32:flags=fs_xflags fsx_extsize:u32 -fsx_nextents:u32 fsx_projid:u32:hex "
        "fsx_cowextsize:u32 -pad:u8*8"
    ),
    "file_attr": (
        "fa_xflags:u64:flags64=fs_xflags fa_extsize:u32 fa_nextents:u32 fa_projid:u32:hex "
        "fa_cowextsize:u32"
    ),
    "file_attr_set": (
        "fa_xflags:u64:flags64=fs_xflags fa_extsize:u32 -fa_nextents:u32 fa_projid:u32:hex "
        "fa_cowextsize:u32"
    ),
    "ns_id_req": (
        "size:u32 ?spare:u32:hex ns_id:u64:hex ns_type:u32:flags=setns_types ?spare2:u32:hex "
        "user_ns_id:u64:hex"
    ),
    "fiemap_extent": (
        "fe_logical:u64 fe_physical:u64 fe_length:u64 -reserved:u64*2 "
        "fe_flags:u32:flags=fiemap_extent_flags -more:u32*3"
    ),
    "file_clone_range": "src_fd:s64:fd src_offset:u64 src_length:u64 dest_offset:u64",
    "file_dedupe_info": "dest_fd:s64:fd dest_offset:u64 -bytes_deduped:u64 -status:s32 -pad:u32",
    "blkpg_ioctl_arg": "op:s32:enum=blkpg_operations flags:s32 datalen:s32 -data:ptr",
    "blkpg_partition": "start:s64 length:s64 pno:s32 devname:c64 volname:c64",
    "loop_info": (
        "lo_number:s32 lo_device:ulong:dev lo_inode:ulong lo_rdevice:ulong:dev lo_offset:u32:hex "
        "lo_encrypt_type:u32:enum=loop_crypt lo_encrypt_key_size:u32 "
        "lo_flags:u32:flags=loop_flags lo_name:c64 lo_encrypt_key:c32 lo_init:ulong*2:hex "
        "reserved:u8*4:hex | lo_number lo_offset lo_flags lo_name ..."
    ),
    "loop_info32": (
        "lo_number:s32 lo_device:u16:dev lo_inode:ulong lo_rdevice:u16:dev lo_offset:u32:hex "
        "lo_encrypt_type:u32:enum=loop_crypt lo_encrypt_key_size:u32 "
        "lo_flags:u32:flags=loop_flags lo_name:c64 lo_encrypt_key:c32 lo_init:ulong*2:hex "
        "reserved:u8*4:hex | lo_number lo_offset lo_flags lo_name ..."
    ),
    "loop_info64": (
        "lo_device:u64:dev64 lo_inode:u64 lo_rdevice:u64:dev64 lo_offset:u64:hex lo_sizelimit:u64 "
        "lo_number:u32 lo_encrypt_type:u32:enum=loop_crypt lo_encrypt_key_size:u32 "
        "lo_flags:u32:flags=loop_flags lo_file_name:c64 lo_crypt_name:c64 lo_encrypt_key:c32 "
        "lo_init:u64*2:hex | lo_offset lo_number lo_flags lo_file_name ..."
    ),
    "rtc_time": (
        "tm_sec:s32 tm_min:s32 tm_hour:s32 tm_mday:s32 tm_mon:s32 tm_year:s32 tm_wday:s32 "
        "tm_yday:s32 tm_isdst:s32 | tm_sec tm_min tm_hour tm_mday tm_mon tm_year ..."
    ),
    "rtc_wkalrm": "enabled:u8 pending:u8 time:@rtc_time",
    "uffd_range": "start:u64:hex len:u64:hex",
    "bpf_map_create": (
        "map_type:u32:enum=bpf_map_types key_size:u32 value_size:u32 max_entries:u32 "
        "map_flags:u32:flags=bpf_map_flags inner_map_fd:s32:fd ?numa_node:u32 map_name:c16 "
        "map_ifindex:u32:ifindex btf_fd:s32:fd btf_key_type_id:u32 btf_value_type_id:u32 "
        "btf_vmlinux_value_type_id:u32 map_extra:u64"
    ),
    "bpf_map_lookup": f"{_ELEMENT} value:u64:ptr flags:u64:flags64=bpf_lookup_flags",
    "bpf_map_update": f"{_ELEMENT} value:u64:ptr flags:u64:enum64=bpf_elem_flags",
    "bpf_map_delete": _ELEMENT,
    "bpf_map_next": f"{_ELEMENT} next_key:u64:ptr",
    "bpf_map_freeze": "map_fd:s32:fd",
    "bpf_prog_load": (
        "prog_type:u32:enum=bpf_prog_types insn_cnt:u32 insns:u64:ptr license:u64:str "
        "log_level:u32 log_size:u32 log_buf:u64:str kern_version:u32:kernel_version "
        "prog_flags:u32:flags=bpf_prog_flags prog_name:c16 prog_ifindex:u32:ifindex "
        "expected_attach_type:u32:enum=bpf_attach_types prog_btf_fd:s32:fd "
        "func_info_rec_size:u32 func_info:u64:ptr func_info_cnt:u32 line_info_rec_size:u32 "
        "line_info:u64:ptr line_info_cnt:u32 attach_btf_id:u32 attach_prog_fd:s32:fd -pad:u32 "
        "fd_array:u64:ptr"
    ),
    "bpf_obj": "pathname:u64:path bpf_fd:s32:fd file_flags:u32:flags=bpf_file_flags",
    "bpf_prog_attach": (
        "target_fd:s32:fd attach_bpf_fd:s32:fd attach_type:u32:enum=bpf_attach_types "
        "attach_flags:u32:flags=bpf_attach_flags replace_bpf_fd:s32:fd"
    ),
    "bpf_prog_detach": (
        "target_fd:s32:fd -attach_bpf_fd:s32:fd attach_type:u32:enum=bpf_attach_types"
    ),
    "bpf_test": (
        "prog_fd:s32:fd retval:u32 data_size_in:u32 data_size_out:u32 data_in:u64:ptr "
        "data_out:u64:ptr repeat:u32 duration:u32 ctx_size_in:u32 ctx_size_out:u32 ctx_in:u64:ptr "
        "ctx_out:u64:ptr flags:u32:hex cpu:u32 batch_size:u32"
    ),
    "bpf_next_id": _NEXT_ID,
    "bpf_prog_by_id": _NEXT_ID.replace("start_id", "prog_id"),
    "bpf_map_by_id": _NEXT_ID.replace("start_id", "map_id"),
    "bpf_btf_by_id": "btf_id:u32",
    "bpf_link_by_id": "link_id:u32",
    "bpf_info": "bpf_fd:s32:fd info_len:u32 info:u64:ptr",
    "bpf_query": (
        "target_fd:s32:fd attach_type:u32:enum=bpf_attach_types "
        "query_flags:u32:flags=bpf_query_flags attach_flags:u32:flags=bpf_attach_flags "
        "prog_ids:u64:bpf_ids prog_cnt:u32"
    ),
    "bpf_raw_tracepoint": "name:u64:str prog_fd:s32:fd",
    "bpf_btf_load": (
        "btf:u64:ptr btf_log_buf:u64:ptr btf_size:u32 btf_log_size:u32 btf_log_level:u32"
    ),
    "bpf_task_fd_query": (
        "pid:u32 fd:s32:fd flags:u32 buf_len:u32 buf:u64:str prog_id:u32 "
        "fd_type:u32:enum=bpf_fd_types probe_offset:u64:hex probe_addr:u64:hex"
    ),
    "bpf_batch": _BATCH,
    "bpf_batch_update": _BATCH.replace("in_batch", "-in_batch").replace("out_batch", "-out_batch"),
    "bpf_batch_delete": (
        _BATCH.replace("in_batch", "-in_batch")
        .replace("out_batch", "-out_batch")
        .replace("values", "-values")
    ),
    "bpf_link_create": (
        "prog_fd:s32:fd target_fd:s32:fd attach_type:u32:enum=bpf_attach_types flags:u32:hex"
    ),
    "bpf_link_update": (
        "link_fd:s32:fd new_prog_fd:s32:fd flags:u32:flags=bpf_attach_flags ?old_prog_fd:s32:fd"
    ),
}
