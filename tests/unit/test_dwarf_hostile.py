"""Debug information that is made to hurt: loops, depths and sizes end in an error line.

The entries are written by hand into a program without debug information; the user's commands
are what reads them. What takes memory runs in a process of its own, whose peak is looked at.
"""

from __future__ import annotations

import io
import lzma
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pydbg.commands.session import Session
from pydbg.debugger import Debugger
from pydbg.errors import DebuggerError
from pydbg.symbols.elf import SHF_COMPRESSED, ElfFile
from pydbg.symbols.split import Package
from tests.support.build import build
from tests.support.dwp import elf_of
from tests.support.run import ROOT

MOST_MEGABYTES = 256

COMMANDS = ("info types .", "info variables .", "info functions victim", "ptype struct victim",
            "ptype victim", "whatis victim", "print victim", "print &victim",
            "print sizeof(victim)",
            "print *victim@2", "break victim", "info line victim", "info scope victim",
            "list victim", "info scope main", "print sizeof(struct victim)", "break main",
            "info source", "info sources", "info symbol main", "x/2i main")  # fmt: skip


def uleb(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


class Unit:
    """Write one unit of DWARF 4: each entry has an abbreviation of its own."""

    def __init__(self) -> None:
        self.abbrevs = bytearray()
        self.body = bytearray()
        self.count = 0

    @property
    def here(self) -> int:
        """The offset of the next entry from the unit's header."""
        return 11 + len(self.body)

    def die(self, tag: int, *attrs: tuple[int, int, bytes], children: bool = False) -> int:
        """Add an entry of (attribute, form, bytes); return its offset."""
        at = self.here
        self.count += 1
        pairs = b"".join(uleb(name) + uleb(form) for name, form, _ in attrs)
        self.abbrevs += uleb(self.count) + uleb(tag) + bytes([children]) + pairs + b"\0\0"
        self.body += uleb(self.count) + b"".join(data for *_, data in attrs)
        return at

    def again(self, number: int, data: bytes = b"") -> None:
        """Add an entry of an earlier one's abbreviation."""
        self.body += uleb(number) + data

    def sections(self) -> dict[str, bytes]:
        """Return the sections that it makes."""
        body = struct.pack("<HIB", 4, 0, 8) + self.body
        return {
            ".debug_info": struct.pack("<I", len(body)) + body,
            ".debug_abbrev": bytes(self.abbrevs) + b"\0",
        }


NAME = (3, 8, b"victim\0")


def ref(offset: int, attribute: int = 0x49) -> tuple[int, int, bytes]:
    return attribute, 0x13, struct.pack("<I", offset)


def top(unit: Unit, *more: tuple[int, int, bytes], language: int = 0x0C) -> None:
    low = (0x11, 1, struct.pack("<Q", 0x1000)), (0x12, 7, struct.pack("<Q", 0x100000))
    unit.die(
        0x11, (3, 8, b"victim.c\0"), (0x13, 0x0B, bytes([language])), *low, *more, children=True
    )


def variable_of(unit: Unit, type_at: int) -> None:
    place = b"\x03" + struct.pack("<Q", 0x4000)
    unit.die(0x34, NAME, ref(type_at), (2, 0x18, uleb(len(place)) + place))


def itself(tag: int) -> Callable[[Unit], None]:
    def make(unit: Unit) -> None:
        at = unit.here
        unit.die(tag, NAME, ref(at))
        variable_of(unit, at)

    return make


def each_other(attribute: int, tag: int) -> Callable[[Unit], None]:
    def make(unit: Unit) -> None:
        first = unit.here
        second = first + 5
        unit.die(tag, ref(second, attribute))
        assert unit.here == second
        unit.die(tag, ref(first, attribute))
        variable_of(unit, first)

    return make


def within_itself(unit: Unit) -> None:
    at = unit.die(0x13, NAME, (0x0B, 0x0B, b"\x08"), children=True)
    unit.die(0x0D, (3, 8, b"inner\0"), ref(at), (0x38, 0x0B, b"\0"))
    unit.body += b"\0"
    variable_of(unit, at)


def array_of_itself(unit: Unit) -> None:
    at = unit.here
    unit.die(0x01, ref(at), children=True)
    unit.die(0x21, (0x2F, 0x0B, b"\x05"))
    unit.body += b"\0"
    variable_of(unit, at)


def vast_array(unit: Unit) -> None:
    char = unit.die(0x24, (3, 8, b"char\0"), (0x0B, 0x0B, b"\x01"), (0x3E, 0x0B, b"\x06"))
    at = unit.die(0x01, ref(char), children=True)
    for _ in range(3):
        unit.die(0x21, (0x2F, 7, struct.pack("<Q", (1 << 39) - 2)))
    unit.body += b"\0"
    variable_of(unit, at)


def long_chain(unit: Unit) -> None:
    last = unit.die(0x24, (3, 8, b"int\0"), (0x0B, 0x0B, b"\x04"), (0x3E, 0x0B, b"\x05"))
    number = unit.count + 1
    for _ in range(20_000):
        at = unit.here
        if number > unit.count:
            unit.die(0x0F, ref(last))
        else:
            unit.again(number, struct.pack("<I", last))
        last = at
    variable_of(unit, last)


def deep(unit: Unit) -> None:
    unit.die(0x2E, NAME, (0x11, 1, struct.pack("<Q", 0x1100)), (0x12, 7, struct.pack("<Q", 64)),
             children=True)  # fmt: skip
    unit.die(0x0B, (0x11, 1, struct.pack("<Q", 0x1100)), (0x12, 7, struct.pack("<Q", 64)),
             children=True)  # fmt: skip
    for _ in range(100_000):
        unit.again(unit.count, struct.pack("<QQ", 0x1100, 64))


def many_parameters(unit: Unit) -> None:
    """A function type whose parameters have its own type: 2 to the depth of them."""
    at = unit.here
    unit.die(0x15, ref(at), children=True)
    for _ in range(30):
        unit.die(0x05, ref(at))
    unit.body += b"\0"
    unit.die(0x2E, NAME, ref(at), (0x11, 1, struct.pack("<Q", 0x1100)),
             (0x12, 7, struct.pack("<Q", 64)), children=True)  # fmt: skip
    for _ in range(30):
        unit.die(0x05, ref(at))
    unit.body += b"\0"


def backwards(unit: Unit) -> None:
    at = unit.here
    unit.die(0x13, NAME, ref(at, 1), children=True)
    unit.die(0x0D, ref(at, 1), children=True)


def imports_itself(unit: Unit) -> None:
    unit.die(0x3D, (0x18, 0x10, struct.pack("<I", 0)))
    unit.die(0x3A, (0x18, 0x10, struct.pack("<I", 11)))


def long_number(unit: Unit) -> None:
    unit.die(0x34, NAME, (0x1C, 0x0F, b"\xff" * 4096 + b"\x01"))


def long_abbreviation(unit: Unit) -> None:
    unit.die(0x34, NAME)
    unit.abbrevs += b"\xff" * 4096


def endless_expression(unit: Unit) -> None:
    integer = unit.die(0x24, (3, 8, b"int\0"), (0x0B, 0x0B, b"\x04"), (0x3E, 0x0B, b"\x05"))
    loop = b"\x2f" + struct.pack("<h", -3)
    unit.die(0x34, NAME, ref(integer), (2, 0x18, uleb(len(loop)) + loop))


def nested_expression(unit: Unit) -> None:
    integer = unit.die(0x24, (3, 8, b"int\0"), (0x0B, 0x0B, b"\x04"), (0x3E, 0x0B, b"\x05"))
    inner = b"\x75\0"
    for _ in range(2000):
        inner = b"\x75\0\xa3" + uleb(len(inner)) + inner
    code = b"\xa3" + uleb(len(inner)) + inner
    unit.die(0x34, NAME, ref(integer), (2, 0x18, uleb(len(code)) + code))


UNITS: dict[str, Callable[[Unit], None]] = {
    "typedef of itself": itself(0x16),
    "const of itself": itself(0x26),
    "pointer to itself": itself(0x0F),
    "function of itself": itself(0x15),
    "specifications of each other": each_other(0x47, 0x34),
    "origins of each other": each_other(0x31, 0x2E),
    "types of each other": each_other(0x49, 0x16),
    "structs specified by each other": each_other(0x47, 0x13),
    "struct within itself": within_itself,
    "array of itself": array_of_itself,
    "vast array": vast_array,
    "long chain of pointers": long_chain,
    "deep blocks": deep,
    "parameters of their own type": many_parameters,
    "siblings that go back": backwards,
    "imports of itself": imports_itself,
    "long number": long_number,
    "long abbreviation": long_abbreviation,
    "endless expression": endless_expression,
    "nested expression": nested_expression,
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copy(build("plain.c", "nodebug"), tmp_path_factory.mktemp("hostile")))


def _with_sections(plain: Path, folder: Path, sections: dict[str, bytes]) -> Path:
    line = ["objcopy"]
    for number, (name, data) in enumerate(sections.items()):
        part = folder / f"part{number}"
        part.write_bytes(data)
        line += ["--add-section", f"{name}={part}"]
    program = folder / "program"
    subprocess.run([*line, str(plain), str(program)], check=True)
    return program


@pytest.mark.parametrize("language", [0x0C, 0x04, 0x1C], ids=["C", "C++", "Rust"])
@pytest.mark.parametrize("name", UNITS)
def test_hostile_units(name: str, language: int, plain: Path, tmp_path: Path) -> None:
    unit = Unit()
    top(unit, language=language)
    UNITS[name](unit)
    unit.body += b"\0"
    program = _with_sections(plain, tmp_path, unit.sections())
    out = io.StringIO()
    with Debugger() as dbg:
        session = Session(dbg, out=out, err=out)
        for command in (f"file {program}", *COMMANDS):
            try:
                session.execute(command)
            except DebuggerError as error:
                out.write(f"{error}\n")
    assert "main" in out.getvalue()


# --- memory ------------------------------------------------------------------------------------

_CHILD = """
import sys
from contextlib import suppress
from pydbg.errors import DebuggerError
from pydbg.symbols.elf import ElfFile
from pydbg.symbols.modules import Module
module = Module(ElfFile(sys.argv[1]))
for ask in (lambda: module.line_at(0x1100), lambda: module.function_at(0x1100),
            lambda: list(module.declared.all()), lambda: list(module.functions()),
            lambda: module.described("main"), lambda: module.elf.notes()):
    with suppress(DebuggerError, AttributeError):
        ask()
# ru_maxrss would be the parent's, if that is larger: it outlives exec.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) // 1024)
"""


def _compressed(kind: int, size: int, packed: bytes) -> bytes:
    return struct.pack("<IIQQ", kind, 0, size, 1) + packed


def _zlib_bomb() -> bytes:
    size = 400 << 20
    maker = zlib.compressobj(9)
    block = bytes(1 << 20)
    packed = b"".join(maker.compress(block) for _ in range(size >> 20)) + maker.flush()
    return elf_of({".debug_info": _compressed(1, size, packed)}, {".debug_info": SHF_COMPRESSED})


def _zstd_bomb(claimed: int) -> bytes:
    import zstandard

    packed = zstandard.ZstdCompressor(level=3).compress(bytes(400 << 20))
    return elf_of({".debug_info": _compressed(2, claimed, packed)}, {".debug_info": SHF_COMPRESSED})


def _xz_bomb() -> bytes:
    return elf_of({".gnu_debugdata": lzma.compress(bytes(300 << 20), preset=1)})


def _line_bomb() -> bytes:
    unit = Unit()
    top(unit, (0x10, 0x17, struct.pack("<I", 0)))
    header = (
        b"\x01\x01\xfb\x0e\x0d" + bytes((0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1)) + b"\0a.c\0\0\0\0\0"
    )
    program = b"\0\x09\x02" + struct.pack("<Q", 0x1000) + b"\x4b" * (24 << 20)
    body = struct.pack("<HI", 4, len(header)) + header + program
    return elf_of({**unit.sections(), ".debug_line": struct.pack("<I", len(body)) + body})


def _range_bomb() -> bytes:
    unit = Unit()
    unit.die(0x11, (3, 8, b"a.c\0"), (0x55, 0x17, struct.pack("<I", 0)), children=True)
    pairs = struct.pack("<QQ", 1, 2) * (2 << 20)
    return elf_of({**unit.sections(), ".debug_ranges": pairs})


BOMBS: dict[str, Callable[[], bytes]] = {
    "zlib": _zlib_bomb,
    "zstd": lambda: _zstd_bomb(400 << 20),
    "zstd that says less": lambda: _zstd_bomb(4096),
    "xz": _xz_bomb,
    "lines": _line_bomb,
    "ranges": _range_bomb,
}


@pytest.mark.parametrize("name", BOMBS)
def test_memory_is_bounded(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(BOMBS[name]())
    done = subprocess.run([sys.executable, "-c", _CHILD, str(path)], capture_output=True, text=True,
                          cwd=ROOT, check=False)  # fmt: skip
    assert not done.stderr
    assert int(done.stdout) <= MOST_MEGABYTES


@pytest.mark.parametrize("version", [struct.pack("<I", 2), struct.pack("<HH", 5, 0), b"\xff" * 4])
def test_index_of_a_package_that_claims_too_much(version: bytes) -> None:
    head = version + b"\xff" * 12 + bytes(64)
    package = Package(ElfFile.from_bytes(elf_of({".debug_cu_index": head}), "a.dwp"))
    with pytest.raises(DebuggerError, match=r"\.debug_cu_index is damaged"):
        _ = package.units
