"""The preprocessor's expansion of macros (C11, 6.10.3), with gdb's spacing and messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pydbg.errors import ExprError
from pydbg.symbols.macros import Macro

__all__ = ["Lookup", "defined", "expand", "expand_once"]

Lookup = Callable[[str], "Macro | None"]

_TOKEN = re.compile(
    r"\s+|\x01[A-Za-z_]\w*|/\*.*?\*/|//[^\n]*|\$[\w$]*|[A-Za-z_]\w*|\.?\d(?:[eEpP][-+]|[\w.])*"
    r"|(?:u8|[LuU])?\"(?:\\.|[^\"\\])*\"|(?:u8|[LuU])?'(?:\\.|[^'\\])*'"
    r"|%:%:|\.\.\.|<<=|>>=|->\*|##|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-*/%+&^|]=|::|.",
    re.DOTALL,
)
_DONE = "\x01"
"""Before a name that is never expanded any more: it was met in its own expansion."""
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*\Z")
_MOST = 1 << 20  # characters of an expansion; macros that double each other grow fast
_MAX_DEPTH = 100


def expand(text: str, lookup: Lookup) -> str:
    """Expand all macros in a text.

    Raises ExprError for calls with too few or too many arguments.

    >>> from pydbg.symbols.macros import parse_macro
    >>> known = {"LIMIT": parse_macro("LIMIT 10"), "TWICE": parse_macro("TWICE(x) ((x) * 2)")}
    >>> expand("a + TWICE(LIMIT)", known.get)
    'a + ((10) * 2)'
    """
    return _Expander(lookup).scan(text.replace(_DONE, ""), frozenset(), 0).replace(_DONE, "")


def expand_once(text: str, lookup: Lookup) -> str:
    """Expand the macros that stand in a text, and not those of their definitions.

    >>> from pydbg.symbols.macros import parse_macro
    >>> known = {"A": parse_macro("A B + 1"), "B": parse_macro("B 2")}
    >>> expand_once("A", known.get)
    'B + 1'
    """
    return _Expander(lookup, once=True).scan(text, frozenset(), 0).replace(_DONE, "")


def defined(text: str) -> Macro:
    """Read what ``macro define`` is given: ``NAME(PARAMS) BODY``. Raises ExprError."""
    found = re.match(r"([A-Za-z_]\w*)(\(?)", text)
    if found is None:
        raise ExprError("Invalid macro name.")
    name, rest = found[1], text[found.end() :]
    if not found[2]:
        return Macro(name, None, rest.strip())
    params: list[str] = []
    while True:
        rest = rest.lstrip()
        if rest[:1] == ")":
            return Macro(name, tuple(params), rest[1:].strip())
        one = re.match(r"(\.\.\.|[A-Za-z_]\w*(?:\.\.\.)?)\s*([,)]?)", rest)
        if one is None:
            raise ExprError("Macro is missing an argument.")
        if one[1] in params:
            raise ExprError("Two macro arguments with identical names.")
        params.append(one[1])
        if not one[2]:
            raise ExprError("',' or ')' expected at end of macro arguments.")
        rest = rest[one.end() :]
        if one[2] == ")":
            return Macro(name, tuple(params), rest.strip())


class _Expander:
    def __init__(self, lookup: Lookup, *, once: bool = False) -> None:
        self.lookup = lookup
        self.once = once

    def scan(self, text: str, hidden: frozenset[str], depth: int) -> str:
        """Expand what is not hidden: a macro inside of its own expansion is."""
        if self.once and depth:
            return text
        if depth > _MAX_DEPTH:
            raise ExprError("Macros are nested too deeply.")
        tokens = _TOKEN.findall(text)
        out, at = "", 0
        while at < len(tokens):
            token = tokens[at]
            at += 1
            made = None
            if token in hidden:
                token = _DONE + token
            elif _IDENTIFIER.match(token):
                macro = self.lookup(token)
                if macro is not None:
                    made, at = self._expansion(macro, tokens, at, hidden, depth)
            out = _joined(out, token if made is None else made)
            if len(out) > _MOST:
                raise ExprError("The macro's expansion is too long.")
        return out

    def _expansion(
        self, macro: Macro, tokens: list[str], at: int, hidden: frozenset[str], depth: int
    ) -> tuple[str | None, int]:
        inner = hidden | {macro.name}
        if macro.params is None:
            return self.scan(self._substituted(macro, [], hidden, depth), inner, depth + 1), at
        opening = at
        while opening < len(tokens) and tokens[opening].isspace():
            opening += 1
        if opening == len(tokens) or tokens[opening] != "(":
            return None, at
        args, at = _arguments(macro, tokens, opening + 1)
        return self.scan(self._substituted(macro, args, hidden, depth), inner, depth + 1), at

    def _substituted(
        self, macro: Macro, args: list[str], hidden: frozenset[str], depth: int
    ) -> str:
        """Put the arguments into the body: as they are beside # and ##, else expanded."""
        names = _names(macro)
        tokens = [token for token in _TOKEN.findall(macro.body) if token[:2] not in ("/*", "//")]
        out, at = "", 0
        while at < len(tokens):
            token = tokens[at]
            following = _solid(tokens, at + 1)
            if token == "#" and macro.params is not None and following < len(tokens):
                out += _string(args[names.index(tokens[following])])
                at = following + 1
                continue
            if following < len(tokens) and tokens[following] == "##":
                out, at = self._pasted(macro, tokens, at, args, out)
                continue
            if token in names:
                out = _joined(out, self.scan(args[names.index(token)], hidden, depth + 1))
            else:
                out = _joined(out, token)
            at += 1
        return out

    @staticmethod
    def _pasted(
        macro: Macro, tokens: list[str], at: int, args: list[str], out: str
    ) -> tuple[str, int]:
        """Glue operands of ## together; GNU's ``, ## args`` without args is nothing."""
        names = _names(macro)

        def operand(token: str) -> str:
            return args[names.index(token)] if token in names else token

        made = operand(tokens[at])
        while (glue := _solid(tokens, at + 1)) < len(tokens) and tokens[glue] == "##":
            right = _solid(tokens, glue + 1)
            if right >= len(tokens):
                raise ExprError(f"Stray splice (`##') at the end of macro `{macro.name}'.")
            added = operand(tokens[right])
            variadic = names and tokens[right] == names[-1] and _is_variadic(macro)
            if made == "," and variadic:
                made = f",{added}" if added else ""
            else:
                made += added
            at = right
        return out + made, at + 1


