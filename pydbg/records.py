"""Records: what dataclasses are, without their cost at import.

Making a dataclass takes a third of a millisecond (it writes and compiles five functions), and
importing ``dataclasses`` brings ``inspect``, ``ast`` and ``tokenize`` along. A debugger in which
hundreds of facts have a type of their own would spend most of its start on that, so records
share one constructor that reads the field names from a tuple.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

__all__ = ["NamedTuple", "Record", "asdict", "field", "replace"]

R = TypeVar("R", bound="Record")


class _Made:
    """Hold how a field's default is made."""

    def __init__(self, make: Any, hidden: bool) -> None:
        self.make = make
        self.hidden = hidden


def field(*, default_factory: Any, compare: bool = True, repr: bool = True) -> Any:
    """Give a field a default that is made anew for each record.

    ``compare=False`` or ``repr=False`` leaves it out of both, comparison and text.
    """
    return _Made(default_factory, hidden=not (compare and repr))


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Record:
    """Be a base whose annotations are fields, given by position or by name.

    Records are frozen unless the class says ``frozen=False``; with ``eq=False`` each is equal
    only to itself; with ``kw_only=True`` the class's own fields are given by name. With
    ``often=True``, for those that every stop makes, the first one compiles a constructor, which
    makes the others in a quarter of the time.

    >>> class Point(Record):
    ...     x: int
    ...     y: int = 0
    >>> Point(1), Point(1) == Point(1, y=0)
    (Point(x=1, y=0), True)
    >>> Point(1, z=2)
    Traceback (most recent call last):
      ...
    TypeError: Point takes no z
    """

    _fields: tuple[str, ...] = ()
    _names: frozenset[str] = frozenset()
    _shown: tuple[str, ...] = ()
    _positional: int = 0
    _makers: tuple[tuple[str, Any], ...] = ()
    _defaults: Mapping[str, Any] = {}
    _often: bool = False

    def __init_subclass__(
        cls, *, frozen: bool = True, eq: bool = True, kw_only: bool = False, often: bool = False
    ) -> None:
        space = cls.__dict__
        inherited, makers = cls._fields, dict(cls._makers)
        own = tuple(
            name
            for name, kind in space.get("__annotations__", {}).items()
            if name not in inherited and not kind.startswith("ClassVar")
        )
        cls._fields = inherited + own
        cls._names = frozenset(cls._fields)
        hidden = set(inherited).difference(cls._shown)
        for name in own:
            default = space.get(name)
            if isinstance(default, _Made):
                makers[name] = default.make
                delattr(cls, name)
                if default.hidden:
                    hidden.add(name)
        cls._makers = tuple(makers.items())
        cls._defaults = {
            name: getattr(cls, name)
            for name in cls._fields
            if name not in makers and hasattr(cls, name)
        }
        cls._shown = tuple(name for name in cls._fields if name not in hidden)
        if not kw_only:
            cls._positional = len(cls._fields)
        if often:
            cls.__init__ = _compiled_first  # type: ignore[method-assign]
        elif cls._often and "__init__" not in space:
            cls.__init__ = Record.__init__  # type: ignore[method-assign]
        cls._often = often
        type.__setattr__(cls, "__match_args__", cls._fields[: cls._positional])
        if not frozen:
            cls.__setattr__ = object.__setattr__  # type: ignore[method-assign, assignment]
            cls.__delattr__ = object.__delattr__  # type: ignore[method-assign]
        if not eq:
            cls.__eq__ = object.__eq__  # type: ignore[method-assign]
            cls.__hash__ = object.__hash__  # type: ignore[method-assign]

    def __init__(self, *args: Any, **named: Any) -> None:
        values, fields = self.__dict__, self._fields
        given = len(args) + len(named)
        if given < len(fields):
            values.update(self._defaults)
        if args:
            if len(args) > self._positional:
                raise TypeError(
                    f"{type(self).__name__} takes {self._positional} arguments, not {len(args)}"
                )
            values.update(zip(fields, args, strict=False))
        if named:
            values.update(named)
            twice = args and not named.keys().isdisjoint(fields[: len(args)])
            if twice or not self._names.issuperset(named):
                self._refuse(len(args), named)
        if len(values) < len(fields):
            self._fill(values)

    def _fill(self, values: dict[str, Any]) -> None:
        for name, make in self._makers:
            if name not in values:
                values[name] = make()
        for name in self._fields:
            if name not in values:
                raise TypeError(f"{type(self).__name__} needs {name}")

    def _refuse(self, args: int, named: dict[str, Any]) -> None:
        free = self._fields[args:]
        wrong = ", ".join(name for name in named if name not in free)
        raise TypeError(f"{type(self).__name__} takes no {wrong}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        mine, theirs = self.__dict__, other.__dict__
        return all(mine[name] == theirs[name] for name in self._shown)

    def __hash__(self) -> int:
        values = self.__dict__
        return hash((type(self), *[values[name] for name in self._shown]))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self._shown)
        return f"{type(self).__name__}({shown})"


