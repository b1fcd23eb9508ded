"""What a short batch session loads: its start is most of its time."""

from __future__ import annotations

import subprocess
import sys

from tests.support.build import build
from tests.support.run import environment

HEAVY = {
    "argparse", "ast", "asyncio", "ctypes.util", "dataclasses", "datetime", "decimal",
    "difflib", "elftools", "fractions", "glob", "iced_x86", "inspect", "ipaddress", "json",
    "logging", "pathlib", "pexpect", "prompt_toolkit", "ptrace", "pydemumble", "pygments",
    "shlex", "shutil", "subprocess", "tempfile", "tokenize", "traceback", "typing_extensions",
    "urllib",
}  # fmt: skip
"""Modules that cost a millisecond or more, or fork: needed by some command, never by all."""

SESSION = """
import sys
from pydbg.cli import main
commands = "break main", "run", "bt", "info locals"
status = main(["--batch", *(word for line in commands for word in ("-ex", line)), sys.argv[1]])
print("loaded", *sorted(set(sys.modules)))
sys.exit(status)
"""


def test_a_batch_session_loads_what_it_needs() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-c", SESSION, build("plain.c")],
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.rpartition("loaded ")[2].split()
    assert "pydbg.control" in loaded
    assert sorted(HEAVY & set(loaded)) == []
