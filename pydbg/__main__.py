"""Run ``python -m pydbg``."""

from __future__ import annotations

import sys

from pydbg.cli import main

if __name__ == "__main__":
    sys.exit(main())
