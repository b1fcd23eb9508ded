"""The settings: one table of rows, and the values of one debugger.

``set NAME VALUE`` and ``show NAME`` are derived from the rows (``commands/support.py``), so a
new setting is one row here. The names, the values they take and the sentences of ``show`` are
those of gdb, so that old scripts run; rows of gdb's that mean nothing here are marked
``ignored``: they are accepted, remembered and change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

from pydbg.errors import UsageError
from pydbg.records import NamedTuple

T = TypeVar("T")

__all__ = ["LANGUAGES", "Setting", "Settings", "table"]

Value = bool | int | str | None
"""What a setting holds: on/off, a number (None: unlimited), or a text."""


class Setting(NamedTuple):
    """Describe one setting.

    ``kind`` is "bool" (on or off), "enum" (one of ``choices``), "words" (one of ``alone``, or
    some of ``choices`` with commas between), "limit" (a count, where 0 and "unlimited" mean
    None), "depth" (a count, where -1 and "unlimited" mean None), "int", or "text". ``doc``
    begins the sentence of ``show``, which ends in `` is VALUE.`` ; ``example`` is a value for the
    help text and its tests.

    >>> Setting("confirm", "bool", True, doc="Whether to confirm").sentence(True)
    'Whether to confirm is on.'
    """

    name: str
    kind: str
    default: Value
    choices: tuple[str, ...] = ()
    doc: str = ""
    ignored: bool = False
    shown: str = ""
    """A format for ``show`` where gdb's sentence is of another shape; ``{}`` is the value."""
    extension: bool = False
    """Whether gdb has no such setting. It then never makes a gdb abbreviation ambiguous."""
    alone: tuple[str, ...] = ()
    """Words that a "words" setting takes instead of a list."""
    when_on: str = ""
    """The sentence for "on" where ``shown`` is the one for "off"."""
    when_empty: str = ""
    """The sentence for a text that is empty."""

    def parse(self, text: str) -> Value:
        """Return the value that ``text`` spells; UsageError with gdb's words if it is none.

        >>> Setting("width", "limit", 80).parse("unlimited") is None
        True
        """
        text = text.strip()
        if self.ignored or self.kind == "text":
            return text
        if self.kind == "bool":
            return _parse_bool(text)
        if self.kind == "enum":
            return _parse_choice(text, self.choices)
        if self.kind == "words":
            return _parse_words(text, self.alone, self.choices)
        if self.kind == "depth":
            return _parse_depth(text)
        return _parse_number(text, unlimited=self.kind == "limit")

    def spell(self, value: Value) -> str:
        """Return ``value`` as ``set`` takes it.

        >>> Setting("width", "limit", 80).spell(None)
        'unlimited'
        """
        if value is None:
            return "unlimited"
        if isinstance(value, bool):
            return "on" if value else "off"
        return str(value)

    def sentence(self, value: Value) -> str:
        """Return what ``show`` prints."""
        spelt = self.spell(value)
        if self.when_on and value is True:
            return self.when_on
        if self.when_empty and value == "":
            return self.when_empty
        if self.shown:
            return self.shown.format(spelt)
        if self.kind in ("text", "enum"):
            spelt = f'"{spelt}"'
        return f"{self.doc or self.name} is {spelt}."


def _parse_bool(text: str) -> bool:
    # gdb takes every unambiguous beginning of these words, and nothing at all as "on".
    word = text.lower()
    if not word:
        return True
    if word in ("1", "y", "ye", "yes", "on") or (word and "enable".startswith(word)):
        return True
    if word in ("0", "n", "no", "of", "off") or "disable".startswith(word):
        return False
    raise UsageError('"on" or "off" expected.')


def _parse_choice(text: str, choices: tuple[str, ...]) -> str:
    if not text:
        raise UsageError(f"Requires an argument. Valid arguments are {', '.join(choices)}.")
    if text in choices:
        return text
    found = [choice for choice in choices if choice.startswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f'Ambiguous item "{text}": {", ".join(found)}.')
    import difflib

    near = difflib.get_close_matches(text, choices, 1)
    hint = f'  Did you mean "{near[0]}"?' if near else ""
    raise UsageError(f'Undefined item: "{text}".{hint}  Valid are {", ".join(choices)}.')


