"""info scope: which variables a place of the code sees, and where they are (dwarf2/loc.c)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydbg.commands.table import Parsed
from pydbg.errors import CommandError, DebuggerError, UsageError
from pydbg.symbols.cursor import fixed, signed, sleb, uleb
from pydbg.symbols.entries import At, Die, Tag
from pydbg.symbols.loclists import BASE, locations
from pydbg.variables.blocks import Block, Constant, Label, TypeName, Variable, blocks_around
from pydbg.variables.places import GNU_TYPED
from pydbg.variables.types import CANONICAL

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.symbols.modules import Module
    from pydbg.variables.files import FileTypes
    from pydbg.variables.scope import FrameScope

__all__ = ["info_scope", "place_of_local"]

_NAMES = {
    0x03: "addr", 0x06: "deref", 0x08: "const1u", 0x09: "const1s", 0x0A: "const2u",
    0x0B: "const2s", 0x0C: "const4u", 0x0D: "const4s", 0x0E: "const8u", 0x0F: "const8s",
    0x10: "constu", 0x11: "consts", 0x12: "dup", 0x13: "drop", 0x16: "swap", 0x1A: "and",
    0x1B: "div", 0x1C: "minus", 0x1D: "mod", 0x1E: "mul", 0x1F: "neg", 0x20: "not", 0x21: "or",
    0x22: "plus", 0x23: "plus_uconst", 0x24: "shl", 0x25: "shr", 0x26: "shra", 0x27: "xor",
    0x14: "over", 0x17: "rot", 0x18: "xderef", 0x19: "abs", 0x29: "eq", 0x2A: "ge", 0x2B: "gt",
    0x2C: "le", 0x2D: "lt", 0x2E: "ne", 0x96: "nop", 0x97: "push_object_address",
    0x90: "regx", 0x91: "fbreg", 0x92: "bregx", 0x93: "piece", 0x94: "deref_size",
    0x9C: "call_frame_cfa", 0x9E: "implicit_value", 0x9F: "stack_value",
    0xA1: "addrx", 0xA2: "constx", 0xA3: "entry_value", 0xFB: "GNU_addr_index",
    0xFC: "GNU_const_index",
    0x15: "pick", 0x28: "bra", 0x2F: "skip", 0x98: "call2", 0x99: "call4",
    0xA0: "implicit_pointer", 0xA4: "const_type", 0xA5: "regval_type", 0xA6: "deref_type",
    0xA8: "convert", 0xA9: "reinterpret", 0xF2: "GNU_implicit_pointer", 0xF4: "GNU_const_type",
    0xF5: "GNU_regval_type", 0xF6: "GNU_deref_type", 0xF7: "GNU_convert", 0xF9: "GNU_reinterpret",
    0xFA: "GNU_parameter_ref",
    0xE0: "GNU_push_tls_address", 0xF3: "GNU_entry_value", 0x9B: "form_tls_address",
}  # fmt: skip
_MOST_INDENT = 32
_GONE = "optimized out"
_WORD = (1 << 64) - 1
_OPERANDS = {
    0x10: "u", 0x11: "s", 0x15: "1", 0x23: "u", 0x90: "u", 0x91: "s",
    0x92: "us", 0x93: "u", 0x94: "1",
}  # fmt: skip
"""What follows an operation: unsigned and signed LEB, or a byte."""
_COMPLEX = "a complex DWARF expression:\n"


def info_scope(session: Session, parsed: Parsed) -> str:
    """List the variables that are known at a place of the code."""
    spec = parsed["LOCATION"]
    if not spec:
        raise UsageError("requires an argument (function, line or *addr) to define a scope")
    dbg = session.dbg
    for place in dbg.places(spec)[:1]:
        module = place.module
        if module is None:
            continue
        addr = module.addr(place.link_addr)
        function, calls = module.function_at(addr), module.inline_calls_at(addr)
        file = dbg.variables.file(module)
        if function is None or file is None:
            continue
        with file.guard():
            frame = file.block(function.die).die
            root = file.block(calls[-1].die) if calls else file.block(function.die)
            found = list(blocks_around(root, place.link_addr))[::-1]
            lines = [
                line for block in found for line in _block(session, module, file, block, frame)
            ]
        if lines:
            return f"Scope for {spec}:\n" + "\n".join(lines)
    return f"Scope for {spec} contains no locals or arguments."


def place_of_local(scope: FrameScope, name: str) -> str | None:
    """Say where a local variable of a frame is, None if it has none of that name."""
    module = scope.frame.module
    assert module is not None
    for block in scope.blocks:
        for one in block.variables:
            if one.name == name:
                with scope.file.guard():
                    known = module.function_at(scope.frame.lookup_addr)
                    whole = scope.function if known is None else scope.file.block(known.die)
                    return _place(module, whole.die, one).removeprefix("in ")
    return None


def _block(
    session: Session, module: Module, file: FileTypes, block: Block, frame: Die
) -> Iterator[str]:
    """Describe what a block declares; ``frame`` is the function that has the frame base."""
    if block.die.tag == Tag.inlined:
        calls = module.inline_calls_at(module.addr(block.low or 0))
        name = next((one.function for one in calls if one.die == block.die.offset), None)
        where = f"a function at address {module.addr(block.low or 0):#x}"
        yield f"Symbol {name} is {where}, length 1."
    for one in block.listed():
        try:
            if isinstance(one, TypeName):
                yield f"Symbol {one.name} is a typedef."
                continue
            size, where = _symbol(session, module, file, frame, one)
        except DebuggerError as error:
            raise CommandError(str(error)) from None
        length = "" if where == _GONE else f", length {size}"
        yield f"Symbol {one.name} is {where}{length}."


def _symbol(
    session: Session, module: Module, file: FileTypes, frame: Die, one: Variable
) -> tuple[int, str]:
    """Return how long a variable, label or enumerator is, and where."""
    if isinstance(one, Label):
        link_addr = one.die.view.source.address(one.die.unit, one.die.attrs.get(At.low_pc))
        where = _GONE if link_addr is None else f"a label at address {module.addr(link_addr):#x}"
        return module.elf.bits // 8, where
    if isinstance(one, Constant):
        return file.reader.read(one.enum).size, _place(module, frame, one)
    die = one.find(At.type)
    size = 0 if die is None else file.reader.of(die).size
    if not one.is_extern:
        return size, _place(module, frame, one)
    for home, symbol in session.dbg.modules.lookup(one.name):
        return size, f"static storage at address {home.addr_of(symbol):#x}"
    return size, "Unresolved Static"


def _place(module: Module, frame: Die, one: Variable) -> str:
    holder = one.find(At.location)
    if holder is None:
        constant = one.find(At.const_value)
        if constant is None:
            return _GONE
        data = constant.constant(At.const_value)
        value = constant.signed(At.const_value) or 0
        if data is not None:
            return "constant bytes: " + "".join(f" {byte:02x}" for byte in data)
        return f"a constant with value {value} ({value & _WORD:#x})"
    attr = holder.attrs[At.location]
    if isinstance(attr[1], bytes):
        return _expression(module, frame, holder, attr[1]) if attr[1] else _GONE
    text = "multi-location:\n"
    for low, high, expression in locations(holder.view.source, holder.unit, attr, bases=True):
        if low == BASE:
            text += f"  Base address {high:#x}"
            continue
        start = 0 if low is None else low
        # One of several places is no static storage to gdb.
        whole = _pieces if expression[:1] == b"\x03" else _expression
        where = whole(module, frame, holder, expression)
        text += f"  Range {module.addr(start):#x}-{module.addr(high):#x}: {where}\n"
    return text


def _expression(module: Module, frame: Die, holder: Die, code: bytes) -> str:
    """Describe one location expression (locexpr_describe_location_1)."""
    word = module.elf.bits // 8
    if code[:1] in (b"\xa1", b"\xfb"):  # DW_OP_addrx and its GNU forerunner
        index, end = uleb(code, 1)
        if end == len(code):
            addr = module.addr(holder.view.source.indexed(holder.unit, index))
            return f"in static storage at address {addr:#x}"
    if code[:1] == b"\x03" and len(code) == 1 + word:
        addr = module.addr(fixed(code, 1, word)[0])
        return f"in static storage at address {addr:#x}"
    names = _registers(module)
    if len(code) == 1 and 0x50 <= code[0] <= 0x6F:
        return f"a variable in ${names.get(code[0] - 0x50, '?')}"
    if code[:1] == b"\x91":
        base = _frame_base(frame)
        offset, end = sleb(code, 1)
        if end == len(code) and base is not None:
            return f"a variable at frame base reg ${names.get(base, '?')} offset 0+{offset}"
    return _pieces(module, frame, holder, code)


def _pieces(module: Module, frame: Die, holder: Die, code: bytes) -> str:
    """Describe an expression whose parts may be in several places."""
    texts, pos = [], 0
    while pos < len(code):
        end = _piece_end(module, holder, code, pos)
        part = code[pos:end]
        if len(part) == 2 and 0x30 <= part[0] <= 0x4F and part[1] == 0x9F:
            text, apart = f"the constant {part[0] - 0x30}", ""
        elif part:
            # Of several parts each may be a plain place.
            several = pos or end < len(code)
            text, apart = _expression(module, frame, holder, part) if several else "", ""
            if not text or text.startswith(_COMPLEX):
                operations = "".join(_operations(module, holder, part, 0, len(part)))
                text, apart = _COMPLEX + operations, "   "
        else:
            text, apart = "", ""
        if end < len(code):
            size, pos = uleb(code, end + 1)
            unit = "byte"
            if code[end] == 0x9D:
                unit = "bit"
                _, pos = uleb(code, pos)
            what = f"{size}-{unit} piece"
            text += f"{apart} [{what}]" if part else f"an empty {what}"
        else:
            pos = end
        texts.append(text)
    return ", and ".join(texts)


def _piece_end(module: Module, holder: Die, code: bytes, pos: int) -> int:
    """Return where the part of an expression that begins at ``pos`` ends."""
    while pos < len(code) and code[pos] not in (0x93, 0x9D):
        pos = _operation(module, holder, code, pos)[1]
    return min(pos, len(code))


def _frame_base(die: Die) -> int | None:
    """Return the register that a function's frame base is, None where it is computed."""
    code = next((one.block(At.frame_base) for one in die.origins() if At.frame_base in one), None)
    if code is not None and len(code) == 1 and 0x50 <= code[0] <= 0x6F:
        return code[0] - 0x50
    return None


