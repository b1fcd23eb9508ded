"""Commands that evaluate expressions: print, x, output, call, printf, echo, display."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pydbg.commands import common, kinds
from pydbg.commands.options import Options, for_now
from pydbg.commands.results import Display, Displays
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, DebuggerError, NoSymbol, UsageError
from pydbg.printers.model import Unfinished
from pydbg.records import replace

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.events import Event
    from pydbg.expr.examine import Examiner
    from pydbg.expr.formats import Format
    from pydbg.expr.nodes import Node
    from pydbg.expr.values import Value

__all__ = ["commands"]

_ELSEWHERE = "(cannot be evaluated in the current context)"


# --- formats -------------------------------------------------------------------------------


# What a format means depends on the last one used, so it is taken as it is.
_FORMAT_TEXT = kinds.Slashed("format")


def _format(text: str | None, last: str = "") -> Format:
    """Return a ``print`` format, whose letter if there is none but ``r`` is the last one's."""
    from pydbg.expr.formats import Format, parse_format

    if not text:
        return Format(1, "")
    form, end = parse_format(text[1:], last, "")
    if text[1 + end :]:
        raise UsageError(f'Invalid format "{text}".')
    # printcmd.c, print_command_parse_format
    if form.count != 1:
        raise UsageError('Item count other than 1 is meaningless in "print" command.')
    if form.size and form.letter not in ("", "a") and form.letter != "s":
        raise UsageError('Size letters are meaningless in "print" command.')
    if form.letter == "i":
        raise UsageError('Format letter "i" is meaningless in "print" command.')
    return form


def _print_format(session: Session, text: str | None) -> Format:
    form = _format(text, session.memory.get("print format", ""))
    if text:
        session.memory["print format"] = form.letter
    return form


_OPTIONS = {
    f"-{name}": f"print {name}"
    for name in (
        "address", "array", "array-indexes", "elements", "max-depth", "null-stop", "object",
        "pretty", "raw-values", "repeats", "static-members", "symbol", "union", "vtbl",
    )
}  # fmt: skip
"""The options of ``print``: settings for the time of the command."""


# --- print ---------------------------------------------------------------------------------


def _evaluate(session: Session, text: str) -> Value:
    return session.dbg.evaluate(text, warn=lambda message: session.warn(f"warning: {message}"))


def _value_text(session: Session, value: Value, form: Format) -> str:
    """Return a value's text; as in gdb, x goes on behind what was shown (print_formatted)."""
    if value.addr is not None:
        common.examiner(session).next_addr = value.addr + value.type.size
    formatter = common.formatter(session)
    if form.raw:
        formatter.options = replace(formatter.options, raw=True)
    return formatter.top(value, form.letter)


def _kept_text(session: Session, value: Value, form: Format) -> str:
    """Return the newest value of the history with its number."""
    number = f"${len(session.dbg.history)} = "
    try:
        return number + _value_text(session, value, form)
    except Unfinished as error:
        session.write(number + error.shown)
        raise


def show(session: Session, parsed: Parsed) -> str | None:
    """Evaluate an expression, keep its value and show it."""
    return _show(session, parsed, voids=True)


def call(session: Session, parsed: Parsed) -> str | None:
    """Evaluate an expression; show it as print does unless it is void."""
    return _show(session, parsed, voids=False)


def _show(session: Session, parsed: Parsed, *, voids: bool) -> str | None:
    form, text = _asked(session, parsed)
    dbg = session.dbg
    if text is None:
        if not dbg.history:
            raise CommandError("The history is empty.")
        value = dbg.history[-1]
    else:
        value = _evaluate(session, text)
    if value.is_void and not voids:
        return None
    if not value.is_gone:
        value.data  # noqa: B018 - what cannot be read has no number
    # Kept before it is shown: a value that cannot be shown in this format has its number too.
    dbg.history.append(value)
    with for_now(session, _settings(parsed)):
        return _kept_text(session, value, form)


def _asked(session: Session, parsed: Parsed) -> tuple[Format, str | None]:
    """Return format and expression; behind options the format is still to be read."""
    text, shape = parsed["EXPRESSION"], parsed["FMT"]
    if parsed["OPTION"] and shape is None and text is not None:
        shape, text = _FORMAT_TEXT.take(text)
        text = text or None
    return _print_format(session, shape), text


def _settings(parsed: Parsed) -> list[tuple[str, str]]:
    return [(_OPTIONS[name], value) for name, value in parsed["OPTION"] or ()]


