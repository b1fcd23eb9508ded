"""Frozen records without the price of data classes at start-up.

``@dataclass`` writes source code and compiles it: about 0.3 ms a class, which is 20 ms for the
events and results of a debugger that starts in 60. A :class:`Record` is declared the same way
and behaves the same (keyword arguments, defaults, equality, hash, repr, ``match``), but its
methods are written once, here.
"""

from __future__ import annotations

from typing import Any, TypeVar, dataclass_transform

__all__ = ["Record", "asdict", "replace"]

R = TypeVar("R", bound="Record")


@dataclass_transform(frozen_default=True)
class _RecordType(type):
    """Make ``__slots__`` of a class's annotations and keep its defaults aside."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _RecordType:
        own = tuple(namespace.get("__annotations__", ()))
        fields: dict[str, None] = {}
        defaults: dict[str, Any] = {}
        for base in reversed(bases):
            fields.update(dict.fromkeys(getattr(base, "__match_args__", ())))
            defaults.update(getattr(base, "_defaults", {}))
        fields.update(dict.fromkeys(own))
        for field in own:
            if field in namespace:
                defaults[field] = namespace.pop(field)
        namespace["__slots__"] = own
        namespace["__match_args__"] = tuple(fields)
        namespace["_defaults"] = defaults
        return super().__new__(cls, name, bases, namespace)


class Record(metaclass=_RecordType):
    """Be the base of frozen records.

    >>> class Point(Record):
    ...     x: int
    ...     y: int = 0
    >>> Point(1), Point(x=1, y=2) == Point(1, 2), len({Point(1), Point(1)})
    (Point(x=1, y=0), True, 1)
    >>> Point(1).x = 3
    Traceback (most recent call last):
    AttributeError: a Point cannot be changed
    """

    def __init__(self, *args: Any, **fields: Any) -> None:
        put = object.__setattr__
        cls = type(self)
        names: tuple[str, ...] = cls.__match_args__
        if len(args) > len(names):
            raise TypeError(f"{cls.__name__} takes {len(names)} arguments, not {len(args)}")
        for name, value in zip(names, args):  # noqa: B905 (the rest comes by name)
            put(self, name, value)
        if len(args) == len(names) and not fields:
            return
        defaults: dict[str, Any] = cls._defaults  # type: ignore[attr-defined]  # set by the metaclass
        for name in names[len(args) :]:
            if name in fields:
                put(self, name, fields.pop(name))
            elif name in defaults:
                put(self, name, defaults[name])
            else:
                raise TypeError(f"{cls.__name__} needs {name}")
        if fields:
            raise TypeError(f"{cls.__name__} takes no {', '.join(fields)}")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def _values(self) -> tuple[Any, ...]:
        names: tuple[str, ...] = type(self).__match_args__
        return tuple([getattr(self, name) for name in names])

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), self._values()))

    def __repr__(self) -> str:
        names: tuple[str, ...] = type(self).__match_args__
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({shown})"

    def __getstate__(self) -> tuple[Any, ...]:
        return self._values()

    def __setstate__(self, values: tuple[Any, ...]) -> None:
        names: tuple[str, ...] = type(self).__match_args__
        for name, value in zip(names, values, strict=True):
            object.__setattr__(self, name, value)


def replace(record: R, **fields: Any) -> R:
    """Return a record like ``record`` with some fields changed.

    >>> class Point(Record):
    ...     x: int
    ...     y: int = 0
    >>> replace(Point(1), y=5)
    Point(x=1, y=5)
    """
    names: tuple[str, ...] = type(record).__match_args__
    return type(record)(**{name: getattr(record, name) for name in names} | fields)


def asdict(value: Any) -> Any:
    """Return a record as a dict, deeply: in its tuples, lists and dicts too.

    >>> class Point(Record):
    ...     x: int
    >>> asdict((Point(1), {"p": Point(2)}))
    ({'x': 1}, {'p': {'x': 2}})
    """
    if isinstance(value, Record):
        names: tuple[str, ...] = type(value).__match_args__
        return {name: asdict(getattr(value, name)) for name in names}
    if isinstance(value, tuple | list):
        return type(value)(asdict(one) for one in value)
    if isinstance(value, dict):
        return {key: asdict(one) for key, one in value.items()}
    return value
