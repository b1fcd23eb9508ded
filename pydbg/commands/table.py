"""The command table: what a command is, how its arguments are read, how its name is found.

A command is declared once, as a row::

    Command(
        "delete", ("d", "del"), "breakpoints",
        summary="Delete breakpoints.",
        help="Without an argument all breakpoints are deleted, after a question.",
        args=(Arg("NUM", kinds.BREAKPOINTS, optional=True),),
        example="delete 1",
        run=delete,
    )

and ``help``, ``apropos``, the completer and the reference in docs are derived from it. A module
of commands offers ``def commands() -> tuple[Command, ...]``; :func:`all_commands` joins them
into a value, so there is no registry that imports fill.

Names of several words make sub-commands: "info registers" is found below "info". Aliases are
spelt without the words before ("r" for "info registers"), so ``i r`` needs no row of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from pydbg.errors import UsageError
from pydbg.records import NamedTuple

if TYPE_CHECKING:
    from pydbg.commands.kinds import Kind
    from pydbg.commands.session import Session

__all__ = ["GROUPS", "Arg", "Command", "Commands", "Parsed", "Resolution", "all_commands"]

GROUPS: tuple[tuple[str, str], ...] = (
    ("breakpoints", "Making program stop at certain points."),
    ("data", "Examining data."),
    ("files", "Specifying and examining files."),
    ("running", "Running the program."),
    ("stack", "Examining the stack."),
    ("status", "Status inquiries."),
    ("support", "Support facilities."),
    ("syscalls", "System calls of the program."),
    ("user-defined", "Commands that were defined by define, or in Python."),
)
"""The help classes, as ``help`` lists them."""

MODULES = (
    "applying",
    "running",
    "signals",
    "threads",
    "points",
    "dprintf",
    "watch",
    "pointchanges",
    "catch",
    "data",
    "registers",
    "memory",
    "code",
    "values",
    "valuehistory",
    "prettyprinters",
    "macros",
    "stack",
    "goroutines",
    "files",
    "status",
    "cores",
    "contextview",
    "support",
    "setshow",
    "listing",
    "searching",
    "skip",
    "returning",
    "scripting",
    "expect",
    "record",
    "seccomp",
    "syscalls",
    "tampering",
)
"""The modules of this package that offer ``commands()``."""


class Arg(NamedTuple):
    """Describe one argument of a command.

    ``kind`` says where the argument ends, what it becomes and how it is completed. A ``repeat``
    argument takes words until none is left and is a tuple in :class:`Parsed`. ``missing`` is
    the error for an argument that is not there, where gdb has its own words.
    """

    name: str
    kind: Kind
    optional: bool = False
    repeat: bool = False
    doc: str = ""
    missing: str = ""

    @property
    def syntax(self) -> str:
        """The argument as the syntax line shows it: ``[NAME]...``."""
        text = self.kind.syntax(self.name)
        if self.optional:
            text = f"[{text}]"
        return text + "..." if self.repeat else text


class Parsed:
    """Hold the arguments of one call, by the names of the rows.

    An optional argument that was not given is None, a repeated one an empty tuple. ``text`` is
    the arguments as they were typed, ``invoked`` the command's name as it was typed (``fg`` for
    ``continue``), ``body`` the lines up to ``end`` of a command with ``body=True``. ``again``
    says that Enter repeated the command: ``x``, ``list`` and the like go on then.

    >>> Parsed(values={"COUNT": 3})["COUNT"]
    3
    """

    __slots__ = ("again", "body", "invoked", "text", "values")

    def __init__(
        self,
        text: str = "",
        invoked: str = "",
        values: dict[str, Any] | None = None,
        body: tuple[str, ...] = (),
        again: bool = False,
    ) -> None:
        self.text = text
        self.invoked = invoked
        self.values = values or {}
        self.body = body
        self.again = again

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return the argument ``name``, ``default`` if it was not given."""
        value = self.values.get(name)
        return default if value is None else value


def _list_below(session: Session, parsed: Parsed) -> str | None:
    """Say what is below a command that only has sub-commands."""
    from pydbg.commands.helptext import help_on

    found = session.commands.resolve(parsed.invoked).command
    return help_on(session.commands, parsed.invoked) if found.prefix else None


