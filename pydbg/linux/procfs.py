"""Facts from /proc (proc(5)), parsed; a process that vanished is a NoProcess error."""

from __future__ import annotations

import errno as _errno
import os
import struct

from pydbg.errors import DebuggerError, NoProcess, PtraceError
from pydbg.records import NamedTuple, Record

ADDR_NO_RANDOMIZE = 0x0040000
"""The bit of :func:`personality` that says: address space layout is not randomised."""

# What the kernel answers for a task that ended between two system calls.
_GONE = (_errno.ENOENT, _errno.ESRCH, _errno.ENOTDIR)


class Mapping(NamedTuple):
    """Hold one line of /proc/PID/maps; ``end`` is the first address behind it."""

    start: int
    end: int
    perms: str
    offset: int
    device: str
    inode: int
    path: str


class Stat(NamedTuple):
    """Hold the head of /proc/PID/stat.

    ``terminal`` is the controlling terminal's device number (0: none), ``foreground`` the
    terminal's foreground process group, ``start_ticks`` the start in clock ticks after boot,
    which with the pid names a process for good; ``flags`` are the kernel's PF_ bits.
    """

    pid: int
    comm: str
    state: str
    ppid: int
    pgrp: int
    session: int
    terminal: int
    foreground: int
    flags: int
    threads: int
    start_ticks: int
    user_ticks: int
    system_ticks: int


class CpuTime(Record):
    """Hold the CPU time of a task, in seconds."""

    user: float
    system: float


def _no_process(pid: int) -> NoProcess:
    return NoProcess(f"No such process: {pid}.")


def _read(pid: int, name: str) -> bytes:
    """Return a whole file of /proc/PID; ``pid`` may be any thread's id."""
    try:
        fd = os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _refused(pid, name, error) from None
    try:
        pieces = []
        while piece := os.read(fd, 1 << 16):
            pieces.append(piece)
        return b"".join(pieces)
    except OSError as error:
        raise _refused(pid, name, error) from None
    finally:
        os.close(fd)


