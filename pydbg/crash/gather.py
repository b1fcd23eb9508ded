"""From a thread that is about to die of a signal to the report: everything is looked up once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydbg import framevalues
from pydbg.crash.records import (
    CodeRow,
    CrashReport,
    FrameRow,
    MapRow,
    RegisterRow,
    SignalRow,
    ThreadRow,
)
from pydbg.crash.verdict import Facts, Verdict, classify
from pydbg.errors import DebuggerError
from pydbg.linux import procfs
from pydbg.syscalls.siginfo import SigInfo
from pydbg.syscalls.signals import signal_name, signal_text

if TYPE_CHECKING:
    from pydbg.debugger import Debugger
    from pydbg.frames import Frame
    from pydbg.linux.procfs import Mapping
    from pydbg.target.thread import Thread

__all__ = ["facts", "report", "selection_kept", "thread_row"]

_SIGABRT, _SIGBUS, _SIGSYS = 6, 7, 31
_FRAMES = 64
"""The innermost frames of a stack that are kept: it may be a hundred thousand deep."""
_TERMINATE = frozenset({"std::terminate()", "std::terminate", "__cxxabiv1::__terminate"})
_BEFORE, _AFTER = 5, 6
_NEAR = 8
"""So many frames of the thread that crashed are told with all their variables."""
_MOST_VARIABLES = 64
_LONGEST_VALUE, _LONGEST_LINE = 1000, 2000
_MAX_FUNCTION = 1 << 16


def report(dbg: Debugger, info: SigInfo, *, earlier: Verdict | None = None) -> CrashReport:
    """Return the report on the current thread, which is stopped by the signal of ``info``."""
    thread, inferior = dbg.thread, dbg.live_inferior()
    assert thread is not None
    maps = procfs.maps(inferior.pid)
    found = facts(dbg, info, maps)
    verdict = classify(found)
    level, code = _code(dbg)
    return CrashReport(
        program=inferior.path or dbg.program or "",
        args=tuple(procfs.cmdline(inferior.pid)[1:]),
        pid=inferior.pid,
        tid=thread.tid,
        signal=_signal(info, found.sender),
        verdict=verdict,
        earlier=earlier,
        registers=tuple(_registers(dbg, maps)),
        code=code,
        code_level=level,
        threads=tuple(_threads(dbg, thread)),
        maps=tuple(_maps(maps, verdict.addr, thread)),
        syscalls=dbg.calllog.last_calls(),
        word_size=inferior.arch.pointer_size,
    )


def facts(dbg: Debugger, info: SigInfo, maps: list[Mapping] | None = None) -> Facts:
    """Return what the verdict on the current thread's signal is based on."""
    from pydbg.arch.access import effect

    thread, inferior = dbg.thread, dbg.live_inferior()
    assert thread is not None
    maps = procfs.maps(inferior.pid) if maps is None else maps
    frames = dbg.frames(_FRAMES)
    code = inferior.read_some(thread.pc, inferior.arch.max_insn)
    sender = info.fields.get("si_pid", 0) if info.code <= 0 else 0
    return Facts(
        info=info,
        pid=inferior.pid,
        pc=thread.pc,
        sp=thread.sp,
        effect=effect(code, thread.pc, _reader(thread), arch=inferior.arch) if code else None,
        maps=maps,
        abort_message=_last_words(dbg, frames) if info.signo == _SIGABRT else "",
        sender=_comm(sender) if sender else "",
        caller=_place(frames[1]) if len(frames) > 1 else "",
        file_size=_file_size(info, maps),
        recursion=_recursion(frames),
        syscall=_syscall(info, inferior.arch.syscall_abi) if info.signo == _SIGSYS else "",
    )


def _signal(info: SigInfo, sender: str) -> SignalRow:
    return SignalRow(
        number=info.signo,
        name=signal_name(info.signo),
        text=signal_text(info.signo),
        code=info.code,
        code_name=info.code_text,
        addr=info.fields.get("si_addr") if info.code != 0x80 else None,
        sender=info.fields.get("si_pid") if info.code <= 0 else None,
        sender_name=sender,
    )


def _reader(thread: Thread) -> Callable[[str], int | None]:
    def read(name: str) -> int | None:
        if thread.inferior.arch.register(name) is None:
            return None
        try:
            return thread.registers.get(name)
        except (DebuggerError, KeyError):
            return None

    return read