def _parse_words(text: str, alone: tuple[str, ...], choices: tuple[str, ...]) -> str:
    words = text.replace(",", " ").split()
    if len(words) < 2:
        return _parse_choice(text, (*alone, *choices))
    found = dict.fromkeys(_parse_choice(word, choices) for word in words)
    return ",".join(found)


def _parse_number(text: str, *, unlimited: bool) -> int | None:
    if not text:
        words = ' ("unlimited" for no limit)' if unlimited else ""
        raise UsageError(f"Argument required (integer to set it to{words}).")
    if unlimited and "unlimited".startswith(text.lower()):
        return None
    try:
        value = int(text, 0)
    except ValueError:
        raise UsageError(f'A number is expected, not "{text}".') from None
    if unlimited and value < 0:
        raise UsageError(f"integer {value} out of range")
    return None if unlimited and value == 0 else value


LANGUAGES = (
    "ada", "asm", "c", "c++", "d", "fortran", "go", "minimal", "modula-2", "objective-c",
    "opencl", "pascal", "rust",
)  # fmt: skip
"""The source languages that gdb has names for."""


def _parse_depth(text: str) -> int | None:
    if (text and "unlimited".startswith(text.lower())) or text == "-1":
        return None
    if not text:
        raise UsageError('Argument required (integer to set it to, or "unlimited").')
    value = _parse_number(text, unlimited=False)
    if value is not None and value < 0:
        raise UsageError("only -1 is allowed to set as unlimited")
    return value


_ON_OFF_AUTO = ("auto", "on", "off")

