"""Types in full as ``ptype`` prints them (gdb's c-typeprint.c)."""

from __future__ import annotations

from collections.abc import Iterator

from pydbg.expr.respell import respell
from pydbg.expr.types import (
    ArrayType,
    CType,
    EnumType,
    Field,
    FunctionType,
    Method,
    NamespaceType,
    QualifiedType,
    StructType,
    TypedefType,
    base_name,
    declared,
    parameters,
    strip,
    unqualified,
)
from pydbg.records import NamedTuple

__all__ = [
    "EVERYTHING",
    "FLAGS",
    "Names",
    "Shown",
    "behind_fields",
    "behind_typedefs",
    "declaration",
    "head",
    "inside",
    "needs_labels",
    "ptype",
    "taken_apart",
    "whatis",
]

_MAX_DEPTH = 40


class Shown(NamedTuple):
    """Hold what ``ptype`` shows of classes, by its flags and ``set print type``."""

    raw: bool = False
    """All names as they are, without the arguments of templates."""
    methods: bool = True
    typedefs: bool = True
    hexadecimal: bool = False
    """Of ``ptype/o``: its numbers."""

    def but(self, flags: str) -> Shown:
        """Return what flags of ``ptype`` make of it, the last one counts.

        >>> Shown().but("mt"), Shown(methods=False).but("rM").raw
        (Shown(raw=False, methods=False, typedefs=False, hexadecimal=False), True)
        """
        shown = self
        for flag in flags:
            if flag == "o":  # It shows neither unless flags behind it say so.
                shown = shown._replace(methods=False, typedefs=False)
            else:
                field, value = _FLAGS[flag]
                shown = shown._replace(**{field: value})
        return shown


EVERYTHING = Shown()
_FLAGS = {
    "r": ("raw", True), "m": ("methods", False), "M": ("methods", True), "t": ("typedefs", False),
    "T": ("typedefs", True), "x": ("hexadecimal", True), "d": ("hexadecimal", False),
}  # fmt: skip
FLAGS = frozenset(_FLAGS) | {"o"}
"""The letters of ``ptype`` and ``whatis``."""


class Names:
    """Say what types are called: inside a class by its own typedefs and template parameters.

    With ``short`` classes have the names that users know them by (``std::string``).
    """

    def __init__(
        self,
        own: dict[str, str] | None = None,
        *,
        short: bool = False,
        shown: Shown = EVERYTHING,
    ) -> None:
        self.own = own or {}
        self.short = short
        self.shown = shown

    @classmethod
    def outermost(cls, shown: Shown) -> Names:
        """Return the names that a type is shown with."""
        return cls(short=not shown.raw, shown=shown)

    def inside(self, own: dict[str, str]) -> Names:
        """Return the names inside of a class."""
        return Names({} if self.shown.raw else own, short=self.short, shown=self.shown)

    @property
    def outside(self) -> Names:
        """Return the names without those of a class."""
        return Names(short=self.short, shown=self.shown)

    def known(self, ctype: CType) -> str | None:
        """Return the name users know a class by, its qualifiers too; None if it has none."""
        shown = behind_typedefs(ctype)
        inner = unqualified(shown)
        if not self.short or not isinstance(inner, StructType) or inner.namer is None:
            return None
        known = inner.namer(inner.name)
        # A class with a name of its own is that; of a typedef's only the class itself.
        if known is None or not ("<" in known or inner is shown):
            return None
        return (shown.words if isinstance(shown, QualifiedType) else "") + known

    def of(self, ctype: CType) -> str:
        """Return what a type that has a name is called."""
        known = base_name(ctype)
        own = self.own.get(known)
        if own is not None:
            return own
        struct = strip(ctype)
        named = struct if isinstance(struct, StructType) else ctype
        find = getattr(named, "namer", None) if self.short else None
        if "<" not in known or (find is None and not self.own):
            return known
        return respell(known, lambda part: self.own.get(part) or (find(part) if find else None))


_PLAIN = Names()


def ptype(ctype: CType, shown: Shown = EVERYTHING) -> str:
    """Return a type with its members, behind its outermost typedefs.

    >>> from pydbg.expr.types import LP64, TypedefType
    >>> ptype(TypedefType("word", 8, LP64.ulong))
    'unsigned long'
    """
    if isinstance(ctype, NamespaceType):
        return f"namespace {ctype.name}"
    names = Names.outermost(shown)
    return names.known(ctype) or declaration(ctype, "", 1, 0, names)


def whatis(ctype: CType, is_name: bool, shown: Shown = EVERYTHING) -> str:
    """Return a type's name, of a typedef's name what that stands for.

    >>> from pydbg.expr.types import LP64, TypedefType
    >>> whatis(TypedefType("word", 8, LP64.ulong), True)
    'unsigned long'
    """
    named = whatis_name(ctype) if is_name else ctype
    return declaration(named, "", -1, 0, Names.outermost(shown))


