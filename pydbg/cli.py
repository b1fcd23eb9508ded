"""The command line: gdb's option spellings, with one dash or two.

Options are rows of a table (argparse knows no long options with one dash, and costs 9 ms).
A front end is imported when it is known which one is wanted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from pydbg.errors import UsageError
from pydbg.records import NamedTuple

__all__ = ["OPTIONS", "Option", "Options", "entry", "main", "parse", "usage"]


class Option(NamedTuple):
    """Describe an option: its names without dashes, what its argument is called, what it does.

    ``field`` is the attribute of :class:`Options`; ``step`` options are kept in their order.
    """

    names: tuple[str, ...]
    argument: str
    doc: str
    field: str = ""
    step: str = ""


OPTIONS: tuple[Option, ...] = (
    Option(("args",), "", "Arguments after the program are passed to it.", "args_follow"),
    Option(("batch",), "", "Run the commands given, then leave; nothing is asked.", "batch"),
    Option(("cd",), "DIR", "Change the working directory to DIR.", "cd"),
    Option(("command", "x"), "FILE", "Run the commands in FILE.", step="file"),
    Option(("core", "c"), "FILE", "Look at the core dump FILE.", "core"),
    Option(("d", "directory"), "DIR", "Search for source files in DIR.", step="directory"),
    Option(("eval-command", "ex"), "COMMAND", "Run COMMAND.", step="line"),
    Option(("exec", "e", "se", "symbols", "s"), "FILE", "Debug the program FILE.", "program"),
    Option(("exec-status",), "", "Like --return-child-result, but die of the program's signal.",
           "exec_status"),
    Option(("help", "h"), "", "Show this text.", "help"),
    Option(("inferior-stderr",), "FILE", "The program's stderr goes to FILE (null: nowhere).",
           "inferior_stderr"),
    Option(("inferior-stdout",), "FILE", "The program's stdout goes to FILE (null: nowhere).",
           "inferior_stdout"),
    Option(("init-command", "ix"), "FILE", "Like -x, before the program is loaded.", step="ifile"),
    Option(("init-eval-command", "iex"), "COMMAND", "Like -ex, before the program is loaded.",
           step="iline"),
    Option(("json",), "FILE", "Write events as JSON Lines to FILE, or to the descriptor fd:N.",
           "json"),
    Option(("keep-going",), "", "Run on after an error; the exit status is still 1.", "keep_going"),
    Option(("log-fd",), "N", "pydbg's own text goes to the descriptor N.", "log_fd"),
    Option(("normalise",), "", "Show what addresses, pids, temporary paths are, not their values.",
           "normalise"),
    Option(("nx", "n", "nh"), "", "Do not read the init file.", "no_init"),
    Option(("on-crash",), "report", "Explain a signal that kills the program on stderr.",
           "on_crash"),
    Option(("on-eof",), "ACTION", "What becomes of a live program: kill, detach, continue.",
           "on_eof"),
    Option(("output",), "FILE", "pydbg's own text goes to FILE, not to stdout.", "output"),
    Option(("pid", "p"), "PID", "Attach to the process PID.", "pid"),
    Option(("quiet", "q", "silent"), "", "Do not show the greeting.", "quiet"),
    Option(("require-hit",), "[N]", "Exit with 1 if a breakpoint (number N) was never hit.",
           "require_hit"),
    Option(("return-child-result",), "", "Exit with the program's exit status; 128 + N when a "
           "signal N killed it.", "return_child_result"),
    Option(("timeout",), "SECS", "After SECS show all stacks, kill the program, exit 124.",
           "timeout"),
    Option(("tty", "t"), "DEVICE", "The program reads and writes the terminal DEVICE.", "tty"),
    Option(("version", "v"), "", "Show the version.", "version"),
)  # fmt: skip
"""The options, sorted by their first name."""

IGNORED = ("fullname", "f", "nowindows", "nw", "readnow", "readnever", "r", "windows", "w")
"""Options of gdb without an argument that mean nothing here; they are accepted."""


ON_EOF = ("kill", "detach", "continue")
"""What ``--on-eof`` may say."""


class Options:
    """Hold a command line that was read.

    ``steps`` are the -x, -ex and -d options in their order, ``early`` the -ix and -iex ones:
    pairs of a kind ("file", "line", "directory") and a text.
    """

    def __init__(self) -> None:
        self.program = ""
        self.arguments: list[str] = []
        self.args_follow = False
        self.batch = False
        self.cd = ""
        self.core = ""
        self.exec_status = False
        self.help = False
        self.inferior_stderr = ""
        self.inferior_stdout = ""
        self.json = ""
        self.keep_going = False
        self.log_fd = ""
        self.no_init = False
        self.normalise = False
        self.on_crash = ""
        self.on_eof = ""
        self.output = ""
        self.pid = ""
        self.quiet = False
        self.require_hit: list[str] = []
        """Numbers of breakpoints that must be hit; "" is all."""
        self.return_child_result = False
        self.timeout = ""
        self.tty = ""
        self.version = False
        self.steps: list[tuple[str, str]] = []
        self.early: list[tuple[str, str]] = []


def parse(argv: Sequence[str]) -> Options:
    """Return the options of a command line; UsageError for what is unknown.

    >>> options = parse(["-q", "--batch", "-ex", "run", "./prog", "a"])
    >>> options.batch, options.steps, options.program, options.arguments
    (True, [('line', 'run')], './prog', ['a'])
    >>> parse(["--args", "ls", "-l"]).arguments
    ['-l']
    >>> parse(["-nosuch"])
    Traceback (most recent call last):
    pydbg.errors.UsageError: unrecognized option '-nosuch'
    """
    options = Options()
    words: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            words += rest
            break
        if not word.startswith("-") or word == "-":
            words.append(word)
            if options.args_follow:
                # All that follows the program is the program's.
                words += rest
                break
            continue
        _option(options, word, rest)
    if words and not options.program:
        options.program = words.pop(0)
    _take_core(options, words)
    if len(words) == 1 and words[0].isdigit() and not options.args_follow and not options.pid:
        options.pid = words.pop()  # pydbg PROG PID
    options.arguments = words
    if options.pid and not options.pid.isdigit():
        raise UsageError(f"-p needs the number of a process, not '{options.pid}'")
    if options.on_crash not in ("", "report"):
        raise UsageError(f"--on-crash knows 'report' only, not '{options.on_crash}'")
    _check(options)
    return options


def _take_core(options: Options, words: list[str]) -> None:
    """Take the word that is a core dump for that: pydbg PROG CORE, pydbg CORE."""
    if options.args_follow or options.core or not (options.program or words):
        return
    from pydbg.corefile import is_core

    if len(words) == 1 and is_core(words[0]):
        options.core = words.pop()
    elif not words and is_core(options.program):
        options.core, options.program = options.program, ""


def _check(options: Options) -> None:
    """Refuse values that mean nothing, before anything is done."""
    if options.on_eof not in ("", *ON_EOF):
        raise UsageError(f"--on-eof is one of {', '.join(ON_EOF)}, not '{options.on_eof}'")
    if options.timeout:
        try:
            good = 0 < float(options.timeout) < 1e9
        except ValueError:
            good = False
        if not good:
            raise UsageError(f"--timeout needs a number of seconds, not '{options.timeout}'")
    if options.log_fd and not options.log_fd.isdecimal():
        raise UsageError(f"--log-fd needs the number of a descriptor, not '{options.log_fd}'")
    if options.json.startswith("fd:") and not options.json[3:].isdecimal():
        raise UsageError(f"--json needs a file or fd:N, not '{options.json}'")
    if options.output and options.log_fd:
        raise UsageError("--output and --log-fd exclude each other")
    for text in options.require_hit:
        if text and not text.isdecimal():
            raise UsageError(f"--require-hit needs the number of a breakpoint, not '{text}'")
    options.return_child_result = options.return_child_result or options.exec_status


def _option(options: Options, word: str, rest: list[str]) -> None:
    name, equal, value = word.lstrip("-").partition("=")
    if name in IGNORED:
        return
    row = _find(name, word)
    if row is None:
        return
    if row.argument.startswith("["):
        # An argument that may be left out: the next word only if it is a number.
        if not equal and rest and rest[0].isdecimal():
            value = rest.pop(0)
        getattr(options, row.field).append(value)
    elif row.argument:
        if not equal:
            if not rest:
                raise UsageError(f"option '{word}' requires an argument")
            value = rest.pop(0)
        if row.step:
            early = row.step.startswith("i")
            (options.early if early else options.steps).append((row.step.lstrip("i"), value))
            if row.step == "iline":
                options.early[-1] = ("line", value)
        else:
            setattr(options, row.field, value)
    elif equal:
        raise UsageError(f"option '{word.partition('=')[0]}' takes no argument")
    else:
        setattr(options, row.field, True)


def _find(name: str, word: str) -> Option | None:
    for row in OPTIONS:
        if name in row.names:
            return row
    found = [row for row in OPTIONS if any(one.startswith(name) for one in row.names)]
    if name and len(name) > 1 and len(found) == 1:
        return found[0]
    if name and len(name) > 1 and found:
        names = ", ".join(f"--{row.names[0]}" for row in found)
        raise UsageError(f"option '{word}' is ambiguous: {names}")
    if len(name) > 1 and any(one.startswith(name) for one in IGNORED):
        return None
    import difflib

    every = [one for row in OPTIONS for one in row.names]
    near = difflib.get_close_matches(name, every, 1, 0.75)
    hint = f"; did you mean '--{near[0]}'?" if near else ""
    raise UsageError(f"unrecognized option '{word}'{hint}")


def usage() -> str:
    """Return the text of ``pydbg --help``, made from the table."""
    lines = [
        "Usage: pydbg [OPTION]... [PROGRAM [ARGUMENT]...]",
        "       pydbg [OPTION]... --args PROGRAM [ARGUMENT]...",
        "       pydbg [OPTION]... [PROGRAM] PID",
        "       pydbg [OPTION]... [PROGRAM] CORE",
        "       pydbg doctor",
        "       pydbg report [OPTION]... PROGRAM [ARGUMENT]...",
        "       pydbg seccomp record|check|run [OPTION]... [PROFILE] PROGRAM [ARGUMENT]...",
        "       pydbg test [OPTION]... FILE...",
        "       pydbg trace [OPTION]... PROGRAM [ARGUMENT]...",
        "",
        "Debug a program: breakpoints, system calls, registers, memory, stacks.",
        "",
    ]
    for row in OPTIONS:
        names = ", ".join(("-" if len(name) < 3 else "--") + name for name in row.names)
        head = f"  {names} {row.argument}".rstrip()
        lines.append(f"{head:<38} {row.doc}" if len(head) < 38 else f"{head}\n{'':<38} {row.doc}")
    lines += [
        "",
        "Options may be spelt with one dash or two. Without -x, -ex or --batch there is a prompt;",
        "commands may also come through a pipe.",
        "",
        "Exit status: 0 all commands succeeded; 1 one failed; 2 wrong command line; N after",
        "quit N; 124 after --timeout; 126, 127 the program cannot be run, is not there;",
        "130 interrupted; 125 an internal error of pydbg.",
    ]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Run pydbg and return its exit status.

    >>> main(["--version"])
    pydbg 0.1.0
    0
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["doctor"]:
        from pydbg.ui.doctor import doctor

        return doctor(sys.stdout)
    for words in (["report"], ["--on-crash", "report"], ["--on-crash=report"]):
        if arguments[: len(words)] == words:
            from pydbg.ui.report import main as report

            return report(arguments[len(words) :])
    if arguments[:1] == ["trace"]:
        from pydbg.ui.tracing import main as trace

        return trace(arguments[1:])
    if arguments[:1] == ["seccomp"]:
        from pydbg.ui.seccomp import main as seccomp

        return seccomp(arguments[1:])
    if arguments[:1] == ["test"]:
        from pydbg.ui.testing import main as test

        return test(arguments[1:])
    from pydbg.ui.programs import opened

    options = opened("pydbg", arguments, parse, usage)
    if isinstance(options, int):
        return options
    if options.on_crash and options.program and not (options.batch or options.steps):
        from pydbg.ui.report import Wishes, run

        output, json = options.output or None, options.json or None
        return run(Wishes(options.program, tuple(options.arguments), output, json))
    from pydbg.ui.batch import start

    return start(options)


def entry() -> NoReturn:
    """Run pydbg as a command of its own and leave with its exit status.

    Three things are set here that only the owner of a process may decide. Start-up makes a
    hundred thousand objects that stay, which the collector need not look through again and again;
    modules are found in a quicker way; and at the end the interpreter is not taken apart, which
    is a seventh of a short session's time.
    """
    import atexit
    import gc

    from pydbg.ui import fastimport

    gc.set_threshold(100_000, 20, 50)
    fastimport.install()
    status = main()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # The reader has gone; the status was made up with that in mind.
    os._exit(status)
