"""Requests, waits and memory, on programs that are started for it."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pydbg.errors import DebuggerError, MemoryFault, NoProcess, PtraceError, ThreadGone
from pydbg.linux import procfs, ptrace, wait
from pydbg.linux.memory import ProcessMemory
from pydbg.linux.spawn import LaunchSpec, spawn
from pydbg.rawstops import (
    EventStop,
    GroupStop,
    RawStop,
    SeccompStop,
    SignalStop,
    SyscallStop,
    ThreadExit,
    ThreadKilled,
)
from tests.support.build import build
from tests.support.oracle import gdb_registers, strace

OPTIONS = (
    ptrace.O_EXITKILL
    | ptrace.O_TRACESYSGOOD
    | ptrace.O_TRACECLONE
    | ptrace.O_TRACEFORK
    | ptrace.O_TRACEVFORK
    | ptrace.O_TRACEEXEC
)
RIP = 16 * 8

Start = Callable[..., int]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start programs that are killed at the end."""
    pids = []

    def begin(program: str | Path, *args: str, options: int = OPTIONS, **more: object) -> int:
        spec = LaunchSpec(
            argv=[str(program), *args],
            path=str(program),
            env=dict(os.environ),
            stdout="/dev/null",
            **more,  # type: ignore[arg-type]
        )
        pids.append(spawn(spec, options))
        return pids[-1]

    yield begin
    for pid in pids:
        finish(pid)


def finish(pid: int) -> None:
    """Kill a tracee and everything that was traced with it."""
    try:
        os.kill(pid, signal.SIGKILL)
        while True:
            tid, status = next_stop({pid})
            if not isinstance(wait.decode(tid, status), ThreadExit | ThreadKilled):
                ptrace.cont(tid)
            elif tid == pid:
                return
    except (ProcessLookupError, NoProcess, ThreadGone):
        return


def next_stop(tids: set[int]) -> tuple[int, int]:
    found = wait.wait_any(tids)
    assert found is not None
    return found


def run_on(pid: int, request: Callable[[int, int], None] = ptrace.cont) -> list[RawStop]:
    """Run a program with all its threads and children to its end; return all stops."""
    tids = {pid}
    stops: list[RawStop] = []
    request(pid, 0)
    while tids:
        try:
            tid, status = next_stop(tids)
        except NoProcess:
            break
        stop = wait.decode(tid, status)
        stops.append(stop)
        if isinstance(stop, ThreadExit | ThreadKilled):
            tids.discard(tid)
            continue
        tids.add(tid)
        signo = stop.signo if isinstance(stop, SignalStop) else 0
        try:
            request(tid, signo)
        except ThreadGone:
            continue
    return stops


def register(tid: int, offset: int) -> int:
    regs = bytearray(ptrace.USER_REGS_SIZE)
    ptrace.getregs(tid, regs)
    return int(struct.unpack_from("<Q", regs, offset)[0])


# --- registers -----------------------------------------------------------------------------


def test_registers_at_an_int3_are_gdbs(start: Start) -> None:
    program = build("traps.S")
    pid = start(program)
    ptrace.cont(pid)
    assert wait.wait_tracee(pid) == (pid, 0x57F)
    regs = bytearray(ptrace.USER_REGS_SIZE)
    ptrace.getregs(pid, regs)
    words = struct.unpack("<27Q", regs)
    theirs = gdb_registers(program, "run")
    names = {"rax": 10, "rbx": 5, "rcx": 11, "rdx": 12, "rsi": 13, "rip": 16, "eflags": 18}
    assert {name: words[at] for name, at in names.items()} == {
        name: theirs[name] & (1 << 64) - 1 for name in names
    }
    assert ptrace.getregset(pid, ptrace.NT_PRSTATUS) == bytes(regs)
    xstate = ptrace.getregset(pid, ptrace.NT_X86_XSTATE)
    assert xstate[160:168] == bytes([8, 7, 6, 5, 4, 3, 2, 1])


def test_registers_can_be_set(start: Start) -> None:
    pid = start(build("traps.S"))
    regs = bytearray(ptrace.USER_REGS_SIZE)
    ptrace.getregs(pid, regs)
    struct.pack_into("<Q", regs, 8 * 5, 0xFEDCBA9876543210)
    ptrace.setregs(pid, regs)
    assert register(pid, 8 * 5) == 0xFEDCBA9876543210
    area = bytearray(ptrace.getregset(pid, ptrace.NT_X86_XSTATE))
    area[160:176] = bytes(range(16))
    area[512] |= 2  # XSTATE_BV: the SSE part holds something.
    ptrace.setregset(pid, ptrace.NT_X86_XSTATE, bytes(area))
    assert ptrace.getregset(pid, ptrace.NT_X86_XSTATE)[160:176] == bytes(range(16))


