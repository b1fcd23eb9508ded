"""Why a process may not be traced, and what to do about it.

The kernel says EPERM for a dozen reasons (ptrace(2), "Ptrace access mode checking"). Facts
about both processes are gathered first, and read by pure functions, so that each reason can
be tested on any machine.
"""

from __future__ import annotations

import errno as _errno
import os
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, NoProcess
from pydbg.linux import procfs
from pydbg.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

_CAP_SYS_PTRACE = 19
_PF_KTHREAD = 0x0020_0000
_YAMA = "/proc/sys/kernel/yama/ptrace_scope"


class Facts(Record, kw_only=True):
    """Hold what decides whether ``pid`` may be traced by this process."""

    pid: int
    exists: bool = True
    name: str = ""
    state: str = "S"
    parent: int = 0
    kernel_thread: bool = False
    own: bool = False
    """The process is the debugger itself."""
    descendant: bool = False
    tracer: int = 0
    tracer_name: str = ""
    uid: int = 0
    user: str = ""
    my_uid: int = 0
    extra_capabilities: bool = False
    """The process holds capabilities that the debugger lacks."""
    dumpable: bool = True
    ptrace_capability: bool = False
    yama: int | None = None
    seccomp: bool = False
    """A seccomp filter is active in the debugger itself."""
    container: str | None = None


class Check(Record):
    """Hold one line of ``pydbg doctor``: what was looked at, whether it is fine, and the text."""

    name: str
    ok: bool
    text: str


def explain_attach_failure(pid: int, errno: int) -> str:
    """Say in one line why ``pid`` could not be seized and what helps.

    >>> explain_attach_failure(2**22 + 1, 3)
    'No such process: 4194305.'
    """
    return explain(gather(pid), errno)


def explain(facts: Facts, errno: int) -> str:
    """Say why a process with these facts refused to be traced.

    >>> explain(Facts(pid=7, name="cat", tracer=5, tracer_name="gdb"), 1)
    'Process 7 (cat) is already traced by gdb (pid 5); a process can have only one tracer.'
    """
    if not facts.exists:
        return f"No such process: {facts.pid}."
    who = f"Process {facts.pid} ({facts.name})"
    if facts.own:
        return f"{who} is the debugger itself, which cannot trace itself."
    if facts.kernel_thread:
        return f"{who} is a kernel thread, which cannot be traced."
    if facts.state in "ZX":
        return (
            f"{who} is a zombie: it has exited, and its parent {facts.parent} has not asked "
            "for its status."
        )
    if facts.tracer:
        return (
            f"{who} is already traced by {facts.tracer_name} (pid {facts.tracer}); "
            "a process can have only one tracer."
        )
    if errno == _errno.ESRCH:
        return f"No such process: {facts.pid}."
    if errno in (_errno.EPERM, _errno.EACCES):
        return f"{who} may not be traced: {_permission(facts)}"
    return f"{who} cannot be traced: {os.strerror(errno)}."


def _permission(facts: Facts) -> str:
    """Return the reason for EPERM and the remedy, the most certain reason first."""
    if facts.yama == 3:
        return "kernel.yama.ptrace_scope is 3, which forbids ptrace until the machine restarts."
    if not facts.ptrace_capability:
        if facts.uid != facts.my_uid:
            return f"it belongs to {facts.user}. Run pydbg as that user or with sudo."
        if facts.yama == 2:
            return "kernel.yama.ptrace_scope is 2, which allows it only to root. Use sudo pydbg."
        if not facts.dumpable:
            return (
                "it is not dumpable (it was set-user-ID, or protects itself by "
                "prctl(PR_SET_DUMPABLE)). Use sudo pydbg."
            )
        if facts.extra_capabilities:
            return "it has capabilities that pydbg lacks. Use sudo pydbg."
        if facts.yama == 1 and not facts.descendant:
            return (
                "kernel.yama.ptrace_scope is 1, which allows it only to the program's parents. "
                "Use sudo pydbg, or sudo sysctl kernel.yama.ptrace_scope=0."
            )
    if facts.container:
        return (
            f"this is a container ({facts.container}) without the right. Start it with "
            "--cap-add=SYS_PTRACE --security-opt seccomp=unconfined."
        )
    if facts.seccomp:
        return "a seccomp filter forbids ptrace to pydbg itself. Start pydbg outside of it."
    if not facts.ptrace_capability:
        return "pydbg lacks CAP_SYS_PTRACE. Use sudo pydbg."
    return "a security module or another user namespace forbids it (see dmesg)."


def gather(pid: int) -> Facts:
    """Collect the facts about process ``pid`` and about this process."""
    mine = procfs.status(os.getpid())
    my_capabilities = procfs.effective_capabilities(os.getpid())
    try:
        status = procfs.status(pid)
        stat = procfs.stat(pid)
    except DebuggerError:
        return Facts(pid=pid, exists=False)
    tracer = int(status.get("TracerPid", "0"))
    uid = int(status["Uid"].split()[0])
    try:
        owner = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        owner = uid
    return Facts(
        pid=pid,
        name=status.get("Name", ""),
        state=stat.state,
        parent=stat.ppid,
        kernel_thread=bool(stat.flags & _PF_KTHREAD),
        own=int(status.get("Tgid", "0")) == os.getpid(),
        descendant=_descends(pid),
        tracer=tracer,
        tracer_name=_name(tracer),
        uid=uid,
        user=_user(uid),
        my_uid=os.geteuid(),
        extra_capabilities=bool(int(status.get("CapPrm", "0"), 16) & ~my_capabilities),
        # The files of a process that is not dumpable belong to root (proc(5)).
        dumpable=owner == int(status["Uid"].split()[1]),
        ptrace_capability=bool(my_capabilities >> _CAP_SYS_PTRACE & 1),
        yama=yama_scope(),
        seccomp=mine.get("Seccomp", "0") == "2",
        container=container(),
    )


