"""The SYNOPSIS of a man page, where man pages are installed.

The roff file itself is read, no program is started: nothing can hang, page through or format
for a terminal. Pages are looked for where man(1) looks: in MANPATH, else in the usual folders.
"""

from __future__ import annotations

import os
import re
import stat
import zlib
from collections.abc import Iterator

__all__ = ["synopsis"]

_FOLDERS = ("/usr/local/share/man", "/usr/share/man", "/usr/local/man", "/usr/man")
_MOST = 1 << 20
"""No page of system calls is larger than that, in bytes."""
_BLOCKS = frozenset(("PP", "P", "LP", "TP", "IP", "sp"))
"""Requests that begin a paragraph."""
_FONTS = {"B": 0, "I": 0, "R": 0, "SM": 0, "SB": 0, "BI": 1, "BR": 1, "IB": 1, "IR": 1, "RB": 1,
          "RI": 1}  # fmt: skip
"""The macros of man(7) that set their words in a font; 1: the words stand without blanks."""
_ESCAPES = {
    "-": "-", "&": "", "e": "\\", " ": " ", "~": " ", "|": "", "^": "", "c": "", "0": " ",
    "/": "", ",": "", ":": "", "%": "",
}  # fmt: skip
_GLYPHS = {"dq": '"', "aq": "'", "em": "-", "en": "-", "hy": "-", "ha": "^", "ti": "~",
           "rs": "\\", "bu": "*", "co": "(C)", "lq": '"', "rq": '"'}  # fmt: skip
_ESCAPE = re.compile(
    r"\\(?:f(?:\(..|\[[^]]*]|.)|\*(?:\(..|\[[^]]*]|.)|s[+-]?\d|\((..)|\[([^]]*)]|(.))"
)
_WORD = re.compile(r'"((?:[^"]|"")*)"?|(\S+)')


def synopsis(name: str) -> tuple[str, tuple[str, ...]] | None:
    """Return (page, lines) of the SYNOPSIS in section 2, None where there is no such page.

    The page is named as it names itself: ``openat`` is described in ``open(2)``.
    """
    text = _page(name)
    if text is None:
        return None
    lines = _trimmed(_plain(_section(text)))
    head = re.search(r'^\.TH\s+"?([^\s"]+)"?', text, re.MULTILINE)
    title = head[1] if head is not None else name
    return (f"{title.lower()}(2)", lines) if lines else None


def _page(name: str, depth: int = 0) -> str | None:
    """Return the roff text of a page; one that only includes another (``.so``) is followed."""
    if "/" in name or depth > 3:
        return None
    for folder in _folders():
        for suffix in ("", ".gz"):
            text = _read(os.path.join(folder, "man2", f"{name}.2{suffix}"))
            if text is None:
                continue
            other = re.match(r"(?:[.'].*\n)*?\.so\s+(?:man2/)?(\S+)\.2\S*\s*$", text, re.MULTILINE)
            return _page(other[1], depth + 1) if other is not None else text
    return None


def _folders() -> list[str]:
    """Return where pages are: an empty part of MANPATH stands for the usual folders."""
    given = os.environ.get("MANPATH", "").split(":")
    found: list[str] = []
    for part in given:
        found += [part] if part else _FOLDERS
    return found


def _read(path: str) -> str | None:
    try:
        # A pipe that lies there is neither waited for nor read.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        data = os.read(fd, _MOST) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
        if path.endswith(".gz") and data:
            data = zlib.decompressobj(31).decompress(data, _MOST)
    except (OSError, zlib.error):
        return None
    finally:
        os.close(fd)
    return data.decode("utf-8", "replace")


def _section(text: str) -> Iterator[str]:
    """Give the lines below ``.SH SYNOPSIS``, those about feature test macros left out."""
    inside = False
    for line in text.replace("\\\n", "").split("\n"):
        if re.match(r"\.S[HS]\b", line):
            if inside:
                return
            inside = "SYNOPSIS" in line
        elif inside:
            if "Feature Test Macro" in line:
                return
            yield line


def _plain(lines: Iterator[str]) -> Iterator[str]:
    """Turn roff into text, a line a line."""
    for line in lines:
        if line[:1] not in (".", "'"):
            yield _unescaped(line)
            continue
        request, _, rest = line[1:].strip().partition(" ")
        if request in _FONTS:
            words = [found[1] if found[2] is None else found[2] for found in _WORD.finditer(rest)]
            glue = "" if _FONTS[request] else " "
            yield _unescaped(glue.join(word.replace('""', '"') for word in words))
        elif request in _BLOCKS:
            yield ""


def _unescaped(text: str) -> str:
    text = re.sub(r'\\["#].*', "", text)

    def plain(found: re.Match[str]) -> str:
        glyph = found[1] or found[2]
        if glyph is not None:
            return _GLYPHS.get(glyph, "")
        return _ESCAPES.get(found[3], found[3]) if found[3] is not None else ""

    return _ESCAPE.sub(plain, text)


def _trimmed(lines: Iterator[str]) -> tuple[str, ...]:
    """Drop empty lines at both ends, and all but one between."""
    found: list[str] = []
    for line in map(str.rstrip, lines):
        if line in ("Note:", "Notes:"):
            break  # In all of them: that the C library has no function for the call.
        if line or (found and found[-1]):
            found.append(line)
    while found and not found[-1]:
        found.pop()
    return tuple(found)
