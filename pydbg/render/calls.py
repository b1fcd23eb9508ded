"""The text of ``info syscall``, ``syscall`` and ``info syscalls``."""

from __future__ import annotations

from collections.abc import Iterator

from pydbg.commands.callrecords import (
    CallAbi,
    CallAt,
    CallFacts,
    CallHistory,
    CallSlot,
    ThreadCalls,
)
from pydbg.render.escape import address, clean

__all__ = ["at", "facts", "history"]

_ABIS = {"x86_64": "x86-64", "i386": "i386", "x32": "x32"}
_FDS = ("fd", "dirfd")

_KINDS = {
    "": "a number",
    "fd": "a file descriptor",
    "dirfd": "a directory's descriptor, or AT_FDCWD for the working directory",
    "fds": "descriptors",
    "path": "a path",
    "str": "a text",
    "strn": "a text",
    "bytes": "bytes",
    "size": "a size in bytes",
    "int": "a number",
    "uint": "a number, unsigned",
    "long": "a number",
    "intp": "a number in memory",
    "ulongp": "a number in memory",
    "ptr": "an address",
    "hex": "a number",
    "hex32": "a number",
    "off": "an offset in a file",
    "offset_in": "an offset in a file, in memory",
    "pid": "a process or thread id",
    "uid": "a user or group id",
    "gids": "group ids",
    "mode": "a file's mode",
    "open_flags": "flags: O_RDONLY O_WRONLY O_RDWR, O_CREAT ...",
    "open_mode": "a new file's mode",
    "sig": "a signal",
    "sigset": "a set of signals",
    "clockid": "a clock",
    "argv": "texts, the last one NULL",
    "envp": "texts, the last one NULL",
    "iovec": "an array of struct iovec",
    "iovec_filled": "an array of struct iovec, whose memory is filled in",
    "pollfds": "an array of struct pollfd",
    "wstatus": "how the child ended",
    "fdset": "a set of descriptors",
    "lo64": "the low half of a 64-bit number",
    "hi64": "the high half of a 64-bit number",
    "timespecs2": "two of struct timespec",
    "timevals2": "two of struct timeval",
    "time_t": "a time in seconds",
    "skip": "not used",
}
"""What the kinds of arguments are; one that is not here says it by its name."""

_STRUCTS = frozenset(
    (
        *("clone_args", "epoll_event", "file_handle", "iocb", "io_event", "itimerspec"),
        *("itimerval", "mq_attr", "msgbuf", "msghdr", "open_how", "rlimit", "rlimit64", "rusage"),
        *("sched_attr", "sigaction", "sigevent", "siginfo", "sockaddr", "stat", "stat64"),
        *("statfs", "statfs64", "statx", "sysinfo", "timespec", "timespec64", "timeval"),
        *("timex", "timezone", "tms", "utimbuf", "utsname"),
    )
)

_RESULTS = {
    "fd": "a file descriptor",
    "hex": "an address",
    "ulong": "a number, unsigned",
    "time": "a time in seconds",
    "oct": "a mode",
    "sighandler": "the handler before",
    "old_sigmask": "the mask before",
}


def facts(record: CallFacts) -> str:
    """Return the explanation of a call."""
    return "\n".join(_facts(record))


def _facts(record: CallFacts) -> Iterator[str]:
    yield f"{record.name}: {_numbers(record.abis)}"
    for abi, name in record.also:
        yield f"(in {_ABIS[abi]} that number is {name})"
    told: dict[tuple[CallSlot, ...], str] = {}
    for one in record.abis:
        yield ""
        yield f"{_ABIS[one.abi]}: {one.insn} with {one.number_register} = {_number(one)}" + (
            "; no arguments" if not one.slots else ""
        )
        same = told.get(one.slots)
        if same is not None and one.slots:
            yield f"  arguments as {same}"
        else:
            yield from _slots(one.slots)
            told[one.slots] = _ABIS[one.abi]
        others = f", {' and '.join(one.clobbers)} are clobbered" if one.clobbers else (
            ", no other register is changed"
        )  # fmt: skip
        yield f"  {one.result_register} = the result{others}"
    yield ""
    yield f"Result: {_RESULTS.get(record.ret, 'a number')}, or an error: from -4095 to -1, -errno."
    if record.groups:
        groups = (name if name.startswith("%") else f"group:{name}" for name in record.groups)
        yield f"Groups: {' '.join(groups)}"
    if record.synopsis:
        yield ""
        yield f"{clean(record.page)}:"
        yield from (f"  {clean(line)}".rstrip() for line in record.synopsis)


