"""Records to text: every shape once, and nothing dangerous in the output."""

from __future__ import annotations

import pytest

from pydbg import events as ev
from pydbg import render
from pydbg.commands import callrecords, gorecords
from pydbg.commands import results as r
from pydbg.records import replace

FRAME = r.FrameLine(0x555555555131, "main")


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (ev.BreakpointHit(1, 1, 0, (3,)), "\nBreakpoint 3, 0x0000555555555131 in main ()"),
        (
            ev.BreakpointHit(1, 1, 0, (3,), temporary=True),
            "\nTemporary breakpoint 3, 0x0000555555555131 in main ()",
        ),
        (
            ev.SyscallCaught(1, 1, 4, False, "entry", "x86_64", 1, "write", ()),
            "\nCatchpoint 4 (call to syscall write), 0x0000555555555131 in main ()",
        ),
        (
            ev.SyscallCaught(1, 1, 4, True, "return", "x86_64", 9999, "", (), -38),
            "\nTemporary catchpoint 4 (returned from syscall 9999), 0x0000555555555131 in main ()",
        ),
        (
            ev.CatchHit(1, 1, 2, False, "fork", 8025),
            "\nCatchpoint 2 (forked process 8025), 0x0000555555555131 in main ()",
        ),
        (
            ev.CatchHit(1, 1, 2, True, "exec", "/usr/bin/true"),
            "\nTemporary catchpoint 2 (exec'd /usr/bin/true), 0x0000555555555131 in main ()",
        ),
        (
            ev.CatchHit(1, 1, 2, False, "exit", 0x300),
            "\nCatchpoint 2 (exiting with status 3), 0x0000555555555131 in main ()",
        ),
        (
            ev.CatchHit(1, 1, 2, False, "load", ("/a.so", "/b.so")),
            "\nCatchpoint 2\n  Inferior loaded /a.so\n    /b.so\n0x0000555555555131 in main ()",
        ),
        (
            ev.SignalReceived(1, 1, 11),
            "\nProgram received signal SIGSEGV, Segmentation fault.\n0x0000555555555131 in main ()",
        ),
        (
            ev.SignalReceived(1, 1, 10, 7),
            "\nCatchpoint 7 (signal SIGUSR1), 0x0000555555555131 in main ()",
        ),
        (
            ev.Interrupted(1, 1),
            "\nProgram received signal SIGINT, Interrupt.\n0x0000555555555131 in main ()",
        ),
        (ev.Started(1, 1), "\nProgram stopped.\n0x0000555555555131 in main ()"),
        (ev.StepDone(1, 1, "stepi"), "0x0000555555555131 in main ()"),
        (ev.Attached(1, 1), "0x0000555555555131 in main ()"),
        (
            ev.FunctionFinished(1, 1, 3, "rax"),
            "0x0000555555555131 in main ()\nValue returned in $rax: 0x3 (3)",
        ),
    ],
)
def test_a_stop_reads_as_in_gdb(event: ev.Event, text: str) -> None:
    assert render.render(r.Stop(event, 1, frame=FRAME)) == text


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (ev.Exited(7, 7, 0), "[Inferior 1 (process 7) exited normally]"),
        (ev.Exited(7, 7, 7), "[Inferior 1 (process 7) exited with code 07]"),
        (ev.Exited(7, 7, 22, 2), "[Inferior 2 (process 7) exited with code 026]"),
        (
            ev.Killed(7, 7, 11),
            "\nProgram terminated with signal SIGSEGV, Segmentation fault.\n"
            "The program no longer exists.",
        ),
    ],
)
def test_the_end_of_a_process(event: ev.Event, text: str) -> None:
    assert render.render(r.Stop(event)) == text
    assert render.render(event) == text


def test_a_process_that_had_threads_names_the_thread() -> None:
    stop = r.Stop(
        ev.SyscallCaught(1, 2, 1, False, "entry", "x86_64", 41, "socket", ()),
        thread=2,
        thread_id="2",
        thread_name="b",
        many=True,
        switched="Thread 0x7ffff7dd06c0 (LWP 2)",
        frame=FRAME,
        decoded="socket(AF_UNIX, SOCK_STREAM, 0)",
    )
    assert render.render(stop) == (
        "[Switching to Thread 0x7ffff7dd06c0 (LWP 2)]\n"
        '\nThread 2 "b" hit Catchpoint 1 (call to syscall socket), '
        "0x0000555555555131 in main ()\n"
        "socket(AF_UNIX, SOCK_STREAM, 0)"
    )
    signal = replace(stop, event=ev.SignalReceived(1, 2, 11), decoded=None)
    assert 'Thread 2 "b" received signal SIGSEGV' in render.render(signal)