def test_debug_registers(start: Start) -> None:
    program = build("traps.S")
    pid = start(program)
    ptrace.cont(pid)
    assert wait.decode(*next_stop({pid})) == SignalStop(pid, signal.SIGTRAP)  # int3
    ptrace.step(pid)  # call nothing
    assert wait.decode(*next_stop({pid})) == SignalStop(pid, signal.SIGTRAP)
    target = register(pid, RIP)

    pid = start(program)
    base = ptrace.DEBUG_REGISTER_OFFSET
    ptrace.pokeuser(pid, base, target)
    assert ptrace.peekuser(pid, base) == target
    for offset, value, reason in ((base, 1 << 63, "EINVAL"), (base + 32, 1, "EIO")):
        with pytest.raises(PtraceError, match=f"PTRACE_POKEUSER of {pid}.*{reason}"):
            ptrace.pokeuser(pid, offset, value)
    ptrace.pokeuser(pid, base + 56, 1)  # DR7: DR0 is on, for execution of one byte.
    ptrace.cont(pid)
    assert wait.decode(*next_stop({pid})) == SignalStop(pid, signal.SIGTRAP)
    assert register(pid, RIP) != target
    ptrace.cont(pid)
    assert wait.decode(*next_stop({pid})) == SignalStop(pid, signal.SIGTRAP)
    assert register(pid, RIP) == target
    assert struct.unpack_from("<i", ptrace.getsiginfo(pid), 8) == (4,)  # TRAP_HWBKPT
    assert ptrace.peekuser(pid, base + 48) & 1  # DR6


def test_a_word_of_ones_is_not_an_error(start: Start) -> None:
    pid = start(build("traps.S"))
    stack = register(pid, 8 * 19)
    with ProcessMemory(pid) as memory:
        memory.write(stack - 64, b"\xff" * 8)
    assert ptrace.peekdata(pid, stack - 64) == (1 << 64) - 1
    ptrace.pokedata(pid, stack - 64, 1 << 63)
    assert ptrace.peekdata(pid, stack - 64) == 1 << 63
    with pytest.raises(PtraceError):
        ptrace.peekdata(pid, 0)


# --- signals, stops, system calls ------------------------------------------------------------


def test_signals(start: Start) -> None:
    pid = start(build("signals.c"))
    stops = run_on(pid)
    signals = [stop.signo for stop in stops if isinstance(stop, SignalStop)]
    # A blocked signal is never delivered, so it never stops; an ignored one does.
    assert signals == [signal.SIGUSR1, signal.SIGUSR2]
    assert stops[-1] == ThreadExit(pid, 0)


def test_siginfo_and_mask(start: Start) -> None:
    pid = start(build("segfault.c"))
    ptrace.cont(pid)
    assert wait.decode(*next_stop({pid})) == SignalStop(pid, signal.SIGSEGV)
    info = ptrace.getsiginfo(pid)
    signo, code, address = (
        *struct.unpack_from("<i4xi", info),
        struct.unpack_from("<Q", info, 16)[0],
    )
    assert (signo, code, address) == (signal.SIGSEGV, 1, 0)  # SEGV_MAPERR
    ptrace.cont(pid, signal.SIGSEGV)
    stop = wait.decode(*next_stop({pid}))
    assert isinstance(stop, ThreadKilled)
    assert stop.signo == signal.SIGSEGV


def test_interrupt_and_group_stop(start: Start) -> None:
    read, write = os.pipe()
    try:
        pid = start(build("wait.c"), stdin=read)
    finally:
        os.close(read)
    ptrace.cont(pid)
    ptrace.interrupt(pid)
    assert wait.decode(*next_stop({pid})) == EventStop(pid, "stop")
    ptrace.cont(pid)
    ptrace.tgkill(pid, pid, signal.SIGTSTP)
    assert wait.decode(*next_stop({pid})) == SignalStop(pid, signal.SIGTSTP)
    ptrace.cont(pid, signal.SIGTSTP)
    assert wait.decode(*next_stop({pid})) == GroupStop(pid, signal.SIGTSTP)
    ptrace.listen(pid)
    os.kill(pid, signal.SIGCONT)
    stops = [wait.decode(*next_stop({pid}))]
    ptrace.cont(pid)
    stops.append(wait.decode(*next_stop({pid})))
    assert stops == [EventStop(pid, "stop"), SignalStop(pid, signal.SIGCONT)]
    ptrace.cont(pid, signal.SIGCONT)
    os.close(write)
    assert wait.decode(*next_stop({pid})) == ThreadExit(pid, 5)