def _last_words(dbg: Debugger, frames: list[Frame]) -> str:
    """Return why the program called abort, as far as it left word of it."""
    message = _abort_message(dbg) or _of_go(dbg)
    if not message and any(f.function in _TERMINATE for f in frames):
        return "std::terminate was called: a C++ exception that nothing caught, most likely"
    return message


def _of_go(dbg: Debugger) -> str:
    from pydbg.golang.panics import last_words

    return last_words(dbg)


def _abort_message(dbg: Debugger) -> str:
    """Return what glibc keeps of the last words: ``__abort_msg``, for debuggers (assert/)."""
    word = dbg.arch.pointer_size
    for module, symbol in dbg.modules.lookup("__abort_msg"):
        try:
            where = dbg.memory.read_int(module.addr_of(symbol), word)
            if where:
                # struct abort_msg_s { unsigned int size; char msg[]; }
                return dbg.memory.read_cstring(where + 4).decode("utf-8", "replace")
        except DebuggerError:
            continue
    return ""


def _comm(pid: int) -> str:
    try:
        return procfs.comm(pid)
    except DebuggerError:
        return ""


def _file_size(info: SigInfo, maps: list[Mapping]) -> int | None:
    addr = info.fields.get("si_addr")
    if info.signo != _SIGBUS or addr is None:
        return None
    for one in maps:
        if one.start <= addr < one.end and one.path.startswith("/"):
            try:
                return os.stat(one.path).st_size
            except OSError:
                return None
    return None


def _syscall(info: SigInfo, abi: str) -> str:
    from pydbg.syscalls.table import table_for

    number = info.fields.get("si_syscall", -1)
    call = table_for(abi).by_number(number)
    return f"{call.name} (number {number})" if call is not None else f"number {number}"


def _place(frame: Frame) -> str:
    name = frame.function or f"{frame.addr:#x}"
    return f"{name} ({frame.file}:{frame.line})" if frame.file is not None else name


def _recursion(frames: list[Frame]) -> tuple[str, ...]:
    """Return the functions that a stack repeats, outermost first, () if it does not."""
    names = [frame.function for frame in frames]
    for length in range(1, 9):
        cycle = names[1 : 1 + length]
        if None in cycle or len(names) < 4 * length + 1:
            return ()
        if all(name == cycle[i % length] for i, name in enumerate(names[1:])):
            return tuple(str(name) for name in reversed(cycle))
    return ()


def _registers(dbg: Debugger, maps: list[Mapping]) -> Iterator[RegisterRow]:
    for register in dbg.arch.in_group("general"):
        if register.where != "gpr" or register.name.startswith("k"):
            continue
        value = dbg.regs[register.name]
        if register.name == dbg.arch.flags:
            yield RegisterRow(register.name, value, _flags(dbg))
        else:
            yield RegisterRow(register.name, value, _note(dbg, value, maps))


def _flags(dbg: Debugger) -> str:
    value = dbg.context().register(dbg.arch.flags)
    return "" if value is None else dbg.formatter().inner(value)


def _note(dbg: Debugger, value: int, maps: list[Mapping]) -> str:
    for one in maps:
        if one.start <= value < one.end:
            symbol = dbg.symbolize(value)
            if symbol is not None:
                return symbol
            return one.path.rpartition("/")[2] if one.path else one.perms
    return ""


def _code(dbg: Debugger) -> tuple[int, tuple[CodeRow, ...]]:
    """Return the code around the pc, or around the innermost call where there is no code."""
    for frame in dbg.frames(4):
        try:
            rows = tuple(_around(dbg, frame))
        except DebuggerError:
            continue
        if rows:
            return frame.level, rows
    return 0, ()


def _around(dbg: Debugger, frame: Frame) -> Iterator[CodeRow]:
    pc = frame.addr
    maximum = dbg.arch.max_insn
    start = pc - frame.offset if frame.function is not None else pc
    if pc - start > _MAX_FUNCTION:
        start = pc
    insns = dbg.disassemble(start, pc + maximum * (_AFTER + 1))
    at = next((i for i, insn in enumerate(insns) if insn.addr == pc), None)
    if at is None:
        insns, at = dbg.disassemble(pc, count=_AFTER), 0
    if frame.level:
        at -= 1  # The call, not where it returns to.
    for i, insn in enumerate(insns[max(at - _BEFORE, 0) : at + _AFTER], max(at - _BEFORE, 0)):
        yield CodeRow(insn.addr, dbg.symbolize(insn.addr) or "", insn.raw, insn.text, i == at)


