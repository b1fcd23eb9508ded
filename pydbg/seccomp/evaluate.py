"""What a profile says about a call: the action, and the rule that decides.

It is judged as runc has libseccomp judge it. Rules that do what the default does anyway are
left out. If a rule for a call has no conditions, the first such rule decides alone; else the
first one whose conditions all hold, in the profile's order. A rule that compares one argument
twice is as many rules with a condition each. Where an architecture is missing, its calls kill.

Sources: runc's seccomp_linux.go (matchCall), libseccomp's db.c (db_rule_add) and
arch-x86.c (socketcall and ipc), moby's seccomp_linux.go (includes and excludes).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydbg.records import Record
from pydbg.seccomp.profile import Condition, Profile, Rule

__all__ = ["DOCKER_CAPS", "Judge", "Surroundings", "Verdict", "holds", "is_x32", "this_machine"]

_X32 = 0x40000000
_MINUS_ONE = 0xFFFFFFFF
_WORD = 0xFFFFFFFF
_ENOSYS = 38

_DOCKER = (
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP "
    "SETGID SETPCAP SETUID SYS_CHROOT"
)
DOCKER_CAPS = frozenset("CAP_" + name for name in _DOCKER.split())
"""What a container gets that asks for nothing (moby's oci/caps/defaults.go)."""

Choice = tuple[tuple[Condition, ...], Rule]


class Surroundings(Record):
    """Hold what Docker's conditions ask for: capabilities, the architecture, the kernel."""

    caps: frozenset[str] = frozenset()
    arch: str = "amd64"
    kernel: tuple[int, int] = (6, 1)

    def satisfy(self, rule: Rule) -> bool:
        """Tell whether a rule is for these surroundings.

        >>> from pydbg.seccomp.profile import Limits
        >>> admin = Rule(("mount",), "SCMP_ACT_ALLOW", includes=Limits(caps=("CAP_SYS_ADMIN",)))
        >>> Surroundings().satisfy(admin), Surroundings(frozenset(["CAP_SYS_ADMIN"])).satisfy(admin)
        (False, True)
        """
        out, only = rule.excludes, rule.includes
        if self.arch in out.arches or self.caps & set(out.caps):
            return False
        if out.min_kernel is not None and self.kernel >= out.min_kernel:
            return False
        if only.arches and self.arch not in only.arches:
            return False
        return set(only.caps) <= self.caps and self.kernel >= (only.min_kernel or (0, 0))


def this_machine() -> Surroundings:
    """Return the surroundings of a program that is started here: the bounding set, the kernel."""
    import os
    import re

    from pydbg.linux import procfs
    from pydbg.syscalls.constants import SETS

    bits = int(procfs.status(os.getpid()).get("CapBnd", "0"), 16)
    words = (word.partition("=") for word in SETS["capabilities"][1].split())
    caps = frozenset(name for name, _, number in words if bits >> int(number, 16) & 1)
    version = re.match(r"(\d+)\.(\d+)", os.uname().release)
    kernel = (int(version[1]), int(version[2])) if version else (0, 0)
    return Surroundings(caps, "amd64", kernel)


class Verdict(Record):
    """Hold what becomes of a call, and why.

    ``action`` has no SCMP_ACT_ in front; ``errno`` is what the caller gets where that is so.
    ``rule`` is None for the default, or for a missing architecture.
    """

    action: str
    errno: int = 0
    rule: Rule | None = None
    why: str = ""

    @property
    def refuses(self) -> bool:
        """Tell whether the call does not run: all but ALLOW and LOG."""
        return self.action not in ("ALLOW", "LOG")

    @property
    def kills(self) -> bool:
        """Tell whether the kernel has to do it itself: a death, a SIGSYS."""
        return self.action.startswith("KILL") or self.action == "TRAP"

    def text(self) -> str:
        """Return the action in a few words.

        >>> Verdict("ERRNO", 1).text(), Verdict("KILL_PROCESS").text()
        ('fails with EPERM', 'kills the process')
        """
        from pydbg.syscalls.errno import error_name

        if self.action in _WORDS:
            return _WORDS[self.action]
        if not self.errno:
            return "does nothing and returns 0"
        return f"fails with {error_name(self.errno) or self.errno}"


_WORDS = {
    "ALLOW": "is allowed",
    "LOG": "is allowed and logged",
    "KILL": "kills the thread",
    "KILL_THREAD": "kills the thread",
    "KILL_PROCESS": "kills the process",
    "TRAP": "raises SIGSYS",
}


class Judge:
    """Judge calls by a profile in given surroundings.

    >>> from pydbg.seccomp.profile import read
    >>> judge = Judge(read('''{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
    ...     {"names": ["write"], "action": "SCMP_ACT_ALLOW",
    ...      "args": [{"index": 0, "value": 2, "op": "SCMP_CMP_LE"}]}]}''', "p.json"))
    >>> judge.decide("x86_64", 1, (1, 0, 0)).action
    'ALLOW'
    >>> verdict = judge.decide("x86_64", 1, (3, 0, 0))
    >>> verdict.text(), verdict.why
    ('fails with EPERM', 'defaultAction (p.json:1)')
    """

    def __init__(self, profile: Profile, surroundings: Surroundings | None = None) -> None:
        self.profile = profile
        self.surroundings = surroundings or Surroundings()
        default = profile.default_action, profile.default_errno
        why = f"defaultAction ({profile.path}:{profile.default_line})"
        self.default = _verdict(*default, None, why)
        rules = [
            rule
            for rule in profile.rules
            if self.surroundings.satisfy(rule) and not _same(rule, *default)
        ]
        self.tables: dict[str, dict[int, list[Choice]]] = {
            abi: _choices(abi, rules) for abi in profile.abis
        }
        """By ABI and number what decides: (conditions, rule), the first that holds."""

    def decide(self, abi: str, nr: int, args: Sequence[int]) -> Verdict:
        """Return the verdict on one call; ``args`` are the registers."""
        nr &= _WORD
        if abi == "x86_64" and is_x32(nr):
            abi = "x32"
        table = self.tables.get(abi)
        if table is None:
            return self.foreign(abi)
        for conditions, rule in table.get(nr, ()):
            if all(holds(one, args, abi) for one in conditions):
                return self.by_rule(rule)
        return self.default

    def foreign(self, abi: str) -> Verdict:
        """Return the verdict on all calls of an architecture that the profile does not have."""
        names = {"i386": "SCMP_ARCH_X86", "x32": "SCMP_ARCH_X32", "x86_64": "SCMP_ARCH_X86_64"}
        path = self.profile.path
        return Verdict("KILL_THREAD", 0, None, f"{names[abi]} is not in the profile ({path})")

    def by_rule(self, rule: Rule) -> Verdict:
        """Return the verdict of a rule that decides."""
        why = f"rule {rule.number} ({self.profile.path}:{rule.line})"
        return _verdict(rule.action, rule.errno, rule, why)

    def explain(self, abi: str, nr: int) -> str:
        """Return which conditions of rules for a call did not hold, "" if there is no rule."""
        choices = self.tables.get(abi, {}).get(nr, [])
        if not choices:
            return ""
        texts = [" && ".join(one.text() for one in some) or "always" for some, _ in choices]
        return " or ".join(dict.fromkeys(texts))


def is_x32(nr: int) -> bool:
    """Tell whether a number is one of x32's; -1, by which a tracer skips a call, is not."""
    return nr >= _X32 and nr != _MINUS_ONE


def holds(condition: Condition, args: Sequence[int], abi: str) -> bool:
    """Tell whether a condition holds; i386's arguments have 32 bits, and so has its value then.

    libseccomp has it so for x32, too, though its registers have 64.

    >>> holds(Condition(0, 1 << 32 | 7, 0, "SCMP_CMP_EQ"), (7,), "i386")
    True
    """
    mask = (1 << 64) - 1 if abi == "x86_64" else _WORD
    arg = (args[condition.index] if condition.index < len(args) else 0) & mask
    value = condition.value & mask
    match condition.op:
        case "SCMP_CMP_EQ":
            return arg == value
        case "SCMP_CMP_NE":
            return arg != value
        case "SCMP_CMP_GT":
            return arg > value
        case "SCMP_CMP_GE":
            return arg >= value
        case "SCMP_CMP_LT":
            return arg < value
        case "SCMP_CMP_LE":
            return arg <= value
    # libseccomp compares the masked bits only (_db_node_mask_fixup).
    return arg & value == condition.value_two & value


def _verdict(action: str, errno: int, rule: Rule | None, why: str) -> Verdict:
    word = action.removeprefix("SCMP_ACT_")
    if word == "KILL":
        word = "KILL_THREAD"
    if word in ("TRACE", "NOTIFY"):
        # Nobody is there to ask: the kernel answers ENOSYS (seccomp(2)).
        return Verdict(word, _ENOSYS, rule, why)
    return Verdict(word, errno if word == "ERRNO" else 0, rule, why)


def _same(rule: Rule, action: str, errno: int) -> bool:
    one, other = _verdict(rule.action, rule.errno, None, ""), _verdict(action, errno, None, "")
    return one == other


def _choices(abi: str, rules: Sequence[Rule]) -> dict[int, list[Choice]]:
    found: dict[int, list[Choice]] = {}
    for rule in rules:
        for name in rule.names:
            for nr, conditions in _targets(abi, name, rule):
                found.setdefault(nr, []).append((conditions, rule))
    for nr, choices in found.items():
        bare = [one for one in choices if not one[0]]
        if bare:
            found[nr] = bare[:1]
    return found


def _targets(abi: str, name: str, rule: Rule) -> Iterator[tuple[int, tuple[Condition, ...]]]:
    """Give (number, conditions) for each way in which a rule's call can be made."""
    from pydbg.syscalls.multiplexed import selector
    from pydbg.syscalls.table import table_for

    table = table_for(abi)
    row = table.by_name(name)
    if row is not None:
        for conditions in _alternatives(rule.args):
            yield row.number, conditions
    selected = selector(name) if abi == "i386" and not rule.args else None
    if selected is not None:
        # socketcall and ipc keep the arguments in memory, which no filter sees.
        common = table.by_name(selected[0])
        assert common is not None
        yield common.number, (Condition(0, selected[1], 0, "SCMP_CMP_EQ"),)


def _alternatives(args: tuple[Condition, ...]) -> list[tuple[Condition, ...]]:
    indices = [one.index for one in args]
    if len(set(indices)) < len(indices):
        return [(one,) for one in args]
    return [args]
