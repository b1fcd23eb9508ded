"""Watched expressions: the memory that a value depends on, and how long it has a meaning.

An expression is watched as gdb does it: all values that its evaluation fetches from memory are
watched, so that ``p->x`` notes a change of ``p`` as well. Its names keep the meaning that they
had when the watchpoint was made: a variable is pinned to its place, in a module or on the
stack. An expression of locals is bound to their frame, and ends with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydbg.conditions import LIKE_C
from pydbg.context import ProgramContext
from pydbg.errors import DebuggerError, ExprError, MemoryFault, NoSymbol
from pydbg.expr import nodes
from pydbg.expr.codes import Place, constant_place
from pydbg.expr.evaluator import Evaluator
from pydbg.expr.types import (
    ArrayType,
    FunctionType,
    NoDebugType,
    ReferenceType,
    StructType,
    strip,
)
from pydbg.expr.values import Value
from pydbg.records import Record

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.expr.compile import Condition
    from pydbg.expr.context import Context
    from pydbg.expr.types import CType
    from pydbg.frames import Frame
    from pydbg.symbols.modules import ModuleList
    from pydbg.target.thread import Thread

__all__ = ["Expression", "Reading", "Scope", "is_constant"]

_MOST_FRAMES = 1000
_NOT_PLAIN = (FunctionType, NoDebugType, ReferenceType)


class Reading(Record):
    """Hold what one evaluation gave: a value, and all that it was made of.

    ``parts`` are the places in memory as (address, size); ``in_registers`` says that registers
    were looked at, which nothing but stepping can watch. ``value`` is None if memory could not
    be read.
    """

    value: Value | None
    parts: tuple[tuple[int, int], ...] = ()
    in_registers: bool = False


class Scope(Record):
    """Name the frame that an expression's locals are in.

    ``caller`` is where the frame returns to, None for the outermost one.
    """

    thread: Any
    cfa: int
    function: str | None
    caller: int | None

    def is_over(self) -> bool:
        """Tell whether the frame is gone, as far as can be seen now.

        While it is there the stack pointer is below its canonical frame address, under which
        the return address stands (psABI, "The Stack Frame").
        """
        thread: Thread = self.thread
        if thread.gone or thread.inferior.dead:
            return True
        if thread.running:
            return False
        if thread.sp >= self.cfa:
            return True
        if self.caller is None:
            return False
        size = thread.inferior.arch.pointer_size
        try:
            found = thread.inferior.read(self.cfa - size, size)
        except MemoryFault:
            return True
        return int.from_bytes(found, "little") != self.caller


class _Pin(Record):
    """Hold the place that a name means: in a module, or (``module_path`` None) anywhere."""

    type: CType
    module_path: str | None
    addr: int


class _Context(ProgramContext):
    """See the program as an expression does that was written at another time."""

    def __init__(
        self, dbg: Debugger, thread: Thread | None, frame: Frame | None, pins: dict[str, _Pin]
    ) -> None:
        super().__init__(dbg, thread, frame)
        self._pins = pins

    def symbol(self, name: str, /) -> Value | None:
        """Return the variable that was meant."""
        pin = self._pins.get(name)
        if pin is None:
            return super().symbol(name)
        if pin.module_path is None:
            return Value.at(pin.type, pin.addr, self.read)
        module = self._dbg.modules.by_path(pin.module_path)
        if module is None:
            raise ExprError(f'No symbol "{name}" in current context.')
        return Value.at(pin.type, module.addr(pin.addr), self.read)


class _Chain(Evaluator):
    """Evaluate, and keep every value on the way."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self.values: list[Value] = []

    def any_value(self, tree: nodes.Node) -> Value:
        """Return a value and keep it."""
        before = len(self.values)
        value = super().any_value(tree)
        if isinstance(tree, nodes.CastTo) and len(self.values) == before + 1:
            operand = self.values[-1]
            if isinstance(operand.type, NoDebugType) and operand.addr is not None:
                # A symbol of unknown type is what it is cast to, at its own place.
                value = Value.at(value.type, operand.addr, self.ctx.read)
        self.values.append(value)
        return value

    def reading(self, tree: nodes.Node) -> Reading:
        """Evaluate a whole expression; raises what evaluation raises but for unread memory."""
        head: Value | None
        try:
            head = self.value(tree)
            head.data  # noqa: B018 - fetched
        except MemoryFault:
            head = self.values[-1] if self.values else None
            unread = True
        else:
            unread = False
        parts: dict[tuple[int, int], None] = {}
        in_registers = False
        for value in self.values:
            if value is not head and (value.lazy or _is_aggregate(value.type)):
                continue
            lvalue = value.lvalue
            if lvalue is None:
                continue
            if lvalue.kind == "memory":
                parts[_extent(value)] = None
            elif lvalue.kind == "register":
                in_registers = True
        return Reading(None if unread else head, tuple(parts), in_registers)


