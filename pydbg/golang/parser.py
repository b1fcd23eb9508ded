"""Text to tree: Go's expressions with gdb's extras (go-exp.y), on top of C's precedences."""

from __future__ import annotations

import re
from collections.abc import Callable

from pydbg.errors import ExprError
from pydbg.expr import nodes
from pydbg.expr.lexer import Token, tokens
from pydbg.expr.parser import Parser
from pydbg.golang import nodes as go
from pydbg.golang.types import GoType, scan

__all__ = ["GoParser"]


_C_TYPE = re.compile(
    r"""\(\s*(?:(?:unsigned|signed|long|short|char|double|float|void|size_t|u?int\d+_t)\b\s*)+
        (?:int\b)?[\s*]*\)(?:\s*[\w$&*(\-'])?""",
    re.VERBOSE,
)
"""A cast as in C, or what is behind its sizeof."""


class _Types:
    """Find Go's types among the tokens of a parser."""

    def __init__(self, parser: GoParser, is_type: Callable[[str], bool]) -> None:
        self._parser = parser
        self._is_type = is_type

    def starts(self, token: Token | None = None) -> bool:
        """Tell whether a type begins at a token; a ``*`` is an operator first."""
        token = token or self._parser.token
        is_word = token.kind in ("name", "quoted")
        derived = token.kind == "op" and token.text in ("*", "[")
        return (is_word or derived) and self.at(token) is not None

    def at(self, token: Token) -> tuple[str, int] | None:
        """Return the type that begins at a token, and where its text ends."""
        if token.kind == "quoted":
            name = str(token.value)
            return (name, token.end) if self._is_type(name) else None
        return scan(self._parser.text, token.column, self._is_type)

    def parse(self) -> GoType:
        """Read the type that begins here."""
        parser = self._parser
        found = self.at(parser.token)
        if found is None:
            raise parser.syntax_error()
        parser.go_to(found[1])
        return GoType(found[0])


class GoParser(Parser):
    """Parse Go."""

    def __init__(
        self, text: str, start: int, stop_at_comma: bool, is_type: Callable[[str], bool]
    ) -> None:
        super().__init__(text, start, stop_at_comma, is_type)
        self.types = _Types(self, is_type)  # type: ignore[assignment]

    def go_to(self, index: int) -> None:
        """Go on reading at an index of the text."""
        self._ahead.clear()
        self._tokens = tokens(self.text, index)
        self.token = next(self._tokens)

    def top(self) -> nodes.Node:
        """Parse an expression or, for ``whatis``, a type."""
        tree = self.comma()
        if not self.at_end():
            raise self.syntax_error()
        return tree

    def binary_node(self, column: int, op: str, left: nodes.Node, right: nodes.Node) -> nodes.Node:
        """Return the tree of a binary operator."""
        return go.Binary(column, op, left, right)

    def _prefix(self) -> Callable[[nodes.Node], nodes.Node] | None:
        token = self.token
        if token.kind == "op" and token.text == "*" and self.types.starts(token):
            return None
        if token.kind == "op" and token.text == "(":
            cast = _C_TYPE.match(self.text, token.column)
            if cast is not None and not cast.group().endswith(")"):
                raise self.syntax_error()
            if self.types.starts(self.peek()):
                return None
        if token.kind == "op" and token.text in ("!", "^", "~"):
            column = token.column
            if token.text == "~":
                raise self.syntax_error()
            self.advance()
            if token.text == "!":
                return lambda tree: go.Not(column, tree)
            return lambda tree: nodes.Unary(column, "~", tree)
        return super()._prefix()

    def _sizeof(self) -> nodes.Node | None:
        if self.token.text == "sizeof" and _C_TYPE.match(self.text, self.token.end):
            raise self.syntax_error()
        return super()._sizeof()

    def index(self, column: int, base: nodes.Node) -> nodes.Node:
        return go.Index(column, base, self.comma())

    def call(self, column: int, function: nodes.Node) -> nodes.Node:
        return go.Call(column, function, self._list(")"))

    def member(self, column: int, base: nodes.Node, *, arrow: bool) -> nodes.Node:
        return go.Member(column, base, self._member_name())

    def _member_name(self) -> str:
        """Read a field's name, or a method's with its receiver: ``(*shape).grow``."""
        if self.at("("):
            text = self.text[self.token.column :]
            close = text.find(")")
            receiver = text[: close + 1].replace(" ", "")
            if not receiver.startswith("(*") or not text[close + 1 : close + 2] == ".":
                raise self.syntax_error()
            self.go_to(self.token.column + close + 2)
            if self.token.kind != "name":
                raise self.syntax_error()
            return f"{receiver}.{self.advance().text}"
        if self.token.kind not in ("name", "quoted"):
            raise self.syntax_error()
        return self._text(self.advance())

    def primary(self) -> nodes.Node:
        """Parse a literal, a name, a conversion or what is in brackets."""
        token = self.token
        column = token.column
        if token.kind == "string":
            return self._go_string()
        if token.kind == "float":
            self.advance()
            return go.Float(column, str(token.value))
        if token.kind == "name" and token.text in ("true", "false"):
            self.advance()
            return go.Truth(column, token.text == "true")
        if token.kind == "name" and token.text == "nil":
            self.advance()
            return go.Nil(column)
        if self.types.starts():
            meant = self.types.parse()
            if not self.at("("):
                return nodes.TypeExpr(column, meant)
            return self._converted(column, meant)
        if self.at("(") and not self.at_end() and self.types.starts(self.peek()):
            self.advance()
            meant = self.types.parse()
            self.expect(")")
            if self.at("("):
                return self._converted(column, meant)
            return nodes.CastTo(column, meant, self.unary())
        if token.kind in ("name", "quoted"):
            self.advance()
            return go.Name(column, self._text(token))
        return super().primary()

    def _converted(self, column: int, meant: nodes.TypeName) -> nodes.Node:
        assert isinstance(meant, GoType)
        self.expect("(")
        tree = self.comma()
        self.expect(")")
        return go.TypeOf(column, meant, tree)

    def _go_string(self) -> nodes.Node:
        token = self.advance()
        assert isinstance(token.value, tuple)
        if token.type != "char":
            raise ExprError("A string of Go has no prefix.", token.column)
        return go.Text(token.column, bytes(char & 0xFF for char in token.value))
