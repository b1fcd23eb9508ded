"""ptype/o: where the members of a struct lie, and the holes between them (gdb's typeprint.c)."""

from __future__ import annotations

from collections.abc import Iterator

from pydbg.expr.typeprint import (
    Names,
    Shown,
    behind_fields,
    declaration,
    head,
    inside,
    needs_labels,
    taken_apart,
)
from pydbg.expr.types import CType, Field, QualifiedType, StructType, unqualified

__all__ = ["offsets"]

_WIDTH = 27
"""What stands before a member."""
_HEADER = "/* offset      |    size */  "
_MAX_DEPTH = 40
_MEMBERS = Shown(methods=False, typedefs=False)


def offsets(ctype: CType, shown: Shown = _MEMBERS) -> str | None:
    """Return a type with the offset and size in bytes of each member; None without members.

    As in gdb, the header stands above what is a struct itself and no typedef of one.

    >>> from pydbg.expr.types import LP64
    >>> both = StructType("s", 8, "struct", [Field("c", LP64.char), Field("i", LP64.int, 4)])
    >>> print((offsets(both) or "").partition("type = ")[2])
    struct s {
    /*      0      |       1 */    char c;
    /* XXX  3-byte hole      */
    /*      4      |       4 */    int i;
    <BLANKLINE>
                                   /* total size (bytes):    8 */
                                 }
    """
    names = Names.outermost(shown)
    header = _HEADER if isinstance(unqualified(ctype), StructType) else ""
    known = names.known(ctype)
    if known is not None:
        return f"{header}type = {known}"
    base, declarator = taken_apart(ctype, "", names)
    inner = unqualified(base)
    if not isinstance(inner, StructType):
        return None
    words = base.words if isinstance(base, QualifiedType) else ""
    text = _Layout(shown.hexadecimal).struct(inner, 0, 0, names)
    return f"{header}type = {words}{text}" + (f" {declarator}" if declarator else "")


class _Layout:
    def __init__(self, hexadecimal: bool) -> None:
        self._hexadecimal = hexadecimal

    def struct(self, ctype: StructType, start: int, level: int, names: Names) -> str:
        """Return a struct that lies ``start`` bits into the outermost one."""
        text = head(ctype, names) + "{\n" + "".join(self._body(ctype, start, level, names))
        total = f"/* total size (bytes): {ctype.size:4} */"
        margin = " " * _WIDTH
        text += f"\n{margin}{' ' * (level + 4)}{total}\n"
        return text + margin + " " * (level or 2) + "}"

    def _body(self, ctype: StructType, start: int, level: int, names: Names) -> Iterator[str]:
        own = inside(ctype, names)
        margin = " " * _WIDTH
        fields = [field for field in ctype.fields if field.kind not in ("base", "virtual")]
        if not ctype.fields and not list(ctype.methods):
            yield f"{margin}{' ' * (level + 4)}<no data fields>\n"
        labels, section = needs_labels(ctype, list(ctype.methods)), ""
        end = 0
        for field in fields:
            if field.artificial:
                continue
            if labels and field.access != section:
                section = field.access
                yield f"{margin}{' ' * (level + 2)}{section}:\n"
            before = margin
            if field.kind != "static":
                place = 8 * field.offset + field.bit_offset
                if ctype.keyword == "union":
                    before = f"/*{self._number(field.type.size):>22} */"
                else:
                    yield from _hole(end, place, "hole")
                    before = self._place(field, start + place)
                    end = place + (field.bit_size or 8 * field.type.size)
            yield before + " " * (level + 4) + self._member(field, start, level + 4, own) + ";\n"
        yield from behind_fields(ctype, 0, level, names, section, margin)
        if ctype.keyword != "union":
            yield from _hole(end, 8 * ctype.size, "padding")

    def _member(self, field: Field, start: int, level: int, names: Names) -> str:
        inner = unqualified(field.type)
        if isinstance(inner, StructType) and field.kind != "static" and level < 4 * _MAX_DEPTH:
            shown = self.struct(inner, start + 8 * field.offset, level, names)
            return f"{shown} {field.name}" if field.name else shown
        static = "static " if field.kind == "static" else ""
        bits = f" : {field.bit_size}" if field.bit_size else ""
        return f"{static}{declaration(field.type, field.name, 0, level, names)}{bits}"

    def _place(self, field: Field, at: int) -> str:
        byte = self._number(at // 8)
        bit = "      "
        if field.bit_size:
            bit = f": {at % 8:#x} " if self._hexadecimal else f": {at % 8}   "
        return f"/* {byte:>6}{bit}|{self._number(field.type.size):>8} */"

    def _number(self, number: int) -> str:
        return f"0x{number:04x}" if self._hexadecimal else str(number)


def _hole(end: int, place: int, what: str) -> Iterator[str]:
    """Give the lines about bits that belong to no member."""
    if not 0 < end < place:
        return
    count, bits = divmod(place - end, 8)
    if bits:
        yield f"/* XXX {bits:2}-bit {what:<7}    */\n"
    if count:
        yield f"/* XXX {count:2}-byte {what:<7}   */\n"
