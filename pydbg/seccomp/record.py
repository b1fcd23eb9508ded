"""Profiles from runs: what a program called is allowed, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from pydbg.errors import CommandError
from pydbg.events import BreakpointHit, Exited, Killed
from pydbg.seccomp.baseline import BASELINES
from pydbg.seccomp.evaluate import Judge, Surroundings
from pydbg.seccomp.follow import Follower
from pydbg.seccomp.profile import Profile, read
from pydbg.seccomp.sandbox import Sandbox
from pydbg.seccomp.watch import table_abi

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.linux.ptrace import SyscallInfo
    from pydbg.target.thread import Thread

__all__ = ["Recorder", "document", "text_of"]

_ALLOW = "SCMP_ACT_ALLOW"
_ARCH_NAMES = {"x86_64": "SCMP_ARCH_X86_64", "i386": "SCMP_ARCH_X86", "x32": "SCMP_ARCH_X32"}
_NOTHING = {"defaultAction": "SCMP_ACT_ERRNO", "architectures": list(_ARCH_NAMES.values())}
_WORD = 0xFFFFFFFF
_EXTENDED = (1 << 33) - 1
"""The upper 33 bits of a negative int in a 64-bit register."""

# Kinds of arguments that are chosen in the program's text rather than worked out.
_KINDS = (
    "clockid enum enum64 futex_op ioctl_cmd ipc_cmd personality quota_cmd sched_policy sig "
    "socket_protocol socket_type sockopt"
)
_CHOSEN = frozenset(_KINDS.split())
_FEW = 8
"""How many different values of an argument are few enough to be written down."""
_MOST_RULES = 16
_MANY = 64
"""How many different combinations are kept before an argument counts as unlimited."""

Conditions = tuple[tuple[int, int, int], ...]
"""(index, mask or 0, value): comparisons that all have to hold."""


class Recorder:
    """Note the calls that a run needs beyond those that ``known`` allows.

    >>> from pydbg.debugger import Debugger
    >>> recorder = Recorder()
    >>> with Debugger("/bin/true") as dbg:
    ...     recorder.run(dbg).code
    0
    >>> "exit_group" in recorder.needs(), "socket" in recorder.needs()
    (True, False)
    """

    def __init__(
        self,
        known: Profile | None = None,
        surroundings: Surroundings | None = None,
        *,
        with_args: bool = False,
    ) -> None:
        self._judge = Judge(known or read(json.dumps(_NOTHING)), surroundings)
        self._sandbox = Sandbox(self._judge)
        self._with_args = with_args
        self._seen: dict[tuple[str, int], set[tuple[int, ...]]] = {}

    # --- running -----------------------------------------------------------------------------

    def run(
        self, dbg: Debugger, *, after: str | None = None, after_exec: bool = False
    ) -> Exited | Killed:
        """Run the program to the end of all that it starts; return how it ended itself.

        ``after`` is a breakpoint: what was called before it was hit is forgotten. Raises
        CommandError if it never is. The execve that starts the program counts as its own,
        unless ``after_exec`` leaves it out.
        """
        self._sandbox.install(dbg.start_process())
        if after is not None:
            self._reach(dbg, after)
        elif not after_exec:
            self._add("x86_64", 59, (0,) * 6)
        return Follower(dbg, self._call).run()

    @staticmethod
    def _reach(dbg: Debugger, spec: str) -> None:
        dbg.signals.handle(list(range(1, 65)), ["nostop", "noprint", "pass"])
        point = dbg.break_at(spec, pending=True)
        while True:
            event = dbg.cont()
            if isinstance(event, Exited | Killed):
                raise CommandError(f"{spec} was not reached: there is nothing to record.")
            if isinstance(event, BreakpointHit) and point.number in event.numbers:
                dbg.delete(point.number)
                return

    def _call(self, thread: Thread, info: SyscallInfo) -> None:
        self._add(table_abi(info), info.nr, info.args)

    def _add(self, abi: str, nr: int, args: Sequence[int]) -> None:
        seen = self._seen.get((abi, nr))
        if seen is None:
            # One that the old profile refuses although it was asked by another route.
            if not self._judge.decide("i386" if abi == "i386" else "x86_64", nr, args).refuses:
                return
            seen = self._seen[abi, nr] = set()
        if self._with_args and len(seen) <= _MANY:
            seen.add(tuple(args[index] for index in _chosen(abi, nr)))

    # --- what was seen -----------------------------------------------------------------------

    def abis(self) -> list[str]:
        """Return the tables of the calls that were seen, the native one first."""
        return [abi for abi in _ARCH_NAMES if any(seen == abi for seen, _ in self._seen)]

    def unknown(self) -> list[str]:
        """Return the calls that have no name, which no profile can allow."""
        from pydbg.syscalls.table import table_for

        return [
            f"{nr} ({abi})"
            for abi, nr in sorted(self._seen)
            if table_for(abi).by_number(nr) is None
        ]

    def needs(self) -> dict[str, list[Conditions]]:
        """Return by name, sorted, the combinations of arguments; () is any."""
        from pydbg.syscalls.table import table_for

        found: dict[str, set[Conditions]] = {}
        for (abi, nr), seen in self._seen.items():
            row = table_for(abi).by_number(nr)
            if row is not None:
                combinations = _limited(_chosen(abi, nr), seen) if self._with_args else [()]
                found.setdefault(row.name, set()).update(combinations)
        return {name: [()] if () in found[name] else sorted(found[name]) for name in sorted(found)}


@cache
def _chosen(abi: str, nr: int) -> tuple[int, ...]:
    """Return the indices of a call's arguments that are flags, commands and the like."""
    from pydbg.syscalls.table import table_for

    args = table_for(abi).call(nr).args
    return tuple(
        index
        for index, arg in enumerate(args)
        if not arg.out and (arg.kind in _CHOSEN or arg.kind.rstrip("64").endswith("flags"))
    )


