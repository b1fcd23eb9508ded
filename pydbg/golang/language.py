"""Go as gdb 13.1 has it (go-lang.c, go-valprint.c), and beyond it where gdb knows nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydbg.errors import ExprError
from pydbg.expr import nodes, typeprint
from pydbg.expr.context import Context, InternalFunction
from pydbg.expr.format import Formatter
from pydbg.expr.language import IsType, Language
from pydbg.expr.strings import sized_string
from pydbg.expr.typeprint import EVERYTHING, Shown
from pydbg.expr.types import CType, StructType, strip
from pydbg.expr.values import Value
from pydbg.golang.dynamic import dynamic_value
from pydbg.golang.parser import GoParser
from pydbg.golang.types import is_basic, unnamed
from pydbg.golang.values import capacity_of, is_string, length_of

__all__ = ["LANGUAGE", "GoFormatter"]


class GoFormatter(Formatter):
    """Print Go's values: strings as such, all else as C's structs."""

    def inner(self, value: Value, letter: str = "", depth: int = 0, *, deref: bool = False) -> str:
        """Return a value's text as it stands inside arrays and structs."""
        seen = value.lvalue is None or value.lvalue.kind in ("memory", "none")
        if is_string(value.type) and not self.options.raw and (seen or _in_parts(value)):
            return self.printed(value, letter, depth) or self._string(value)
        return super().inner(value, letter, depth, deref=deref)

    def _string(self, value: Value) -> str:
        """Return the address and the text of a string (go-valprint.c, print_go_string)."""
        inner = strip(value.type)
        assert isinstance(inner, StructType)
        parts = (value.member(field.name) for field in inner.fields)
        addr, length = (0 if part.is_gone else int(part) for part in parts)  # As gdb has it.
        address = f"{addr:#x} " if self.options.address else ""
        if length < 0:
            return f"{address}<invalid length: {addr}>"
        read = self.read or value.reader
        if read is None or not length:
            return f'{address}""'
        return address + sized_string(addr, length, self.options, read)


def _in_parts(value: Value) -> bool:
    """Tell whether some of a value's bytes are known, and others were optimized out."""
    return bool(getattr(value, "known", 0))


def _counting(count: Callable[[Value], Value]) -> InternalFunction:
    def count_one(args: list[Value], ctx: Context) -> Value:
        if len(args) != 1:
            raise ExprError("You must provide one argument.")
        return count(args[0].referred())

    return count_one


class _Go(Language):
    """Be Go."""

    name = "go"
    formatter = GoFormatter
    bool_comparisons = True
    macros = False
    functions: Mapping[str, InternalFunction] = {
        "len": _counting(length_of),
        "cap": _counting(capacity_of),
        "dtype": dynamic_value,
    }

    def parse_prefix(
        self, text: str, start: int, stop_at_comma: bool, is_type: IsType
    ) -> tuple[nodes.Node, int]:
        """Parse an expression that may end at a comma; return the tree and where it ended.

        What is none of Go's may be C's, such as a cast to ``char *``, which gdb refuses.
        """
        try:
            parser = GoParser(text, start, stop_at_comma, is_type)
            tree = parser.top()
            return tree, parser.token.column
        except ExprError as error:
            try:
                return super().parse_prefix(text, start, stop_at_comma, is_type)
            except ExprError:
                raise error from None

    def is_word(self, name: str) -> bool:
        """Tell whether a name is one of the language's own words or types."""
        return name in ("true", "false", "nil", "len", "cap", "sizeof") or is_basic(name)

    def whatis(self, ctype: CType, is_name: bool, shown: Shown = EVERYTHING) -> str:
        """Return what ``whatis`` says: of a named type its name."""
        return super().whatis(ctype, False, shown)

    def ptype(self, ctype: CType, shown: Shown = EVERYTHING) -> str:
        """Return a type with its members."""
        return typeprint.ptype(unnamed(ctype), shown)


LANGUAGE = _Go()
