"""Everything public is listed, documented with an example that runs, and typed.

The examples themselves are run with all others, by tests/unit/test_quality.py.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

import pydbg

INNER = {
    "Debugger": frozenset(
        [
            "acting",
            "adopt",
            "behind_ifunc",
            "call_back",
            "changed",
            "context",
            "context_of",
            "evaluate",
            "follow",
            "functions_named",
            "gone",
            "goroutines",
            "run_call",
            "parked",
            "refuse_parked",
            "innermost_of",
            "live_inferior",
            "look_at",
            "modules_changed",
            "next_inferior_number",
            "notify",
            "outer_frame",
            "parsed",
            "places",
            "program_replaced",
            "start_process",
            "stopped",
            "written",
        ]
    ),
    "Thread": frozenset(
        [
            "clean_flags",
            "fetch",
            "flush",
            "in_restart",
            "invalidate",
            "is_awaited",
            "is_ghost_trap",
            "pass_hardware",
            "pass_restart",
            "registers",
            "resume",
            "rewind",
            "set_arch",
            "stoppable",
            "stopped",
            "watch_flags",
        ]
    ),
    "Inferior": frozenset(
        ["add_thread", "close", "leader", "read", "read_some", "refresh", "was_threaded", "write"]
    ),
    "Value": frozenset(["base_part", "referred"]),
    "Settings": frozenset(["flag", "limit", "names", "note", "on_change", "put", "text"]),
}
"""What the parts of pydbg use of each other although its name has no underscore."""

NAMES = [name for name in pydbg.__all__ if name not in ("STOP", "__version__", "aio", "printers")]
CLASSES = [
    name
    for name in NAMES
    if inspect.isclass(getattr(pydbg, name))
    and not issubclass(getattr(pydbg, name), (BaseException, pydbg.Event))
]


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Give the public methods and properties that a class has from pydbg."""
    for name, member in inspect.getmembers_static(cls):
        owner = next(base for base in cls.__mro__ if name in base.__dict__)
        if name.startswith("_") or not owner.__module__.startswith("pydbg"):
            continue
        function = member.fget if isinstance(member, property) else member
        function = getattr(function, "__func__", function)
        if inspect.isfunction(function):
            yield name, function


def check_types(function: Any) -> None:
    signature = inspect.signature(function)
    assert signature.return_annotation is not signature.empty, function
    for name, parameter in signature.parameters.items():
        assert name in ("self", "cls") or parameter.annotation is not parameter.empty, function


def test_all_is_sorted_whole_and_shown() -> None:
    assert sorted(set(pydbg.__all__)) == sorted(pydbg.__all__) == sorted(dir(pydbg))
    for name in pydbg.__all__:
        assert getattr(pydbg, name) is not None
    with pytest.raises(AttributeError):
        pydbg.nosuch  # noqa: B018
    events = inspect.getmembers(__import__("pydbg.events").events, inspect.isclass)
    for name, cls in events:
        if issubclass(cls, pydbg.Event):
            assert name in pydbg.__all__
    errors = inspect.getmembers(__import__("pydbg.errors").errors, inspect.isclass)
    assert {name for name, _ in errors} <= set(pydbg.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_public_names_have_an_example(name: str) -> None:
    thing = getattr(pydbg, name)
    text = inspect.getdoc(thing)
    assert text and ">>> " in text, f"pydbg.{name} has no example"
    if inspect.isfunction(thing):
        check_types(thing)


@pytest.mark.parametrize("name", CLASSES)
def test_public_methods_have_an_example_and_types(name: str) -> None:
    for member, function in members(getattr(pydbg, name)):
        check_types(function)
        text = inspect.getdoc(function)
        assert text, f"{name}.{member} has no docstring"
        if member not in INNER.get(name, ()):
            assert ">>> " in text, f"{name}.{member} has no example"


def test_the_asynchronous_debugger_mirrors_the_other() -> None:
    for member, function in members(pydbg.aio.AsyncDebugger):
        check_types(function)
        assert inspect.getdoc(function), member
    for name in pydbg.aio.__all__:
        assert ">>> " in (inspect.getdoc(getattr(pydbg.aio, name)) or "")


def test_inner_names_exist() -> None:
    for name, inner in INNER.items():
        assert inner <= {member for member, _ in members(getattr(pydbg, name))}