def test_source_lines() -> None:
    frame = r.FrameLine(0x1183, "main", show_addr=False, args="...", file="a.c", line=13)
    line = r.SourceLine("a.c", 13, "  int r = 0;")
    hit = r.Stop(ev.BreakpointHit(1, 1, 0x1183, (1,)), 1, frame=frame, source=line, location=2)
    assert render.render(hit) == "\nBreakpoint 1.2, main (...) at a.c:13\n13\t  int r = 0;"
    step = r.Stop(ev.StepDone(1, 1, "stepi"), 1, frame=frame, source=line, brief=True)
    assert render.render(step) == "13\t  int r = 0;"
    middle = replace(line, addr=0x1185)
    step = replace(step, source=middle)
    assert render.render(step) == "0x0000000000001185\t13\t  int r = 0;"


def test_a_condition_that_fails_is_shown() -> None:
    event = ev.BreakpointHit(1, 1, 0, (3,), error='No symbol "x" in current context.')
    assert render.render(r.Stop(event, 1, frame=FRAME)).startswith(
        'Error in testing breakpoint condition:\nNo symbol "x" in current context.\n'
    )


@pytest.mark.parametrize(
    ("event", "target", "text"),
    [
        (ev.ThreadCreated(1, 2, 2), "Thread 0x1 (LWP 2)", "[New Thread 0x1 (LWP 2)]"),
        (ev.ThreadExited(1, 2, 2), "Thread 0x1 (LWP 2)", "[Thread 0x1 (LWP 2) exited]"),
        (
            ev.ChildCreated(1, 1, 9, "vfork"),
            "",
            "[Detaching after vfork from child process 9]",
        ),
        (
            ev.ChildCreated(1, 1, 9, "fork", kept=True, reason="a filter lives on"),
            "",
            "[Child process 9 of fork stays traced silently: a filter lives on]",
        ),
        (ev.ChildCreated(1, 1, 9, "fork", kept=True), "", "[New inferior 2 (process 9)]"),
        (
            ev.FollowedChild(1, 1, 9, "fork"),
            "process 1",
            "[Attaching after process 1 fork to child process 9]\n"
            "[New inferior 2 (process 9)]\n"
            "[Detaching after fork from parent process 1]\n"
            "[Inferior 1 (process 1) detached]",
        ),
        (ev.Execed(1, 1, "/bin/a"), "", "process 1 is executing new program: /bin/a"),
        (
            ev.SignalNoticed(1, 1, 10),
            "",
            "\nProgram received signal SIGUSR1, User defined signal 1.",
        ),
        (ev.Note(1, 1, "no ASLR"), "", "no ASLR"),
    ],
)
def test_notices(event: ev.Event, target: str, text: str) -> None:
    assert render.render(r.ExtraNote(event, target, 2)) == text


