"""Commands for memory: find, dump, restore, hexdump, telescope."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydbg.commands import common, kinds
from pydbg.commands.results import FoundAddresses, HexDump, Note, Telescope, TelescopeRow
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import DebuggerError, FileError, MemoryFault, UsageError

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.expr.values import Value

__all__ = ["commands", "split_list"]

_PIECE = 1 << 20


def split_list(text: str) -> list[str]:
    """Split expressions at the commas that are not inside brackets or quotes.

    >>> split_list("f(1, 2), 'a,b', \\"c,\\"")
    ['f(1, 2)', "'a,b'", '"c,"']
    """
    parts = [""]
    depth = 0
    quote = ""
    escaped = False
    for char in text:
        if quote:
            quote = "" if char == quote and not escaped else quote
            escaped = char == "\\" and not escaped
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth <= 0:
            parts.append("")
            continue
        parts[-1] += char
    return [part.strip() for part in parts]


def _address(session: Session, text: str) -> int:
    from pydbg.expr.examine import address_of

    if not text:
        raise UsageError("Argument required (expression to compute).")
    return address_of(session.dbg.evaluate(text))


# --- find ----------------------------------------------------------------------------------


class _Options(kinds.Slashed):
    """Take ``/bhwg5`` : the size of the patterns and how many finds are enough."""

    def parse(self, text: str, session: Session) -> tuple[str, int | None]:
        import re

        size, count = "", None
        for piece in re.findall(r"\d+|.", text[1:]):
            if piece.isdigit():
                count = int(piece)
            elif piece in "bhwg":
                size = piece
            else:
                raise UsageError("Invalid size granularity.")
        return size, count


def find(session: Session, parsed: Parsed) -> FoundAddresses:
    """Search memory."""
    size, most = parsed["OPTIONS"] or ("", None)
    parts = split_list(parsed["RANGE"] or "")
    if parts == [""]:
        raise UsageError("Missing search parameters.")
    start = _address(session, parts[0])
    if len(parts) < 2:
        raise UsageError("Argument required (expression to compute).")
    if parts[1].startswith("+"):
        length = kinds.int_of(parts[1][1:], session)
        if length <= 0:
            raise UsageError("Empty search range.")
        end = start + length
    else:
        end = _address(session, parts[1]) + 1
        if end <= start:
            raise UsageError("Invalid search space, end precedes start.")
    if len(parts) < 3 or not parts[2]:
        raise UsageError("Missing search pattern.")
    pattern = b"".join(_pattern(session, part, size) for part in parts[2:])
    found = []
    try:
        for addr in session.dbg.memory.find(pattern, start, end):
            found.append((addr, common.symbolize(session, addr)))
            if len(found) == most:
                break
    except MemoryFault as fault:
        # As in gdb what was found before counts; what cannot be read is no error.
        session.warn(
            f"warning: Unable to access {min(end - fault.addr, 16000)} bytes of target memory at "
            f"{fault.addr:#x}, halting search."
        )
    _remember(session, found)
    return FoundAddresses(tuple(found))


def _pattern(session: Session, text: str, size: str) -> bytes:
    """Return the bytes of one pattern: a string without its NUL, a number in its size."""
    from pydbg.expr.types import ArrayType, strip

    value = session.dbg.evaluate(text)
    if isinstance(strip(value.type), ArrayType) and text.startswith('"'):
        return value.data[:-1]
    if not size:
        return value.data
    width = {"b": 1, "h": 2, "w": 4, "g": 8}[size]
    return (int(value) & (1 << 8 * width) - 1).to_bytes(width, "little")


def _remember(session: Session, found: Sequence[tuple[int, str]]) -> None:
    from pydbg.expr.types import data_model
    from pydbg.expr.values import from_number

    model = data_model(session.dbg.arch.pointer_size)
    session.dbg.convenience["numfound"] = from_number(model.int, len(found))
    if found:
        pointer = model.pointer(model.void)
        session.dbg.convenience["_"] = from_number(pointer, found[-1][0])


# --- dump and restore ----------------------------------------------------------------------


def dump_memory(session: Session, parsed: Parsed) -> None:
    """Write memory into a file."""
    start, stop = _range(session, parsed["START_STOP"])
    _write_file(parsed["FILE"], _pieces(session, start, stop), append=parsed.invoked[:1] == "a")


def _range(session: Session, text: str | None) -> tuple[int, int]:
    words = _split_two(text or "")
    if not words[0]:
        raise UsageError("Missing start and stop addresses.")
    if len(words) < 2:
        raise UsageError("Missing stop address.")
    start, stop = _address(session, words[0]), _address(session, words[1])
    if stop <= start:
        raise UsageError("Invalid memory address range (start >= end).")
    return start, stop


def _split_two(text: str) -> list[str]:
    """Split at the first blank that is not inside brackets: two expressions."""
    depth = 0
    for index, char in enumerate(text):
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == " " and depth == 0:
            return [text[:index], text[index:].strip()]
    return [text]


def _pieces(session: Session, start: int, stop: int) -> Iterator[bytes]:
    for at in range(start, stop, _PIECE):
        yield session.dbg.memory.read(at, min(_PIECE, stop - at))


def dump_value(session: Session, parsed: Parsed) -> None:
    """Write a value into a file."""
    value: Value = session.dbg.evaluate(parsed["EXPRESSION"])
    _write_file(parsed["FILE"], [value.data], append=parsed.invoked[:1] == "a")


def _write_file(path: str, pieces: Any, *, append: bool) -> None:
    first = next(iter_pieces := iter(pieces), b"")  # Unreadable memory leaves no empty file.
    try:
        with open(path, "ab" if append else "wb") as stream:
            stream.write(first)
            for piece in iter_pieces:
                stream.write(piece)
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: {getattr(error, 'strerror', None) or error}.") from None


def restore(session: Session, parsed: Parsed) -> Note:
    """Write a file into memory."""
    words = (parsed["REST"] or "").split(None, 1)
    if not words or words[0] != "binary":
        raise UsageError("Only binary files can be restored: restore FILE binary OFFSET.")
    common.live(session)
    rest = words[1].split(" ") if len(words) > 1 else []
    values = [kinds.int_of(word, session) if index else _address(session, word)
              for index, word in enumerate(rest)]  # fmt: skip
    offset = values[0] if values else 0
    first = values[1] if len(values) > 1 else 0
    path = parsed["FILE"]
    try:
        with open(path, "rb") as stream:
            stream.seek(0, 2)
            size = stream.tell()
            last = min(values[2], size) if len(values) > 2 else size
            if first < 0 or last <= first:
                raise UsageError(f"Start address is greater than length of binary file {path}.")
            stream.seek(first)
            data = stream.read(last - first)
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: {getattr(error, 'strerror', None) or error}.") from None
    low, high = offset + first, offset + first + len(data)
    for at in range(0, len(data), _PIECE):
        session.dbg.memory.write(low + at, data[at : at + _PIECE])
    return Note(f"Restoring binary file {path} into memory ({low:#x} to {high:#x})")


# --- hexdump -------------------------------------------------------------------------------


def hexdump(session: Session, parsed: Parsed) -> HexDump:
    """Show memory as bytes and characters."""
    memory = session.memory
    text = parsed["ADDRESS[, COUNT]"]
    if text is None:
        if "hexdump" not in memory:
            raise UsageError("Argument required (address and number of bytes).")
        addr, count = memory["hexdump"]
    else:
        parts = split_list(text)
        addr = _address(session, parts[0])
        count = kinds.int_of(parts[1], session) if len(parts) > 1 else 64
    if not 0 < count <= 1 << 24:
        raise UsageError(f"A count from 1 to {1 << 24} is expected, not {count}.")
    data, error = _readable(session, addr, count)
    memory["hexdump"] = (addr + len(data), count)
    return HexDump(addr, data, word_size=session.dbg.arch.pointer_size, error=error)


def _readable(session: Session, addr: int, count: int) -> tuple[bytes, str]:
    """Return what can be read, and the error where it ends; MemoryFault if nothing can."""
    try:
        return session.dbg.memory.read(addr, count), ""
    except MemoryFault as fault:
        if fault.addr <= addr:
            raise
        return session.dbg.memory.read(addr, fault.addr - addr), str(fault)


# --- telescope -----------------------------------------------------------------------------

_DEPTH = 8


def telescope(session: Session, parsed: Parsed) -> Telescope:
    """Show words of memory and where their pointers lead."""
    dbg = session.dbg
    word = dbg.arch.pointer_size
    text = parsed["ADDRESS[, COUNT]"]
    if text is None:
        common.live(session)
        addr, count = dbg.regs[dbg.arch.sp], 8
        if parsed.again and "telescope" in session.memory:
            addr, count = session.memory["telescope"]
    else:
        parts = split_list(text)
        addr = _address(session, parts[0])
        count = kinds.int_of(parts[1], session) if len(parts) > 1 else 8
    if not 0 < count <= 10_000:
        raise UsageError(f"A count from 1 to 10000 is expected, not {count}.")
    rows, error = telescope_rows(session, addr, count)
    session.memory["telescope"] = (addr + len(rows) * word, count)
    return Telescope(rows, word, error)


def telescope_rows(session: Session, addr: int, count: int) -> tuple[tuple[TelescopeRow, ...], str]:
    """Return the rows of ``count`` words, and the error where memory ended.

    MemoryFault if not even the first can be read.
    """
    word = session.dbg.arch.pointer_size
    registers = _registers(session)
    rows: list[TelescopeRow] = []
    for at in range(addr, addr + count * word, word):
        try:
            value = session.dbg.memory.read_int(at, word)
        except MemoryFault as fault:
            if not rows:
                raise
            return tuple(rows), str(fault)
        chain, end = _chain(session, value, word)
        rows.append(TelescopeRow(at, chain, end, registers.get(at, ())))
    return tuple(rows), ""


def _registers(session: Session) -> dict[int, tuple[str, ...]]:
    """Return which general registers hold which address."""
    if session.dbg.inferior is None:
        return {}
    found: dict[int, tuple[str, ...]] = {}
    arch = session.dbg.arch
    for register in arch.in_group("general"):
        if register.size == arch.pointer_size and register.type in ("int64", "long", "data_ptr"):
            try:
                value = session.dbg.regs[register.name]
            except DebuggerError:
                continue
            found[value] = (*found.get(value, ()), register.name)
    return found


def _chain(session: Session, value: int, word: int) -> tuple[tuple[tuple[int, str], ...], str]:
    """Follow pointers from ``value``; return the chain and what its last one shows."""
    memory = session.dbg.memory
    chain: list[tuple[int, str]] = []
    seen: set[int] = set()
    while True:
        chain.append((value, common.symbolize(session, value)))
        if value in seen:
            return tuple(chain), "(loop)"
        seen.add(value)
        if len(chain) > _DEPTH or value < 0x1000:
            return tuple(chain), ""
        try:
            data = memory.read(value, word)
        except DebuggerError:
            return tuple(chain), _as_text(value, word) if len(chain) == 1 else ""
        if _is_code(session, value):
            insns = session.dbg.disassemble(value, count=1)
            return tuple(chain), insns[0].text if insns else ""
        text = _string(session, value, data)
        if text:
            return tuple(chain), text
        value = int.from_bytes(data, "little")


def _is_code(session: Session, addr: int) -> bool:
    module = session.dbg.modules.at(addr)
    if module is None:
        return False
    # ELF program header flag PF_X; data segments of a module are not executable.
    link_addr = module.link_addr(addr)
    return any(
        segment.flags & 1 and segment.link_addr <= link_addr < segment.end
        for segment in module.elf.loads
    )


def _string(session: Session, addr: int, data: bytes) -> str:
    """Return the string at an address, "" if it does not look like one."""
    if not all(byte == 0 or 32 <= byte < 127 or byte in b"\t\n\r" for byte in data):
        return ""
    if 0 in data[:4]:
        # Fewer than four characters are a number rather than a text.
        return ""
    from pydbg.expr.strings import pointer_string

    try:
        options = common.formatter(session).options
        return pointer_string(addr, options, session.dbg.memory.read, width=1, prefix="")[0]
    except DebuggerError:
        return ""


def _as_text(value: int, word: int) -> str:
    """Return a word as characters if it is made of them."""
    data = value.to_bytes(word, "little").rstrip(b"\0")
    if len(data) >= 4 and all(32 <= byte < 127 for byte in data):
        return "'" + data.decode() + "'"
    return ""


# --- rows ----------------------------------------------------------------------------------


def _row(name: str, summary: str, run: Any, **fields: Any) -> Command:
    return Command(name, group="data", summary=summary, run=run, **fields)


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    file = Arg("FILE", kinds.FILE, doc="file to write", missing="Missing filename.")
    both = Arg("START_STOP", kinds.EXPR, optional=True, doc="START STOP, two addresses")
    value = Arg("EXPRESSION", kinds.EXPR, doc="what to write",
                missing="No value to dump.")  # fmt: skip
    place = Arg("ADDRESS[, COUNT]", kinds.ADDRESS, optional=True, doc="where, and how much")
    rows = []
    for word, verb in (("dump", "Write"), ("append", "Append")):
        also = () if word == "append" else (f"{word} memory", f"{word} value")
        more = "The file holds just the bytes."
        for name in (f"{word} binary memory", *also[:1]):
            rows.append(_row(name, f"{verb} memory to a file.", dump_memory, args=(file, both),
                             help=more + "  STOP is the first address that is not written.",
                             example=f"{name} stack.bin $sp $sp+64", repeat="no"))  # fmt: skip
        for name in (f"{word} binary value", *also[1:]):
            rows.append(_row(name, f"{verb} a value to a file.", dump_value, args=(file, value),
                             help=more, example=f"{name} value.bin $rax", repeat="no"))  # fmt: skip
    return (
        *rows,
        _row("restore", "Write a file into memory.", restore, repeat="no",
             args=(Arg("FILE", kinds.FILE, doc="file to read",
                       missing="You can't do that without a file name."),
                   Arg("REST", kinds.TEXT, optional=True, doc="binary OFFSET [START [END]]")),
             help="The byte at N of the file goes to OFFSET + N; START and END limit which bytes "
             "of the file are written.", example="restore stack.bin binary $sp"),
        _row("find", "Search memory.", find, repeat="no", example='find $sp, +1000, "HOME"',
             args=(Arg("OPTIONS", _Options("options"), optional=True, doc="b, h, w, g; a count"),
                   Arg("RANGE", kinds.ADDRESS, optional=True,
                       doc="START, +LENGTH or END, PATTERN, ...")),
             help="A pattern is a string or a number; its size is that of its type, or b h w g "
             "(1, 2, 4, 8 bytes).  A count is the most finds that are wanted.  $_ is the last "
             "find and $numfound their number."),
        _row("hexdump", "Show memory as bytes and characters.", hexdump, args=(place,),
             repeat="no-args", example="hexdump $sp, 64", extension=True,
             help="64 bytes if no COUNT is given.  Equal lines become one *.  Without an address "
             "and with Enter it goes on."),
        _row("telescope", "Show words of memory and where their pointers lead.", telescope,
             aliases=("tel",), args=(place,), repeat="no-args", example="telescope $sp, 4",
             help="From the stack pointer if no ADDRESS is given.  Chains end in a string, an "
             "instruction, a number or a loop.", extension=True),
    )  # fmt: skip
