"""LLVM's C++ library: its values have the texts that gdb gives those of GNU's."""

from __future__ import annotations

import re

from tests.live.test_commands_gdb import both
from tests.support.build import build
from tests.support.marks import line_of

# What differs between the libraries, and is not what is shown.
_SAME = (
    (re.compile(r"\b0x[0-9a-f]{2,}"), "ADDR"),
    (re.compile(r"std::__cxx11::"), "std::"),
    (re.compile(r"std::basic_string<char, std::char_traits<char>, std::allocator<char> >"),
     "std::string"),
    (re.compile(r"std::vector<int, std::allocator<int> >"), "std::vector<int>"),
)  # fmt: skip


def _alike(text: str) -> str:
    for pattern, word in _SAME:
        text = pattern.sub(word, text)
    return text


def test_values_are_shown_as_those_of_the_other_library() -> None:
    commands = [f"break libcxx.cc:{line_of('libcxx.cc', 'stop')}", "run", "info locals",
                "print/x map_", "set print elements 2", "info locals", "set print pretty on",
                "print nested", "print map_", "kill"]  # fmt: skip
    gnu = build("libcxx.cc", "pie", "-std=c++17")
    llvm = build("libcxx.cc", "pie", "-std=c++17", "-stdlib=libc++", compiler="clang++")
    want, _ = both(gnu, *commands)
    _, got = both(llvm, *commands)
    compared = 0
    for command, text in want.items():
        if "print" not in command and "info" not in command:
            continue
        theirs, ours = _alike(text).splitlines(), _alike(got[command]).splitlines()
        assert ours == theirs, command
        compared += len(ours)
    assert compared > 70
