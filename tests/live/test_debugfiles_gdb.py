"""Debug information outside of the program's own sections: beside gdb on the same program.

Split DWARF, packages of it, files that dwz made, separate files and compressed sections have to
make no difference: pydbg prints of them what gdb prints of the same program that was compiled
without. (gdb 13.1 itself reads no DW_OP_constx in a .dwo, and dies of DWARF 5 packages.)
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pydbg.symbols.debugfiles import build_id_path
from pydbg.symbols.elf import ElfFile
from tests.live.test_commands_gdb import both, gdb_prints, pydbg_prints
from tests.live.test_values_gdb import _QUESTION, _commands
from tests.support.build import VARIANTS, source
from tests.support.dwp import write_package
from tests.support.run import batch, environment

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


def _supplementary(folder: Path, kind: str) -> Path:
    """As `_shared` in the way of DWARF 5, which gdb 13 cannot read itself."""
    program = _compiled(folder, kind)
    shutil.copy(program, folder / "copy")
    _run("dwz", "--dwarf-5", "-m", "common.debug", program.name, "copy", cwd=folder)
    assert b".debug_sup" in program.read_bytes()
    return program


def _separate(folder: Path, kind: str) -> Path:
    """Move all debug information to a file beside the program, in zlib's sections."""
    program = _compiled(folder, kind)
    _run("objcopy", "--only-keep-debug", "--compress-debug-sections=zlib", program,
         "values.debug", cwd=folder)  # fmt: skip
    _run("objcopy", "--strip-debug", "--add-gnu-debuglink=values.debug", program, cwd=folder)
    return program


def _with_names(folder: Path, kind: str) -> Path:
    """Have the compiler's index of names; it is not read, and changes nothing."""
    program = _compiled(folder, kind, "-gpubnames")
    assert b".debug_names" in program.read_bytes()
    return program


def _with_gdb_index(folder: Path, kind: str) -> Path:
    program = _compiled(folder, kind)
    _run("gdb-add-index", program.name, cwd=folder)
    assert b".gdb_index" in program.read_bytes()
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
    "sup-O2": ("O2", _supplementary),
    "sup-c++": ("c++", _supplementary),
    "names-clang": ("clang", _with_names),
    "gdb-index-c++": ("c++", _with_gdb_index),
    "separate": ("c", _separate),
    "zlib-gnu": ("c4", _compressed("zlib-gnu")),
    "zstd": ("c", _compressed("zstd")),
}


@pytest.mark.parametrize("variant", VARIANTS_OF)
def test_values(variant: str, files: Path, theirs: Callable[[str], dict[str, str]]) -> None:
    kind, make = VARIANTS_OF[variant]
    name, *_, corpus = PROGRAMS[kind]
    # A path as long as all others: the addresses of argv depend on it.
    program = make(files / f"v{chr(ord('a') + list(VARIANTS_OF).index(variant))}", kind)
    ours = pydbg_prints(program, *_commands(corpus, name))
    report = []
    for key, text in theirs(kind).items():
        want = _QUESTION.sub("", text).strip()
        got = ours.get(key, "").replace(str(program), "PROGRAM").strip()
        if got != want:
            report.append(f"{key}\n  gdb   {want}\n  pydbg {got}")
    assert not report, f"{len(report)} differ:\n" + "\n".join(report)


# --- files that are missing, or not the right ones -----------------------------------------------


def _separated(folder: Path, *flags: str) -> tuple[Path, Path]:
    """Return a program without debug information, and the file that has it, elsewhere."""
    folder.mkdir(parents=True)
    program, whole = folder / "plain", folder / "whole"
    _run("gcc", "-g", "-O0", *flags, source("plain.c"), "-o", program, cwd=folder)
    program.rename(whole)
    _run("strip", "-o", program, whole, cwd=folder)
    debug = folder / "plain.debug"
    _run("objcopy", "--only-keep-debug", whole, debug, cwd=folder)
    _run("objcopy", "--add-gnu-debuglink=plain.debug", program, cwd=folder)
    whole.unlink()
    return program, debug


def _by_build_id(folder: Path, program: Path) -> Path:
    build_id = ElfFile(str(program)).build_id
    assert build_id is not None
    place = Path(build_id_path(build_id, str(folder)))
    place.parent.mkdir(parents=True)
    return place


