"""Modules are found as Python's own finder finds them, or are left to it."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

from pydbg.ui.fastimport import Finder


@pytest.fixture
def module(tmp_path: Path) -> Path:
    source = tmp_path / "one.py"
    source.write_text("answer = 42\n")
    py_compile.compile(str(source), doraise=True)
    return source


def _spec(module: Path) -> importlib.machinery.ModuleSpec | None:
    return Finder("package").find_spec("package.one", [str(module.parent)])


def test_what_is_found_is_what_python_finds(module: Path) -> None:
    found, known = _spec(module), PathFinder.find_spec("package.one", [str(module.parent)])
    assert found is not None and known is not None
    for name in ("name", "origin", "cached", "has_location", "parent"):
        assert getattr(found, name) == getattr(known, name)
    loaded = importlib.util.module_from_spec(found)
    assert found.loader is not None
    found.loader.exec_module(loaded)
    assert loaded.answer == 42 and loaded.__file__ == str(module)


def test_byte_code_of_another_source_is_left_alone(module: Path) -> None:
    cached = Path(importlib.util.cache_from_source(str(module)))
    good = cached.read_bytes()
    for spoilt in (b"", good[:8], b"\0" + good[1:], good[:4] + b"\1" + good[5:]):
        cached.write_bytes(spoilt)
        assert _spec(module) is None
    cached.write_bytes(good)
    assert _spec(module) is not None
    os.utime(module, (1, 1))
    assert _spec(module) is None
    cached.unlink()
    assert _spec(module) is None


def test_packages_and_others_modules_are_pythons(module: Path) -> None:
    finder, path = Finder("package"), [str(module.parent)]
    assert finder.find_spec("packages.one", path) is None
    assert finder.find_spec("package.one", None) is None
    assert finder.find_spec("package.one", [*path, *path]) is None
    assert finder.find_spec("package.two", path) is None


def test_only_the_command_has_it() -> None:
    assert not any(isinstance(finder, Finder) for finder in sys.meta_path)
