"""``python -m tests.benchmarks [--rounds N] [--write] [TOPIC...]``: all topics, or those named.

``--write`` puts the table of a whole run into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from importlib import import_module

from tests.benchmarks.harness import HEAD, ROOT, bench, line

TOPICS = ("start", "big", "stops", "typed", "steps", "bulk", "trace")


def main() -> int:
    """Measure and print; with ``--write`` also keep the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side (at least 3)")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=" ".join(TOPICS))
    options = parser.parse_args()
    for topic in options.topics:
        if topic not in TOPICS:
            parser.error(f"no topic {topic}")
    print(HEAD)
    with bench(max(options.rounds, 3)) as measured:
        for topic in options.topics or TOPICS:
            import_module(f"tests.benchmarks.{topic}").run(measured)
    if options.write:
        table = "\n".join([HEAD, *map(line, measured.rows)])
        path = ROOT / "docs" / "benchmarks.md"
        old = path.read_text()
        begin, end = "<!-- table: python -m tests.benchmarks --write -->\n", "<!-- end -->"
        made = f"{begin}{_machine()}\n\n{table}\n{end}"
        path.write_text(re.sub(f"{begin}.*{end}", lambda _: made, old, flags=re.DOTALL))
    return 0


def _machine() -> str:
    """Say what was measured where."""
    gdb = subprocess.run(["gdb", "--version"], capture_output=True, text=True, check=True).stdout
    return (
        f"Linux {platform.release()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, "
        f"{gdb.splitlines()[0]}; medians, the two debuggers taking turns."
    )


if __name__ == "__main__":
    sys.exit(main())
