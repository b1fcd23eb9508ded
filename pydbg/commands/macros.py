"""Commands about the preprocessor's macros: info macro, info macros, macro and its family."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydbg.commands import kinds
from pydbg.commands.results import Note
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import UsageError
from pydbg.expr.macros import defined, expand, expand_once
from pydbg.symbols.macros import Macro, MacroFile, MacroTable

if TYPE_CHECKING:
    from pydbg.commands.common import Listing
    from pydbg.commands.session import Session
    from pydbg.macros import MacroScope

__all__ = ["commands"]

_NOWHERE = "<user-defined>:-1"


def _scope(session: Session) -> MacroScope | None:
    """Return where macros are looked for: at the selected frame, else where list would go on."""
    dbg = session.dbg
    if dbg.thread is not None:
        return dbg.macros.scope_of(dbg.frame)
    here: Listing | None = session.memory.get("listing")
    return None if here is None else _at(session, here)


def _at(session: Session, here: Listing) -> MacroScope | None:
    from pydbg.commands.listing import unit_of

    unit = unit_of(here)
    if unit is None or here.module is None:
        return None
    return session.dbg.macros.scope_in(here.module, unit, here.file, here.line)


def _place(table: MacroTable | None, file: MacroFile | None, line: int) -> Iterator[str]:
    """Give the lines that say where a definition is, and what includes its file."""
    if table is None or file is None:
        yield _NOWHERE
    lead = ""
    while table is not None and file is not None:
        yield f"{lead}{table.path(file)}:{line}"
        lead = "  included at "
        line, file = file.line, file.parent


def _shown(macro: Macro, table: MacroTable | None) -> str:
    """Return a definition and where it is (macrocmd.c, print_macro_definition)."""
    head = f"#define {macro.head} " if macro.line or macro.file is None else f"-D{macro.head}="
    places = "\n".join(_place(table, macro.file, macro.line))
    return f"Defined at {places}\n{head}{macro.body}"


def info_macro(session: Session, parsed: Parsed) -> Note:
    """Show how a macro is defined."""
    every, name = False, ""
    words = (parsed["MACRO"] or "").split()
    while words:
        word = words.pop(0)
        if word == "--":
            name = " ".join(words)
            break
        if word in ("-a", "-all"):
            every = True
        elif word.startswith("-"):
            raise UsageError(
                f"Unrecognized option '{word}' to info macro command.  Try \"help info macro\"."
            )
        else:
            name = " ".join([word, *words])
            break
    if not name:
        raise UsageError(
            "You must follow the `info macro' command with the name of the macro\n"
            "whose definition you want to see."
        )
    scope = _scope(session)
    table = None if scope is None else scope.table
    if every:
        found = [] if scope is None else scope.table.every(name)
        return Note("\n".join(_shown(macro, table) for macro in found))
    macro = session.dbg.macros.user.get(name) if scope is None else scope.find(name)
    if macro is not None:
        return Note(_shown(macro, table))
    where = _place(table, scope.file, scope.line) if scope is not None else [_NOWHERE]
    return Note(
        f"The symbol `{name}' has no definition as a C/C++ preprocessor macro\nat "
        + "\n".join(where)
    )


def info_macros(session: Session, parsed: Parsed) -> Note:
    """List the macros that are defined at a place."""
    spec = parsed["LOCATION"]
    if spec:
        from pydbg.commands.listing import locate

        scope = _at(session, locate(session, spec)[0])
    else:
        scope = _scope(session)
    if scope is None:
        return Note("There is no preprocessor macro information for that code.")
    return Note("\n".join(_shown(one, scope.table) for one in scope.every()))


def _expression(parsed: Parsed, name: str) -> str:
    text: str = parsed["EXPRESSION"] or ""
    if not text:
        raise UsageError(
            f"You must follow the `macro {name}' command with the expression you\nwant to expand."
        )
    return text


def macro_expand(session: Session, parsed: Parsed) -> Note:
    """Show an expression with all macros expanded."""
    text = _expression(parsed, "expand")
    macros, scope = session.dbg.macros, _scope(session)
    return Note(f"expands to: {expand(text, lambda name: macros.find(name, scope))}")


def macro_expand_once(session: Session, parsed: Parsed) -> Note:
    """Show an expression with the macros that stand in it expanded."""
    text = _expression(parsed, "expand-once")
    macros, scope = session.dbg.macros, _scope(session)
    return Note(f"expands to: {expand_once(text, lambda name: macros.find(name, scope))}")


def macro_define(session: Session, parsed: Parsed) -> None:
    """Define a macro for expressions."""
    text = (parsed["DEFINITION"] or "").strip()
    if not text:
        raise UsageError("usage: macro define NAME[(ARGUMENT-LIST)] [REPLACEMENT-LIST]")
    macro = defined(text)
    session.dbg.macros.user[macro.name] = macro


def macro_undef(session: Session, parsed: Parsed) -> None:
    """Forget a macro that was defined here."""
    name = (parsed["NAME"] or "").strip()
    if not name:
        raise UsageError("usage: macro undef NAME")
    session.dbg.macros.user.pop(name, None)


def macro_list(session: Session, parsed: Parsed) -> Note:
    """List the macros that were defined here."""
    user = session.dbg.macros.user
    return Note(
        "\n".join(f"macro define {user[name].head} {user[name].body}" for name in sorted(user))
    )


# --- rows ----------------------------------------------------------------------------------


def _row(name: str, summary: str, run: Any, **fields: Any) -> Command:
    fields.setdefault("example", name)
    return Command(name, group="data", summary=summary, run=run, **fields)


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    expression = Arg("EXPRESSION", kinds.TEXT, optional=True, doc="with macros in it")
    return (
        _row("info macro", "Show the definition of a macro.", info_macro,
             args=(Arg("MACRO", kinds.TEXT, optional=True, doc="a name; -all before it for all"),),
             help="The program must be compiled with -g3 (clang: -fdebug-macro).  The definition "
             "is the one that is seen at the selected frame's line, or where list would go on; "
             "with -all all definitions of the unit.  Macros are expanded in expressions, too.",
             example="info macro EOF"),
        _row("info macros", "List the macros that are defined at a place.", info_macros,
             args=(Arg("LOCATION", kinds.LOCATION, optional=True, doc="where"),),
             help="Without a location that is the selected frame's line, or where list would go "
             "on."),
        _row("macro expand", "Expand all macros in an expression.", macro_expand,
             aliases=("exp",), args=(expression,),
             help="What comes out is not evaluated.", example="macro expand EOF + 1"),
        _row("macro expand-once", "Expand macros in an expression by one step.",
             macro_expand_once, aliases=("exp1",), args=(expression,),
             help="Macros in the definitions are not expanded.",
             example="macro expand-once EOF + 1"),
        _row("macro define", "Define a macro for expressions.", macro_define,
             args=(Arg("DEFINITION", kinds.TEXT, optional=True, doc="as behind #define"),),
             help="It goes before one of the program with that name.",
             example="macro define TWICE(x) ((x) * 2)"),
        _row("macro undef", "Forget a macro of macro define.", macro_undef,
             args=(Arg("NAME", kinds.TEXT, optional=True, doc="its name"),),
             help="The program's own stay.", example="macro undef TWICE"),
        _row("macro list", "List the macros of macro define.", macro_list,
             help="Each is shown as the command that defines it."),
    )  # fmt: skip
