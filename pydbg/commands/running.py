"""Commands that let the program run: run, continue, the steps, finish, attach, detach."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydbg.commands import common, gather, kinds
from pydbg.commands.options import FILES
from pydbg.commands.results import Note
from pydbg.commands.table import Arg, Command, Parsed
from pydbg.errors import CommandError, LocationError, NoProcess, UsageError
from pydbg.events import Event, StepDone

if TYPE_CHECKING:
    from pydbg.commands.session import Session

__all__ = ["commands", "go"]


def go(session: Session, run: Callable[[], Event], *, stepping: bool = True) -> Event:
    """Let the program run: pass on all text first, and note where it stood."""
    session.out.flush()
    gather.before_run(session, stepping=stepping)
    return run()


# --- start and end -------------------------------------------------------------------------


def _start(session: Session, parsed: Parsed, stop: str) -> Event | None:
    dbg = session.dbg
    if dbg.process is not None:
        question = "The program being debugged has been started already.\n"
        if not session.confirm(question + "Start it from the beginning?"):
            raise CommandError("Program not restarted.")
        dbg.kill()
    text = parsed["ARGUMENTS"]
    if stop == "main" and dbg.program is not None:
        stop = _break_main(session)
    if dbg.program is not None:
        shown = text if text is not None else session.settings.text("args")
        session.say_typed(f"Starting program: {dbg.program} {shown}")
    common.forget_missing_source(session)
    return go(session, lambda: dbg.run(text, stop=stop))


def run(session: Session, parsed: Parsed) -> Event | None:
    """Start the program; it runs to the first stop."""
    return _start(session, parsed, "none")


def start(session: Session, parsed: Parsed) -> Any:
    """Start the program and stop in main."""
    return _start(session, parsed, "main")


def _break_main(session: Session) -> str:
    """Set the breakpoint of ``start`` and show it; return how the run is to stop."""
    from pydbg.commands.points import made

    try:
        point = session.dbg.break_at("main", temporary=True, pending=False)
    except LocationError:
        return "main"  # The debugger stops at the program's entry then.
    session.show(made(session, point))
    return "none"


def starti(session: Session, parsed: Parsed) -> Event | None:
    """Start the program and stop at its first instruction."""
    return _start(session, parsed, "entry")


def kill(session: Session, parsed: Parsed) -> Note | None:
    """End the program."""
    inferior = session.dbg.inferior
    if inferior is None:
        raise CommandError("The program is not being run.")
    if not session.confirm("Kill the program being debugged?"):
        raise CommandError("Not confirmed.")
    inferior = session.dbg.process
    if inferior is None:  # A core.
        raise CommandError("You can't do that without a process to debug.")
    number, pid = inferior.number, inferior.pid
    session.dbg.kill()
    return _left(session, f"[Inferior {number} (process {pid}) killed]")


def _left(session: Session, text: str) -> Note | None:
    return Note(text) if session.dbg.settings.flag("print inferior-events") else None


def attach(session: Session, parsed: Parsed) -> Event:
    """Seize a process that runs already."""
    dbg = session.dbg
    pid = parsed["PID"]
    if dbg.process is not None:
        if not session.confirm("A program is being debugged already.  Kill it?"):
            raise CommandError("Not killed.")
        dbg.kill()
    try:
        number = int(pid, 0)
    except ValueError:
        raise UsageError(f"Illegal process-id: {pid}.") from None
    if number <= 0:
        raise UsageError(f"Illegal process-id: {pid}.")
    what = f"program: {dbg.program}, process" if dbg.program else "process"
    session.say_typed(f"Attaching to {what} {number}")
    return go(session, lambda: dbg.attach(number))


def detach(session: Session, parsed: Parsed) -> Note | None:
    """Let the program go; it runs on without the debugger. A core is closed."""
    if session.dbg.close_core():
        return Note("No core file now.") if session.typed() else None
    inferior = common.live(session)
    number, pid = inferior.number, inferior.pid
    if session.dbg.program:
        session.say_typed(f"Detaching from program: {session.dbg.program}, process {pid}")
    session.out.flush()
    session.dbg.detach()
    return _left(session, f"[Inferior {number} (process {pid}) detached]")


# --- going on ------------------------------------------------------------------------------


def cont(session: Session, parsed: Parsed) -> Event:
    """Let the program go on."""
    count = parsed.get("COUNT", 1)
    event = session.last_event
    if parsed["COUNT"] is not None and count > 1:
        numbers = getattr(event, "numbers", None) or (getattr(event, "number", None),)
        if numbers[0] is not None and numbers[0] in session.dbg.breakpoints:
            crossings = f"{count - 1} crossings" if count > 2 else "next crossing"
            word = f"next {crossings}" if count > 2 else crossings
            session.say_typed(f"Will ignore {word} of breakpoint {numbers[0]}.  Continuing.")
        else:
            session.say_typed("Continuing.")
    else:
        session.say_typed("Continuing.")
    return go(session, lambda: session.dbg.cont(count), stepping=False)


def _counted(name: str) -> Callable[[Session, Parsed], Event]:
    def step(session: Session, parsed: Parsed) -> Event:
        method: Callable[[int], Event] = getattr(session.dbg, name)
        count = parsed.get("COUNT", 1)
        if count < 1:
            raise UsageError(f"A count of at least 1 is expected, not {count}.")

        def run() -> Event:
            if count > 1:
                event = method(count - 1)
                if not isinstance(event, StepDone):
                    return event
                # As in gdb the last instruction alone decides whether a frame was left.
                gather.before_run(session)
            return method(1)

        return go(session, run)

    return step


def _by_line(name: str) -> Callable[[Session, Parsed], Event]:
    def step(session: Session, parsed: Parsed) -> Event:
        method: Callable[[int], Event] = getattr(session.dbg, name)
        count = parsed.get("COUNT", 1)
        if count < 1:
            raise UsageError(f"A count of at least 1 is expected, not {count}.")
        return go(session, lambda: method(count))

    return step


def _step_to(what: str) -> Callable[[Session, Parsed], Event]:
    def step(session: Session, parsed: Parsed) -> Event:
        return go(session, lambda: session.dbg.step_to(what))

    return step


def finish(session: Session, parsed: Parsed) -> Event:
    """Run until the selected frame's function returned."""
    from pydbg.commands.returning import returns
    from pydbg.render import frames

    frame = common.selected(session)
    if len(session.dbg.frames(frame.level + 2)) < frame.level + 2:
        raise CommandError('"finish" not meaningful in the outermost frame.')
    if session.typed():
        what = f"warning: Function {frame.function} does not return normally."
        if not returns(session, frame) and not session.confirm(f"{what}\nTry to finish anyway?"):
            raise CommandError("Not confirmed.")
        # gdb leaves the #N out of this line's frame only in MI.
        session.say(f"Run till exit from {frames.frame(common.frame_line(session, frame))}")
    return go(session, session.dbg.finish)


