"""Debug information outside of the program's own sections: beside gdb on the same program.

Split DWARF, packages of it, files that dwz made, separate files and compressed sections have to
make no difference: pydbg prints of them what gdb prints of the same program that was compiled
without. (gdb 13.1 itself reads no DW_OP_constx in a .dwo, and dies of DWARF 5 packages.)
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.test_commands_gdb import gdb_prints, pydbg_prints
from tests.live.test_values_gdb import _QUESTION, _commands
from tests.support.build import VARIANTS, source
from tests.support.dwp import write_package

# Name of the source, flags, compiler, corpus of commands.
PROGRAMS: dict[str, tuple[str, tuple[str, ...], str, str]] = {
    "c": ("values.c", VARIANTS["pie"], "gcc", "c"),
    "c4": ("values.c", VARIANTS["dwarf4"], "gcc", "c"),
    "O2": ("values.c", VARIANTS["O2"], "gcc", "optimised"),
    "clang4": ("values.c", (*VARIANTS["O2"], "-gdwarf-4"), "clang", "optimised"),
    "c++": ("values.cc", VARIANTS["pie"], "g++", "cplus"),
    "c++4": ("values.cc", VARIANTS["dwarf4"], "g++", "cplus"),
    "clang": ("values.cc", VARIANTS["pie"], "clang++", "cplus"),
}


def _run(*command: str | Path, cwd: Path) -> None:
    line = [str(one) for one in command]
    done = subprocess.run(line, capture_output=True, text=True, cwd=cwd, check=False)
    assert done.returncode == 0, f"{line}\n{done.stderr}"


def _compiled(folder: Path, kind: str, *flags: str) -> Path:
    """Compile and link in two steps, as builds do: a .dwo stays beside the object."""
    name, usual, compiler, _ = PROGRAMS[kind]
    folder.mkdir(parents=True)
    program = folder / Path(name).stem
    _run(compiler, *usual, *flags, "-c", source(name), "-o", f"{program.name}.o", cwd=folder)
    _run(compiler, f"{program.name}.o", "-pie", "-pthread", "-o", program, cwd=folder)
    return program


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def theirs(files: Path) -> Callable[[str], dict[str, str]]:
    """Return a function that gives what gdb prints of a program that is whole."""
    known: dict[str, dict[str, str]] = {}

    def ask(kind: str) -> dict[str, str]:
        if kind not in known:
            name, *_, corpus = PROGRAMS[kind]
            # Of all programs the paths are equally long: stacks begin at the same address.
            program = _compiled(files / f"p{len(known):x}", kind)
            prints = gdb_prints(program, *_commands(corpus, name))
            known[kind] = {
                key: text.replace(str(program), "PROGRAM") for key, text in prints.items()
            }
        return known[kind]

    return ask


def _split(folder: Path, kind: str) -> Path:
    return _compiled(folder, kind, "-gsplit-dwarf")


def _split_types(folder: Path, kind: str) -> Path:
    return _compiled(folder, kind, "-gsplit-dwarf", "-fdebug-types-section")


def _gnu_package(folder: Path, kind: str) -> Path:
    program = _split_types(folder, kind)
    _run("dwp", "-e", program, "-o", f"{program}.dwp", cwd=folder)
    program.with_suffix(".dwo").unlink()
    return program


def _package(folder: Path, kind: str) -> Path:
    program = _split_types(folder, kind)
    dwo = program.with_suffix(".dwo")
    write_package([dwo], program.with_suffix(".dwp"))
    dwo.unlink()
    return program


def _shared(folder: Path, kind: str) -> Path:
    """Move what the program has in common with a copy of it to a file of its own."""
    program = _compiled(folder, kind)
    shutil.copy(program, folder / "copy")
    _run("dwz", "-m", "common.debug", program.name, "copy", cwd=folder)
    assert b".gnu_debugaltlink" in program.read_bytes()
    return program


def _separate(folder: Path, kind: str) -> Path:
    """Move all debug information to a file beside the program, in zlib's sections."""
    program = _compiled(folder, kind)
    _run("objcopy", "--only-keep-debug", "--compress-debug-sections=zlib", program,
         "values.debug", cwd=folder)  # fmt: skip
    _run("objcopy", "--strip-debug", "--add-gnu-debuglink=values.debug", program, cwd=folder)
    return program


def _compressed(style: str) -> Callable[[Path, str], Path]:
    def make(folder: Path, kind: str) -> Path:
        program = _compiled(folder, kind)
        _run("objcopy", f"--compress-debug-sections={style}", program, cwd=folder)
        return program

    return make


VARIANTS_OF: dict[str, tuple[str, Callable[[Path, str], Path]]] = {
    "split": ("c", _split),
    "split-types-4": ("c4", _split_types),
    "split-O2": ("O2", _split),
    "split-clang-4": ("clang4", _split),
    "split-types-c++": ("c++", _split_types),
    "split-clang": ("clang", _split),
    "package-gnu": ("c++4", _gnu_package),
    "package": ("c++", _package),
    "dwz-O2": ("O2", _shared),
    "dwz-c++": ("c++", _shared),
    "dwz-c++-4": ("c++4", _shared),
    "separate": ("c", _separate),
    "zlib-gnu": ("c4", _compressed("zlib-gnu")),
    "zstd": ("c", _compressed("zstd")),
}


@pytest.mark.parametrize("variant", VARIANTS_OF)
def test_values(variant: str, files: Path, theirs: Callable[[str], dict[str, str]]) -> None:
    kind, make = VARIANTS_OF[variant]
    name, *_, corpus = PROGRAMS[kind]
    program = make(files / f"v{list(VARIANTS_OF).index(variant):x}", kind)
    ours = pydbg_prints(program, *_commands(corpus, name))
    report = []
    for key, text in theirs(kind).items():
        want = _QUESTION.sub("", text).strip()
        got = ours.get(key, "").replace(str(program), "PROGRAM").strip()
        if got != want:
            report.append(f"{key}\n  gdb   {want}\n  pydbg {got}")
    assert not report, f"{len(report)} differ:\n" + "\n".join(report)