def _is_aggregate(ctype: CType) -> bool:
    return isinstance(strip(ctype), (StructType, ArrayType))


def _extent(value: Value) -> tuple[int, int]:
    """Return the bytes that a value takes; of a bit-field only those that have its bits."""
    lvalue = value.lvalue
    assert lvalue is not None
    if not lvalue.bit_size:
        return lvalue.addr, value.type.size
    first = lvalue.addr + lvalue.bit_offset // 8
    return first, (lvalue.bit_offset % 8 + lvalue.bit_size + 7) // 8


class Expression:
    """Be an expression as it was meant where it was written: one that is watched, or a condition.

    Raises ExprError, with gdb's words, for what cannot be parsed or (``watched``) never changes.
    """

    def __init__(self, dbg: Debugger, text: str, *, watched: bool = True) -> None:
        from pydbg.expr.evaluate import parse_in

        self._dbg = dbg
        context = dbg.context()
        self.text = text
        self.tree = parse_in(text, context)
        self._pins: dict[str, _Pin] = {}
        self.scope: Scope | None = None
        self._needs_frame = False
        self._function: tuple[ModuleList, tuple[int, str], Condition | None] | None = None
        self._thread = dbg.thread
        local = self._pin_names(context, watched)
        self.untyped = isinstance(self.tree, nodes.Name) and self._is_untyped(self.tree.name)
        if watched and is_constant(self.tree, context):
            raise ExprError(f"Cannot watch constant value `{text}'.")
        if local:
            self.scope = self._scope_here()

    def _is_untyped(self, name: str) -> bool:
        pin = self._pins.get(name)
        return pin is not None and isinstance(pin.type, NoDebugType)

    # --- where it is written -----------------------------------------------------------------

    def _pin_names(self, context: ProgramContext, watched: bool) -> bool:
        """Fix what the names mean; returns whether one of them is of a frame.

        A condition is not evaluated now, so that it is here that unknown names are refused.
        """
        is_local = False
        frame = self._dbg.frame
        for name in dict.fromkeys(names_in(self.tree)):
            try:
                value = context.symbol(name)
            except ExprError:
                continue  # Evaluation says so, in the order of the expression.
            if value is None and not watched:
                _refuse(self._dbg, self.text, name, context)
            if value is None or isinstance(strip(value.type), FunctionType):
                continue
            lvalue = value.lvalue
            addr = value.addr
            local = self._is_local(name, frame)
            if addr is None:
                # In a register, or nowhere at this pc.
                if local and lvalue is not None:
                    is_local = self._needs_frame = True
                continue
            module = self._dbg.modules.at(addr)
            if module is None:
                is_local |= local
                self._pins[name] = _Pin(value.type, None, addr)
            else:
                self._pins[name] = _Pin(value.type, module.path, module.link_addr(addr))
        return is_local

    def _is_local(self, name: str, frame: Frame | None) -> bool:
        if frame is None:
            return False
        variables = self._dbg.variables
        if variables.lookup_local(name, frame) is not None:
            return True
        # A member, by way of the object that a method was called on.
        has_this = variables.lookup_local("this", frame) is not None
        return has_this and variables.lookup(name, None) is None

    def _scope_here(self) -> Scope | None:
        frame = self._dbg.frame
        thread = self._dbg.thread
        if frame is None or thread is None or frame.cfa is None:
            return None
        caller = None
        for one in self._dbg.frames(_MOST_FRAMES)[frame.level + 1 :]:
            if one.raw is not frame.raw and one.how != "tailcall":
                caller = one.addr
                break
        if caller is None:
            caller = self._above_main(thread, frame)
        return Scope(thread, frame.cfa, frame.function, caller)

    def _above_main(self, thread: Thread, frame: Frame) -> int | None:
        """Return where main returns to: the stack is shown no further."""
        assert frame.cfa is not None
        size = thread.inferior.arch.pointer_size
        try:
            found = int.from_bytes(thread.inferior.read(frame.cfa - size, size), "little")
        except MemoryFault:
            return None
        return found if self._dbg.modules.at(found) is not None else None

    # --- later -------------------------------------------------------------------------------

    @property
    def thread(self) -> Thread | None:
        """Return the only thread that its value can be asked in, None for any."""
        return self._thread if self.scope is not None or self.in_registers else None

    in_registers = False

    def read(self, thread: Thread | None) -> Reading:
        """Evaluate now; raises ExprError if a name means nothing now."""
        thread = self.thread or thread
        plain = self._read_variable()
        if plain is not None:
            return plain
        frame = None
        if self._needs_frame and self.scope is not None:
            frame = self._frame()
            if frame is None:
                raise ExprError(f"The frame of {self.text} cannot be found.")
        context = _Context(self._dbg, thread, frame, self._pins)
        reading = _Chain(context).reading(self.tree)
        self.in_registers = reading.in_registers
        return reading

    def _read_variable(self) -> Reading | None:
        """Read what is only the name of a variable: all that it is made of is its place."""
        pin = self._pins.get(self.tree.name) if isinstance(self.tree, nodes.Name) else None
        inferior = self._dbg.inferior
        if pin is None or inferior is None or isinstance(strip(pin.type), _NOT_PLAIN):
            return None
        addr = pin.addr
        if pin.module_path is not None:
            module = self._dbg.modules.by_path(pin.module_path)
            if module is None:
                return None
            addr = module.addr(addr)
        value: Value | None = Value.at(pin.type, addr, inferior.read)
        try:
            value.data  # type: ignore[union-attr]  # noqa: B018 - fetched
        except MemoryFault:
            value = None
        return Reading(value, ((addr, pin.type.size),), False)

    def holds(self, thread: Thread) -> bool:
        """Tell whether it is true as a condition in a thread that was stopped."""
        from pydbg.expr.evaluate import evaluate

        if self.scope is not None and self.scope.is_over():
            raise ExprError("Watchpoint condition cannot be tested in the current scope")
        compiled = None if self._needs_frame else self._compiled(thread)
        if compiled is not None:
            try:
                return compiled(thread.fetch(), thread.inferior.read)
            except DebuggerError:
                pass  # Evaluation says what is wrong, and where.
        frame = self._frame() if self._needs_frame and self.scope is not None else None
        return bool(evaluate(self.tree, _Context(self._dbg, thread, frame, self._pins)))

    def _compiled(self, thread: Thread) -> Condition | None:
        """Return the condition as a function, made anew when modules or the language change."""
        from pydbg.expr.compile import compile_condition

        modules = self._dbg.modules
        now = modules.version, str(self._dbg.settings["language"])
        known = self._function
        if known is None or known[0] is not modules or known[1] != now:
            context = _Context(self._dbg, thread, None, self._pins)

            def place(name: str) -> Place | None:
                value = context.symbol(name)
                fixed = name in self._pins or (
                    value is not None and isinstance(value.type, FunctionType)
                )
                return constant_place(value) if value is not None and fixed else None

            made = compile_condition(
                self.tree,
                thread.inferior.arch,
                places=place,
                type_named=context.type_named,
                language=context.language,
            )
            known = self._function = modules, now, made
        return known[2]

    def _frame(self) -> Frame | None:
        assert self.scope is not None
        try:
            frames = self._dbg.frames_of(self.scope.thread, _MOST_FRAMES)
        except DebuggerError:
            return None
        found = [one for one in frames if one.cfa == self.scope.cfa]
        return next((one for one in found if one.function == self.scope.function), None)

    def process_gone(self) -> None:
        """Forget what was true of one process only."""
        self._thread = self.scope = self._function = None
        self._pins = {n: pin for n, pin in self._pins.items() if pin.module_path is not None}


