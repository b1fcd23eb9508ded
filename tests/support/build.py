"""Compile fixtures on demand, once for each source and set of flags.

The programs are kept in a cache directory under a hash of the source, the flags and the
compiler's version, so nothing stale is ever used and nothing compiled is committed.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"

VARIANTS: dict[str, tuple[str, ...]] = {
    "pie": ("-g", "-O0", "-fPIE", "-pie"),
    "nopie": ("-g", "-O0", "-fno-pie", "-no-pie"),
    "static": ("-g", "-O0", "-static"),
    "static-pie": ("-g", "-O0", "-static-pie", "-fPIE"),
    "O2": ("-g", "-O2", "-fPIE", "-pie"),
    "O2-nofp": ("-g", "-O2", "-fomit-frame-pointer", "-fPIE", "-pie"),
    "m32": ("-g", "-O0", "-m32"),
    "nodebug": ("-O0", "-fPIE", "-pie"),
    "stripped": ("-O0", "-fPIE", "-pie", "-s"),
    "static-stripped": ("-O0", "-static", "-s"),
    "dwarf4": ("-gdwarf-4", "-O0", "-fPIE", "-pie"),
}
"""Names of the usual flag sets of gcc, g++ and clang."""

NEW_GO = str(Path(sys.executable).parent / "go")
"""A Go with Swiss maps (from 1.24) and DWARF 5 (from 1.25), whatever the machine's own is."""

_GO = {"CGO_ENABLED": "0", "GO111MODULE": "off", "GOTOOLCHAIN": "local"}
_COMPILERS = {".c": "gcc", ".cc": "g++", ".S": "gcc", ".rs": "rustc", ".go": "go"}


def cache_dir() -> Path:
    """Return the directory that holds what was compiled."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pydbg-tests"


@functools.cache
def _version(compiler: str) -> bytes:
    argument = "version" if Path(compiler).name == "go" else "--version"
    return subprocess.run([compiler, argument], capture_output=True, check=True).stdout


def source(name: str) -> Path:
    """Return the path of a fixture's source: ``source("plain.c")``."""
    return FIXTURES / name


def build(name: str, variant: str = "pie", *flags: str, compiler: str | None = None) -> Path:
    """Compile fixture ``name`` and return the program's path.

    ``variant`` names a row of VARIANTS; for Go and Rust only "pie" (as the compiler likes it),
    "stripped" and "O2" mean something, for assembly only "m32". ``flags`` come last on the
    command line. The program's name is the source's without its suffix.
    """
    path = source(name)
    compiler = compiler or _COMPILERS[path.suffix]
    command = _command(compiler, path, variant, flags)
    key = hashlib.sha256(_version(compiler))
    key.update("\0".join(command).encode())
    key.update(path.read_bytes())
    folder = cache_dir() / key.hexdigest()[:16]
    program = folder / path.stem
    if not program.exists():
        _compile(command, program)
    elif program.stat().st_mtime < path.stat().st_mtime:
        os.utime(program)  # A checkout made anew: gdb warns of programs older than their source.
    return program


def build_library(name: str, *flags: str) -> Path:
    """Compile fixture ``name`` to a shared library and return its path: ``libNAME.so``."""
    path = source(name)
    command = ["gcc", "-g", "-O0", "-fPIC", "-shared", str(path), *flags]
    key = hashlib.sha256(_version("gcc") + "\0".join(command).encode() + path.read_bytes())
    library = cache_dir() / key.hexdigest()[:16] / f"lib{path.stem}.so"
    if not library.exists():
        _compile(command, library)
    return library


def _command(compiler: str, path: Path, variant: str, flags: tuple[str, ...]) -> list[str]:
    if Path(compiler).name == "go":
        # Fixed names inside: the same program wherever the repository lies.
        stripped = ["-ldflags=-s -w"] if "stripped" in variant else []
        return ["go", "build", "-trimpath", *stripped, *flags, str(path)]
    if path.suffix == ".rs":
        more = {"O2": ["-g", "-O"], "stripped": ["-C", "strip=symbols"]}.get(variant, ["-g"])
        return [compiler, *more, *flags, str(path)]
    if path.suffix == ".S":
        # These bring their own _start.
        bits = ["-m32"] if variant == "m32" else []
        return [compiler, "-g", "-nostdlib", "-static", "-no-pie", *bits, str(path), *flags]
    return [compiler, *VARIANTS[variant], str(path), "-pthread", *flags]


def _compile(command: list[str], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # Compiled aside and renamed: two test processes may want the same program at once.
    scratch = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        output = scratch / target.name
        place = ["-o", str(output)]
        if Path(command[0]).name == "go":
            command = [*command[:2], *place, *command[2:]]
        else:
            command = [*command, *place]
        environment = {**os.environ, **_GO}
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=FIXTURES.parent, env=environment
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
        output.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
