"""Names in a program: what a variable or type is, seen from a frame.

A name is looked for in the blocks around the frame's address, innermost first, then among
what the frame's file declares, then in all modules.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, ExprError, FileError
from pydbg.expr.bases import find_member
from pydbg.expr.types import (
    CType,
    EnumType,
    Field,
    FunctionType,
    PointerType,
    StructType,
    TypedefType,
    strip,
)
from pydbg.expr.values import Value, from_number
from pydbg.symbols.entries import At, Die, Tag
from pydbg.symbols.languages import CPLUS, GO, RUST
from pydbg.symbols.loclists import location_at
from pydbg.symbols.unitnames import VALUES
from pydbg.variables.blocks import Block, Variable, innermost, located
from pydbg.variables.enclosing import enclosing_variable
from pydbg.variables.files import KEYWORDS, FileTypes
from pydbg.variables.frame import ModuleSurroundings
from pydbg.variables.inherited import inherited
from pydbg.variables.places import constant_of, optimized_out, place
from pydbg.variables.qualified import in_function_or_file
from pydbg.variables.scope import FrameScope

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.frames import Frame
    from pydbg.symbols.modules import Module
    from pydbg.symbols.unitnames import Named, UnitNames

    _Found = tuple[Module, FileTypes, Die]

__all__ = ["Variables"]

_DEFINED = frozenset((Tag.variable, Tag.subprogram))
_TYPE_TAGS = frozenset((Tag.typedef, Tag.base, Tag.template_alias, Tag.unspecified))

_MOST_NAMED = 1024
_NOWHERE = (b"\x03" + bytes(4), b"\x03" + bytes(8))  # DW_OP_addr 0


class Variables:
    """Answer what names mean in the program of one debugger."""

    def __init__(self, dbg: Debugger) -> None:
        self.dbg = dbg
        self._files: dict[int, FileTypes] = {}
        self._kept: list[object] = []
        self._named: dict[tuple[str, int, int], tuple[_Found | None, object]] = {}
        """With the unit, whose id is part of the key."""
        self._named_in: object = None
        """For which modules and files it was found out what names mean."""

    # --- files and frames --------------------------------------------------------------------

    def file(self, module: Module) -> FileTypes | None:
        """Give a module's declarations; None where there is no debug information."""
        elf = module.dwarf_file
        key = id(elf)
        if key not in self._files:
            try:
                names = module.declared
            except FileError:
                names = None
            made = None
            if names is not None:
                made = FileTypes(names, elf.bits // 8, self)
            if made is None:
                return None  # Another file may bring what is missing.
            self._files[key] = made
            self._kept.append(elf)  # An id is not used again while its object lives.
        return self._files[key]

    def files(self) -> Iterator[tuple[Module, FileTypes]]:
        """Give all modules that have debug information, the program first."""
        for module in self.dbg.modules:
            file = self.file(module)
            if file is not None:
                yield module, file

    def scope(self, frame: Frame) -> FrameScope | None:
        """Give what a frame sees; None without debug information. Raises FileError."""
        if frame.module is None or not frame.has_debug_info or frame.is_signal_frame:
            return None
        kept: FrameScope | None = frame.kept_scope
        if kept is not None:
            return kept
        file = self.file(frame.module)
        if file is None:
            return None
        offset = self._root_of(frame)
        if offset is None:
            return None
        with file.guard():
            found = FrameScope(self, frame, file, file.block(offset))
        frame.kept_scope = found
        return found

    def _root_of(self, frame: Frame) -> int | None:
        if frame.inline is not None:
            return frame.inline.die
        module = frame.module
        assert module is not None
        function = module.spot_at(frame.lookup_addr).function
        return None if function is None else function.die

    # --- values ------------------------------------------------------------------------------

    def block_at(self, module: Module, link_addr: int) -> object | None:
        """Name the innermost block with names of its own at a link address; None for none."""
        return innermost(self.file(module), module, link_addr)

    def value_of(
        self, die: Die, ctype: CType, around: ModuleSurroundings, link_addr: int | None
    ) -> Value:
        """Return the value of a variable's entry."""
        entry = located(die)
        if entry is None:
            return optimized_out(ctype, around.read)
        attr = entry.attrs.get(At.location)
        if attr is None:
            return constant_of(entry, ctype, around)
        expression: bytes | None
        if isinstance(attr[1], bytes):
            expression = attr[1]
        elif link_addr is None:
            expression = None
        else:
            expression = location_at(entry.view.source, entry.unit, attr, link_addr)
        around.use(entry)
        return place(ctype, expression, around)

    def settled(self, ctype: CType, around: ModuleSurroundings) -> CType:
        """Return a type whose lengths are known: those of variable arrays are asked for now."""
        from pydbg.variables.dynamic import has_dynamic, settle

        return settle(ctype, around) if has_dynamic(ctype) else ctype

    # --- names -------------------------------------------------------------------------------

    def lookup(self, name: str, frame: Frame | None) -> Value | None:
        """Find a variable, function or enumerator as an expression in a frame means it."""
        scope = self.scope_or_none(frame)
        if name.endswith("@entry"):
            return self._at_entry(name.removesuffix("@entry"), scope)
        if scope is not None and "::" not in name:
            local = scope.find(name)
            if local is not None:
                return scope.value(local)
            found = self._local_enumerator(name, scope) or enclosing_variable(self, scope, name)
            if found is not None:
                return found
            member = self._implicit_member(name, scope)
            if member is not None:
                return member
        if "::" in name:
            found = in_function_or_file(self, name)
            if found is not None:
                return found
        unit = None
        file = None
        if scope is not None:
            file, unit = scope.file, scope.function.die.unit
        for path in self._paths(name, scope):
            for one in self.with_inherited(path, scope):
                found = self.value_named(one, unit, file)
                if found is not None:
                    return found
        return None

    @staticmethod
    def _at_entry(name: str, scope: FrameScope | None) -> Value | None:
        """Return what a parameter was when its function was entered."""
        found = None if scope is None else scope.find(name)
        if scope is None or found is None or not found.is_argument:
            raise ExprError(f'@entry can be used only for function parameters, not for "{name}"')
        value = scope.at_entry(found)
        return optimized_out(scope.type_of(found), scope.around.read) if value is None else value

    def _paths(self, name: str, scope: FrameScope | None) -> Iterator[str]:
        """Give the whole names that a name may mean in a scope, the nearest first."""
        prefixes = self.prefixes_seen(scope)
        head, colons, rest = name.partition("::")
        while colons and head in ("self", "super", "crate"):
            # Rust's names for the scope at hand, the one around it, and the outermost.
            named = [prefix for prefix in prefixes if prefix]
            prefixes = {"self": named[:1], "super": named[1:], "crate": named[-1:]}[head]
            name = rest
            head, colons, rest = name.partition("::")
        for prefix in prefixes:
            yield f"{prefix}::{name}" if prefix else name

    def with_inherited(self, path: str, scope: FrameScope | None = None) -> Iterator[str]:
        """Give a whole name, and what it means in base classes of a class in it."""
        yield path
        if "::" in path and (scope is None or scope.function.die.cplus):
            tags = _TYPE_TAGS | Tag.structs | {Tag.enumeration}
            yield from inherited(path, lambda name: self._global_type(name, tags, scope))

    def _implicit_member(self, name: str, scope: FrameScope) -> Value | None:
        """Find a member of the object whose method the frame is in."""
        this = scope.find("this") if scope.function.die.cplus else None
        if this is None:
            return None
        value = scope.value(this)
        pointer = strip(value.type)
        target = strip(pointer.target) if isinstance(pointer, PointerType) else None
        if not isinstance(target, StructType) or find_member(target, name) is None:
            return None
        if value.is_gone:
            raise ExprError("value has been optimized out")
        return self.member_of(value.deref(), name)

    def member_of(self, value: Value, name: str) -> Value:
        """Return a member of a struct, a static one from where it is defined."""
        ctype = strip(value.type)
        field = find_member(ctype, name) if isinstance(ctype, StructType) else None
        if field is not None and field.kind == "static":
            found = self.static_member(field)
            if found is None:
                raise ExprError("static field " + name + " has been optimized out")
            return found
        if field is None and self.dbg.settings.flag("print object"):
            from pydbg.variables.rtti import whole

            value = whole(self.dbg, value) or value
        return value.member(name)

    def lookup_local(self, name: str, frame: Frame | None) -> Variable | None:
        """Find a local variable or parameter of a frame."""
        scope = self.scope_or_none(frame)
        return None if scope is None else scope.find(name)

    def scope_or_none(self, frame: Frame | None) -> FrameScope | None:
        """Give what a frame sees; None where nothing tells, also for want of a sound file."""
        if frame is None:
            return None
        try:
            return self.scope(frame)
        except DebuggerError:
            return None

    def prefixes_seen(self, scope: FrameScope | None) -> list[str]:
        """Give the namespaces and classes that names may be of, innermost first."""
        return [""] if scope is None else self.prefixes(scope.file, scope.blocks)

    def prefixes(self, file: FileTypes, blocks: list[Block]) -> list[str]:
        """Give the namespaces and classes around a function, innermost first.

        ``blocks`` are those around an address, the function's last.
        """
        die = blocks[-1].die
        if not die.scoped:
            return [""]
        text = self.scope_name(file, die)
        found = []
        while text:
            found.append(text)
            text = text.rpartition("::")[0]
        return [*found, "", *self._used(file, blocks)]

    def _used(self, file: FileTypes, blocks: list[Block]) -> list[str]:
        """Give the namespaces that a C++ function sees by ``using namespace``."""
        names, function = file.names, blocks[-1].die
        unit = names.unit(function.unit)
        targets = [die.target(At.import_) for block in blocks for die in block.imports]
        if unit is not None:
            around = self.scope_name(file, function)
            for place, offset in unit.imports:
                if not place or around == place or around.startswith(f"{place}::"):
                    targets.append(names.entries.at(offset))
        found = []
        for target in targets:
            if target is not None and target.name is not None:
                owner = names.unit(target.unit)
                if owner is not None:
                    found.append(owner.qualified(target.pos, target.name))
        return found

    @staticmethod
    def scope_name(file: FileTypes, function: Die) -> str:
        """Return the namespaces and classes around a function's entry."""
        for die in function.origins():
            if die.name is not None and die.entries is file.names.entries:
                unit = file.names.unit(die.unit)
                return "" if unit is None else unit.scope_of(die.pos)
        return ""

    def is_local_enumerator(self, name: str, scope: FrameScope) -> bool:
        """Tell whether a function declares an enumerator of a name."""
        return self._local_enumerator(name, scope) is not None

    def _local_enumerator(self, name: str, scope: FrameScope) -> Value | None:
        for block in scope.blocks:
            for die in block.types:
                if die.tag == Tag.enumeration:
                    ctype = scope.file.reader.read(die)
                    if isinstance(ctype, EnumType):
                        for known, number in ctype.values:
                            if known == name:
                                return from_number(ctype, number, scope.around.read)
        return None

    def value_named(self, name: str, unit: object, file: FileTypes | None) -> Value | None:
        """Find a global: of the unit first, then of its file, then of all others."""
        modules = self.dbg.modules
        state = modules, modules.version, len(self._files)
        if state != self._named_in or len(self._named) >= _MOST_NAMED:
            self._named, self._named_in = {}, state
        key = name, id(unit), id(file)
        known = self._named.get(key)
        if known is None:
            known = self._named[key] = self._named_best(name, unit, file), unit
        if known[0] is None:
            return None
        one, types, die = known[0]
        with types.guard():
            return self.global_value(one, types, die)

    def _named_best(self, name: str, unit: object, file: FileTypes | None) -> _Found | None:
        best: tuple[int, Module, FileTypes, Die] | None = None
        for one, types in self.files():
            for names, row in types.names.named(name):
                if row.tag not in VALUES:
                    continue
                with types.guard():
                    die = types.names.entries.die(names.unit, row.pos)
                rank = self._rank(die, names.unit is unit, types is file)
                if rank is not None and (best is None or rank < best[0]):
                    best = rank, one, types, die
            if best is not None and best[0] < 20 and types is file:
                break
        return None if best is None else best[1:]

    def _rank(self, die: Die, same_unit: bool, same_file: bool) -> int | None:
        """Return how well an entry answers a name, less is better; None if it does not."""
        if die.tag == Tag.subprogram and not (At.low_pc in die or At.ranges in die):
            return None
        if die.tag == Tag.variable and not (At.location in die or At.const_value in die):
            known = die.flag(At.external) or die.flag(At.declaration)
            return 100 if known and At.type in die else 110
        if die.tag == Tag.member and At.const_value not in die:
            return None
        if die.tag == Tag.variable and die.block(At.location) in _NOWHERE:
            return None  # The linker left it out, as gdb has it.
        external = any(At.external in one for one in die.origins())
        return (0 if same_unit else 10 if external else 20) + (0 if same_file else 5)

    def global_value(self, module: Module, file: FileTypes, die: Die) -> Value | None:
        """Return what a global's entry means."""
        around = ModuleSurroundings(self.dbg, module, file)
        if die.tag == Tag.enumerator:
            return self._enumerator(file, die, around)
        if die.tag == Tag.subprogram:
            low = next(iter(die.ranges()), None)
            if low is None:
                return None
            return Value.at(file.reader.read(die), module.addr(low[0]), around.read)
        typed = next((one for one in die.origins() if At.type in one), None)
        if typed is None:
            return None
        ctype = self.settled(file.reader.of(typed), around)
        if any(At.location in one or At.const_value in one for one in die.origins()):
            if ctype.size == 0:
                # Declared without a length, defined with one.
                ctype = self.settled(file.reader.of(die), around) if At.type in die else ctype
            return self.value_of(die, ctype, around, None)
        name = die.string(At.linkage_name) or die.name
        for where, symbol in self.dbg.modules.lookup(name or ""):
            if symbol.kind == "tls":
                from pydbg.variables.tls import tls_addr

                addr = tls_addr(self.dbg, where, symbol.link_addr)
            else:
                addr = where.addr_of(symbol)
            return Value.at(ctype, addr, around.read)
        return None if die.flag(At.declaration) else optimized_out(ctype, around.read)

    def _enumerator(self, file: FileTypes, die: Die, around: ModuleSurroundings) -> Value | None:
        number = die.number(At.const_value, 0) or 0
        for owner in self._owners(file.names.unit(die.unit), die):
            ctype = file.reader.read(owner)
            if isinstance(ctype, EnumType):
                return from_number(ctype, number, around.read)
        return from_number(file.reader.model.int, number, around.read)

    @staticmethod
    def _owners(names: UnitNames | None, die: Die) -> Iterator[Die]:
        """Find the enum around an enumerator."""
        around = names.enumeration_around(die.pos) if names is not None else None
        if around is not None:
            yield die.entries.die(die.unit, around)

    def function_at(self, module: Module, addr: int) -> CType | None:
        """Return the type of the function that begins at an address, None if it is not known."""
        try:
            function = module.function_at(addr)
            file = self.file(module) if function is not None else None
            if function is None or file is None or module.addr(function.low) != addr:
                return None
            return file.function_type(function.die)
        except DebuggerError:
            return None

    def static_member(self, field: Field) -> Value | None:
        """Return the value of a class's static member, None where it is defined nowhere."""
        die = field.at
        if not isinstance(die, Die):
            return None
        for module, file in self.files():
            if file.names.entries is not die.entries:
                continue
            with file.guard():
                if At.const_value in die:
                    return constant_of(die, field.type, ModuleSurroundings(self.dbg, module, file))
                found = self.value_named(file.reader.qualified(die), die.unit, file)
                return found if found is not None else self.global_value(module, file, die)
        return None

    def returned(self, addr: int) -> Value | None:
        """Return what the function around an address has just returned in the current thread.

        It is ``void`` where it returns nothing; None is for functions that are not described.
        """
        from pydbg.variables.returns import returned

        return returned(self, addr)

    def result_type(self, addr: int) -> CType | None:
        """Return what type the function around an address returns, None if it is not described.

        As in gdb the value of a function does not know of a typedef.
        """
        module = self.dbg.modules.at(addr)
        function = module.spot_at(addr).function if module is not None else None
        if module is None or function is None:
            return None
        try:
            file = self.file(module)
            ctype = None if file is None else file.function_type(function.die)
        except DebuggerError:
            return None
        result = ctype.result if isinstance(ctype, FunctionType) else None
        while isinstance(result, TypedefType):
            result = result.target
        return result

    # --- types -------------------------------------------------------------------------------

    def type_named(self, name: str, frame: Frame | None) -> CType | None:
        """Find a type as an expression in a frame means it: ``size_t``, ``struct node``."""
        keyword, _, rest = name.partition(" ")
        tags = KEYWORDS.get(keyword) if rest else None
        scope = self.scope_or_none(frame)
        wanted = rest if tags else name
        cplus = scope is not None and scope.function.die.scoped
        if tags is None:
            tags = _TYPE_TAGS
            if scope is None or cplus or scope.function.die.unit.language in (GO, RUST):
                tags = tags | Tag.structs | {Tag.enumeration}
        if scope is not None:
            for block in scope.blocks:
                for die in block.types:
                    if die.name == wanted and die.tag in tags:
                        return scope.file.reader.read(die)
        for path in self._paths(wanted, scope):
            for one in self.with_inherited(path, scope):
                found = self._global_type(one, tags, scope)
                if found is not None:
                    return found
        return None

    def concrete_type(self, vtable: int) -> CType | None:
        """Return the type whose table of methods is at an address (Rust's trait objects)."""
        module = self.dbg.modules.at(vtable)
        file = self.file(module) if module is not None else None
        return None if module is None or file is None else file.concrete(module.link_addr(vtable))

    def _global_type(
        self, name: str, tags: frozenset[int], scope: FrameScope | None
    ) -> CType | None:
        files = [file for _, file in self.files()]
        if scope is not None and scope.file in files:
            files.remove(scope.file)
            files.insert(0, scope.file)
        declared: tuple[FileTypes, Die] | None = None
        for file in files:
            rows = file.names.named(name)
            if scope is not None:
                unit = scope.function.die.unit
                rows = sorted(rows, key=lambda pair: pair[0].unit is not unit)
            is_value = False
            for names, row in rows:
                is_value |= row.tag in _DEFINED and not row.declaration
                if row.tag not in tags or not self._types_language(names, row, tags):
                    continue
                with file.guard():
                    die = file.names.entries.die(names.unit, row.pos)
                    if row.declaration:
                        # As in gdb, a struct that is nowhere defined is no type to name.
                        declared = declared or (file, die) if row.tag in _TYPE_TAGS else declared
                        continue
                    return file.reader.read(die)
            if is_value and Tag.typedef in tags:
                break  # As in gdb, the name of a function or variable here is no type elsewhere.
        if declared is not None:
            with declared[0].guard():
                return declared[0].reader.read(declared[1])
        return None

    @staticmethod
    def _types_language(names: UnitNames, row: Named, tags: frozenset[int]) -> bool:
        """Tell whether a struct's bare name is a type's: in C++ and Rust, not in C."""
        if Tag.typedef not in tags or row.tag in _TYPE_TAGS:
            return True
        return names.unit.language in CPLUS | {GO, RUST}

    def definition(self, keyword: str, name: str, first: FileTypes) -> Die | None:
        """Find the entry that defines a struct: in its own file, then in the others."""
        found = first.own_definition(keyword, name)
        if found is not None:
            return found
        for _, file in self.files():
            if file is not first:
                found = file.own_definition(keyword, name)
                if found is not None:
                    return found
        return None
