"""Text to tree: C's expression grammar with gdb's extras, errors at their column.

Precedences are those of gdb's c-exp.y: ``@`` stands between the shifts and ``+``.
"""

from __future__ import annotations

from collections.abc import Callable

from pydbg.errors import ExprError
from pydbg.expr import nodes
from pydbg.expr.casts import NAMED, NamedCast
from pydbg.expr.complexes import Imaginary
from pydbg.expr.lexer import Token, tokens
from pydbg.expr.memberpointers import ThroughPointer
from pydbg.expr.typenames import TypeParser
from pydbg.symbols.cplusnames import canonical

__all__ = ["Parser", "parse", "parse_prefix"]

_BINARY = {
    "=": 1,
    "?": 2,
    "||": 3,
    "&&": 4,
    "|": 5,
    "^": 6,
    "&": 7,
    "==": 8,
    "!=": 8,
    "<": 9,
    ">": 9,
    "<=": 9,
    ">=": 9,
    "<<": 10,
    ">>": 10,
    "@": 11,
    "+": 12,
    "-": 12,
    "*": 13,
    "/": 13,
    "%": 13,
}
_ASSIGN = ("+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=")
_BINARY.update(dict.fromkeys(_ASSIGN, 1))
_UNARY = ("-", "+", "!", "~", "*", "&")

# Each level of nesting costs Python frames in parser, evaluator and compiler.
_MAX_DEPTH = 60
_MAX_NODES = 4000


def parse(text: str, *, is_type: Callable[[str], bool] | None = None) -> nodes.Node:
    """Parse a whole expression.

    ``is_type`` says which identifiers name types beyond C's keywords and the usual
    ``int8_t`` and ``size_t``. Raises ExprError with the column.

    >>> parse("1 + 2 * 3").op
    '+'
    >>> parse("1 +")
    Traceback (most recent call last):
    pydbg.errors.ExprError: A syntax error in expression, near `'.
    """
    tree, end = parse_prefix(text, is_type=is_type)
    if text[end:].strip():
        raise ExprError("Junk after end of expression.", end)
    return tree


def parse_prefix(
    text: str,
    start: int = 0,
    *,
    stop_at_comma: bool = False,
    is_type: Callable[[str], bool] | None = None,
) -> tuple[nodes.Node, int]:
    """Parse an expression that ends at an unmatched ``)`` or, if asked, at a comma.

    Returns the tree and the index where it ended.

    >>> parse_prefix("1, 2", stop_at_comma=True)[1]
    1
    """
    parser = Parser(text, start, stop_at_comma, is_type)
    tree = parser.top()
    return tree, parser.token.column


