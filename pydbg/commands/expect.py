"""Commands that check: a script that uses them is a test.

A check that fails is an error like any other: it ends the script, with one line that names the
script's file and line, and the exit status is 1.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pydbg import events as ev
from pydbg.commands import kinds
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, UsageError

if TYPE_CHECKING:
    from pydbg.capture import Capture
    from pydbg.commands.lines import Writer
    from pydbg.commands.session import Session
    from pydbg.expr.values import Value

__all__ = ["CapturedOut", "capturing", "commands", "described", "release"]

_KEY = "capture"
_COMPARISONS = ("==", "!=", "<", ">", "<=", ">=")


# --- expect --------------------------------------------------------------------------------


def expect(session: Session, parsed: Parsed) -> None:
    """Check an expression."""
    from pydbg.expr import nodes
    from pydbg.expr.evaluate import evaluate, parse_in

    text: str = parsed["EXPR"]
    context = session.dbg.context()
    tree = parse_in(text, context)
    value = evaluate(tree, context)
    if _truth(value):
        return
    why = _shown(session, value)
    if isinstance(tree, nodes.Binary) and tree.op in _COMPARISONS:
        sides = (evaluate(side, context) for side in (tree.left, tree.right))
        why = f"{tree.op} does not hold for " + " and ".join(
            _shown(session, side) for side in sides
        )
    raise CommandError(f"expect {text}: {why}")


def _truth(value: Value) -> bool:
    return bool(value)


def _shown(session: Session, value: Value) -> str:
    from pydbg.commands.common import formatter

    return formatter(session).top(value)


# --- expect-stop ---------------------------------------------------------------------------


def expect_stop(session: Session, parsed: Parsed) -> None:
    """Check why the program stopped."""
    what: str = parsed["WHAT"]
    words = (parsed["DETAIL"] or "").split()
    event = session.last_event
    if event is None:
        raise CommandError(f"expected {_wanted(what, words)}, but the program was not run")
    if not _CHECKS[what](event, words, session):
        wanted, found = _wanted(what, words), described(event)
        raise CommandError(f"expected {wanted}, but the program {found}{_where(session)}")


def _wanted(what: str, words: list[str]) -> str:
    article = "an" if what[0] in "aeiou" else "a"
    detail = " " + " ".join(words) if words else ""
    return f"{article} {what}{detail}"


def _where(session: Session) -> str:
    frame = session.dbg.frame
    if frame is None:
        return ""
    name = frame.function or f"{frame.addr:#x}"
    line = f" at {frame.file}:{frame.line}" if frame.line is not None else ""
    return f" in {name}{line}"


def described(event: ev.Event) -> str:
    """Say in a few words what an event was: "stopped at breakpoint 2".

    >>> described(ev.Exited(1, 1, 3)), described(ev.SignalReceived(1, 1, 11))
    ('exited with code 3', 'received signal SIGSEGV')
    """
    from pydbg.syscalls.signals import signal_name

    match event:
        case ev.BreakpointHit(numbers=numbers):
            return "stopped at breakpoint " + ", ".join(map(str, numbers))
        case ev.SyscallCaught(name=name, phase=phase, nr=nr):
            return f"stopped at the {phase} of syscall {name or nr}"
        case ev.SignalReceived(signo=signo):
            return f"received signal {signal_name(signo)}"
        case ev.CatchHit(kind=kind, number=number):
            return f"stopped at catchpoint {number} ({kind})"
        case ev.Exited(code=code):
            return f"exited with code {code}"
        case ev.Killed(signo=signo):
            return f"was killed by {signal_name(signo)}"
        case ev.StepDone(plan=plan) | ev.LocationReached(plan=plan):
            return f"stopped at the end of {plan}"
        case ev.FunctionFinished():
            return "stopped at the end of finish"
        case ev.Interrupted():
            return "was interrupted"
        case ev.Started() | ev.Attached():
            return "stopped at its start"
    return f"stopped ({type(event).__name__})"


def _numbered(event: Any, words: list[str], session: Session) -> bool:
    _at_most(words, 1)
    numbers = getattr(event, "numbers", None) or (event.number,)
    return not words or kinds.int_of(words[0], session) in numbers


def _breakpoint(event: ev.Event, words: list[str], session: Session) -> bool:
    return isinstance(event, ev.BreakpointHit) and _numbered(event, words, session)


def _catchpoint(event: ev.Event, words: list[str], session: Session) -> bool:
    if isinstance(event, ev.SignalReceived) and event.number is None:
        return False
    caught = isinstance(event, ev.SyscallCaught | ev.CatchHit | ev.SignalReceived)
    return caught and _numbered(event, words, session)


def _syscall(event: ev.Event, words: list[str], session: Session) -> bool:
    _at_most(words, 2)
    phases = [word for word in words if word in ("entry", "return")]
    names = [word for word in words if word not in ("entry", "return")]
    if len(phases) > 1 or len(names) > 1:
        raise UsageError("Usage: expect-stop syscall [NAME|NUMBER] [entry|return]")
    return (
        isinstance(event, ev.SyscallCaught)
        and (not names or names[0] in (event.name, str(event.nr)))
        and (not phases or phases[0] == event.phase)
    )


def _signal(event: ev.Event, words: list[str], session: Session) -> bool:
    return isinstance(event, ev.SignalReceived) and _is_signal(event.signo, words)


def _killed(event: ev.Event, words: list[str], session: Session) -> bool:
    return isinstance(event, ev.Killed) and _is_signal(event.signo, words)


def _is_signal(signo: int, words: list[str]) -> bool:
    from pydbg.syscalls.signals import signal_number

    _at_most(words, 1)
    if not words:
        return True
    wanted = int(words[0]) if words[0].isdecimal() else signal_number(words[0])
    if wanted is None:
        raise UsageError(f"Unknown signal name '{words[0]}'.")
    return signo == wanted


def _exit(event: ev.Event, words: list[str], session: Session) -> bool:
    _at_most(words, 1)
    if not isinstance(event, ev.Exited):
        return False
    return not words or event.code == kinds.int_of(words[0], session)


def _step(event: ev.Event, words: list[str], session: Session) -> bool:
    _at_most(words, 1)
    if isinstance(event, ev.FunctionFinished):
        return not words or words[0] == "finish"
    if not isinstance(event, ev.StepDone | ev.LocationReached):
        return False
    return not words or words[0] == event.plan


def _caught(event: ev.Event, words: list[str], session: Session) -> bool:
    _at_most(words, 1)
    return isinstance(event, ev.CatchHit) and (not words or words[0] == event.kind)


def _interrupt(event: ev.Event, words: list[str], session: Session) -> bool:
    _at_most(words, 0)
    return isinstance(event, ev.Interrupted)


def _at_most(words: list[str], count: int) -> None:
    if len(words) > count:
        raise UsageError(f'Junk at end of arguments: "{" ".join(words[count:])}".')


_CHECKS: dict[str, Any] = {
    "breakpoint": _breakpoint,
    "catch": _caught,
    "catchpoint": _catchpoint,
    "exit": _exit,
    "interrupt": _interrupt,
    "killed": _killed,
    "signal": _signal,
    "step": _step,
    "syscall": _syscall,
}


# --- the program's output ------------------------------------------------------------------


class CapturedOut:
    """Write the session's text, behind what the program has printed before it.

    ``target`` is where both go; it may be changed.
    """

    def __init__(self, target: Writer, session: Session) -> None:
        self.target = target
        self._session = session
        self._lock = threading.Lock()
        self._last: ev.Event | None = None
        self.capture: Capture | None = None

    def forward(self, text: str) -> None:
        """Pass on what the program printed (called by the reading thread)."""
        with self._lock:
            self.target.write(text)
            self.target.flush()

    def write(self, text: str, /) -> int:
        """Write text when all of the program's own before it has been written."""
        self.settle()
        with self._lock:
            self.target.write(text)
        return len(text)

    def flush(self) -> None:
        """Pass on what was written."""
        with self._lock:
            self.target.flush()

    def settle(self) -> None:
        """Wait for the program's output, and note where its stops are in it."""
        if self.capture is None:
            return
        self.capture.sync()
        if self._session.last_event is not self._last:
            self._last = self._session.last_event
            self.capture.note_stop()


