"""i386's calls with arguments in memory: socketcall, ipc, and the first select and mmap.

Programs of today's glibc for i386 still use them for some calls. strace prints the call that is
meant, and so do we; catchpoints see the number that was made.

Sources: socketcall(2), ipc(2), the kernel's net/socket.c and ipc/syscall.c.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydbg.records import replace
from pydbg.syscalls.table import Arg, Syscall, table_for

__all__ = ["selector", "unfold"]

_SOCKET_CALLS = (
    "socket bind connect listen accept getsockname getpeername socketpair send recv sendto "
    "recvfrom shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg"
)
# Calls whose one argument points to all of them (the others of their name are "new").
_ONE_POINTER = ("select", "mmap")
# Calls that have no number of their own on either architecture.
_SEND_RECV = {
    "send": "sockfd:fd buf:socket_data=len len:size flags:flags=msg_flags",
    "recv": "sockfd:fd buf:>socket_data=ret len:size flags:flags=msg_flags",
}
# ipc's call -> name and the order of its arguments: first, second, third, ptr, fifth are 1 to 5
# (0 is the call). "*" takes what the pointer points to.
_IPC_CALLS: dict[int, tuple[str, tuple[int | str, ...]]] = {
    1: ("semop", (1, 4, 2)),
    2: ("semget", (1, 2, 3)),
    3: ("semctl", (1, 2, 3, "*")),
    4: ("semtimedop", (1, 4, 2, 5)),
    11: ("msgsnd", (1, 4, 2, 3)),
    12: ("msgrcv", (1, "*", 2, "*4", 3)),
    13: ("msgget", (1, 2)),
    14: ("msgctl", (1, 2, 4)),
    21: ("shmat", (1, 4, 2)),
    22: ("shmdt", (4,)),
    23: ("shmget", (1, 2, 3)),
    24: ("shmctl", (1, 2, 4)),
}


def unfold(
    call: Syscall, args: Sequence[int], read_word: Callable[[int], int | None]
) -> tuple[Syscall, Sequence[int]]:
    """Return the call that is meant and its arguments; the same where it is not multiplexed.

    ``read_word`` reads 32 bits of the inferior, None where it cannot.

    >>> words = {0x1000: 2, 0x1004: 1, 0x1008: 0}
    >>> call = table_for("i386").by_name("socketcall")
    >>> meant, args = unfold(call, (1, 0x1000), words.get)
    >>> meant.name, args
    ('socket', [2, 1, 0])
    """
    if call.name == "socketcall":
        return _unfold_socket(call, args, read_word)
    if call.name == "ipc":
        return _unfold_ipc(call, args, read_word)
    if call.name in _ONE_POINTER:
        return _unfold_pointer(call, args, read_word)
    return call, args


def _unfold_pointer(
    call: Syscall, args: Sequence[int], read_word: Callable[[int], int | None]
) -> tuple[Syscall, Sequence[int]]:
    meant = _row(call.name, call)
    words = [read_word(args[0] + 4 * index) for index in range(len(meant.args))]
    known = [word for word in words if word is not None]
    return (meant, known) if args[0] and len(known) == len(words) else (call, args)


def selector(name: str) -> tuple[str, int] | None:
    """Return by which call of i386, and by which first argument, a call can be made as well.

    >>> selector("bind"), selector("shmat"), selector("read")
    (('socketcall', 2), ('ipc', 21), None)
    """
    sockets = _SOCKET_CALLS.split()
    if name in sockets:
        return "socketcall", sockets.index(name) + 1
    for number, (known, _) in _IPC_CALLS.items():
        if known == name:
            return "ipc", number
    return None


def _unfold_socket(
    call: Syscall, args: Sequence[int], read_word: Callable[[int], int | None]
) -> tuple[Syscall, Sequence[int]]:
    names = _SOCKET_CALLS.split()
    if not 1 <= args[0] <= len(names):
        return call, args
    meant = _row(names[args[0] - 1], call)
    words = [read_word(args[1] + 4 * index) for index in range(len(meant.args))]
    known = [word for word in words if word is not None]
    return (meant, known) if len(known) == len(words) else (call, args)


def _unfold_ipc(
    call: Syscall, args: Sequence[int], read_word: Callable[[int], int | None]
) -> tuple[Syscall, Sequence[int]]:
    # The upper half is a version; only version 0 passes msgrcv's arguments in memory.
    found = _IPC_CALLS.get(args[0] & 0xFFFF)
    if found is None:
        return call, args
    name, order = found
    if name == "msgrcv" and args[0] >> 16:
        order = (1, 4, 2, 5, 3)
    meant, values = _row(name, call), []
    for place in order:
        if isinstance(place, int):
            values.append(args[place])
            continue
        word = read_word(args[4] + int(place[1:] or "0"))
        if word is None:
            return _without(meant, args, order)
        values.append(word)
    return meant, values


def _without(
    meant: Syscall, args: Sequence[int], order: Sequence[int | str]
) -> tuple[Syscall, Sequence[int]]:
    """Return a call with the pointer in place of what could not be read through it.

    What lies further behind it (msgrcv's type) is left out.
    """
    kept: list[tuple[Arg, int]] = []
    for arg, place in zip(meant.args, order, strict=True):
        if isinstance(place, int):
            kept.append((arg, args[place]))
        elif place == "*":
            kept.append((Arg(arg.name, "ptr"), args[4]))
    return replace(meant, args=tuple(arg for arg, _ in kept)), [value for _, value in kept]


def _row(name: str, call: Syscall) -> Syscall:
    if name in _SEND_RECV:
        parsed = tuple(Arg.parse(text) for text in _SEND_RECV[name].split())
        return replace(call, name=name, args=parsed)
    found = table_for("x86_64").by_name(name)
    assert found is not None
    return replace(found, number=call.number, abi=call.abi)
