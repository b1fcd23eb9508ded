"""Whole sessions beside gdb: the same commands must print the same text."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.build import build
from tests.support.run import command, environment

_MARK = "@@@ "
_NOISE = re.compile(
    r"^(\[Thread debugging using.*|Using host libthread_db.*|Reading symbols from.*|"
    r"\(No debugging symbols found.*)\n",
    re.MULTILINE,
)


def _script(lines: tuple[str, ...]) -> str:
    """Return the commands, each announced by a line of its own.

    ``>`` begins the lines of a body, which cannot be announced.
    """
    text = []
    for line in lines:
        if not line.startswith(">"):
            text.append(f"echo {_MARK}{line}\\n".replace('"', '\\"'))
        text.append(line.removeprefix(">"))
    return "\n".join(text) + "\n"


def _sections(text: str, prompt: str) -> dict[str, str]:
    text = text.replace(prompt, "")
    text = re.sub(r"^[> ]+(?=@@@)", "", text, flags=re.MULTILINE)
    text = _NOISE.sub("", text)
    text = re.sub(r"\[answered Y; input not from terminal\]", "", text)
    text = re.sub(r"\b(process|LWP|PID|Pid:) ?\d+", r"\1 N", text)
    text = re.sub(r"\bstdin:\d+: ", "", text)
    text = text.replace("this, GDB does not", "this, pydbg does not")
    # gdb makes the C library's own signals quiet only once it has seen that library.
    text = re.sub(r"^(SIG3[23]) .*\n", "", text, flags=re.MULTILINE)
    # What the vector instructions of the C library leave behind differs from run to run.
    text = re.sub(r"^(k[0-7]|[xyz]mm\d+) .*", r"\1", text, flags=re.MULTILINE)
    found: dict[str, str] = {}
    for number, part in enumerate(text.split(_MARK)[1:]):
        name, _, body = part.partition("\n")
        found[f"{number} {name}"] = "\n".join(line.rstrip() for line in body.rstrip().split("\n"))
    return found


def _run(line: list[str], script: str, env: dict[str, str]) -> str:
    done = subprocess.run(
        line,
        input=script,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=env,
        timeout=100,
        check=False,
    )
    return done.stdout


def both(program: Path, *lines: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return what gdb and pydbg print for each command."""
    return gdb_prints(program, *lines), pydbg_prints(program, *lines)