def _compiled_first(self: Any, *args: Any, **named: Any) -> None:
    """Construct the first record of a class that are made often: compile how, and do so."""
    cls = type(self)
    made = _constructor(cls)
    cls.__init__ = made
    made(self, *args, **named)


def _constructor(cls: type[Record]) -> Any:
    """Return a constructor of the class's own fields, as text would have it."""
    makers = dict(cls._makers)
    space: dict[str, Any] = {f"default_{name}": value for name, value in cls._defaults.items()}
    space.update({f"make_{name}": make for name, make in makers.items()}, missing=_Made)
    parameters, lines = ["self"], ["values = self.__dict__"]
    for at, name in enumerate(cls._fields):
        if at == cls._positional:
            parameters.append("*")
        value = name
        if name in makers:
            parameters.append(f"{name}=missing")
            value = f"make_{name}() if {name} is missing else {name}"
        else:
            parameters.append(f"{name}=default_{name}" if name in cls._defaults else name)
        lines.append(f"values[{name!r}] = {value}")
    exec(f"def __init__({', '.join(parameters)}):\n " + "\n ".join(lines), space)
    return space["__init__"]


def replace(record: R, **changes: Any) -> R:
    """Return a copy of a record with some fields changed.

    >>> class Point(Record):
    ...     x: int
    ...     y: int = 0
    >>> replace(Point(1, 2), x=5)
    Point(x=5, y=2)
    """
    values = record.__dict__
    return type(record)(**{name: values[name] for name in record._fields} | changes)


def asdict(value: Any) -> Any:
    """Return a record as a dict, the records inside it too, for JSON.

    >>> class Point(Record):
    ...     x: int
    >>> asdict([Point(1), {"p": Point(2)}])
    [{'x': 1}, {'p': {'x': 2}}]
    """
    if isinstance(value, Record):
        return {name: asdict(value.__dict__[name]) for name in value._fields}
    if isinstance(value, list | tuple):
        if hasattr(value, "_fields"):  # A named tuple takes its values one by one.
            return type(value)(*map(asdict, value))
        return type(value)(map(asdict, value))
    if isinstance(value, dict):
        return {key: asdict(item) for key, item in value.items()}
    return value


if TYPE_CHECKING:
    from typing import NamedTuple
else:

    class _TupleType(type):
        """Make named tuples of a class's annotations."""

        def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> type:
            fields = tuple(space.get("__annotations__", ()))
            defaults = {name: space.pop(name) for name in fields if name in space}
            for at, name_ in enumerate(fields):
                space[name_] = property(itemgetter(at))
            space.update(
                __slots__=(), __match_args__=fields, _fields=fields, _field_defaults=defaults
            )
            return super().__new__(cls, name, bases, space)

    class NamedTuple(tuple, metaclass=_TupleType):
        """Be ``typing.NamedTuple``, which compiles the text of every annotation, for less.

        For tuples that are made by the ten thousand the original is the better one: it
        compiles a constructor too.

        >>> class Pair(NamedTuple):
        ...     left: int
        ...     right: int = 2
        >>> pair = Pair(left=1)
        >>> pair, pair.right, pair._replace(left=5), Pair(*pair) == (1, 2)
        (Pair(left=1, right=2), 2, Pair(left=5, right=2), True)
        """

        def __new__(cls, *args: Any, **named: Any) -> Any:
            fields = cls._fields
            if named or len(args) != len(fields):
                values = {**cls._field_defaults, **dict(zip(fields, args, strict=False)), **named}
                missing = [name for name in fields if name not in values]
                free = fields[len(args) :]
                wrong = [name for name in named if name not in free]
                if len(args) > len(fields) or missing or wrong:
                    what = f"needs {missing[0]}" if missing else f"takes no {(*wrong, 'more')[0]}"
                    raise TypeError(f"{cls.__name__} {what}")
                args = tuple([values[name] for name in fields])
            return tuple.__new__(cls, args)

        @classmethod
        def _make(cls, values: Any) -> Any:
            return cls(*values)

        def _replace(self, **changes: Any) -> Any:
            return type(self)(**{**self._asdict(), **changes})

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

        def __repr__(self) -> str:
            shown = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
            return f"{type(self).__name__}({shown})"