def _limited(indices: Sequence[int], seen: Iterable[tuple[int, ...]]) -> list[Conditions]:
    """Return conditions that hold for what was seen: of the arguments that had few values."""
    rows = list(seen)
    if len(rows) > _MANY:
        return [()]
    values = [{row[at] for row in rows} for at in range(len(indices))]
    # A value beyond 32 bits is an address or an accident.
    chosen = [
        at
        for at, some in enumerate(values)
        if len(some) <= _FEW and all(one <= _WORD or one >> 31 == _EXTENDED for one in some)
    ]
    chosen.sort(key=lambda at: len(values[at]))
    while chosen:
        found = {
            tuple(_condition(indices[at], row[at], values[at]) for at in sorted(chosen))
            for row in rows
        }
        if len(found) <= _MOST_RULES:
            return sorted(found)
        chosen.pop()
    return [()]


def _condition(index: int, value: int, values: Iterable[int]) -> tuple[int, int, int]:
    # Of an int the upper half of the register is whatever was there (System V ABI).
    if any(one >> 31 for one in values):
        return index, _WORD, value & _WORD
    return index, 0, value


# --- the document --------------------------------------------------------------------------


def document(
    recorder: Recorder,
    old: Mapping[str, Any] | None = None,
    baseline: str = "",
    warn: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Return the profile of what was recorded, as JSON has it.

    ``old`` is a profile to be extended: it stays as it is but for what is added. ``warn`` gets
    a line for a call that stays refused because a rule of the old profile says so.
    """
    made: dict[str, Any] = dict(old or {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1})
    abis = recorder.abis()
    if "archMap" not in made:
        wanted = [_ARCH_NAMES["x86_64"], *(_ARCH_NAMES[abi] for abi in abis if abi != "x86_64")]
        given = made.get("architectures") or []
        made["architectures"] = [*given, *(name for name in wanted if name not in given)]
    rules = [dict(rule) for rule in made.get("syscalls") or []]
    for reason, names in BASELINES[baseline] if baseline else ():
        group = {"names": sorted(names.split()), "action": _ALLOW, "comment": reason}
        if group not in rules:
            rules.append(group)
    any_args = [name for name, combinations in recorder.needs().items() if combinations == [()]]
    for name in list(any_args):
        other = next((rule for rule in rules if _is_bare(rule, name)), None)
        if other is not None:
            warn(f"{name} stays refused: a rule of the old profile for it has no conditions")
            any_args.remove(name)
    plain = next((rule for rule in rules if set(rule) == {"names", "action"} and
                  rule["action"] == _ALLOW), None)  # fmt: skip
    if plain is not None:
        plain["names"] = sorted({*plain["names"], *any_args})
    elif any_args:
        rules.append({"names": any_args, "action": _ALLOW})
    for name, combinations in recorder.needs().items():
        for conditions in combinations:
            if conditions:
                args = [_as_json(*one) for one in conditions]
                rules.append({"names": [name], "action": _ALLOW, "args": args})
    made["syscalls"] = rules
    return made


def _is_bare(rule: Mapping[str, Any], name: str) -> bool:
    """Tell whether a rule other than an allowing one decides alone about a call."""
    limited = any(rule.get(key) for key in ("args", "includes", "excludes"))
    return name in rule.get("names", ()) and rule["action"] != _ALLOW and not limited


def _as_json(index: int, mask: int, value: int) -> dict[str, Any]:
    if mask:
        return {"index": index, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}
    return {"index": index, "value": value, "op": "SCMP_CMP_EQ"}


def text_of(profile: Mapping[str, Any]) -> str:
    """Return a profile as text, each name in a line of its own, so that versions compare well."""
    return json.dumps(profile, indent=2, ensure_ascii=False) + "\n"