def test_syscall_stops_are_straces(start: Start) -> None:
    program = build("syscalls.c", "static")
    lines = strace(program, options=["-n", "-e", "raw=all"])
    theirs = [int(line.split("]")[0].strip("[ ")) for line in lines if "+++" not in line]
    pid = start(program)
    mine = []
    request = ptrace.syscall
    request(pid)
    while True:
        stop = wait.decode(*next_stop({pid}))
        if isinstance(stop, ThreadExit):
            break
        assert isinstance(stop, SyscallStop)
        info = ptrace.get_syscall_info(pid)
        if info.op == "entry":
            mine.append(info.nr)
            assert info.arch == ptrace.AUDIT_ARCH_X86_64
        request(pid)
    # strace sees the execve itself, which is over at our first stop.
    assert mine == theirs[1:]


def test_syscall_info_of_a_32_bit_program(start: Start) -> None:
    pid = start(build("many_syscalls.c", "m32"), "3")
    numbers = []
    ptrace.syscall(pid)
    while not isinstance(wait.decode(*next_stop({pid})), ThreadExit):
        info = ptrace.get_syscall_info(pid)
        if info.op == "entry":
            assert info.arch == ptrace.AUDIT_ARCH_I386
            numbers.append(info.nr)
        ptrace.syscall(pid)
    assert numbers.count(64) == 3  # getppid
    assert numbers[-1] == 252  # exit_group


# --- many tasks ------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 8])
def test_threads_are_all_reported(start: Start, count: int) -> None:
    pid = start(build("threads.c"), str(count))
    stops = run_on(pid)
    events = [stop.event for stop in stops if isinstance(stop, EventStop)]
    assert events.count("clone") == count
    assert events.count("stop") == count
    exits = [stop for stop in stops if isinstance(stop, ThreadExit)]
    assert len(exits) == count + 1
    assert exits[-1] == ThreadExit(pid, 0)


@pytest.mark.parametrize(
    ("name", "events"),
    [
        ("fork.c", ["fork"]),
        ("vfork.c", ["vfork", "exec", "vfork", "exec"]),
        ("thread_exec.c", ["clone", "exec"]),
    ],
)
def test_new_processes_are_reported(start: Start, name: str, events: list[str]) -> None:
    stops = run_on(start(build(name)))
    found = [stop.event for stop in stops if isinstance(stop, EventStop) and stop.event != "stop"]
    assert found == events


def test_the_first_thread_may_end_first(start: Start) -> None:
    pid = start(build("thread_leader_exits.c"))
    stops = run_on(pid)
    assert stops[-1] == ThreadExit(pid, 5)


def test_exec_names_the_former_thread(start: Start) -> None:
    pid = start(build("thread_exec.c"))
    ptrace.cont(pid)
    tids = {pid}
    while True:
        tid, status = next_stop(tids)
        tids.add(tid)
        stop = wait.decode(tid, status)
        if stop == EventStop(pid, "exec"):
            break
        ptrace.cont(tid)
    assert ptrace.geteventmsg(pid) in tids - {pid}
    assert procfs.exe(pid) == os.path.realpath("/bin/true")


def test_nohang_and_nothing(start: Start) -> None:
    read, write = os.pipe()
    pid = start(build("wait.c"), stdin=read)
    os.close(read)
    assert wait.wait_any({pid}, nohang=True) is None
    assert wait.wait_tracee(pid, nohang=True) is None
    os.close(write)
    finish(pid)
    with pytest.raises(NoProcess):
        wait.wait_any({pid})
    with pytest.raises(ThreadGone):
        wait.wait_tracee(pid)


# --- children that are not ours ----------------------------------------------------------------


def host_child() -> subprocess.Popen[bytes]:
    """Return a child of this process that is a zombie."""
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    return child