def _solid(tokens: Sequence[str], at: int) -> int:
    while at < len(tokens) and tokens[at].isspace():
        at += 1
    return at


def _is_variadic(macro: Macro) -> bool:
    return bool(macro.params) and macro.params is not None and macro.params[-1].endswith("...")


def _names(macro: Macro) -> list[str]:
    """Return what the parameters are called in the body."""
    params = list(macro.params or ())
    if params and params[-1].endswith("..."):
        params[-1] = params[-1][:-3].strip() or "__VA_ARGS__"
    return params


def _arguments(macro: Macro, tokens: list[str], at: int) -> tuple[list[str], int]:
    """Read the arguments of a call, up to its closing bracket."""
    params, variadic = macro.params or (), _is_variadic(macro)
    args: list[str] = []
    text, depth = "", 0
    while True:
        if at >= len(tokens):
            raise ExprError(f"Malformed argument list for macro `{macro.name}'.")
        token = tokens[at]
        at += 1
        if token == ")" and not depth:
            break
        if token == "," and not depth and not (variadic and len(args) >= len(params) - 1):
            args.append(text.strip())
            text = ""
            continue
        depth += (token == "(") - (token == ")")
        text += token
    args.append(text.strip())
    if not params and args == [""]:
        args = []
    if variadic and len(args) == len(params) - 1:
        args.append("")
    if len(args) != len(params):
        least = f"at least {len(params) - 1}" if variadic else str(len(params))
        raise ExprError(
            f"Wrong number of arguments to macro `{macro.name}' "
            f"(expected {least}, got {len(args)})."
        )
    return args, at


def _string(text: str) -> str:
    """Make a string of an argument's spelling."""
    inside = "".join(
        " "
        if token.isspace()
        else re.sub(r"([\\\"])", r"\\\1", token)
        if token[-1:] in "\"'"
        else token
        for token in _TOKEN.findall(text)
    )
    return f'"{inside}"'


def _joined(before: str, text: str) -> str:
    """Append a text, with a blank where the two would read as one token."""
    if not before or not text or before[-1].isspace() or text[0].isspace():
        return before + text
    last, first = _TOKEN.findall(before[-64:])[-1], _TOKEN.findall(text[:64])[0]
    apart = _TOKEN.findall(last + first)
    return before + text if apart[0] == last else f"{before} {text}"
