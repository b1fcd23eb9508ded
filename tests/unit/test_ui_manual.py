"""The manual page and the completions of shells: fresh, well-formed, installed by the wheel."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from pydbg.cli import OPTIONS, usage
from pydbg.ui.manual import FILES, man_page, spelt, subcommands

ROOT = Path(__file__).resolve().parents[2]
SHARE = ROOT / "docs" / "share"


@pytest.mark.parametrize("name", FILES)
def test_files_are_fresh(name: str) -> None:
    assert (SHARE / name).read_text() == FILES[name](), "run: python -m pydbg.ui.manual docs/share"


def test_the_wheel_installs_them() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    data = project["tool"]["setuptools"]["data-files"]
    assert {path for paths in data.values() for path in paths} == {
        f"docs/share/{name}" for name in FILES
    }


def test_the_manual_page_is_well_formed() -> None:
    done = subprocess.run(
        ["groff", "-ww", "-man", "-Tutf8", "-P-cbou"],
        input=man_page(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    for option in OPTIONS:
        for name in spelt(option):
            assert name in done.stdout
    assert "telescope" in done.stdout and "127" in done.stdout


@pytest.mark.parametrize("name", FILES)
def test_every_option_is_completed(name: str) -> None:
    text = (SHARE / name).read_text().replace("\\-", "-")
    for option in OPTIONS:
        for one in spelt(option):
            assert one in text or f" {one.lstrip('-')} " in text


def test_every_option_is_in_the_usage() -> None:
    for option in OPTIONS:
        assert all(name in usage() for name in spelt(option))
    assert {"doctor", "report"} <= set(subcommands())