class Parser:
    """Parse by precedence climbing; ``token`` is the one looked at."""

    def __init__(
        self,
        text: str,
        start: int,
        stop_at_comma: bool,
        is_type: Callable[[str], bool] | None,
    ) -> None:
        self.text = text
        self._tokens = tokens(text, start)
        self._ahead: list[Token] = []
        self._open = 0
        self._stop_at_comma = stop_at_comma
        self._depth = 0
        self._nodes = 0
        self.types = TypeParser(self, is_type)
        self.token = next(self._tokens)

    # -- tokens

    def advance(self) -> Token:
        """Step to the next token; return the one left behind."""
        token = self.token
        if token.kind == "op":
            if token.text in "([{":
                self._open += 1
            elif token.text in ")]}":
                self._open -= 1
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise ExprError("The expression is too long.", token.column)
        if self._ahead:
            self.token = self._ahead.pop(0)
        elif token.kind != "end":
            self.token = next(self._tokens)
        return token

    def peek(self) -> Token:
        """Return the token after the one looked at."""
        if not self._ahead:
            if self.token.kind == "end":
                return self.token
            self._ahead.append(next(self._tokens))
        return self._ahead[0]

    def at(self, text: str) -> bool:
        """Say whether the token is that operator."""
        return self.token.kind == "op" and self.token.text == text

    def accept(self, text: str) -> bool:
        """Step over that operator if it is next."""
        if self.at(text):
            self.advance()
            return True
        return False

    def expect(self, text: str) -> None:
        """Step over that operator or raise a syntax error."""
        if not self.accept(text):
            raise self.syntax_error()

    def syntax_error(self) -> ExprError:
        """Make gdb's syntax error for the token looked at."""
        near = self.text[self.token.column :]
        return ExprError(f"A syntax error in expression, near `{near}'.", self.token.column)

    def at_end(self) -> bool:
        """Say whether the expression ends here."""
        if self.token.kind == "end":
            return True
        if self.token.kind != "op" or self._open:
            return False
        return self.token.text in ")]" or (self._stop_at_comma and self.token.text == ",")

    # -- grammar

    def top(self) -> nodes.Node:
        """Parse an expression or, for ``whatis``, a type."""
        if self.types.starts():
            column = self.token.column
            tree: nodes.Node = nodes.TypeExpr(column, self.types.parse())
        else:
            tree = self.comma()
        if not self.at_end():
            raise self.syntax_error()
        return tree

    def comma(self) -> nodes.Node:
        """Parse expressions joined by commas."""
        left = self.expression(1)
        while self.at(",") and not self.at_end():
            column = self.advance().column
            left = nodes.Comma(column, left, self.expression(1))
        return left

    def expression(self, least: int) -> nodes.Node:
        """Parse operators that bind at least as tightly as ``least``."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ExprError("The expression is nested too deeply.", self.token.column)
        left = self.unary()
        chain = 0
        while self.token.kind == "op":
            op = self.token.text
            strength = _BINARY.get(op, 0)
            if strength < max(least, 1):
                break
            chain += 1
            if chain > 3 * _MAX_DEPTH:
                raise ExprError("The expression is too long.", self.token.column)
            column = self.advance().column
            if op == "?":
                yes = self.comma()
                self.expect(":")
                left = nodes.Conditional(column, left, yes, self.expression(strength))
            elif strength == 1:
                left = nodes.Assign(column, op[:-1], left, self.expression(strength))
            else:
                left = self.binary_node(column, op, left, self.expression(strength + 1))
        self._depth -= 1
        return left

    def binary_node(self, column: int, op: str, left: nodes.Node, right: nodes.Node) -> nodes.Node:
        """Return the tree of a binary operator, as the language has it."""
        return nodes.Binary(column, op, left, right)

    def unary(self) -> nodes.Node:
        """Parse prefix operators and casts, then what they apply to."""
        prefixes: list[Callable[[nodes.Node], nodes.Node]] = []
        while True:
            made = self._prefix()
            if made is None:
                break
            prefixes.append(made)
            if len(prefixes) > _MAX_DEPTH:
                raise ExprError("The expression is nested too deeply.", self.token.column)
        tree = self._sizeof() or self.postfix(self.primary())
        for made in reversed(prefixes):
            tree = made(tree)
        return tree

    def _prefix(self) -> Callable[[nodes.Node], nodes.Node] | None:
        token = self.token
        column = token.column
        if token.kind != "op":
            return None
        if token.text in _UNARY:
            self.advance()
            return lambda tree: nodes.Unary(column, token.text, tree)
        if token.text in ("++", "--"):
            self.advance()
            return lambda tree: nodes.IncDec(column, token.text[0], tree, True)
        if token.text in ("(", "{") and self.types.starts(self.peek()):
            self.advance()
            type_name = self.types.parse()
            self.expect(")" if token.text == "(" else "}")
            if token.text == "(":
                return lambda tree: nodes.CastTo(column, type_name, tree)
            return lambda tree: nodes.TypedMemory(column, type_name, tree)
        return None

    def _sizeof(self) -> nodes.Node | None:
        token = self.token
        if token.kind != "name" or token.text not in ("sizeof", "_Alignof"):
            return None
        align = token.text != "sizeof"
        self.advance()
        if self.at("(") and self.types.starts(self.peek()):
            self.advance()
            type_name = self.types.parse()
            self.expect(")")
            return nodes.SizeOf(token.column, type_name, align)
        return nodes.SizeOf(token.column, self._nested_unary(), align)

    def _nested_unary(self) -> nodes.Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ExprError("The expression is nested too deeply.", self.token.column)
        tree = self.unary()
        self._depth -= 1
        return tree

    def postfix(self, tree: nodes.Node) -> nodes.Node:
        """Parse ``[i]``, ``(args)``, ``.name``, ``->name``, ``++`` and ``--``."""
        chain = 0
        while self.token.kind == "op":
            op, column = self.token.text, self.token.column
            chain += 1
            if chain > _MAX_DEPTH:
                raise ExprError("The expression is nested too deeply.", column)
            if op == "[":
                self.advance()
                tree = self.index(column, tree)
                self.expect("]")
            elif op == "(":
                self.advance()
                tree = self.call(column, tree)
            elif op in (".*", "->*"):
                self.advance()
                tree = ThroughPointer(column, tree, self._nested_unary(), op == "->*")
            elif op in (".", "->"):
                self.advance()
                tree = self.member(column, tree, arrow=op == "->")
            elif op in ("++", "--"):
                self.advance()
                tree = nodes.IncDec(column, op[0], tree, False)
            else:
                break
        return tree

    def index(self, column: int, base: nodes.Node) -> nodes.Node:
        """Parse what stands behind ``[``."""
        return nodes.Index(column, base, self.comma())

    def call(self, column: int, function: nodes.Node) -> nodes.Node:
        """Parse arguments and their closing bracket."""
        return nodes.Call(column, function, self._list(")"))

    def member(self, column: int, base: nodes.Node, *, arrow: bool) -> nodes.Node:
        """Parse a member's name."""
        return nodes.Member(column, base, self._qualified(), arrow)

    def _list(self, close: str) -> tuple[nodes.Node, ...]:
        items: list[nodes.Node] = []
        if not self.at(close):
            items.append(self.expression(1))
            while self.accept(","):
                items.append(self.expression(1))
        self.expect(close)
        return tuple(items)

    def primary(self) -> nodes.Node:
        """Parse a literal, name, ``$name``, array literal or parenthesised expression."""
        token = self.token
        column = token.column
        if token.kind in ("int", "char", "float"):
            return self._number(self.advance())
        if token.kind == "imaginary":
            self.advance()
            assert isinstance(token.value, Token)
            return Imaginary(column, self._number(token.value))
        if token.kind == "string":
            return self._string()
        if token.kind == "dollar":
            self.advance()
            return nodes.dollar(token.text, column)
        if token.kind == "name" and token.text in NAMED and self.peek().text == "<":
            return self._named_cast()
        if (token.kind in ("name", "quoted") and not self.types.starts()) or self.at("::"):
            return self._name()
        if self.at("(") and not self.at_end():
            self.advance()
            tree = self.comma()
            self.expect(")")
            return tree
        if self.at("{"):
            self.advance()
            return nodes.ArrayLiteral(column, self._list("}"))
        raise self.syntax_error()

    @staticmethod
    def _number(token: Token) -> nodes.Literal | nodes.FloatLiteral:
        if token.kind == "float":
            return nodes.FloatLiteral(token.column, str(token.value), token.type)
        assert isinstance(token.value, int)
        return nodes.Literal(token.column, token.value, token.type)

    def _named_cast(self) -> nodes.Node:
        token = self.advance()
        self.expect("<")
        type_name = self.types.parse()
        self.expect(">")
        self.expect("(")
        tree = self.comma()
        self.expect(")")
        return NamedCast(token.column, token.text, type_name, tree)

    def _string(self) -> nodes.Node:
        column = self.token.column
        chars: tuple[int, ...] = ()
        kind = self.token.type
        while self.token.kind == "string":
            token = self.advance()
            if token.type != "char":
                if kind not in ("char", token.type):
                    raise ExprError("Undefined string concatenation.", token.column)
                kind = token.type
            assert isinstance(token.value, tuple)
            chars += token.value
        return nodes.StringLiteral(column, chars, kind)

    def _name(self) -> nodes.Node:
        column = self.token.column
        self.accept("::")
        quoted = self.token.kind == "quoted" and self.peek().text != "::"
        name = canonical(self._qualified())
        if self.at("@") and self.peek().text == "entry":
            self.advance()
            self.advance()
            name += "@entry"  # What a parameter was when its function was entered.
        return nodes.Name(column, name, quoted)

    def _qualified(self) -> str:
        """Parse a name with the classes and namespaces before it."""
        name = ""
        while True:
            if self.at("~") and self.peek().kind == "name":
                name += self.advance().text
            if self.token.kind not in ("name", "quoted"):
                raise self.syntax_error()
            text = self._text(self.advance())
            if text == "operator":
                return name + text + self._operator()
            name += text
            if not self.accept("::"):
                return name
            name += "::"

    def _operator(self) -> str:
        """Parse what stands behind ``operator``: an operator, or the type it converts to."""
        if self.at("(") or self.at("["):
            close = ")" if self.advance().text == "(" else "]"
            self.expect(close)
            return "()" if close == ")" else "[]"
        if self.token.kind == "op":
            return self.advance().text
        start = self.token.column
        if not self.types.starts():
            return ""
        self.types.parse(functions=False)
        return f" {canonical(self.text[start : self.token.column].strip())}"

    @staticmethod
    def _text(token: Token) -> str:
        return str(token.value) if token.kind == "quoted" else token.text