def _refuse(dbg: Debugger, text: str, name: str, context: ProgramContext) -> None:
    """Refuse a condition because of a name that is unknown, unless it is part of a longer one.

    Go's packages and Rust's modules have names that mean nothing alone.
    """
    if context.language.name in LIKE_C:
        raise ExprError(f'No symbol "{name}" in current context.')
    try:
        dbg.evaluate(text)
    except NoSymbol:
        raise
    except DebuggerError:
        return  # Memory that is not there yet: it is asked at the hit.


def names_in(tree: Any) -> Iterator[str]:
    """Give the names in an expression."""
    if isinstance(tree, nodes.Name):
        yield tree.name
    elif isinstance(tree, nodes.Node):
        for name in tree._fields:
            yield from names_in(getattr(tree, name))
    elif isinstance(tree, tuple):
        for one in tree:
            yield from names_in(one)


def is_constant(tree: nodes.Node, context: Context) -> bool:
    """Tell whether an expression always has the same value (gdb's watchpoint_exp_is_const).

    >>> from pydbg.expr.context import BaseContext
    >>> from pydbg.expr.parser import parse
    >>> [is_constant(parse(text), BaseContext()) for text in ("1 + 1", "$rax", "*(int *)1")]
    [True, False, False]
    """
    match tree:
        case nodes.Literal() | nodes.FloatLiteral() | nodes.StringLiteral() | nodes.SizeOf():
            return True
        case nodes.TypeExpr():
            return True
        case nodes.Name():
            try:
                value = context.symbol(tree.name)
            except ExprError:
                return False
            if value is None:
                return False
            if isinstance(strip(value.type), FunctionType):
                return True
            return value.addr is None and value.lvalue is None
        case nodes.Unary(op="*") | nodes.TypedMemory() | nodes.Call():
            return False
        case nodes.Unary() | nodes.CastTo():
            return is_constant(tree.operand, context)
        case nodes.Binary() | nodes.Comma():
            return is_constant(tree.left, context) and is_constant(tree.right, context)
        case nodes.Conditional():
            return all(is_constant(one, context) for one in (tree.test, tree.yes, tree.no))
        case nodes.ArrayLiteral():
            return all(is_constant(one, context) for one in tree.items)
    return False
