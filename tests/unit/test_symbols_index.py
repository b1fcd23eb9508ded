"""The index of big files: it says what the search says, and is never in the way."""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import pydbg
from pydbg.linux import background
from pydbg.symbols import indexbuild, units
from pydbg.symbols.debugfiles import Places
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.entries import Entries
from pydbg.symbols.functions import FunctionTable
from pydbg.symbols.indexcache import IndexCache, default_directory
from pydbg.symbols.lines import LineTable, UnitLines
from pydbg.symbols.stringsearch import StringSearch, own_names
from pydbg.symbols.unitindex import COLUMNS, VERSION, UnitIndex, identity_of
from pydbg.symbols.units import Dwarf
from tests.support.build import build
from tests.support.oracle import gdb

CASES = [
    ("classes.cc", "pie", None),
    ("classes.cc", "dwarf4", "clang++"),
    ("unwind.c", "O2", "clang"),
    ("hello.rs", "pie", None),
    ("hello.go", "pie", None),
]


@pytest.fixture(params=CASES, ids=lambda case: "-".join(filter(None, case)))
def program(request: pytest.FixtureRequest) -> str:
    name, variant, compiler = request.param
    return str(build(name, variant, compiler=compiler))


@pytest.fixture
def cache(tmp_path: Path) -> IndexCache:
    found = IndexCache(str(tmp_path / "index"))
    assert found.prepare()
    return found


def indexed(program: str, cache: IndexCache) -> Dwarf:
    """Give a file's DWARF with its index, however small it is."""
    elf = ElfFile(program)
    indexbuild.write(elf, cache.path_of(elf))
    source = Dwarf(elf, Places(indexes=lambda: cache))
    source.index = cache.find(elf)
    assert source.index is not None
    return source


def test_it_says_what_the_search_says(program: str, cache: IndexCache) -> None:
    """No unit, file or address is missing, and the answers are the same."""
    plain, quick = Dwarf(ElfFile(program)), indexed(program, cache)
    declared = Entries(plain).names
    names = sorted({row.name for unit in declared.all() for row in unit.rows})
    chosen = random.Random(os.path.basename(program)).sample(names, min(20, len(names)))
    search, index = StringSearch(plain), StringSearch(quick)
    table, quick_table = FunctionTable(plain.elf, plain), FunctionTable(quick.elf, quick)
    entries = Entries(quick)
    for name in [*chosen, "no_such_name_anywhere"]:
        own = own_names(name)  # The index does not tell max from max<int>.
        assert set(index.units_with(own)) <= set(search.units_with(own, templates=True))
        mine = [(unit.unit.offset, row) for unit, row in entries.names.named(name)]
        assert mine == [(unit.unit.offset, row) for unit, row in declared.named(name)], name
        assert quick_table.named(name) == table.named(name), name
    for unit in plain.units():
        for low, high in unit.ranges:
            for at in (low, high - 1, high):
                known, found = plain.unit_at(at), quick.unit_at(at)
                assert (known and known.offset) == (found and found.offset)
    lines, quick_lines = LineTable(plain.elf, plain), LineTable(quick.elf, quick)
    own = os.path.basename(next(plain.units()).name or "")
    for file in (own, "stdlib.h", "no_such_file.c"):
        assert [t.path for _, t in quick_lines.tables_of(file)] == [
            t.path for _, t in lines.tables_of(file)
        ]
    for unit in plain.units():
        same_lines(lines.unit_lines(unit), quick_lines.unit_lines(unit), unit)


def same_lines(known: UnitLines | None, found: UnitLines | None, unit: units.Unit) -> None:
    """Compare all that a unit's lines say with what those of the index do."""
    assert (known is None) == (found is None)
    if known is None or found is None:
        return
    assert known.files == [] or isinstance(found.files[0].addrs, memoryview)
    assert [(t.name, t.path, list(t.rows)) for t in known.files] == [
        (t.name, t.path, list(t.rows)) for t in found.files
    ]
    lowest = min((low for low, _ in unit.ranges), default=0)
    addrs = {addr for table in known.files for addr in table.addrs}
    for at in [lowest - 1, lowest, *sorted(addrs)[::97], *(high for _, high in unit.ranges)]:
        mine, theirs = found.find(at), known.find(at)
        assert (mine and mine[0]) == (theirs and theirs[0])
    for number in range(200):
        mine_file, their_file = found.file_numbered(number), known.file_numbered(number)
        assert (mine_file and (mine_file.name, mine_file.path)) == (
            their_file and (their_file.name, their_file.path)
        )