def output(session: Session, parsed: Parsed) -> None:
    """Show a value without its number and without a newline."""
    value = _evaluate(session, parsed["EXPRESSION"])
    session.write(_value_text(session, value, _format(parsed["FMT"])))


def printf(session: Session, parsed: Parsed) -> None:
    """Show values by a format string."""
    from pydbg.expr.printf import parse_printf

    dbg = session.dbg
    context = dbg.context()
    text = parsed["FORMAT"] or ""
    if dbg.macros.applies(dbg.frame):  # What a macro means depends on the place.
        made = parse_printf(text, context)
    else:
        made = dbg.parsed(parse_printf, text, context)
    session.write(made.show(context))


def echo(session: Session, parsed: Parsed) -> None:
    """Show a text with C's escapes."""
    from pydbg.expr.printf import echo as make

    session.write(make(parsed["TEXT"] or ""))


# --- x -------------------------------------------------------------------------------------


def examine(session: Session, parsed: Parsed) -> None:
    """Show memory."""
    examiner = common.examiner(session)
    # As in gdb, print and x have one last format.
    examiner.letter = session.memory.get("print format") or "x"
    form, rest = examiner.parse(parsed["FMT_ADDRESS"] or "")
    if form.count == 0:
        return
    addr = None
    dbg = session.dbg
    if rest:
        addr = _address(session, rest)
    for line in _lines(session, examiner, form, addr):
        session.write(line)
    session.memory["print format"] = form.letter
    last, value = examiner.variables()
    if last is not None:
        dbg.convenience["_"] = last
        if value is not None:
            dbg.convenience["__"] = value
        else:
            dbg.convenience.pop("__", None)


def _address(session: Session, text: str) -> int:
    from pydbg.expr.examine import address_of

    value = _evaluate(session, text)
    if value.is_void and session.dbg.inferior is None:
        raise CommandError("No registers.")
    return address_of(value, session.dbg.context().allocate)


def _lines(session: Session, examiner: Examiner, form: Any, addr: int | None) -> Iterator[str]:
    dbg = session.dbg
    frame = dbg.frame

    def start_of(where: int) -> int | None:
        module = dbg.modules.at(where)
        label = module.label_at(where) if module is not None else None
        return None if label is None else where - label[1]

    return examiner.run(
        form,
        addr,
        common.formatter(session),
        dbg.context().read,
        disassemble=lambda where, count: dbg.disassemble(where, count=count),
        pc=None if frame is None else frame.addr,
        function_start=start_of,
    )


# --- display -------------------------------------------------------------------------------


def _displays(session: Session) -> dict[int, Display]:
    kept = session.memory.get("displays")
    if kept is None:
        kept = session.memory["displays"] = {}
        session.memory["last display"] = 0
        session.stop_hooks.append(_show_displays)
    displays: dict[int, Display] = kept
    return displays


def _show_displays(session: Session, event: Event) -> str:
    """Return the displays' text after a stop; nothing for a core, or once the program is gone."""
    inferior = session.dbg.inferior
    if inferior is None or not inferior.can_run:
        return ""
    return _all_displays(session)


def _all_displays(session: Session) -> str:
    seen = _blocks(session)
    rows = [
        row
        for row in _displays(session).values()
        if row.enabled and (row.block is None or row.block in seen)
    ]
    return "\n".join(_display_text(session, row) for row in rows)


def _innermost_block(session: Session, tree: Node) -> object:
    """Return what tells the block of the innermost local variable that is named, else None."""
    from pydbg.watchexpr import names_in

    dbg = session.dbg
    scope = dbg.variables.scope_or_none(dbg.frame)
    names = frozenset(names_in(tree)) if scope is not None else ()
    for block in scope.blocks if scope is not None and names else ():
        # An inner variable of the same name is met first.
        if any(one.name in names and not one.is_static for one in block.variables):
            return block.die.key
    return None


def _blocks(session: Session) -> set[object]:
    """Return what tells the blocks whose local variables the selected frame sees."""
    dbg = session.dbg
    scope = dbg.variables.scope_or_none(dbg.frame)
    return set() if scope is None else {block.die.key for block in scope.blocks}


def _display_text(session: Session, row: Display) -> str:
    if _is_memory(row.format):
        return f"{row.number}: x{row.format} {row.text}" + _display_memory(session, row)
    try:
        value = _evaluate(session, row.text)
        shown = _value_text(session, value, _format(row.format))
    except DebuggerError as error:
        shown = f"<error: {error}>"
    form = _shown_format(row.format)
    return f"{row.number}: {form}{' ' if form else ''}{row.text} = {shown}"


