"""``info syscall`` explains calls, ``syscall`` shows the one at hand: asked gdb, the headers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support import oracle
from tests.support.build import build
from tests.support.run import batch


def header_numbers(bits: str) -> dict[str, int]:
    """Return the system call numbers of the C library's headers."""
    code = "#include <asm/unistd.h>\n"
    done = subprocess.run(
        ["gcc", bits, "-E", "-dM", "-"], input=code, capture_output=True, text=True, check=True
    )
    found = re.findall(r"#define __NR_(\w+) (\d+)$", done.stdout, re.MULTILINE)
    return {name: int(number) for name, number in found}


@pytest.mark.parametrize("name", ["write", "openat", "mmap", "clone", "futex", "exit_group"])
def test_numbers_and_registers(name: str) -> None:
    done = batch(None, f"info syscall {name}")
    assert done.returncode == 0 and done.stderr == ""
    text = done.stdout
    wide, narrow = header_numbers("-m64")[name], header_numbers("-m32")[name]
    assert f"x86-64: syscall with rax = {wide}" in text
    assert f"i386: int $0x80 with eax = {narrow}" in text
    assert f"x32: syscall with rax = {wide | 1 << 30:#x}" in text
    # syscall(2), "Architecture calling conventions".
    part = text.partition("x86-64: ")[2].partition("\n\n")[0]
    registers = re.findall(r"^  (\w+) +=", part, re.MULTILINE)
    assert registers == ["rdi", "rsi", "rdx", "r10", "r8", "r9"][: len(registers) - 1] + ["rax"]
    assert "rcx and r11 are clobbered" in part


def test_a_number_and_what_it_is_elsewhere() -> None:
    text = batch(None, "info syscall 1").stdout
    assert text.startswith("write: 1 in x86-64, 4 in i386")
    assert "(in i386 that number is exit)" in text
    assert "getpid: 39" in batch(None, "info syscall 0x27").stdout


def test_classes_are_listed() -> None:
    text = batch(None, "info syscall %clock").stdout
    assert "  settimeofday [164]" in text


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("wirte", "Unknown syscall name 'wirte'.  Did you mean 'write' or 'writev'?"),
        ("99999", "No system call has the number 99999."),
        ("%fiel", "Unknown syscall group '%fiel'.  Did you mean '%file'?"),
        ("/(", "Invalid regular expression '('"),
    ],
)
def test_unknown_words(word: str, error: str) -> None:
    done = batch(None, f"info syscall {word}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(error)


def test_the_synopsis_comes_from_the_pages(tmp_path: Path) -> None:
    (tmp_path / "man2").mkdir()
    page = '.TH write 2\n.SH SYNOPSIS\n.BI "long write(\\fBint\\fP " fd );\n.SH BUGS\n'
    (tmp_path / "man2" / "write.2").write_text(page)
    done = batch(None, "info syscall write", env={"MANPATH": str(tmp_path)})
    assert done.stdout.endswith("\nwrite(2):\n  long write(int fd);\n")
    done = batch(None, "info syscall write", env={"MANPATH": "/nonexistent"})
    assert done.stdout.endswith("Groups: %desc group:descriptor\n")


# --- syscall ---------------------------------------------------------------------------------


def test_the_call_at_hand(tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = build("steps_of_output.c")
    show = 'printf "%ld %ld %#lx %ld\\n", $orig_rax, $rdi, $rsi, $rdx'
    done = batch(
        program, "catch syscall write", "run", "syscall", show, "continue", "syscall",
        "print $rax", options=["--inferior-stdout", str(out)],
    )  # fmt: skip
    values = re.search(r"^(\d+) (\d+) (0x[0-9a-f]+) (\d+)$", done.stdout, re.MULTILINE)
    assert values is not None
    number, fd, buf, count = values.groups()
    assert f'\nrax = {number} write\nrdi = fd {fd} ({out})\nrsi = buf {buf} "' in done.stdout
    assert f"\nrdx = count {count}\n" in done.stdout
    insn = re.search(r"^(0x[0-9a-f]+) <.*write\+\d+>: 0f 05  syscall$", done.stdout, re.MULTILINE)
    assert insn is not None
    assert f"\norig_rax = {number} write\n" in done.stdout
    assert f"\nrax      = {count}, what came back\n" in done.stdout
    assert f"$1 = {count}\n" in done.stdout


def test_elsewhere() -> None:
    program = build("steps_of_output.c")
    done = batch(program, "break main", "run", "syscall")
    assert done.returncode == 1
    assert "The thread is not at a system call." in done.stderr
    assert batch(program, "syscall").stderr == "The program has no registers now.\n"


@pytest.mark.parametrize("variant", ["pie", "static"])
def test_before_the_instruction(variant: str) -> None:
    program = build("steps_of_output.c", variant)
    done = batch(
        program, "catch syscall write entry", "run", "set $at = $pc - 2", "kill",
        "delete", "break main", "run", "break *$at", "continue", "syscall", "x/i $pc",
    )  # fmt: skip
    told = done.stdout.partition("The next instruction enters the kernel:\n")[2]
    assert told.startswith("rax = "), done.stdout + done.stderr
    assert ": 0f 05  syscall\n" in told
    assert re.search(r"=> 0x\w+ <\S+>:\tsyscall", told)


def test_a_32_bit_program() -> None:
    done = batch(build("steps_of_output.c", "m32"), "catch syscall write", "run", "syscall")
    assert re.search(r"^eax = 4 write\nebx = fd 1 \(.*\)\necx = buf 0x\w+ \"", done.stdout,
                     re.MULTILINE)  # fmt: skip


def test_the_registers_are_those_gdb_shows() -> None:
    program = build("steps_of_output.c")
    script = ["catch syscall write", "run", "print $orig_rax", "print $rdi", "print $rdx"]
    theirs = re.findall(r"^\$\d = (\d+)$", oracle.gdb(program, *script), re.MULTILINE)
    done = batch(program, "catch syscall write", "run", "syscall")
    ours = re.search(r"rax = (\d+) write\nrdi = fd (\d+)[^\n]*\n.*\nrdx = count (\d+)", done.stdout)
    assert ours is not None and list(ours.groups()) == theirs
