"""Type names in expressions: ``unsigned long *(*)[3]`` to a TypeName, and to a CType."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pydbg.errors import ExprError, NoSymbol
from pydbg.expr.lexer import Token
from pydbg.expr.nodes import TypeName
from pydbg.expr.types import (
    LP64,
    CType,
    DataModel,
    FunctionType,
    QualifiedType,
    ReferenceType,
)
from pydbg.patterns import lazy_pattern
from pydbg.symbols.cplusnames import canonical

__all__ = ["TypeParser", "is_source_name", "is_type_word", "resolve"]

_BASIC = frozenset(("char", "int", "float", "double", "void", "_Bool"))
_MODIFIERS = frozenset(("signed", "unsigned", "long", "short", "__int128"))
_QUALIFIERS = frozenset(("const", "volatile"))
_TAGS = frozenset(("struct", "union", "enum", "class"))
_KEYWORDS = _BASIC | _MODIFIERS | _QUALIFIERS | _TAGS - {"class"}
_MAX_DERIVED = 64
_NAMED = lazy_pattern(r"\s+[A-Za-z_]")
_MEMBER = lazy_pattern(r"\s*::\s*[^\s*]")
_QUALIFIED = lazy_pattern(r"(?:\s*::\s*[A-Za-z_]\w*(?:<[\w ,:&*()<>\[\]]*>)?)+")


class _Tokens(Protocol):
    token: Token
    text: str

    def advance(self) -> Token: ...
    def at(self, text: str) -> bool: ...
    def peek(self) -> Token: ...
    def accept(self, text: str) -> bool: ...
    def expect(self, text: str) -> None: ...
    def syntax_error(self) -> ExprError: ...


class TypeParser:
    """Parse type names out of the tokens of an expression's parser."""

    def __init__(self, tokens: _Tokens, is_type: Callable[[str], bool] | None) -> None:
        self._tokens = tokens
        self._is_type = is_type
        self._depth = 0

    def starts(self, token: Token | None = None) -> bool:
        """Say whether a type name starts at the token."""
        token = token or self._tokens.token
        if token.text == "class" and _NAMED.match(self._tokens.text, token.end):
            return True  # Alone it is a name like others in C.
        if token.kind != "name" or _MEMBER.match(self._tokens.text, self._end_of_name(token)):
            return False
        return self._names_type(self._whole_name(token))

    def _whole_name(self, token: Token) -> str:
        """Return a name with the qualified ones behind it: ``ns::Class::inner``."""
        return canonical(self._tokens.text[token.column : self._end_of_name(token)])

    def _end_of_name(self, token: Token) -> int:
        found = _QUALIFIED.match(self._tokens.text, token.end)
        return found.end() if found else token.end

    def _names_type(self, name: str) -> bool:
        return is_type_word(name) or (self._is_type is not None and self._is_type(name))

    def parse(self, *, functions: bool = True) -> TypeName:
        """Parse base words and an abstract declarator; without ``functions`` up to a bracket."""
        base, const, volatile = self._base()
        derived = [] if self._tokens.at("(") and not functions else self._declarator()
        if len(derived) > _MAX_DERIVED:
            raise ExprError("The type is nested too deeply.", self._tokens.token.column)
        return TypeName(base, const, volatile, tuple(derived))

    def _base(self) -> tuple[str, bool, bool]:
        words: list[str] = []
        quals: set[str] = set()
        named = ""
        tokens = self._tokens
        while tokens.token.kind == "name":
            word = tokens.token.text
            if word in _QUALIFIERS:
                quals.add(word)
            elif word in _TAGS and not words and not named:
                tokens.advance()
                if tokens.token.kind != "name":
                    raise tokens.syntax_error()
                named = f"{word} {self._whole_name(tokens.token)}"
                self._qualified_name()
                continue
            elif word in _BASIC or word in _MODIFIERS:
                if named:
                    break
                if normal_spelling([*words, word]) is None:
                    raise tokens.syntax_error()
                words.append(word)
            elif not words and not named and self._names_type(self._whole_name(tokens.token)):
                named = self._qualified_name()
                continue
            else:
                break
            tokens.advance()
        if not named and not words:
            raise tokens.syntax_error()
        base = named or normal_spelling(words)
        if base is None:
            raise tokens.syntax_error()
        return base, "const" in quals, "volatile" in quals

    def _qualified_name(self) -> str:
        tokens = self._tokens
        name, end = self._whole_name(tokens.token), self._end_of_name(tokens.token)
        tokens.advance()
        while tokens.token.column < end and tokens.token.kind != "end":
            tokens.advance()
        return name

    def _declarator(self) -> list[tuple[object, ...]]:
        """Parse pointers, a parenthesised inner declarator, then arrays and parameters."""
        tokens = self._tokens
        self._depth += 1
        if self._depth > _MAX_DERIVED:
            raise ExprError("The type is nested too deeply.", tokens.token.column)
        pointers: list[tuple[object, ...]] = []
        while True:
            if tokens.at("*") or tokens.at("&") or tokens.at("&&"):
                mark = tokens.advance().text
                quals: list[str] = []
                while tokens.token.kind == "name" and tokens.token.text in _QUALIFIERS:
                    quals.append(tokens.advance().text)
                pointers.append((mark, tuple(sorted(quals))))
            else:
                break
        inner: list[tuple[object, ...]] = []
        following = tokens.peek()
        if tokens.at("(") and following.kind == "op" and following.text in ("*", "(", "["):
            tokens.advance()
            inner = self._declarator()
            tokens.expect(")")
        suffixes = self._suffixes()
        # C reads declarators inside out: suffixes bind before the pointers inside ( ).
        derived = pointers + suffixes[::-1] + inner
        if suffixes and tokens.at("*"):
            # gdb takes "int[3]*" for "int (*)[3]".
            derived += self._declarator()
        self._depth -= 1
        return derived

    def _suffixes(self) -> list[tuple[object, ...]]:
        tokens = self._tokens
        found: list[tuple[object, ...]] = []
        while True:
            if tokens.at("["):
                tokens.advance()
                count = 0
                if tokens.token.kind == "int":
                    value = tokens.advance().value
                    assert isinstance(value, int)
                    count = value
                tokens.expect("]")
                found.append(("[]", count))
            elif tokens.at("("):
                tokens.advance()
                found.append(self._parameters())
            else:
                return found

    def _parameters(self) -> tuple[object, ...]:
        tokens = self._tokens
        params: list[TypeName] = []
        variadic = False
        while not tokens.at(")"):
            if tokens.at("."):
                for _ in range(3):
                    tokens.expect(".")
                variadic = True
                break
            if not self.starts():
                raise tokens.syntax_error()
            params.append(self.parse())
            if not tokens.accept(","):
                break
        tokens.expect(")")
        if len(params) == 1 and params[0] == TypeName("void"):
            return ("()", (), variadic, True)
        return ("()", tuple(params), variadic, bool(params))


