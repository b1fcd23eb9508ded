"""The command line of ``pydbg trace``: strace's options, and a few that strace has not.

Options are rows of a table, from which the parser, the help and the tests are made. An option
of strace 6.1 that is not here is refused, never ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydbg.errors import UsageError
from pydbg.records import NamedTuple
from pydbg.trace import sets

__all__ = ["OPTIONS", "Option", "TraceOptions", "parse", "usage"]

COLUMNS = ("time-percent", "total-time", "min-time", "max-time", "avg-time", "calls", "errors",
           "name")  # fmt: skip
_COLUMN_ALIASES = {
    "time_percent": "time-percent", "time": "time-percent", "time_total": "total-time",
    "total_time": "total-time", "shortest": "min-time", "min_time": "min-time",
    "time-min": "min-time", "longest": "max-time", "max_time": "max-time",
    "time-max": "max-time", "time_avg": "avg-time", "avg_time": "avg-time",
    "time-avg": "avg-time", "count": "calls", "error": "errors", "syscall": "name",
    "syscall-name": "name", "time-total": "total-time",
}  # fmt: skip
SORTS = ("time", "min-time", "max-time", "avg-time", "calls", "errors", "name", "nothing")
_SORT_ALIASES = {
    "time_total": "time", "total-time": "time", "total_time": "time", "time-total": "time",
    "min_time": "min-time", "shortest": "min-time", "max_time": "max-time",
    "longest": "max-time", "avg_time": "avg-time", "count": "calls", "error": "errors",
    "syscall": "name", "none": "nothing",
}  # fmt: skip
SUMMARIES = ("caller", "path", "fd", "thread")
_PRECISIONS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


class TraceOptions:
    """Hold what a command line of ``pydbg trace`` asks for."""

    def __init__(self) -> None:
        self.argv: list[str] = []
        self.pids: list[int] = []
        self.follow = False
        self.separately = False
        self.output: str | None = None
        self.append = False
        self.json: str | None = None
        self.chosen = sets.ALL
        self.raw: sets.Chosen | None = None
        self.abbreviated = sets.ALL
        self.signals: frozenset[int] | None = None
        """The signals that are shown; None: all."""
        self.statuses = frozenset(sets.STATUSES)
        self.quiet: frozenset[str] = frozenset()
        self.paths: list[str] = []
        self.limit = 32
        self.hex_strings = 0
        self.xlat = "abbrev"
        self.fds = 0
        self.column = 40
        self.names = False
        self.colour = "auto"
        self.clock = ""
        """The absolute time before each line: "" for none, "time" or "unix"."""
        self.clock_digits = 0
        self.relative = False
        self.relative_digits = 6
        self.duration = False
        self.duration_digits = 6
        self.number = False
        self.instruction_pointer = False
        self.stacks = False
        self.summary = ""
        """"only" (-c), "also" (-C) or nothing."""
        self.summary_by = ""
        self.wall = False
        self.sort = "time"
        self.columns: tuple[str, ...] = ()
        self.overhead = 0.0
        """Seconds taken off each call in the summary; 0: what this machine needs is not known."""
        self.environment: list[str] = []
        self.user = ""
        self.daemonize = ""
        self.detach_on_exec = False
        self.filter = "auto"
        self.rules: list[str] = []
        """What ``-e inject=`` said, in its order."""
        self.help = False
        self.version = False


_Apply = Callable[[TraceOptions, str], None]


class Option(NamedTuple):
    """Describe an option: its names, what its argument is called, what it does.

    ``argument`` in brackets may be left out, and then stands after an equals sign only.
    """

    short: str
    long: str
    argument: str
    doc: str
    apply: _Apply

    @property
    def spelling(self) -> str:
        """Return the option as the help shows it."""
        names = [f"-{self.short}"] if self.short else []
        names += [f"--{self.long}"] if self.long else []
        mark = "" if not self.argument else "=" if self.long else " "
        if self.argument.startswith("["):
            return ", ".join(names) + f"[={self.argument[1:]}"
        return ", ".join(names) + mark + self.argument


def _set(**values: object) -> _Apply:
    def apply(options: TraceOptions, _: str) -> None:
        for name, value in values.items():
            setattr(options, name, value)

    return apply


def _number(field: str, least: int = 0) -> _Apply:
    def apply(options: TraceOptions, text: str) -> None:
        if not text.isdecimal() or int(text) < least:
            raise UsageError(f"invalid number '{text}'")
        setattr(options, field, int(text))

    return apply


def _text(field: str) -> _Apply:
    def apply(options: TraceOptions, text: str) -> None:
        setattr(options, field, text)

    return apply


def _more(field: str) -> _Apply:
    def apply(options: TraceOptions, text: str) -> None:
        getattr(options, field).append(text)

    return apply


def _pids(options: TraceOptions, text: str) -> None:
    for word in text.replace(",", " ").split() or [text]:
        if not word.isdecimal() or int(word) == 0:
            raise UsageError(f"invalid process id '{word}'")
        options.pids.append(int(word))


def _again(field: str, most: int) -> _Apply:
    """Count how often an option was given: -y and -yy."""

    def apply(options: TraceOptions, _: str) -> None:
        setattr(options, field, min(getattr(options, field) + 1, most))

    return apply


def _follow(options: TraceOptions, text: str) -> None:
    if text not in ("", "output-separately"):
        raise UsageError(f"--follow-forks knows 'output-separately' only, not '{text}'")
    options.separately = options.separately or options.follow or bool(text)
    options.follow = True


def _clock(options: TraceOptions, text: str) -> None:
    if text:
        for word in text.split(","):
            word = word.removeprefix("format:").removeprefix("precision:")
            if word in ("none", "time", "unix"):
                options.clock = "" if word == "none" else word
            elif word in _PRECISIONS:
                options.clock_digits = _PRECISIONS[word]
                options.clock = options.clock or "time"
            else:
                raise UsageError(f"invalid --absolute-timestamps argument '{word}'")
    elif not options.clock:
        options.clock = "time"
    elif not options.clock_digits:
        options.clock_digits = 6
    else:
        options.clock = "unix"


def _precise(field: str) -> _Apply:
    def apply(options: TraceOptions, text: str) -> None:
        if text and text not in _PRECISIONS:
            raise UsageError(f"invalid precision '{text}'; there are s, ms, us, ns")
        setattr(options, field, True)
        setattr(options, f"{field}_digits", _PRECISIONS[text or "us"])

    return apply


def _quieter(options: TraceOptions, text: str) -> None:
    if text:
        options.quiet = sets.word_set(text, sets.QUIET, "quiet value")
    elif "exit" in options.quiet:
        options.quiet = frozenset(sets.QUIET)
    elif options.quiet:
        options.quiet |= {"exit"}
    else:
        options.quiet = frozenset(("attach", "personality"))


def _hexes(options: TraceOptions, text: str) -> None:
    known = {"none": 0, "non-ascii": 1, "all": 2}
    if text not in known:
        raise UsageError(f"invalid --strings-in-hex argument '{text}'")
    options.hex_strings = known[text]


def _one_of(field: str, known: Sequence[str], aliases: dict[str, str] | None = None) -> _Apply:
    def apply(options: TraceOptions, text: str) -> None:
        word = (aliases or {}).get(text, text)
        if word not in known:
            raise UsageError(f"invalid value '{text}'; there are {', '.join(known)}")
        setattr(options, field, word)

    return apply


def _columns(options: TraceOptions, text: str) -> None:
    words = [_COLUMN_ALIASES.get(word, word) for word in text.split(",")]
    for word in words:
        if word not in COLUMNS:
            raise UsageError(f"unknown column name '{word}'; there are {', '.join(COLUMNS)}")
    if len(set(words)) < len(words):
        raise UsageError(f"a column is named twice in '{text}'")
    options.columns = tuple(words if "name" in words else [*words, "name"])


def _user(options: TraceOptions, text: str) -> None:
    options.user = text


def _daemonize(options: TraceOptions, text: str) -> None:
    order = ["", "grandchild", "pgroup", "session"]
    if text:
        _one_of("daemonize", order[1:])(options, text)
    else:
        options.daemonize = order[min(order.index(options.daemonize) + 1, 3)]


def _detach_on(options: TraceOptions, text: str) -> None:
    if text != "execve":
        raise UsageError(f"syscall '{text}' for -b isn't supported: only execve is")
    options.detach_on_exec = True


def _overhead(options: TraceOptions, text: str) -> None:
    digits = text.rstrip("smun")
    try:
        options.overhead = float(digits) / 10 ** _PRECISIONS[text[len(digits) :] or "us"]
    except (KeyError, ValueError):
        raise UsageError(f"invalid overhead '{text}'") from None


def _fd_details(options: TraceOptions, text: str) -> None:
    words = text.split(",")
    unknown = [w for w in words if w not in ("all", "none", "path", "dev", "pidfd", "socket")]
    if unknown:
        raise UsageError(f"invalid decode-fds value '{unknown[0]}'")
    options.fds = 0 if words == ["none"] else 1 if words == ["path"] else 2


def _chosen(options: TraceOptions, text: str) -> None:
    options.chosen = sets.resolve(text)


def _raw(options: TraceOptions, text: str) -> None:
    options.raw = sets.resolve(text)


def _abbreviated(options: TraceOptions, text: str) -> None:
    options.abbreviated = sets.resolve(text)


def _signals(options: TraceOptions, text: str) -> None:
    options.signals = sets.signal_set(text)


def _statuses(options: TraceOptions, text: str) -> None:
    options.statuses = sets.word_set(text, sets.STATUSES, "status")


def _fault(options: TraceOptions, text: str) -> None:
    options.rules.append(text if ":error=" in text else f"{text}:error=ENOSYS")


_EXPRESSIONS: dict[str, _Apply] = {
    "trace": _chosen,
    "abbrev": _abbreviated,
    "raw": _raw,
    "signal": _signals,
    "status": _statuses,
    "quiet": _quieter,
    "decode-fds": _fd_details,
    "inject": _more("rules"),
    "fault": _fault,
}
_EXPRESSION_ALIASES = {
    "t": "trace", "a": "abbrev", "x": "raw", "s": "signal", "signals": "signal",
    "silent": "quiet", "silence": "quiet", "q": "quiet", "decode-fd": "decode-fds",
}  # fmt: skip
_REFUSED = {"verbose": "v", "read": "r", "write": "w", "kvm": "kvm"}


def _expression(options: TraceOptions, text: str) -> None:
    name, equals, value = text.partition("=")
    name = _EXPRESSION_ALIASES.get(name, name)
    if not equals:
        _chosen(options, text)
    elif name in _EXPRESSIONS:
        _EXPRESSIONS[name](options, value)
    elif name in _REFUSED or name in _REFUSED.values():
        raise UsageError(f"-e {name}= is not supported")
    else:
        raise UsageError(f"invalid -e expression '{text}'")


OPTIONS: tuple[Option, ...] = (
    Option("a", "columns", "COLUMN", "Results stand from COLUMN on (40).", _number("column")),
    Option("A", "output-append-mode", "", "Append to the file of -o.", _set(append=True)),
    Option("b", "detach-on", "execve", "Let a process go when it calls execve.", _detach_on),
    Option("c", "summary-only", "", "Count the calls and show a table only.",
           _set(summary="only")),
    Option("C", "summary", "", "Show the lines and the table.", _set(summary="also")),
    Option("D", "daemonize", "[WHAT]", "The program stays our parent's child; -DD: in a process "
           "group of its own, -DDD: in a session.", _daemonize),
    Option("e", "", "EXPR", "What to show: trace=SET, signal=SET, status=SET, quiet=SET, raw=SET, "
           "abbrev=SET, decode-fds=SET, inject=RULE, fault=RULE.", _expression),
    Option("E", "env", "VAR[=VALUE]", "Set VAR in the program's environment, or take it out.",
           _more("environment")),
    Option("f", "follow-forks", "[output-separately]", "Trace new processes too; -ff: each into "
           "a file of its own.", _follow),
    Option("h", "help", "", "Show this text.", _set(help=True)),
    Option("i", "instruction-pointer", "", "Show the instruction pointer at each call.",
           _set(instruction_pointer=True)),
    Option("k", "stack-traces", "", "Show the stack of each call.", _set(stacks=True)),
    Option("n", "syscall-number", "", "Show the number of each call.", _set(number=True)),
    Option("N", "arg-names", "", "Show the names of arguments.", _set(names=True)),
    Option("o", "output", "FILE", "Write to FILE, or to the command after | or !.",
           _text("output")),
    Option("O", "summary-syscall-overhead", "TIME", "Take TIME (us) off each call in the table.",
           _overhead),
    Option("p", "attach", "PID", "Trace the process PID; may be repeated.", _pids),
    Option("P", "trace-path", "PATH", "Show calls that have to do with PATH; may be repeated.",
           _more("paths")),
    Option("q", "quiet", "[SET]", "Leave out messages: attach, exit, path-resolution, "
           "personality, thread-execve.", _quieter),
    Option("r", "relative-timestamps", "[PRECISION]", "Show the time since the call before.",
           _precise("relative")),
    Option("s", "string-limit", "N", "Show N bytes of strings (32).", _number("limit")),
    Option("S", "summary-sort-by", "COLUMN", f"Sort the table: {', '.join(SORTS)}.",
           _one_of("sort", SORTS, _SORT_ALIASES)),
    Option("t", "absolute-timestamps", "[FORMAT]", "Show the time of day; -tt: with "
           "microseconds, -ttt: as seconds since 1970.", _clock),
    Option("T", "syscall-times", "[PRECISION]", "Show the time spent in each call.",
           _precise("duration")),
    Option("u", "user", "NAME", "Run the program as another user.", _user),
    Option("U", "summary-columns", "COLUMNS", f"The table's columns: {', '.join(COLUMNS)}.",
           _columns),
    Option("v", "no-abbrev", "", "Show structs, argv and environments whole.",
           _set(abbreviated=sets.Chosen({}, False))),
    Option("V", "version", "", "Show the version.", _set(version=True)),
    Option("w", "summary-wall-clock", "", "The table has wall-clock time, not CPU time.",
           _set(wall=True)),
    Option("x", "", "", "Show strings that are no text in hex; -xx: all strings.",
           _again("hex_strings", 2)),
    Option("X", "const-print-style", "STYLE", "Constants: abbrev, raw or verbose.",
           _one_of("xlat", ("abbrev", "raw", "verbose"))),
    Option("y", "", "", "Show the paths of descriptors; -yy: more about sockets and devices.",
           _again("fds", 2)),
    Option("z", "successful-only", "", "Show calls that succeed only.",
           _set(statuses=frozenset(("successful",)))),
    Option("Z", "failed-only", "", "Show calls that fail only.",
           _set(statuses=frozenset(("failed",)))),
    Option("", "abbrev", "SET", "The same as -e abbrev=SET.", _abbreviated),
    Option("", "color", "WHEN", "Colours: auto (at a terminal), always, never.",
           _one_of("colour", ("auto", "always", "never"))),
    Option("", "decode-fds", "SET", "The same as -e decode-fds=SET.", _fd_details),
    Option("", "fault", "RULE", "The same as -e fault=RULE.", _fault),
    Option("", "inject", "RULE", "The same as -e inject=RULE.", _more("rules")),
    Option("", "json", "FILE", "Write JSON Lines to FILE (-: stdout), a record a call.",
           _text("json")),
    Option("", "no-seccomp", "", "Stop at every call, also at those that are not shown.",
           _set(filter="off")),
    Option("", "output-separately", "", "Write each process to a file of its own.",
           _set(separately=True)),
    Option("", "raw", "SET", "The same as -e raw=SET.", _raw),
    Option("", "seccomp-bpf", "", "Let the kernel pass calls that are not shown (the default "
           "where possible).", _set(filter="on")),
    Option("", "signal", "SET", "The same as -e signal=SET.", _signals),
    Option("", "status", "SET", "The same as -e status=SET.", _statuses),
    Option("", "strings-in-hex", "[WHICH]", "Strings in hex: none, non-ascii, all.",
           lambda options, text: _hexes(options, text or "all")),
    Option("", "summary-by", "WHAT", f"Count by another thing: {', '.join(SUMMARIES)}.",
           _one_of("summary_by", SUMMARIES)),
    Option("", "trace", "SET", "The same as -e trace=SET.", _chosen),
)  # fmt: skip
"""The options, sorted by their letter."""


def parse(arguments: Sequence[str]) -> TraceOptions:
    """Return what a command line asks for; UsageError where it is wrong.

    >>> options = parse(["-ff", "-e", "trace=%file", "-s100", "ls", "-l"])
    >>> options.follow, options.separately, options.limit, options.argv
    (True, True, 100, ['ls', '-l'])
    >>> parse(["--sumary", "ls"])
    Traceback (most recent call last):
    pydbg.errors.UsageError: unrecognized option '--sumary'; did you mean '--summary'?
    """
    options = TraceOptions()
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            _long(options, word[2:], rest)
        else:
            _short(options, word[1:], rest)
    options.argv = rest
    if not options.help and not options.version:
        _check(options)
    return options


def _long(options: TraceOptions, word: str, rest: list[str]) -> None:
    name, equals, value = word.partition("=")
    found = [row for row in OPTIONS if row.long and row.long.startswith(name)]
    exact = [row for row in found if row.long == name]
    if not found:
        import difflib

        near = difflib.get_close_matches(name, [row.long for row in OPTIONS], 1, 0.75)
        hint = f"; did you mean '--{near[0]}'?" if near else ""
        raise UsageError(f"unrecognized option '--{name}'{hint}")
    if not exact and len(found) > 1:
        names = ", ".join(f"--{row.long}" for row in found)
        raise UsageError(f"option '--{name}' is ambiguous: {names}")
    row = (exact or found)[0]
    if equals and not row.argument:
        raise UsageError(f"option '--{row.long}' doesn't allow an argument")
    if row.argument and not row.argument.startswith("[") and not equals:
        if not rest:
            raise UsageError(f"option '--{row.long}' requires an argument")
        value = rest.pop(0)
    row.apply(options, value)


def _short(options: TraceOptions, letters: str, rest: list[str]) -> None:
    while letters:
        letter, letters = letters[0], letters[1:]
        row = next((row for row in OPTIONS if row.short == letter), None)
        if row is None:
            raise UsageError(f"invalid option -- '{letter}'")
        value = ""
        if row.argument and not row.argument.startswith("["):
            if not letters and not rest:
                raise UsageError(f"option requires an argument -- '{letter}'")
            value, letters = letters or rest.pop(0), ""
        row.apply(options, value)


def _check(options: TraceOptions) -> None:
    if not options.argv and not options.pids:
        raise UsageError("must have PROG [ARGS] or -p PID")
    if options.user and not options.argv:
        raise UsageError("-u is for programs that are started, not with -p")
    if options.separately and options.summary:
        raise UsageError("-c and -C are not for output into separate files")
    if options.separately and options.output and options.output[0] in "|!":
        raise UsageError("piping the output and -ff are mutually exclusive")
    if options.summary_by and not options.summary:
        options.summary = "only"
    if options.wall and not options.summary:
        raise UsageError("-w must be given with -c or -C")
    if options.daemonize and not options.argv:
        raise UsageError("-D is for programs that are started, not with -p")


def usage() -> str:
    """Return the text of ``pydbg trace --help``, made from the table."""
    lines = [
        "Usage: pydbg trace [OPTION]... PROGRAM [ARGUMENT]...",
        "       pydbg trace [OPTION]... -p PID",
        "",
        "Show the system calls of a program as strace does, to stderr or a file. The exit status",
        "is the program's; of a signal that kills it pydbg dies too.",
        "",
    ]
    for row in OPTIONS:
        head = f"  {row.spelling}"
        lines.append(f"{head:<38} {row.doc}" if len(head) < 38 else f"{head}\n{'':<38} {row.doc}")
    return "\n".join(lines) + "\n"