_ROWS: tuple[tuple[str, str, Value, tuple[str, ...], str, str], ...] = (
    ("args", "text", "", (), "Argument list to give program being debugged when it is started", ""),
    ("backtrace limit", "limit", None, (),
     "An upper bound on the number of backtrace levels", ""),
    ("backtrace past-entry", "bool", False, (),
     "Whether backtraces should continue past the entry point of a program", ""),
    ("backtrace past-main", "bool", False, (),
     'Whether backtraces should continue past "main"', ""),
    ("breakpoint pending", "enum", "auto", _ON_OFF_AUTO, "",
     "Debugger's behavior regarding pending breakpoints is {}."),
    ("can-use-hw-watchpoints", "int", 1, (),
     "Debugger's willingness to use watchpoint hardware", ""),
    ("completion", "enum", "prefix", ("prefix", "fuzzy"), "",
     'Completion finds what the typed word is a "{}" of (fuzzy: its letters in their order).'),
    ("confirm", "bool", True, (), "Whether to confirm potentially dangerous operations", ""),
    ("context", "words", "auto",
     ("registers", "code", "stack", "source", "syscall", "threads"), "",
     'What is shown of the program at each stop is "{}".'),
    ("cwd", "text", "", (), "Current working directory that will be used when starting the "
     "inferior", ""),
    ("debug-file-directory", "text", "/usr/lib/debug", (), "",
     'The directory where separate debug symbols are searched for is "{}".'),
    ("debuginfod enabled", "enum", "ask", ("on", "off", "ask"), "",
     'Debuginfod functionality is currently set to "{}".'),
    ("debuginfod verbose", "int", 1, (), "", "Debuginfod verbose output is set to {}."),
    ("detach-on-fork", "bool", True, (), "Whether pydbg will detach the child of a fork", ""),
    ("disable-randomization", "bool", True, (), "",
     "Disabling randomization of debuggee's virtual address space is {}."),
    ("disassembly-flavor", "enum", "att", ("att", "intel"), "",
     'The disassembly flavor is "{}".'),
    ("dprintf-style", "enum", "gdb", ("gdb",), "",
     'The style of usage for dynamic printf is "{}".'),
    ("editing-mode", "enum", "emacs", ("emacs", "vi"), "",
     'The keys that edit the command line are those of "{}".'),
    ("follow-fork-mode", "enum", "parent", ("parent", "child"), "",
     'Debugger response to a program call of fork or vfork is "{}".'),
    ("history filename", "text", "", (), "", 'The filename in which to record the command '
     'history is "{}".'),
    ("history save", "bool", True, (), "Saving of the history record on exit", ""),
    ("history size", "limit", 10000, (), "The size of the command history", ""),
    ("index-cache enabled", "bool", True, (), "The index cache", ""),
    ("language", "enum", "auto", ("auto", "local", "unknown", *LANGUAGES), "",
     'The current source language is "{}".'),
    ("listsize", "limit", 10, (), "Number of source lines to list by default", ""),
    ("max-completions", "limit", 200, (), "Maximum number of completion candidates", ""),
    ("max-user-call-depth", "limit", 1024, (), "",
     "The max call depth for user-defined commands is {}."),
    ("print address", "bool", True, (), "Printing of addresses", ""),
    ("print array", "bool", False, (), "Pretty formatting of arrays", ""),
    ("print array-indexes", "bool", False, (), "Printing of array indexes", ""),
    ("print elements", "limit", 200, (), "Limit on string chars or array elements to print", ""),
    ("print entry-values", "enum", "default",
     ("no", "only", "preferred", "if-needed", "both", "compact", "default"), "",
     'Printing of function arguments at function entry is "{}".'),
    ("print finish", "bool", True, (), "Printing of return value after `finish'", ""),
    ("print frame-arguments", "enum", "scalars", ("all", "scalars", "none", "presence"), "",
     'Printing of non-scalar frame arguments is "{}".'),
    ("print inferior-events", "bool", True, (), "Printing of inferior events", ""),
    ("print max-depth", "depth", 20, (), "Maximum print depth", ""),
    ("print null-stop", "bool", False, (), "Printing of char arrays to stop at first null char",
     ""),
    ("print object", "bool", False, (),
     "Printing of object's derived type based on vtable info", ""),
    ("print pretty", "bool", False, (), "Pretty formatting of structures", ""),
    ("print raw-frame-arguments", "bool", False, (),
     "Whether to print frame arguments in raw form", ""),
    ("print raw-values", "bool", False, (), "Whether to print values in raw form", ""),
    ("print repeats", "limit", 10, (), "Threshold for repeated print elements", ""),
    ("print symbol", "bool", True, (), "Printing of symbols when printing pointers", ""),
    ("print thread-events", "bool", True, (), "Printing of thread events", ""),
    ("print frame-info", "enum", "auto",
     ("auto", "source-line", "location", "source-and-location", "location-and-address",
      "short-location"), "", 'Printing of frame information is "{}".'),
    ("print static-members", "bool", True, (), "Printing of C++ static members", ""),
    ("print type hex", "bool", False, (), "",
     "Display of struct members offsets and sizes in hexadecimal is {}"),
    ("print type methods", "bool", True, (), "",
     "Printing of methods defined in a class in {}"),
    ("print type typedefs", "bool", True, (), "",
     "Printing of typedefs defined in a class in {}"),
    ("print union", "bool", True, (), "Printing of unions interior to structures", ""),
    ("prompt", "text", "(pydbg)", (), "", 'The prompt is "{}".'),
    ("scheduler-locking", "enum", "replay", ("off", "on", "step", "replay"), "",
     'Mode for locking scheduler during execution is "{}".'),
    ("seccomp-profile", "text", "", (), "",
     'The seccomp profile that programs are started under is "{}".'),
    ("step-mode", "bool", False, (), "Mode of the step operation", ""),
    ("style enabled", "bool", True, (), "", "CLI output styling is {}."),
    ("style theme", "enum", "default", ("default", "light", "dark", "plain"), "",
     'The colours of output are those of the theme "{}".'),
    ("syscall-filter", "enum", "auto", ("auto", "off"), "",
     'Use of a seccomp filter for caught syscalls of launched programs is "{}".'),
    ("syscall-history", "int", 0, (),
     "Number of system calls that are kept of each thread (0: none)", ""),
    ("unwind-on-terminating-exception", "bool", True, (),
     "Unwind stack if a C++ exception is unhandled while in a call dummy", ""),
    ("unwindonsignal", "bool", False, (),
     "Unwinding of stack if a signal is received while in a call dummy", ""),
    ("trace-commands", "bool", False, (), "State of command tracing", ""),
    ("toolbar", "bool", True, (), "Whether the prompt has a line about the program below it", ""),
    ("width", "limit", None, (), "Number of characters in a line", ""),
)  # fmt: skip