def is_source_name(name: str) -> bool:
    """Say whether a name is none of the language's own words, so that a program may define it.

    >>> is_source_name("size_t"), is_source_name("unsigned long"), is_source_name("struct a")
    (True, False, True)
    """
    first = name.partition(" ")[0]
    return first in _TAGS or first not in _KEYWORDS


def is_type_word(name: str) -> bool:
    """Say whether a word begins a type in every program.

    >>> is_type_word("unsigned"), is_type_word("uint8_t"), is_type_word("main")
    (True, True, False)
    """
    return name in _KEYWORDS or LP64.named(name) is not None


def normal_spelling(words: list[str]) -> str | None:
    """Return gdb's name of a set of base words, or None if they do not go together.

    >>> normal_spelling(["long", "unsigned", "int", "long"])
    'unsigned long long'
    """
    longs = words.count("long")
    rest = sorted(word for word in words if word != "long")
    if len(rest) != len(set(rest)) or longs > 2:
        return None
    sign = [word for word in rest if word in ("signed", "unsigned")]
    core = [word for word in rest if word not in ("signed", "unsigned", "int")]
    if len(sign) > 1 or len(core) > 1:
        return None
    unsigned = "unsigned " if sign == ["unsigned"] else ""
    kind = core[0] if core else ""
    if longs:
        if kind == "double" and longs == 1 and not sign and "int" not in rest:
            return "long double"
        return None if kind else unsigned + "long" + (" long" if longs == 2 else "")
    if kind == "short" or kind == "__int128":
        return unsigned + kind
    if kind == "char":
        if "int" in rest:
            return None
        return f"{sign[0]} char" if sign else "char"
    if kind:
        return None if sign or "int" in rest else kind
    return unsigned + "int"


def resolve(
    name: TypeName, model: DataModel, lookup: Callable[[str], CType | None] | None = None
) -> CType:
    """Turn a type name into a type of one data model.

    ``lookup`` finds names that are not C's own (typedefs, ``struct foo``).

    >>> str(resolve(TypeName("int", derived=(("*", ()), ("[]", 4))), LP64))
    'int *[4]'
    """
    found = lookup(name.base) if lookup is not None else None
    base = found or model.named(name.base)
    if base is None:
        tag, _, rest = name.base.partition(" ")
        if tag in _TAGS and rest:
            kind = "struct" if tag == "class" else tag
            raise ExprError(f"No {kind} type named {rest}.")
        raise NoSymbol(f'No symbol "{name.base}" in current context.', name.base)
    if name.const or name.volatile:
        base = QualifiedType(base.name, base.size, base, name.const, name.volatile)
    for step in name.derived:
        base = _derive(base, step, model, lookup)
    return base


def _derive(
    base: CType,
    step: tuple[object, ...],
    model: DataModel,
    lookup: Callable[[str], CType | None] | None,
) -> CType:
    if step[0] in ("&", "&&"):
        return ReferenceType("", model.pointer_size, base, step[0] == "&&")
    if step[0] == "*":
        pointer: CType = model.pointer(base)
        if step[1]:
            quals = step[1]
            assert isinstance(quals, tuple)
            pointer = QualifiedType(
                "", pointer.size, pointer, "const" in quals, "volatile" in quals
            )
        return pointer
    if step[0] == "[]":
        assert isinstance(step[1], int)
        return model.array(base, step[1])
    _, params, variadic, prototyped = step
    assert isinstance(params, tuple)
    return FunctionType(
        "",
        result=base,
        params=tuple(resolve(param, model, lookup) for param in params),
        variadic=bool(variadic),
        prototyped=bool(prototyped),
    )
