"""Make core dumps: by the kernel, by gdb, by pydbg."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

from tests.support.oracle import gdb
from tests.support.run import batch

MAKERS = ("kernel", "gdb", "pydbg")


def make_core(maker: str, program: Path, folder: Path, *args: str) -> Path:
    """Run a program that dies to its end and return the core that a maker writes of it.

    Where the kernel is not set to write cores into the current directory, gdb's stands for it.
    """
    core = folder / f"{maker}.core"
    if maker == "kernel":
        found = _kernels(program, folder, *args)
        if found is not None:
            return found
        maker = "gdb"
    if maker == "gdb":
        gdb(program, "run", f"generate-core-file {core}", args=args)
    else:
        done = batch(program, "run", f"generate-core-file {core}", "kill", args=args)
        assert f"Saved corefile {core}" in done.stdout, done.stdout + done.stderr
    assert core.stat().st_size
    return core


def _kernels(program: Path, folder: Path, *args: str) -> Path | None:
    if Path("/proc/sys/kernel/core_pattern").read_text()[:1] in "|/":
        return None
    before = set(folder.iterdir())
    _, most = resource.getrlimit(resource.RLIMIT_CORE)

    def allow() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (most, most))

    subprocess.run(
        [program, *args], cwd=folder, preexec_fn=allow, stdout=subprocess.DEVNULL, check=False
    )
    new = [path for path in folder.iterdir() if path not in before and path.stat().st_size]
    return new[0] if new else None
