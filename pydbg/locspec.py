"""Location specs: what comes after ``break``. Parsed once, resolved as often as modules change.

SYMBOL          main, ns::f, main.main
SYMBOL+N        N bytes behind the symbol's own address
*EXPR           an address; before ``run`` one inside the program's file is a link address
MODULE+N        a link address in a module: libc+0x27680, a.out+0x1139
MODULE:SYMBOL   a symbol of one module only
FILE:SYMBOL     a function of the units with that source file
SYMBOL:LABEL    a label of goto in a function; FILE:SYMBOL:LABEL too
LABEL           one in the current function, where no function has the name
FILE:LINE       a source line
-source FILE -function SYMBOL, -source FILE -line N, -function SYMBOL -label LABEL: the same in
                other words
+N, -N          a line so far from the current one
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from pydbg.errors import DebuggerError, LocationError
from pydbg.patterns import lazy_pattern
from pydbg.records import Record, replace
from pydbg.symbols.entrypoint import main_from_start

if TYPE_CHECKING:
    from pydbg.labels import LabelPlace, Labels
    from pydbg.symbols.modules import Module, ModuleList
    from pydbg.symbols.symtab import Symbol

_OFFSET = lazy_pattern(r"^(?P<base>.*?)\s*\+\s*(?P<offset>0[xX][0-9a-fA-F]+|\d+)$")
_LINE = lazy_pattern(r"^(?:(?P<file>.+?)\s*:\s*)?(?P<line>\d+)$")
_RELATIVE = lazy_pattern(r"^[+-]\s*(\d+)$")
_SCOPED = lazy_pattern(r"^(?P<scope>(?:[^:]|::)+?)\s*:\s*(?P<symbol>[^:\s].*)$")
_LABELLED = lazy_pattern(r"^(?P<before>-.*?)?\s*-label\s+(?P<label>[\w$.]+)$")
_EXPLICIT = lazy_pattern(r"-(source|function|line|qualified|q)\b\s*")


class Spec(Record):
    """Hold a parsed location spec.

    ``kind`` is "address" (``name`` is the expression), "line" (``name`` the file or "", and
    ``offset`` the line), "relative" (``offset`` lines from the current one), or "symbol" (a
    name that may be a module's, and an offset). ``scope`` is the module or source file that the
    symbol is to be in, ``label`` a label of that function (of the current one if ``name`` is "").
    """

    text: str
    kind: str
    name: str
    offset: int | None = None
    scope: str | None = None
    label: str | None = None


class Resolved(Record):
    """Hold one place that a spec means.

    ``addr`` is a run-time address, or None while the program does not run; ``module`` is None
    for an address outside of every module.
    """

    module: Module | None
    link_addr: int
    addr: int | None
    function: str | None = None
    offset: int = 0
    file: str | None = None
    line: int | None = None
    link_time: bool = False
    """Whether ``*EXPR`` was taken as a link address, which is to be said."""
    is_resolver: bool = False
    """Whether this is the resolver of an ifunc whose function is not known yet."""
    inlined: int | None = None
    """The entry in .debug_info of the inlined call that begins here and is meant."""
    label: str | None = None
    """The label that is meant; ``line`` is the one it is written on."""


def parse(text: str) -> Spec:
    """Parse a location spec; raises LocationError if there is nothing in it.

    >>> parse("main+4")
    Spec(text='main+4', kind='symbol', name='main', offset=4, scope=None, label=None)
    >>> parse("*$pc").kind, parse("a.c:12").kind, parse("a.c:ns::f").scope
    ('address', 'line', 'a.c')
    """
    text = text.strip()
    if "-label" in text and (match := _LABELLED.match(text)):
        function = parse(match["before"]) if match["before"] else Spec(text, "symbol", "")
        return replace(function, text=text, label=match["label"])
    text = _implicit(text)
    if not text:
        raise LocationError("No location given.")
    if text.startswith("*"):
        return Spec(text, "address", text[1:].strip())
    if text[-1].isdigit() and (match := _LINE.match(text)):
        return Spec(text, "line", match["file"] or "", int(match["line"]))
    if text[0] in "+-" and (match := _RELATIVE.match(text)):
        return Spec(text, "relative", "", int(match[1]) * (-1 if text[0] == "-" else 1))
    if ":" in text and (match := _SCOPED.match(text)) and "operator" not in match["scope"]:
        inner = parse(match["symbol"])
        scope = match["scope"].strip("'\"")
        if inner.scope is not None:
            return Spec(text, "symbol", inner.scope, None, scope, inner.name)
        return Spec(text, "symbol", inner.name, inner.offset, scope)
    if (
        "+" in text
        and (match := _OFFSET.match(text))
        and match["base"]
        and "operator" not in match["base"]
    ):
        return Spec(text, "symbol", match["base"].strip("'"), int(match["offset"], 0))
    name = text[1:-1] if len(text) > 1 and text[0] == text[-1] == "'" else text
    return Spec(text, "symbol", name)


def _implicit(text: str) -> str:
    """Spell an explicit location as one without options: ``-source a.c -line 3`` is a.c:3."""
    if not text.startswith("-") or text[1:].strip().isdigit():
        return text
    found, here = {"source": "", "function": "", "line": ""}, "function"
    while match := _EXPLICIT.match(text):
        here = match[1] if match[1] in found else "function"
        text = text[match.end() :]
        following = _EXPLICIT.search(text) if " -" in text else None
        end = len(text) if following is None else following.start()
        found[here] = found[here] or text[:end].strip()
        text = text[end:]
    place = found["line"] or found["function"] or text
    return f"{found['source']}:{place}" if found["source"] else place


class Resolver:
    """Turn specs into places, for one list of modules.

    ``evaluate`` gives the number an expression stands for; ``live`` says whether addresses are
    run-time addresses. ``known`` maps "main" and the addresses of ifunc resolvers to what the
    running program made of them. ``block_of`` names the block of the program that a link address
    is in.
    """

    def __init__(
        self,
        modules: ModuleList,
        evaluate: Callable[[str], int],
        *,
        live: bool,
        current_file: Callable[[], str | None] = lambda: None,
        current_line: Callable[[], int | None] = lambda: None,
        known: Mapping[str | int, int] | None = None,
        block_of: Callable[[Module, int], object | None] | None = None,
        labels: Labels | None = None,
    ) -> None:
        self._modules = modules
        self._current_file = current_file
        self._current_line = current_line
        self._known = known or {}
        self._block_of = block_of
        self._label_table = labels
        self.unresolved: set[tuple[str, int]] = set()
        """The (path, link address) of ifunc resolvers among the places."""
        self._evaluate = evaluate
        self._live = live

    def resolve(self, spec: Spec) -> list[Resolved]:
        """Return the places a spec means now; an empty list if it means none yet.

        Raises LocationError or ExprError for what can never mean one.
        """
        if spec.kind == "address":
            return [self._address(self._evaluate(spec.name))]
        if spec.kind == "relative":
            spec = self.absolute(spec)
        if spec.kind == "line":
            return self._lines(spec)
        if spec.label is not None:
            return self._labels(spec)
        return self._named(spec) or self._labels(self.labelled(spec))

    def _named(self, spec: Spec) -> list[Resolved]:
        """Find the functions, or the place in a module, of a name."""
        modules = self._chosen(spec)
        symbols = self._symbols(spec, modules)
        described = self._described(spec, modules) if spec.offset is None else []
        own = [one for one in described if one[3] is None]
        if spec.scope is not None and (symbols or own):
            described = own  # As in gdb, a function of a file is not where it was inlined.
        if symbols or described or spec.offset is None:
            return self._unique(symbols, described, is_function=spec.offset is None)
        module = self._modules.by_name(spec.name)
        if module is None:
            return []
        if not module.elf.low <= spec.offset < module.elf.high:
            raise LocationError(f"{spec.text}: {module.name} has no address {spec.offset:#x}.")
        return [self.place(module, spec.offset)]

    @staticmethod
    def labelled(spec: Spec) -> Spec:
        """Read a name that no function has as a label's: A:B is FUNCTION:LABEL then."""
        if spec.offset is not None:
            return spec
        return Spec(spec.text, "symbol", spec.scope or "", label=spec.name)

    def _labels(self, spec: Spec) -> list[Resolved]:
        """Find a label in the functions of a name, or in the current function."""
        named = [found for found in self._all_labels(spec) if found[-1].name == spec.label]
        places = [self._labelled_place(*one) for one in named if one[-1].link_addr is not None]
        if named and not places:
            raise LocationError(f"Location {spec.text} not available")
        return places

    def labels(self, spec: Spec) -> list[str]:
        """Return the names of all labels of the functions of a name."""
        return [one.name for *_, one in self._all_labels(spec)]

    def _all_labels(self, spec: Spec) -> list[tuple[Module, int, int, LabelPlace]]:
        """Find the labels of functions: each with where that begins, and its entry."""
        table = self._label_table
        if table is None or spec.kind != "symbol":
            return []
        if spec.name:
            modules = self._chosen(spec)
            functions = [
                (module, link_addr, function.die)
                for module, link_addr in self._symbols(spec, modules)
                if (function := module.function_at(module.addr(link_addr))) is not None
            ]
            described = self._described(spec, modules)
            functions += [(m, link_addr, die) for m, link_addr, _, die in described if die]
        else:
            here = table.here()
            functions = [] if here is None else [here]
        return [
            (module, start, die, one)
            for module, start, die in functions
            for one in table.of(module, die)
        ]

    def _labelled_place(
        self, module: Module, start: int, function: int, label: LabelPlace
    ) -> Resolved:
        """Describe a label, whose line is not that of its code, and may have none."""
        addr = module.addr(start)
        begin = self.place(module, start)
        assert label.link_addr is not None
        name = module.inline_name(addr, function) or begin.function
        place = self.place(module, label.link_addr)
        return replace(place, function=name, file=begin.file, line=label.line, label=label.name)

    def absolute(self, spec: Spec) -> Spec:
        """Return the line that one counted from the current line is."""
        line = self._current_line()
        if line is None or spec.offset is None:
            raise LocationError("No line to count from.")
        return Spec(spec.text, "line", "", line + spec.offset)

    def _chosen(self, spec: Spec) -> ModuleList | list[Module]:
        module = None if spec.scope is None else self._modules.by_name(spec.scope)
        return self._modules if module is None else [module]

    def _is_in_scope(self, spec: Spec, module: Module, link_addr: int) -> bool:
        """Tell whether code is in the unit of a source file that is asked for, if one is."""
        from pydbg.symbols.linebreak import unit_has_file

        if spec.scope is None or self._modules.by_name(spec.scope) is not None:
            return True
        return unit_has_file(module, link_addr, spec.scope)

    def _symbols(self, spec: Spec, modules: ModuleList | list[Module]) -> list[tuple[Module, int]]:
        wanted = set(modules)
        found = [
            (m, s)
            for m, s in self._modules.breakable(spec.name, local=spec.scope is not None)
            if m in wanted and self._is_in_scope(spec, m, s.link_addr)
        ]
        if not found and spec.name == "main" and spec.scope is None:
            return self._implied_main()
        places = [(m, s.link_addr) for m, s in found]
        if spec.offset is not None:
            return [(m, link_addr + spec.offset) for m, link_addr in places]
        return [(m, self._entry(m, s)) for m, s in found]

    def _described(
        self, spec: Spec, modules: ModuleList | list[Module]
    ) -> list[tuple[Module, int, str, int | None]]:
        """Find what only debug information knows by the name: clones, and inlined calls."""
        found = []
        for module in modules:
            for link_addr, name, die in module.described(spec.name):
                if not self._is_in_scope(spec, module, link_addr):
                    continue
                found.append((module, link_addr, name, die))
        return found

    def _implied_main(self) -> list[tuple[Module, int]]:
        """Find main in a program whose symbols do not name it: Go's, or a stripped one."""
        main = self._modules.main
        if main is None:
            return []
        for symbol in main.lookup("main.main"):
            return [(main, self._entry(main, symbol))]
        if "main" in self._known:
            link_addr: int | None = main.link_addr(self._known["main"])
        else:
            link_addr = main_from_start(main.elf)
        return [] if link_addr is None else [(main, self._behind_prologue(main, link_addr))]

    def _entry(self, module: Module, symbol: Symbol) -> int:
        if symbol.kind == "ifunc":
            target = self._known.get(module.addr_of(symbol))
            if target is None:
                self.unresolved.add((module.path, symbol.link_addr))
                return symbol.link_addr
            return self._behind_prologue(module, module.link_addr(target))
        return self._behind_prologue(module, symbol.link_addr)

    @staticmethod
    def _behind_prologue(module: Module, link_addr: int) -> int:
        from pydbg.symbols.breakaddr import breakpoint_addr

        try:
            return breakpoint_addr(module, link_addr, module.elf.load_bytes)
        except DebuggerError:
            return link_addr

    def _unique(
        self,
        found: list[tuple[Module, int]],
        described: Sequence[tuple[Module, int, str, int | None]] = (),
        *,
        is_function: bool = False,
    ) -> list[Resolved]:
        places: dict[tuple[str, int], Resolved] = {}
        for module, link_addr in found:
            place = self.place(module, link_addr)
            places.setdefault(
                (module.path, link_addr), self._named_by(place, is_function=is_function)
            )
        for module, link_addr, name, die in described:
            at = self._behind_prologue(module, link_addr)
            key = (module.path, at)
            if key in places:
                continue
            place = self.place(module, at)
            if die is not None and at != link_addr:
                # An inlined call that begins in a prologue is moved behind it, too.
                place = self._named_by(place, is_function=True)
            places[key] = replace(place, function=name, inlined=die) if die else place
        if not described:
            return list(places.values())
        return sorted(places.values(), key=self._entry_of)

    @staticmethod
    def _entry_of(place: Resolved) -> tuple[str, int]:
        """Return what gdb sorts functions by: where their entries are (linespec.c)."""
        module = place.module
        if module is None:
            return "", 0
        function = module.function_at(module.addr(place.link_addr))
        own = function.die if function is not None else 0
        return module.path, own if place.inlined is None else place.inlined

    def place_inside(self, module: Module, link_addr: int) -> Resolved:
        """Describe a link address that was given as such: the innermost function counts."""
        return self._named_by(self.place(module, link_addr), is_function=False)

    @staticmethod
    def _named_by(place: Resolved, *, is_function: bool) -> Resolved:
        """Say in which function a place is, where calls are inlined there.

        A function's own place, behind its prologue, is on the line of the outermost call
        (symtab.c, skip_prologue_sal); any other place is the innermost function's.
        """
        module = place.module
        if module is None:
            return place
        addr = module.addr(place.link_addr)
        calls = module.inline_calls_at(addr)
        if not calls:
            return place
        if not is_function:
            function = module.inline_name(addr, calls[-1].die) or place.function
            return replace(place, function=function, inlined=calls[-1].die)
        if module.locations_valid(addr):
            return place
        return replace(place, line=calls[0].line, file=calls[0].file or place.file)

    def _lines(self, spec: Spec) -> list[Resolved]:
        from pydbg.symbols.linebreak import line_places

        line = spec.offset
        assert line is not None
        file = spec.name or self._default_file()
        if file is None:
            raise LocationError('No symbol table is loaded.  Use the "file" command.')
        # The program's own lines hide those of libraries, whose tables are long to read.
        for modules in (self._modules[:1], self._modules[1:]):
            found = [
                (m, *place)
                for m in modules
                for place in line_places(
                    m, file, line, None if self._block_of is None else partial(self._block_of, m)
                )
            ]
            if found:
                return [self._on_line(*place) for place in found]
        return []

    def _on_line(self, module: Module, link_addr: int, line: int, start: int) -> Resolved:
        """Describe a place of a line, which may be behind the prologue that the line is in."""
        place = self.place_inside(module, link_addr)
        if start != link_addr:
            place = replace(place, function=self.place_inside(module, start).function)
        return replace(place, line=line)

    def _default_file(self) -> str | None:
        """Return the file that a bare LINE is in: the selected frame's, or main's."""
        current = self._current_file()
        main = self._modules.main
        if current is not None or main is None:
            return current
        for symbol in main.lookup("main"):
            found = main.line_at(main.addr_of(symbol))
            if found is not None:
                return found.file
        return None

    def _address(self, addr: int) -> Resolved:
        module = self._modules.at(addr)
        if module is None:
            return Resolved(None, addr, addr)
        place = self.place_inside(module, module.link_addr(addr))
        if not self._live and module.elf.is_pie:
            return replace(place, link_time=True)
        return place

    def place(self, module: Module, link_addr: int) -> Resolved:
        """Describe a link address of a module."""
        addr = module.addr(link_addr)
        label = module.symbol_at(addr)
        function = label[0].demangled if label else None
        known = module.function_at(addr)
        if (
            known is not None
            and known.pretty
            and (label is None or addr - label[1] <= module.addr(known.low))
        ):
            function = known.pretty
        line = module.line_at(addr)
        return Resolved(
            module,
            link_addr,
            addr if self._live else None,
            function,
            label[1] if label else 0,
            line.file if line else None,
            line.line if line else None,
            is_resolver=(module.path, link_addr) in self.unresolved,
        )
