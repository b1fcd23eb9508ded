"""Records: what data classes do, without their start-up cost."""

from __future__ import annotations

import copy
import pickle

import pytest

from pydbg.records import Record, asdict, replace


class Base(Record):
    """A base with two fields."""

    pid: int
    tid: int


class Hit(Base):
    """A record with more fields and defaults."""

    addr: int
    names: tuple[str, ...] = ()
    error: str | None = None
    """A documented field."""

    @property
    def both(self) -> int:
        return self.pid + self.tid


def test_fields_and_defaults() -> None:
    hit = Hit(1, 2, addr=3)
    assert (hit.pid, hit.tid, hit.addr, hit.names, hit.error, hit.both) == (1, 2, 3, (), None, 3)
    assert repr(hit) == "Hit(pid=1, tid=2, addr=3, names=(), error=None)"
    assert isinstance(hit, Base)


def test_equality_and_hash() -> None:
    assert Hit(1, 2, 3) == Hit(1, 2, 3, ())
    assert Hit(1, 2, 3) != Hit(1, 2, 4)
    assert Base(1, 2) != Hit(1, 2, 3)
    assert len({Hit(1, 2, 3), Hit(1, 2, 3)}) == 1


def test_frozen() -> None:
    hit = Hit(1, 2, 3)
    with pytest.raises(AttributeError):
        hit.addr = 4  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del hit.addr


@pytest.mark.parametrize(
    ("args", "fields", "message"),
    [
        ((1, 2), {}, "Hit needs addr"),
        ((1, 2, 3), {"nosuch": 1}, "Hit takes no nosuch"),
        ((1, 2, 3), {"pid": 1}, "Hit takes no pid"),
        ((1, 2, 3, (), None, 6), {}, "Hit takes 5 arguments, not 6"),
    ],
)
def test_wrong_arguments(args: tuple[object, ...], fields: dict[str, object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Hit(*args, **fields)  # type: ignore[arg-type]


def test_match() -> None:
    match Hit(1, 2, 3):
        case Hit(_, _, addr, error=None):
            assert addr == 3
        case _:
            raise AssertionError


def test_copies() -> None:
    hit = Hit(1, 2, 3, ("a",))
    assert replace(hit, addr=9) == Hit(1, 2, 9, ("a",))
    assert copy.deepcopy(hit) == hit
    assert pickle.loads(pickle.dumps(hit)) == hit
    assert asdict([hit]) == [{"pid": 1, "tid": 2, "addr": 3, "names": ("a",), "error": None}]
