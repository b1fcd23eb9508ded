"""Every reason for not being allowed to trace has its own line."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest

from pydbg.linux.attach import Check, Facts, doctor, explain, explain_attach_failure


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"exists": False}, "No such process: 7."),
        ({"own": True}, "cannot trace itself"),
        ({"kernel_thread": True}, "kernel thread"),
        ({"state": "Z", "parent": 6}, "zombie: it has exited, and its parent 6"),
        ({"tracer": 5, "tracer_name": "strace"}, "already traced by strace (pid 5)"),
        ({"yama": 3, "ptrace_capability": True}, "ptrace_scope is 3"),
        ({"uid": 1000, "user": "user ann", "my_uid": 1001}, "belongs to user ann"),
        ({"yama": 2}, "ptrace_scope is 2"),
        ({"dumpable": False}, "not dumpable"),
        ({"extra_capabilities": True}, "capabilities that pydbg lacks"),
        ({"yama": 1}, "ptrace_scope is 1"),
        ({"container": "podman"}, "container (podman)"),
        ({"seccomp": True}, "seccomp filter"),
        ({"yama": 1, "descendant": True}, "CAP_SYS_PTRACE"),
        ({"ptrace_capability": True}, "security module"),
    ],
)
def test_reason(facts: dict[str, Any], words: str) -> None:
    text = explain(Facts(**{"pid": 7, "name": "cat", **facts}), errno.EPERM)
    assert words in text
    assert "\n" not in text
    assert text.endswith(".")


def test_other_errors_keep_their_name() -> None:
    assert explain(Facts(pid=7, name="cat"), errno.EIO).endswith("Input/output error.")
    assert explain(Facts(pid=7, name="cat"), errno.ESRCH) == "No such process: 7."


def test_this_process() -> None:
    assert "is the debugger itself" in explain_attach_failure(os.getpid(), errno.EPERM)


def test_doctor_looks_at_everything() -> None:
    checks = doctor()
    assert all(isinstance(check, Check) and check.text for check in checks)
    names = [check.name for check in checks]
    assert len(set(names)) == len(names)
    assert {"kernel", "tracing", "memory", "debug registers", "yama", "fast catch"} <= {*names}
