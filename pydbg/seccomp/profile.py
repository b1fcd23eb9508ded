"""Profiles as container runtimes read them: the OCI's JSON, and Docker's, which adds conditions.

Sources: the OCI runtime specification (config-linux.md, seccomp), moby's profiles/seccomp,
containers/common's seccomp.json, runc's libcontainer/seccomp.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydbg.records import Record
from pydbg.seccomp.positions import Located, ProfileError, parse

__all__ = ["ACTIONS", "OPERATORS", "Condition", "Limits", "Profile", "Rule", "load", "read"]

ACTIONS = (
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
)
OPERATORS = (
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_LE",
    "SCMP_CMP_LT",
    "SCMP_CMP_MASKED_EQ",
    "SCMP_CMP_NE",
)
ARCHITECTURES = {
    "SCMP_ARCH_X86_64": "x86_64",
    "SCMP_ARCH_X86": "i386",
    "SCMP_ARCH_X32": "x32",
}
"""The architectures that this machine has, and their tables."""
_FOREIGN = (
    "AARCH64 ARM LOONGARCH64 M68K MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PARISC "
    "PARISC64 PPC PPC64 PPC64LE RISCV64 S390 S390X SH SHEB"
)
_ARCHES = (
    "amd64 arm arm64 loong64 mips mips64 mips64n32 mipsel mipsel64 mipsel64n32 ppc ppc64 "
    "ppc64le riscv64 s390 s390x x32 x86"
)
_FLAGS = (
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
)
_WITH_ERRNO = frozenset(("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"))
_EPERM = 1
_MAX_ERRNO = 4095
_MAX_WORD = (1 << 64) - 1

# Calls that only other architectures have (their syscall.tbl), or that are gone: Docker's
# profile names them, and they are no mistakes.
_ELSEWHERE = re.compile(
    r"^(arm_|s390_|riscv_|mips|sparc|spu_|sys_debug|pciconfig_|osf_)|^("
    r"breakpoint|cacheflush|cachectl|multiplexer|rtas|set_tls|get_tls|subpage_prot|swapcontext|"
    r"switch_endian|sync_file_range2|sysmips|usr2[46]|utrap_install|memory_ordering|getpagesize|"
    r"kern_features|perfctr|timerfd)$"
)


class Condition(Record):
    """Hold one comparison of an argument; ``value_two`` is the datum of MASKED_EQ."""

    index: int
    value: int
    value_two: int
    op: str

    def text(self) -> str:
        """Return the condition in C's words.

        >>> Condition(0, 0x7E020000, 0, "SCMP_CMP_MASKED_EQ").text()
        '(arg0 & 0x7e020000) == 0'
        """
        if self.op == "SCMP_CMP_MASKED_EQ":
            return f"(arg{self.index} & {self.value:#x}) == {_number(self.value_two)}"
        return f"arg{self.index} {_SIGNS[self.op]} {_number(self.value)}"


_SIGNS = {
    "SCMP_CMP_EQ": "==",
    "SCMP_CMP_GE": ">=",
    "SCMP_CMP_GT": ">",
    "SCMP_CMP_LE": "<=",
    "SCMP_CMP_LT": "<",
    "SCMP_CMP_NE": "!=",
}


def _number(value: int) -> str:
    return str(value) if value < 1024 else f"{value:#x}"


class Limits(Record):
    """Hold one of Docker's ``includes`` or ``excludes``."""

    caps: tuple[str, ...] = ()
    arches: tuple[str, ...] = ()
    min_kernel: tuple[int, int] | None = None


class Rule(Record):
    """Hold one entry of ``syscalls``; ``number`` counts from 1, ``line`` is where it begins."""

    names: tuple[str, ...]
    action: str
    errno: int = _EPERM
    args: tuple[Condition, ...] = ()
    includes: Limits = Limits()
    excludes: Limits = Limits()
    comment: str = ""
    number: int = 1
    line: int = 1


class Profile(Record):
    """Hold a profile; ``abis`` are those of its architectures that this machine has."""

    path: str
    default_action: str
    default_errno: int = _EPERM
    abis: tuple[str, ...] = ("x86_64",)
    rules: tuple[Rule, ...] = ()
    default_line: int = 1
    warnings: tuple[str, ...] = ()
    """Names that no system call has, each in a line with its place and near names."""


def load(path: str) -> Profile:
    """Read a profile; ProfileError names the line and the reason of a mistake."""
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
    except OSError as error:
        raise ProfileError(path, 0, str(error.strerror)) from None
    except UnicodeDecodeError:
        raise ProfileError(path, 1, "it is no text in UTF-8") from None
    return read(text, path)


