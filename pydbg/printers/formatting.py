"""What prints the values of one debugger: by its settings, and with its printers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydbg.expr.strings import PrintOptions

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.expr.format import Formatter
    from pydbg.expr.language import Language
    from pydbg.frames import Frame
    from pydbg.settings import Settings

__all__ = ["formatter", "print_options"]


def formatter(
    dbg: Debugger,
    frame: Frame | None = None,
    *,
    language: Language | None = None,
    options: PrintOptions | None = None,
) -> Formatter:
    """Return what prints values: by the settings and in the selected frame's language, or others.

    ``frame`` is another frame whose language is meant.
    """
    if language is None:
        language = dbg.language if frame is None else dbg.language_in(frame)
    kept = dbg.settings.kept(_formatters)
    key = id(dbg), language.name, dbg.arch.pointer_size
    made = kept.get(key)
    if made is None:
        made = kept[key] = _made(dbg, language)
    made = made.like(options)
    made.asks = bool(dbg.printers.rules)
    return made


def _formatters(_: Settings) -> dict[tuple[int, str, int], Formatter]:
    return {}


def _made(dbg: Debugger, language: Language) -> Formatter:
    made = language.formatter(
        dbg.settings.kept(print_options),
        dbg.symbolize,
        dbg.context().read,
        dbg.arch.pointer_size,
        pretty_symbol=lambda addr: dbg.symbolize(addr, pretty=True),
    )
    made.statics = dbg.variables.static_member
    made.printers = dbg.printers.find
    if dbg.settings.flag("print object"):
        from pydbg.variables.rtti import whole

        made.whole = lambda value: whole(dbg, value)
    return made


def print_options(settings: Settings) -> PrintOptions:
    """Return how values are printed by the settings."""
    return PrintOptions(
        elements=settings.limit("print elements") or 0,
        repeats=settings.limit("print repeats") or 0,
        pretty=settings.flag("print pretty"),
        address=settings.flag("print address"),
        symbol=settings.flag("print symbol"),
        null_stop=settings.flag("print null-stop"),
        array=settings.flag("print array"),
        union=settings.flag("print union"),
        static_members=settings.flag("print static-members"),
        array_indexes=settings.flag("print array-indexes"),
        max_depth=settings.limit("print max-depth"),
        raw=settings.flag("print raw-values"),
    )
