"""Python in scripts: blocks, files, and commands written in Python.

All Python of a session shares one namespace, in which ``dbg`` is the debugger, ``session`` the
session and ``pydbg`` the package. An error is one line that names the file and the line it
came from, as for commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import CodeType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydbg.commands.lines import ScriptError
from pydbg.commands.table import Commands, Parsed
from pydbg.errors import CommandError, DebuggerError

if TYPE_CHECKING:
    from pydbg.commands.runner import ScriptRunner
    from pydbg.commands.session import Session

__all__ = ["PythonError", "command", "python", "run_code", "run_file"]

Function = TypeVar("Function", bound=Callable[..., Any])

_table: ContextVar[Commands | None] = ContextVar("pydbg command table", default=None)
"""The table of the session whose Python runs, for :func:`command`."""


class PythonError(CommandError):
    """Report an exception of a script's Python; ``place`` is the file and line it came from."""

    def __init__(self, message: str, place: tuple[str, int] | None = None) -> None:
        super().__init__(message)
        self.place = place


def command(name: str, **fields: Any) -> Callable[[Function], Function]:
    """Declare a function as a command of the session whose script this is.

    The function gets the session and the parsed arguments, and returns a text, an event, or
    None. Its docstring gives the summary and the help; ``fields`` are those of
    :class:`pydbg.commands.table.Command`: ``aliases``, ``args``, ``needs``, ``repeat``, ...

    >>> @command("greet", aliases=("gr",))
    ... def greet(session, parsed):
    ...     '''Say hello.'''
    ...     return f"hello {parsed.text}"
    >>> greet.command.summary
    'Say hello.'

    Outside of a script nothing is declared yet: ``session.commands.add(greet.command)`` does it.
    """
    fields.setdefault("group", "user-defined")
    if "args" not in fields:
        from pydbg.commands import kinds
        from pydbg.commands.table import Arg

        fields["args"] = (Arg("ARG", kinds.TEXT, optional=True),)

    def declare(function: Function) -> Function:
        alone = Commands()
        alone.command(name, **fields)(function)
        row = alone[name]
        cast(Any, function).command = row
        table = _table.get()
        if table is not None:
            table.add(row)
        return function

    return declare


def python(session: Session, parsed: Parsed) -> None:
    """Run a line or a block of Python."""
    name, number = session.place()
    if parsed["CODE"] is not None:
        text: str = parsed["CODE"]
        first = number
    else:
        text = "\n".join(parsed.body)
        first = getattr(parsed.body[0], "number", 1) if parsed.body else number
        name = getattr(parsed.body[0], "name", name) if parsed.body else name
    run_code(session, text, name, first)


def run_file(session: ScriptRunner, path: str, text: str) -> None:
    """Run a file of Python."""
    space = namespace(cast("Session", session))
    before = space.get("__file__")
    space["__file__"] = path
    try:
        run_code(cast("Session", session), text, path, 1)
    except PythonError as error:
        name, number = error.place or (path, 1)
        raise ScriptError(error, name, number) from None
    finally:
        space["__file__"] = before


def namespace(session: Session) -> dict[str, Any]:
    """Return the names that the session's Python has."""
    found: dict[str, Any] | None = session.memory.get("python")
    if found is None:
        import pydbg

        found = {"__name__": "__main__", "dbg": session.dbg, "session": session, "pydbg": pydbg}
        session.memory["python"] = found
    return found


def run_code(session: Session, text: str, name: str, first: int) -> None:
    """Run Python that stands at line ``first`` of the file ``name`` ("" for none)."""
    shown = name or "<python>"
    try:
        code = _compiled(text, shown, first)
    except SyntaxError as error:
        message = f"{type(error).__name__}: {error.msg}"
        raise PythonError(message, (name, error.lineno or first) if name else None) from None
    except ValueError as error:  # a NUL, half a surrogate
        raise PythonError(f"{type(error).__name__}: {error}") from None
    from pydbg.commands.session import Quit

    try:
        with _running(session):
            exec(code, namespace(session))
    except (KeyboardInterrupt, Quit, BrokenPipeError):
        raise
    except SystemExit as error:
        raise Quit(_status(error.code)) from None
    except Exception as error:
        if session.ending is error:
            raise
        raise _told(error, shown, name) from None


def _compiled(text: str, shown: str, first: int) -> CodeType:
    # The blank lines before make the line numbers those of the script.
    return compile("\n" * (first - 1) + text + "\n", shown, "exec", dont_inherit=True)


def _status(code: object) -> int:
    """Return the status of ``sys.exit(code)``, as Python itself would."""
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1


def _told(error: Exception, shown: str, name: str) -> DebuggerError:
    """Return the error in the debugger's words: where in the script, and what."""
    place, inner = _where(error.__traceback__, shown)
    if isinstance(error, ScriptError):
        return error  # dbg.execute("source ..."): it has its own place
    known = isinstance(error, DebuggerError)
    message = str(error) if known else f"{type(error).__name__}: {error}".rstrip(": ")
    if inner is not None and not known:
        message += f"  (raised in {inner[0]}:{inner[1]})"
    return PythonError(message, (name, place) if name and place is not None else None)


def _where(
    traceback: TracebackType | None, shown: str
) -> tuple[int | None, tuple[str, int] | None]:
    """Return the last line of the script in a traceback, and the place below if it is ours not."""
    line: int | None = None
    below: tuple[str, int] | None = None
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if file == shown:
            line, below = traceback.tb_lineno, None
        elif line is not None:
            below = file, traceback.tb_lineno
        traceback = traceback.tb_next
    return line, below


@contextmanager
def _running(session: Session) -> Iterator[None]:
    """Let Python print where the session shows its text, and declare commands."""
    import sys
    from contextlib import redirect_stdout

    token = _table.set(session.commands)
    session.out.flush()
    try:
        if session.out is sys.stdout:
            yield
        else:
            with redirect_stdout(cast(Any, session.out)):
                yield
    finally:
        _table.reset(token)