def _shown_format(form: str) -> str:
    """Return a format without the letter for raw values, which is not shown."""
    return form.replace("r", "").rstrip("/")


def _is_memory(form: str) -> bool:
    """Return whether a display's format examines memory: ``i``, ``s``, a count or a size."""
    return bool(form) and (
        form[-1] in "is" or form[1:2].isdigit() or any(c in form for c in "bhwg")
    )


def _display_memory(session: Session, row: Display) -> str:
    from pydbg.expr.examine import Examiner

    examiner = Examiner(common.examiner(session).model)
    form, rest = examiner.parse(f"{row.format} {row.text}")
    shown = "\n" if form.letter == "i" or form.count != 1 else "  "
    try:
        addr = _address(session, rest)
        for part in _lines(session, examiner, form, addr):
            shown += part
    except DebuggerError as error:
        shown += f"<error: {error}>"
    return shown.rstrip("\n")


def display(session: Session, parsed: Parsed) -> str | None:
    """Show an expression after each stop, or show all such expressions now."""
    displays = _displays(session)
    text = parsed["EXPRESSION"]
    form = parsed["FMT"] or ""
    if text is None:
        if form:
            raise UsageError("Argument required (expression to compute).")
        return _all_displays(session)
    if form and not _is_memory(form):
        _format(form)
    from pydbg.expr.evaluate import parse_in, type_of

    tree = parse_in(text, session.dbg.context())
    try:
        type_of(tree, session.dbg.context())
    except NoSymbol:
        raise
    except DebuggerError:
        pass  # Only its names must be known: the rest may become possible.
    block = _innermost_block(session, tree)
    session.memory["last display"] += 1
    row = Display(session.memory["last display"], form, text, block=block)
    displays[row.number] = row
    return _display_text(session, row) if session.typed() else None


def info_display(session: Session, parsed: Parsed) -> Displays:
    """List the displays."""
    from pydbg.records import replace

    rows = []
    seen = _blocks(session)
    for row in _displays(session).values():
        form = row.format
        if _is_memory(form):
            form = _full_format(form)
        elif form:
            form = _shown_format(form)
        note = "" if row.block is None or row.block in seen else f" {_ELSEWHERE}"
        rows.append(replace(row, format=form, text=row.text + note))
    return Displays(tuple(rows))


def _full_format(form: str) -> str:
    """Spell a memory format with what gdb fills in: ``/i`` is listed as ``/1bi``."""
    from pydbg.expr.formats import parse_format

    parsed, _ = parse_format(form[1:], "x", "w")
    size = "b" if parsed.letter in ("i", "s") else parsed.size
    return f"/{parsed.count}{size}{parsed.letter}"


def undisplay(session: Session, parsed: Parsed) -> None:
    """Delete displays."""
    displays = _displays(session)
    numbers = parsed["NUM"]
    if not numbers:
        if displays and not session.confirm("Delete all auto-display expressions?"):
            return
        displays.clear()
        return
    for number in _numbered(session, numbers):
        del displays[number]


def _numbered(session: Session, words: tuple[str, ...]) -> list[int]:
    displays = _displays(session)
    found: list[int] = []
    for word in words:
        low, dash, high = word.partition("-")
        if not low.isdigit() or (dash and not high.isdigit()):
            raise UsageError(f"Arguments must be display numbers, not '{word}'.")
        first = int(low)
        last = int(high) if dash else first
        chosen = [number for number in displays if first <= number <= last]
        if not chosen:
            raise CommandError(f"No display number {low}.")
        found += [number for number in chosen if number not in found]
    return found


def _switch_display(enabled: bool) -> Callable[[Session, Parsed], None]:
    def switch(session: Session, parsed: Parsed) -> None:
        from pydbg.records import replace

        displays = _displays(session)
        numbers = _numbered(session, parsed["NUM"]) if parsed["NUM"] else list(displays)
        for number in numbers:
            displays[number] = replace(displays[number], enabled=enabled)

    return switch


# --- rows ----------------------------------------------------------------------------------


def _row(name: str, summary: str, run: Any, **fields: Any) -> Command:
    fields.setdefault("group", "data")
    return Command(name, summary=summary, run=run, **fields)


_FORMS = (
    "/FMT is a letter: x d u o t (binary) z (hexadecimal with zeros) a (address) c f s, or r "
    "for the value as it is, without printers."
)


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (*_printing(), *_displaying())


