"""Values as names: flags, enumerations, quoted strings, in strace's spelling.

The sets of constants are in ``constants.py``; a set is parsed when it is first used.
"""

from __future__ import annotations

import functools
import re

__all__ = [
    "FlagSet",
    "enum_text",
    "flag_set",
    "flags_parts",
    "flags_text",
    "name_of",
    "named",
    "quote",
    "quote_hex",
    "set_style",
    "style",
    "to_signed",
]

_style = "abbrev"


def style() -> str:
    """Return how constants are printed: abbrev, raw or verbose (strace -X)."""
    return _style


def set_style(wanted: str) -> None:
    """Print constants as names (abbrev), as numbers (raw), or as both (verbose) from now on.

    >>> set_style("verbose")
    >>> enum_text(1, "seek"), flags_text(3, "mmap_prot"), named("17", "SIGCHLD")
    ('0x1 /* SEEK_CUR */', '0x3 /* PROT_READ|PROT_WRITE */', '17 /* SIGCHLD */')
    >>> set_style("raw")
    >>> enum_text(1, "seek"), enum_text(99, "seek"), flags_text(3, "mmap_prot")
    ('0x1', '0x63', '0x3')
    >>> set_style("abbrev")
    """
    global _style
    _style = wanted
    flags_text.cache_clear()
    enum_text.cache_clear()


def named(number: str, names: str) -> str:
    """Return a constant in the style that is set: its names, its number, or both."""
    if _style == "abbrev":
        return names
    return number if _style == "raw" or names == number else f"{number} /* {names} */"


class FlagSet:
    """Hold one set: its names in the order of printing, and by value."""

    __slots__ = ("by_value", "items", "unknown", "zero")

    def __init__(self, unknown: str, text: str) -> None:
        self.unknown = unknown
        pairs = (item.split("=") for item in text.split())
        self.items = [(name, int(value, 16)) for name, value in pairs]
        self.by_value: dict[int, str] = {}
        for name, value in self.items:
            self.by_value.setdefault(value, name)
        self.zero = self.by_value.get(0)

    def value(self, name: str) -> int | None:
        """Return the value of a name, or None."""
        return next((value for item, value in self.items if item == name), None)


@functools.cache
def flag_set(name: str) -> FlagSet:
    """Return the set ``name`` of ``constants.txt``; KeyError for an unknown one.

    >>> flag_set("seek").by_value[2]
    'SEEK_END'
    """
    from pydbg.syscalls.constants import SETS

    return FlagSet(*SETS[name])


@functools.lru_cache(maxsize=4096)
def flags_text(value: int, name: str) -> str:
    """Return ``value`` as the names of its bits; the rest in hex.

    >>> flags_text(3, "mmap_prot"), flags_text(0, "mmap_prot"), flags_text(0, "at_flags")
    ('PROT_READ|PROT_WRITE', 'PROT_NONE', '0')
    >>> flags_text(0x101, "access"), flags_text(0x100, "access")
    ('X_OK|0x100', '0x100 /* ?_OK */')
    """
    known = flag_set(name)
    if not value:
        return named("0", known.zero or "0")
    if _style == "raw":
        return f"{value:#x}"
    parts, rest = flags_parts(value, known)
    if not parts:
        return f"{value:#x}" + (f" /* {known.unknown} */" if known.items else "")
    return named(f"{value:#x}", "|".join(parts) + (f"|{rest:#x}" if rest else ""))


def flags_parts(value: int, known: FlagSet) -> tuple[list[str], int]:
    """Return the names of the bits in ``value``, and the bits without a name."""
    parts = []
    for name, bits in known.items:
        if bits and value & bits == bits:
            parts.append(name)
            value &= ~bits
    return parts, value


@functools.lru_cache(maxsize=4096)
def enum_text(value: int, name: str) -> str:
    """Return the name of ``value``, or the number and the set's mark of the unknown.

    >>> enum_text(1, "seek"), enum_text(99, "seek")
    ('SEEK_CUR', '0x63 /* SEEK_??? */')
    """
    known = flag_set(name)
    found = known.by_value.get(value)
    if found is not None and _style == "abbrev":
        return found
    number = hex(value) if value else "0"
    return number if _style == "raw" else f"{number} /* {found or known.unknown} */"


def name_of(value: int, name: str) -> str:
    """Return the name of ``value`` as :func:`enum_text` does, whatever style is set."""
    known = flag_set(name)
    number = hex(value) if value else "0"
    return known.by_value.get(value) or f"{number} /* {known.unknown} */"


def to_signed(value: int, bits: int = 32) -> int:
    """Return the low ``bits`` of ``value`` as a signed number.

    >>> to_signed(0xffffffff), to_signed(0x1_0000_0005), to_signed(1 << 63, 64)
    (-1, 5, -9223372036854775808)
    """
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


_ESCAPES = {
    ord("\n"): "\\n",
    ord("\t"): "\\t",
    ord("\v"): "\\v",
    ord("\f"): "\\f",
    ord("\r"): "\\r",
    ord('"'): '\\"',
    ord("\\"): "\\\\",
}
_OCTAL_DIGITS = frozenset(b"01234567")
# An octal escape that needs all its digits, since one more follows.
_UNCLEAR = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f-\xff][0-7]")
_SHORTEST = _ESCAPES | {
    byte: f"\\{byte:o}" for byte in range(256) if byte not in _ESCAPES and not 0x20 <= byte < 0x7F
}


@functools.lru_cache(maxsize=2048)
def quote(data: bytes, *, escape: bytes = b"", marks: str = '"') -> str:
    r"""Return bytes as strace quotes them: octal escapes, as short as what follows allows.

    ``escape`` are further characters to write in octal; ``marks`` the quotation mark.

    >>> print(quote(b"a\n\x01\x027\"\xff"))
    "a\n\1\0027\"\377"
    """
    if not escape and not _UNCLEAR.search(data):
        return f"{marks}{data.decode('latin-1').translate(_SHORTEST)}{marks}"
    parts = []
    last = len(data) - 1
    for index, byte in enumerate(data):
        text = _ESCAPES.get(byte)
        if text is None:
            if 0x20 <= byte < 0x7F and byte not in escape:
                text = chr(byte)
            elif index < last and data[index + 1] in _OCTAL_DIGITS:
                text = f"\\{byte:03o}"
            else:
                text = f"\\{byte:o}"
        parts.append(text)
    return marks + "".join(parts) + marks


def quote_hex(data: bytes) -> str:
    r"""Return bytes as strace quotes random ones: all in hex.

    >>> print(quote_hex(b"a\xff"))
    "\x61\xff"
    """
    return '"' + "".join(f"\\x{byte:02x}" for byte in data) + '"'
