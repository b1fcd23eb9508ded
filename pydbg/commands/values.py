"""Commands about variables and types: info locals, info args, whatis, ptype."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydbg.commands import common, kinds
from pydbg.commands.options import Options
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, DebuggerError, UsageError

if TYPE_CHECKING:
    from pydbg.commands.session import Session
    from pydbg.expr.typeprint import Shown
    from pydbg.expr.types import CType

__all__ = ["commands"]


# --- variables of a frame ------------------------------------------------------------------


def info_locals(session: Session, parsed: Parsed) -> str:
    """List the local variables of the selected frame."""
    from pydbg.framevalues import local_lines

    return _variables(session, parsed, local_lines, "locals")


def info_args(session: Session, parsed: Parsed) -> str:
    """List the arguments of the selected frame."""
    from pydbg.framevalues import argument_lines

    return _variables(session, parsed, argument_lines, "arguments")


def _variables(
    session: Session, parsed: Parsed, lines_of: Callable[..., list[str] | None], what: str
) -> str:
    from pydbg.framevalues import NO_SYMBOLS

    options, name = dict(parsed["OPTION"] or ()), parsed["REGEX"]
    pattern, of_type = common.pattern_of(name), common.pattern_of(options.get("-t"))
    frame = common.selected(session)
    lines = lines_of(session.dbg, frame, pattern=pattern, of_type=of_type)
    if not lines and "-q" in options:
        return ""
    if lines is None:
        raise CommandError(NO_SYMBOLS)
    if not lines:
        return f"No matching {what}." if pattern or of_type else f"No {what}."
    return "\n".join(lines)


def info_scope(session: Session, parsed: Parsed) -> str:
    """List the variables that are known at a place of the code."""
    from pydbg.commands import scopes  # Loaded when asked for: start-up is short.

    return scopes.info_scope(session, parsed)


# --- types ---------------------------------------------------------------------------------


def _type(session: Session, text: str) -> tuple[CType, bool]:
    """Return the type that a text means, and whether it names a type."""
    from pydbg.expr import nodes
    from pydbg.expr.evaluate import parse_in, type_of

    context = session.dbg.context()
    tree = parse_in(text, context)
    return type_of(tree, context), isinstance(tree, nodes.TypeExpr)


def whatis(session: Session, parsed: Parsed) -> str:
    """Say which type an expression has."""
    shown = _shown(session, parsed["FLAGS"])
    text = session.dbg.language.whatis(*_typed(session, parsed), shown)
    return f"type = {_real_type(session, parsed['EXPRESSION'])}{text}"


def _shown(session: Session, flags: str | None) -> Shown:
    """Return what a type is shown with, by the settings and a command's flags."""
    from pydbg.expr.typeprint import FLAGS, Shown

    letters = (flags or "/")[1:]
    for letter in letters:
        if letter not in FLAGS:
            raise UsageError(f"unrecognized flag '{letter}'")
    flag = session.settings.flag
    usual = Shown(
        methods=flag("print type methods"),
        typedefs=flag("print type typedefs"),
        hexadecimal=flag("print type hex"),
    )
    return usual.but(letters)


def _real_type(session: Session, text: str | None) -> str:
    """Return gdb's remark on what a variable really is, "" without ``print object``."""
    if not text or not text.strip().isidentifier() or not session.settings.flag("print object"):
        return ""
    from pydbg.variables.rtti import whole

    try:
        found = whole(session.dbg, session.dbg.evaluate(text))
    except DebuggerError:
        return ""
    if found is None:
        return ""
    return f"/* real type = {session.dbg.language.whatis(found.type, False)} */\n"


def ptype(session: Session, parsed: Parsed) -> str:
    """Show a type with its members."""
    shown = _shown(session, parsed["FLAGS"])
    ctype = _typed(session, parsed)[0]
    if "o" in (parsed["FLAGS"] or ""):
        from pydbg.expr.offsets import offsets

        laid_out = offsets(ctype, shown)
        if laid_out is not None:
            return laid_out
    text = session.dbg.language.ptype(ctype, shown)
    return f"type = {_real_type(session, parsed['EXPRESSION'])}{text}"


def info_vtbl(session: Session, parsed: Parsed) -> str:
    """Show the tables of virtual functions of an object."""
    from pydbg.commands.vtables import tables

    return tables(session, session.dbg.evaluate(parsed["EXPRESSION"]))


def _typed(session: Session, parsed: Parsed) -> tuple[CType, bool]:
    text = parsed["EXPRESSION"]
    if text is not None:
        return _type(session, text)
    if not session.dbg.history:
        raise CommandError("The history is empty.")
    return session.dbg.history[-1].type, False


# --- rows ----------------------------------------------------------------------------------


def _row(name: str, summary: str, run: Any, **fields: Any) -> Command:
    return Command(name, summary=summary, run=run, **fields)


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    regex = Arg("REGEX", kinds.TEXT, optional=True, doc="a regular expression for names")
    option = Arg("OPTION", Options("option", {"-q": "flag", "-t": "text"}), optional=True,
                 doc="-q or -t TYPE")  # fmt: skip
    flags = Arg("FLAGS", kinds.Slashed("flags"), optional=True,
                doc="letters of o, x, d, r, m, M, t, T")  # fmt: skip
    maybe = Arg("EXPRESSION", kinds.EXPR, optional=True, doc="an expression or a type")
    return (
        _row("info locals", "List the local variables of the selected frame.", info_locals,
             group="status", aliases=("lo",), args=(option, regex), example="info locals",
             help="Those of the innermost block come first.  Needs debug information; what the "
             "compiler removed is <optimized out>.  -t TYPE lists those whose type's name fits a "
             "regular expression; -q says nothing where there are none."),
        _row("info args", "List the arguments of the selected frame.", info_args,
             group="status", aliases=("ar",), args=(option, regex), example="info args",
             help="With their values now.  Needs debug information.  -q and -t are those of info "
             "locals."),
        _row("info scope", "List the variables that a place of the code sees.", info_scope,
             group="status", aliases=("sc",),
             args=(Arg("LOCATION", kinds.LOCATION, optional=True,
                       doc="a function, line or *addr"),),
             example="info scope main",
             help="With where they are: in a register, at an offset of the frame, or how that is "
             "computed."),
        _row("info vtbl", "Show the tables of virtual functions of an object.", info_vtbl,
             group="status", args=(Arg("EXPRESSION", kinds.EXPR, doc="an object or a pointer"),),
             example="info vtbl *pd",
             help="One table for each part of the object that has one."),
        _row("whatis", "Say which type an expression has.", whatis, group="data",
             args=(flags, maybe), example="whatis $rip",
             help="Nothing is evaluated.  Of a typedef's name it shows what that stands for.  "
             "Without an argument it is about the last value of the history.  The flags are those "
             "of ptype."),
        _row("ptype", "Show a type with its members.", ptype, group="data",
             args=(flags, maybe),
             example="ptype unsigned long",
             help="EXPRESSION is a type or an expression, which is not evaluated.  Typedefs are "
             "followed to what they stand for.  /o adds the offset and size of each member of a "
             "struct, and the holes; /ox has them in hexadecimal, /od in decimal.  /r shows the "
             "names of C++ as they are, without what a class's own parameters and typedefs make "
             "of them; /m leaves out methods, /t typedefs, /M and /T show them."),
    )  # fmt: skip
