"""What /proc tells of mappings beyond their place: flags, pages of their own, what is dumped."""

from __future__ import annotations

import os

from pydbg.linux.procfs import Mapping, _read, parse_maps
from pydbg.records import NamedTuple

__all__ = ["DetailedMapping", "coredump_filter", "parse_smaps", "smaps"]


class DetailedMapping(NamedTuple):
    """Hold one mapping; ``anonymous`` says whether pages of its own are in it, ``flags`` are
    the two-letter words of VmFlags (proc_pid_smaps(5))."""

    mapping: Mapping
    anonymous: bool
    flags: frozenset[str]


def parse_smaps(text: str) -> list[DetailedMapping]:
    """Parse the text of /proc/PID/smaps.

    >>> text = "7f00-7f80 r--p 0 08:01 42 /a\\nAnonymous:  4 kB\\nVmFlags: rd mr dd\\n"
    >>> [(one.anonymous, "dd" in one.flags) for one in parse_smaps(text)]
    [(True, True)]
    """
    found: list[DetailedMapping] = []
    for line in text.split("\n"):
        key, colon, value = line.partition(":")
        if colon and key in ("Anonymous", "Swap"):
            if found and int(value.split()[0]):
                found[-1] = found[-1]._replace(anonymous=True)
        elif colon and key == "VmFlags":
            if found:
                found[-1] = found[-1]._replace(flags=frozenset(value.split()))
        elif "-" in key.partition(" ")[0]:
            found += [DetailedMapping(one, False, frozenset()) for one in parse_maps(line)]
    return found


def smaps(pid: int) -> list[DetailedMapping]:
    """Return the mappings of a process with their details, by address."""
    return parse_smaps(os.fsdecode(_read(pid, "smaps")))


def coredump_filter(pid: int) -> int:
    """Return which mappings a core dump has (core(5)), the kernel's default if it does not say.

    >>> coredump_filter(os.getpid()) >= 0
    True
    """
    text = _read(pid, "coredump_filter").strip()
    return int(text, 16) if text else 0x33