def whatis_name(ctype: CType) -> CType:
    """Return what ``whatis`` shows of a type's name: one typedef less, and its qualifiers."""
    inner = unqualified(ctype)
    return inner.target if isinstance(inner, TypedefType) else ctype


def declaration(ctype: CType, name: str, show: int, level: int, names: Names = _PLAIN) -> str:
    """Declare ``name`` with a type; ``show`` says how many levels of members are shown."""
    if show > 0:
        ctype = behind_typedefs(ctype)
    base, declarator = (taken_apart if show > 0 else split)(ctype, name, names)
    text = _base(base, show, level, names)
    return f"{text} {declarator}" if declarator else text


def taken_apart(ctype: CType, name: str, names: Names) -> tuple[CType, str]:
    """Return the innermost type, behind all typedefs, and the declarator around ``name``.

    >>> from pydbg.expr.types import LP64, TypedefType
    >>> taken_apart(LP64.pointer(TypedefType("t", 8, LP64.pointer(LP64.int))), "", Names())[1]
    '**'
    """
    base, declarator = split(ctype, name, names)
    while isinstance(unqualified(base), TypedefType):
        behind = behind_typedefs(base)
        inner = unqualified(behind)
        if declarator and not inner.name and not isinstance(inner, (StructType, EnumType)):
            behind = inner  # As in gdb, qualifiers of a pointer's typedef are lost here.
        if isinstance(behind, (ArrayType, FunctionType)) and declarator[:1] in ("*", "&"):
            declarator = f"({declarator})"
        base, declarator = split(behind, declarator, names)
    return base, declarator


def _requalified(target: CType, like: CType) -> CType:
    if not isinstance(like, QualifiedType):
        return target
    old = target if isinstance(target, QualifiedType) else None
    return QualifiedType(
        target.name, target.size, old.target if old is not None else target,
        like.const or (old is not None and old.const),
        like.volatile or (old is not None and old.volatile),
        like.restrict or (old is not None and old.restrict),
        like.atomic or (old is not None and old.atomic),
        like.cplus,
    )  # fmt: skip


def behind_typedefs(ctype: CType) -> CType:
    """Return a type without its outermost typedefs, with its qualifiers."""
    while isinstance(unqualified(ctype), TypedefType):
        inner = unqualified(ctype)
        assert isinstance(inner, TypedefType)
        ctype = _requalified(inner.target, ctype)
    return ctype


def split(ctype: CType, declarator: str, names: Names) -> tuple[CType, str]:
    """Take pointers, arrays and functions off a type; return what is left and the declarator."""
    return declared(ctype, declarator, lambda function: _parameters(function, names))


def _base(ctype: CType, show: int, level: int, names: Names) -> str:
    words = ctype.words if isinstance(ctype, QualifiedType) else ""
    inner = unqualified(ctype)
    if show <= 0 and inner.name:
        return words + names.of(inner)
    if isinstance(inner, StructType):
        return words + _struct(inner, show, level, names if not inner.name else names.outside)
    if isinstance(inner, EnumType):
        return words + _enum(inner, show)
    return words + base_name(inner)


def _enum(ctype: EnumType, show: int) -> str:
    text = "enum " + ("class " if ctype.scoped else "") + ctype.name
    if show < 0:
        return text if ctype.name else text + "{...}"
    if show > 0 and ctype.name:
        text += " "
    if ctype.cplus and ctype.base:
        text += f": {ctype.base} "
    parts = []
    expected = 0
    for name, value in ctype.values:
        parts.append(name if value == expected else f"{name} = {value}")
        expected = value + 1
    return f"{text}{{{', '.join(parts)}}}"


def _struct(ctype: StructType, show: int, level: int, names: Names) -> str:
    text = _keyword(ctype, names)
    if show < 0 or level > 4 * _MAX_DEPTH:
        return text if ctype.name else text + "{...}"
    if show > 0 and ctype.name:
        text += " "
    body = "".join(_body(ctype, show, level, names))
    return text + _derivation(ctype, names) + "{\n" + body + " " * level + "}"


def _keyword(ctype: StructType, names: Names) -> str:
    keyword = "class" if ctype.declared_class else ctype.keyword
    return f"{keyword} {names.of(ctype) if ctype.name and ctype.cplus else ctype.name}"


def head(ctype: StructType, names: Names) -> str:
    """Return what stands before the members: keyword, name, template's arguments, bases."""
    blank = " " if ctype.name else ""
    return f"{_keyword(ctype, names)}{blank}{_derivation(ctype, names)}"


