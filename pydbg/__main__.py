"""Run ``python -m pydbg``."""

from __future__ import annotations

from pydbg.cli import entry

if __name__ == "__main__":
    entry()