class Command(NamedTuple):
    """Describe one command.

    ``run(session, parsed)`` returns a result, which ``pydbg.render`` turns into text: a frozen
    record, an event, a plain text, or None for nothing to show. It raises DebuggerError.
    """

    name: str
    aliases: tuple[str, ...] = ()
    group: str = "support"
    summary: str = ""
    help: str = ""
    args: tuple[Arg, ...] = ()
    needs: str = "nothing"
    """"nothing", "process" (`The program is not being run.`), "stopped" (the same: all-stop),
    "registers" (`The program has no registers now.`), "frame" (`No stack.`) or "a frame", which
    is named (`No registers.`)."""
    repeat: str = "yes"
    """What Enter does afterwards: "yes", "no", or "no-args" (again, without its arguments)."""
    example: str = ""
    run: Callable[[Session, Parsed], Any] = _list_below
    prefix: bool = False
    """Whether it only has sub-commands, so that an unknown word is an error (``info``)."""
    body: bool = False
    """Whether lines up to ``end`` follow."""
    before: Callable[[Session, Parsed], str] | None = None
    """Is asked before these lines are read; it says what they are, or raises DebuggerError."""
    extension: bool = False
    """Whether gdb has no such command. It then never makes a gdb abbreviation ambiguous."""
    hidden: bool = False
    """Whether help and completion leave it out (settings that are accepted and ignored)."""

    @property
    def parent(self) -> str:
        """The words before the last: "info" of "info registers"."""
        return self.name.rpartition(" ")[0]

    @property
    def word(self) -> str:
        """The last word: "registers" of "info registers"."""
        return self.name.rpartition(" ")[2]

    @property
    def syntax(self) -> str:
        """The syntax line, from the arguments.

        >>> Command("detach").syntax
        'detach'
        """
        text = self.name
        for arg in self.args:
            text += arg.syntax if arg.kind.glued else " " + arg.syntax
        return text

    def parse(self, text: str, session: Session, *, invoked: str = "") -> Parsed:
        """Return the arguments that ``text`` spells; UsageError if they do not fit."""
        values: dict[str, Any] = {}
        rest = text.strip()
        for arg in self.args:
            found: list[Any] = []
            while True:
                piece, rest = arg.kind.take(rest)
                if piece is None:
                    break
                found.append(arg.kind.parse(piece, session))
                if not arg.repeat:
                    break
            if not found and not arg.optional:
                raise UsageError(arg.missing or self._missing(arg))
            if arg.repeat:
                values[arg.name] = tuple(found)
            else:
                values[arg.name] = found[0] if found else None
        if rest:
            raise UsageError(f'Junk at end of arguments: "{rest}".  Usage: {self.syntax}')
        return Parsed(text.strip(), invoked or self.name, values)

    def _missing(self, arg: Arg) -> str:
        what = f": {arg.doc}" if arg.doc else ""
        return f"Argument required ({arg.name}{what}).  Usage: {self.syntax}"


class Resolution(NamedTuple):
    """Hold which command a line names, as typed, and the text after the name."""

    command: Command
    invoked: str
    text: str


def split_word(text: str) -> tuple[str, str]:
    """Return the command word that ``text`` begins with, and the rest.

    A word ends where gdb's ends (cli/cli-decode.c, find_command_name_length), so formats and
    registers need no blank; ``!`` and ``|`` are words by themselves.

    >>> split_word("x/8xg $rsp"), split_word("p$rip"), split_word("!ls")
    (('x', '/8xg $rsp'), ('p', '$rip'), ('!', 'ls'))
    """
    if text[:1] in ("!", "|"):
        return text[0], text[1:].lstrip()
    end = 0
    while end < len(text) and (text[end].isalnum() or text[end] in "-_."):
        end += 1
    return text[:end], text[end:].lstrip()


class _Absent:
    """Stand for a command whose module is not loaded yet: all that finding it needs."""

    __slots__ = ("aliases", "extension", "hidden", "module", "name")

    def __init__(
        self, module: str, name: str, aliases: tuple[str, ...], hidden: bool, extension: bool
    ) -> None:
        self.module = module
        self.name = name
        self.aliases = aliases
        self.hidden = hidden
        self.extension = extension


_Row = Command | _Absent


