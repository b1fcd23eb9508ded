"""Random profiles for hypothesis: rules for harmless calls, with every operator."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pydbg.seccomp.profile import ACTIONS, OPERATORS
from tests.support.seccomp import HARMLESS

EDGES = (0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32, (1 << 32) + 1, (1 << 64) - 1)
WORDS = st.sampled_from(EDGES) | st.integers(0, 3) | st.integers(0, (1 << 64) - 1)
ERRNOS = st.sampled_from([0, 1, 13, 22, 4095])


def _with_errno(fields: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    if fields["action"] not in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"):
        return st.just(fields)
    return st.one_of(st.just(fields), ERRNOS.map(lambda errno: {**fields, "errnoRet": errno}))


CONDITIONS = st.fixed_dictionaries(
    {
        "index": st.integers(0, 5),
        "value": WORDS,
        "valueTwo": WORDS,
        "op": st.sampled_from(OPERATORS),
    }
)
RULES = st.fixed_dictionaries(
    {
        "names": st.lists(st.sampled_from(HARMLESS), min_size=1, max_size=3),
        "action": st.sampled_from(ACTIONS),
        "args": st.lists(CONDITIONS, max_size=3),
    }
).flatmap(_with_errno)
PROFILES = st.fixed_dictionaries(
    {
        "defaultAction": st.sampled_from(ACTIONS),
        "architectures": st.lists(
            st.sampled_from(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]), max_size=3
        ),
        "syscalls": st.lists(RULES, max_size=6),
    }
)
