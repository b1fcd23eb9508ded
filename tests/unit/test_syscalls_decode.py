"""Decoding on made-up memory: entry and return, what cannot be read, the limits, i386."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydbg.errors import MemoryFault
from pydbg.syscalls.decode import decode
from pydbg.syscalls.flags import enum_text, flags_text, quote
from pydbg.syscalls.structs import STRUCTS, layout
from pydbg.syscalls.table import table_for

BASE = 0x10000


class FakeMemory:
    """Hold whole pages of memory from BASE on (``exact``: not a byte more), and descriptors."""

    def __init__(
        self,
        data: bytes = b"",
        fds: dict[int, str] | None = None,
        word_size: int = 8,
        exact: bool = False,
    ) -> None:
        self.word_size = word_size
        self.data = data if exact else data.ljust(-(-len(data) // 4096) * 4096, b"\0")
        self.fds = fds or {}

    def read(self, addr: int, size: int, /) -> bytes:
        start = addr - BASE
        if start < 0 or start + size > len(self.data):
            raise MemoryFault(addr, size)
        return self.data[start : start + size]

    def fd_path(self, fd: int, /) -> str | None:
        return self.fds.get(fd)


def line(
    name: str, *args: int, memory: FakeMemory | None = None, ret: int | None = None,
    abi: str = "x86_64", limit: int = 32,
) -> str:  # fmt: skip
    """Return the line at the entry, or at the return where there is a result."""
    call = table_for(abi).by_name(name)
    assert call is not None
    memory = memory or FakeMemory(word_size=4 if abi == "i386" else 8)
    entry = decode(call, args, memory, limit=limit)
    if ret is None:
        return entry.line()
    return decode(call, args, memory, ret=ret, phase="return", entry=entry, limit=limit).line()


def test_write_shows_path_and_string() -> None:
    memory = FakeMemory(b"hello\n", {1: "/dev/pts/0"})
    assert line("write", 1, BASE, 6, memory=memory) == r'write(1</dev/pts/0>, "hello\n", 6)'
    done = line("write", 1, BASE, 6, memory=memory, ret=6)
    assert done == r'write(1</dev/pts/0>, "hello\n", 6) = 6'


def test_out_parameters_are_addresses_at_entry_and_after_a_failure() -> None:
    memory = FakeMemory(b"abc")
    assert line("read", 0, BASE, 3, memory=memory) == "read(0, 0x10000, 3)"
    assert line("read", 0, BASE, 3, memory=memory, ret=2) == 'read(0, "ab", 3) = 2'
    assert line("read", 0, BASE, 3, memory=memory, ret=-5) == (
        "read(0, 0x10000, 3) = -1 EIO (Input/output error)"
    )


@pytest.mark.parametrize(
    ("ret", "text"),
    [
        (0, "0"),
        (-2, "-1 ENOENT (No such file or directory)"),
        (-512, "? ERESTARTSYS (To be restarted if SA_RESTART is set)"),
        (-513, "? ERESTARTNOINTR (To be restarted)"),
        (-514, "? ERESTARTNOHAND (To be restarted if no handler)"),
        (-516, "? ERESTART_RESTARTBLOCK (Interrupted by signal)"),
        (-4000, "-1 (errno 4000)"),
        (-4096, "-4096"),
    ],
)
def test_results(ret: int, text: str) -> None:
    assert line("fsync", 3, ret=ret) == f"fsync(3) = {text}"


def test_a_call_that_does_not_return_has_a_question_mark() -> None:
    call = table_for("x86_64").by_name("exit_group")
    assert call is not None
    assert decode(call, (3,), FakeMemory(), phase="return").line() == "exit_group(3) = ?"


@pytest.mark.parametrize(
    ("name", "ret", "text"),
    [
        ("brk", 0x555555559000, "brk(NULL) = 0x555555559000"),
        ("mmap", 0x7FFFF7FC1000, None),
        ("getppid", 42, "getppid() = 42"),
        ("umask", 0o22, "umask(000) = 022"),
        ("sched_getscheduler", 0, "sched_getscheduler(0) = 0 (SCHED_OTHER)"),
    ],
)
def test_results_have_their_own_kind(name: str, ret: int, text: str | None) -> None:
    got = line(name, 0, 0, 0, 0, 0, 0, ret=ret)
    assert got == text if text else got.endswith(f" = {ret:#x}")


def test_the_path_of_a_closed_descriptor_is_kept_from_the_entry() -> None:
    call = table_for("x86_64").by_name("close")
    assert call is not None
    memory = FakeMemory(fds={3: "/etc/passwd"})
    entry = decode(call, (3,), memory)
    memory.fds.clear()
    done = decode(call, (3,), memory, ret=0, phase="return", entry=entry)
    assert done.line() == "close(3</etc/passwd>) = 0"
    assert decode(call, (3,), memory, ret=0, phase="return").line() == "close(3) = 0"


def test_descriptors_print_as_with_strace_y() -> None:
    fds = {3: "pipe:[12]", 4: "/memfd:x (deleted)", 5: "/a<b>\n", -100: "/home/me"}
    memory = FakeMemory(b"x\0", fds)
    assert line("close", 3, memory=memory) == "close(3<pipe:[12]>)"
    assert line("close", 4, memory=memory) == "close(4</memfd:x>(deleted))"
    assert line("close", 5, memory=memory) == r"close(5</a\74b\76\n>)"
    assert line("openat", -100 % 2**64, BASE, 0x80000, memory=memory) == (
        'openat(AT_FDCWD</home/me>, "x", O_RDONLY|O_CLOEXEC)'
    )


def test_open_shows_its_mode_only_where_it_counts() -> None:
    memory = FakeMemory(b"/x\0")
    assert line("open", BASE, 0, 0o777, memory=memory) == 'open("/x", O_RDONLY)'
    assert line("open", BASE, 0o101, 0o644, memory=memory) == 'open("/x", O_WRONLY|O_CREAT, 0644)'


def test_long_strings_are_cut_and_paths_are_not() -> None:
    memory = FakeMemory(b"a" * 40 + b"\0")
    assert line("write", 1, BASE, 40, memory=memory) == f'write(1, "{"a" * 32}"..., 40)'
    assert line("chdir", BASE, memory=memory) == f'chdir("{"a" * 40}")'
    assert line("mq_unlink", BASE, memory=memory) == f'mq_unlink("{"a" * 32}"...)'
    assert line("mq_unlink", BASE, memory=memory, limit=40) == f'mq_unlink("{"a" * 40}")'


@pytest.mark.parametrize("name", ["chdir", "mq_unlink", "execve", "sethostname", "uname"])
def test_what_cannot_be_read_is_an_address(name: str) -> None:
    assert line(name, 0x30, 5, 0).startswith(f"{name}(0x30")
    assert line(name, 0, 0, 0).startswith(f"{name}(NULL")


def test_a_string_that_runs_into_nothing_is_an_address() -> None:
    memory = FakeMemory(b"a" * 4096)
    assert line("chdir", BASE + 1, memory=memory) == "chdir(0x10001)"
    assert line("chdir", BASE, memory=memory) == f'chdir("{"a" * 4095}"...)'


def test_vectors() -> None:
    words = struct.pack("<3Q", BASE + 32, BASE + 34, 0)
    memory = FakeMemory(words.ljust(32, b"\0") + b"a\0bc\0")
    assert line("execve", BASE + 32, BASE, BASE, memory=memory) == (
        'execve("a", ["a", "bc"], 0x10000 /* 2 vars */)'
    )
    one = FakeMemory(struct.pack("<2Q", BASE + 16, 0) + b"a\0")
    assert line("execve", 0, BASE, BASE, memory=one) == ('execve(NULL, ["a"], 0x10000 /* 1 var */)')
    endless = FakeMemory(struct.pack("<2Q", BASE, BASE), exact=True)
    assert "/* 2 vars, unterminated */" in line("execve", 0, 0, BASE, memory=endless)


def test_structs_are_read_at_the_return() -> None:
    memory = FakeMemory(struct.pack("<qq", 5, 6))
    assert line("clock_gettime", 1, BASE, memory=memory) == (
        "clock_gettime(CLOCK_MONOTONIC, 0x10000)"
    )
    assert line("clock_gettime", 1, BASE, memory=memory, ret=0) == (
        "clock_gettime(CLOCK_MONOTONIC, {tv_sec=5, tv_nsec=6}) = 0"
    )


def test_structs_of_i386_have_their_own_layout() -> None:
    memory = FakeMemory(struct.pack("<ii", 5, -6), word_size=4)
    assert line("clock_gettime", 1, BASE, memory=memory, ret=0, abi="i386") == (
        "clock_gettime(CLOCK_MONOTONIC, {tv_sec=5, tv_nsec=4294967290}) = 0"
    )
    assert layout("stat" if "stat" in STRUCTS else "rlimit", 4).size == 8


def test_64_bit_values_in_two_registers_of_i386() -> None:
    assert line("pread64", 3, 0, 0, 1, 2, abi="i386") == "pread64(3, NULL, 0, 8589934593)"
    assert line("ftruncate64", 3, 0xFFFFFFFF, 0, abi="i386") == "ftruncate64(3, 4294967295)"
    assert line("fallocate", 3, 0, 5, 0, 7, 0, abi="i386") == "fallocate(3, 0, 5, 7)"
    assert line("brk", 0xFFFFF000, abi="i386", ret=-4096) == "brk(0xfffff000) = 0xfffff000"


def test_socketcall_and_ipc_show_the_call_that_is_meant() -> None:
    memory = FakeMemory(struct.pack("<3I", 2, 1, 0), word_size=4)
    assert line("socketcall", 1, BASE, memory=memory, ret=3, abi="i386") == (
        "socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 3"
    )
    assert line("socketcall", 99, BASE, memory=memory, abi="i386") == "socketcall(99, 0x10000)"
    assert line("socketcall", 1, 4, memory=memory, abi="i386") == "socketcall(SYS_SOCKET, 0x4)"
    assert line("ipc", 23, 0, 4096, 0o1600, 0, 0, abi="i386") == (
        "shmget(IPC_PRIVATE, 4096, IPC_CREAT|0600)"
    )


def test_clone_prints_in_straces_order() -> None:
    flags = 0x01200011
    assert line("clone", flags, 0, 0, 0x7000, 0, ret=9) == (
        "clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, "
        "child_tidptr=0x7000) = 9"
    )


def test_wait_status() -> None:
    memory = FakeMemory(struct.pack("<I", 0x8B))
    done = line("wait4", -1 % 2**64, BASE, 1, 0, memory=memory, ret=9)
    assert done == (
        "wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}], WNOHANG, NULL) = 9"
    )
    assert line("wait4", -1 % 2**64, BASE, 1, 0, memory=memory, ret=0) == (
        "wait4(-1, 0x10000, WNOHANG, NULL) = 0"
    )


def test_poll_tells_what_came_back() -> None:
    memory = FakeMemory(struct.pack("<ihhihh", 3, 1, 1, -1, 1, 0))
    assert line("poll", BASE, 2, 5, memory=memory, ret=1) == (
        "poll([{fd=3, events=POLLIN}, {fd=-1}], 2, 5) = 1 ([{fd=3, revents=POLLIN}])"
    )
    assert line("poll", BASE, 2, 5, memory=memory, ret=0).endswith(" = 0 (Timeout)")


def test_length_of_an_address_shows_what_changed() -> None:
    call = table_for("x86_64").by_name("accept")
    assert call is not None
    address = struct.pack("<H", 2) + struct.pack(">H4s8x", 80, bytes((127, 0, 0, 1)))
    memory = FakeMemory(address + struct.pack("<i", 128))
    args = (3, BASE, BASE + 16)
    entry = decode(call, args, memory)
    assert entry.line() == "accept(3, 0x10000, 0x10010)"
    memory.data = address + struct.pack("<i", 16)
    done = decode(call, args, memory, ret=4, phase="return", entry=entry)
    assert done.line() == (
        'accept(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, '
        "[128 => 16]) = 4"
    )


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\1\0/a\0", '{sa_family=AF_UNIX, sun_path="/a"}'),
        (b"\1\0\0ab", '{sa_family=AF_UNIX, sun_path=@"ab"}'),
        (b"\1\0", "{sa_family=AF_UNIX}"),
        (
            struct.pack("<HHiI", 16, 0, 7, 1),
            "{sa_family=AF_NETLINK, nl_pid=7, nl_groups=0x000001}",
        ),
        (b"\xfe\0ab", '{sa_family=0xfe /* AF_??? */, sa_data="ab"}'),
        (b"\2\0a", '{sa_family=AF_INET, sa_data="a"}'),
    ],
)
def test_socket_addresses(data: bytes, text: str) -> None:
    memory = FakeMemory(data)
    assert line("bind", 3, BASE, len(data), memory=memory) == f"bind(3, {text}, {len(data)})"


def test_names_can_be_shown() -> None:
    call = table_for("x86_64").by_name("lseek")
    assert call is not None
    shown = decode(call, (3, 5, 1), FakeMemory()).line(names=True)
    assert shown == "lseek(fd=3, offset=5, whence=SEEK_CUR)"


def test_an_unknown_call_prints_its_registers() -> None:
    call = table_for("x86_64").call(9999)
    text = decode(call, (1, 2, 0, 4, 5, 6), FakeMemory()).line()
    assert text == "syscall_0x270f(0x1, 0x2, 0, 0x4, 0x5, 0x6)"


def test_flags_and_enumerations() -> None:
    assert flags_text(5, "mmap_prot") == "PROT_READ|PROT_EXEC"
    assert flags_text(0x105, "mmap_prot") == "PROT_READ|PROT_EXEC|0x100"
    assert flags_text(0x100, "mmap_prot") == "0x100 /* PROT_??? */"
    assert flags_text(0x100, "zero") == "0x100"
    assert enum_text(0, "epoll_ctl") == "0 /* EPOLL_CTL_??? */"


@given(st.binary(max_size=80))
def test_quoted_bytes_read_back(data: bytes) -> None:
    # A C compiler's rules, which Python's latin-1 escapes share for octal.
    inner = quote(data)[1:-1]
    back = inner.encode().decode("unicode_escape").encode("latin-1")
    assert back == data


words = st.one_of(
    st.integers(min_value=0, max_value=2**64 - 1),
    st.integers(min_value=0, max_value=64),
    st.just(BASE),
    st.integers(min_value=BASE, max_value=BASE + 200),
)


@given(
    number=st.integers(min_value=0, max_value=471),
    args=st.lists(words, min_size=6, max_size=6),
    data=st.binary(max_size=200),
    ret=st.one_of(st.integers(min_value=-600, max_value=300), st.just(-(2**63))),
    abi=st.sampled_from(["x86_64", "i386", "x32"]),
    exact=st.booleans(),
)
def test_nothing_in_registers_or_memory_breaks_it(
    number: int, args: list[int], data: bytes, ret: int, abi: str, exact: bool
) -> None:
    memory = FakeMemory(data, {0: "/x"}, word_size=4 if abi == "i386" else 8, exact=exact)
    table = table_for(abi)
    call = table.call(number | (0x40000000 if abi == "x32" else 0))
    entry = decode(call, args, memory)
    for known in (entry, None):
        done = decode(call, args, memory, ret=ret, phase="return", entry=known)
        assert "\n" not in done.line()