class Commands:
    """Be a table of commands: find them by name, alias, abbreviation.

    A command that only has a name yet (`all_commands`) is loaded when it is found.

    >>> table = Commands([Command("continue", ("c", "fg")), Command("info", ("i",), prefix=True),
    ...                   Command("info registers", ("r",)), Command("condition")])
    >>> table.resolve("c 5")[1:]
    ('c', '5')
    >>> table.resolve("i r rip").command.name
    'info registers'
    >>> table.resolve("co")
    Traceback (most recent call last):
    pydbg.errors.UsageError: Ambiguous command "co": condition, continue.
    """

    def __init__(self, rows: Iterable[Command] = ()) -> None:
        self._rows: dict[str, _Row] = {}
        # parent -> word or alias -> row
        self._below: dict[str, dict[str, _Row]] = {"": {}}
        self._resolved: dict[str, Resolution] = {}
        self._dirty = True
        for row in rows:
            self.add(row)

    def add(self, row: Command) -> None:
        """Add a command; one of the same name is replaced."""
        self._add(row)

    def _add(self, row: _Row) -> None:
        self._resolved.clear()
        self._dirty = True
        old = self._rows.get(row.name)
        parent, _, word = row.name.rpartition(" ")
        level = self._below.setdefault(parent, {})
        if old is not None:
            for name in (word, *old.aliases):
                if level.get(name) is old:
                    del level[name]
        self._rows[row.name] = row
        level[word] = row
        for alias in row.aliases:
            level[alias] = row

    def _loaded(self, row: _Row) -> Command:
        """Give a command, whose module is loaded now if it was not."""
        if isinstance(row, Command):
            return row
        for made in module_rows(row.module):
            absent = self._rows.get(made.name)
            if isinstance(absent, _Absent) and absent.module == row.module:
                self._rows[made.name] = made
                level = self._below[made.parent]
                level.update((name, made) for name, one in level.items() if one is absent)
        found = self._rows[row.name]
        assert isinstance(found, Command), f"{row.name} is not in {row.module} (commands.naming)"
        return found

    def command(self, name: str, **fields: Any) -> Callable[[Callable[..., Any]], Any]:
        """Declare a function as a command; summary and help come from its docstring.

        >>> table = Commands()
        >>> @table.command("greet", group="support")
        ... def greet(session, parsed):
        ...     '''Say hello.'''
        ...     return "hello"
        >>> table["greet"].summary
        'Say hello.'
        """

        def declare(function: Callable[..., Any]) -> Callable[..., Any]:
            first, _, more = (function.__doc__ or "").strip().partition("\n")
            text = {"summary": first, "help": "\n".join(s.strip() for s in more.split("\n"))}
            text["help"] = text["help"].strip()
            self.add(Command(name, run=function, **{**text, **fields}))
            return function

        return declare

    def __getitem__(self, name: str) -> Command:
        return self._loaded(self._rows[name])

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[Command]:
        return iter([self._loaded(self._rows[name]) for name in sorted(self._rows)])

    def __len__(self) -> int:
        return len(self._rows)

    def below(self, parent: str = "") -> list[Command]:
        """Return the commands directly below ``parent``, sorted; "" is the top.

        A word that only other names begin with ("set print" of "set print elements") is
        there too, as a row made up for it.
        """
        found = {row.name: row for row in self._level(parent).values()}
        return [self._loaded(found[name]) for name in sorted(found)]

    def has_below(self, name: str) -> bool:
        """Return whether ``name`` has sub-commands."""
        return bool(self._level(name))

    def _level(self, parent: str) -> dict[str, _Row]:
        if self._dirty:
            self._imply()
        return self._below.get(parent) or {}

    def _imply(self) -> None:
        """Make rows for parents that nobody declared."""
        for parent, level in list(self._below.items()):
            while parent and parent not in self._rows:
                weak = all(row.hidden for row in level.values())
                text = f"Commands that begin with {parent}."
                self.add(Command(parent, summary=text, prefix=True, hidden=weak, extension=weak))
                parent = parent.rpartition(" ")[0]
        self._dirty = False

    def resolve(self, line: str) -> Resolution:
        """Return the command that ``line`` names.

        Exact names and aliases first, then unambiguous beginnings, as in gdb. UsageError
        names the candidates of an ambiguous word, and near names of an unknown one.
        """
        known = self._resolved.get(line)
        if known is not None:
            return known
        found = self._walk(line.strip())
        if len(self._resolved) < 1000:
            self._resolved[line] = found
        return found

    def _walk(self, line: str) -> Resolution:
        word, rest = split_word(line)
        if not word:
            raise UsageError(f'Undefined command: "{line}".  Try "help".')
        command = self.find("", word)
        if command is None:
            raise UsageError(self._undefined("", word))
        invoked = word
        while rest and self.has_below(command.name):
            word, after = split_word(rest)
            if not word:
                if command.prefix:
                    raise UsageError(self._undefined(command.name, rest))
                break
            below = self.find(command.name, word, rest=after)
            if below is None:
                if command.prefix:
                    raise UsageError(self._undefined(command.name, word))
                break
            command, rest = below, after
            invoked += " " + word
        return Resolution(command, invoked, rest)

    def find(self, parent: str, word: str, rest: str = "") -> Command | None:
        """Return the command below ``parent`` that ``word`` names, None if there is none.

        UsageError if it abbreviates several. ``rest`` is what follows the word.
        """
        level = self._level(parent)
        exact = level.get(word)
        if exact is not None:
            return self._loaded(exact)
        if parent == "set" and rest.startswith("=") and not rest.startswith("=="):
            return None  # set counter = 1: an assignment, although "counter" may begin a setting
        found = self._matching(parent, word)
        if not found:
            return None
        if len(found) > 1:
            kind = f"{parent} command" if parent else "command"
            names = ", ".join(row.name.rpartition(" ")[2] for row in found)
            raise UsageError(f'Ambiguous {kind} "{word}": {names}.')
        return self._loaded(found[0])

    def matches(self, parent: str, word: str) -> list[Command]:
        """Return the commands below ``parent`` that ``word`` may abbreviate, sorted.

        >>> table = Commands([Command("help"), Command("hexdump", extension=True)])
        >>> [row.name for row in table.matches("", "he")]
        ['help']
        """
        return [self._loaded(row) for row in self._matching(parent, word)]

    def _matching(self, parent: str, word: str) -> list[_Row]:
        rows = {row.name: row for name, row in self._level(parent).items() if name.startswith(word)}
        # What gdb lets a user abbreviate stays so: our own commands and settings that are only
        # accepted step back.
        for weak in ("hidden", "extension"):
            strong = {name: row for name, row in rows.items() if not getattr(row, weak)}
            rows = strong or rows
        return [rows[name] for name in sorted(rows)]

    def suggest(self, parent: str, word: str) -> list[str]:
        """Return names below ``parent`` that are near to ``word``."""
        level = [name for name, row in self._level(parent).items() if not row.hidden]
        import difflib

        near = difflib.get_close_matches(word, [name for name in level if len(name) > 1], 3, 0.7)
        return [name for name in near if name != word]

    def _undefined(self, parent: str, word: str) -> str:
        from pydbg.commands.outside import reason

        known = reason(parent, word)
        if known is not None:
            return f'"{f"{parent} {word}".strip()}": {known}'
        near = self.suggest(parent, word)
        names = " or ".join(f'"{name}"' for name in near)
        hint = f"  Did you mean {names}?" if near else ""
        if parent:
            return f'Undefined {parent} command: "{word}".  Try "help {parent}".{hint}'
        return f'Undefined command: "{word}".  Try "help".{hint}'


def all_commands() -> Commands:
    """Return the table of all commands of pydbg, made anew.

    Their names are in a file (`naming` writes it): of some 40 modules a session needs a few.

    >>> all_commands().resolve("source a.pydbg").command.group
    'support'
    """
    from pydbg.commands.names import NAMES

    table = Commands()
    for module, text in NAMES.items():
        for row in " ".join(text.split()).split("; "):
            spelt, _, aliases = row.partition("=")
            name = spelt.rstrip("~+")
            marks = spelt[len(name) :]
            known = tuple(aliases.split(",")) if aliases else ()
            table._add(_Absent(module, name, known, "~" in marks, "+" in marks))
    return table


def module_rows(name: str) -> tuple[Command, ...]:
    """Return the commands that one of `MODULES` has, made anew.

    >>> "info proc" in [row.name for row in module_rows("status")]
    True
    """
    module = import_module(f"pydbg.commands.{name}")
    return tuple(cast("Callable[[], Iterable[Command]]", module.commands)())


def with_name(row: Command, name: str, **fields: Any) -> Command:
    """Return ``row`` under another name, for families such as catch and tcatch."""
    return row._replace(name=name, **fields)
