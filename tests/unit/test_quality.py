"""Lint, format, types and the examples in docstrings."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import pydbg

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "pydbg", "tests", "docs/conf.py"],
        ["ruff", "format", "--check", "pydbg", "tests", "docs/conf.py"],
        ["mypy"],
        ["mypy", "docs/conf.py"],
    ],
    ids=["lint", "format", "types", "types-docs"],
)
def test_tool_is_content(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr


def module_names() -> list[str]:
    """Name every module but ``__main__``, which runs when it is imported."""
    found = pkgutil.walk_packages(pydbg.__path__, "pydbg.")
    return ["pydbg", *(info.name for info in found if not info.name.endswith("__main__"))]


@pytest.mark.parametrize("name", module_names())
def test_examples_in_docstrings(name: str) -> None:
    failures, _ = doctest.testmod(importlib.import_module(name))
    assert failures == 0


def test_the_wheel_has_all_files() -> None:
    with (ROOT / "pyproject.toml").open("rb") as stream:
        named = tomllib.load(stream)["tool"]["setuptools"]["package-data"]["pydbg"]
    package = ROOT / "pydbg"
    data = {
        str(path.relative_to(package))
        for path in package.rglob("[!.]*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and "/." not in str(path)
    }
    assert data == set(named)
    assert all((path.parent / "__init__.py").exists() for path in package.rglob("*.py"))
