"""Text that is the same in every run."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydbg.normalise import Normaliser, NormalisingWriter
from pydbg.transcript import parse


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (
            "[Inferior 1 (process 77) exited normally]",
            "[Inferior 1 (process PID1) exited normally]",
        ),
        ("[New Thread 0x7ffff7d8d6c0 (LWP 78)]", "[New Thread ADDR (LWP PID1)]"),
        ("=> 0x000055555555513d <main+4>:\tmov", "=> <main+4>:\tmov"),
        ("$1 = (void (*)()) 0x55555555513d <main+4>", "$1 = (void (*)()) <main+4>"),
        ("rsp 0x7fffffffe0a0 0x7fffffffe0a0", "rsp <stack> <stack>"),
        ("rdx 0x7fffffffe0a8 140737488347304", "rdx <stack> <stack>"),
        ("read(3</dev/pts/12>, 0x7ffe12345678, 10)", "read(3</dev/TTY>, <stack>, 10)"),
        ("pipe:[123456]", "pipe:[N]"),
        ("/proc/4321/maps", "/proc/PID1/maps"),
        ("/scratch/pytest-of-me/pytest-12/a", "$TMP/pytest-of-me/XXX/a"),
        ("/scratch/tmpab12cd_x/prog", "$TMP/XXX/prog"),
        ("/scratch/crash-aB3dE6", "$TMP/crash-XXX"),
        ("/home/me/src/a.c:3", "./a.c:3"),
        ("/home/me/other", "~/other"),
        ("/home/menu", "/home/menu"),
        ("$1 = 42", "$1 = 42"),
        ("$1 = 0x2a", "$1 = 0x2a"),
        ("$1 = 0x12345678", "$1 = 0x12345678"),
        ("main+1234567890123", "main+1234567890123"),
    ],
)
def test_what_differs_is_replaced(text: str, same: str) -> None:
    paths = {"/scratch": "$TMP", "/home/me": "~", "/home/me/src": "."}
    assert Normaliser(paths=paths)(text) == same


def test_processes_keep_their_numbers() -> None:
    same = Normaliser(paths={})
    assert same("process 5000 forked process 5001") == "process PID1 forked process PID2"
    assert same("getpid() = 5001") == "getpid() = PID2"
    assert same("process 5000") == "process PID1"
    assert same("$1 = 150001, 5001.5, x5001") == "$1 = 150001, 5001.5, x5001"


def test_known_processes_are_replaced_wherever_they_are() -> None:
    same = Normaliser(paths={}, ids=lambda: {4242, 7})
    assert same("gettid() = 4242, write(1) = 7") == "gettid() = PID1, write(1) = 7"


def test_addresses_are_asked_for() -> None:
    places = {0x401136: "main", 0x404010: "counter+8"}
    same = Normaliser(paths={}, resolve=places.get)
    assert same("0x0000000000401136 in ?? () 0x404010 0x404011") == (
        "<main> in ?? () <counter+8> 0x404011"
    )


@given(st.text())
def test_twice_is_once(text: str) -> None:
    same = Normaliser(paths={"/tmp": "$TMP"})
    once = same(text)
    assert same(once) == once


@given(st.lists(st.text(alphabet="ab \n0x7f", max_size=8)))
def test_a_writer_loses_nothing(pieces: list[str]) -> None:
    target = io.StringIO()
    writer = NormalisingWriter(target, Normaliser(paths={}))
    for piece in pieces:
        writer.write(piece)
    writer.flush()
    assert target.getvalue() == Normaliser(paths={})("".join(pieces))


@given(st.text(alphabet="(pydbg) >end.\n#a", max_size=200))
def test_any_text_is_a_transcript(text: str) -> None:
    found = parse(text)
    lines = [line.rstrip() for line in text.rstrip("\n").split("\n")] if text.strip() else []
    assert sorted(found.lines) == sorted(lines)
    assert found.diff(found, "x") == ""
    assert parse(found.text).blocks == found.blocks