def read(text: str, path: str = "profile") -> Profile:
    """Return the profile that ``text`` spells.

    The whole config.json of an OCI bundle will do too.

    >>> profile = read('''{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
    ...     {"names": ["read", "wirte"], "action": "SCMP_ACT_ALLOW"}]}''', "p.json")
    >>> profile.rules[0].names, profile.warnings
    (('read', 'wirte'), ("p.json:2: no system call is named 'wirte' (write?)",))
    >>> read('{"defaultAction": "SCMP_ACT_ALOW"}', "p.json")
    Traceback (most recent call last):
    pydbg.seccomp.positions.ProfileError: p.json:1: "SCMP_ACT_ALOW" is no action (SCMP_ACT_ALLOW?)
    """
    return _Reader(path).profile(parse(text, path))


class _Reader:
    """Turn located JSON into a profile."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._warnings: list[str] = []

    def profile(self, found: Located) -> Profile:
        for name in ("linux", "seccomp"):
            if isinstance(found.value, dict) and name in found.value:
                found = found.value[name]
        fields = self._object(found, _PROFILE_KEYS, "a profile")
        if "defaultAction" not in fields:
            raise self._error(found, 'there is no "defaultAction"')
        action = fields["defaultAction"]
        for flag in self._list(fields.get("flags")):
            self._one_of(flag, _FLAGS, "filter flag")
        rules = [
            self._rule(one, number)
            for number, one in enumerate(self._list(fields.get("syscalls")), 1)
        ]
        return Profile(
            path=self._path,
            default_action=self._one_of(action, ACTIONS, "action"),
            default_errno=self._errno(fields, "defaultErrnoRet", "defaultErrno", action),
            abis=self._abis(fields),
            rules=tuple(rules),
            default_line=action.line,
            warnings=tuple(self._warnings),
        )

    # --- pieces ------------------------------------------------------------------------------

    def _abis(self, fields: Mapping[str, Located]) -> tuple[str, ...]:
        if self._list(fields.get("architectures")) and self._list(fields.get("archMap")):
            reason = '"architectures" and "archMap" exclude each other'
            raise self._error(fields["archMap"], reason)
        # libseccomp's filters are for the native architecture whatever else they are for.
        abis = ["x86_64"]
        wanted = self._list(fields.get("architectures"))
        for entry in self._list(fields.get("archMap")):
            known = self._object(entry, ("architecture", "subArchitectures"), "an archMap entry")
            if "architecture" not in known:
                raise self._error(entry, 'there is no "architecture"')
            subs = self._list(known.get("subArchitectures"))
            every = [known["architecture"], *subs]
            for one in every:
                self._architecture(one)
            if known["architecture"].value == "SCMP_ARCH_X86_64":
                wanted = every
        for one in wanted:
            abi = self._architecture(one)
            if abi is not None and abi not in abis:
                abis.append(abi)
        return tuple(abis)

    def _architecture(self, one: Located) -> str | None:
        known = [*ARCHITECTURES, *("SCMP_ARCH_" + name for name in _FOREIGN.split())]
        return ARCHITECTURES.get(self._one_of(one, known, "architecture"))

    def _rule(self, found: Located, number: int) -> Rule:
        fields = self._object(found, _RULE_KEYS, "a rule")
        if "name" in fields and fields["name"].value and self._list(fields.get("names")):
            raise self._error(fields["name"], '"name" and "names" exclude each other')
        single = [fields["name"]] if "name" in fields and fields["name"].value else []
        names = [self._name(one) for one in self._list(fields.get("names")) or single]
        if not names:
            raise self._error(found, 'a rule needs "names"')
        if "action" not in fields:
            raise self._error(found, 'a rule needs an "action"')
        comment = fields.get("comment")
        return Rule(
            names=tuple(names),
            action=self._one_of(fields["action"], ACTIONS, "action"),
            errno=self._errno(fields, "errnoRet", "errno", fields["action"]),
            args=tuple(self._condition(one) for one in self._list(fields.get("args"))),
            includes=self._limits(fields.get("includes"), "includes"),
            excludes=self._limits(fields.get("excludes"), "excludes"),
            comment=self._text(comment) if comment is not None and comment.value else "",
            number=number,
            line=found.line,
        )

    def _name(self, found: Located) -> str:
        from pydbg.syscalls.table import table_for

        name = self._text(found)
        tables = [table_for(abi) for abi in ARCHITECTURES.values()]
        if any(table.by_name(name) for table in tables) or _ELSEWHERE.match(name):
            return name
        near = _near(name, tables[0].names() + tables[1].names())
        self._warnings.append(f"{self._path}:{found.line}: no system call is named {name!r}{near}")
        return name

    def _condition(self, found: Located) -> Condition:
        fields = self._object(found, ("index", "value", "valueTwo", "op"), "a condition")
        for name in ("index", "op"):
            if name not in fields:
                raise self._error(found, f'a condition needs "{name}"')
        zero = Located(0, found.line)
        return Condition(
            index=self._integer(fields["index"], 5),
            value=self._integer(fields.get("value", zero), _MAX_WORD),
            value_two=self._integer(fields.get("valueTwo", zero), _MAX_WORD),
            op=self._one_of(fields["op"], OPERATORS, "operator"),
        )

    def _limits(self, found: Located | None, what: str) -> Limits:
        if found is None or found.value is None:
            return Limits()
        fields = self._object(found, ("arches", "caps", "minKernel"), f'"{what}"')
        kernel = fields.get("minKernel")
        version = None
        if kernel is not None and kernel.value:
            numbers = re.fullmatch(r"(\d+)\.(\d+)", self._text(kernel))
            if numbers is None:
                raise self._error(kernel, f'"{kernel.value}" is no kernel version such as 4.8')
            version = int(numbers[1]), int(numbers[2])
        from pydbg.syscalls.constants import SETS

        caps = [word.partition("=")[0] for word in SETS["capabilities"][1].split()]
        return Limits(
            caps=tuple(
                self._one_of(one, caps, "capability") for one in self._list(fields.get("caps"))
            ),
            arches=tuple(
                self._one_of(one, _ARCHES.split(), "architecture")
                for one in self._list(fields.get("arches"))
            ),
            min_kernel=version,
        )

    def _errno(self, fields: Mapping[str, Located], name: str, word: str, action: Located) -> int:
        """Return the error that a rule gives: its number, or (Podman's) its name."""
        number, text = fields.get(name), fields.get(word)
        value: int | None = None
        if text is not None and text.value:
            from pydbg.syscalls.errno import error_number

            value = error_number(self._text(text))
            if value is None:
                raise self._error(text, f'"{text.value}" is no error name')
        if number is not None and number.value is not None:
            given = self._integer(number, _MAX_ERRNO)
            if value is not None and value != given:
                raise self._error(number, f'"{name}" and "{word}" say different things')
            value = given
        if value is None:
            return _EPERM
        if action.value not in _WITH_ERRNO:
            where = number if number is not None and number.value is not None else text
            raise self._error(where or action, f'"{name}" means nothing with {action.value}')
        return value

    # --- values ------------------------------------------------------------------------------

    def _error(self, found: Located, reason: str) -> ProfileError:
        return ProfileError(self._path, found.line, reason)

    def _object(self, found: Located, known: Iterable[str], what: str) -> dict[str, Located]:
        if not isinstance(found.value, dict):
            raise self._error(found, f"{what} is an object, not {_kind(found.value)}")
        fields: dict[str, Located] = found.value
        for name, value in fields.items():
            if name not in known and not name.startswith(("_", "$", "x-")):
                raise self._error(value, f'{what} has no "{name}"{_near(name, known)}')
        return fields

    def _list(self, found: Located | None) -> list[Located]:
        if found is None or found.value is None:
            return []
        if not isinstance(found.value, list):
            raise self._error(found, f"a list is expected, not {_kind(found.value)}")
        items: list[Located] = found.value
        return items

    def _text(self, found: Located) -> str:
        if not isinstance(found.value, str):
            raise self._error(found, f"a text is expected, not {_kind(found.value)}")
        return found.value

    def _integer(self, found: Located, most: int) -> int:
        value = found.value
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._error(found, f"a whole number is expected, not {_kind(value)}")
        if not 0 <= value <= most:
            raise self._error(found, f"{value} is not between 0 and {most}")
        return value

    def _one_of(self, found: Located, known: Iterable[str], what: str) -> str:
        text = self._text(found)
        if text not in known:
            raise self._error(found, f'"{text}" is no {what}{_near(text, known)}')
        return text


_PROFILE_KEYS = (
    "defaultAction",
    "defaultErrnoRet",
    "defaultErrno",
    "architectures",
    "archMap",
    "flags",
    "listenerPath",
    "listenerMetadata",
    "syscalls",
    "comment",
)
_RULE_KEYS = (
    "name",
    "names",
    "action",
    "args",
    "comment",
    "includes",
    "excludes",
    "errnoRet",
    "errno",
)


def _near(word: str, known: Iterable[str]) -> str:
    """Return the known words near to one in brackets, or nothing."""
    # Names with a long beginning in common are all alike.
    cutoff = 0.9 if word.startswith("SCMP_") else 0.75
    near = difflib.get_close_matches(word, list(dict.fromkeys(known)), n=3, cutoff=cutoff)
    return f" ({', '.join(near)}?)" if near else ""


_KINDS: tuple[tuple[type, str], ...] = (
    (dict, "an object"),
    (list, "a list"),
    (str, "a text"),
    (bool, "a truth value"),
    (int, "a number"),
    (float, "a fraction"),
)


def _kind(value: Any) -> str:
    return next((text for kind, text in _KINDS if isinstance(value, kind)), "null")
