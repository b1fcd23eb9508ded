"""What expressions see of the program: the selected frame, memory, symbols, variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, ExprError, MemoryFault, NoProcess
from pydbg.expr.context import NEEDS_PROCESS, BaseContext, InternalFunction, pick_history
from pydbg.expr.register_types import register_types, register_value
from pydbg.expr.typenames import is_source_name
from pydbg.expr.types import StructType, strip
from pydbg.expr.values import Lvalue, Value, from_number
from pydbg.symbols.cursor import damaged

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.expr.format import Formatter
    from pydbg.expr.language import Language
    from pydbg.expr.nodes import Name
    from pydbg.expr.types import CType
    from pydbg.frames import Frame
    from pydbg.symbols.modules import Module
    from pydbg.symbols.symtab import Symbol
    from pydbg.target.thread import Thread


_FOLLOWED = {"_gdb_major": 13, "_gdb_minor": 1}
"""The gdb whose commands and texts these are: scripts ask for it."""


class ProgramContext(BaseContext):
    """Answer expressions from the debugger's selected thread and frame.

    ``names`` are extra names, seen before symbols and convenience variables: the arguments of
    a caught system call.
    """

    def __init__(
        self,
        dbg: Debugger,
        thread: Thread | None,
        frame: Frame | None = None,
        names: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(dbg.arch.pointer_size)
        self._dbg = dbg
        self._thread = thread
        self._frame = frame
        self._names = names or {}
        self.warnings: list[str] = []
        self._types: dict[str, CType | None] = {}

    @property
    def language(self) -> Language:
        """Return the language of the frame that names are seen from, or the one that is set."""
        # Not that of the debugger's selection, which is of the last stop while the program runs.
        return self._dbg.language_in(self._here)

    @property
    def around(self) -> str:
        """Return the name of the function that names are seen from."""
        here = self._here
        return "" if here is None else here.function or ""

    # --- memory ------------------------------------------------------------------------------

    def read(self, addr: int, size: int, /) -> bytes:
        """Read the program's memory, or its file's before it runs."""
        inferior = self._dbg.inferior
        if inferior is not None:
            return inferior.read(addr, size)
        module = self._dbg.modules.at(addr)
        # As gdb without a process: what is in a section can be read, the headers cannot.
        if module is None or module.section_at(addr) is None:
            raise MemoryFault(addr, size)
        try:
            data = bytes(module.elf.load_bytes(module.link_addr(addr), size))
        except MemoryFault as fault:
            end = max(module.addr(fault.addr), addr)
            raise MemoryFault(end, addr + size - end) from None
        except DebuggerError:
            raise MemoryFault(addr, size) from None
        if len(data) < size:
            raise MemoryFault(addr + len(data), size - len(data))
        return data

    def write(self, addr: int, data: bytes, /) -> None:
        """Write the program's memory."""
        inferior = self._dbg.inferior
        if inferior is None:
            raise MemoryFault(addr, len(data))
        inferior.write(addr, data)
        self._dbg.written()

    # --- registers ---------------------------------------------------------------------------

    def register(self, name: str, /) -> Value | None:
        """Return a register of the selected frame."""
        register = self._dbg.arch.by_name.get(name)
        if register is None:
            return None
        data = self.register_data(register.name)
        types = register_types(self._dbg.arch.pointer_size)
        value = register_value(register, data, types)
        if register.type == "code_ptr" and self._in_cplus(int(value)):
            value = Value(types.named("code_ptr_c++", register.size), value.data)
        # With a way to memory: what a register points to can be looked at.
        return Value(value.type, value.data, Lvalue("register", 0, register.name), self.read)

    def register_data(self, name: str) -> bytes:
        """Return the bytes of a register, least significant first, in the selected frame."""
        if self._thread is None:
            raise NoProcess("No registers.")
        frame = self._frame
        if frame is None or frame.is_innermost:
            return self._thread.registers.read(name)
        data = frame.register_bytes(name)
        if data is None:
            raise ExprError("value is not available")
        return data

    def _in_cplus(self, addr: int) -> bool:
        """Tell whether code is C++ by its debug information: types are spelt in its way then."""
        module = self._dbg.modules.at(addr)
        function = module.function_at(addr) if module is not None else None
        return function is not None and function.language == "c++"

    def set_register(self, name: str, value: Value, /) -> None:
        """Change a register of the selected frame."""
        if self._thread is None:
            raise NoProcess("The program has no registers now.")
        frame = self._frame
        if frame is not None and not frame.is_innermost:
            frame.write_register(name, value.data)
        else:
            write_register(self._thread, name, value.data)
        self._dbg.written()

    # --- variables ---------------------------------------------------------------------------

    def convenience(self, name: str, /) -> Value | None:
        """Return a convenience variable or a value the debugger makes up."""
        if name in self._names:
            return self._number(self._names[name])
        found = self._dbg.convenience.get(name)
        return made_up(self._dbg, name, self._thread) if found is None else found

    def set_convenience(self, name: str, value: Value, /) -> None:
        """Keep a convenience variable; it lasts until the debugger ends."""
        self._dbg.convenience[name] = value

    def history(self, number: int, relative: bool, /) -> Value:
        """Return a value of the value history."""
        return pick_history(self._dbg.history, number, relative)

    def _number(self, value: int) -> Value:
        return from_number(self.model.long, value, self.read)

    # --- symbols -----------------------------------------------------------------------------

    def symbolize(self, addr: int) -> str | None:
        """Return ``<main+4>`` for an address inside a symbol: for the text of values."""
        return self._dbg.symbolize(addr)

    def formatter(self) -> Formatter:
        """Return what makes the text of values."""
        return self._dbg.formatter(self._frame)

    def symbol(self, name: str, /) -> Value | None:
        """Return a symbol's value; NAME may also be a module's, as in ``libc+0x1000``."""
        if name in self._names:
            return self._number(self._names[name])
        with damaged("the debug information"):
            found = self._dbg.variables.lookup(name, self._here)
        if found is not None:
            return found
        module, symbol = find_symbol(self._dbg, name)
        if module is None:
            return None
        if symbol is None:
            return self._number(module.bias)
        if symbol.kind == "tls":
            raise ExprError(f"Cannot find thread-local storage for `{name}'.")
        addr = module.addr_of(symbol)
        if symbol.is_code or symbol.kind in ("func", "ifunc"):
            typed = self._dbg.variables.function_at(module, addr)
            if typed is not None:
                return Value.at(typed, addr, self.read)
            return Value.at(self.model.text_symbol, addr, self.read)
        return Value.at(self.model.data_symbol, addr, self.read)

    def member(self, value: Value, name: str, /) -> Value:
        """Return a member of a struct, also a static one."""
        return self._dbg.variables.member_of(value, name)

    @property
    def _here(self) -> Frame | None:
        """Return the frame that names are seen from: the selected, or the thread's innermost."""
        if self._frame is None and self._thread is not None:
            self._frame = self._dbg.innermost_of(self._thread)
        return self._frame

    def type_named(self, name: str, /) -> CType | None:
        """Return a type that the program's debug information knows."""
        if name in self._types:
            return self._types[name]
        found = None
        with damaged("the debug information"):
            if is_source_name(name) and self._dbg.variables.lookup_local(name, self._here) is None:
                found = self._dbg.variables.type_named(name, self._here)
        self._types[name] = found
        return found

    def concrete_type(self, vtable: int, /) -> CType | None:
        """Return the type whose table of methods is at an address."""
        with damaged("the debug information"):
            return self._dbg.variables.concrete_type(vtable)

    def item(self, value: Value, index: Value, /) -> Value | None:
        """Return an element of what a printer shows as an array or a map, None for no such."""
        from pydbg.expr.pretty import item_of

        printed = self._dbg.printers.find(value)
        return None if printed is None else item_of(self.formatter(), printed, index)

    def pointer(self, value: Value, /) -> Value | None:
        """Return what a printer shows as the pointer that a smart one holds, None for no such."""
        from pydbg.expr.pretty import pointer_of

        printed = self._dbg.printers.find(value)
        return None if printed is None else pointer_of(printed)

    def function(self, name: str, /) -> InternalFunction | None:
        """Return a function that asks the program or the session."""
        from pydbg.programfunctions import FUNCTIONS, Asked

        run = FUNCTIONS.get(name)
        if run is None:
            return None
        return lambda args, ctx: run(Asked(name, self._dbg, self._here, args, ctx))

    def call(self, addr: int, args: Sequence[Value], result: CType, /) -> Value:
        """Call a function of the program in the selected thread."""
        if self._thread is None:
            raise ExprError("You can't do that without a process to debug.")
        return self._dbg.call_typed(addr, args, result)

    def overloads(self, function: Value, /) -> list[Value]:
        """Return the C++ functions that have a function's name, with other parameters."""
        from pydbg.symbols.demangle import base_name

        addr = int(function)
        label = self._dbg.modules.symbol_at(addr)
        if label is None or label[1].demangled == label[1].name:
            return [function]
        wanted = base_name(label[1].demangled)
        found: dict[int, Value] = {}
        for one, symbol in self._dbg.modules.lookup(wanted):
            if symbol.is_code and base_name(symbol.demangled) == wanted:
                at = one.addr_of(symbol)
                typed = self._dbg.variables.function_at(one, at)
                if typed is not None:
                    found.setdefault(at, Value.at(typed, at, self.read))
        return list(found.values()) or [function]

    def expanded(self, text: str, /) -> str:
        """Expand the preprocessor's macros in an expression."""
        if not self.language.macros:
            return text
        return self._dbg.macros.expanded(text, self._here)

    def operated(self, op: str, operands: Sequence[Value], /) -> Value | None:
        """Return what ``*`` or ``->`` of what a printer knows gives: an iterator's element."""
        if op not in ("*", "->") or len(operands) != 1:
            return None
        printed = self._dbg.printers.find(operands[0])
        target = None if printed is None else printed.target
        if target is None or op == "*":
            return target
        addr = target.addr
        return (
            None if addr is None else from_number(self.model.pointer(target.type), addr, self.read)
        )

    def method(self, value: Value, name: str, args: Sequence[Value], /) -> Value | None:
        """Return what a library's method gives where that is known without a call, else None."""
        return self._dbg.printers.method(value, name, args)

    def functions(self, name: str, spaces: Sequence[str], /) -> list[Value]:
        """Return the C++ functions of a name that are visible here, or are in some namespaces."""
        from pydbg.variables.visible import functions_named

        return functions_named(self._dbg, self._here, name, spaces)

    def whole(self, value: Value, /) -> Value | None:
        """Return the object that a value is a part of, by its virtual functions."""
        from pydbg.variables.rtti import whole

        return whole(self._dbg, value)

    def has_table(self, value: Value, /) -> bool:
        """Say whether an object's class has virtual functions."""
        from pydbg.variables.rtti import has_table

        inner = strip(value.type)
        return isinstance(inner, StructType) and has_table(inner)

    def unknown(self, tree: Name, /) -> ExprError:
        """Return the error of a name that nothing has: it may be one of a namespace."""
        if tree.quoted or not self.language.operators:
            return super().unknown(tree)
        from pydbg.variables.visible import unknown

        error = unknown(self._dbg, self._here, tree.name)
        error.column = tree.column
        return error

    def copied(self, value: Value, /) -> Value | None:
        """Have the program copy an object that C++ passes by a hidden reference.

        Raises ExprError, with gdb's words, where the copy constructor is not to be found.
        """
        from pydbg.variables.passing import by_reference

        if not by_reference(value.type):
            return None
        inner = strip(value.type)
        maker = self._special(inner, f"({inner.name} const&)", "")
        if maker is None:
            raise ExprError(
                "expression cannot be evaluated because a copy constructor for the type "
                f"'{inner.name}' could not be found (maybe inlined?)"
            )
        addr = value.addr
        source = addr if addr is not None else self.allocate(value.data)
        copy = self.allocate(bytes(value.type.size))
        self._dbg.call(maker, [copy, source])
        return Value.at(value.type, copy, self.read)

    def destroyed(self, value: Value, /) -> None:
        """Run the destructor of a copy; where there is none to call, the copy stays."""
        killer = self._special(strip(value.type), "()", "~")
        if killer is not None and value.addr is not None:
            self._dbg.call(killer, [value.addr])

    def _special(self, owner: CType, params: str, mark: str) -> int | None:
        """Find a class's constructor or destructor by its name."""
        own = owner.name.partition("<")[0].rpartition("::")[2]
        wanted = f"{owner.name}::{mark}{own}{params}"
        for module, symbol in self._dbg.modules.lookup(f"{owner.name}::{mark}{own}"):
            if symbol.is_code and symbol.demangled == wanted:
                return module.addr_of(symbol)
        return None

    def allocate(self, data: bytes, /) -> int:
        """Put bytes where they stay: memory from the program's own malloc, as gdb does."""
        if self._thread is None:
            raise ExprError(NEEDS_PROCESS)
        for _, symbol_addr in self._dbg.functions_named("malloc"):
            addr = self._dbg.call(symbol_addr, [len(data)])
            self.write(addr, data)
            return addr
        raise ExprError("The program has no malloc to hold the value.")

    def warn(self, message: str, /) -> None:
        """Keep a warning for the front end."""
        self.warnings.append(message)


