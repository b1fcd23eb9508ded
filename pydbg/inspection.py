"""What is asked of a stopped program: variables, values, expressions, names, code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydbg.access import MemoryView
from pydbg.context import ProgramContext
from pydbg.errors import DebuggerError
from pydbg.locspec import Resolved, parse
from pydbg.sourcelanguage import Languages
from pydbg.state import ProgramState

if TYPE_CHECKING:
    from pydbg.arch.disasm import Insn
    from pydbg.expr.format import Formatter
    from pydbg.expr.language import Language
    from pydbg.expr.values import Value
    from pydbg.frames import Frame
    from pydbg.macros import Macros
    from pydbg.printers.registry import Printers
    from pydbg.symbols.symtab import Symbol
    from pydbg.target.thread import Thread as Tracee
    from pydbg.variables.program import Variables

__all__ = ["Inspection"]

P = TypeVar("P")

_TREES = 64


class Inspection(ProgramState):
    """Be the part of the debugger that answers questions about what is selected."""

    def __init__(self) -> None:
        super().__init__()
        self.convenience: dict[str, Value] = {}
        self.history: list[Value] = []
        self._variables: Variables | None = None
        self._macros: Macros | None = None
        self._printers: Printers | None = None
        self._parsed: dict[tuple[object, str, str], Any] = {}
        """What was parsed: commands of a breakpoint ask the same at every hit."""
        self._languages = Languages(self._whole)

    # --- memory and values ---------------------------------------------------------------------

    @property
    def memory(self) -> MemoryView:
        """Return the memory of the current process.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.memory[dbg.regs.rsp]  # argc
        1
        """
        return MemoryView(self)

    @property
    def variables(self) -> Variables:
        """Return what answers about the program's variables and types.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.variables.scope(dbg.frame) is None
        True
        """
        if self._variables is None:
            from pydbg.variables.program import Variables

            self._variables = Variables(self._whole)
        return self._variables

    @property
    def macros(self) -> Macros:
        """Return what knows preprocessor macros: the program's and those of ``macro define``.

        >>> import pydbg
        >>> pydbg.Debugger().macros.user
        {}
        """
        if self._macros is None:
            from pydbg.macros import Macros

            self._macros = Macros(self._whole)
        return self._macros

    @property
    def printers(self) -> Printers:
        """Return what shows values of some types in another way than as structs.

        >>> import pydbg
        >>> dbg = pydbg.Debugger()
        >>> show = dbg.printers.add("handle", lambda value, program: f"handle {value['fd']}")
        """
        if self._printers is None:
            from pydbg.printers.registry import Printers

            self._printers = Printers(self._whole)
        return self._printers

    def formatter(self, frame: Frame | None = None) -> Formatter:
        """Return what prints values by the settings, in the language of a frame.

        >>> import pydbg
        >>> pydbg.Debugger().formatter().options.elements
        200
        """
        from pydbg.printers.formatting import formatter

        return formatter(self._whole, frame)

    # --- expressions -------------------------------------------------------------------------

    def context(self) -> ProgramContext:
        """Return what expressions see now: the selected thread and frame."""
        return ProgramContext(self._whole, self.thread, self.outer_frame)

    def context_of(self, thread: Tracee, names: Mapping[str, int] | None = None) -> ProgramContext:
        """Return what a condition sees in a thread that was just hit."""
        return ProgramContext(self._whole, thread, None, names)

    @property
    def language(self) -> Language:
        """Return the language of expressions and values: by `set language`, or the frame's.

        As in gdb, where a frame's language is not known it stays that of the frame before, C
        at first; without a process it is that of main.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.settings.set("language", "rust")
        ...     dbg.language.name
        'rust'
        """
        return self.language_in(self.frame)

    def language_in(self, frame: Frame | None) -> Language:
        """Return the language of a frame, unless one is set.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.language_in(dbg.frame).name
        'c'
        """
        return self._languages.of(frame)

    def evaluate(self, text: str, warn: Callable[[str], None] | None = None) -> Value:
        """Evaluate an expression; raises ExprError with the column of a mistake.

        ``warn`` takes what is odd but no mistake: a shift by more than the type's width.
        """
        from pydbg.expr.evaluate import evaluate, parse_expanded

        context = self.context()
        text = context.expanded(text)
        value = evaluate(self.parsed(parse_expanded, text, context), context)
        if warn is not None:
            for message in context.warnings:
                warn(message)
        return value

    def parsed(
        self, parse: Callable[[str, ProgramContext], P], text: str, context: ProgramContext
    ) -> P:
        """Return what ``parse`` makes of a text in the language of a context; the last are kept."""
        key = parse, text, context.language.name
        if key not in self._parsed:
            made = parse(text, context)
            if len(self._parsed) >= _TREES:
                self._parsed.clear()
            self._parsed[key] = made
        found: P = self._parsed[key]
        return found

    def eval(self, text: str) -> Value:
        """Evaluate an expression in the selected frame.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     int(dbg.eval("$rsp + 8")) - dbg.regs.rsp, int(dbg.eval("6 * 7"))
        (8, 42)
        """
        return self.evaluate(text)

    # --- symbols and code --------------------------------------------------------------------

    def resolve(self, spec: str) -> list[Resolved]:
        """Return the places that a location spec means.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.resolve("_start")[0].addr == dbg.regs.rip
        True
        """
        return self.places(spec)

    def functions_named(self, name: str) -> list[tuple[Symbol, int]]:
        """Return the functions of a name with their run-time addresses."""
        return [(s, m.addr_of(s)) for m, s in self.modules.breakable(name)]

    def symbolize(self, addr: int, *, pretty: bool = False) -> str | None:
        """Return ``<main+4>`` for an address inside a symbol, else None.

        ``pretty`` demangles the name.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     dbg.symbolize(dbg.regs.rip + 3)
        '<_start+3>'
        """
        module = self.modules.at(addr)
        label = module.label_text(addr, pretty=pretty) if module is not None else None
        return None if label is None else f"<{label}>"

    def disassemble(
        self, start: int, end: int | None = None, *, count: int | None = None
    ) -> list[Insn]:
        """Decode instructions from ``start`` to ``end`` (exclusive), or ``count`` of them.

        >>> import pydbg
        >>> with pydbg.launch("/bin/true") as dbg:
        ...     [insn.text.split()[0] for insn in dbg.disassemble(dbg.regs.rip, count=2)]
        ['mov', 'call']
        """
        from pydbg.arch.disasm import disassemble

        size = end - start if end is not None else (count or 1) * self.arch.max_insn
        context = self.context()
        try:
            code = context.read(start, size)
        except DebuggerError:
            inferior = self.inferior
            code = inferior.read_some(start, size) if inferior is not None else b""
            if not code:
                raise
        flavor = str(self.settings["disassembly-flavor"])
        return disassemble(
            code, start, arch=self.arch, flavor=flavor, symbolize=self.symbolize, count=count
        )

    def places(self, spec: str) -> list[Resolved]:
        """Return the places a location spec means; raises LocationError if there are none."""
        parsed = parse(spec)
        places = self.points.specs.resolve(parsed)
        if not places:
            raise self.points.specs.undefined(parsed)
        return places