@pytest.mark.parametrize("handler", [False, True], ids=["default", "host has a handler"])
def test_a_foreign_zombie_stays_its_owners(start: Start, handler: bool) -> None:
    seen: list[int] = []
    if handler:
        before = signal.signal(signal.SIGCHLD, lambda signo, _: seen.append(signo))
    try:
        child = host_child()
        pid = start(build("threads.c"), "4")
        assert wait.wait_any({pid}, nohang=True) is None
        stops = run_on(pid)
        assert child.wait() == 0
    finally:
        if handler:
            signal.signal(signal.SIGCHLD, before)
    assert stops[-1] == ThreadExit(pid, 0)
    assert sum(isinstance(stop, ThreadExit) for stop in stops) == 5
    assert not handler or seen


def test_another_threads_zombie_is_not_even_seen(start: Start) -> None:
    made: list[subprocess.Popen[bytes]] = []
    thread = threading.Thread(target=lambda: made.append(host_child()))
    go = threading.Event()

    def keep() -> None:
        made.append(host_child())
        go.wait()

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        pid = start(build("plain.c"))
        assert run_on(pid)[-1] == ThreadExit(pid, 7)
    finally:
        go.set()
        thread.join()
    assert made[0].wait() == 0


def test_tracing_from_a_thread_that_is_not_the_first() -> None:
    results: list[object] = []

    def session() -> None:
        try:
            spec = LaunchSpec(argv=["threads"], path=str(build("threads.c")), stdout="/dev/null")
            pid = spawn(spec, OPTIONS)
            results.append(procfs.traced_by_us(pid))
            results.append(run_on(pid)[-1] == ThreadExit(pid, 0))
        except DebuggerError as error:
            results.append(error)

    thread = threading.Thread(target=session)
    thread.start()
    thread.join()
    assert results == [True, True]


# --- memory ------------------------------------------------------------------------------------


def test_memory_read_and_write(start: Start) -> None:
    pid = start(build("plain.c"))
    with ProcessMemory(pid) as memory:
        pc = register(pid, RIP)
        code = memory.read(pc, 4)
        memory.write(pc, b"\xcc")
        assert memory.read(pc, 4) == b"\xcc" + code[1:]
        memory.write(pc, memoryview(code))
        assert memory.read(pc, 0) == b""
        stack = register(pid, 8 * 19)
        big = bytes(range(256)) * 64
        memory.write(stack - len(big), big)
        assert memory.read(stack - len(big), len(big)) == big


@pytest.mark.parametrize("addr", [0, 0xFFF, 1 << 47, 1 << 63, 0xFFFFFFFFFF600000, (1 << 64) - 1])
def test_bad_addresses_are_faults(start: Start, addr: int) -> None:
    pid = start(build("plain.c"))
    with ProcessMemory(pid) as memory:
        for action in (
            lambda: memory.read(addr, 8),
            lambda: memory.write(addr, b"12345678"),
        ):
            with pytest.raises(MemoryFault, match=f"Cannot access memory at address {addr:#x}$"):
                action()
        assert memory.read_some(addr, 8) == b""


def test_a_fault_names_the_first_bad_byte(start: Start) -> None:
    pid = start(build("plain.c", "static"))
    last = [row for row in procfs.maps(pid) if row.path.endswith("/plain")][-1]
    with ProcessMemory(pid) as memory:
        end = last.end
        while memory.read_some(end, 1):
            end += mmap.PAGESIZE
        with pytest.raises(MemoryFault) as caught:
            memory.read(end - 16, 64)
        assert (caught.value.addr, caught.value.size) == (end, 48)
        assert len(memory.read_some(end - 16, 64)) == 16
        with pytest.raises(MemoryFault) as caught:
            memory.write(end - 4, b"12345678")
        assert caught.value.addr == end


def test_memory_of_pages_without_permission(start: Start) -> None:
    """Guard pages can be read by a tracer, by gdb too."""
    pid = start(build("plain.c"))
    row = next(row for row in procfs.maps(pid) if row.perms.startswith("r--"))
    with ProcessMemory(pid) as memory:
        assert len(memory.read(row.start, row.end - row.start)) == row.end - row.start


def test_poke_is_the_way_where_the_file_may_not_write(start: Start) -> None:
    pid = start(build("plain.c"))
    stack = register(pid, 8 * 19) & ~0xFFF
    with ProcessMemory(pid) as memory:
        for addr, data in ((stack - 3, b"abc"), (stack - 8, b"12345678"), (stack - 0x100, b"x")):
            before = memory.read(addr - 8, 32)
            assert memory._poke(addr, memoryview(data)) == len(data)
            after = memory.read(addr - 8, 32)
            assert after == before[:8] + data + before[8 + len(data) :]