def gdb_prints(program: Path, *lines: str) -> dict[str, str]:
    """Return what gdb prints for each command."""
    # The stack's addresses depend on the environment; the shell and LINES would change it.
    lines = ("unset environment", *lines)
    gdb = ["gdb", "-nx", "-q"]
    for setting in ("width 0", "confirm off", "startup-with-shell off", "style enabled off"):
        gdb += ["-ex", f"set {setting}"]
    clean = {**os.environ, "DEBUGINFOD_URLS": "", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
    return _sections(_run([*gdb, str(program)], _script(lines), clean), "(gdb) ")


def pydbg_prints(program: Path, *lines: str) -> dict[str, str]:
    """Return what pydbg prints for each command."""
    lines = ("unset environment", *lines)
    ours = _run(command("-q", "-nx", "--keep-going", program), _script(lines), environment())
    return _sections(ours, "(pydbg) ")


SESSIONS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "state": (
        "plain.c",
        "nodebug",
        (
            "info breakpoints", "info registers", "info threads", "info proc", "info auxv",
            "info inferiors", "info sharedlibrary", "info display", "bt", "info frame", "stepi",
            "continue", "finish", "kill", "detach", "delete 9", "print", "x", "info program",
            "break inner", "tbreak main", "run", "info breakpoints", "info frame",
            "info registers", "info registers rip eax eflags", "info registers nosuch",
            "info threads", "info inferiors", "info sharedlibrary", "info program", "bt",
            "info proc mappings", "info proc cwd", "info proc exe", "info proc cmdline",
            "info line", "info source", "info symbol main", "info symbol $pc", "info symbol 0",
            "info address main", "info address counter", "info address nosuch", "info files",
            "info float", "info vector", "info all-registers", "info signals SIGINT",
            "disassemble", "disassemble /r", "disassemble /s", "disassemble main,+12",
            "disassemble main,outer", "disassemble 0", "disassemble nosuch", "continue",
            "info frame", "up", "info frame", "frame", "frame 2", "frame function outer",
            "frame address 0", "info registers rip rsp rbx", "down", "frame 9", "up 99", "up",
            "down 99", "down", "bt 1", "bt -1", "info frame", "display/i $pc", "display/x $rax",
            "info display", "stepi", "nexti", "stepi 3", "undisplay 1", "stepi", "undisplay 9",
            "undisplay 2", "info display", "finish", "continue", "ignore 1 1", "ignore 1 0",
            "condition 1 $rdi == 3", "info breakpoints", "continue", "print $rdi", "condition 1",
            "condition 9 1", "disable 1", "info breakpoints", "enable once 1",
            "info breakpoints", "continue", "tbreak *main", "clear inner",
            "info breakpoints", "delete", "info breakpoints", "advance *main+25", "kill",
            "info registers",
        ),
    ),
    "displays": (
        "plain.c",
        "nodebug",
        (
            "display 1+1", "display/i $pc", "display", "info display", "break main", "run",
            "display", "display/x *(char*)0", "display/i 0", "display/2i $pc", "display/xw $sp",
            "display/2xw $sp", "display/s 0", "display/xg 0", "stepi", "undisplay 1", "display",
            "kill", "display", "display 3",
        ),
    ),
    "expressions": (
        "plain.c",
        "nodebug",
        (
            "break inner", "run", "print $rip", "print $sp", "print $eflags", "print/x $rax",
            "print 1 + 2", "print $", "print $$", "print $1", "print $nosuch", "print main",
            "print &main", "print counter", "print (int)counter", "print {int}&counter",
            "print $xmm0", "print $st0", "print $al", "print/t 10", "print/c 65", "print/z 5",
            "print/a main", "print sizeof(int)", "print 5/0", 'print "abc"', "print 3.5*2",
            "print nosuch", "x/8xb $sp", "x/2xg $sp", "x/3dw $sp", "x/2i $pc", "x", "x/s $sp",
            "print $_", "print $__", "x/xw &counter", "print $__", "set var $rax = 5",
            "print $rax", "set var {int}&counter = 77", "print {int}&counter", "set $a = 3",
            "print $a * 2", "output 5", "output/x 255", 'printf "%d %s %c\\n", 5, "x", 65',
            "echo a\\tb\\n", "call 3", "call (void)0", "delete", "call (int)inner(1, 2)",
            "print $_thread", "print $_inferior", "print $bpnum", "print $_exitcode",
            "find /w $sp, +4, 0x12345678", "continue", "print $_exitcode",
        ),
    ),
    "points": (
        "plain.c",
        "nodebug",
        (
            "catch fork", "catch vfork", "catch exec", "catch load", "catch load libm",
            "catch unload", "catch signal", "catch signal SIGUSR1", "catch signal all",
            "catch signal SIGUSR1 SIGUSR2", "catch syscall", "catch syscall write",
            "catch syscall write read", "catch syscall 9999", "tcatch exec",
            "catch syscall nosuch", "info breakpoints", "enable once 4", "enable delete 5",
            "enable count 3 6", "disable 7 8", "info breakpoints", "delete 1-3",
            "info breakpoints", "delete 77", "break inner", "tbreak inner", "break *inner",
            "info breakpoints 16", "commands 16", ">silent", ">echo hit\\n", ">print 5", ">end",
            "info breakpoints", "ignore", "ignore 16", "condition", "disable foo",
            "break nosuch", "handle SIGUSR1 nostop", "handle SIGUSR1 SIGUSR2 nopass",
            "handle 14 stop", "info signals SIGUSR1", "info signals 14", "info signals",
            "handle SIGFOO stop", "handle",
        ),
    ),
    "signals": (
        "signals.c",
        "nodebug",
        (
            "break handler", "catch signal SIGUSR2", "run", "info program",
            "print $_siginfo.si_signo", "continue", "bt 2", "continue", "signal 0", "continue",
            "print $_exitcode",
        ),
    ),
    "syscalls": (
        "plain.c",
        "static",
        (
            "catch syscall exit_group", "run", "print $orig_rax", "print $rdi",
            "info breakpoints", "continue", "info breakpoints",
        ),
    ),
    "threads": (
        "threads.c",
        "nodebug",
        (
            "break together", "run 1 1", "info threads 1", "thread", "thread 1", "thread 9",
            "thread foo", "thread apply 1 2 print 1", "thread apply all print 2",
            "thread apply all", "info inferiors", "inferior 1", "inferior 3", "kill",
        ),
    ),
    "followed": (
        "fork.c",
        "pie",
        (
            "thread name early", "set follow-fork-mode child", "break child_work", "run",
            "info threads", "thread", "print $_thread", "print $_inferior", "info inferiors",
            "thread 2.1", "thread 1", "thread 1.1", "thread 2.2", "thread apply all print 1",
            "thread apply 2.1 print 2", "thread apply 1 print 3", "info threads 2.*",
            "info threads 1.1", "thread find fork", "thread find LWP", "thread find nothing",
            "thread find", "thread name worker", "info threads", "thread find work", "thread name",
            "step", "info threads", "delete", "continue",
        ),
    ),
    "both processes": (
        "fork.c",
        "pie",
        (
            "set detach-on-fork off", "break 22", "run", "info threads", "info inferiors",
            "inferior 2", "info threads", "thread", "print $_thread", "print $_inferior",
            "thread 1.1", "info threads", "thread apply all print $_inferior",
            "thread apply 2.1 1.1 print status", "thread 1.1", "delete", "kill",
            "inferior 2", "kill",
        ),
    ),
    "i386": (
        "plain.c",
        "m32",
        (
            "break *inner", "run", "info registers", "bt -1", "x/2i $pc", "x/2xw $sp",
            "info sharedlibrary", "info proc mappings", "print $pc", "print $eflags",
            "print/x $ax", "info files", "delete", "continue",
        ),
    ),
    "places": (
        "orders.c",
        "pie",
        (
            "info address total", "info address orders", "info address order", "break pay",
            "run", "display nosuch", "display order->price", "display total", "display",
            "info display", "finish",
            "info display", "display i", "next", "display", "undisplay 1-3", "delete",
            "break pay", "run", "display", "undisplay 4", "delete", "tbreak pay", "run",
            "info address total", "info address order", "info address pay", "up",
            "info address i", "info address printf", "info address stdout", "info address errno",
            "info line", "print $_", "x/i", "list 24", "info line", "info line pay", "print $_",
            "print $__", "x/2i", "info breakpoints", "print $_", "x/i", "info line 31", "x/i",
            "info symbol &orders[1].price", "x/dw &orders[1].number", "print $_", "print $__",
            "kill",
        ),
    ),
    "static": (
        "plain.c",
        "static-stripped",
        ("starti", "info registers rip", "bt 1", "info sharedlibrary", "info threads",
         "x/2i $pc", "info frame", "info files", "kill"),
    ),
}  # fmt: skip

DIFFERENCES = {
    "run": "pydbg decodes the caught call",
    # What gdb says otherwise, and why: see the page on differences in docs.
    "finish": "pydbg shows the return register where no type is known",
    "info auxv": "pydbg knows AT_RSEQ_FEATURE_SIZE and AT_RSEQ_ALIGN",
    "print/a main": "gdb prints `$N = ` before it finds that it cannot",
    "info registers nosuch": "pydbg may name a near register",
    "break *inner": "pydbg says how it takes an address before the program runs",
    "break nosuch": "pydbg does not ask where nobody answers",
}


@pytest.mark.parametrize("name", SESSIONS)
def test_session_prints_what_gdb_prints(name: str) -> None:
    source, variant, lines = SESSIONS[name]
    theirs, ours = both(build(source, variant), *lines)
    assert list(ours) == list(theirs)
    different = {
        key: (theirs[key], ours[key])
        for key in theirs
        if theirs[key] != ours[key] and key.partition(" ")[2] not in DIFFERENCES
    }
    assert different == {}