def until(session: Session, parsed: Parsed) -> Event:
    """Run to a location, or to the next line of the frame that is no jump back."""
    spec = parsed["LOCATION"]
    if spec is None:
        return go(session, session.dbg.until_line)
    return go(session, lambda: session.dbg.until(spec))


def advance(session: Session, parsed: Parsed) -> Event:
    """Run to a location, or to the end of the frame."""
    return go(session, lambda: session.dbg.advance(parsed["LOCATION"]))


def jump(session: Session, parsed: Parsed) -> Event:
    """Go on at another place."""
    spec = parsed["LOCATION"]
    places = session.dbg.resolve(spec)
    if len(places) > 1:
        raise CommandError(f'Unreasonable jump request: "{spec}" has {len(places)} locations.')
    if places and places[0].addr is not None:
        addr = places[0].addr
        session.say_typed(f"Continuing at {addr:#x}.")
    return go(session, lambda: session.dbg.jump(spec))


def interrupt(session: Session, parsed: Parsed) -> Note | None:
    """Stop the program (from a front end that does not wait for it)."""
    if session.dbg.inferior is None:
        raise NoProcess
    session.dbg.interrupt()
    return None


# --- rows ----------------------------------------------------------------------------------

_COUNT = Arg("COUNT", kinds.COUNT, optional=True, doc="how often")
_ARGUMENTS = Arg(
    "ARGUMENTS", FILES, optional=True, doc="the program's arguments, with <FILE >FILE 2>FILE"
)


def _row(name: str, summary: str, run: Callable[[Session, Parsed], Any], **fields: Any) -> Command:
    fields.setdefault("example", name)
    return Command(name, group="running", summary=summary, run=run, **fields)


def commands() -> tuple[Command, ...]:
    """Return the rows."""
    return (*_lifetime(), *_going_on(), *_steps())