def made_up(dbg: Debugger, name: str, thread: Thread | None) -> Value | None:
    """Return a convenience variable's value that is worked out when it is asked for."""
    from pydbg.events import BreakpointHit, SyscallCaught
    from pydbg.expr.types import data_model

    model = data_model(dbg.arch.pointer_size)
    event = dbg.last_event
    number: int | None = None
    if name == "bpnum":
        number = dbg.points.last_number or None
    elif name in ("_thread", "_gthread"):
        number = thread.number if thread is not None else 0
    elif name == "_inferior_thread_count":
        number = len(dbg.threads) if thread is not None else 0
    elif name in _FOLLOWED:
        number = _FOLLOWED[name]
    elif name == "_inferior":
        number = dbg.inferior.number if dbg.inferior is not None else 1
    elif name == "_hit_bpnum" and isinstance(event, BreakpointHit):
        number = event.numbers[0]
    elif name == "_hit_locno" and isinstance(event, BreakpointHit):
        number = event.locations[0] if event.locations else 1
    elif name == "_goroutine" and thread is not None:
        parked = dbg.parked if thread is dbg.thread else None
        number = dbg.goroutines.number_of(thread) if parked is None else parked.id
    elif name == "_siginfo" and thread is not None:
        from pydbg.expr.siginfo import siginfo_value

        return siginfo_value(thread.siginfo(), dbg.arch.pointer_size)
    elif name == "_exception":
        from pydbg.cxxthrown import exception_value

        return exception_value(dbg)
    elif isinstance(event, SyscallCaught):
        # At a caught call what its condition could name can be printed as well.
        number = dbg.catches.names_at(event).get(name)
        return None if number is None else from_number(model.long, number)
    return None if number is None else from_number(model.int, number)