def _warnings(prints: dict[str, str]) -> set[str]:
    return set(re.findall("^warning: .*", "\n".join(prints.values()), re.M))


def _without_warnings(text: str) -> str:
    return re.sub("^warning: .*$\n*", "", text, flags=re.M).strip()


PLACES = ("beside", "hidden", "global", "second", "build-id", "changed", "other-build",
          "no-build-id", "changed-and-good")  # fmt: skip


@pytest.mark.parametrize("where", PLACES)
def test_places_of_debug_files(where: str, tmp_path: Path) -> None:
    folder, first, second = tmp_path / "bin", tmp_path / "first", tmp_path / "second"
    program, debug = _separated(folder)
    if where == "hidden":
        (folder / ".debug").mkdir()
        debug.rename(folder / ".debug" / debug.name)
    elif where in ("global", "second"):
        base = first if where == "global" else second
        place = Path(f"{base}{folder}")
        place.mkdir(parents=True)
        debug.rename(place / debug.name)
    elif where == "build-id":
        debug.rename(_by_build_id(second, program))
    elif where in ("other-build", "no-build-id"):
        _, other = _separated(tmp_path / "other", "-O1")
        if where == "no-build-id":
            _run("objcopy", "--remove-section=.note.gnu.build-id", other, cwd=folder)
        other.rename(_by_build_id(first, program))
        debug.unlink()
    elif where.startswith("changed"):
        if where == "changed-and-good":
            (folder / ".debug").mkdir()
            shutil.copy(debug, folder / ".debug")
        with debug.open("ab") as file:
            file.write(b"more")
    lines = (f"set debug-file-directory {first}:{second}", f"file {program}", "info line inner",
             "break inner", "info source")  # fmt: skip
    theirs, ours = both(Path("/bin/true"), *lines)
    assert _warnings(ours) == _warnings(theirs)
    for key in theirs:
        if key.split(" ", 1)[1] in lines[2:]:
            want = _QUESTION.sub("", theirs[key])
            assert _without_warnings(ours[key]).strip() == want.strip(), key


@pytest.mark.parametrize("how", ["dwo", "package"])
def test_a_split_unit_that_is_missing(how: str, tmp_path: Path) -> None:
    # With DWARF 5 gdb 13.1 stops with "unexpected tag 'DW_TAG_skeleton_unit'" here.
    program = _compiled(tmp_path / "split", "c4", "-gsplit-dwarf")
    if how == "dwo":  # One of another program is none either.
        other = _compiled(tmp_path / "other", "O2", "-gdwarf-4", "-gsplit-dwarf")
        other.with_suffix(".dwo").rename(program.with_suffix(".dwo"))
    else:
        other = _gnu_package(tmp_path / "other", "c++4")
        shutil.copy(f"{other}.dwp", f"{program}.dwp")
    lines = (
        "break twice",
        "run",
        "bt",
        "info locals",
        "info args",
        "up",
        "list",
        "info line main",
        "kill",
    )
    theirs, ours = both(program, *lines)
    for key in theirs:
        text, want = _without_warnings(ours[key]), _without_warnings(theirs[key])
        assert text.replace("()", "") == want.replace("()", ""), key
    everything = "\n".join(ours.values())
    assert _warnings(theirs) == _warnings(ours)
    assert everything.count("Could not find DWO CU") == 1


def test_a_file_of_dwz_that_is_missing(tmp_path: Path) -> None:
    program = _shared(tmp_path / "dwz", "O2")
    (tmp_path / "dwz" / "common.debug").unlink()
    lines = ("break twice", "run", "bt", "info line main", "info locals", "kill")
    theirs, ours = both(program, *lines)
    for key in theirs:
        assert _without_warnings(ours[key]) == theirs[key], key
    said = f"warning: could not find '.gnu_debugaltlink' file for {program}"
    assert "\n".join(ours.values()).count(said) == 1


def test_zstd_needs_its_package(tmp_path: Path) -> None:
    program = _compressed("zstd")(tmp_path / "zstd", "c")
    (tmp_path / "zstandard.py").write_text("raise ImportError\n")
    path = f"{tmp_path}:{environment()['PYTHONPATH']}"
    done = batch(program, "info line main", "break twice", env={"PYTHONPATH": path},
                 options=("--keep-going",))  # fmt: skip
    assert "is compressed with zstd; 'pip install zstandard' to read it" in done.stderr
