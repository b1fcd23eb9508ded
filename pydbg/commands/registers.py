"""``info registers`` and its relatives."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from pydbg.commands import common
from pydbg.commands.options import REGISTERS
from pydbg.commands.results import RegisterRow, Registers
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, DebuggerError
from pydbg.records import replace

if TYPE_CHECKING:
    from pydbg.arch.model import Register
    from pydbg.commands.session import Session
    from pydbg.expr.format import Formatter
    from pydbg.expr.values import Value
    from pydbg.settings import Settings

__all__ = ["commands"]

_MOST_KNOWN = 4096


def rows(session: Session, registers: Iterable[Register]) -> tuple[RegisterRow, ...]:
    """Return what ``info registers`` shows of registers of the selected frame."""
    context = common.context(session)
    formatter = common.formatter(session)
    known = session.dbg.settings.kept(_known) if not formatter.asks else {}
    language = session.dbg.language.name
    found = []
    for register in registers:
        try:
            data = context.register_data(register.name)
        except DebuggerError:
            found.append(RegisterRow(register.name, "<not saved>"))
            continue
        key = register.name, data, language
        row = known.get(key)
        if row is None:
            value = context.register(register.name)
            assert value is not None
            row = _row(register.name, value, formatter)
            if not register.type.endswith("_ptr"):  # What is at an address may change.
                if len(known) >= _MOST_KNOWN:
                    known.clear()
                known[key] = row
        found.append(row)
    return tuple(found)


def _known(_: Settings) -> dict[tuple[str, bytes, str], RegisterRow]:
    """Return what registers looked like by name, bytes and language: few change at a step."""
    return {}


def _row(name: str, value: Value, formatter: Formatter) -> RegisterRow:
    """Show a register raw and natural (infcmd.c, default_print_one_register_info)."""
    from pydbg.expr.types import ArrayType, FloatType, StructType, strip

    ctype = strip(value.type)
    if isinstance(ctype, FloatType):
        raw = f"(raw 0x{value.data[::-1].hex()[-20:]})"
        return RegisterRow(name, formatter.inner(value), raw)
    raw = formatter.inner(value, "x")
    if isinstance(ctype, (ArrayType, StructType)):
        return RegisterRow(name, raw)
    return RegisterRow(name, raw, formatter.inner(value))


def _features(session: Session) -> int:
    thread = session.dbg.thread
    block = None if thread is None else thread.registers
    return int(getattr(block, "features", 0b11))


def info_registers(session: Session, parsed: Parsed) -> Registers | tuple[Any, ...]:
    """Show registers by name or group, or all general ones."""
    arch = session.dbg.arch
    features = _features(session)
    words = [
        word.removeprefix("$") for word in re.split(r"[\s,]+", parsed["REGISTER"] or "") if word
    ]
    if not words:
        return Registers(rows(session, arch.in_group("general", features)))
    groups = {group for register in arch.registers for group in register.group}
    found: list[RegisterRow] = []
    for word in words:
        register = arch.by_name.get(word)
        if register is not None:
            # $pc, $sp and the like go by the name that was typed.
            found += (replace(row, name=word) for row in rows(session, (register,)))
        elif word in groups:
            found += rows(session, arch.in_group(word, features))
        else:
            if found:
                session.show(Registers(tuple(found)))
            raise CommandError(f"Invalid register `{word}'{_near(session, word)}")
    return Registers(tuple(found))


def _near(session: Session, word: str) -> str:
    import difflib

    near = difflib.get_close_matches(word, session.dbg.arch.by_name, 1, 0.7)
    return f'.  Did you mean "{near[0]}"?' if near else ""


def _group(name: str) -> Callable[[Session, Parsed], Any]:
    def info(session: Session, parsed: Parsed) -> Any:
        if parsed.get("REGISTER"):
            return info_registers(session, parsed)
        arch = session.dbg.arch
        return Registers(rows(session, arch.in_group(name, _features(session))))

    return info


def info_float(session: Session, parsed: Parsed) -> str:
    """Show the x87 unit as gdb does (i387-tdep.c, i387_print_float_info)."""
    thread = session.dbg.thread
    if thread is None:
        raise CommandError("The program has no registers now.")
    block = thread.registers

    def get(name: str) -> int:
        return int.from_bytes(block.read(name), "little")

    control, status, tags = get("fctrl"), get("fstat"), get("ftag")
    top = status >> 11 & 7
    lines = []
    for number in range(7, -1, -1):
        tag = tags >> 2 * number & 3
        data = block.read(f"st{(number - top) % 8}")
        mark = "=>" if number == top else "  "
        word = ("Valid  ", "Zero   ", "Special", "Empty  ")[tag]
        line = f"{mark}R{number}: {word} 0x{data[::-1].hex()}"
        lines.append(line + _float_value(session, data, tag))
    flags = _bits(status, ("IE", "DE", "ZE", "OE", "UE", "PE"))
    summary = f"   {_bits(status >> 7, ('ES',))}   {_bits(status >> 6, ('SF',))}"
    conditions = "".join(
        f" {name if status >> bit & 1 else '  '}"
        for bit, name in ((8, "C0"), (9, "C1"), (10, "C2"), (14, "C3"))
    )
    masks = _bits(control, ("IM", "DM", "ZM", "OM", "UM", "PM"))
    precision = ("Single Precision (24-bits)", "Reserved", "Double Precision (53-bits)",
                 "Extended Precision (64-bits)")[control >> 8 & 3]  # fmt: skip
    rounding = ("Round to nearest", "Round down", "Round up", "Round toward zero")
    gap = "                       "
    lines += [
        "",
        f"Status Word:         {status & 0xFFFF:#06x}   {flags}{summary}  {conditions}",
        f"{gap}TOP: {top}",
        f"Control Word:        {control & 0xFFFF:#06x}   {masks}",
        f"{gap}PC: {precision}",
        f"{gap}RC: {rounding[control >> 10 & 3]}",
        f"Tag Word:            {tags & 0xFFFF:#06x}",
        f"Instruction Pointer: {get('fiseg'):#04x}:{get('fioff'):#010x}",
        f"Operand Pointer:     {get('foseg'):#04x}:{get('fooff'):#010x}",
        f"Opcode:              {_opcode(get('fop')):#06x}",
    ]
    return "\n".join(lines)


def _bits(word: int, names: tuple[str, ...]) -> str:
    """Return the names of the bits that are set, blanks for the others."""
    return " ".join(name if word >> bit & 1 else "  " for bit, name in enumerate(names))


def _opcode(fop: int) -> int:
    # The 11 bits without the five fixed ones of every x87 opcode (0xd8 and up).
    return fop | 0xD800 if fop else 0


def _float_value(session: Session, data: bytes, tag: int) -> str:
    if tag == 3:
        return ""
    from pydbg.expr.types import LP64
    from pydbg.expr.values import Value

    value = Value(LP64.longdouble, data.ljust(16, b"\0"))
    integer = int.from_bytes(data[:8], "little")
    exponent = int.from_bytes(data[8:10], "little")
    if exponent & 0x7FFF == 0x7FFF:
        if integer == 1 << 63:
            return f" {'-' if exponent & 0x8000 else '+'}Inf"
        if integer >> 63:
            return " QNaN" if integer >> 62 & 1 else " SNaN"
        return " Unsupported"
    text = common.formatter(session).inner(value)
    return f" {'' if text.startswith('-') else '+'}{text}"


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    names = Arg(
        "REGISTER", REGISTERS, optional=True, doc="names or groups (general, float, vector, all)"
    )

    def row(name: str, summary: str, run: Any, **fields: Any) -> Command:
        fields.setdefault("args", (names,))
        fields.setdefault("example", name)
        return Command(
            name, group="data", summary=summary, run=run, needs="registers",
            help="The values are those of the selected frame: what a function saved is shown "
            "as its caller left it.", **fields,
        )  # fmt: skip

    return (
        row("info registers", "Show registers.", info_registers, aliases=("r",),
            example="info registers rip rax"),
        row("info all-registers", "Show all registers, with x87 and vectors.", _group("all")),
        row("info float", "Show the x87 floating point unit.", info_float, args=()),
        row("info vector", "Show the vector registers.", _group("vector"), args=()),
    )  # fmt: skip