def _registers(module: Module) -> dict[int, str]:
    from pydbg.arch import I386, X86_64

    arch = X86_64 if module.elf.bits == 64 else I386
    return {number: register.name for number, register in arch.by_dwarf.items()}


def _operations(
    module: Module, holder: Die, code: bytes, pos: int, end: int, indent: int = 0
) -> Iterator[str]:
    while pos < end:
        text, pos = _operation(module, holder, code, pos, indent)
        yield text


def _operation(
    module: Module, holder: Die, code: bytes, pos: int, indent: int = 0
) -> tuple[str, int]:
    """Spell one operation; return that and the position behind it."""
    names = _registers(module)
    at, op = pos, code[pos]
    pos += 1
    if op in (0xA3, 0xF3) and indent < _MOST_INDENT:
        size, pos = uleb(code, pos)
        end = min(pos + size, len(code))
        inner = "".join(_operations(module, holder, code, pos, end, indent + 2))
        return f"  {at:{indent + 4}}: DW_OP_{_NAMES[op]}\n{inner}", end
    operand = ""
    if 0x30 <= op <= 0x4F:
        name = f"lit{op - 0x30}"
    elif 0x50 <= op <= 0x6F:
        name, operand = f"reg{op - 0x50}", f" [${names.get(op - 0x50, '?')}]"
    elif 0x70 <= op <= 0x8F:
        offset, pos = sleb(code, pos)
        name, operand = f"breg{op - 0x70}", f" {offset} [${names.get(op - 0x70, '?')}]"
    else:
        name = _NAMES.get(op, f"{op:#x}")
        if op in (0x28, 0x2F):
            distance, pos = fixed(code, pos, 2)
            operand = f"{' to' if op == 0x2F else ''} {pos + signed(distance, 2)}"
        elif op in (0x98, 0x99, 0xFA):
            offset, pos = fixed(code, pos, 2 if op == 0x98 else 4)
            operand = f" offset {offset:x}"
        elif op in (0xA0, 0xF2):
            entry, pos = fixed(code, pos, 4)
            offset, pos = sleb(code, pos)
            operand = f" DIE {entry:x} offset {offset}"
        elif 0xA4 <= op <= 0xA9 or op in GNU_TYPED:
            operand, pos = _typed(holder, names, code, pos, op)
        elif op in _OPERANDS:
            for kind in _OPERANDS[op]:
                value, pos = _operand(code, pos, kind)
                operand += f" {value}"
        elif op == 0x03:
            value, pos = fixed(code, pos, module.elf.bits // 8)
            operand = f" {value:#x}"  # As it is in the file.
        elif 0x08 <= op <= 0x0F:
            size = 1 << ((op - 0x08) // 2)
            value, pos = fixed(code, pos, size)
            operand = f" {signed(value, size) if op & 1 else value}"
        elif op == 0x9E:
            size, pos = uleb(code, pos)
            operand, pos = f" {size}", pos + size
    return f"  {at:{indent + 4}}: DW_OP_{name}{operand}\n", pos


def _typed(holder: Die, names: dict[int, str], code: bytes, pos: int, op: int) -> tuple[str, int]:
    """Spell the operands of an operation that names a base type."""
    kind = GNU_TYPED.get(op, op)
    register = size = 0
    if kind == 0xA5:  # regval_type
        register, pos = uleb(code, pos)
    elif kind in (0xA6, 0xA7):  # deref_type, xderef_type
        size, pos = code[pos], pos + 1
    offset, pos = uleb(code, pos)
    if not offset and kind in (0xA8, 0xA9):
        return "<0>", pos
    name = holder.entries.die(holder.unit, offset).name or ""
    text = f"<{CANONICAL.get(name, name)} [{offset:#x}]>"
    if kind == 0xA4:  # const_type
        size, pos = code[pos], pos + 1
        data = code[pos : pos + size]
        return f"{text} {size}-byte block:" + "".join(f" {one:02x}" for one in data), pos + size
    if kind == 0xA5:
        return f"{text} [${names.get(register, '?')}]", pos
    return (f"{text} {size}-byte" if size else text), pos


def _operand(code: bytes, pos: int, kind: str) -> tuple[int, int]:
    """Read one operand; return it and where it ends."""
    if kind == "u":
        return uleb(code, pos)
    if kind == "s":
        return sleb(code, pos)
    return code[pos], pos + 1