_LOG_OFF, _LOG_ON = "off: Logging is disabled.", "on: Logging is enabled."
_BOTH = "Output will go to both the screen and the log file."

_LOGGING = (
    # "set logging on" is what old scripts have.
    Setting("logging", "bool", False, shown=_LOG_OFF, when_on=_LOG_ON),
    Setting("logging enabled", "bool", False, shown=_LOG_OFF, when_on=_LOG_ON),
    Setting("logging file", "text", "pydbg.txt", shown='The current logfile is "{}".'),
    Setting("logging overwrite", "bool", False, shown="off: Logging appends to the log file.",
            when_on="on: Logging overwrites the log file."),
    Setting("logging redirect", "bool", False, shown=f"off: {_BOTH}",
            when_on="on: Output will go only to the log file."),
)  # fmt: skip

_DEBUGINFOD = Setting(
    "debuginfod urls", "text", "", shown="Debuginfod URLs are currently set to:\n{}",
    when_empty="Debuginfod URLs have not been set.",
)  # fmt: skip

_INDEX_CACHE = Setting(
    "index-cache directory", "text", "", shown='The directory of the index cache is "{}".',
    when_empty='The directory of the index cache is "pydbg/index" in $XDG_CACHE_HOME or ~/.cache.',
)  # fmt: skip

_OURS = frozenset(
    {
        "completion",
        "context",
        "editing-mode",
        "seccomp-profile",
        "style theme",
        "syscall-filter",
        "syscall-history",
        "toolbar",
    }
)
"""The settings that gdb does not have."""

_ALONE = {"context": ("auto", "on", "off")}

_IGNORED = """
annotate
architecture
auto-load gdb-scripts
auto-load local-gdbinit
auto-load python-scripts
auto-load safe-path
auto-solib-add
basenames-may-differ
breakpoint always-inserted
breakpoint auto-hw
case-sensitive
charset
check range
check type
code-cache
complaints
cp-abi
demangle-style
disassemble-next-line
editing
endian
exec-file-mismatch
filename-display
height
history expansion
history remove-duplicates
host-charset
inferior-tty
input-radix
interactive-mode
libthread-db-search-path
max-value-size
mi-async
multiple-symbols
non-stop
opaque-type-resolution
osabi
output-radix
overload-resolution
pagination
print asm-demangle
print demangle
print sevenbit-strings
print symbol-filename
print symbol-loading
print vtbl
python print-stack
schedule-multiple
solib-search-path
stack-cache
startup-quietly
startup-with-shell
stop-on-solib-events
style sources
sysroot
target-charset
target-wide-charset
tcp auto-retry
trust-readonly-sections
verbose
watchdog
"""


@cache
def table() -> tuple[Setting, ...]:
    """Return all rows, sorted by name.

    >>> [row.default for row in table() if row.name == "disassembly-flavor"]
    ['att']
    """
    rows = [Setting(name, kind, default, choices, doc, False, shown, name in _OURS,
                    _ALONE.get(name, ()))
            for name, kind, default, choices, doc, shown in _ROWS]  # fmt: skip
    rows += (*_LOGGING, _DEBUGINFOD, _INDEX_CACHE)
    for name in _IGNORED.split("\n"):
        if name:
            shown = f'"{name}" is accepted and has no effect; its value is "{{}}".'
            rows.append(Setting(name, "text", "", ignored=True, shown=shown))
    return tuple(sorted(rows, key=lambda row: row.name))


