"""Make ``constants.py`` from ``constants.txt`` and this machine's kernel headers.

Run ``python -m pydbg.syscalls.generate`` (needs gcc and the headers of linux-libc-dev), or with
``--check`` to compare only: the constants, and the numbers of ``rows.py`` and ``rows_i386.py``
with the package ``system-calls`` (made of the kernel's own tables).
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

__all__ = ["generate", "main", "number_differences"]

_HERE = Path(__file__).parent
_HEADER = '''"""Constants of the kernel's interface, made by ``generate.py``: do not edit.

Set -> (what stands for an unknown value, ``NAME=hex`` in the order of printing).
"""
# ruff: noqa: E501

from __future__ import annotations

SETS: dict[str, tuple[str, str]] = {
'''


def _parse(text: str) -> list[tuple[str, str, list[str], list[str]]]:
    """Return (set, unknown, headers, tokens) for each set of the specification."""
    sets: list[tuple[str, str, list[str], list[str]]] = []
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith("set "):
            head, _, headers = line.removeprefix("set ").partition(":")
            name, unknown = head.split()
            sets.append((name, unknown, headers.split(), []))
        else:
            sets[-1][3].extend(line.split())
    return sets


def _gcc(source: str, *options: str) -> str:
    command = ["gcc", "-D_GNU_SOURCE", "-w", "-x", "c", "-", *options]
    run = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    return run.stdout if run.returncode == 0 else "error:\n" + run.stderr


def _includes(headers: list[str]) -> str:
    return "".join(f"#include <{header}>\n" for header in headers)


def _matching(headers: list[str], patterns: list[str]) -> list[str]:
    """Return the macros and enumerators that match one of ``patterns``, unordered."""
    names: set[str] = set()
    for header in headers:
        source = _includes([header])
        names.update(re.findall(r"^#define (\w+) [^\n]", _gcc(source, "-E", "-dM"), re.M))
        # Enumerators stand in enum bodies of the preprocessed text.
        bodies = re.findall(r"\benum\s*\w*\s*\{([^}]*)\}", _gcc(source, "-E"))
        names.update(re.findall(r"\b[A-Z]\w+", " ".join(bodies)))
    regex = re.compile("|".join(re.escape(p).replace(r"\*", r"\w+") for p in patterns))
    return sorted(name for name in names if regex.fullmatch(name))


def _values(headers: list[str], names: list[str]) -> dict[str, int]:
    """Return the values of those ``names`` that are integer constants."""
    names = list(names)
    while names:
        # An array with one designated line per name lets gcc name each culprit by its line.
        source = _includes(headers) + "const unsigned long long pydbg_values[] = {\n"
        source += "".join(f'#line 1 "{name}"\n(unsigned long long)({name}),\n' for name in names)
        output = _gcc(source + "};\n", "-S", "-O0", "-o", "-")
        if not output.startswith("error:"):
            words = re.findall(r"\.quad\s+(-?\d+)|\.zero\s+(\d+)", output)
            values: list[int] = []
            for quad, zero in words:
                values += [int(quad)] if quad else [0] * (int(zero) // 8)
            return dict(zip(names, values, strict=True))
        bad = set(re.findall(r"^(\w+):\d+:\d+: error", output, re.M))
        if not bad & set(names):
            raise SystemExit(output)
        names = [name for name in names if name not in bad]
    return {}


def _resolve(name: str, headers: list[str], tokens: list[str]) -> str:
    excluded = {token[1:] for token in tokens if token.startswith("!")}
    explicit = dict(token.split("=") for token in tokens if "=" in token)
    patterns = [token for token in tokens if "*" in token]
    plain = [t for t in tokens if "*" not in t and "=" not in t and t[0] not in "!@"]
    found = _matching(headers, patterns) if patterns else []
    wanted = [*plain, *(constant for constant in found if constant not in excluded)]
    values: dict[str, int] = {}
    # One header at a time: the C library's and the kernel's do not go together.
    for header in headers:
        rest = [constant for constant in wanted if constant not in values]
        values |= _values([header], rest)
    missing = [constant for constant in plain if constant not in values]
    if missing:
        raise SystemExit(f"{name}: not in {headers}: {' '.join(missing)}")
    if "@ioctl" in tokens:
        # _IOC_TYPESHIFT is 8; types below 0x10 are other constants with the same prefix.
        values = {constant: value for constant, value in values.items() if value >> 12}
    ordered = [t.split("=")[0] for t in tokens if "*" not in t and t[0] not in "!@"]
    found = [constant for constant in values if constant not in ordered]
    ordered += sorted(found, key=lambda constant: (values[constant] % 2**64, constant))
    values |= {constant: int(value, 0) for constant, value in explicit.items()}
    return " ".join(f"{n}={values[n] % 2**64:#x}" for n in ordered)


def generate() -> str:
    """Return the text of constants.py."""
    lines = []
    for name, unknown, headers, tokens in _parse((_HERE / "constants.txt").read_text()):
        text = _resolve(name, headers, tokens)
        lines.append(f'    "{name}": ("{unknown}", "{text}"),\n')
    return _HEADER + "".join(lines) + "}\n"


def number_differences() -> list[str]:
    """Return what differs between our numbers and those of the package system-calls."""
    import importlib

    from pydbg.syscalls.table import table_for

    found = []
    for abi in ("x86_64", "i386", "x32"):
        module = importlib.import_module(f"system_calls.tables.{abi}")
        theirs: dict[str, int] = getattr(module, f"syscalls_{abi}")
        table = table_for(abi)
        for name, number in theirs.items():
            call = table.by_name(name)
            if call is None or call.number != number:
                found.append(f"{abi}: {name} is {number}, here {call and call.number}")
    return found


def main(arguments: list[str]) -> int:
    """Write or check the generated module; return the exit status."""
    text = generate()
    target = _HERE / "constants.py"
    if "--check" not in arguments:
        target.write_text(text)
        return 0
    problems = number_differences()
    if target.read_text() != text:
        problems.append(f"{target} is stale: run python -m pydbg.syscalls.generate")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