def _descends(pid: int) -> bool:
    me = os.getpid()
    try:
        while pid > 1:
            pid = procfs.stat(pid).ppid
            if pid == me:
                return True
    except NoProcess:
        return False
    return False


def _name(pid: int) -> str:
    try:
        return procfs.comm(pid) if pid else ""
    except DebuggerError:
        return "a process outside"


def _user(uid: int) -> str:
    import pwd

    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"


def yama_scope() -> int | None:
    """Return kernel.yama.ptrace_scope, None where the kernel has no Yama."""
    text = _file(_YAMA)
    return int(text) if text else None


def container() -> str | None:
    """Name the kind of container that this process runs in, or None."""
    for path, kind in (("/.dockerenv", "docker"), ("/run/.containerenv", "podman")):
        if os.path.exists(path):
            return kind
    for word in _file("/proc/1/environ").split("\0"):
        if word.startswith("container="):
            return word.partition("=")[2] or "unknown"
    return None


def _file(path: str) -> str:
    try:
        with open(path, errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return ""


# --- pydbg doctor --------------------------------------------------------------------------


def doctor() -> list[Check]:
    """Look at everything that decides whether programs can be debugged here.

    >>> [check.name for check in doctor()][:3]
    ['machine', 'kernel', 'tracing']
    """
    mine = procfs.status(os.getpid())
    machine = os.uname()
    version = tuple(int("".join(c for c in w if c.isdigit()) or "0") for w in _release(machine))
    capable = bool(procfs.effective_capabilities(os.getpid()) >> _CAP_SYS_PTRACE & 1)
    checks = [
        Check("machine", machine.machine == "x86_64", machine.machine),
        Check(
            "kernel",
            version >= (5, 3),
            f"Linux {machine.release}" + ("" if version >= (5, 3) else "; 5.3 or newer is needed"),
        ),
        *_trial(),
        _yama_check(yama_scope(), capable),
        Check(
            "capability",
            True,
            "CAP_SYS_PTRACE is held: any process can be attached to"
            if capable
            else "CAP_SYS_PTRACE is not held: only your own programs can be attached to",
        ),
        Check(
            "sandbox",
            mine.get("Seccomp", "0") != "2",
            "pydbg itself runs under a seccomp filter, which may forbid ptrace or personality"
            if mine.get("Seccomp", "0") == "2"
            else "no seccomp filter round pydbg",
        ),
        Check("container", True, container() or "none that can be seen"),
    ]
    actions = _file("/proc/sys/kernel/seccomp/actions_avail").split()
    checks.append(
        Check(
            "fast catch",
            "trace" in actions,
            "caught system calls stop by seccomp"
            if "trace" in actions
            else "the kernel has no seccomp filters; catch syscall stops at every call",
        )
    )
    return checks


def _release(machine: os.uname_result) -> list[str]:
    return machine.release.split(".")[:2]


def _yama_check(scope: int | None, capable: bool) -> Check:
    texts = {
        None: "not in this kernel: your own processes can be attached to",
        0: "ptrace_scope 0: your own processes can be attached to",
        1: "ptrace_scope 1: only programs that pydbg starts; "
        "sudo sysctl kernel.yama.ptrace_scope=0 allows attaching",
        2: "ptrace_scope 2: only root may trace; use sudo pydbg",
        3: "ptrace_scope 3: nobody may trace until the machine restarts",
    }
    fine = scope in (None, 0) or (capable and scope != 3)
    return Check("yama", fine, texts.get(scope, f"ptrace_scope {scope}"))


def _trial() -> list[Check]:
    """Start a small program under ptrace and try what a session needs."""
    from pydbg.linux import ptrace, spawn
    from pydbg.linux.memory import ProcessMemory

    names = ("tracing", "memory", "debug registers", "fixed addresses")
    spec = spawn.LaunchSpec(argv=["true"], path="/bin/true")
    try:
        pid = spawn.spawn(spec, ptrace.O_EXITKILL)
    except DebuggerError as error:
        return [Check(names[0], False, str(error))]
    checks = [Check(names[0], True, "programs can be started under ptrace")]
    try:
        regs = bytearray(ptrace.USER_REGS_SIZE)
        ptrace.getregs(pid, regs)
        pc = int.from_bytes(regs[128:136], "little")
        with ProcessMemory(pid) as memory:
            checks.append(
                _try(names[1], "code can be patched", lambda: memory.write(pc, memory.read(pc, 1)))
            )
        checks.append(
            _try(
                names[2],
                "hardware breakpoints and watchpoints work",
                lambda: ptrace.pokeuser(pid, ptrace.DEBUG_REGISTER_OFFSET, pc),
            )
        )
        fixed = bool(procfs.personality(pid) & procfs.ADDR_NO_RANDOMIZE)
        checks.append(
            Check(
                names[3],
                fixed,
                "address space randomisation can be switched off"
                if fixed
                else "personality(2) is forbidden here: addresses differ from run to run",
            )
        )
    finally:
        spawn.abandon(pid)
    return checks


def _try(name: str, text: str, action: Callable[[], object]) -> Check:
    try:
        action()
    except DebuggerError as error:
        return Check(name, False, str(error))
    return Check(name, True, text)
