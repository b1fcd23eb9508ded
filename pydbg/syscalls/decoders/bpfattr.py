"""Decoders of bpf: the members of union bpf_attr that the command reads.

Sources: bpf(2), the kernel's include/uapi/linux/bpf.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.syscalls.decoders import decode_value, field_text, pointer_text
from pydbg.syscalls.flags import flag_set, quote_hex
from pydbg.syscalls.structs import layout

if TYPE_CHECKING:
    from pydbg.syscalls.context import Context, Decoder

__all__ = ["KINDS"]

_U32 = 0xFFFFFFFF

# Command -> the struct, and the member of the union that it is, where it has a name.
_ATTRIBUTES = {
    "BPF_MAP_CREATE": "bpf_map_create",
    "BPF_MAP_LOOKUP_ELEM": "bpf_map_lookup",
    "BPF_MAP_UPDATE_ELEM": "bpf_map_update",
    "BPF_MAP_DELETE_ELEM": "bpf_map_delete",
    "BPF_MAP_GET_NEXT_KEY": "bpf_map_next",
    "BPF_MAP_LOOKUP_AND_DELETE_ELEM": "bpf_map_lookup",
    "BPF_MAP_FREEZE": "bpf_map_freeze",
    "BPF_PROG_LOAD": "bpf_prog_load",
    "BPF_OBJ_PIN": "bpf_obj",
    "BPF_OBJ_GET": "bpf_obj",
    "BPF_PROG_ATTACH": "bpf_prog_attach",
    "BPF_PROG_DETACH": "bpf_prog_detach",
    "BPF_PROG_TEST_RUN": "bpf_test test",
    "BPF_PROG_GET_NEXT_ID": "bpf_next_id",
    "BPF_MAP_GET_NEXT_ID": "bpf_next_id",
    "BPF_BTF_GET_NEXT_ID": "bpf_next_id",
    "BPF_LINK_GET_NEXT_ID": "bpf_next_id",
    "BPF_PROG_GET_FD_BY_ID": "bpf_prog_by_id",
    "BPF_MAP_GET_FD_BY_ID": "bpf_map_by_id",
    "BPF_BTF_GET_FD_BY_ID": "bpf_btf_by_id",
    "BPF_LINK_GET_FD_BY_ID": "bpf_link_by_id",
    "BPF_OBJ_GET_INFO_BY_FD": "bpf_info info",
    "BPF_PROG_QUERY": "bpf_query query",
    "BPF_RAW_TRACEPOINT_OPEN": "bpf_raw_tracepoint raw_tracepoint",
    "BPF_BTF_LOAD": "bpf_btf_load",
    "BPF_TASK_FD_QUERY": "bpf_task_fd_query task_fd_query",
    "BPF_MAP_LOOKUP_BATCH": "bpf_batch batch",
    "BPF_MAP_LOOKUP_AND_DELETE_BATCH": "bpf_batch batch",
    "BPF_MAP_UPDATE_BATCH": "bpf_batch_update batch",
    "BPF_MAP_DELETE_BATCH": "bpf_batch_delete batch",
    "BPF_LINK_CREATE": "bpf_link_create link_create",
    "BPF_LINK_UPDATE": "bpf_link_update link_update",
}


def _attribute(context: Context, addr: int, _: str) -> str:
    name = flag_set("bpf_commands").by_value.get(context.arg("cmd") & _U32, "")
    row, _, label = _ATTRIBUTES.get(name, "").partition(" ")
    size = context.arg("size") & _U32
    if not row or not addr or not size:
        return pointer_text(addr)
    data = context.read(addr, min(size, 4096))
    if data is None:
        return pointer_text(addr)
    parts: list[str] = []
    end = 0
    for field in layout(row, 8).fields:
        if field.offset + field.size > len(data):
            break
        end = field.offset + field.size
        raw = data[field.offset : end]
        if field.name == "old_prog_fd" and not data[8] & 4:  # BPF_F_REPLACE
            continue
        if field.name in _hidden(row) or (field.optional and not any(raw)):
            continue
        text = field_text(context, data, field)
        if field.kind == "bpf_ids":
            # The count stands behind the pointer.
            text = _ids(context, int.from_bytes(raw, "little"), data[end : end + 4])
        if field.name == "insns" and context.verbose:
            from pydbg.syscalls.decoders.whole import extended_text

            count = int.from_bytes(data[4:8], "little")
            text = extended_text(context, int.from_bytes(raw, "little"), count)
        parts.append(f"{field.name}={text}")
    inner = ", ".join(parts)
    if label:
        inner = f"{label}={{{inner}}}"
    if not any(data[end:]):
        return f"{{{inner}}}"
    if context.verbose:
        shown = f"extra_data={quote_hex(data[end:])} /* bytes {end}..{len(data) - 1} */"
        return f"{{{inner}, {shown}}}"
    return f"{{{inner}, ...}}"


def _hidden(row: str) -> frozenset[str]:
    shape = layout(row, 8)
    return frozenset(field.name for field in shape.fields) - {field.name for field in shape.full}


def _ids(context: Context, addr: int, count_data: bytes) -> str:
    count = int.from_bytes(count_data, "little")
    if not count:
        return "[]"
    data = context.read(addr, 4 * min(count, context.members)) if addr else None
    if data is None:
        return pointer_text(addr)
    texts = [str(int.from_bytes(data[at : at + 4], "little")) for at in range(0, len(data), 4)]
    return f"[{', '.join(texts)}{', ...' if count > context.members else ''}]"


def _kernel_version(_context: Context, value: int, _: str) -> str:
    return f"KERNEL_VERSION({value >> 16}, {value >> 8 & 0xFF}, {value & 0xFF})"


def _pointer(context: Context, value: int, _: str) -> str:
    return decode_value(context, value, "ptr", "") or ""


KINDS: dict[str, Decoder] = {
    "bpf_attr": _attribute,
    "bpf_ids": _pointer,
    "kernel_version": _kernel_version,
}
