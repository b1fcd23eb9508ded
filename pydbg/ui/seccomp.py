"""``pydbg seccomp``: profiles recorded from a run, checked against one, and put in force."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from pydbg.errors import DebuggerError, FileError, UsageError
from pydbg.ui.programs import ending, opened, undisturbed, watched

if TYPE_CHECKING:
    from pydbg.seccomp.evaluate import Surroundings
    from pydbg.seccomp.profile import Profile
    from pydbg.seccomp.watch import Refusal

__all__ = ["USAGE", "Wishes", "main", "parse"]

USAGE = """\
Usage: pydbg seccomp record [OPTION]... [--] PROGRAM [ARGUMENT]...
       pydbg seccomp check [OPTION]... PROFILE PROGRAM [ARGUMENT]...
       pydbg seccomp run [OPTION]... PROFILE PROGRAM [ARGUMENT]...

Profiles are those of the OCI, Docker and Podman. All processes and threads that PROGRAM starts
count.

record   Write the profile that allows what PROGRAM calls. The exit status is the program's.
check    Run PROGRAM with nothing installed, and show each call that PROFILE would refuse, with
         its stack and the rule that decides. Exit status: 1 if there is one, else 0.
run      Run PROGRAM under PROFILE, and show the same when a call is refused. The exit status
         is the program's.

  -o, --output FILE       record: write to FILE (profile.json), - is stdout.
                          check, run: what is shown goes to FILE, not to stderr.
  --merge FILE            record: extend the profile FILE.
  --after-exec            record: leave out the execve that starts PROGRAM.
  --after LOCATION        record: begin when this breakpoint is hit.
  --args                  record: limit flags and commands to the values seen, where they are few.
  --baseline docker       record: add what a container runtime needs to start a process.
  --caps docker|none|CAP,...
                          Judge "includes" and "excludes" by these capabilities; else by those
                          that PROGRAM could have here.
  --help                  Show this text.