def _numbers(abis: tuple[CallAbi, ...]) -> str:
    return ", ".join(f"{_number(one)} in {_ABIS[one.abi]}" for one in abis)


def _number(one: CallAbi) -> str:
    # The bit that marks an x32 call is part of its number.
    return f"{one.number:#x}" if one.abi == "x32" else str(one.number)


def _slots(slots: tuple[CallSlot, ...]) -> Iterator[str]:
    wide = max((len(slot.name) for slot in slots), default=0)
    for slot in slots:
        yield f"  {slot.register:3} = {slot.name:{wide}}  {kind(slot)}"


def kind(slot: CallSlot) -> str:
    """Return what an argument is.

    >>> kind(CallSlot("rsi", "buf", "bytes", "ret", out=True))
    'bytes, filled in by the kernel: as many as the result says'
    >>> kind(CallSlot("rdi", "ts", "timespec"))
    'struct timespec'
    """
    if slot.kind.startswith(("flags", "enum")) and slot.values:
        what = "flags" if slot.kind.startswith("flags") else "one"
        return f"{what} of {' '.join(slot.values)}"
    text = _KINDS.get(slot.kind)
    if text is None:
        text = f"struct {slot.kind}" if slot.kind in _STRUCTS else slot.kind.replace("_", " ")
    if slot.out:
        text += ", filled in by the kernel"
    if slot.param == "ret":
        text += ": as many as the result says"
    elif slot.param and slot.kind in ("bytes", "strn", "iovec", "iovec_filled", "pollfds"):
        text += f", {slot.param} of them"
    return text


# --- syscall ---------------------------------------------------------------------------------


def at(record: CallAt) -> str:
    """Return the call that a thread is at, a register a line."""
    return "\n".join(_at(record))


_PHASES = {
    "before": "The next instruction enters the kernel:",
    "again": "Interrupted; the call will be made again:",
}


def _at(record: CallAt) -> Iterator[str]:
    if record.phase in _PHASES:
        yield _PHASES[record.phase]
    wide = max(len(slot.register) for slot in (*record.slots, _number_slot(record)))
    yield f"{record.number_register:{wide}} = {record.number} {record.name}"
    for slot in record.slots:
        yield f"{slot.register:{wide}} = {slot.name} {_value(slot, record)}"
    if record.insn:
        symbol = f" <{clean(record.symbol)}>" if record.symbol else ""
        where = address(record.insn, record.word_size)
        yield f"{where}{symbol}: {record.raw.hex(' ')}  {clean(record.text)}"
    if record.phase == "return":
        yield f"{record.result_register:{wide}} = {clean(record.result)}, what came back"
    yield clean(record.line)


def _number_slot(record: CallAt) -> CallSlot:
    return CallSlot(record.number_register, "", "")


def _value(slot: CallSlot, record: CallAt) -> str:
    raw = f"{slot.raw & (1 << 8 * record.word_size) - 1:#x}"
    text = clean(slot.text)
    if slot.kind in _FDS and text.endswith(">"):
        number, _, path = text[:-1].partition("<")
        return f"{number} ({path})"
    if not text:
        return raw
    # What stands in memory has an address, too.
    return f"{raw} {text}" if text[0] in '"[{' else text


# --- info syscalls ---------------------------------------------------------------------------


def history(record: CallHistory) -> str:
    """Return the last calls, a thread after the other."""
    return "\n\n".join("\n".join(_thread(one)) for one in record.threads)


def _thread(calls: ThreadCalls) -> Iterator[str]:
    ended = ", which has ended" if calls.ended else ""
    yield f"Thread {calls.number} ({clean(calls.target)}){ended}:"
    yield from (f"  {clean(line)}" for line in calls.lines)
