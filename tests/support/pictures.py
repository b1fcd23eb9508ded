"""Draw pictures of a terminal, as SVG, from sessions that are really run in one.

``python -m tests.support.pictures`` draws those of docs/pictures again; a test runs the same
sessions and compares what the pictures say.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.support.build import FIXTURES
from tests.support.run import ROOT
from tests.support.screen import Terminal
from tests.support.sessiondoc import HOME, same

FOLDER = ROOT / "docs" / "pictures"

_WIDTH, _HEIGHT, _MARGIN, _FONT = 8, 18, 12, 13
"""Pixels: of a cell, around all cells, and of the font that fits into a cell."""

_GROUND, _INK = "#1b1f27", "#d5d9e0"
_COLOURS = {
    "black": "#3a404c",
    "red": "#ec7f83",
    "green": "#98c379",
    "brown": "#e0b872",
    "blue": "#79b0f0",
    "magenta": "#c792dd",
    "cyan": "#66c2cd",
    "white": "#d5d9e0",
    "brightblack": "#7b8494",
    "brightred": "#ff9a9e",
    "brightgreen": "#b5e08f",
    "brightbrown": "#f5d28c",
    "brightblue": "#9cc8ff",
    "brightmagenta": "#dcaef0",
    "brightcyan": "#86dde8",
    "brightwhite": "#ffffff",
}
"""pyte's names of the 16 colours ("brown" is the yellow of terminals); others are hexadecimal."""


class Picture(NamedTuple):
    """Describe a session and the moment at which it is drawn."""

    name: str
    program: tuple[str, ...]
    """The program and its arguments; fixtures are there by their names."""
    lines: tuple[str, ...]
    """What is typed, line by line."""
    until: str
    """What the screen shows when it is complete."""
    keys: str = ""
    """What is typed then."""
    size: tuple[int, int] = (100, 30)
    compile: str = ""


PICTURES = (
    Picture(
        "stripped",
        ("/bin/echo", "hello, world"),
        ("break main", "catch syscall write entry", "run", "continue", "x/s $rsi", "bt 6"),
        "| entry of write",
        size=(128, 31),
    ),
    Picture(
        "prompt",
        ("plain",),
        ("break inner if $edi == 2", "run", "backtrace", "info registers rip edi esi", "finish"),
        "| outer | finish",
        size=(90, 22),
        compile="gcc -g -o plain plain.c",
    ),
    Picture(
        "completion",
        ("plain",),
        ("break inner", "run"),
        "Show how signals",
        keys="info s\t",
        size=(90, 16),
        compile="gcc -g -o plain plain.c",
    ),
    Picture(
        "context",
        ("plain",),
        ("break main", "run", "set context registers code stack", "stepi 3"),
        "| stepi",
        size=(100, 40),
        compile="gcc -O2 -s -o plain plain.c",
    ),
)


def screen(picture: Picture, folder: Path) -> Terminal:
    """Run a picture's session in ``folder``; return the terminal, which the caller closes."""
    if picture.compile:
        for source in FIXTURES.glob("*.c"):
            (folder / source.name).write_bytes(source.read_bytes())
        subprocess.run(picture.compile.split(), cwd=folder, check=True)
    columns, rows = picture.size
    options = ("-q", "-cd", folder, "--args", *picture.program)
    state = str(folder / "state")
    one = Terminal(*options, columns=columns, lines=rows, XDG_STATE_HOME=state)
    try:
        one.ready()
        for line in picture.lines:
            one.run(line)
        one.send(picture.keys)
        one.shows(picture.until)
    except BaseException:
        one.close()
        raise
    return one


def svg(one: Terminal, title: str, names: dict[str, str]) -> str:
    """Return what a terminal shows as SVG; ``names`` says what is called otherwise in it."""
    columns, rows = one.screen.columns, one.screen.lines
    width, height = columns * _WIDTH + 2 * _MARGIN, rows * _HEIGHT + 2 * _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}"'
        f' font-family="ui-monospace, Menlo, Consolas, monospace" font-size="{_FONT}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="{_GROUND}"/>',
    ]
    for row in range(rows):
        parts += _row(one, row, names)
    return "\n".join([*parts, "</svg>\n"])


def _row(one: Terminal, row: int, names: dict[str, str]) -> Iterator[str]:
    """Give a row: the grounds of its pieces first, then its text in one element."""
    top = _MARGIN + row * _HEIGHT
    cells = [one.screen.buffer[row][column] for column in range(one.screen.columns)]
    pieces, column = [], 0
    for style, group in groupby(cells, _style):
        text = "".join(cell.data for cell in group)
        ink, ground, bold = style
        left, wide = _MARGIN + column * _WIDTH, len(text) * _WIDTH
        column += len(text)
        if ground != _GROUND:
            place = f'x="{left}" y="{top}" width="{wide}" height="{_HEIGHT}"'
            yield f'<rect {place} fill="{ground}"/>'
        for old, new in names.items():
            text = text.replace(old, new)
        text = text.rstrip() if column == len(cells) else text
        weight = ' font-weight="bold"' if bold else ""
        # The length keeps the columns, whatever the font is.
        length = f'textLength="{len(text) * _WIDTH}" lengthAdjust="spacingAndGlyphs"'
        if text:
            pieces.append(f'<tspan x="{left}" {length} fill="{ink}"{weight}>{escape(text)}</tspan>')
    yield f'<text y="{top + _FONT}" xml:space="preserve">{"".join(pieces)}</text>'


def _style(cell: Any) -> tuple[str, str, bool]:
    """Return the ink, the ground and the weight of a cell of pyte's."""
    ink, ground = _colour(cell.fg, _INK), _colour(cell.bg, _GROUND)
    return (ground, ink, cell.bold) if cell.reverse else (ink, ground, cell.bold)


def _colour(name: str, default: str) -> str:
    return default if name == "default" else _COLOURS.get(name, f"#{name}")


def draw(picture: Picture) -> str:
    """Run a picture's session and return it as SVG."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "you"
        folder.mkdir()
        one = screen(picture, folder)
        try:
            return svg(one, f"pydbg: {picture.name}", {str(folder): HOME})
        finally:
            one.close()


def words(drawn: str) -> list[str]:
    """Return the lines of a picture, with what differs from run to run made equal.

    >>> words('<svg xmlns="http://www.w3.org/2000/svg"><text>at <tspan>0x12</tspan></text></svg>')
    ['at 0x_']
    """
    rows = ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")
    return same("".join("".join(row.itertext()) + "\n" for row in rows))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in PICTURES:
        (FOLDER / f"{each.name}.svg").write_text(draw(each))
