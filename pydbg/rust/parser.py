"""Text to tree: the part of Rust's expressions that gdb takes, and its words for mistakes."""

from __future__ import annotations

from collections.abc import Callable

from pydbg.errors import ExprError
from pydbg.expr import nodes
from pydbg.rust import trees as own
from pydbg.rust.kinds import is_primitive
from pydbg.rust.lexer import Token, tokens

__all__ = ["parse_prefix"]

_STRENGTH = {
    "*": 10, "/": 10, "%": 10, "@": 9, "+": 8, "-": 8, "<<": 7, ">>": 7, "&": 6, "^": 5, "|": 4,
    "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3, "&&": 2, "||": 1,
}  # fmt: skip
_ASSIGN = frozenset(("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="))
_PREFIXES = frozenset(("-", "+", "!", "*", "&"))
_MAX_DEPTH = 40
_MAX_TOKENS = 2000

IsType = Callable[[str], bool]


def parse_prefix(
    text: str, start: int, stop_at_comma: bool, is_type: IsType
) -> tuple[nodes.Node, int]:
    """Parse an expression that may end at a comma; return the tree and where it ended.

    >>> parse_prefix("1, 2", 0, True, lambda name: False)[1]
    1
    """
    whole = text[start:].strip()
    if "<" in whole and is_type(whole):
        # The name of a generic type, for `ptype`: gdb takes it with `::<` only.
        return nodes.TypeExpr(start, own.TypePath(whole)), len(text)
    parser = _Parser(text, start, is_type)
    tree = parser.expression()
    token = parser.token
    if token.kind != "end" and not (stop_at_comma and token.text == ","):
        raise ExprError(f"Syntax error near '{text[token.column :]}'", token.column)
    return tree, token.column


