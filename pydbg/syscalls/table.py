"""The system call tables of x86-64, x32 and i386: numbers, names, arguments, groups.

The knowledge is in ``rows.py`` and ``rows_i386.py``, one row a call; a table is built when it
is first asked for (``table_for``) and a call's arguments are parsed when it is looked up.
"""

from __future__ import annotations

import functools
from typing import Any

from pydbg.errors import UsageError
from pydbg.records import Record

__all__ = ["Arg", "Syscall", "SyscallTable", "table_for"]

# Letter in the rows -> strace's class. gdb's group of the same subject, where there is one,
# holds the same calls and those gdb adds (the capital letter).
_CLASSES = {
    "d": "desc",
    "f": "file",
    "n": "network",
    "p": "process",
    "m": "memory",
    "s": "signal",
    "i": "ipc",
    "c": "creds",
    "k": "clock",
    "u": "pure",
    "t": "stat",
    "l": "lstat",
    "T": "fstat",
    "v": "statfs",
    "V": "fstatfs",
}
_GDB_GROUPS = {
    "d": "descriptor",
    "f": "file",
    "n": "network",
    "p": "process",
    "m": "memory",
    "s": "signal",
    "i": "ipc",
}
# strace(1): "%%stat: any of stat syscalls"; ustat counts as one of %%statfs.
_WIDE_CLASSES = {"%stat": "tlT", "%statfs": "vV"}
_CLASS_ALIASES = {"net": "network", "descriptor": "desc"}

_X32_BIT = 0x40000000
# The calls that have an x32 entry of their own, because of pointers in their memory
# (syscall_64.tbl, from 512 on). All others have x86-64's number.
_X32_NUMBERS = (
    "rt_sigaction rt_sigreturn ioctl readv writev recvfrom sendmsg recvmsg execve ptrace "
    "rt_sigpending rt_sigtimedwait rt_sigqueueinfo sigaltstack timer_create mq_notify "
    "kexec_load waitid set_robust_list get_robust_list vmsplice move_pages preadv pwritev "
    "rt_tgsigqueueinfo recvmmsg sendmmsg process_vm_readv process_vm_writev setsockopt "
    "getsockopt io_setup io_submit execveat preadv2 pwritev2"
)
_NOT_IN_X32 = (
    "epoll_ctl_old epoll_wait_old get_thread_area set_thread_area uselib _sysctl create_module "
    "get_kernel_syms query_module nfsservctl vserver"
)


class Arg(Record):
    """Hold one argument: its name and how it is decoded.

    ``kind`` names the decoder, ``param`` is what it needs to know (a set of flags, the
    argument that holds the length), ``out`` says that the kernel fills the memory in.

    >>> Arg.parse("buf:>bytes=ret")
    Arg(name='buf', kind='bytes', param='ret', out=True)
    """

    name: str
    kind: str
    param: str = ""
    out: bool = False

    @classmethod
    def parse(cls, text: str) -> Arg:
        """Make an argument of the ``name:kind`` text of a row."""
        name, _, kind = text.partition(":")
        kind, _, param = kind.partition("=")
        return cls(name, kind.lstrip(">"), param, kind.startswith(">"))


class Syscall(Record):
    """Hold one system call of one ABI.

    ``groups`` holds gdb's groups ("file") and strace's classes ("%file"); ``ret`` is the
    kind of the result: "int" (decimal), "hex", "fd", "oct" or the name of a decoder.
    """

    name: str
    number: int
    args: tuple[Arg, ...]
    groups: frozenset[str]
    ret: str = "int"
    abi: str = "x86_64"

    @functools.cached_property
    def places(self) -> dict[str, int]:
        """Return the index of each argument by its name."""
        return {arg.name: index for index, arg in enumerate(self.args)}

    @functools.cached_property
    def cache(self) -> dict[str, Any]:
        """Hold what others have worked out about this row: each under a name of its own."""
        return {}

    @classmethod
    def unknown(cls, number: int, abi: str = "x86_64") -> Syscall:
        """Make the row of a number that no table has, as strace names it.

        >>> Syscall.unknown(9999).name
        'syscall_0x270f'
        """
        args = tuple(Arg(f"arg{index}", "hex") for index in range(1, 7))
        return cls(f"syscall_{number:#x}", number, args, frozenset(), "int", abi)


