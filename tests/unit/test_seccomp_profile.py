"""Profiles: what is read, what is refused with its line, what is decided, what is compiled."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydbg.seccomp.compile import answer, compile_profile, traced
from pydbg.seccomp.evaluate import DOCKER_CAPS, Judge, Surroundings, this_machine
from pydbg.seccomp.positions import ProfileError, parse
from pydbg.seccomp.profile import ACTIONS, OPERATORS, read
from pydbg.syscalls import bpf
from pydbg.syscalls.table import table_for
from tests.support.seccomp import HARMLESS
from tests.support.seccomp_profiles import PROFILES, WORDS

ALLOW, ERRNO = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"


def judge(profile: dict[str, Any], **surroundings: Any) -> Judge:
    return Judge(read(json.dumps(profile), "p.json"), Surroundings(**surroundings))


def number(name: str, abi: str = "x86_64") -> int:
    row = table_for(abi).by_name(name)
    assert row is not None
    return row.number


def rule(*names: str, action: str = ALLOW, **more: Any) -> dict[str, Any]:
    return {"names": list(names), "action": action, **more}


def strict(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"defaultAction": ERRNO, "syscalls": list(rules), **more}


# --- reading -------------------------------------------------------------------------------


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner,
                                                                 max_size=3),
    max_leaves=12,
), st.sampled_from([None, 1, 3]))  # fmt: skip
def test_json_is_read_as_python_reads_it(value: Any, indent: int | None) -> None:
    def bare(located: Any) -> Any:
        inner = located.value
        if isinstance(inner, dict):
            return {name: bare(one) for name, one in inner.items()}
        return [bare(one) for one in inner] if isinstance(inner, list) else inner

    assert bare(parse(json.dumps(value, indent=indent))) == value


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "the profile ends too early"),
        ("{", 1, "a name in double quotes is expected"),
        ('{"a"\n1}', 2, '":" is expected after "a"'),
        ('{"a": 1\n\n"b": 2}', 3, '"," or "}" is expected'),
        ('{"a": [1,\n]}', 2, "unexpected ']'"),
        ('{\n"a": nope}', 2, "unexpected 'nope'"),
        ("{}\n\nx", 3, "something follows the profile"),
        ('{"a": "\n"}', 1, "Invalid control character at"),
        ("[" * 200, 1, "it is nested too deeply"),
        ("[]", 1, "a profile is an object, not a list"),
        ("{}", 1, 'there is no "defaultAction"'),
        ('{"defaultAction": 3}', 1, "a text is expected, not a number"),
        ('{"defaultAction":\n"SCMP_ACT_ALOW"}', 2, '"SCMP_ACT_ALOW" is no action (SCMP_ACT_ALLOW?'),
    ],
)
def test_mistakes_in_json_have_a_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(ProfileError) as caught:
        read(text, "p.json")
    assert str(caught.value).startswith(f"p.json:{line}: {reason}")


@pytest.mark.parametrize(
    ("piece", "reason"),
    [
        ('"action": "SCMP_ACT_ALLOW"', 'a rule needs "names"'),
        ('"names": ["read"]', 'a rule needs an "action"'),
        ('"names": ["read"], "name": "write", "action": "SCMP_ACT_ALLOW"', "exclude each other"),
        ('"names": ["read"], "action": "SCMP_ACT_ALLOW", "arg": []', 'a rule has no "arg" (args?)'),
        ('"names": "read", "action": "SCMP_ACT_ALLOW"', "a list is expected, not a text"),
        ('"names": ["read"], "action": "SCMP_ACT_ALLOW", "errnoRet": 1', "means nothing with"),
        ('"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5000', "between 0 and 4095"),
        ('"names": ["read"], "action": "SCMP_ACT_ERRNO", "errno": "EPREM"', "no error name"),
        ('"names": ["read"], "action": "SCMP_ACT_ERRNO", "errno": "EIO", "errnoRet": 1',
         "say different things"),
        ('"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 6, "op": "x"}]',
         "6 is not between 0 and 5"),
        ('"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 1}]', 'needs "op"'),
        ('"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 1, "op": '
         '"SCMP_CMP_EG"}]', "is no operator (SCMP_CMP_"),
        ('"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 1, "op": '
         '"SCMP_CMP_EQ", "value": -1}]', "-1 is not between"),
        ('"names": ["read"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMN"]}',
         "is no capability (CAP_SYS_ADMIN"),
        ('"names": ["read"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "new"}',
         "is no kernel version"),
    ],
)  # fmt: skip
def test_mistakes_in_rules_have_a_line(piece: str, reason: str) -> None:
    text = '{"defaultAction": "SCMP_ACT_ERRNO",\n "syscalls": [\n  {' + piece + "}]}"
    with pytest.raises(ProfileError) as caught:
        read(text, "p.json")
    assert caught.value.line == 3
    assert reason in str(caught.value)


def test_architectures_and_the_map_exclude_each_other() -> None:
    both = strict(architectures=["SCMP_ARCH_X86"], archMap=[{"architecture": "SCMP_ARCH_X86_64"}])
    with pytest.raises(ProfileError, match="exclude each other"):
        judge(both)
    with pytest.raises(ProfileError, match="is no architecture"):
        judge(strict(architectures=["SCMP_ARCH_X86_46"]))
    with pytest.raises(ProfileError, match="is no filter flag"):
        judge(strict(flags=["SECCOMP_FILTER_FLAG_TSYNK"]))


def test_unknown_names_are_told_with_near_ones() -> None:
    profile = read(json.dumps(strict(rule("opennat", "s390_runtime_instr", "qwfpgj"))), "p.json")
    assert profile.warnings == (
        "p.json:1: no system call is named 'opennat' (openat, openat2?)",
        "p.json:1: no system call is named 'qwfpgj'",
    )


def test_a_bundle_s_config_will_do() -> None:
    profile = read(json.dumps({"ociVersion": "1", "linux": {"seccomp": strict(rule("read"))}}))
    assert profile.rules[0].names == ("read",)


# --- deciding ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "holds"),
    [
        ("EQ", {5}),
        ("NE", {0, 4, 6, 1 << 32 | 5}),
        ("LT", {0, 4}),
        ("LE", {0, 4, 5}),
        ("GT", {6, 1 << 32 | 5}),
        ("GE", {5, 6, 1 << 32 | 5}),
    ],
)
def test_every_comparison(op: str, holds: set[int]) -> None:
    condition = {"index": 2, "value": 5, "op": f"SCMP_CMP_{op}"}
    found = judge(strict(rule("read", args=[condition])))
    for value in (0, 4, 5, 6, 1 << 32 | 5):
        verdict = found.decide("x86_64", 0, (9, 9, value))
        assert (not verdict.refuses) == (value in holds), (op, value)


def test_docker_s_rule_for_clone() -> None:
    condition = {"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    found = judge(strict(rule("clone", args=[condition], excludes={"caps": ["CAP_SYS_ADMIN"]})))
    assert not found.decide("x86_64", 56, (0x01200011,)).refuses
    assert found.decide("x86_64", 56, (0x10000000,)).refuses  # CLONE_NEWUSER
    assert found.explain("x86_64", 56) == "(arg0 & 0x7e020000) == 0"


def test_conditions_of_docker() -> None:
    rules = strict(
        rule("mount", includes={"caps": ["CAP_SYS_ADMIN"]}),
        rule("ptrace", includes={"minKernel": "4.8"}),
        rule("acct", excludes={"minKernel": "4.8"}),
        rule("arch_prctl", includes={"arches": ["amd64", "x32"]}),
        rule("reboot", excludes={"arches": ["amd64"]}),
        rule("syslog", includes={"caps": ["CAP_SYSLOG", "CAP_SYS_ADMIN"]}),
    )

    def allowed(**surroundings: Any) -> set[str]:
        found = judge(rules, **surroundings)
        names = ("mount", "ptrace", "acct", "arch_prctl", "reboot", "syslog")
        return {n for n in names if not found.decide("x86_64", number(n), ()).refuses}

    assert allowed(kernel=(4, 8)) == {"ptrace", "arch_prctl"}
    assert allowed(kernel=(4, 7)) == {"acct", "arch_prctl"}
    admin = frozenset(["CAP_SYS_ADMIN"])
    assert allowed(caps=admin, kernel=(4, 7)) == {"mount", "acct", "arch_prctl"}
    assert "syslog" in allowed(caps=admin | {"CAP_SYSLOG"})
    assert len(DOCKER_CAPS) == 14
    assert this_machine().kernel > (4, 0)


def test_the_first_rule_without_conditions_decides_alone() -> None:
    equal = {"index": 0, "value": 7, "op": "SCMP_CMP_EQ"}
    found = judge(
        strict(
            rule("read", action="SCMP_ACT_KILL", args=[equal]),
            rule("read", action="SCMP_ACT_TRAP"),
            rule("read"),
        )
    )
    verdict = found.decide("x86_64", 0, (7,))
    assert (verdict.action, verdict.why) == ("TRAP", "rule 2 (p.json:1)")


def test_one_argument_twice_is_two_rules() -> None:
    twice = [{"index": 0, "value": value, "op": "SCMP_CMP_EQ"} for value in (1, 2)]
    found = judge(strict(rule("close", args=twice)))
    assert [found.decide("x86_64", 3, (fd,)).refuses for fd in (0, 1, 2)] == [True, False, False]


def test_rules_that_do_what_the_default_does_are_no_rules() -> None:
    equal = {"index": 0, "value": 7, "op": "SCMP_CMP_EQ"}
    found = judge(strict(rule("close", action=ERRNO, errnoRet=1), rule("close", args=[equal])))
    assert not found.decide("x86_64", 3, (7,)).refuses
    assert found.decide("x86_64", 3, (8,)).why == "defaultAction (p.json:1)"


def test_errors_and_their_names() -> None:
    found = judge(
        {
            "defaultAction": ERRNO,
            "defaultErrno": "ENOSYS",
            "syscalls": [rule("read", action=ERRNO, errnoRet=13), rule("write", action=ERRNO)],
        }
    )
    errnos = [found.decide("x86_64", nr, ()).errno for nr in (0, 1, 2)]
    assert errnos == [13, 1, 38]
    assert found.decide("x86_64", 0, ()).text() == "fails with EACCES"


def test_other_architectures() -> None:
    native = judge(strict(rule("read")))
    assert native.decide("i386", 3, ()).action == "KILL_THREAD"
    assert native.decide("x86_64", 0x40000000, ()).action == "KILL_THREAD"
    assert native.decide("x86_64", 0xFFFFFFFF, ()).action == "ERRNO"
    subs = ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    every = judge(
        strict(
            rule("read", "socket", "shmat"),
            archMap=[
                {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
                {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": subs},
            ],
        )
    )
    assert not every.decide("i386", 3, ()).refuses
    assert not every.decide("x86_64", 0x40000000, ()).refuses
    # socketcall(SYS_SOCKET) and ipc(SHMAT) are the same calls.
    assert not every.decide("i386", 102, (1,)).refuses
    assert every.decide("i386", 102, (2,)).refuses
    assert not every.decide("i386", 117, (21,)).refuses


# --- compiling -----------------------------------------------------------------------------

CALLS = st.tuples(
    st.sampled_from(["x86_64", "i386"]),
    st.sampled_from([*HARMLESS, "read"]),
    st.sampled_from([0, 0, 0, 0x40000000]),
    st.lists(WORDS, min_size=6, max_size=6),
)


@given(PROFILES, st.lists(CALLS, min_size=1, max_size=8))
def test_the_filter_decides_as_the_judge(profile: dict[str, Any], calls: list[Any]) -> None:
    found = judge(profile)
    program = compile_profile(found)
    secret = 0x5EC0FFEE
    watched = compile_profile(found, traced(secret))
    for abi, name, bit, args in calls:
        nr = number(name, abi) | bit
        args = [arg & 0xFFFFFFFF for arg in args] if abi == "i386" else args
        verdict = found.decide(abi, nr, args)
        arch = bpf.audit_arch(abi)
        assert bpf.run(program, nr, arch, 0, args) == answer(verdict)
        args[5] &= ~0xFFFFFFFF
        again = found.decide(abi, nr, args)
        wanted = bpf.RET_TRACE if again.refuses else answer(again)
        assert bpf.run(watched, nr, arch, 0, args) == wanted


@pytest.mark.parametrize("action", ["SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"])
def test_the_secret_word_gets_the_real_answer(action: str) -> None:
    found = judge({"defaultAction": action})
    watched = compile_profile(found, traced(0x1234))
    arch = bpf.audit_arch("x86_64")
    assert bpf.run(watched, 0, arch, 0, (0, 0, 0, 0, 0, 1)) == bpf.RET_TRACE
    assert bpf.run(watched, 0, arch, 0, (0, 0, 0, 0, 0, 0x1234)) == answer(found.default)


def test_a_profile_of_all_calls_with_conditions_fits() -> None:
    conditions = [{"index": i, "value": 1 << 33, "op": "SCMP_CMP_LE"} for i in range(1)]
    found = judge(strict(rule(*table_for("x86_64").names(), args=conditions)))
    assert len(compile_profile(found)) // 8 < bpf.MAX_LENGTH


def test_tables_are_complete() -> None:
    assert len(ACTIONS) == 9
    assert len(OPERATORS) == 7