def _link(pid: int, name: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/{name}")
    except OSError as error:
        raise _refused(pid, name, error) from None


def _refused(pid: int, name: str, error: OSError) -> NoProcess | PtraceError:
    if error.errno in _GONE:
        return _no_process(pid)
    # These files are guarded by the same check as ptrace itself (ptrace_may_access).
    return PtraceError(f"reading /proc/{pid}/{name}", pid, error.errno or 0)


def exists(pid: int) -> bool:
    """Say whether there is such a task, zombies included."""
    return os.access(f"/proc/{pid}", os.F_OK)


def parse_maps(text: str) -> list[Mapping]:
    """Parse the text of /proc/PID/maps.

    >>> line = "7f00-7f80 r-xp 00001000 08:01 42                 /usr/lib/a b.so (deleted)"
    >>> parse_maps(line)[0].path, hex(parse_maps(line)[0].end)
    ('/usr/lib/a b.so (deleted)', '0x7f80')
    """
    found = []
    # Not splitlines: a path may hold any character but the newline, which shows as \\012.
    for line in text.split("\n"):
        fields = line.split(None, 5)
        if len(fields) < 5:
            continue
        start, _, end = fields[0].partition("-")
        path = fields[5].replace("\\012", "\n") if len(fields) > 5 else ""
        found.append(
            Mapping(
                int(start, 16),
                int(end, 16),
                fields[1],
                int(fields[2], 16),
                fields[3],
                int(fields[4]),
                path,
            )
        )
    return found


def maps(pid: int) -> list[Mapping]:
    """Return the mappings of a process, by address."""
    return parse_maps(os.fsdecode(_read(pid, "maps")))


def tasks(pid: int) -> list[int]:
    """Return the thread ids of a process, in the kernel's order: by age."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError as error:
        raise _refused(pid, "task", error) from None


def children(pid: int) -> list[int]:
    """Return the child processes of one task (CONFIG_PROC_CHILDREN; empty without)."""
    try:
        return [int(word) for word in _read(pid, f"task/{pid}/children").split()]
    except NoProcess:
        if exists(pid):
            return []
        raise


def status(pid: int) -> dict[str, str]:
    """Return the fields of /proc/PID/status.

    >>> status(os.getpid())["Pid"] == str(os.getpid())
    True
    """
    pairs = (
        line.partition(":") for line in _read(pid, "status").decode("ascii", "replace").split("\n")
    )
    return {key: value.strip() for key, _, value in pairs if key}


def tracer_pid(tid: int) -> int:
    """Return the thread id of a task's tracer, 0 if it is not traced."""
    data = _read(tid, "status")
    start = data.find(b"\nTracerPid:")
    return int(data[start + 11 : data.index(b"\n", start + 1)]) if start >= 0 else 0


def traced_by_us(tid: int) -> bool:
    """Say whether the calling thread traces a task: TracerPid is a thread's id, not a process's."""
    from threading import get_native_id

    return tracer_pid(tid) == get_native_id()


def thread_group(tid: int) -> int:
    """Return the process that a thread belongs to."""
    data = _read(tid, "status")
    start = data.find(b"\nTgid:")
    return int(data[start + 6 : data.index(b"\n", start + 1)])


def parse_stat(data: bytes) -> Stat:
    """Parse /proc/PID/stat; the command's name may hold spaces and parentheses.

    >>> stat(os.getpid()).pid == os.getpid()
    True
    """
    head, _, rest = data.rpartition(b")")
    pid, _, comm_name = head.partition(b"(")
    fields = rest.split()
    number = [int(field) for field in fields[1:20]]
    return Stat(
        pid=int(pid),
        comm=os.fsdecode(comm_name),
        state=fields[0].decode(),
        ppid=number[0],
        pgrp=number[1],
        session=number[2],
        terminal=number[3],
        foreground=number[4],
        flags=number[5],
        threads=number[16],
        start_ticks=number[18],
        user_ticks=number[10],
        system_ticks=number[11],
    )


def stat(pid: int) -> Stat:
    """Return the head of /proc/PID/stat of a process or thread."""
    return parse_stat(_read(pid, "stat"))


def processor(tid: int) -> int:
    """Return the CPU that a task ran on last."""
    # Field 39 of the line; the third is the first behind the name.
    return int(_read(tid, "stat").rpartition(b")")[2].split()[36])


def runnable() -> int:
    """Return how many tasks run or want to, on all CPUs, the caller among them (proc_loadavg(5)).

    >>> runnable() >= 1
    True
    """
    try:
        with open("/proc/loadavg", "rb") as file:
            return int(file.read().split()[3].partition(b"/")[0])
    except (OSError, IndexError, ValueError):
        return 1  # Not told here: the caller is known.


def effective_capabilities(pid: int) -> int:
    """Return the effective capabilities, one bit for each (capabilities(7))."""
    return int(status(pid).get("CapEff", "0"), 16)


def clock(pid: int) -> CpuTime:
    """Return the CPU time that a task has used."""
    ticks = os.sysconf("SC_CLK_TCK")
    found = stat(pid)
    return CpuTime(found.user_ticks / ticks, found.system_ticks / ticks)


def parse_auxv(data: bytes, word_size: int) -> list[tuple[int, int]]:
    """Parse the auxiliary vector: (type, value) up to AT_NULL, which is left out.

    >>> parse_auxv(struct.pack("<6Q", 6, 4096, 9, 0x401000, 0, 0), 8)
    [(6, 4096), (9, 4198400)]
    """
    pair = struct.Struct("<2Q" if word_size == 8 else "<2I")
    found = []
    for kind, value in pair.iter_unpack(data[: len(data) - len(data) % pair.size]):
        if kind == 0:
            break
        found.append((kind, value))
    return found


def auxv(pid: int, word_size: int = 8) -> list[tuple[int, int]]:
    """Return the auxiliary vector (getauxval(3)) of a process."""
    return parse_auxv(_read(pid, "auxv"), word_size)


def exe(pid: int) -> str:
    """Return the program's path; " (deleted)" at its end means what it says."""
    return _link(pid, "exe")


def exe_file(pid: int) -> str:
    """Return a path that opens the program's file, also one that was deleted or replaced."""
    return f"/proc/{pid}/exe"


def inside(pid: int, path: str) -> str:
    """Return where a path of the process's can be opened from here.

    A process in a container or chroot has another root directory.

    >>> inside(os.getpid(), "/bin/sh")
    '/bin/sh'
    """
    there = f"/proc/{pid}/root"
    try:
        if os.path.samefile(there, "/"):
            return path
    except OSError:
        return path
    return there + path if os.path.exists(there + path) else path


def cwd(pid: int) -> str:
    """Return the current directory."""
    return _link(pid, "cwd")


def root(pid: int) -> str:
    """Return the root directory, which differs from / in a container or chroot."""
    return _link(pid, "root")


def cmdline(pid: int) -> list[str]:
    """Return the arguments; empty for a zombie and for a kernel thread."""
    data = _read(pid, "cmdline")
    return [os.fsdecode(word) for word in data.removesuffix(b"\0").split(b"\0")] if data else []


def environ(pid: int) -> dict[str, str]:
    """Return the environment that the program was started with."""
    words = (os.fsdecode(word) for word in _read(pid, "environ").split(b"\0") if word)
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def comm(tid: int) -> str:
    """Return a thread's name, at most 15 bytes."""
    return os.fsdecode(_read(tid, "comm").removesuffix(b"\n"))


def personality(pid: int) -> int:
    """Return the execution domain (personality(2)); see ADDR_NO_RANDOMIZE."""
    return int(_read(pid, "personality"), 16)


def fd_path(pid: int, fd: int) -> str | None:
    """Return what a file descriptor is open on, or None if it is not open.

    >>> with open("/dev/null") as null:
    ...     fd_path(os.getpid(), null.fileno())
    '/dev/null'
    """
    try:
        return os.readlink(f"/proc/{pid}/fd/{fd}")
    except OSError:
        return None


def interface_name(index: int) -> str | None:
    """Return the name of a network interface, or None.

    >>> interface_name(1), interface_name(123456789)
    ('lo', None)
    """
    import socket

    try:
        return socket.if_indextoname(index)
    except OSError:
        return None


def netlink_protocol(pid: int, fd: int) -> int | None:
    """Return the protocol of a netlink socket (NETLINK_ROUTE is 0); None for any other file.

    >>> netlink_protocol(os.getpid(), 0) is None
    True
    """
    path = fd_path(pid, fd)
    if path is None or not path.startswith("socket:["):
        return None
    inode = path[8:-1].encode()
    try:
        table = _read(pid, "net/netlink")
    except DebuggerError:
        return None
    # Columns: sk, protocol, pid, groups, ... inode last.
    for line in table.splitlines()[1:]:
        columns = line.split()
        if columns[-1] == inode:
            return int(columns[1])
    return None


def fds(pid: int) -> dict[int, str]:
    """Return the open file descriptors of a process and what they are open on."""
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError as error:
        raise _refused(pid, "fd", error) from None
    found = ((int(name), fd_path(pid, int(name))) for name in names)
    return {fd: path for fd, path in sorted(found) if path is not None}