class SyscallTable:
    """Hold the calls of one ABI.

    >>> table = table_for("x86_64")
    >>> call = table.by_name("write")
    >>> call.number, [arg.name for arg in call.args], sorted(call.groups)
    (1, ['fd', 'buf', 'count'], ['%desc', 'descriptor'])
    >>> table.by_number(0).name
    'read'
    """

    def __init__(self, abi: str, rows: dict[str, tuple[int, str, str]]) -> None:
        """Take ``rows``: name -> (number, classes, arguments as text)."""
        self.abi = abi
        self._rows = rows
        self._names = {row[0]: name for name, row in rows.items()}
        self._calls: dict[str, Syscall] = {}

    def by_number(self, number: int) -> Syscall | None:
        """Return the call with ``number``, or None."""
        name = self._names.get(number)
        return None if name is None else self.by_name(name)

    def by_name(self, name: str) -> Syscall | None:
        """Return the call with ``name``, or None."""
        call = self._calls.get(name)
        if call is None and name in self._rows:
            call = self._calls[name] = self._parse(name)
        return call

    def call(self, number: int) -> Syscall:
        """Return the call with ``number``; a made-up row where the table has none.

        >>> table_for("x86_64").call(5000).name
        'syscall_0x1388'
        """
        return self.by_number(number) or Syscall.unknown(number, self.abi)

    def names(self) -> list[str]:
        """Return all names, by number.

        >>> table_for("x86_64").names()[:3]
        ['read', 'write', 'open']
        """
        return [self._names[number] for number in sorted(self._names)]

    def groups(self) -> list[str]:
        """Return gdb's group names, then strace's classes with their percent sign.

        >>> table_for("x86_64").groups()[:3]
        ['descriptor', 'file', 'ipc']
        """
        classes = [*_CLASSES.values(), *_WIDE_CLASSES]
        return sorted(_GDB_GROUPS.values()) + sorted("%" + name for name in classes)

    def members(self, group: str) -> frozenset[int]:
        """Return the numbers in ``group`` ("file", or "%file" for strace's class).

        >>> table = table_for("x86_64")
        >>> sorted(table.by_number(nr).name for nr in table.members("%clock"))[-2:]
        ['settimeofday', 'time']
        """
        letters = _letters_of(group)
        return frozenset(
            number for number, classes, _ in self._rows.values() if not letters.isdisjoint(classes)
        )

    def resolve(self, spec: str) -> frozenset[int]:
        """Return the numbers that one word of ``catch syscall`` means.

        A name, a number (also one the table does not have), ``group:NAME`` or ``g:NAME``
        (gdb), ``%CLASS`` or ``/REGEX`` (strace). Raises UsageError with gdb's text.

        >>> table_for("x86_64").resolve("write"), table_for("i386").resolve("write")
        (frozenset({1}), frozenset({4}))
        >>> table_for("x86_64").resolve("/^getc")
        frozenset({309, 79})
        >>> table_for("x86_64").resolve("wirte")
        Traceback (most recent call last):
        pydbg.errors.UsageError: Unknown syscall name 'wirte'.  Did you mean 'write' or 'writev'?
        """
        prefix, colon, group = spec.partition(":")
        if colon and prefix in ("group", "g"):
            return self._resolve_group(group, group in _GDB_GROUPS.values())
        if spec.startswith("%"):
            return self._resolve_group(spec, bool(_letters_of(spec)))
        if spec.startswith("/"):
            return self._resolve_regex(spec[1:])
        number = _parse_number(spec)
        if number is not None:
            return frozenset((number,))
        if spec in self._rows:
            return frozenset((self._rows[spec][0],))
        raise UsageError(f"Unknown syscall name '{spec}'." + self._near(spec, self.names()))

    def _resolve_group(self, group: str, known: bool) -> frozenset[int]:
        if known:
            return self.members(group)
        known_groups = [
            name for name in self.groups() if name.startswith("%") == (group[:1] == "%")
        ]
        raise UsageError(f"Unknown syscall group '{group}'." + self._near(group, known_groups))

    def _resolve_regex(self, pattern: str) -> frozenset[int]:
        import re

        try:
            matches = re.compile(pattern).search
        except re.error as error:
            raise UsageError(f"Invalid regular expression '{pattern}': {error}.") from None
        found = frozenset(row[0] for name, row in self._rows.items() if matches(name))
        if not found:
            raise UsageError(f"No syscall name matches '{pattern}'.")
        return found

    def _near(self, word: str, known: list[str]) -> str:
        import difflib

        near = difflib.get_close_matches(word, known, n=3, cutoff=0.7)
        return f"  Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""

    def _parse(self, name: str) -> Syscall:
        number, classes, text = self._rows[name]
        args, _, ret = text.partition("->")
        groups = {"%" + _CLASSES[letter] for letter in classes if letter in _CLASSES}
        groups |= {_GDB_GROUPS[letter] for letter in classes.lower() if letter in _GDB_GROUPS}
        groups |= {
            "%" + wide for wide in _WIDE_CLASSES if not _letters_of("%" + wide).isdisjoint(classes)
        }
        parsed = tuple(Arg.parse(arg) for arg in args.split())
        return Syscall(name, number, parsed, frozenset(groups), ret.strip() or "int", self.abi)


