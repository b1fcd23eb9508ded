"""Run pydbg as a user does: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which pydbg behaves the same everywhere."""
    clean = {
        "PYTHONPATH": str(ROOT),
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "XDG_CONFIG_HOME": "/nonexistent",
        "DEBUGINFOD_URLS": "",
        "PROMPT_TOOLKIT_NO_CPR": "1",
    }
    return {**os.environ, **clean, **(extra or {})}


def command(*args: str | Path) -> list[str]:
    """Return the command line that starts pydbg with ``args``."""
    return [sys.executable, "-m", "pydbg", *map(str, args)]


def pydbg(
    *args: str | Path,
    input: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    timeout: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run pydbg and return its status, stdout and stderr."""
    return subprocess.run(
        command(*args),
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment(env),
        cwd=cwd,
        timeout=timeout,
    )


def batch(
    program: str | Path | None,
    *commands: str,
    args: Sequence[str] = (),
    options: Sequence[str] = (),
    **more: object,
) -> subprocess.CompletedProcess[str]:
    """Run ``pydbg --batch -ex COMMAND… --args PROGRAM ARGS``."""
    line: list[str | Path] = ["--batch", "-nx", *options]
    for one in commands:
        line += ["-ex", one]
    if program is not None:
        line += ["--args", program, *args]
    return pydbg(*line, **more)  # type: ignore[arg-type]