def _derivation(ctype: StructType, names: Names) -> str:
    text = ""
    templates = [
        f"{name} = {declaration(meant, '', -1, 0, names)}" for name, meant in ctype.templates
    ]
    if templates and not names.shown.raw:
        text += f"[with {', '.join(templates)}] "
    bases = []
    own = names.inside(_parameters_of(ctype))
    for field in ctype.fields:
        if field.kind in ("base", "virtual"):
            virtual = " virtual" if field.kind == "virtual" else ""
            bases.append(f"{field.access}{virtual} {own.of(strip(field.type))}")
    if bases:
        text += f": {', '.join(bases)} "
    return text


def _body(ctype: StructType, show: int, level: int, outer: Names) -> Iterator[str]:
    indent = " " * (level + 4)
    everything = list(ctype.fields)
    methods = list(ctype.methods)
    if not everything and not methods and not list(ctype.typedefs):
        what = "incomplete type" if ctype.incomplete else "no data fields"
        yield f"{indent}<{what}>\n"
    names = inside(ctype, outer)
    labels = needs_labels(ctype, methods)
    section = ""
    fields = [field for field in everything if field.kind not in ("base", "virtual")]
    for field in fields:
        if field.artificial:
            continue
        if labels and field.access != section:
            section = field.access
            yield f"{' ' * (level + 2)}{section}:\n"
        static = "static " if field.kind == "static" else ""
        bits = f" : {field.bit_size}" if field.bit_size else ""
        text = declaration(field.type, field.name, show - 1, level + 4, names)
        yield f"{indent}{static}{text}{bits};\n"
    yield from behind_fields(ctype, show, level, outer, section)


def behind_fields(
    ctype: StructType, show: int, level: int, outer: Names, section: str, margin: str = ""
) -> Iterator[str]:
    """Give the lines of a class's methods and typedefs; ``section`` is that of the last field."""
    methods, typedefs = list(ctype.methods), list(ctype.typedefs)
    names, parameters_only = inside(ctype, outer), outer.inside(_parameters_of(ctype))
    labels = needs_labels(ctype, methods)
    indent, before = f"{margin}{' ' * (level + 4)}", f"{margin}{' ' * (level + 2)}"
    grouped = _grouped(methods) if outer.shown.methods else ()
    shown = [method for method in grouped if not method.artificial]
    if shown and section:
        yield "\n"
    for method in shown:
        if method.access != section:
            section = method.access
            yield f"{before}{section}:\n"
        yield f"{indent}{_method(method, names)};\n"
    if typedefs and outer.shown.typedefs:
        if ctype.fields or methods:
            yield "\n"
        for one, access in typedefs:
            if labels and access != section:
                section = access
                yield f"{before}{section}:\n"
            name = one.name.rpartition("::")[2]
            meant = declaration(one.target, name, show - 1, level + 4, parameters_only)
            yield f"{indent}typedef {meant};\n"


def _parameters_of(ctype: StructType) -> dict[str, str]:
    return {str(meant): name for name, meant in ctype.templates}


def inside(ctype: StructType, outer: Names) -> Names:
    """Return the names inside a class: its template's parameters, then its typedefs."""
    own = {**_parameters_of(ctype), **outer.own}
    for one, _ in ctype.typedefs:
        own.setdefault(one.name, one.name.rpartition("::")[2])
    return outer.inside(own)


def needs_labels(ctype: StructType, methods: list[Method]) -> bool:
    """Tell whether a class says what is public and what is not."""
    parts: list[Field | Method] = [
        field for field in ctype.fields if field.kind not in ("base", "virtual")
    ]
    parts += methods
    usual = "private" if ctype.declared_class else "public"
    if any(access != usual for _, access in ctype.typedefs):
        return True
    if ctype.declared_class:
        return any(part.access != "private" for part in parts)
    # gdb takes the pointer to the table of virtual functions for private.
    hidden = any(isinstance(part, Field) and part.artificial for part in parts)
    return hidden or any(part.access != "public" for part in parts)


def _grouped(methods: list[Method]) -> Iterator[Method]:
    """Give methods as gdb keeps them: those of a name together."""
    groups: dict[str, list[Method]] = {}
    for method in methods:
        groups.setdefault(method.name, []).append(method)
    for group in groups.values():
        yield from group


def _method(method: Method, names: Names) -> str:
    text = "virtual " if method.virtual else "static " if method.static else ""
    conversion = method.name.startswith("operator ")
    result = method.type.result
    if method.constructor:
        # gdb knows no template for a constructor.
        text += "void " if "<" in method.name else ""
    elif not conversion and result is not None:
        text += declaration(result, "", -1, 0, names) + " "
    return f"{text}{method.name}({_parameters(method.type, names)}){method.suffix}"


def _parameters(function: FunctionType, names: Names) -> str:
    if not function.params:
        return parameters(function)
    texts = [declaration(param, "", 0, 0, names) for param in function.params]
    return ", ".join(texts + ["..."] if function.variadic else texts)