def test_memory_follows_an_exec_and_ends_with_the_process(start: Start) -> None:
    pid = start(build("exec.c"), "/bin/true")
    memory = ProcessMemory(pid)
    ptrace.cont(pid)
    assert wait.decode(*next_stop({pid})) == EventStop(pid, "exec")
    pc = register(pid, RIP)
    first = memory.read(pc, 8)
    memory.reopen()
    assert memory.read(pc, 8) == first
    finish(pid)
    with pytest.raises(NoProcess):
        memory.read(pc, 8)
    with pytest.raises(NoProcess):
        memory.write(pc, b"x")
    memory.close()
    with pytest.raises(NoProcess):
        ProcessMemory(pid)


def test_memory_outlives_the_first_thread(start: Start) -> None:
    pid = start(build("thread_leader_exits.c"), options=OPTIONS | ptrace.O_TRACEEXIT)
    ptrace.cont(pid)
    tids = {pid}
    first_ended = False
    while True:
        tid, status = next_stop(tids)
        tids.add(tid)
        stop = wait.decode(tid, status)
        first_ended |= stop == EventStop(pid, "exit")
        if tid != pid and stop == EventStop(tid, "exit"):
            other = tid
            break
        ptrace.cont(tid)
    assert first_ended
    assert procfs.stat(pid).state == "Z"
    pc = register(other, RIP)
    with ProcessMemory(pid) as memory:
        assert len(memory.read(pc, 8)) == 8
    ptrace.cont(other)


# --- attaching ---------------------------------------------------------------------------------


def test_seize_and_release(start: Start) -> None:
    child = subprocess.Popen([build("wait.c")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdout.readline()
    ptrace.seize(child.pid, 0)
    assert procfs.traced_by_us(child.pid)
    with pytest.raises(PtraceError, match=r"PTRACE_SEIZE of .*EPERM"):
        ptrace.seize(child.pid, 0)
    ptrace.interrupt(child.pid)
    assert wait.decode(*next_stop({child.pid})) == EventStop(child.pid, "stop")
    ptrace.detach(child.pid)
    assert procfs.tracer_pid(child.pid) == 0
    child.communicate(b"x")
    assert child.returncode == 5


def test_why_a_traced_program_cannot_be_attached_to(start: Start) -> None:
    from pydbg.linux.attach import explain_attach_failure

    tracer = subprocess.Popen(
        ["strace", "-o", "/dev/null", build("wait.c")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert tracer.stdout is not None
    tracer.stdout.readline()
    (pid,) = procfs.children(tracer.pid)
    with pytest.raises(PtraceError) as caught:
        ptrace.seize(pid, 0)
    text = explain_attach_failure(pid, caught.value.errno)
    assert f"already traced by strace (pid {tracer.pid})" in text
    tracer.communicate(b"x")
    child = host_child()
    with pytest.raises(DebuggerError):
        ptrace.seize(child.pid, 0)
    assert "zombie" in explain_attach_failure(child.pid, 1)
    child.wait()


def test_seccomp_stop(start: Start) -> None:
    pid = start(build("many_syscalls.c"), "5", filter=trace_only(63))
    stops = run_on(pid)
    assert [stop for stop in stops if isinstance(stop, SeccompStop)] == [SeccompStop(pid)]
    assert stops[-1] == ThreadExit(pid, 0)


def trace_only(nr: int) -> bytes:
    """Return a seccomp program: SECCOMP_RET_TRACE for one number, ALLOW for the rest."""
    rows = [(0x20, 0, 0, 0), (0x15, 0, 1, nr), (6, 0, 0, 0x7FF00001), (6, 0, 0, 0x7FFF0000)]
    return b"".join(struct.pack("<HBBI", *row) for row in rows)


def test_the_filter_can_be_read_back(start: Start) -> None:
    program = trace_only(63)
    pid = start(build("many_syscalls.c"), "1", filter=program)
    if ctypes.CDLL(None).geteuid() == 0:
        assert ptrace.seccomp_get_filter(pid, 0) == program
        assert ptrace.seccomp_get_filter(pid, 1) is None
    assert procfs.status(pid)["Seccomp"] == "2"
