"""Big programs to measure with: generated or built once, kept in the tests' cache directory."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.build import cache_dir

__all__ = ["UNITS", "big_cplus", "big_go"]

UNITS = 60
_TEMPLATES = 13
"""Pairs of a map and a vector that each unit instantiates whole: some five megabytes a unit."""

_HEAD = """\
#include <map>
#include <string>
#include <vector>

template <int Unit, int Number> struct Key {
    int number = Number;
    bool operator<(const Key &other) const { return number < other.number; }
};
template <int Unit, int Number> struct Value : Key<Unit, Number> {
    std::string text;
};
template <int Unit, int Number>
using Map = std::map<Key<Unit, Number>, std::vector<Value<Unit, Number>>>;
"""


def _unit(unit: int) -> str:
    """Give the source of one unit; ``unit_N`` is its function to break on, ``enter`` its static.

    >>> _unit(3).count("template class"), "int unit_3(int turns)" in _unit(3)
    (26, True)
    """
    lines = [_HEAD]
    for number in range(_TEMPLATES):
        value = f"Value<{unit}, {number}>"
        lines.append(f"template class std::map<Key<{unit}, {number}>, std::vector<{value}>>;")
        lines.append(f"template class std::vector<{value}>;")
    lines.append(f"""
static int enter(const Key<{unit}, 0> &key, int turns) {{
    int twice = key.number + 2 * turns;
    return twice;
}}

int unit_{unit}(int turns) {{
    Map<{unit}, 0> map;
    Map<{unit}, 0> *where = &map;
    Key<{unit}, 1> other;
    (*where)[{{turns}}].push_back({{}});
    return enter({{turns}}, other.number) + (int)map.size();
}}
""")
    return "\n".join(lines)


def big_cplus() -> Path:
    """Give a C++ program of 300 MB and more: 60 units full of the library's templates."""
    sources = {f"unit_{number}.cc": _unit(number) for number in range(UNITS)}
    declared = "\n".join(f"int unit_{number}(int);" for number in range(UNITS))
    calls = "".join(f"    total += unit_{number}({number});\n" for number in range(UNITS))
    sources["main.cc"] = (
        f"{declared}\nint main() {{\n    int total = 0;\n{calls}    return 0;\n}}\n"
    )
    return _made("big_cplus", "\0".join(sources.values()), lambda place: _cplus(sources, place))


def _cplus(sources: dict[str, str], place: Path) -> None:
    # The sources stay where the program will be: both debuggers show lines of them.
    final = place.parent.parent / place.name
    for name, text in sources.items():
        (place / name).write_text(text)

    def compile_one(name: str) -> None:
        run = ["g++", "-g", "-O0", f"-ffile-prefix-map={place}={final}", "-c", name]
        subprocess.run(run, cwd=place, check=True, capture_output=True)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, sources))
    objects = [Path(name).with_suffix(".o") for name in sources]
    subprocess.run(["g++", "-o", place.name, *objects], cwd=place, check=True)
    for name in objects:
        (place / name).unlink()


def big_go() -> Path:
    """Give the ``go`` command itself, built with debug information."""
    version = subprocess.run(["go", "version"], capture_output=True, check=True, text=True).stdout

    def build(place: Path) -> None:
        command = ["go", "build", "-o", place / place.name, "cmd/go"]
        subprocess.run(command, env={**os.environ, "CGO_ENABLED": "0"}, check=True)

    return _made("big_go", version, build)


def _made(name: str, key: str, build: Callable[[Path], None]) -> Path:
    """Give the program ``name`` that ``build`` makes in a folder of that name, once for a key."""
    folder = cache_dir() / hashlib.sha256(key.encode()).hexdigest()[:16] / name
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            (scratch / name).mkdir()
            build(scratch / name)
            (scratch / name).rename(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder / name
