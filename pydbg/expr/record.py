"""Small immutable records: what a frozen dataclass is, without its cost at import.

Making a frozen dataclass takes a third of a millisecond (it writes and compiles code);
types and nodes are more than forty classes, and the debugger's start is measured.
"""

from __future__ import annotations

from typing import Any, dataclass_transform

__all__ = ["Record"]


@dataclass_transform(frozen_default=True)
class Record:
    """Be a base whose annotations are fields, given by position or by name.

    >>> class Point(Record):
    ...     x: int
    ...     y: int = 0
    >>> Point(1), Point(1) == Point(1, y=0)
    (Point(x=1, y=0), True)
    """

    _fields: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        own = cls.__annotations__
        inherited = [name for base in cls.__mro__[1:2] for name in getattr(base, "_fields", ())]
        cls._fields = (*inherited, *(name for name in own if name not in inherited))

    def __init__(self, *args: Any, **named: Any) -> None:
        values = self.__dict__
        if len(args) > len(self._fields):
            raise TypeError(f"{type(self).__name__} has the fields {self._fields}")
        values.update(zip(self._fields, args, strict=False))
        values.update(named)
        if len(values) < len(self._fields):
            for name in self._fields:
                if name not in values:
                    values[name] = getattr(type(self), name)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *(self.__dict__[name] for name in self._fields)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self._fields)
        return f"{type(self).__name__}({shown})"
