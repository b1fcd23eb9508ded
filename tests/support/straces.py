"""Compare a trace of ours with strace's of the same command, line for line.

Two runs of a program differ in pids, random numbers and times: these are replaced, and so are
addresses, although the programs run without randomised ones (what they print depends on them).
With ``-f`` the lines of each process are compared in their order, and a call that was cut in
two by another process' line is put together again: which process comes first is chance.
"""

from __future__ import annotations

import difflib
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.run import command as pydbg_command
from tests.support.run import environment

_SUBSTITUTES = [
    (re.compile(r"0x[0-9a-f]{5,16}\b"), "ADDR"),
    (re.compile(r'getrandom\("[^"]*"(\.\.\.)?'), "getrandom(RANDOM"),
    (re.compile(r"\b(st_size|st_[amc]time(_nsec)?|st_ino|st_nlink|st_blocks)=[^,}]*"), r"\1=N"),
    (re.compile(r"\b(f_bfree|f_bavail|f_ffree)=\d+"), r"\1=N"),
    (
        re.compile(r"\b(tv_n?sec|tv_usec|uptime|ru_[a-z]+|si_[us]time)=[-0-9]+( /\*[^*]*\*/)?"),
        r"\1=N",
    ),
    (re.compile(r"^sysinfo\(.*"), "sysinfo"),
    (re.compile(r"<pipe:\[\d+\]>"), "<pipe>"),
    (re.compile(r"\b(uname|times|clock_gettime|gettimeofday|time)\(.*"), r"\1"),
    (re.compile(r" +"), " "),
]
_SPLIT = re.compile(r"<\.\.\. (\S+) resumed>")


def normal(line: str) -> str:
    """Return a line without what differs from run to run."""
    for pattern, text in _SUBSTITUTES:
        line = pattern.sub(text, line)
    return line


def by_process(text: str, follow: bool) -> list[list[str]]:
    """Return the normalised lines of each process, in the order in which they were made."""
    pids = _pids(text, follow)
    if not follow:
        return [_named([normal(line) for line in text.splitlines()], pids)]
    lines: dict[str, list[str]] = {}
    begun: dict[str, str] = {}
    for line in text.splitlines():
        pid, _, rest = line.partition(" ")
        rest = rest.lstrip()
        mine = lines.setdefault(pid, [])
        if rest.endswith(" <unfinished ...>"):
            begun[pid] = rest.removesuffix(" <unfinished ...>")
            continue
        resumed = _SPLIT.match(rest)
        if resumed and pid in begun:
            rest = begun.pop(pid) + rest[resumed.end() :]
        mine.append(normal(rest))
    # Pids tell in which order they were made.
    return [_named(lines[pid], pids) for pid in sorted(lines, key=int)]


# Calls whose result is a process or a thread, and other places that name one.
_TELLS = re.compile(
    r"\b(?:set_tid_address\(.*\)|v?fork\(\)|clone3?\(.*\)|<\.\.\. (?:v?fork|clone3?) resumed>.*\)"
    r"|get(?:p|t|pp)id\(\)|getpgrp\(\)|get(?:pg|s)id\(.*\)|setsid\(\)) += (\d+)"
    r"|si_pid=(\d+)|in pid (\d+)|l_pid=(\d+)|TIOC[GS]PGRP, \[(\d+)\]"
)


def _pids(text: str, follow: bool) -> frozenset[str]:
    found = {number for match in _TELLS.findall(text) for number in match if number}
    if follow:
        found |= {line.partition(" ")[0] for line in text.splitlines()}
    return frozenset(found - {"0", "1"})


def _named(lines: list[str], pids: frozenset[str]) -> list[str]:
    """Replace pids where a process may be meant: a length may be the same number."""
    number = re.compile(r"(?<![\w.*\\])\d+(?![\w.*])")
    risky = re.compile(
        r"^(?:fork|vfork|clone|clone3|get[pt]+id|getpgrp|getpgid|getsid|setsid|wait4|waitid|kill|"
        r"tkill|tgkill|set_tid_address|setpgid|ioctl|--- SIG|\+\+\+|prlimit64|futex|sched_|fcntl|"
        r"rt_sig|getpriority|setpriority|capget)"
    )
    shown = re.compile(r"^(?:write|read|openat|readlink|newfstatat|access|unlink|rename)")

    def name(match: re.Match[str]) -> str:
        return "PID" if match.group() in pids else match.group()

    named = []
    for line in lines:
        if risky.match(line):
            line = number.sub(name, line)
        elif shown.match(line):
            line = re.sub(r'"[^"]*"', lambda text: number.sub(name, text.group()), line)
            line = re.sub(r"(/proc/)\d+", r"\1PID", line)
        named.append(line)
    return named


class Comparison:
    """Hold how two traces of one command compare."""

    def __init__(self, theirs: list[list[str]], ours: list[list[str]]) -> None:
        self.differences: list[str] = []
        same = total = 0
        for index in range(max(len(theirs), len(ours))):
            a = theirs[index] if index < len(theirs) else []
            b = ours[index] if index < len(ours) else []
            matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
            same += sum(block.size for block in matcher.get_matching_blocks())
            total += max(len(a), len(b))
            self.differences += [
                line
                for line in difflib.unified_diff(a, b, n=0, lineterm="")
                if not line.startswith(("---", "+++", "@@"))
            ]
        self.lines = total
        self.share = same / total if total else 1.0


def compare(
    command: Sequence[str | Path],
    options: Sequence[str],
    folder: Path,
    cwd: Path | None = None,
    stdin: bytes = b"",
    merged: bool = False,
) -> Comparison:
    """Run a command under strace and under pydbg, and compare what they wrote.

    ``merged`` takes the calls of all threads together: which one makes a call is chance.
    """
    texts = []
    codes = []
    for name, tool in (("strace", ["strace"]), ("pydbg", pydbg_command("trace"))):
        output = folder / f"{name}.trace"
        done = subprocess.run(
            ["setarch", "-R", *tool, "-o", output, *options, "--", *command],
            input=stdin,
            capture_output=True,
            env=environment(),
            cwd=cwd,
            timeout=120,
            check=False,
        )
        codes.append(done.returncode)
        texts.append(output.read_text(errors="replace"))
    assert codes[0] == codes[1], codes
    follow = any(option.startswith("-f") for option in options)
    found = [by_process(text, follow) for text in texts]
    if merged:
        found = [
            [
                sorted(
                    line for lines in each for line in lines if not line.startswith(("+++", "---"))
                )
            ]
            for each in found
        ]
    return Comparison(*found)