def _printing() -> tuple[Command, ...]:
    form = Arg("FMT", _FORMAT_TEXT, optional=True, doc="a format letter")
    expression = Arg(
        "EXPRESSION",
        kinds.EXPR,
        doc="a C expression",
        missing="Argument required (expression to compute).",
    )
    maybe = Arg("EXPRESSION", kinds.EXPR, optional=True, doc="a C expression")
    options = Arg("OPTION", Options("option", _OPTIONS, delimited=True), optional=True,
                  doc="settings for this time, such as -pretty or -elements 4")  # fmt: skip
    return (
        _row("print", "Show the value of an expression.", show,
             aliases=("p", "inspect"), args=(form, options, maybe), example="print/x $rip",
             help="The value is kept in the history as $1, $2, ...; `print` alone shows the last "
             "one again.  Registers are $rax, variables of your own $name; {TYPE}ADDR and "
             "ARRAY@COUNT read memory; NAME(ARGS) calls a function of the program.\n" + _FORMS
             + "\nEach `set print` setting can be given for once: `print -pretty -elements 4 -- x`."
             "\n-- must end them."),
        _row("call", "Evaluate an expression; show nothing if it is void.", call,
             args=(form, options, maybe), example="call (int)getpid()",
             help="Otherwise as print."),
        _row("output", "Show a value alone, without number and newline.", output,
             args=(form, expression), example="output/x 255",
             help="For scripts that make their own lines; the value is not kept.\n" + _FORMS),
        _row("printf", "Show values by a format string.", printf, example='printf "%d\\n", 1 + 1',
             args=(Arg("FORMAT", kinds.EXPR, doc='"format", values',
                   missing="Argument required (format-control string and values to print)."),),
             help="As C's printf, with the values behind commas."),
        _row("echo", "Show a text.", echo, group="support", example="echo hello\\n",
             args=(Arg("TEXT", kinds.TEXT, optional=True, doc="text with C's escapes"),),
             help="No newline is added: write \\n.  A backslash at the end goes on in the next "
             "line."),
        _row("x", "Examine memory.", examine, args=(_EXAMINED,), repeat="no-args",
             example="x/8xg $sp",
             help="/FMT is a count (negative: backwards), a letter (x d u o t z a c f s i) and a "
             "size (b h w g: 1, 2, 4, 8 bytes).  What is left out is as the last time.  Without "
             "an address it goes on behind the last one, and so does Enter.  $_ is the last "
             "address then, and $__ what is there."),
    )  # fmt: skip


class _ExamineText(kinds.Kind):
    """Take all of ``/FMT ADDRESS``; the examiner knows what each part means."""

    glued = True

    def syntax(self, name: str) -> str:
        return "/FMT ADDRESS"

    def take(self, text: str) -> tuple[str | None, str]:
        return (text, "") if text else (None, "")

    def span(self, text: str) -> int:
        return kinds.EXPR.span(text)

    def complete(self, prefix: str, session: Session) -> Any:
        return kinds.EXPR.complete(prefix, session)


_EXAMINED = Arg(
    "FMT_ADDRESS", _ExamineText("format and address"), optional=True, doc="format and address"
)


def _displaying() -> tuple[Command, ...]:
    form = Arg("FMT", _FORMAT_TEXT, optional=True, doc="a format, as of print or x")
    maybe = Arg("EXPRESSION", kinds.EXPR, optional=True, doc="a C expression")
    numbers = Arg("NUM", kinds.WORD, optional=True, repeat=True, doc="display numbers")
    return (
        _row("display", "Show an expression after each stop.", display, aliases=("disp",),
             args=(form, maybe), example="display/i $pc",
             help="With /i, /s, a count or a size it shows memory as x does.  Without arguments "
             "the displays are shown now."),
        _row("undisplay", "Delete displays.", undisplay, aliases=("und",), args=(numbers,),
             help="Without numbers all of them, after a question.", example="undisplay 1"),
        _row("delete display", "Delete displays.", undisplay, args=(numbers,),
             help="As undisplay.", example="delete display 1"),
        _row("disable display", "Keep displays without showing them.", _switch_display(False),
             args=(numbers,), help="Without numbers all of them.", example="disable display 1"),
        _row("enable display", "Show displays again.", _switch_display(True), args=(numbers,),
             help="Without numbers all of them.", example="enable display 1"),
        _row("info display", "List the displays.", info_display, group="status",
             help="With their numbers and formats.", example="info display"),
    )  # fmt: skip
