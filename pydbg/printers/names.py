"""Names of types as printers are looked up by them."""

from __future__ import annotations

__all__ = ["template_name"]


def template_name(name: str) -> str:
    """Return a type's name without the arguments of its template.

    >>> template_name("std::map<int, ns::pair<int>>"), template_name("ns::a<int>::b")
    ('std::map', 'ns::a<int>::b')
    """
    if not name.endswith(">"):
        return name
    depth = 0
    for at in range(len(name) - 1, -1, -1):
        if name[at] == ">":
            depth += 1
        elif name[at] == "<":
            depth -= 1
            if depth == 0:
                return name[:at].rstrip()
    return name
