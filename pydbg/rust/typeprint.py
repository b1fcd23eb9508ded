"""Types as Rust spells them, and in full for ``ptype`` (gdb's rust_internal_print_type)."""

from __future__ import annotations

from pydbg.expr import types
from pydbg.expr.types import (
    ArrayType,
    CType,
    EnumType,
    FunctionType,
    PointerType,
    StructType,
    VoidType,
    strip,
    unqualified,
)
from pydbg.rust.kinds import is_tuple, is_tuple_struct, members

__all__ = ["declaration", "ptype", "spell"]

_MAX_DEPTH = 40


def spell(ctype: CType) -> str:
    """Return a type's name.

    >>> from pydbg.rust.kinds import primitive
    >>> spell(types.LP64.pointer(types.LP64.array(primitive("i32", 8), 3)))
    '*mut [i32; 3]'
    """
    return _text(ctype, -1, 0, "")


def ptype(ctype: CType) -> str:
    """Return a type with its members.

    >>> from pydbg.rust.kinds import primitive
    >>> print(ptype(StructType("a::P", 4, "struct", [types.Field("x", primitive("i32", 8))])))
    struct a::P {
      x: i32,
    }
    """
    return _text(strip(ctype), 1, 0, "")


def declaration(ctype: CType, name: str) -> str:
    """Declare a static or a function: ``static NAME: TYPE``, ``fn NAME()``."""
    inner = strip(ctype)
    if isinstance(inner, FunctionType):
        return _text(inner, 0, 0, name)
    return f"{name}: {spell(ctype)}"


def _text(ctype: CType, show: int, level: int, name: str) -> str:
    ctype = unqualified(ctype)
    if isinstance(ctype, VoidType):
        return "()"
    if show <= 0 and ctype.name:
        return ctype.name
    ctype = strip(ctype)
    if isinstance(ctype, FunctionType):
        return _function(ctype, name)
    if isinstance(ctype, ArrayType):
        length = "" if ctype.open else f"; {ctype.count}"
        return f"[{_text(ctype.element, show - 1, level, '')}{length}]"
    if isinstance(ctype, StructType):
        return _struct(ctype, show, level)
    if isinstance(ctype, EnumType):
        return _enum(ctype, level)
    if isinstance(ctype, PointerType):
        # References and both kinds of pointers are described alike.
        return ctype.name or f"*mut {_text(ctype.target, 0, level, '')}"
    return types.spell(ctype)


def _function(ctype: FunctionType, name: str) -> str:
    if ctype.variadic or ctype.name:
        return types.spell(ctype)
    params = ", ".join(_text(param, -1, 0, "") for param in ctype.params)
    text = f"fn {name}({params})"
    if ctype.result is None or isinstance(strip(ctype.result), VoidType):
        return text
    return f"{text} -> {_text(ctype.result, -1, 0, '')}"


def _enum(ctype: EnumType, level: int) -> str:
    text = f"enum {ctype.name} {{\n" if ctype.name else "enum {\n"
    own = f"{ctype.name}::"
    for name, _ in ctype.values:
        text += f"{' ' * (level + 2)}{name.removeprefix(own)},\n"
    return text + "}"


def _struct(ctype: StructType, show: int, level: int) -> str:
    if is_tuple(ctype) or level > 2 * _MAX_DEPTH:
        return ctype.name
    if any(field.kind in ("base", "virtual") for field in ctype.fields):
        return types.spell(ctype)
    part = ctype.variant_part
    keyword = "enum" if part is not None else ctype.keyword.replace("class", "struct")
    text = f"{keyword} {ctype.name}"
    inside = " " * (level + 2)
    if part is not None:
        if not part.variants:
            return text
        lines = [
            one.field.name + _alternative(one.field.type, show, level) for one in part.variants
        ]
        return text + " {\n" + "".join(f"{inside}{line},\n" for line in lines) + " " * level + "}"
    fields = members(ctype)
    if not fields:
        return text
    bare = is_tuple_struct(ctype)
    text += " (\n" if bare else " {\n"
    for field in fields:
        label = "" if bare else f"{field.name}: "
        text += f"{inside}{label}{_text(field.type, show - 1, level + 2, '')},\n"
    return text + " " * level + (")" if bare else "}")


def _alternative(ctype: CType, show: int, level: int) -> str:
    """Return what stands behind an alternative's name."""
    inner = strip(ctype)
    if not isinstance(inner, StructType):
        return ""
    fields = members(inner)
    if not fields:
        return ""
    if is_tuple_struct(inner):
        return "(" + ", ".join(_text(f.type, show - 1, level + 4, "") for f in fields) + ")"
    texts = (f"{f.name}: {_text(f.type, show - 1, level + 4, '')}" for f in fields)
    return "{" + ", ".join(texts) + "}"
