"""Characters and strings as gdb prints them: escapes, repeats, limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydbg.errors import MemoryFault
from pydbg.expr.types import IntType
from pydbg.patterns import lazy_pattern
from pydbg.records import Record

__all__ = [
    "PrintOptions",
    "char_text",
    "fetch_string",
    "pointer_string",
    "sized_string",
    "string_text",
]

Read = Callable[[int, int], bytes]

_NAMED = {7: "\\a", 8: "\\b", 12: "\\f", 10: "\\n", 13: "\\r", 9: "\\t", 11: "\\v"}
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


class PrintOptions(Record):
    """Be the settings that shape printed values: gdb's ``set print NAME``.

    ``elements`` and ``repeats`` 0 mean unlimited. ``charset`` is "utf-8" or "ascii": what
    bytes above 127 in strings are tried as; what is not printable is escaped always.
    """

    elements: int = 200
    repeats: int = 10
    pretty: bool = False
    address: bool = True
    symbol: bool = True
    charset: str = "utf-8"
    null_stop: bool = False
    array: bool = False
    union: bool = True
    static_members: bool = True
    array_indexes: bool = False
    max_depth: int | None = 20
    """How deep structs are shown in structs; None is without a limit."""
    raw: bool = False
    """Whether printers are left out."""
    summary: bool = False
    """Whether only scalars and the texts of printers are shown, as in a frame's line."""
    flat: bool = False
    """Whether structs stand on one line although ``pretty`` is set, as in a frame's line."""

    @property
    def limit(self) -> int:
        """Return the most elements to print."""
        return self.elements or 1 << 62

    @property
    def threshold(self) -> int:
        """Return from how many equal elements on a run is shortened."""
        return self.repeats or 1 << 62


_PLAIN = lazy_pattern(rb"[ !#-\[\]-~]+\Z")
"""Characters that stand for themselves between double quotes."""
_ACTING = lazy_pattern("[\u200b-\u200f\u202a-\u202e\u2066-\u2069]")

# One character: what to print if that is possible, else None, and its bytes.
_Char = tuple[str | None, bytes]


def _characters(data: bytes, width: int, charset: str) -> Iterator[_Char]:
    if width > 1:
        for at in range(0, len(data) - width + 1, width):
            raw = data[at : at + width]
            code = int.from_bytes(raw, "little")
            known = code < 0x110000 and not 0xD800 <= code < 0xE000
            text = chr(code) if known and code and _is_printable(chr(code)) else None
            yield text, raw
        return
    at = 0
    while at < len(data):
        size = _utf8_size(data, at) if charset == "utf-8" and data[at] >= 0x80 else 1
        raw = data[at : at + size]
        if size > 1:
            text = raw.decode("utf-8")
            yield (text if _is_printable(text) else None), raw
        else:
            code = raw[0]
            yield (chr(code) if 0x20 <= code < 0x7F else None), raw
        at += size


def _is_printable(char: str) -> bool:
    """Tell what the C library's iswprint says in UTF-8: marks and private characters as well.

    Marks that a terminal acts on are none to print: those of direction, and without width.
    """
    if char.isprintable():
        return True
    from unicodedata import category

    return category(char) in ("Cf", "Co", "Zs") and not _ACTING.match(char)


def _incomplete_at(data: bytes) -> int:
    """Return where a character begins whose bytes end with the data; its end if none does.

    As in the C library's converter, bytes that could begin four count, whatever they mean.
    """
    for at in range(max(len(data) - 3, 0), len(data)):
        lead = data[at]
        size = 2 if 0xC2 <= lead < 0xE0 else 3 if lead >> 4 == 14 else 4 if lead >> 3 == 30 else 0
        rest = data[at + 1 :]
        if size > 1 + len(rest) and all(byte >> 6 == 2 for byte in rest):
            return at
    return len(data)


def _utf8_size(data: bytes, at: int) -> int:
    lead = data[at]
    size = 2 if lead >> 5 == 6 else 3 if lead >> 4 == 14 else 4 if lead >> 3 == 30 else 1
    try:
        data[at : at + size].decode("utf-8")
    except UnicodeDecodeError:
        return 1
    return size if at + size <= len(data) else 1


def _escape(char: _Char, width: int, quote: str, after_hex: bool) -> tuple[str, bool]:
    """Return the text of one character and whether a hex escape ended it."""
    text, raw = char
    if text is not None and not (after_hex and text in _HEX_DIGITS):
        return ("\\" + text if text in (quote, "\\") else text), False
    code = int.from_bytes(raw, "little")
    if len(raw) == width and code in _NAMED:
        return _NAMED[code], False
    shown = ""
    hexed = False
    for at in range(0, len(raw), width):
        value = int.from_bytes(raw[at : at + width], "little")
        hexed = value > 0o777
        shown += f"\\x{value:x}" if hexed else f"\\{value:03o}"
    return shown, hexed


def char_text(code: int, ctype: IntType, prefix: str = "") -> str:
    """Return a quoted character.

    >>> from pydbg.expr.types import LP64
    >>> char_text(10, LP64.char)
    "'\\\\n'"
    """
    if 0x20 <= code < 0x7F and code not in (0x27, 0x5C):
        return f"{prefix}'{chr(code)}'"
    raw = (code & ((1 << (8 * ctype.size)) - 1)).to_bytes(ctype.size, "little")
    char = next(_characters(raw, ctype.size, "ascii"))
    return f"{prefix}'{_escape(char, ctype.size, chr(39), False)[0]}'"