def capturing(session: Session) -> CapturedOut:
    """Capture what the session's program prints from its next start on.

    The output is passed on to where the session's own text goes.
    """
    found: CapturedOut | None = session.memory.get(_KEY)
    if found is not None:
        return found
    from pydbg.capture import Capture

    out = CapturedOut(session.out, session)
    out.capture = Capture(session.dbg, out.forward)
    session.memory[_KEY] = session.out = out
    return out


def release(session: Session) -> None:
    """End the capture; the session writes by itself again."""
    out: CapturedOut | None = session.memory.pop(_KEY, None)
    if out is not None and out.capture is not None:
        out.capture.close()
        out.capture = None
        session.out = out.target


def capture_output(session: Session, parsed: Parsed) -> None:
    """Capture what the program prints."""
    capturing(session)


def expect_output(session: Session, parsed: Parsed) -> None:
    """Check what the program has printed."""
    out: CapturedOut | None = session.memory.get(_KEY)
    if out is None or out.capture is None:
        raise CommandError('The output is not captured: put "capture-output" before "run".')
    latest = parsed["SINCE"] is not None
    wanted = _text(parsed["TEXT"])
    out.settle()
    found = out.capture.latest if latest else out.capture.text
    if wanted in found:
        return
    since = " since it was last resumed" if latest else ""
    what = _quoted(found[-200:]) if found else "nothing"
    end = ", at the end," if len(found) > 200 else ""
    raise CommandError(f"expected the output {_quoted(wanted)}, but the program{end} "
                       f"printed {what}{since}")  # fmt: skip


