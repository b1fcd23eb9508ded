"""Ask gdb for many expressions at once, and give pydbg the same memory and registers."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydbg.errors import MemoryFault
from pydbg.expr.context import BaseContext
from pydbg.expr.register_types import RegisterTypes
from pydbg.expr.siginfo import siginfo_value
from pydbg.expr.types import CType, VoidType, strip
from pydbg.expr.values import Lvalue, Value, from_number

FIXTURE = Path(__file__).parents[2] / "fixtures" / "expr_values.c"

# Runs inside gdb: one JSON line for each command, "!" before an error's text.
_INSIDE = """
import gdb, json
out = open(OUT, "a")
def tell(thing):
    out.write(json.dumps(thing) + "\\n")
    out.flush()
if SNAPSHOT:
    inferior = gdb.selected_inferior()
    regions = []
    for line in gdb.execute("info proc mappings", False, True).splitlines():
        words = line.split()
        if len(words) >= 4 and words[0].startswith("0x"):
            low, high = int(words[0], 16), int(words[1], 16)
            if low >> 63:
                continue
            try:
                data = bytes(inferior.read_memory(low, high - low)).hex()
            except gdb.error:
                continue
            regions.append((low, data))
    frame = gdb.selected_frame()
    registers = {}
    names = [register.name for register in frame.architecture().registers()]
    names += EXTRA
    for name in names:
        try:
            value = frame.read_register(name)
            registers[name] = gdb_bytes(name, value)
        except (gdb.error, ValueError):
            pass
    tell({"regions": regions, "registers": registers})
for command in COMMANDS:
    try:
        text = gdb.execute(command, False, True).rstrip("\\n")
    except gdb.error as error:
        text = "!" + str(error)
    except UnicodeDecodeError:
        text = "?"
    tell(text)
"""

# gdb 13 has no Value.bytes: go through the widest integer view that each type has.
_BYTES = """
EXTRA = [kind + str(n) for kind in ("xmm", "ymm") for n in range(16)]
EXTRA += "fs_base gs_base orig_rax eax ax al ah esp r8d r8w r8l sil dil spl bpl".split()
def gdb_bytes(name, value):
    size = value.type.sizeof
    text = gdb.execute("output/x $" + name, False, True).strip()
    if "uint128 = " in text:
        number = int(text.rsplit("uint128 = ", 1)[1].rstrip("}"), 16)
    elif "_int128 = {" in text:
        parts = text.split("_int128 = {")[1].split("}")[0].split(", ")
        number = sum(int(part, 16) << 128 * place for place, part in enumerate(parts))
    elif text.startswith("0x"):
        number = int(text, 16)
    else:
        raise gdb.error("no view")
    return (number & ((1 << 8 * size) - 1)).to_bytes(size, "little").hex()
"""


def returned(result: CType, number: int, read: Callable[[int, int], bytes]) -> Value:
    """Return the result of a made-up call: a number, or nothing."""
    if isinstance(strip(result), VoidType):
        return Value(result, b"\0")
    return from_number(result, number, read)


@dataclass
class Snapshot:
    """Be the memory and registers of one stopped program."""

    regions: list[tuple[int, bytes]] = field(default_factory=list)
    registers: dict[str, bytes] = field(default_factory=dict)


def ask_gdb(
    commands: Sequence[str],
    program: Path | None = None,
    before: Sequence[str] = (),
    snapshot: bool = False,
) -> tuple[list[str], Snapshot]:
    """Run commands in one gdb; return their texts and, if asked, what the program was."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out, script = folder / "out", folder / "script.py"
        script.write_text(
            f"OUT = {str(out)!r}\nCOMMANDS = {list(commands)!r}\nSNAPSHOT = {snapshot}\n"
            + _BYTES
            + _INSIDE
        )
        argv = ["gdb", "-batch", "-nx", "-iex", "set width 0"]
        argv += ["-iex", "set debuginfod enabled off", "-iex", "set charset UTF-8"]
        argv += [word for command in before for word in ("-ex", command)]
        argv += ["-x", str(script)] + ([str(program)] if program else [])
        done = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, check=False)
        lines = [json.loads(line) for line in out.read_text().splitlines()]
    taken = Snapshot()
    if snapshot:
        raw = lines.pop(0)
        taken.regions = [(low, bytes.fromhex(data)) for low, data in raw["regions"]]
        taken.registers = {name: bytes.fromhex(data) for name, data in raw["registers"].items()}
    assert len(lines) == len(commands), done.stderr.decode(errors="replace")
    return lines, taken


def build(folder: Path) -> Path:
    """Compile the fixture without a C library and without debug information."""
    program = folder / "expr_values"
    subprocess.run(
        ["gcc", "-O0", "-static", "-nostdlib", "-no-pie", "-fno-stack-protector"]
        + ["-o", str(program), str(FIXTURE)],
        check=True,
    )
    return program