def string_text(
    data: bytes,
    options: PrintOptions,
    *,
    width: int = 1,
    prefix: str = "",
    ellipsis: bool = False,
) -> str:
    """Return the text of a string's bytes: quoted parts and repeated characters.

    One null at the end is not shown. ``ellipsis`` says that more would follow.

    >>> string_text(b"xx" + b"a" * 20 + b"\\0", PrintOptions())
    '"xx", \\'a\\' <repeats 20 times>'
    """
    if not ellipsis and len(data) >= width and not any(data[len(data) - width :]):
        data = data[: len(data) - width]
    if not data:
        return prefix + '""'
    if width == 1 and len(data) <= min(options.limit, options.threshold) and _PLAIN.match(data):
        # Nothing to escape, and no run can be long enough to be shortened.
        return f'{prefix}"{data.decode("ascii")}"{"..." if ellipsis else ""}'
    whole = _incomplete_at(data) if width == 1 and options.charset == "utf-8" else len(data)
    if whole < len(data) <= options.limit and not ellipsis:
        left = "".join(f"\\{byte:03o}" for byte in data[whole:])
        text = string_text(data[:whole] + b"\0", options, prefix=prefix) if whole else ""
        return f"{text}{', ' if text else ''}<incomplete sequence {left}>"
    groups: list[tuple[_Char, int]] = []
    printed = 0
    finished = True
    for char in _characters(data, width, options.charset):
        if groups and groups[-1][0] == char:
            groups[-1] = (char, groups[-1][1] + 1)
            printed += 1
            continue
        if printed >= options.limit:
            finished = False
            break
        groups.append((char, 1))
        printed += 1
    return _join(groups, options, width, prefix) + ("..." if ellipsis or not finished else "")


def _join(groups: list[tuple[_Char, int]], options: PrintOptions, width: int, prefix: str) -> str:
    parts: list[str] = []
    run = ""
    after_hex = False
    for char, count in groups:
        if count > options.threshold:
            if run:
                parts.append(f'{prefix}"{run}"')
                run = ""
            shown, _ = _escape(char, width, "'", False)
            parts.append(f"{prefix}'{shown}' <repeats {count} times>")
            after_hex = False
            continue
        for _ in range(count):
            shown, after_hex = _escape(char, width, '"', after_hex)
            run += shown
    if run:
        parts.append(f'{prefix}"{run}"')
    return ", ".join(parts)


def fetch_string(addr: int, width: int, limit: int, read: Read) -> tuple[bytes, bool]:
    """Return the bytes at ``addr`` up to and with a null, at most ``limit`` characters.

    The second result says whether memory ended before either.
    """
    found = bytearray()
    top = limit * width
    while len(found) < top:
        here = addr + len(found)
        size = min(64 * width, top - len(found))
        failed = False
        try:
            piece = read(here, size)
        except MemoryFault as fault:
            size = max(min(fault.addr - here, size), 0) // width * width
            failed = True
            try:
                piece = read(here, size) if size else b""
            except MemoryFault:
                piece = b""
        for at in range(0, len(piece) - width + 1, width):
            if not any(piece[at : at + width]):
                return bytes(found + piece[: at + width]), False
        found += piece
        if failed:
            return bytes(found), True
    return bytes(found), False


def pointer_string(
    addr: int, options: PrintOptions, read: Read, *, width: int = 1, prefix: str = ""
) -> tuple[str, int]:
    """Return the text of the string at an address, and the bytes it took.

    >>> pointer_string(0, PrintOptions(), lambda addr, size: b"hi" + bytes(size - 2))
    ('"hi"', 3)
    """
    data, failed = fetch_string(addr, width, min(options.limit, 1 << 20), read)
    ended = len(data) >= width and not any(data[len(data) - width :])
    if not ended and not failed:
        following, unreadable = fetch_string(addr + len(data), width, 1, read)
        ended = unreadable or not any(following)
    text = ""
    if not failed or data:
        more = not ended and not failed
        text = string_text(data, options, width=width, prefix=prefix, ellipsis=more)
    if failed:
        text += f"<error: Cannot access memory at address {addr + len(data):#x}>"
    return text, len(data)


def sized_string(
    addr: int, count: int, options: PrintOptions, read: Read, *, width: int = 1, prefix: str = ""
) -> str:
    """Return the text of ``count`` characters at an address, no more than are to be printed.

    What cannot be read is an error behind what could be (gdb's val_print_string).

    >>> sized_string(0, 2, PrintOptions(), lambda addr, size: b"hi, you"[:size])
    '"hi"'
    """
    wanted = min(count, options.limit)
    try:
        data, error = read(addr, wanted * width) if wanted else b"", ""
    except MemoryFault as fault:
        size = max(min(fault.addr - addr, wanted * width), 0) // width * width
        data = read(addr, size) if size else b""
        error = f"<error: Cannot access memory at address {addr + len(data):#x}>"
    text = ""
    if data or not error:
        more = bool(error) or count > wanted
        text = string_text(data, options, width=width, prefix=prefix, ellipsis=more)
    return text + error