def _text(text: str) -> str:
    """Return what a text in quotes means; without quotes it stands for itself."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        from pydbg.expr.lexer import tokens

        value: Any = next(tokens(text)).value
        return bytes(value).decode("utf-8", "backslashreplace")
    return text


def _quoted(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)


# --- rows ----------------------------------------------------------------------------------


class _Latest(kinds.Kind):
    """Take the option -latest."""

    def syntax(self, name: str) -> str:
        return "-latest"

    def take(self, text: str) -> tuple[str | None, str]:
        word, _, rest = text.partition(" ")
        return (word, rest.lstrip()) if word == "-latest" else (None, text)


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (
        Command(
            "expect",
            group="support",
            summary="Check that an expression is true; it is an error if not.",
            help="In a script a false expression ends it with one line that says what both "
            "sides of a\ncomparison were, and pydbg's exit status is 1.",
            args=(Arg("EXPR", kinds.EXPR, doc="what must be true"),),
            example="expect $rax == 3",
            repeat="no",
            extension=True,
            run=expect,
        ),
        Command(
            "expect-stop",
            group="support",
            summary="Check why the program stopped, or how it ended.",
            help="breakpoint [NUM]  catchpoint [NUM]  syscall [NAME] [entry|return]\n"
            "signal [NAME]  exit [CODE]  killed [SIGNAL]  catch [KIND]  step [COMMAND]  interrupt\n"
            "What is left out may be anything.",
            args=(
                Arg("WHAT", kinds.choice(*_CHECKS), doc="the reason"),
                Arg("DETAIL", kinds.TEXT, optional=True, doc="number, name or code"),
            ),
            example="expect-stop syscall write entry",
            repeat="no",
            extension=True,
            run=expect_stop,
        ),
        Command(
            "expect-output",
            group="support",
            summary="Check that the program has printed a text.",
            help='The text may stand in double quotes with C\'s escapes ("\\n", "\\t").  With '
            "-latest only\nwhat it printed since it was last resumed counts.  The output must be "
            'captured: by\n"capture-output", or by a script given with -x or -ex that has '
            "this command in it.",
            args=(
                Arg("SINCE", _Latest("option"), optional=True, doc="only the latest output"),
                Arg("TEXT", kinds.TEXT, doc="what was to be printed"),
            ),
            example='expect-output "ready\\n"',
            repeat="no",
            extension=True,
            run=expect_output,
        ),
        Command(
            "capture-output",
            group="support",
            summary="Capture what the program prints from its next start on.",
            help="Its stdout and stderr become a pseudo-terminal; what it prints is passed on, "
            "in order\nwith pydbg's own text, and can be checked by expect-output.",
            example="capture-output",
            repeat="no",
            extension=True,
            run=capture_output,
        ),
    )