def test_damaged_lines_are_read_from_the_program(cache: IndexCache) -> None:
    """Whatever byte of them is another, no line is: they have a checksum."""
    quick = indexed(str(build("classes.cc")), cache)
    path = Path(cache.path_of(quick.elf))
    whole = path.read_bytes()
    assert quick.index is not None
    start = len(whole) - len(quick.index.lines)
    known_units = list(quick.units())
    assert known_units and all(quick.index.has_lines(unit.offset) for unit in known_units)
    plain = LineTable(quick.elf, Dwarf(quick.elf))
    for at in range(start, len(whole), max(1, (len(whole) - start) // 40)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        quick.index = cache.find(quick.elf)
        assert quick.index is not None
        [changed] = [unit for unit in known_units if not quick.index.has_lines(unit.offset)]
        found = LineTable(quick.elf, quick).unit_lines(changed)
        known = plain.unit_lines(changed)
        assert found is not None and known is not None
        assert [list(t.rows) for t in found.files] == [list(t.rows) for t in known.files]


def test_what_is_damaged_or_foreign_is_not_used(cache: IndexCache, tmp_path: Path) -> None:
    program = build("plain.c")
    elf = ElfFile(str(program))
    path = Path(cache.path_of(elf))
    indexbuild.write(elf, str(path))
    whole = path.read_bytes()
    assert cache.find(elf) is not None
    version = struct.pack("<I", VERSION + 1)
    for data in (b"", whole[:40], whole[:-8], b"x" * len(whole), whole[:8] + version + whole[12:]):
        path.write_bytes(data)
        assert cache.find(elf) is None
    rng = random.Random(1)
    for _ in range(300):  # Any bytes: another answer perhaps, but never an error.
        data = bytearray(whole)
        for _ in range(4):
            data[rng.randrange(8, len(data))] = rng.randrange(256)
        found = UnitIndex.load(bytes(data), identity_of(elf))
        if found is not None:
            list(found.with_name(b"main"))
            found.with_file(b"plain.c")
            found.unit_at(elf.entry)
    path.write_bytes(whole)
    path.chmod(0o666)
    assert cache.find(elf) is None, "others can have written it"
    path.chmod(0o600)
    assert cache.find(elf) is not None
    other = tmp_path / "plain"
    other.write_bytes(program.read_bytes() + b"\0")
    assert identity_of(ElfFile(str(other))) != identity_of(elf)
    path.unlink()
    path.symlink_to("/dev/zero")
    assert cache.find(elf) is None


def test_a_directory_that_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not IndexCache(str(tmp_path / "home" / ".cache" / "pydbg" / "index")).prepare()
    assert not (tmp_path / "home").exists()
    assert not IndexCache(str(tmp_path / "file" / "index")).prepare()
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    assert not IndexCache(str(shared)).prepare()
    assert IndexCache("").directory == default_directory()


def test_the_oldest_make_room(cache: IndexCache) -> None:
    for number, size in enumerate((100, 200, 300)):
        path = Path(cache.directory, f"{number}.index")
        path.write_bytes(bytes(size))
        os.utime(path, (number, number))
    cache.trim(most=510)
    assert sorted(os.listdir(cache.directory)) == ["1.index", "2.index"]


def test_one_builder_at_a_time(cache: IndexCache) -> None:
    with cache.only_one("/bin/true") as mine:
        assert mine
        assert cache.is_busy("/bin/true")
        assert not cache.is_busy("/bin/false")
        command = [sys.executable, "-m", "pydbg.symbols.indexbuild", "/bin/true", cache.directory]
        subprocess.run(command, check=True)
        assert cache.find(ElfFile("/bin/true")) is None
    subprocess.run(command, check=True)
    found = cache.find(ElfFile("/bin/true"))
    assert found is not None and set(found.columns) == set(COLUMNS)


def session(program: Path | None, *commands: str) -> str:
    line = [sys.executable, "-m", "pydbg", "--batch", "-nx"]
    for command in commands:
        line += ["-ex", command]
    line += [] if program is None else [str(program)]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout


def test_settings_are_gdbs(tmp_path: Path) -> None:
    commands = (
        "set index-cache enabled on",
        "show index-cache enabled",
        "set index-cache enabled off",
        "show index-cache enabled",
        f"set index-cache directory {tmp_path}",
        "show index-cache directory",
    )
    assert session(None, *commands).strip() == gdb(None, *commands).strip()


def test_a_debugger_has_an_index_built_when_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, with what it has searched; the next one says the same by it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(units, "_WORTH", 0)
    started = []

    def at_once(arguments: list[str]) -> bool:
        started.append(arguments)
        return not subprocess.run([sys.executable, *arguments], check=True).returncode

    monkeypatch.setattr(background, "leave_behind", at_once)
    program = str(build("classes.cc"))
    answers = []
    for enabled, builds in ((False, 0), (True, 1), (True, 1)):
        dbg = pydbg.Debugger(program)
        dbg.settings.put("index-cache enabled", enabled)
        places = dbg.resolve("shapes::scale")
        answers.append([(place.function, place.link_addr, place.line) for place in places])
        dbg.close()
        assert len(started) == builds
    assert answers[0] and answers[0] == answers[1] == answers[2]
    assert IndexCache("").find(ElfFile(program)) is not None


def test_what_is_left_behind_has_no_terminal_and_no_parent(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.set_inheritable(write, True)
    told = tmp_path / "told"
    os.mkfifo(told)
    program = f"import os; open({str(told)!r}, 'w').write(f'{{os.getpid()}} {{os.getsid(0)}}')"
    assert background.leave_behind(["-c", program])
    pid, sid = map(int, told.read_text().split())
    assert sid not in (os.getsid(0), pid)
    os.close(write)
    assert os.read(read, 1) == b"", "it has none of our descriptors"
    os.close(read)


def test_names_that_dwz_moved_elsewhere(cache: IndexCache, tmp_path: Path) -> None:
    for number in (1, 2):
        path = tmp_path / f"program{number}"
        shutil.copy(build("classes.cc"), path)
    command = ["dwz", "-m", "common.debug", "program1", "program2"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert b".gnu_debugaltlink" in (tmp_path / "program1").read_bytes()
    quick = indexed(str(tmp_path / "program1"), cache)
    search, index = StringSearch(Dwarf(quick.elf)), StringSearch(quick)
    declared = Entries(Dwarf(quick.elf)).names
    for name in {row.name.rpartition("::")[2] for unit in declared.all() for row in unit.rows}:
        own = own_names(name)
        assert set(index.units_with(own)) <= set(search.units_with(own, templates=True))
        mine = Entries(quick).names.named(name)
        assert [(u.unit.offset, row) for u, row in mine] == [
            (u.unit.offset, row) for u, row in declared.named(name)
        ], name


def test_a_host_that_ignores_the_ends_of_its_children() -> None:
    code = (
        "import signal; from pydbg.linux.background import leave_behind\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN); print(leave_behind(['-c', 'pass']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
