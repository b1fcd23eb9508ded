"""Profiles as libseccomp compiles them for runc: the same decision on every call."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pydbg.seccomp.compile import compile_profile
from pydbg.seccomp.evaluate import Judge
from pydbg.seccomp.profile import read
from pydbg.syscalls import bpf
from pydbg.syscalls.table import table_for
from tests.support.libseccomp import compiled
from tests.support.seccomp import HARMLESS
from tests.support.seccomp_profiles import PROFILES, WORDS

CALLS = st.tuples(
    st.sampled_from(["x86_64", "i386", "x32"]),
    st.sampled_from([*HARMLESS, "read"]),
    st.lists(WORDS, min_size=6, max_size=6),
)


def one_action_a_call(profile: dict[str, Any]) -> dict[str, Any]:
    """Leave out rules that contradict an earlier one: there libseccomp's order is its own."""
    kept: list[dict[str, Any]] = []
    decided: dict[str, Any] = {}
    for rule in profile["syscalls"]:
        does = rule["action"], rule.get("errnoRet")
        names = [name for name in rule["names"] if decided.setdefault(name, does) == does]
        if names:
            kept.append({**rule, "names": names})
    return {**profile, "syscalls": kept}


@settings(max_examples=100, deadline=None)
@given(PROFILES.map(one_action_a_call), st.lists(CALLS, min_size=3, max_size=6))
def test_libseccomp_decides_the_same(profile: dict[str, Any], calls: list[Any]) -> None:
    if profile["defaultAction"] == "SCMP_ACT_NOTIFY":
        return  # libseccomp refuses it as a default.
    found = read(json.dumps(profile))
    theirs, ours = compiled(found), compile_profile(Judge(found))
    if theirs is None:
        return  # It refuses rules that it sees a contradiction in.
    for abi, name, args in calls:
        row = table_for(abi).by_name(name)
        assert row is not None
        words = [arg & 0xFFFFFFFF for arg in args] if abi == "i386" else args
        arch = bpf.audit_arch(abi)
        want = bpf.run(theirs, row.number, arch, 0, words)
        if want & bpf.ACTION_MASK == bpf.RET_TRACE:
            want &= bpf.ACTION_MASK  # The tracer's number, which there is no use for here.
        assert bpf.run(ours, row.number, arch, 0, words) == want