def _lifetime() -> tuple[Command, ...]:
    ways = "Arguments that are given are kept for the next run (set args); without any the last "
    ways += "ones are used.  A shell is not involved: words are split and quotes taken off, and "
    ways += "<FILE, >FILE, >>FILE and 2>FILE redirect the standard streams."
    return (
        _row("run", "Start the program.", run, aliases=("r",), help=ways, args=(_ARGUMENTS,),
             repeat="no", example="run -l < input.txt"),
        _row("start", "Start the program and stop in main.", start, args=(_ARGUMENTS,),
             help="A temporary breakpoint is set at main, also in a stripped program.\n" + ways,
             repeat="no"),
        _row("starti", "Start the program and stop at its first instruction.", starti,
             help="The first instruction is the dynamic linker's, if there is one.\n" + ways,
             args=(_ARGUMENTS,), repeat="no"),
        _row("kill", "Kill the program that is debugged.", kill, aliases=("k",),
             help="Breakpoints and settings stay, so that it can be run again.", repeat="no"),
        _row("attach", "Attach to a process that runs.", attach, repeat="no",
             help="All its threads are stopped.  When the debugger ends, or by detach, they go "
             "on as if nothing had been.  Where the kernel forbids it the error says why, and "
             "what helps; so does `pydbg doctor`.",
             args=(Arg("PID", kinds.PID, doc="process-id", missing="Argument required "
                   "(process-id to attach)."),), example="attach 1234"),
        _row("detach", "Let the program go.", detach, repeat="no",
             help="Breakpoints are taken out of its memory first.  A core dump is closed."),
    )  # fmt: skip


def _going_on() -> tuple[Command, ...]:
    return (
        _row("continue", "Go on after a stop.", cont, aliases=("c", "cont", "fg"),
             needs="process", args=(_COUNT,), example="continue 3",
             help="With COUNT the breakpoint stopped at is passed COUNT - 1 times more."),
        _row("finish", "Run until the selected frame returns.", finish, aliases=("fin",),
             needs="process", help="The return register is shown."),
        _row("until", "Run to a location in this frame, or to the next line.", until,
             aliases=("u",), needs="process",
             args=(Arg("LOCATION", kinds.LOCATION, optional=True, doc="where to stop"),),
             help="It stops too when the frame returns.  Without LOCATION it runs until a line "
             "further down is reached, which leaves a loop.", example="until *$pc+10"),
        _row("advance", "Run to a location, or to the end of the frame.", advance,
             aliases=("adv",), needs="process", example="advance main",
             help="Unlike until it also stops at LOCATION in another frame.",
             args=(Arg("LOCATION", kinds.LOCATION, doc="where to stop",
                   missing="Argument required (a location)."),)),
        _row("jump", "Go on at another place.", jump, aliases=("j",), needs="process",
             help="Only pc is changed: the stack and all other registers stay as they are.",
             args=(Arg("LOCATION", kinds.LOCATION, doc="where to go on",
                   missing="Argument required (starting address)."),),
             repeat="no", example="jump *$pc+2"),
        _row("interrupt", "Stop the program while it runs.", interrupt, needs="process",
             help="For front ends that take commands while the program runs; at the prompt "
             "Ctrl-C does it."),
    )  # fmt: skip


def _steps() -> tuple[Command, ...]:
    more = "System calls that no catchpoint names are found too.  Other stops may come first."
    return (
        _row("step", "Run to the next source line, into calls.", _by_line("step"), aliases=("s",),
             needs="process", args=(_COUNT,), example="step 3",
             help="Functions that have lines are entered and stopped in behind their prologue; "
             "others are run as a whole, unless step-mode is on, and so is what skip names.  "
             "With COUNT it is done that often, unless another reason to stop comes first."),
        _row("next", "Run to the next source line, calls as a whole.", _by_line("next"),
             aliases=("n",), needs="process", args=(_COUNT,), example="next 3",
             help="As step, but calls are run to their return, inlined ones too."),
        _row("stepi", "Execute one instruction.", _counted("stepi"), aliases=("si",),
             needs="process", args=(_COUNT,), example="stepi 3",
             help="Calls are entered.  With COUNT it is done that often, unless another reason "
             "to stop comes first."),
        _row("nexti", "Execute one instruction, calls as a whole.", _counted("nexti"),
             aliases=("ni",), needs="process", args=(_COUNT,), example="nexti 3",
             help="As stepi, but a call is run to its return."),
        _row("stepsys", "Run to the next system call.", _step_to("syscall"), needs="process",
             help="It stops where the kernel is entered.  " + more, extension=True),
        _row("stepcall", "Step to the next call instruction.", _step_to("call"), needs="process",
             help="It stops before the call is executed.", extension=True),
        _row("stepret", "Step to the next return instruction.", _step_to("ret"), needs="process",
             help="It stops before the function returns; calls on the way are run as a whole.",
             extension=True),
        _row("stepjump", "Step to the next jump.", _step_to("jump"), needs="process",
             help="Conditional and other jumps count, calls and returns do not.",
             extension=True),
    )  # fmt: skip
