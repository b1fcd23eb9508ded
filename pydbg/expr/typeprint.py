"""Types in full as ``ptype`` prints them (gdb's c-typeprint.c)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydbg.expr.types import (
    CType,
    EnumType,
    Field,
    FunctionType,
    Method,
    QualifiedType,
    StructType,
    TypedefType,
    base_name,
    declared,
    parameters,
    unqualified,
)

__all__ = ["behind_typedefs", "declaration", "ptype", "whatis_name"]

_MAX_DEPTH = 40


def ptype(ctype: CType) -> str:
    """Return a type with its members, behind its outermost typedefs.

    >>> from pydbg.expr.types import LP64, TypedefType
    >>> ptype(TypedefType("word", 8, LP64.ulong))
    'unsigned long'
    """
    return declaration(ctype, "", 1, 0)


def whatis_name(ctype: CType) -> CType:
    """Return what ``whatis`` shows of a type's name: one typedef less."""
    inner = unqualified(ctype)
    if isinstance(inner, TypedefType):
        return _requalified(inner.target, ctype)
    return ctype


def declaration(
    ctype: CType, name: str, show: int, level: int, names: Mapping[str, str] | None = None
) -> str:
    """Declare ``name`` with a type; ``show`` says how many levels of members are shown.

    ``names`` are what types are called inside a class: its own typedefs, a template's parameters.
    """
    names = names or {}
    if show > 0:
        ctype = behind_typedefs(ctype)
    base, declarator = _split(ctype, name, names)
    text = _base(base, show, level, names)
    return f"{text} {declarator}" if declarator else text


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


def _split(ctype: CType, declarator: str, names: Mapping[str, str]) -> tuple[CType, str]:
    return declared(ctype, declarator, lambda function: _parameters(function, names))


def _base(ctype: CType, show: int, level: int, names: Mapping[str, str]) -> str:
    words = ctype.words if isinstance(ctype, QualifiedType) else ""
    inner = unqualified(ctype)
    if show <= 0 and inner.name:
        known = base_name(inner)
        return words + names.get(known, known)
    if isinstance(inner, TypedefType):
        # What a pointer's typedef stands for: only its innermost type is shown.
        behind = _requalified(behind_typedefs(inner), ctype)
        base, _ = _split(behind, "", names)
        return _base(base, show, level, names) if base is not ctype else base_name(inner)
    if isinstance(inner, StructType):
        return words + _struct(inner, show, level)
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


def _struct(ctype: StructType, show: int, level: int) -> str:
    keyword = "class" if ctype.declared_class else ctype.keyword
    text = f"{keyword} {ctype.name}"
    if show < 0 or level > 4 * _MAX_DEPTH:
        return text if ctype.name else text + "{...}"
    if show > 0 and ctype.name:
        text += " "
    return text + _head(ctype) + "{\n" + "".join(_body(ctype, show, level)) + " " * level + "}"


def _head(ctype: StructType) -> str:
    text = ""
    templates = list(ctype.templates)
    if templates:
        text += f"[with {', '.join(f'{name} = {meant}' for name, meant in templates)}] "
    bases = []
    for field in ctype.fields:
        if field.kind in ("base", "virtual"):
            virtual = " virtual" if field.kind == "virtual" else ""
            bases.append(f"{field.access}{virtual} {field.name}")
    if bases:
        text += f": {', '.join(bases)} "
    return text


def _body(ctype: StructType, show: int, level: int) -> Iterator[str]:
    indent = " " * (level + 4)
    everything = list(ctype.fields)
    methods = list(ctype.methods)
    typedefs = list(ctype.typedefs)
    if not everything and not methods and not typedefs:
        what = "incomplete type" if ctype.incomplete else "no data fields"
        yield f"{indent}<{what}>\n"
    names = {meant: name for name, meant in ctype.templates}
    names.update((one.name, one.name.rpartition("::")[2]) for one, _ in typedefs)
    labels = _needs_labels(ctype, methods)
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
    shown = [method for method in _grouped(methods) if not method.artificial]
    if shown and section:
        yield "\n"
    for method in shown:
        if method.access != section:
            section = method.access
            yield f"{' ' * (level + 2)}{section}:\n"
        yield f"{indent}{_method(method, names)};\n"
    if typedefs:
        if everything or methods:
            yield "\n"
        for one, access in typedefs:
            if labels and access != section:
                section = access
                yield f"{' ' * (level + 2)}{section}:\n"
            name = one.name.rpartition("::")[2]
            yield f"{indent}typedef {declaration(one.target, name, show - 1, level + 4)};\n"


def _needs_labels(ctype: StructType, methods: list[Method]) -> bool:
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


def _method(method: Method, names: Mapping[str, str]) -> str:
    text = "virtual " if method.virtual else "static " if method.static else ""
    conversion = method.name.startswith("operator ")
    result = method.type.result
    if not method.constructor and not conversion and result is not None:
        text += declaration(result, "", -1, 0, names) + " "
    return f"{text}{method.name}({_parameters(method.type, names)}){method.suffix}"


def _parameters(function: FunctionType, names: Mapping[str, str]) -> str:
    if not names or not function.params:
        return parameters(function)
    texts = [declaration(param, "", 0, 0, names) for param in function.params]
    return ", ".join(texts + ["..."] if function.variadic else texts)