def _letters_of(group: str) -> frozenset[str]:
    """Return the letters whose rows are in ``group``; empty for an unknown group."""
    if group.startswith("%"):
        name = _CLASS_ALIASES.get(group[1:], group[1:])
        if name in _WIDE_CLASSES:
            # "w" stands at ustat alone.
            return frozenset(_WIDE_CLASSES[name] + ("w" if name == "%statfs" else ""))
        return frozenset(letter for letter, cls in _CLASSES.items() if cls == name)
    letters = [letter for letter, name in _GDB_GROUPS.items() if name == group]
    return frozenset(letters + [letter.upper() for letter in letters])


def _parse_number(text: str) -> int | None:
    try:
        return int(text, 0) if text[:1].isdigit() else None
    except ValueError:
        # gdb reads "010" as octal; Python's int(text, 0) refuses it.
        return int(text, 8) if text.strip("01234567") == "" else None


@functools.cache
def table_for(abi: str) -> SyscallTable:
    """Return the table of ``abi``: "x86_64", "i386" or "x32".

    Numbers of x32 carry bit 30, as they do in the register (kernel: __X32_SYSCALL_BIT).

    >>> table_for("i386").by_number(4).name, table_for("x32").by_name("write").number
    ('write', 1073741825)
    >>> len(table_for("x86_64").names())
    385
    """
    from pydbg.syscalls.rows import ROWS

    if abi == "i386":
        return SyscallTable(abi, _i386_rows(ROWS))
    if abi not in ("x86_64", "x32"):
        raise UsageError(f"No system call table for '{abi}'.")
    rows: dict[str, tuple[int, str, str]] = {}
    for line in ROWS.splitlines():
        name, number, _, classes, *args = line.split(None, 4)
        rows[name] = (int(number), classes, args[0] if args else "")
    if abi == "x32":
        excluded = frozenset(_NOT_IN_X32.split())
        own = {name: 512 + index for index, name in enumerate(_X32_NUMBERS.split())}
        rows = {
            name: (_X32_BIT | own.get(name, number), classes, args)
            for name, (number, classes, args) in rows.items()
            if name not in excluded
        }
    return SyscallTable(abi, rows)


def _i386_rows(common: str) -> dict[str, tuple[int, str, str]]:
    from pydbg.syscalls import rows_i386

    arguments = {}
    for line in rows_i386.ARGUMENTS.splitlines():
        name, text = line.split(None, 1)
        arguments[name] = text
    rows: dict[str, tuple[int, str, str]] = {}
    for line in (common + rows_i386.ROWS).splitlines():
        name, _, number, classes, *args = line.split(None, 4)
        if number != "-":
            text = arguments.get(name, args[0] if args else "")
            rows[name] = (int(number), classes, text)
    return rows
