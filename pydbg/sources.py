"""Find source files: where the compiler found them, where ``directory`` says, or elsewhere.

A program names its sources as the compiler was given them. ``set substitute-path`` replaces the
beginning of such names; ``directory`` adds places to look in, in which ``$cdir`` stands for the
directory of the compilation and ``$cwd`` for that of the debugger (gdb, "Source Path").
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from pydbg.patterns import lazy_pattern

__all__ = ["DIRECTORIES", "Sources"]

DIRECTORIES = "$cdir:$cwd"
"""Where is looked when nothing else was said."""
_MOST = 1 << 26
_CONTROL = lazy_pattern("[\x00-\x08\x0b-\x1f\x7f]")


class Sources:
    """Find and keep the texts of source files.

    >>> sources = Sources()
    >>> sources.rules.append(("/usr/src", "/mnt"))
    >>> sources.rewritten("/usr/src/a.c"), sources.rewritten("/usr/srcs/a.c")
    ('/mnt/a.c', '/usr/srcs/a.c')
    """

    def __init__(self) -> None:
        self.rules: list[tuple[str, str]] = []
        """Beginnings of paths and what they are replaced by; the first that fits counts."""
        self._directories = DIRECTORIES
        self._found: dict[tuple[str, str], str | None] = {}
        self._texts: dict[str, Sequence[str] | None] = {}

    @property
    def directories(self) -> str:
        """Return where is looked, as ``show directories`` has it."""
        return self._directories

    @directories.setter
    def directories(self, value: str) -> None:
        self._directories = value
        self.forget()

    def forget(self) -> None:
        """Look anew for what was found or not."""
        self._found.clear()
        self._texts.clear()

    def add_directories(self, text: str) -> None:
        """Put directories in front; ``text`` has them with colons or blanks between."""
        added = [_whole(one) for part in text.split() for one in part.split(":") if one]
        kept = [one for one in self._directories.split(":") if one and one not in added]
        self.directories = ":".join(dict.fromkeys([*added, *kept]))

    def set_directories(self, text: str) -> None:
        """Look in these directories, and in $cdir and $cwd after them."""
        self._directories = DIRECTORIES
        self.forget()
        if text:
            self.add_directories(text)

    def add_rule(self, old: str, new: str) -> None:
        """Replace the beginning ``old`` of paths by ``new``."""
        old = old.rstrip("/") or "/"
        self.rules = [rule for rule in self.rules if rule[0] != old]
        self.rules.append((old, new.rstrip("/") or "/"))
        self.forget()

    def rewritten(self, path: str) -> str:
        """Return a path as the rules make it."""
        for old, new in self.rules:
            if path == old or path.startswith(old.rstrip("/") + "/"):
                return new + path[len(old) :]
        return path

    def find(self, file: str, path: str, beside: str = "") -> str | None:
        """Return where a file is: ``file`` as it was given to the compiler, ``path`` made whole.

        ``beside`` is a directory that is looked in last, the program's.
        """
        key = (file, path or file)
        if key not in self._found:
            places = self._places(file, path or file, beside)
            self._found[key] = next((place for place in places if os.path.isfile(place)), None)
        return self._found[key]

    def _places(self, file: str, path: str, beside: str) -> Iterator[str]:
        cdir = path[: -len(file)] if path.endswith("/" + file) else os.path.dirname(path)
        rewritten = self.rewritten(file)
        base = os.path.basename(file)
        if os.path.isabs(rewritten):
            yield rewritten
        for directory in self._directories.split(":"):
            if directory == "$cdir":
                place = self.rewritten(cdir)
                yield self.rewritten(path)
            else:
                place = os.getcwd() if directory == "$cwd" else directory
            if not os.path.isabs(rewritten):
                yield os.path.join(place, rewritten)
            elif not directory.startswith("$"):
                yield place + rewritten
        for directory in self._directories.split(":"):
            place = {"$cdir": self.rewritten(cdir), "$cwd": os.getcwd()}.get(directory, directory)
            yield os.path.join(place, base)
        if beside and not os.path.isabs(file):
            yield os.path.join(beside, file)

    def text(self, place: str) -> Sequence[str] | None:
        """Return the lines of a file that was found; None where it cannot be read.

        Control characters are spelt as ^L, as gdb does.
        """
        if place not in self._texts:
            lines: Sequence[str] | None = None
            try:
                with open(place, encoding="utf-8", errors="surrogateescape") as stream:
                    text = stream.read(_MOST)
                lines = _CONTROL.sub(lambda found: f"^{chr(ord(found[0]) ^ 64)}", text).split("\n")
            except (OSError, ValueError):
                pass
            self._texts[place] = lines
        return self._texts[place]


def is_newer(source: str, program: str) -> bool:
    """Tell whether a source file was changed after the program was made."""
    try:
        return os.stat(source).st_mtime > os.stat(program).st_mtime
    except OSError:
        return False


def _whole(directory: str) -> str:
    if directory.startswith("$"):
        return directory
    return os.path.normpath(os.path.join(os.getcwd(), os.path.expanduser(directory)))
