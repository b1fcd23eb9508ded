"""Records behave as the dataclasses that they stand for."""

from __future__ import annotations

import copy
import pickle

import pytest

from pydbg.records import NamedTuple, Record, asdict, field, replace


class Base(Record):
    a: int
    b: int = 2


class Derived(Base):
    c: str = "c"
    d: list[int] = field(default_factory=list, compare=False, repr=False)


class Open(Record, frozen=False, eq=False, kw_only=True):
    x: int
    y: list[int] = field(default_factory=list)


def test_defaults_and_inheritance() -> None:
    one = Derived(1)
    assert (one.a, one.b, one.c, one.d) == (1, 2, "c", [])
    assert one.d is not Derived(1).d
    assert repr(one) == "Derived(a=1, b=2, c='c')"


def test_equality_is_by_type_and_value() -> None:
    assert Derived(1) == Derived(a=1, d=[5])
    assert Base(1) != Derived(1)
    assert hash(Base(1)) == hash(Base(1, 2))
    assert {Base(1), Base(1, b=2)} == {Base(1)}
    assert Open(x=1) != Open(x=1)
    one = Open(x=1)
    assert one in {one}


def test_frozen() -> None:
    with pytest.raises(AttributeError):
        Base(1).a = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del Base(1).a
    one = Open(x=1)
    one.x = 5
    assert one.x == 5


@pytest.mark.parametrize(
    ("args", "named"),
    [((), {}), ((1, 2, 3), {}), ((1,), {"z": 1}), ((1,), {"a": 1}), ((), {"b": 1})],
)
def test_wrong_arguments(args: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        Base(*args, **named)


def test_keywords_only() -> None:
    with pytest.raises(TypeError):
        Open(1)  # type: ignore[call-arg]


def test_match() -> None:
    match Derived(1, 5):
        case Derived(a, b, c="c"):
            assert (a, b) == (1, 5)
        case _:
            pytest.fail("no match")


def test_copies() -> None:
    one = Derived(1, d=[1])
    assert replace(one, b=7) == Derived(1, 7)
    assert copy.copy(one) == one
    assert copy.deepcopy(one).d is not one.d
    assert pickle.loads(pickle.dumps(one)) == one
    assert asdict((one,)) == ({"a": 1, "b": 2, "c": "c", "d": [1]},)


class Pair(NamedTuple):
    left: int
    right: str = "r"

    @property
    def both(self) -> str:
        return f"{self.left}{self.right}"


def test_named_tuples() -> None:
    pair = Pair(1)
    assert (pair.left, pair[1], pair.both, len(pair)) == (1, "r", "1r", 2)
    assert Pair(right="x", left=2) == (2, "x")
    assert Pair._make((3, "y"))._replace(left=4) == Pair(4, "y")
    assert pickle.loads(pickle.dumps(pair)) == pair
    assert copy.deepcopy(pair) == pair
    assert isinstance(copy.copy(pair), Pair)
    assert asdict({"p": pair}) == {"p": (1, "r")}
    match pair:
        case Pair(left, right="r"):
            assert left == 1
        case _:
            pytest.fail("no match")


@pytest.mark.parametrize(
    ("args", "named"),
    [((), {}), ((1, "", 3), {}), ((1,), {"z": 1}), ((1,), {"left": 1}), ((), {"right": ""})],
)
def test_wrong_named_tuples(args: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        Pair(*args, **named)  # type: ignore[arg-type]


class Often(Record, often=True):
    x: int
    y: int = 3
    z: list[int] = field(default_factory=list)


def test_a_compiled_constructor_does_the_same() -> None:
    first, second = Often(1), Often(1, z=[], y=3)
    assert first == second and first.z is not second.z
    assert (first.x, first.y, repr(first)) == (1, 3, "Often(x=1, y=3, z=[])")
    assert replace(first, y=5).y == 5
    for wrong in ({}, {"x": 1, "no": 2}):
        with pytest.raises(TypeError):
            Often(**wrong)
    with pytest.raises(AttributeError):
        first.x = 2  # type: ignore[misc]


def test_what_derives_from_one_made_often_has_its_own_fields() -> None:
    class More(Often):
        w: int = 7

    assert (Often(1).y, More(1, w=2).w, More(2).w) == (3, 2, 7)
