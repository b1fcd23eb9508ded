"""Blocks of a function around an address, and the variables that each declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from pydbg.expr.types import CType
from pydbg.symbols.entries import At, Die, Tag
from pydbg.symbols.loclists import locations
from pydbg.symbols.units import Ranges

if TYPE_CHECKING:
    from pydbg.symbols.modules import Module
    from pydbg.variables.files import FileTypes

__all__ = [
    "Block",
    "Constant",
    "Label",
    "TypeName",
    "Variable",
    "blocks_around",
    "innermost",
]

_MAX_DEPTH = 200
_INHERITED = Tag.structs | {Tag.formal, Tag.variable, Tag.label, Tag.typedef, Tag.enumeration}
_NOTED = _INHERITED | Tag.blocks | {Tag.imported_module}


class Variable:
    """Be one declared variable or parameter; ``die`` is the entry that says where it is.

    What is worked out of the entry is kept: files do not change while they are looked at.
    """

    __slots__ = ("_located", "_places", "die", "fixed_type", "is_argument", "name", "simple_at")

    def __init__(self, name: str, die: Die, is_argument: bool) -> None:
        self.name = name
        self.die = die
        self.is_argument = is_argument
        self.fixed_type: CType | None = None
        """Its type, if that is the same whenever it is asked for."""
        self.simple_at: dict[int, tuple[str, int, int]] = {}
        """Link address -> its place there, as ``dwexpr.simple`` has it, for those asked for."""
        self._located: Die | bool | None = False
        self._places: tuple[tuple[int | None, int, bytes], ...] | None = None

    def __repr__(self) -> str:
        return f"<Variable {self.name}>"

    def find(self, attribute: int) -> Die | None:
        """Return the entry, its own or the abstract one, that has an attribute."""
        for die in self.die.origins():
            if attribute in die.attrs:
                return die
        return None

    @property
    def located(self) -> Die | None:
        """Return the entry that says where it is or what value it has, None for nowhere."""
        if isinstance(self._located, bool):
            self._located = located(self.die)
        return self._located

    @property
    def is_static(self) -> bool:
        """Tell whether it lies at one address (DW_OP_addr), whatever frame there is."""
        held = self.located
        attr = held.attrs.get(At.location) if held is not None else None
        return attr is not None and isinstance(attr[1], bytes) and attr[1][:1] == b"\x03"

    def expression_at(
        self, link_addr: int, is_entry: Callable[[], bool] = lambda: False
    ) -> bytes | None:
        """Return the location expression that holds at an address; None where it is nowhere.

        ``is_entry`` is asked whether the function begins there: an empty range holds then
        (gdb's loc.c, dwarf2_find_location_expression).
        """
        die = self.located
        attr = die.attrs.get(At.location) if die is not None else None
        if die is None or attr is None:
            return None
        if isinstance(attr[1], bytes):
            return attr[1]
        if self._places is None:
            self._places = tuple(locations(die.view.source, die.unit, attr))
        default: bytes | None = None
        for low, high, expression in self._places:
            if low is None:
                default = expression
            elif low <= link_addr < high or (low == high == link_addr and is_entry()):
                return expression
        return default

    @property
    def is_bytes(self) -> bool:
        """Tell whether all that is left of it are its bytes, as of a constant array."""
        die = self.find(At.const_value) if At.location not in self.die.attrs else None
        return die is not None and die.constant(At.const_value) is not None

    @property
    def is_extern(self) -> bool:
        """Tell whether it only declares a global that is defined elsewhere."""
        if At.location in self.die.attrs or At.const_value in self.die.attrs:
            return False
        found = self.find(At.declaration)
        return found is not None and found.flag(At.declaration)


class Constant(Variable):
    """Be an enumerator that is declared in a block; ``enum`` is the entry of its type."""

    __slots__ = ("enum",)

    def __init__(self, name: str, die: Die, enum: Die) -> None:
        super().__init__(name, die, False)
        self.enum = enum


class Label(Variable):
    """Be a label of ``goto``, which may have been optimized out."""

    __slots__ = ()


class TypeName(Variable):
    """Be the name of a type that is declared in a block."""

    __slots__ = ()


def located(die: Die) -> Die | None:
    """Return the first of an entry and those it completes that has a place or a value."""
    for one in die.origins():
        if At.location in one.attrs or At.const_value in one.attrs:
            return one
    return None


class Block:
    """Be a function, inlined call or lexical block and what it declares itself."""

    def __init__(self, die: Die) -> None:
        self.die = die
        self.inner: list[Die] = []
        """Lexical blocks inside that have code of their own."""
        self.variables: list[Variable] = []
        self.symbols: list[Variable] = []
        """All names that are declared, in the order in which gdb reads them."""
        self.imports: list[Die] = []
        """``using namespace`` in it."""
        self.types: list[Die] = []
        """Types and enumerators that are declared here."""
        self._codes: list[Ranges] | None = None
        self._opened: dict[int, Block] = {}
        seen = self._own(die, 0)
        origin = die.target(At.abstract_origin)
        if origin is not None:
            self._inherit(origin, seen, 0)

    @cached_property
    def low(self) -> int | None:
        """Return the first address of its first range of code, None without code."""
        ranges = self.die.ranges()
        return ranges[0][0] if ranges else None

    @property
    def is_function(self) -> bool:
        """Tell whether it is a function or an inlined call, and no lexical block."""
        return self.die.tag not in Tag.blocks

    def _own(self, die: Die, depth: int) -> set[tuple[int, int]]:
        """Note the children; return which abstract entries they stand for."""
        seen: set[tuple[int, int]] = set()
        if depth > _MAX_DEPTH:
            raise IndexError("blocks nested too deep")
        for child in die.children(_NOTED):
            seen.update(one.key for one in child.origins())
            self._note(child, depth)
        return seen

    def _note(self, child: Die, depth: int) -> None:
        tag = child.tag
        if tag in (Tag.formal, Tag.variable):
            name = next((one.name for one in child.origins() if At.name in one.attrs), None)
            if name:
                self.variables.append(Variable(name, child, tag == Tag.formal))
                self.symbols.append(self.variables[-1])
        elif tag == Tag.label:
            name = next((one.name for one in child.origins() if At.name in one.attrs), None)
            if name:
                self.symbols.append(Label(name, child, False))
        elif tag in Tag.blocks:
            if At.low_pc in child.attrs or At.ranges in child.attrs:
                self.inner.append(child)
            else:
                # As gdb has it, a block without code is no block.
                self._own(child, depth + 1)
        elif tag == Tag.imported_module:
            self.imports.append(child)
        elif tag in Tag.structs or tag in (Tag.typedef, Tag.enumeration):
            self.types.append(child)
            if tag == Tag.enumeration:
                self.symbols += [
                    Constant(one.name, one, child) for one in child.children() if one.name
                ]
            if child.name and not child.flag(At.declaration):
                self.symbols.append(TypeName(child.name, child, False))

    def _inherit(self, origin: Die, seen: set[tuple[int, int]], depth: int) -> None:
        """Note what only the abstract entry knows: variables that the optimiser removed."""
        if depth > _MAX_DEPTH:
            raise IndexError("blocks nested too deep")
        for child in origin.children(_NOTED):
            if child.key in seen:
                continue
            if child.tag in Tag.blocks:
                self._inherit(child, seen, depth + 1)
            elif child.tag in _INHERITED:
                self._note(child, depth)

    def inner_at(self, link_addr: int) -> Block | None:
        """Give the block directly inside that an address is in; it is kept."""
        if self._codes is None:
            self._codes = [die.ranges() for die in self.inner]
        for index, ranges in enumerate(self._codes):
            if any(low <= link_addr < high for low, high in ranges):
                block = self._opened.get(index)
                if block is None:
                    block = self._opened[index] = Block(self.inner[index])
                return block
        return None

    @cached_property
    def arguments(self) -> list[Variable]:
        """Return the parameters in their order."""
        return [one for one in self.variables if one.is_argument]

    def listed(self) -> list[Variable]:
        """Return all names in the order in which gdb lists them.

        A function's are kept as declared; a lexical block's are in a hash table of gdb's
        (dictionary.c, dict_create_hashed), whose order is what the user sees.
        """
        if self.is_function:
            return self.symbols
        count = len(self.symbols) // 5 + 1  # One bucket for five symbols.
        buckets: list[list[Variable]] = [[] for _ in range(count)]
        for one in self.symbols:
            buckets[_hash(one.name, self.die.cplus) % count].append(one)
        return [one for bucket in buckets for one in bucket]

    @cached_property
    def locals(self) -> list[Variable]:
        """Return what has a value and is no parameter, in the order in which gdb lists it.

        Enumerators have one, and labels that were optimized out are shown as such.
        """
        return [
            one
            for one in self.listed()
            if not one.is_argument
            and not isinstance(one, TypeName)
            and not (isinstance(one, Label) and At.low_pc in one.die.attrs)
        ]


def blocks_around(root: Block, link_addr: int) -> Iterator[Block]:
    """Give the blocks around an address, outermost (``root``) first."""
    block: Block | None = root
    for _ in range(_MAX_DEPTH):
        if block is None:
            return
        yield block
        block = block.inner_at(link_addr)


def innermost(file: FileTypes | None, module: Module, link_addr: int) -> object | None:
    """Name the innermost block with names of its own at a link address; None for none."""
    addr = module.addr(link_addr)
    function = module.function_at(addr)
    if file is None or function is None:
        return None
    calls = module.inline_calls_at(addr)
    with file.guard():
        root = file.block(calls[-1].die if calls else function.die)
        inner = [b for b in blocks_around(root, link_addr) if b.variables or b.types]
        return module.path, (inner[-1] if inner else root).die.key


def _hash(name: str, cplus: bool) -> int:
    """Hash a name as gdb does (default_search_name_hash, cp_search_name_hash)."""
    if cplus:
        return _plain_hash(name.rpartition("::")[2].partition("<")[0].partition("(")[0])
    start = 5 if name.startswith("_ada_") else 0
    if name.startswith("_") and not start:
        return _plain_hash(name)
    value = 0
    at = start
    while at < len(name):
        char = name[at]
        if char in "$.X":
            return _plain_hash(name) if at == 0 else value
        if char in " (":
            return _plain_hash(name)
        if char == "_" and name[at + 1 : at + 2] == "_" and at:
            following = name[at + 2 : at + 3]
            if not ("a" <= following <= "z") and following != "O":
                return value
            value = 0
            at += 2
            continue
        if name[at:] == "TKB":
            return value
        value = _next_hash(value, char)
        at += 1
    return value


def _plain_hash(name: str) -> int:
    value = 0
    for char in name:
        if not char.isspace():
            value = _next_hash(value, char)
    return value


def _next_hash(value: int, char: str) -> int:
    return (value * 67 + ord(char.lower()) - 113) & 0xFFFFFFFF
