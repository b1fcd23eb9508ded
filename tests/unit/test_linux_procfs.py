"""Parsers of /proc text, on text that is hard to parse."""

from __future__ import annotations

import os

import pytest

from pydbg.errors import NoProcess
from pydbg.linux import procfs

NOBODY = (1 << 22) + 1


def test_stat_with_a_nasty_name() -> None:
    line = b"7 (a) R (b) S 1 7 7 34816 9 4194304 " + b" ".join(b"%d" % n for n in range(60))
    stat = procfs.parse_stat(line)
    assert (stat.comm, stat.state, stat.ppid, stat.terminal) == ("a) R (b", "S", 1, 34816)
    assert (stat.foreground, stat.flags) == (9, 4194304)


def test_maps_with_odd_paths() -> None:
    text = (
        "00400000-00401000 r-xp 00000000 00:00 0 \n"
        "7ffd0000-7ffd1000 rw-p 00000000 00:00 0                          [stack]\n"
        "7f00-8f00 r--s 00001000 fe:01 12345      /tmp/two words\\012line (deleted)\n"
        "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0          [vsyscall]\n"
    )
    rows = procfs.parse_maps(text)
    assert [row.path for row in rows] == [
        "",
        "[stack]",
        "/tmp/two words\nline (deleted)",
        "[vsyscall]",
    ]
    assert rows[3].start == 0xFFFFFFFFFF600000
    assert rows[2].inode == 12345


def test_auxv_of_both_word_sizes_and_cut_off() -> None:
    data = bytes([3, 0, 0, 0, 52, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    assert procfs.parse_auxv(data, 4) == [(3, 52)]
    assert procfs.parse_auxv(data[:7], 4) == []
    assert procfs.parse_auxv(b"", 8) == []


def test_facts_about_this_process() -> None:
    me = os.getpid()
    assert procfs.exe(me) == os.readlink("/proc/self/exe")
    assert procfs.cwd(me) == os.getcwd()
    assert me in procfs.tasks(me)
    assert procfs.thread_group(me) == me
    assert procfs.stat(me).ppid == os.getppid()
    assert procfs.tracer_pid(me) == 0
    assert procfs.environ(me).keys() <= {*os.environ, *procfs.environ(me)}
    assert any(row.path == "[stack]" for row in procfs.maps(me))
    assert dict(procfs.auxv(me))[6] == os.sysconf("SC_PAGESIZE")
    assert procfs.clock(me).user >= 0
    assert procfs.processor(me) in range(os.cpu_count() or 1)
    assert f"{procfs.effective_capabilities(me):016x}" == procfs.status(me)["CapEff"]


NAMES = """maps tasks children status tracer_pid thread_group stat auxv exe cwd root cmdline
environ comm personality fds clock processor effective_capabilities"""


@pytest.mark.parametrize("name", NAMES.split())
def test_a_missing_process_is_an_error(name: str) -> None:
    with pytest.raises(NoProcess):
        getattr(procfs, name)(NOBODY)
    assert procfs.fd_path(NOBODY, 0) is None
    assert not procfs.exists(NOBODY)