def test_the_breakpoint_table() -> None:
    site = r.Site(1, 0x1130, True, "f(int)", "m.cc", 2)
    other = replace(site, number=2, enabled=False)
    rows = (
        r.PointRow(
            1, "breakpoint", "keep", True, (site, other),
            "f", condition="g > 1", hits=1, ignore=1, enable_count=3,
            commands=("silent", "if g", "echo a", "else", "echo b", "end"),
        ),
        r.PointRow(2, "hw breakpoint", "del", False, (r.Site(1, 0x1178, symbolic="main+4"),), "m"),
        r.PointRow(3, "breakpoint", "keep", True, (), "later", pending=True),
        r.PointRow(4, "catchpoint", "keep", True, (), 'syscall "write" ', hits=2),
    )  # fmt: skip
    assert render.render(r.Points(rows)).split("\n") == [
        "Num     Type           Disp Enb Address            What",
        "1       breakpoint     keep y   <MULTIPLE>         ",
        "\tstop only if g > 1",
        "\tbreakpoint already hit 1 time",
        "\tignore next 1 hits",
        "\tdisable after additional 3 hits",
        "        silent",
        "        if g",
        "          echo a",
        "        else",
        "          echo b",
        "        end",
        "1.1                         y   0x0000000000001130 in f(int) at m.cc:2",
        "1.2                         n   0x0000000000001130 in f(int) at m.cc:2",
        "2       hw breakpoint  del  n   0x0000000000001178 <main+4>",
        "3       breakpoint     keep y   <PENDING>          later",
        '4       catchpoint     keep y                      syscall "write" ',
        "\tcatchpoint already hit 2 times",
    ]
    assert render.render(r.Points(())) == "No breakpoints or watchpoints."
    short = render.render(r.Points(rows[3:]))
    assert short.startswith("Num     Type           Disp Enb Address    What\n")


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (r.PointSet("breakpoint", 4, False, "f", (r.Site(1, 0x1234),)), "Breakpoint 4 at 0x1234"),
        (
            r.PointSet("breakpoint", 3, True, "f", (r.Site(1, 0x11F5, file="a.c", line=15),)),
            "Temporary breakpoint 3 at 0x11f5: file a.c, line 15.",
        ),
        (
            r.PointSet("hw breakpoint", 2, False, "f", (r.Site(1, 0x11F5, file="a.c", line=1),)),
            "Hardware assisted breakpoint 2 at 0x11f5: file a.c, line 1.",
        ),
        (r.PointSet("breakpoint", 5, False, "no", pending=True), "Breakpoint 5 (no) pending."),
        (
            r.PointSet("breakpoint", 1, False, "f", (r.Site(1, 0x112D), r.Site(2, 0x114D))),
            "Breakpoint 1 at 0x112d (2 locations)",
        ),
        (
            r.PointSet(
                "breakpoint", 4, False, "f", (r.Site(1, 0x12),),
                also=((0x12, ((1, True), (2, False), (3, True))),),
            ),
            "Note: breakpoints 1, 2 (disabled) and 3 also set at pc 0x12.\nBreakpoint 4 at 0x12",
        ),
    ],
)  # fmt: skip
def test_a_breakpoint_that_was_made(record: r.PointSet, text: str) -> None:
    assert render.render(record) == text


def test_registers_have_gdb_columns() -> None:
    rows = (
        r.RegisterRow("rip", "0x5555555551c0", "0x5555555551c0 <main+15>"),
        r.RegisterRow("xmm0", "{a = 1}"),
        r.RegisterRow("a_register_of_16", "0x1", "1"),
    )
    assert render.render(r.Registers(rows)).split("\n") == [
        "rip            0x5555555551c0      0x5555555551c0 <main+15>",
        "xmm0           {a = 1}",
        "a_register_of_16 0x1               1",
    ]


def test_disassembly() -> None:
    insns = (
        r.Instruction(0x1139, b"\x55", "push   %rbp", "+0"),
        r.Instruction(0x113A, b"\x48\x89\xe5", "mov    %rsp,%rbp", "+1", True),
    )
    dump = r.Asm(insns, "add", 0x1139, 0x113D, show_raw=True)
    assert render.render(dump).split("\n") == [
        "Dump of assembler code for function add:",
        "   0x0000000000001139 <+0>:\t55                 \tpush   %rbp",
        "=> 0x000000000000113a <+1>:\t48 89 e5           \tmov    %rsp,%rbp",
        "End of assembler dump.",
    ]
    by_line = replace(
        dump,
        show_raw=False,
        function=None,
        sources=((0, "a.c", ((7, "{"),)), (1, "", ((8, None),))),
    )
    assert render.render(by_line).split("\n")[:5] == [
        "Dump of assembler code from 0x1139 to 0x113d:",
        "a.c:",
        "7\t{",
        "   0x0000000000001139 <+0>:\tpush   %rbp",
        "",
    ]


def test_hexdump_folds_equal_lines() -> None:
    text = render.render(r.HexDump(0x1000, bytes(64) + b"A\x1b[31m"))
    assert text.split("\n") == [
        "0x0000000000001000  " + "00 " * 7 + "00  " + "00 " * 7 + "00  |................|",
        "*",
        "0x0000000000001040  41 1b 5b 33 31 6d" + " " * 33 + "|A.[31m|",
    ]