def write_register(thread: Thread, name: str, data: bytes) -> None:
    """Change a register of a stopped thread.

    A thread that a system call was interrupted in would restart it at the next resume and so
    undo a new pc: the kernel is told that there is no call any more (orig_rax -1).
    """
    arch = thread.inferior.arch
    register = arch.by_name[name]
    thread.registers.put(register.name, data)
    if register.name == arch.pc:
        thread.block.set(arch.syscall_number, (1 << 64) - 1)


def _is_named(symbol: Symbol, name: str) -> bool:
    """Tell whether a name is the symbol's whole one: an expression leaves out no scopes."""
    if name.partition("@")[0] == symbol.name.partition("@")[0]:
        return True
    shown = symbol.demangled
    return name == shown or shown.startswith((f"{name}(", f"{name}[abi:"))


def find_symbol(dbg: Debugger, name: str) -> tuple[Module | None, Symbol | None]:
    """Find a symbol as an expression means it: the current module's first, then any module's.

    A module's own name gives the module and no symbol.
    """
    found = [
        (module, symbol)
        for module, symbol in dbg.modules.lookup(name)
        if symbol.kind not in ("plt", "got") and _is_named(symbol, name)
    ]
    if found:
        return next(((m, s) for m, s in found if s.bind != "local"), found[0])
    stubs = dbg.modules.lookup(f"{name}@plt")
    if stubs:
        return stubs[0]
    module = dbg.modules.by_name(name)
    return module, None
