"""``pydbg doctor``: may this user trace, and if not, what is in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydbg.commands.session import Writer


def doctor(out: Writer) -> int:
    """Print the table of checks; 0 if all are well, else 1."""
    from pydbg.linux.attach import doctor as checks

    found = list(checks())
    width = max((len(check.name) for check in found), default=0)
    for check in found:
        out.write(f"{'ok' if check.ok else 'NO':<3} {check.name:<{width}}  {check.text}\n")
    return 0 if all(check.ok for check in found) else 1