class FakeContext(BaseContext):
    """Answer from a snapshot: memory, registers and the symbols of one ELF file."""

    _TYPES = {
        "rip": "code_ptr",
        "rsp": "data_ptr",
        "rbp": "data_ptr",
        "eflags": "i386_eflags",
        "mxcsr": "i386_mxcsr",
        "fs_base": "long",
        "gs_base": "long",
        "orig_rax": "long",
    }
    _ALIASES = {"pc": "rip", "sp": "rsp", "fp": "rbp", "ps": "eflags"}

    def __init__(
        self,
        snapshot: Snapshot | None = None,
        program: Path | None = None,
        pointer_size: int = 8,
    ) -> None:
        super().__init__(pointer_size)
        snapshot = snapshot or Snapshot()
        self.memory = [(low, bytearray(data)) for low, data in snapshot.regions]
        self.raw = dict(snapshot.registers)
        self.types = RegisterTypes(pointer_size)
        self.symbols: dict[str, tuple[int, int, str]] = {}
        self.warnings: list[str] = []
        self.calls: list[tuple[int, list[int]]] = []
        self.heap = 0x700000
        if program is not None:
            self._load(program)

    def _load(self, program: Path) -> None:
        listing = subprocess.run(
            ["nm", "-S", str(program)], capture_output=True, text=True, check=True
        ).stdout
        for line in listing.splitlines():
            words = line.split()
            if len(words) == 4:
                self.symbols[words[3]] = (int(words[0], 16), int(words[1], 16), words[2])

    def symbolize(self, addr: int) -> str | None:
        """Return ``<name+offset>`` as gdb does, for sized symbols."""
        for name, (start, size, _) in self.symbols.items():
            if start <= addr < start + size:
                return f"<{name}+{addr - start}>" if addr > start else f"<{name}>"
        return None

    def read(self, addr: int, size: int, /) -> bytes:
        found = b""
        while size:
            for low, data in self.memory:
                if low <= addr < low + len(data):
                    piece = bytes(data[addr - low : addr - low + size])
                    break
            else:
                raise MemoryFault(addr, size)
            found += piece
            addr += len(piece)
            size -= len(piece)
        return found

    def write(self, addr: int, data: bytes, /) -> None:
        for low, region in self.memory:
            if low <= addr < low + len(region):
                region[addr - low : addr - low + len(data)] = data
                return
        raise MemoryFault(addr, len(data))

    @staticmethod
    def _holder(name: str) -> tuple[str, int]:
        """Return the register that a part belongs to, and the part's offset."""
        if name in ("al", "ah", "ax", "eax"):
            return "rax", int(name == "ah")
        if name[:3] in ("xmm", "ymm"):
            return "zmm" + name[3:], 0
        return name, 0

    def register(self, name: str, /) -> Value | None:
        name = self._ALIASES.get(name, name)
        data = self.raw.get(name)
        if data is None:
            return None
        holder, offset = self._holder(name)
        data = self.raw.get(holder, data)[offset : offset + len(data)]
        kind = self._TYPES.get(name)
        if kind is None:
            kind = f"vec{8 * len(data)}" if name[1:3] == "mm" else f"int{8 * len(data)}"
            kind = "i387_ext" if name.startswith("st") else kind
            kind = "int" if name[0] == "f" else kind
        ctype = self.types.named(kind, len(data))
        return Value(ctype, data, Lvalue("register", 0, name), self.read)

    def set_register(self, name: str, value: Value, /) -> None:
        name = self._ALIASES.get(name, name)
        holder, offset = self._holder(name)
        old = self.raw.get(holder, value.data)
        self.raw[holder] = old[:offset] + value.data + old[offset + len(value.data) :]

    def symbol(self, name: str, /) -> Value | None:
        found = self.symbols.get(name)
        if found is None:
            return None
        kind = self.model.text_symbol if found[2] in "tT" else self.model.data_symbol
        return Value.at(kind, found[0], self.read)

    def convenience(self, name: str, /) -> Value | None:
        if name == "_siginfo" and self.raw:
            return siginfo_value(self.siginfo)
        return super().convenience(name)

    # SIGTRAP by the kernel: what a breakpoint gives.
    siginfo = (5).to_bytes(8, "little") + (128).to_bytes(120, "little")

    def call(self, addr: int, args: Sequence[Value], result: CType, /) -> Value:
        numbers = [int(arg) for arg in args]
        self.calls.append((addr, numbers))
        return returned(result, sum(numbers) & 0xFFFFFFFF, self.read)

    def allocate(self, data: bytes, /) -> int:
        addr = self.heap
        self.heap += len(data) + 16
        self.memory.append((addr, bytearray(data)))
        return addr

    def warn(self, message: str, /) -> None:
        self.warnings.append(message)
