"""Write the names of all commands to a file, so that they are found before they are loaded.

``python -m pydbg.commands.naming pydbg/commands/names.py`` after a command came, went or was
renamed; a test fails until that is done.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from pydbg.commands.table import MODULES, Command, module_rows

__all__ = ["names_text"]

_HEAD = '''\
"""The names of all commands, by the module that has them; written by `naming`, not by hand.

Aliases follow a "="; "~" marks what help leaves out, "+" what gdb does not have.
"""

NAMES = {
'''


def names_text() -> str:
    """Return what the file must say.

    >>> "advance=adv" in names_text()
    True
    """
    modules = {name: module_rows(name) for name in MODULES}
    last = {row.name: module for module, rows in modules.items() for row in rows}
    parts = [_HEAD]
    for module, rows in modules.items():
        own = "; ".join(_spelt(row) for row in rows if last[row.name] == module)
        lines = textwrap.wrap(own, 92, break_long_words=False, break_on_hyphens=False)
        body = "\n".join(f"        {line}" for line in lines)
        parts.append(f'    "{module}": """\n{body}\n    """,\n')
    return "".join([*parts, "}\n"])


def _spelt(row: Command) -> str:
    marks = "~" * row.hidden + "+" * row.extension
    return row.name + marks + (f"={','.join(row.aliases)}" if row.aliases else "")


def main() -> int:
    """Write the file that is named."""
    Path(sys.argv[1]).write_text(names_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
