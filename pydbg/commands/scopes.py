"""info scope: which variables a place of the code sees, and where they are (dwarf2/loc.c)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydbg.commands.table import Parsed
from pydbg.errors import CommandError, DebuggerError, UsageError
from pydbg.symbols.cursor import fixed, signed, sleb, uleb
from pydbg.symbols.entries import At, Die
from pydbg.symbols.loclists import BASE, locations
from pydbg.variables.blocks import Block, Variable, blocks_around

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
_OPERANDS = {
    0x10: "u", 0x11: "s", 0x15: "1", 0x23: "u", 0x28: "h", 0x2F: "h", 0x90: "u", 0x91: "s",
    0x92: "us", 0x93: "u", 0x94: "1", 0x98: "h", 0x99: "w", 0xA0: "ws", 0xA4: "ub", 0xA5: "uu",
    0xA6: "1u", 0xA8: "u", 0xA9: "u", 0xF2: "ws", 0xF4: "ub", 0xF5: "uu", 0xF6: "1u", 0xF7: "u",
    0xF9: "u", 0xFA: "w",
}  # fmt: skip
"""What follows an operation: unsigned and signed LEB, 1, 2 (h) or 4 (w) bytes, a block (b)."""
_COMPLEX = "a complex DWARF expression:\n"


def info_scope(session: Session, parsed: Parsed) -> str:
    """List the variables that are known at a place of the code."""
    spec = parsed["LOCATION"]
    if not spec:
        raise UsageError("requires an argument (function, line or *addr) to define a scope")
    dbg = session.dbg
    for place in dbg.places(spec):
        module = place.module
        if module is None:
            continue
        function = module.function_at(module.addr(place.link_addr))
        file = dbg.variables.file(module)
        if function is None or file is None:
            continue
        with file.guard():
            root = file.block(function.die)
            found = list(blocks_around(root, place.link_addr))[::-1]
            lines = [line for block in found for line in _block(session, module, file, block)]
        if not lines:
            continue
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
                    return _place(module, scope.function, one).removeprefix("in ")
    return None


def _block(session: Session, module: Module, file: FileTypes, block: Block) -> Iterator[str]:
    order = block.variables if block.is_function else block.locals
    for one in order:
        die = one.find(At.type)
        try:
            size = 0 if die is None else file.reader.of(die).size
            where = _place(module, block, one)
        except DebuggerError as error:
            raise CommandError(str(error)) from None
        yield f"Symbol {one.name} is {where}, length {size}."


def _place(module: Module, block: Block, one: Variable) -> str:
    holder = one.find(At.location)
    if holder is None:
        constant = one.find(At.const_value)
        if constant is not None:
            return f"constant {constant.signed(At.const_value)}"
        return "optimized out"
    attr = holder.attrs[At.location]
    if isinstance(attr[1], bytes):
        return _expression(module, block, holder, attr[1])
    text = "multi-location:\n"
    for low, high, expression in locations(holder.view.source, holder.unit, attr, bases=True):
        if low == BASE:
            text += f"  Base address {high:#x}"
            continue
        start = 0 if low is None else low
        where = _expression(module, block, holder, expression)
        text += f"  Range {module.addr(start):#x}-{module.addr(high):#x}: {where}\n"
    return text


def _expression(module: Module, block: Block, holder: Die, code: bytes) -> str:
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
        base = _frame_base(block.die)
        offset, end = sleb(code, 1)
        if end == len(code) and base is not None:
            return f"a variable at frame base reg ${names.get(base, '?')} offset 0+{offset}"
    return _pieces(module, block, holder, code)


def _pieces(module: Module, block: Block, holder: Die, code: bytes) -> str:
    """Describe an expression whose parts may be in several places."""
    texts, pos = [], 0
    while pos < len(code):
        end = _piece_end(module, code, pos)
        part = code[pos:end]
        if len(part) == 2 and 0x30 <= part[0] <= 0x4F and part[1] == 0x9F:
            text, apart = f"the constant {part[0] - 0x30}", ""
        elif part:
            # Of several parts each may be a plain place.
            several = pos or end < len(code)
            text, apart = _expression(module, block, holder, part) if several else "", ""
            if not text or text.startswith(_COMPLEX):
                text, apart = _COMPLEX + "".join(_operations(module, part, 0, len(part))), "   "
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


def _piece_end(module: Module, code: bytes, pos: int) -> int:
    """Return where the part of an expression that begins at ``pos`` ends."""
    while pos < len(code) and code[pos] not in (0x93, 0x9D):
        pos = _operation(module, code, pos)[1]
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


def _operations(module: Module, code: bytes, pos: int, end: int, indent: int = 0) -> Iterator[str]:
    while pos < end:
        text, pos = _operation(module, code, pos, indent)
        yield text


def _operation(module: Module, code: bytes, pos: int, indent: int = 0) -> tuple[str, int]:
    """Spell one operation; return that and the position behind it."""
    names = _registers(module)
    at, op = pos, code[pos]
    pos += 1
    if op in (0xA3, 0xF3) and indent < _MOST_INDENT:
        size, pos = uleb(code, pos)
        end = min(pos + size, len(code))
        inner = "".join(_operations(module, code, pos, end, indent + 2))
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
        if op in _OPERANDS:
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


def _operand(code: bytes, pos: int, kind: str) -> tuple[int, int]:
    """Read one operand; of a block its size is what counts. Return it and where it ends."""
    if kind == "u":
        return uleb(code, pos)
    if kind == "s":
        return sleb(code, pos)
    if kind == "b":
        return code[pos], pos + 1 + code[pos]
    return fixed(code, pos, {"1": 1, "h": 2, "w": 4}[kind])