class _Parser:
    """Parse by precedence; ``token`` is the one looked at."""

    def __init__(self, text: str, start: int, is_type: IsType) -> None:
        self._text = text
        self._tokens = tokens(text, start)
        self._is_type = is_type
        self._depth = 0
        self._count = 0
        self.token = next(self._tokens)

    def advance(self) -> Token:
        """Step to the next token; return the one left behind."""
        token = self.token
        self._count += 1
        if self._count > _MAX_TOKENS:
            raise ExprError("The expression is too long.", token.column)
        if token.kind != "end":
            self.token = next(self._tokens)
        return token

    def at(self, text: str) -> bool:
        """Say whether the token is that operator or word."""
        return self.token.text == text and self.token.kind in ("op", "keyword")

    def accept(self, text: str) -> bool:
        """Step over an operator or word if it is next."""
        if self.at(text):
            self.advance()
            return True
        return False

    def expect(self, text: str, message: str) -> None:
        """Step over an operator or raise ``message``."""
        if not self.accept(text):
            raise ExprError(message, self.token.column)

    def unexpected(self) -> ExprError:
        """Make gdb's error for a token that nothing begins with."""
        return ExprError("unexpected token", self.token.column)

    # --- operators ---------------------------------------------------------------------------

    def expression(self) -> nodes.Node:
        """Parse an expression, ranges included."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ExprError("The expression is nested too deeply.", self.token.column)
        column = self.token.column
        low = None if self._at_range() else self.assignment()
        if low is not None and not self._at_range():
            self._depth -= 1
            return low
        inclusive = self.advance().text == "..="
        high = None
        if self._starts_operand():
            high = self.binary(1)
        elif inclusive:
            raise self.unexpected()
        self._depth -= 1
        return own.Range(column, low, high, inclusive)

    def _at_range(self) -> bool:
        return self.token.kind == "op" and self.token.text in ("..", "..=")

    def _starts_operand(self) -> bool:
        token = self.token
        if token.kind == "op":
            return token.text in _PREFIXES or token.text in ("(", "[", "::")
        return token.kind != "end"

    def assignment(self) -> nodes.Node:
        """Parse operators, ``=`` and its like the loosest and to the right."""
        left = self.binary(1)
        if self.token.kind == "op" and self.token.text in _ASSIGN:
            token = self.advance()
            return own.Store(token.column, token.text[:-1], left, self.expression())
        return left

    def binary(self, least: int) -> nodes.Node:
        """Parse operators that bind at least as tightly as ``least``."""
        self._depth += 1
        if self._depth > 4 * _MAX_DEPTH:
            raise ExprError("The expression is nested too deeply.", self.token.column)
        left = self.cast()
        chain = 0
        while self.token.kind == "op":
            strength = _STRENGTH.get(self.token.text, 0)
            if strength < least:
                break
            chain += 1
            if chain > _MAX_DEPTH:
                raise ExprError("The expression is too long.", self.token.column)
            token = self.advance()
            left = own.Arithmetic(token.column, token.text, left, self.binary(strength + 1))
        self._depth -= 1
        return left

    def cast(self) -> nodes.Node:
        """Parse ``value as type``."""
        tree = self.unary()
        for _ in range(_MAX_DEPTH):
            if not self.at("as"):
                break
            column = self.advance().column
            tree = own.Cast(column, tree, self.type_name())
        return tree

    def unary(self) -> nodes.Node:
        """Parse prefix operators, then what they apply to."""
        prefixes: list[Token] = []
        while self.token.kind == "op" and self.token.text in _PREFIXES:
            prefixes.append(self.advance())
            if prefixes[-1].text == "&":
                self.accept("mut")
            if len(prefixes) > _MAX_DEPTH:
                raise ExprError("The expression is nested too deeply.", self.token.column)
        if prefixes and prefixes[-1].text == "*" and (self.at("mut") or self.at("const")):
            # `*mut T`: a type where an expression was expected.
            self.advance()
            name = self.type_name()
            if len(prefixes) > 1:
                raise self.unexpected()
            pointer = own.TypePath(name.base, derived=(*name.derived, ("*", ())))
            return nodes.TypeExpr(prefixes[0].column, pointer)
        tree = self.postfix(self.atom())
        for token in reversed(prefixes):
            tree = own.Prefix(token.column, token.text, tree)
        return tree

    # --- operands ----------------------------------------------------------------------------

    def postfix(self, tree: nodes.Node) -> nodes.Node:
        """Parse ``.name``, ``.0``, ``[index]`` and ``(args)``."""
        for _ in range(_MAX_DEPTH):
            column = self.token.column
            if self.accept("."):
                if self.token.kind == "name" or self.token.text in ("self",):
                    tree = own.Access(column, tree, self.advance().text)
                elif self.token.kind == "int":
                    value = self.advance().value
                    assert isinstance(value, int)
                    tree = own.Access(column, tree, value)
                else:
                    raise ExprError("field name expected", self.token.column)
            elif self.accept("["):
                tree = own.Subscript(column, tree, self.expression())
                self.expect("]", "']' expected")
            elif self.at("("):
                tree = own.Invoke(column, tree, self._arguments())
            else:
                return tree
        raise ExprError("The expression is nested too deeply.", self.token.column)

    def _arguments(self) -> tuple[nodes.Node, ...]:
        self.advance()
        found: list[nodes.Node] = []
        if not self.at(")"):
            found.append(self.expression())
            while self.accept(","):
                if self.at(")"):
                    break
                found.append(self.expression())
        self.expect(")", "',' or ')' expected")
        return tuple(found)

    def atom(self) -> nodes.Node:
        """Parse a literal, a name, or what stands in brackets."""
        token = self.token
        column = token.column
        simple = self._literal(token)
        if simple is not None:
            self.advance()
            return simple
        if token.kind == "name" or token.text in ("self", "super", "crate", "extern", "::"):
            return self.path()
        if token.kind == "keyword" and token.text == "sizeof":
            self.advance()
            self.expect("(", "'(' expected")
            of = self.expression()
            self.expect(")", "')' expected")
            named = of.type if isinstance(of, nodes.TypeExpr) else of
            return nodes.SizeOf(column, named)
        if self.accept("("):
            if self.accept(")"):
                return own.Unit(column)
            tree = self.expression()
            if self.at(","):
                raise ExprError("Tuple expressions not supported yet", self.token.column)
            self.expect(")", "',' or ')' expected")
            return tree
        if self.accept("["):
            return self._array(column)
        raise self.unexpected()

    def _literal(self, token: Token) -> nodes.Node | None:
        column, value = token.column, token.value
        if token.kind in ("int", "char", "byte"):
            assert isinstance(value, int)
            kind = {"char": "char", "byte": "u8"}.get(token.kind, token.type or "i32")
            return own.Number(column, value, kind)
        if token.kind == "float":
            return own.Decimal(column, token.text, token.type)
        if token.kind in ("string", "bytes"):
            assert isinstance(value, bytes)
            return (own.Text if token.kind == "string" else own.Bytes)(column, value)
        if token.kind == "keyword" and token.text in ("true", "false"):
            return own.Truth(column, token.text == "true")
        if token.kind == "dollar":
            return nodes.dollar(token.text, column)
        return None

    def _array(self, column: int) -> nodes.Node:
        if self.token.kind == "name" and is_primitive(self.token.text):
            name = own.TypePath(self.advance().text)
            if self.accept(";"):
                count = self._count_of()
                self.expect("]", "']' expected")
                whole = own.TypePath(name.base, derived=(*name.derived, ("[]", count)))
                return nodes.TypeExpr(column, whole)
            raise ExprError("Attempt to use a type name as an expression", column)
        first = self.expression()
        if self.accept(";"):
            count_tree = self.expression()
            self.expect("]", "']' expected")
            return own.Repeat(column, first, count_tree)
        items = [first]
        while self.accept(","):
            if self.at("]"):
                break
            items.append(self.expression())
        self.expect("]", "',', ';', or ']' expected")
        return nodes.ArrayLiteral(column, tuple(items))

    def _count_of(self) -> int:
        token = self.advance()
        if token.kind != "int" or not isinstance(token.value, int):
            raise ExprError("integer expected", token.column)
        return token.value

    # --- names and types ---------------------------------------------------------------------

    def path(self) -> nodes.Node:
        """Parse a path, and what makes a struct of it."""
        column = self.token.column
        name = self._path_text(generic_needs_colons=True)
        if self.at("{"):
            return self._struct_literal(column, name)
        if self._is_type_name(name):
            return nodes.TypeExpr(column, own.TypePath(name))
        return own.Path(column, name)

    def _is_type_name(self, name: str) -> bool:
        return not self.at("(") and (is_primitive(name) or self._is_type(name))

    def _struct_literal(self, column: int, name: str) -> nodes.Node:
        self.advance()
        items: list[tuple[str, nodes.Node]] = []
        base: nodes.Node | None = None
        while not self.at("}"):
            if self.accept(".."):
                base = self.expression()
                break
            if self.token.kind != "name":
                raise ExprError("'}', '..', or identifier expected", self.token.column)
            token = self.advance()
            value: nodes.Node = own.Path(token.column, token.text)
            if self.accept(":"):
                value = self.expression()
            items.append((token.text, value))
            if not self.accept(","):
                break
        self.expect("}", "'}', '..', or identifier expected")
        return own.StructLiteral(column, name, tuple(items), base)

    def _path_text(self, *, generic_needs_colons: bool) -> str:
        """Parse ``a::b::<T>`` and return it as names are in debug information."""
        parts: list[str] = []
        if self.accept("extern"):
            self.expect("::", "'::' expected")
        else:
            self.accept("::")
        while self.token.kind == "keyword" and self.token.text in ("self", "super", "crate"):
            parts.append(self.advance().text)
            if not self.accept("::"):
                return parts[0]
        if self.token.kind != "name":
            raise ExprError("identifier expected", self.token.column)
        parts.append(self.advance().text)
        while True:
            if self.at("<") and not generic_needs_colons:
                parts[-1] += self._generics()
            elif self.accept("::"):
                if self.at("<"):
                    parts[-1] += self._generics()
                elif self.token.kind == "name":
                    parts.append(self.advance().text)
                else:
                    raise ExprError("identifier expected", self.token.column)
            else:
                return "::".join(parts)

    def _generics(self) -> str:
        """Parse ``<A, B>`` and return its text."""
        self.advance()
        texts: list[str] = []
        while not self._closes():
            texts.append(self.type_text())
            if not self.accept(","):
                break
        if not self._closes():
            raise ExprError("',' or '>' expected", self.token.column)
        if self.token.text == ">>":
            # The last of two lists of arguments ends with it.
            column = self.token.column + 1
            self.token = Token("op", ">", column)
        else:
            self.advance()
        return f"<{', '.join(texts)}>"

    def _closes(self) -> bool:
        return self.token.kind == "op" and self.token.text in (">", ">>")

    def type_text(self) -> str:
        """Parse a type and return it as debug information spells it."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ExprError("The expression is nested too deeply.", self.token.column)
        text = self._type_text()
        self._depth -= 1
        return text

    def _type_text(self) -> str:
        if self.accept("&"):
            return ("&mut " if self.accept("mut") else "&") + self.type_text()
        if self.accept("*"):
            if not self.at("mut") and not self.at("const"):
                raise ExprError("mut or const expected", self.token.column)
            return f"*{self.advance().text} {self.type_text()}"
        if self.accept("["):
            inner = self.type_text()
            if self.accept(";"):
                inner += f"; {self._count_of()}"
            self.expect("]", "']' expected")
            return f"[{inner}]"
        if self.accept("("):
            parts: list[str] = []
            while not self.at(")"):
                parts.append(self.type_text())
                if not self.accept(","):
                    break
            self.expect(")", "',' or ')' expected")
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if self.token.kind not in ("name", "keyword") and not self.at("::"):
            raise ExprError("type expected", self.token.column)
        return self._path_text(generic_needs_colons=False)

    def type_name(self) -> own.TypePath:
        """Parse a type that a value can be cast to."""
        column = self.token.column
        text = self.type_text()
        derived: list[tuple[object, ...]] = []
        while True:
            for mark in ("*mut ", "*const ", "&mut ", "&"):
                if text.startswith(mark) and not self._is_type(text):
                    text = text.removeprefix(mark)
                    derived.insert(0, ("*", ()))
                    break
            else:
                break
        if text.startswith("[") and text.endswith("]"):
            inner, _, count = text[1:-1].rpartition("; ")
            if count.isdecimal() and len(count) < 19:
                text = inner
                derived.insert(0, ("[]", int(count)))
        if not text:
            raise ExprError("type expected", column)
        return own.TypePath(text, derived=tuple(derived))