Exit status 2: wrong command line, or a mistake in PROFILE; 126, 127: PROGRAM cannot be run.
"""
_VERBS = ("record", "check", "run")
_DEFAULT = "profile.json"


class Wishes(NamedTuple):
    """Hold the command line of ``pydbg seccomp``."""

    verb: str = ""
    profile: str = ""
    program: str = ""
    args: tuple[str, ...] = ()
    output: str | None = None
    merge: str | None = None
    after: str | None = None
    baseline: str = ""
    caps: str | None = None
    after_exec: bool = False
    with_args: bool = False
    help: bool = False


_VALUES = {
    "-o": "output",
    "--output": "output",
    "--merge": "merge",
    "--after": "after",
    "--baseline": "baseline",
    "--caps": "caps",
}
_SWITCHES = {"--after-exec": "after_exec", "--args": "with_args"}
_RECORD_ONLY = ("--merge", "--after", "--baseline", "--after-exec", "--args")


def parse(arguments: Sequence[str]) -> Wishes:
    """Return what a command line asks for; UsageError where it is wrong.

    >>> wishes = parse(["check", "p.json", "./prog", "-x"])
    >>> wishes.verb, wishes.profile, wishes.program, wishes.args
    ('check', 'p.json', './prog', ('-x',))
    """
    rest = list(arguments)
    if not rest or rest[0] in ("--help", "-h"):
        if not rest:
            raise UsageError("one of record, check, run is expected")
        return Wishes(help=True)
    verb = rest.pop(0)
    if verb not in _VERBS:
        import difflib

        near = difflib.get_close_matches(verb, _VERBS, 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise UsageError(f"one of record, check, run is expected, not '{verb}'{hint}")
    found: dict[str, Any] = {}
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        name, equal, value = word.partition("=")
        if name in ("--help", "-h"):
            return Wishes(help=True)
        if name in _RECORD_ONLY and verb != "record":
            raise UsageError(f"option '{name}' is for record only")
        if name in _SWITCHES and not equal:
            found[_SWITCHES[name]] = True
        elif name in _VALUES:
            if not equal and not rest:
                raise UsageError(f"option '{name}' requires an argument")
            found[_VALUES[name]] = value if equal else rest.pop(0)
        else:
            raise UsageError(f"unrecognized option '{word}'")
    if verb != "record":
        if not rest:
            raise UsageError("a profile is missing")
        found["profile"] = rest.pop(0)
    if not rest:
        raise UsageError("a program to run is missing")
    wishes = Wishes(verb, program=rest[0], args=tuple(rest[1:]), **found)
    _check(wishes)
    return wishes


def _check(wishes: Wishes) -> None:
    from pydbg.seccomp.baseline import BASELINES

    if wishes.baseline and wishes.baseline not in BASELINES:
        known = ", ".join(BASELINES)
        raise UsageError(f"--baseline knows {known} only, not '{wishes.baseline}'")
    if wishes.after is not None and wishes.after_exec:
        raise UsageError("--after and --after-exec exclude each other")
    _surroundings(wishes)


def _surroundings(wishes: Wishes) -> Surroundings:
    from pydbg.records import replace
    from pydbg.seccomp.evaluate import DOCKER_CAPS, this_machine
    from pydbg.syscalls.constants import SETS

    here = this_machine()
    if wishes.caps is None:
        return here
    if wishes.caps in ("docker", "none"):
        return replace(here, caps=DOCKER_CAPS if wishes.caps == "docker" else frozenset())
    known = [word.partition("=")[0] for word in SETS["capabilities"][1].split()]
    wanted = [one.strip().upper() for one in wishes.caps.split(",")]
    wanted = [one if one.startswith("CAP_") else f"CAP_{one}" for one in wanted]
    for one in wanted:
        if one not in known:
            import difflib

            near = difflib.get_close_matches(one, known, 1, 0.8)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise UsageError(f"no capability is named '{one}'{hint}")
    return replace(here, caps=frozenset(wanted))


def main(arguments: Sequence[str]) -> int:
    """Run ``pydbg seccomp`` and return the exit status, or die as the program did."""
    wishes = opened("pydbg seccomp", arguments, parse, USAGE)
    if isinstance(wishes, int):
        return wishes
    verbs: dict[str, Callable[[Wishes], int]] = {"record": _record, "check": _watch, "run": _watch}
    return watched(lambda: verbs[wishes.verb](wishes), wishes.program)


def _warn(text: str) -> None:
    from pydbg.render.escape import clean

    sys.stderr.write(f"pydbg: {clean(text)}\n")


def _load(path: str) -> Profile:
    from pydbg.seccomp.profile import load

    profile = load(path)
    for text in profile.warnings:
        _warn(text)
    return profile


# --- record --------------------------------------------------------------------------------


def _record(wishes: Wishes) -> int:
    from pydbg.seccomp.record import Recorder

    old = None
    known = None
    if wishes.merge is not None:
        known = _load(wishes.merge)
        with open(wishes.merge, encoding="utf-8") as stream:
            old = json.load(stream)
    output = wishes.output or _DEFAULT
    if output != "-" and not os.access(os.path.dirname(output) or ".", os.W_OK):
        raise DebuggerError(f"{output}: its directory cannot be written.")
    recorder = Recorder(known, _surroundings(wishes), with_args=wishes.with_args)
    with undisturbed(wishes.program, wishes.args) as dbg:
        try:
            end = recorder.run(dbg, after=wishes.after, after_exec=wishes.after_exec)
        except (DebuggerError, KeyboardInterrupt):
            raise
        except BaseException:
            # Told to end: what was seen so far is what there is.
            _write(wishes, output, recorder, old)
            raise
    _write(wishes, output, recorder, old)
    return ending(end)


def _write(wishes: Wishes, output: str, recorder: Any, old: Any) -> None:
    from pydbg.seccomp.record import document, text_of

    for name in recorder.unknown():
        _warn(f"call {name} has no name: the profile does not allow it")
    text = text_of(document(recorder, old, wishes.baseline, _warn))
    if output == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    with _open(output) as stream:
        stream.write(text)


# --- check and run -------------------------------------------------------------------------


def _watch(wishes: Wishes) -> int:
    from pydbg.seccomp.evaluate import Judge
    from pydbg.seccomp.sandbox import Sandbox
    from pydbg.seccomp.watch import Watch

    judge = Judge(_load(wishes.profile), _surroundings(wishes))
    start = judge.decide("x86_64", 59, ())
    if start.refuses and not judge.explain("x86_64", 59):
        _warn(f"{wishes.profile} refuses execve, by which a container runtime starts the program")
    with _shown(wishes) as out, undisturbed(wishes.program, wishes.args) as dbg:
        enforce = wishes.verb == "run"
        watch = Watch(dbg, Sandbox(judge), _Teller(out, enforce), enforce=enforce)
        end = watch.run()
        if enforce:
            return ending(end)
        if watch.refused:
            names = sorted(watch.refused.items())
            texts = [name if count == 1 else f"{name} ({count} times)" for name, count in names]
            out.write(f"{wishes.profile} refuses {', '.join(texts)}\n")
        return 1 if watch.refused else 0


class _Teller:
    """Show refusals as they happen."""

    def __init__(self, out: TextIO, enforced: bool) -> None:
        self._out = out
        self._enforced = enforced

    def __call__(self, refusal: Refusal) -> None:
        from pydbg.crash.records import ThreadRow
        from pydbg.render.escape import clean
        from pydbg.render.report import stack

        who = f"[pid {refusal.tid}] "
        what = refusal.verdict.text()
        if self._enforced and not refusal.verdict.kills:
            text = f"{who}{refusal.call}: {refusal.why}"
        else:
            text = f"{who}{refusal.call} {what}: {refusal.why}"
        row = ThreadRow(0, refusal.tid, "", False, refusal.frames, refusal.more)
        lines = [clean(text), *stack(row, refusal.word_size), ""]
        self._out.write("\n".join(lines))
        self._out.write("\n")
        self._out.flush()


@contextmanager
def _shown(wishes: Wishes) -> Iterator[TextIO]:
    if wishes.output in (None, "-"):
        yield sys.stderr if wishes.output is None else sys.stdout
        return
    assert wishes.output is not None
    with _open(wishes.output) as stream:
        yield stream


def _open(path: str) -> TextIO:
    try:
        return open(path, "w", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}.") from None