def _threads(dbg: Debugger, crashed: Thread) -> Iterator[ThreadRow]:
    """Give the threads, first the one that got the signal."""
    with selection_kept(dbg):
        for thread in [crashed, *(one for one in dbg.threads if one is not crashed)]:
            try:
                dbg.select_thread(thread.number)
                yield thread_row(dbg, thread, crashed=thread is crashed)
            except DebuggerError as error:
                yield ThreadRow(thread.number, thread.tid, "", False, problem=str(error))


def thread_row(dbg: Debugger, thread: Thread, *, crashed: bool) -> ThreadRow:
    """Return the record of the stack that is looked at, which is a thread's or a goroutine's."""
    frames = dbg.frames(_FRAMES + 1)
    near = _NEAR if crashed else 0
    rows = tuple(frame_row(dbg, frame, whole=frame.level < near) for frame in frames[:_FRAMES])
    return ThreadRow(
        number=thread.number,
        tid=thread.tid,
        name=_comm(thread.tid),
        crashed=crashed,
        frames=rows,
        more=len(frames) > _FRAMES,
        problem=dbg.stack_problem or "",
    )


@contextmanager
def selection_kept(dbg: Debugger) -> Iterator[None]:
    """Select again what is selected now, after the block."""
    thread = dbg.thread
    try:
        yield
    finally:
        dbg.thread = thread
        dbg.changed()


def frame_row(dbg: Debugger | None, frame: Frame, *, whole: bool = False) -> FrameRow:
    """Return the record of a frame, ``whole`` with each of its variables, without ``dbg`` none."""
    module: Any = frame.module
    values, inner = _variables(dbg, frame) if dbg is not None and whole else ((), ())
    if dbg is not None:
        arguments = _short(framevalues.arguments(dbg, frame), _LONGEST_LINE)
    else:
        arguments = "..." if frame.has_debug_info and frame.file is not None else ""
    return FrameRow(
        level=frame.level,
        addr=frame.addr,
        function=frame.function,
        offset=frame.offset,
        file=frame.file,
        line=frame.line,
        module=module.path if module is not None else None,
        signal_handler=frame.is_signal_frame,
        in_line=frame.line is None or frame.addr != frame.line_start,
        arguments=arguments,
        values=values,
        locals=inner,
    )


_Pairs = tuple[tuple[str, str], ...]


def _variables(dbg: Debugger, frame: Frame) -> tuple[_Pairs, _Pairs]:
    """Return the arguments and the locals of a frame, each with its value, not too long."""
    found = []
    for lines in (framevalues.argument_lines, framevalues.local_lines):
        try:
            some = lines(dbg, frame) or []
        except DebuggerError:
            some = []
        pairs = (line.partition(" = ") for line in some[:_MOST_VARIABLES])
        found.append(tuple((name, _short(text, _LONGEST_VALUE)) for name, _, text in pairs))
    return found[0], found[1]


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[:longest] + "..."


def _maps(maps: list[Mapping], addr: int | None, thread: Thread) -> Iterator[MapRow]:
    """Give the mappings of the address, the pc and the stack, each with its neighbours."""
    marks: dict[int, list[str]] = {}
    near: set[int] = set()
    wanted = [("address", addr), ("pc", thread.pc), ("sp", thread.sp)]
    for what, value in wanted:
        if value is None:
            continue
        index = next((i for i, one in enumerate(maps) if one.end > value), len(maps) - 1)
        inside = 0 <= index < len(maps) and maps[index].start <= value < maps[index].end
        if inside:
            marks.setdefault(index, []).append(what)
        if what == "address":
            near |= {i for i in (index - 1, index, index + 1) if 0 <= i < len(maps)}
        elif inside:
            near.add(index)
    for i in sorted(near):
        one = maps[i]
        yield MapRow(
            one.start, one.end, one.perms, one.offset, one.path, ", ".join(marks.get(i, ()))
        )