def test_telescope() -> None:
    rows = (
        r.TelescopeRow(0x7000, ((0x7008, ""), (5, "")), "", ("rsp", "rbp")),
        r.TelescopeRow(0x7008, ((0x1139, "<main>"),), "push   %rbp"),
    )
    assert render.render(r.Telescope(rows)).split("\n") == [
        "0x0000000000007000 +0x0 $rsp $rbp : 0x7008 -> 0x5",
        "0x0000000000007008 +0x8           : 0x1139 <main> -> push   %rbp",
    ]


@pytest.mark.parametrize(
    "record",
    [
        r.Note("a\x1b[31mb"),
        r.FrameShown(r.FrameLine(1, "f\x1b[2J", 0, file="a\x07.c", line=1)),
        r.SharedLibraries((r.SharedLibrary(1, 2, True, True, "/lib\x1b]0;x\x07.so"),)),
        r.Mappings(1, (r.MappingRow(1, 2, 0, "r--p", "/tmp/\x9b31m"),)),
        r.ProcFacts(1, (("cmdline", "a\rb"),), "Name:\t\x1b[1m\n"),
        r.Threads((r.ThreadRow(1, "LWP 1", "t\x1b[0m", FRAME, True),)),
        r.Symbols("functions", "", (r.SymbolGroup(None, ((None, 1, "x\x1b7"),)),)),
        r.Stop(ev.CatchHit(1, 1, 1, False, "exec", "/bin/\x1bc"), 1, frame=FRAME),
        r.Stop(ev.StepDone(1, 1, "stepi"), 1, frame=FRAME, decoded='write(1, "\x1b[3m")'),
        r.ExtraNote(ev.Execed(1, 1, "/bin/\x1b[1m")),
        r.Asm((r.Instruction(1, b"", "nop \x1b[1m", "\x1b[1m"),), "\x1b[1m", 1, 2),
        r.Auxv((r.AuxEntry(31, 1, "\x1b[1m"),)),
        r.Points((r.PointRow(1, "breakpoint", "keep", True, (), "\x1b[1m", pending=True),)),
        r.Inferiors((r.InferiorRow(1, 1, "\x1b[1m", True),)),
        r.FoundAddresses(((1, "<\x1b[1m>"),)),
        r.Displays((r.Display(1, "", "\x1b[1m"),)),
        r.Files("/\x1b[1m", "elf64-x86-64", 0, (r.SectionRow(1, 2, "\x1b[1m", "\x1b[1m"),)),
    ],
    ids=lambda record: type(record).__name__,
)
def test_control_characters_never_reach_the_terminal(record: object) -> None:
    text = render.render(record)
    assert all(char in "\n\t" or char.isprintable() for char in text), text


def test_every_record_has_a_text() -> None:
    """A record that render does not know would be an internal error at a user's prompt."""
    parts = {
        "FrameLine", "SourceLine", "Site", "PointRow", "RegisterRow", "Instruction", "Display",
        "TelescopeRow", "ThreadRow", "InferiorRow", "SignalRow", "SharedLibrary", "MappingRow",
        "AuxEntry", "SectionRow", "SymbolGroup",
        "CallAbi", "CallSlot", "ThreadCalls",
    }  # fmt: skip
    known = {kind.__name__ for kind in render._TEXTS} | {"Note"}
    every = {*r.__all__, *callrecords.__all__, *gorecords.__all__}
    assert known | parts | {"GoPlace", "GoroutineRow"} == every


def test_records_are_plain_data() -> None:
    assert r.fields_of(r.Points((), 4)) == {"rows": (), "word_size": 4}


def test_a_signal_is_told_before_the_thread_is_selected() -> None:
    stop = r.Stop(ev.SignalReceived(1, 2, 10), switched="Thread 0x7 (LWP 2)", frame=FRAME)
    assert render.render(stop) == (
        "\nProgram received signal SIGUSR1, User defined signal 1.\n"
        "[Switching to Thread 0x7 (LWP 2)]\n0x0000555555555131 in main ()"
    )
    hit = r.Stop(ev.BreakpointHit(1, 2, 0, (3,)), switched="Thread 0x7 (LWP 2)", frame=FRAME)
    assert render.render(hit).startswith("[Switching to Thread 0x7 (LWP 2)]\n\nBreakpoint 3, ")