class Settings:
    """Hold the values of one debugger's settings.

    >>> settings = Settings()
    >>> settings["print elements"]
    200
    >>> settings.set("disassembly-flavor", "intel")
    >>> settings["disassembly-flavor"]
    'intel'
    """

    def __init__(self) -> None:
        self._rows: Mapping[str, Setting] = {row.name: row for row in table()}
        self._values: dict[str, Value] = {row.name: row.default for row in self._rows.values()}
        self._listeners: dict[str, list[Callable[[Value], None]]] = {}
        self._kept: dict[Any, Any] = {}

    def __getitem__(self, name: str) -> Value:
        try:
            return self._values[name]
        except KeyError:
            return self._values[self.row(name).name]  # Raises the error that names what is near.

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def names(self) -> tuple[str, ...]:
        """Return the names of all settings, sorted."""
        return tuple(self._rows)

    def row(self, name: str) -> Setting:
        """Return the row of the setting ``name`` (its full name); UsageError if there is none.

        >>> Settings().row("confrim")
        Traceback (most recent call last):
        pydbg.errors.UsageError: There is no setting "confrim".  Did you mean "confirm"?
        """
        found = self._rows.get(name)
        if found is None:
            import difflib

            near = difflib.get_close_matches(name, self._rows, 1)
            hint = f'  Did you mean "{near[0]}"?' if near else ""
            raise UsageError(f'There is no setting "{name}".{hint}')
        return found

    def set(self, name: str, text: str) -> None:
        """Set ``name`` to what ``text`` spells; UsageError leaves the old value.

        >>> Settings().set("disassembly-flavor", "arm")
        Traceback (most recent call last):
        pydbg.errors.UsageError: Undefined item: "arm".  Valid are att, intel.
        """
        self.put(name, self.row(name).parse(text))

    def put(self, name: str, value: Value) -> None:
        """Set ``name`` to ``value`` and tell those who asked to be told."""
        row = self.row(name)
        old = self._values[row.name]
        self._values[row.name] = value
        self._kept.clear()
        try:
            for listener in self._listeners.get(name, ()):
                listener(value)
        except BaseException:  # Whatever a listener refuses by: the old value stays.
            self._values[row.name] = old
            self._kept.clear()
            raise

    def note(self, name: str, value: Value) -> None:
        """Set ``name`` to ``value`` and tell nobody: whoever acts on it has done so."""
        self._values[self.row(name).name] = value
        self._kept.clear()

    def kept(self, make: Callable[[Settings], T]) -> T:
        """Return what ``make`` works out of the settings, which is kept until one is changed.

        >>> settings = Settings()
        >>> settings.kept(Settings.names) is settings.kept(Settings.names)
        True
        """
        if make not in self._kept:
            self._kept[make] = make(self)
        found: T = self._kept[make]
        return found

    def show(self, name: str) -> str:
        """Return the sentence that ``show NAME`` prints.

        >>> Settings().show("print elements")
        'Limit on string chars or array elements to print is 200.'
        """
        row = self.row(name)
        return row.sentence(self._values[name])

    def on_change(self, name: str, listener: Callable[[Value], None]) -> None:
        """Call ``listener(value)`` whenever ``name`` is set."""
        self._listeners.setdefault(self.row(name).name, []).append(listener)

    def flag(self, name: str) -> bool:
        """Return the setting ``name`` as on (True) or off (False)."""
        found = self._values.get(name)
        return (self[name] if found is None else found) is True

    def limit(self, name: str) -> int | None:
        """Return the setting ``name`` as a number, None meaning no limit."""
        value = self[name]
        return value if isinstance(value, int) else None

    def text(self, name: str) -> str:
        """Return the setting ``name`` as a text."""
        value = self[name]
        return value if isinstance(value, str) else self.row(name).spell(value)
