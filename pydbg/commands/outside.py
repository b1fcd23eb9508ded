"""Commands of gdb that pydbg does not have, and what there is instead, in a line."""

from __future__ import annotations

__all__ = ["reason"]

_ROWS = (
    (
        "reverse-continue rc reverse-finish reverse-next rn reverse-nexti rni "
        "reverse-step rs reverse-stepi rsi",
        "Programs run forwards only here; rr records them and runs them backwards.",
    ),
    (
        "checkpoint restart info-checkpoints delete-checkpoint detach-checkpoint",
        "There are no checkpoints; generate-core-file keeps the program's state in a file.",
    ),
    (
        "target disconnect monitor load remote flash-erase compare-sections",
        "Only programs of this machine are debugged: run, attach PID, core-file FILE.",
    ),
    (
        "tui layout focus fs refresh winheight wh winwidth info-win",
        "There are no windows; context shows source, registers and stack at a stop.",
    ),
    (
        "trace tp tr tra ftrace strace tstart tstop tstatus tfind tdump tsave tvariable teval "
        "collect actions passcount while-stepping ws stepping info-tracepoints info-tp "
        "delete-tracepoints save-tracepoints",
        "There are no tracepoints; dprintf prints at a place and goes on.",
    ),
    (
        "compile expression",
        "No code is compiled into the program; call and print evaluate expressions in it.",
    ),
    ("guile gu guile-repl gr", "The scripting language is Python: python, source FILE.py."),
    (
        "interpreter-exec new-ui",
        "There is no MI; --json writes events as JSON Lines, and `import pydbg` is a library.",
    ),
    (
        "maintenance maint mt",
        "There are no maintenance commands; `pydbg doctor` says what may be wrong.",
    ),
    (
        "add-inferior clone-inferior remove-inferiors",
        "Processes come from forks (set detach-on-fork off), not from commands.",
    ),
    (
        "add-symbol-file remove-symbol-file add-symbol-file-from-memory",
        "Symbols are those of the files that the program has mapped, and of their debug files.",
    ),
    ("overlay ov ovly", "There are no overlays in the programs of this machine."),
)
_REASONS = {word: text for words, text in _ROWS for word in words.split()}


def reason(parent: str, word: str) -> str | None:
    """Return why there is no such command, None if nobody would expect it.

    >>> reason("", "rsi")
    'Programs run forwards only here; rr records them and runs them backwards.'
    >>> reason("info", "tp") is not None, reason("", "nosuch")
    (True, None)
    """
    return _REASONS.get(f"{parent}-{word}" if parent else word)
