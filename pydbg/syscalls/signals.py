"""Signals: numbers, names, gdb's texts and gdb's table of what it does with each.

Linux numbers 1 to 31 are named; 32 to 64 are the real-time signals. Three spellings are in
use for these: gdb's SIG34, strace's SIGRT_2 (counted from the kernel's first, 32) and the C
library's SIGRTMIN+0 (counted from 34, since glibc keeps 32 and 33). ``signal_number`` reads
all of them.

Sources: signal(7), asm/signal.h; gdb 13's include/gdb/signals.def (order, texts) and infrun.c
(defaults), compared with ``info signals`` in tests.
"""

from __future__ import annotations

import functools

from pydbg.records import Record

__all__ = ["SignalRow", "gdb_signals", "signal_name", "signal_number", "signal_text", "strace_name"]

_NAMES = (
    "SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 "
    "SIGPIPE SIGALRM SIGTERM SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG "
    "SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR SIGSYS"
)
_ALIASES = {"SIGIOT": "SIGABRT", "SIGCLD": "SIGCHLD", "SIGPOLL": "SIGIO", "SIGUNUSED": "SIGSYS"}

_KERNEL_RTMIN = 32
_GLIBC_RTMIN = 34
_RTMAX = 64

# gdb's order and texts. "33-63" and the like stand for SIG33 to SIG63. Most of the names
# belong to other systems; gdb lists them all, and so do we.
_GDB_ROWS = """\
SIGHUP Hangup
SIGINT Interrupt
SIGQUIT Quit
SIGILL Illegal instruction
SIGTRAP Trace/breakpoint trap
SIGABRT Aborted
SIGEMT Emulation trap
SIGFPE Arithmetic exception
SIGKILL Killed
SIGBUS Bus error
SIGSEGV Segmentation fault
SIGSYS Bad system call
SIGPIPE Broken pipe
SIGALRM Alarm clock
SIGTERM Terminated
SIGURG Urgent I/O condition
SIGSTOP Stopped (signal)
SIGTSTP Stopped (user)
SIGCONT Continued
SIGCHLD Child status changed
SIGTTIN Stopped (tty input)
SIGTTOU Stopped (tty output)
SIGIO I/O possible
SIGXCPU CPU time limit exceeded
SIGXFSZ File size limit exceeded
SIGVTALRM Virtual timer expired
SIGPROF Profiling timer expired
SIGWINCH Window size changed
SIGLOST Resource lost
SIGUSR1 User defined signal 1
SIGUSR2 User defined signal 2
SIGPWR Power fail/restart
SIGPOLL Pollable event occurred
SIGWIND SIGWIND
SIGPHONE SIGPHONE
SIGWAITING Process's LWPs are blocked
SIGLWP Signal LWP
SIGDANGER Swap space dangerously low
SIGGRANT Monitor mode granted
SIGRETRACT Need to relinquish monitor mode
SIGMSG Monitor mode data available
SIGSOUND Sound completed
SIGSAK Secure attention
SIGPRIO SIGPRIO
33-63
SIGCANCEL LWP internal signal
32-32
64-127
SIGINFO Information request
EXC_BAD_ACCESS Could not access memory
EXC_BAD_INSTRUCTION Illegal instruction/operand
EXC_ARITHMETIC Arithmetic exception
EXC_EMULATION Emulation instruction
EXC_SOFTWARE Software generated exception
EXC_BREAKPOINT Breakpoint
SIGLIBRT librt internal signal
"""
# Signals of ordinary operation: gdb neither stops nor prints.
_QUIET = (
    "SIGALRM SIGURG SIGCHLD SIGIO SIGVTALRM SIGPROF SIGWINCH SIGPOLL SIGWAITING SIGLWP SIGPRIO "
    "SIGCANCEL SIGLIBRT"
)
# The debugger's own signals: not passed to the program.
_KEPT = ("SIGTRAP", "SIGINT")


