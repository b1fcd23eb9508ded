"""Hundreds of commands through gdb and pydbg: the texts must be the same to the byte."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pydbg.errors import DebuggerError
from pydbg.expr.evaluate import evaluate_text, parse_in, type_of
from pydbg.expr.examine import Examiner, address_of
from pydbg.expr.format import Formatter, PrintOptions
from pydbg.expr.formats import print_format
from pydbg.expr.printf import echo, printf
from pydbg.expr.types import LP64
from tests.unit.expr_oracle import FakeContext, Snapshot, ask_gdb, build

CORPUS = Path(__file__).parent / "expr_corpus"
STOPPED = ("break *_start", "run")


class Ours:
    """Run the commands of the corpus on pydbg's expression engine alone."""

    def __init__(self, context: FakeContext) -> None:
        self.context = context
        self.formatter = Formatter(
            PrintOptions(), context.symbolize, context.read, context.pointer_size
        )
        self.examiner = Examiner(LP64)
        self.letter = ""

    def run(self, command: str) -> str:
        """Return the text, or "!" and the error's."""
        self.context.warnings.clear()
        lines: list[str] = []
        try:
            lines.extend(self._run(command))
        except DebuggerError as error:
            return f"!{error}"
        warnings = "".join(f"warning: {text}\n" for text in self.context.warnings)
        return (warnings + "".join(lines)).rstrip("\n")

    def _run(self, command: str) -> Iterator[str]:
        word, rest = re.match(r"(\w+)\s*(.*)", command, re.S).groups()  # type: ignore[union-attr]
        if word == "whatis":
            yield f"type = {type_of(parse_in(rest, self.context), self.context)}"
        elif word == "x":
            yield from self._examine(rest)
        elif word == "printf":
            yield printf(rest, self.context)
        elif word == "echo":
            yield echo(rest)
        else:
            yield self._print(word, rest)

    def _print(self, word: str, rest: str) -> str:
        letter = ""
        if rest.startswith("/"):
            name = "print" if word == "p" else word
            form, end = print_format(rest[1:], name, self.letter)
            self.letter = letter = form.letter
            rest = rest[1 + end :]
        value = evaluate_text(rest, self.context)
        if word == "output":
            return self.formatter.top(value, letter)
        value.data  # noqa: B018
        self.context.values.append(value)
        return f"${len(self.context.values)} = {self.formatter.top(value, letter)}"

    def _examine(self, rest: str) -> Iterator[str]:
        form, text = self.examiner.parse(rest)
        addr = address_of(evaluate_text(text, self.context)) if text else None
        yield from self.examiner.run(form, addr, self.formatter, self.context.read)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert shutil.which("gdb"), "gdb is the oracle of these tests"
    return build(tmp_path_factory.mktemp("expr"))


def differences(
    commands: list[str], program: Path | None, before: tuple[str, ...] = ()
) -> list[str]:
    """Return a report line for each command whose texts differ.

    Without a program gdb takes the inferior to be an i386 one.
    """
    theirs, snapshot = ask_gdb(commands, program, before, snapshot=bool(before))
    context = FakeContext(snapshot if before else Snapshot(), program, 8 if program else 4)
    if before == ("run",):
        # SIGILL, ILL_ILLOPN, and the address of the instruction: where it stopped.
        words = b"".join(word.to_bytes(4, "little") for word in (4, 0, 2, 0))
        context.siginfo = (words + snapshot.registers["rip"]).ljust(128, b"\0")
    ours = Ours(context)
    report = []
    for command, want in zip(commands, theirs, strict=True):
        numbered = re.search(r"^\$(\d+) = ", want, re.M)
        if numbered:
            # One difference must not shift the numbers of all that follow.
            values = ours.context.values
            missing = int(numbered[1]) - 1 - len(values)
            values.extend(values[-1:] * missing)
            del values[int(numbered[1]) - 1 :]
        got = ours.run(command)
        if got != want:
            report.append(f"{command}\n  gdb   {want}\n  pydbg {got}")
    return report


