"""The tables: numbers, names, groups, and what a word of ``catch syscall`` means."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydbg.errors import UsageError
from pydbg.syscalls.constants import SETS
from pydbg.syscalls.decoders import _results, find
from pydbg.syscalls.structs import STRUCTS
from pydbg.syscalls.table import Syscall, SyscallTable, table_for

GDB = Path("/usr/share/gdb/syscalls")
ABIS = {"x86_64": "amd64-linux.xml", "i386": "i386-linux.xml"}
HEADERS = {"x86_64": "unistd_64.h", "i386": "unistd_32.h", "x32": "unistd_x32.h"}


def every_call(table: SyscallTable) -> list[Syscall]:
    """Return all rows of a table, parsed."""
    calls = [table.by_name(name) for name in table.names()]
    return [call for call in calls if call is not None]


@pytest.mark.parametrize("abi", HEADERS)
def test_numbers_are_the_kernel_headers(abi: str) -> None:
    source = f"#include <asm/{HEADERS[abi]}>\n"
    run = subprocess.run(
        ["gcc", "-E", "-dM", "-"], input=source, capture_output=True, text=True, check=True
    )
    table = table_for(abi)
    found = re.findall(
        r"#define __NR_(\w+) \(?(?:__X32_SYSCALL_BIT \+ )?(\d+)\)?$", run.stdout, re.M
    )
    assert len(found) > 350
    bit = 0x40000000 if abi == "x32" else 0
    for name, number in found:
        call = table.by_name(name)
        assert call is not None, name
        assert call.number == bit + int(number), name


@pytest.mark.parametrize("abi", ABIS)
def test_numbers_go_to_471_without_a_gap(abi: str) -> None:
    table = table_for(abi)
    # The kernel reserves no number from 424 on; before that it has left some unused.
    assert all(table.by_number(number) for number in range(424, 472))
    assert table.by_number(472) is None


def test_x86_64_has_every_number_to_the_first_gap() -> None:
    table = table_for("x86_64")
    assert [number for number in range(337) if table.by_number(number) is None] == []


@pytest.mark.parametrize("abi", ABIS)
def test_groups_have_gdbs_members(abi: str) -> None:
    table = table_for(abi)
    root = ElementTree.parse(GDB / ABIS[abi]).getroot()
    rows = [row.attrib for row in root.iter("syscall")]
    assert len(rows) > 350
    for row in rows:
        call = table.by_number(int(row["number"]))
        assert call is not None, row
        # gdb keeps some names that the kernel has changed since.
        assert call.name == row["name"] or row["name"] in {"umount2", "fstatat64"}, row
        groups = set(filter(None, row.get("groups", "").split(",")))
        assert groups <= call.groups, row


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ("process", "clone3 execveat kill pidfd_send_signal unshare"),
        ("descriptor", "close_range openat2 dup3 memfd_create pidfd_getfd cachestat epoll_pwait2"),
        ("file", "openat2 faccessat2 execveat statx fchmodat2 renameat2 setxattrat"),
        ("memory", "mlock2 pkey_mprotect mseal map_shadow_stack process_madvise"),
        ("signal", "pidfd_send_signal rt_sigqueueinfo tgkill"),
        ("network", "accept4 sendmmsg recvmmsg"),
        ("ipc", "semtimedop shmat msgrcv"),
    ],
)
def test_groups_have_the_calls_gdb_forgot(group: str, names: str) -> None:
    table = table_for("x86_64")
    members = table.resolve(f"group:{group}")
    assert members == table.resolve(f"g:{group}")
    for name in names.split():
        assert table.resolve(name) <= members, name


@pytest.mark.parametrize("abi", ["x86_64", "i386", "x32"])
def test_every_row_can_be_decoded(abi: str) -> None:
    for call in every_call(table_for(abi)):
        names = [arg.name for arg in call.args]
        assert len(names) == len(set(names)) <= 6, call
        assert call.ret == "int" or call.ret in _results(), call
        for arg in call.args:
            assert find(arg.kind) or arg.kind in STRUCTS, (call.name, arg)
            if arg.kind.startswith(("flags", "enum", "ipc_cmd")) and arg.param:
                assert arg.param in SETS, (call.name, arg)
            elif arg.param and arg.kind not in ("intp", "ulongp", "lo64"):
                for part in arg.param.lstrip("*").split("/"):
                    assert part in names or part == "ret" or part.isdecimal(), (call.name, arg)


def test_every_struct_field_can_be_decoded() -> None:
    for name, text in STRUCTS.items():
        for token in text.split():
            kind, _, param = (token.split(":")[2:] or [""])[0].partition("=")
            assert not kind or kind == "ulongs" or find(kind), (name, token)
            if kind.startswith(("flags", "enum")) and param:
                assert param in SETS, (name, token)


def test_resolve_takes_names_numbers_groups_and_patterns() -> None:
    table = table_for("x86_64")
    assert table.resolve("write") == {1}
    assert table.resolve("1") == {1}
    assert table.resolve("0x10") == {16}
    assert table.resolve("010") == {8}
    assert table.resolve("9999") == {9999}
    assert table.resolve("%net") == table.resolve("%network") >= table.resolve("socket")
    assert table.resolve("%%stat") > table.resolve("%stat")
    assert table.resolve("/^epoll_") == {
        number for number in range(472) if table.call(number).name.startswith("epoll_")
    }


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nosuch", "Unknown syscall name 'nosuch'."),
        ("wirte", "Unknown syscall name 'wirte'.  Did you mean 'write' or 'writev'?"),
        ("group:nosuch", "Unknown syscall group 'nosuch'."),
        ("g:fil", "Unknown syscall group 'fil'.  Did you mean 'file'?"),
        ("%fille", "Unknown syscall group '%fille'.  Did you mean '%file'?"),
        ("/nosuch", "No syscall name matches 'nosuch'."),
        ("12x", "Unknown syscall name '12x'."),
        ("", "Unknown syscall name ''."),
    ],
)
def test_resolve_says_what_is_wrong(spec: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        table_for("x86_64").resolve(spec)
    assert str(error.value) == message


@given(st.text(max_size=12))
def test_resolve_raises_nothing_else(spec: str) -> None:
    try:
        table_for("x86_64").resolve(spec)
        table_for("i386").resolve("%" + spec)
    except UsageError as error:
        assert "\n" not in str(error).replace(spec, "")


def test_unknown_numbers_have_a_row_that_can_be_printed() -> None:
    call = table_for("x86_64").call(9999)
    assert (call.name, call.number, len(call.args)) == ("syscall_0x270f", 9999, 6)
    assert table_for("x86_64").by_number(9999) is None


def test_unknown_abi_is_an_error() -> None:
    with pytest.raises(UsageError, match="No system call table for 'mips'"):
        table_for("mips")


def test_looking_up_one_call_imports_no_decoder() -> None:
    code = (
        "import sys; from pydbg.syscalls.table import table_for; table_for('x86_64').by_number(1);"
        "print([name for name in sys.modules if name.startswith('pydbg.syscalls.')"
        " and name.split('.')[2] not in ('table', 'rows')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