class SignalRow(Record):
    """Hold one row of ``info signals``; ``number`` is None for a signal Linux does not have."""

    name: str
    number: int | None
    stop: bool
    print: bool
    pass_: bool
    text: str


@functools.cache
def _numbers() -> dict[str, int]:
    return {name: number for number, name in enumerate(_NAMES.split(), 1)}


@functools.cache
def gdb_signals() -> tuple[SignalRow, ...]:
    """Return gdb's table in gdb's order, with its defaults.

    >>> rows = gdb_signals()
    >>> rows[1]
    SignalRow(name='SIGINT', number=2, stop=True, print=True, pass_=False, text='Interrupt')
    >>> len(rows)
    149
    """
    quiet = frozenset(_QUIET.split())
    rows = []
    for line in _GDB_ROWS.splitlines():
        name, _, text = line.partition(" ")
        if name[0].isdigit():
            low, high = (int(bound) for bound in name.split("-"))
            for number in range(low, high + 1):
                known = number if number <= _RTMAX else None
                text = f"Real-time event {number}"
                rows.append(SignalRow(f"SIG{number}", known, True, True, True, text))
            continue
        loud = name not in quiet
        rows.append(SignalRow(name, _numbers().get(name), loud, loud, name not in _KEPT, text))
    return tuple(rows)


@functools.cache
def _gdb_by_number() -> dict[int, SignalRow]:
    return {row.number: row for row in gdb_signals() if row.number is not None}


def signal_name(signo: int) -> str:
    """Return gdb's name of a signal.

    >>> signal_name(11), signal_name(34), signal_name(16), signal_name(0)
    ('SIGSEGV', 'SIG34', 'SIGSTKFLT', '0')
    """
    if 1 <= signo < _KERNEL_RTMIN:
        return _NAMES.split()[signo - 1]
    return f"SIG{signo}" if _KERNEL_RTMIN <= signo <= _RTMAX else str(signo)


def strace_name(signo: int) -> str:
    """Return strace's name of a signal; the number where there is none.

    >>> strace_name(11), strace_name(32), strace_name(34), strace_name(0)
    ('SIGSEGV', 'SIGRTMIN', 'SIGRT_2', '0')
    """
    if _KERNEL_RTMIN < signo <= _RTMAX:
        return f"SIGRT_{signo - _KERNEL_RTMIN}"
    return "SIGRTMIN" if signo == _KERNEL_RTMIN else signal_name(signo)


def signal_text(signo: int) -> str:
    """Return gdb's text of a signal, as in ``Program received signal SIGSEGV, ...``.

    >>> signal_text(11), signal_text(34), signal_text(16)
    ('Segmentation fault', 'Real-time event 34', 'Unknown signal')
    """
    row = _gdb_by_number().get(signo)
    return row.text if row else "Unknown signal"


def signal_number(name: str) -> int | None:
    """Return the number of a signal's name in any spelling, or None.

    >>> [signal_number(name) for name in ("SIGSEGV", "segv", "SIGCLD", "SIG34", "SIGRT_2")]
    [11, 11, 17, 34, 34]
    >>> signal_number("SIGRTMIN+1"), signal_number("SIGRTMAX-1"), signal_number("SIGFOO")
    (35, 63, None)
    """
    name = name.upper()
    if not name.startswith("SIG"):
        name = "SIG" + name
    name = _ALIASES.get(name, name)
    number = _numbers().get(name)
    if number is not None:
        return number
    for prefix, base, sign in (
        ("SIGRTMIN", _GLIBC_RTMIN, 1),
        ("SIGRTMAX", _RTMAX, -1),
        ("SIGRT_", _KERNEL_RTMIN, 1),
        ("SIG", 0, 1),
    ):
        if name.startswith(prefix):
            rest = name.removeprefix(prefix).lstrip("+-")
            if rest.isdecimal() or not rest:
                number = base + sign * int(rest or "0")
                return number if _KERNEL_RTMIN <= number <= _RTMAX else None
    return None