@pytest.mark.parametrize("corpus", ["print", "examine", "printf"])
def test_corpus_is_as_gdb_prints_it(corpus: str, program: Path) -> None:
    commands = (CORPUS / f"{corpus}.txt").read_text().splitlines()
    assert len(commands) > 60
    report = differences(commands, program, STOPPED)
    assert not report, f"{len(report)} of {len(commands)} differ:\n" + "\n".join(report)


def test_siginfo_of_a_signal(program: Path) -> None:
    commands = [
        "p $_siginfo",
        "p/x $_siginfo",
        "p $_siginfo.si_signo",
        "p $_siginfo._sifields._sigfault",
        "p $_siginfo._sifields._sigfault.si_addr",
        "p $_siginfo._sifields._pad[0]",
        "p $_siginfo.nosuch",
        "p sizeof($_siginfo)",
        "whatis $_siginfo",
        "whatis $_siginfo._sifields._sigchld.si_utime",
        "whatis $_siginfo._sifields._kill.si_pid",
        "whatis $_siginfo._sifields._rt.si_sigval",
        "whatis $_siginfo._sifields._sigfault.si_addr",
    ]
    report = differences(commands, program, ("run",))
    assert not report, "\n".join(report)


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        # gdb drops the character before an incomplete sequence at the end.
        ("(char*)&text", '\\\\ \\t\\033[0m", <incomplete sequence \\303>'),
        # Without debug information gdb knows none of these.
        ("(uint8_t)65", "65 'A'"),
        ("(bool)2", "true"),
        ("(size_t)-1", "18446744073709551615"),
        ("L'a'", "97 L'a'"),
    ],
)
def test_documented_differences(text: str, ours: str, program: Path) -> None:
    (theirs,), snapshot = ask_gdb([f"output {text}"], program, STOPPED, snapshot=True)
    context = FakeContext(snapshot, program)
    value = evaluate_text(text, context)
    shown = Formatter(PrintOptions(), context.symbolize, context.read).top(value)
    assert shown.endswith(ours)
    assert shown != theirs


OPERANDS = (
    "1", "-3", "2147483647", "4294967295u", "-1L", "9223372036854775807", "0xffffffffffffffff",
    "'a'", "(char)-128", "(unsigned char)200", "(short)-5", "(unsigned short)65535",
    "1.5", "-2.25f", "3.0l", "0", "(char*)16", "(long*)64", "(void*)5",
)  # fmt: skip
BINARY = ("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "==", "!=", "<", ">=", "&&", "||")


def test_every_operator_on_every_pair_of_types(program: Path) -> None:
    commands = [
        f"output {left} {op} {right}"
        for left, op, right in itertools.product(OPERANDS, BINARY, OPERANDS)
        if "char*" not in left + right or op != "=="
    ]
    report = differences(commands, program) + differences(commands, None)
    assert not report, f"{len(report)} of {len(commands)} differ:\n" + "\n".join(report[:60])


def test_every_format_of_every_type(program: Path) -> None:
    commands = [
        f"output/{letter} {value}"
        for letter, value in itertools.product("xduotzacfs", OPERANDS)
        if not ("char*" in value and letter == "s")
    ]
    # (Too large for an i386 pointer is a warning, which a cast has no way to give.)
    commands += [
        f"output ({kind}){value}"
        for kind, value in itertools.product(CASTS, OPERANDS)
        if not ("*" in kind and value == "9223372036854775807")
    ]
    commands += [f"whatis {op}({value})" for op in "-+~!" for value in OPERANDS]
    commands += [f"output {op}({value})" for op in "-+~!" for value in OPERANDS]
    report = differences(commands, program) + differences(commands, None)
    assert not report, f"{len(report)} of {len(commands)} differ:\n" + "\n".join(report[:60])


CASTS = (
    "char", "signed char", "unsigned char", "short", "unsigned short", "int", "unsigned",
    "long", "unsigned long", "long long", "float", "double", "long double", "void*", "long*",
)  # fmt: skip
