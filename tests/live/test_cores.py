"""Core dumps through the command line and the library: what is written, what goes wrong."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import pydbg
from tests.support.build import build, build_library
from tests.support.cores import MAKERS, make_core
from tests.support.live import program
from tests.support.oracle import gdb
from tests.support.run import pydbg as run

NOT_RUN = "The program is not being run."


def cores(variant: str = "pie") -> Path:
    return build("cores.c", variant, "-msse2")


# --- writing -------------------------------------------------------------------------------


def test_a_written_core_has_none_of_our_breakpoints(tmp_path: Path) -> None:
    """Also where a site is hit often and the displaced instruction lies in a page of ours."""
    with program("loop.c", "1000") as dbg:
        hits = dbg.break_at("hit", callback=lambda point: pydbg.STOP if point.hits > 99 else None)
        assert isinstance(dbg.run(), pydbg.BreakpointHit)
        place = hits.locations[0].addr
        assert place is not None
        text = dbg.memory.read(place, 16)
        path = dbg.write_core(str(tmp_path / "core"))
        with pydbg.open_core(path) as core:
            assert core.memory.read(place, 16) == text
            assert core.regs.as_dict() == dbg.regs.as_dict()
        shown = gdb(build("loop.c"), f"core-file {path}", f"x/16xb {place:#x}")
        bytes_shown = [int(byte, 16) for byte in re.findall(r"\t0x([0-9a-f]{2})", shown)]
        assert bytes(bytes_shown) == text


@pytest.mark.parametrize("variant", ["pie", "m32", "static"])
def test_memory_of_a_written_core_is_the_programs(variant: str, tmp_path: Path) -> None:
    with pydbg.Debugger(str(cores(variant)), ["segv", "big"]) as dbg:
        dbg.stdout = "/dev/null"
        event = dbg.run()
        assert isinstance(event, pydbg.SignalReceived) and event.signo == 11
        path = dbg.write_core(str(tmp_path / "core"))
        with pydbg.open_core(path, cores(variant)) as core:
            assert [t.tid for t in core.threads] == [t.tid for t in dbg.threads]
            for mine, live in zip(core.threads, dbg.threads, strict=True):
                assert mine.regs.as_dict("general") == live.regs.as_dict("general")
                assert mine.regs.as_dict("vector") == live.regs.as_dict("vector")
                assert mine.siginfo() == live.siginfo() or live is not dbg.thread
            compared = 0
            for one in dbg.memory.maps():
                if one.path in ("[vvar]", "[vvar_vclock]", "[vsyscall]") or one.perms[0] != "r":
                    continue
                if not one.path.startswith("/") or "w" in one.perms:
                    data = dbg.inferior.memory.read(one.start, min(one.end - one.start, 1 << 20))
                    assert core.memory.read(one.start, len(data)) == data, one
                    compared += len(data)
            assert compared > 1 << 20
        assert os.stat(path).st_mode & 0o777 == 0o600
        holes = os.stat(path)
        assert holes.st_blocks * 512 < holes.st_size  # The threads' stacks are mostly zeros.


def test_the_program_goes_on_after_a_core(tmp_path: Path) -> None:
    with program("plain.c") as dbg:
        dbg.run(stop="main")
        dbg.write_core(str(tmp_path / "core"))
        assert isinstance(dbg.cont(), pydbg.Exited)


def test_a_core_of_an_attached_process(tmp_path: Path) -> None:
    with subprocess.Popen([cores(), "wait", "big"], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        with pydbg.attach(child.pid) as dbg:
            dbg.write_core(str(tmp_path / "core"))
        assert child.poll() is None
        child.kill()
    with pydbg.open_core(tmp_path / "core") as core:
        assert isinstance(core.last_event, pydbg.CoreLoaded)
        assert core.last_event.signo == 0
        assert len(core.threads) == 3
    shown = gdb(cores(), f"core-file {tmp_path}/core", "info threads", "bt", "p $_exitsignal")
    assert shown.count("__libc_pause") >= 2 and "terminated with signal" not in shown


@pytest.mark.parametrize("bits", [0x00, 0x01, 0x33, 0x7F])
def test_the_filter_says_what_is_written(bits: int, tmp_path: Path) -> None:
    """The kernel's rules: a core of its own has the same bytes in the same mappings."""
    with pydbg.Debugger(str(cores()), ["segv"]) as dbg:
        dbg.run()
        (Path("/proc") / str(dbg.live_process().pid) / "coredump_filter").write_text(hex(bits))
        dbg.write_core(str(tmp_path / "core"))
        maps = {m.start: m for m in dbg.memory.maps()}
    from pydbg.symbols.elf import PT_LOAD, ElfFile

    for segment in ElfFile(str(tmp_path / "core")).segments:
        if segment.type != PT_LOAD:
            continue
        one = maps[segment.link_addr]
        if one.path in ("[stack]", "[heap]"):
            assert bool(segment.file_size) == bool(bits & 1), one
        elif one.path == "[vdso]":
            assert segment.file_size == segment.mem_size
        elif one.path.startswith("/") and "w" not in one.perms and one.offset == 0:
            page = 4096 if bits & 16 else 0
            assert segment.file_size == (segment.mem_size if bits & 4 else page), one


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with program("plain.c") as dbg:
        dbg.run(stop="main")
        with pytest.raises(pydbg.FileError, match=r"^/nonexistent/core: No such file"):
            dbg.write_core("/nonexistent/core")
        with pytest.raises(pydbg.FileError, match="Is a directory"):
            dbg.write_core(str(tmp_path))
        # A device is no file of ours that a failure may remove.
        device = tmp_path / "full"
        device.symlink_to("/dev/full")
        with pytest.raises(pydbg.FileError, match="No space left"):
            dbg.write_core(str(device))
        assert device.is_symlink()


# --- reading -------------------------------------------------------------------------------


def test_command_lines(tmp_path: Path) -> None:
    core = make_core("kernel", cores(), tmp_path, "segv")
    for line in (
        (cores(), core), (core,), ("-c", core), ("-core", core, cores()),
        ("--core", core, cores()), (cores(), "-c", core), ("-ex", f"core-file {core}", cores()),
    ):  # fmt: skip
        done = run("--batch", *line, "-ex", "bt")
        assert "Program terminated with signal SIGSEGV" in done.stdout, (line, done)
        assert re.search(r"^#0 .* in end \(", done.stdout, re.MULTILINE)
        assert (done.stderr, done.returncode) == ("", 0)
    # With --args the word is the program's.
    done = run("--batch", "-ex", "show args", "--args", cores(), core)
    assert str(core) in done.stdout and "Core was" not in done.stdout


def test_running_leaves_the_core(tmp_path: Path) -> None:
    core = make_core("kernel", cores(), tmp_path, "segv")
    done = run("--batch", "-ex", "break end", "-ex", "run", "-ex", "bt 1", cores(), core)
    assert "Breakpoint 1, end (" in done.stdout
    assert "Switching" not in done.stdout
    with pydbg.open_core(core) as dbg:
        assert dbg.process is None and len(dbg.threads) == 3
        for what in (dbg.cont, dbg.stepi, dbg.kill, dbg.detach, dbg.finish, dbg.write_core):
            with pytest.raises(pydbg.NoProcess, match=NOT_RUN):
                what()
        with pytest.raises(pydbg.MemoryFault):
            dbg.memory[dbg.regs.rsp] = 1
        with pytest.raises(pydbg.CommandError, match="without a process"):
            dbg.regs.rax = 1
        assert dbg.close_core() and not dbg.threads
        dbg.stdout = "/dev/null"
        assert isinstance(dbg.run("wait", stop="main"), pydbg.BreakpointHit)
        with pytest.raises(pydbg.CommandError, match="being debugged already"):
            dbg.load_core(str(core))


def test_breakpoints_move_with_the_core(tmp_path: Path) -> None:
    core = make_core("kernel", cores(), tmp_path, "segv")
    with pydbg.Debugger(str(cores())) as dbg:
        point = dbg.break_at("end")
        place = point.locations[0]
        dbg.load_core(str(core))
        assert dbg.modules.main is not None
        assert point.locations[0].addr == dbg.modules.main.addr(place.link_addr)
        dbg.close_core()
        assert point.locations[0].addr == place.addr


def test_another_program_is_warned_of(tmp_path: Path) -> None:
    core = make_core("kernel", cores(), tmp_path, "segv")
    other = build("plain.c")
    done = run("--batch", "-ex", "bt", other, core)
    assert done.stderr == "warning: core file may not match specified executable file.\n"
    assert re.search(r"^#1 .* in main \(", done.stdout, re.MULTILINE)  # of the one that it names
    assert "core file may not match" in subprocess.run(
        ["gdb", "-nx", "-batch", other, core], capture_output=True, text=True, check=False
    ).stderr  # fmt: skip


def test_a_program_that_was_made_anew_or_is_gone(tmp_path: Path) -> None:
    program = tmp_path / "prog"
    shutil.copy(cores(), program)
    core = make_core("kernel", program, tmp_path, "segv")
    shutil.copy(build("plain.c"), program)
    done = run("--batch", "-ex", "bt", program, core)
    assert done.stderr == "warning: core file may not match specified executable file.\n"
    assert " in ?? ()" in done.stdout
    program.unlink()
    done = run("--batch", "-ex", "bt", core)
    assert done.stderr == f"warning: {program}: No such file or directory.\n"
    assert done.returncode == 0
    moved = tmp_path / "moved"
    shutil.copy(cores(), moved)  # The same build, in another place: as good as the old one.
    done = run("--batch", "-ex", "bt", "-ex", "x/i $pc", moved, core)
    assert re.search(r"^#1 .* in main \(", done.stdout, re.MULTILINE), done
    assert re.search(r"^=> .*:\tmov", done.stdout, re.MULTILINE)
    assert done.stderr == ""


def test_a_library_that_is_gone(tmp_path: Path) -> None:
    library = tmp_path / "libplugin.so"
    shutil.copy(build_library("plugin.c"), library)
    with pydbg.Debugger(str(build("dlopen.c")), [str(library)]) as dbg:
        dbg.stdout = "/dev/null"
        dbg.break_at("loaded")
        dbg.run()
        path = dbg.write_core(str(tmp_path / "core"))
    done = run("--batch", "-ex", "info sharedlibrary libplugin", path)
    assert (str(library) in done.stdout, done.stderr) == (True, "")
    library.unlink()
    done = run("--batch", "-ex", "info threads", path)
    assert done.stderr == f"warning: Could not load shared library symbols for {library}.\n"
    shutil.copy(build_library("plugin.c", "-O2"), library)
    done = run("--batch", "-ex", "info threads", path)
    error = f"warning: {library} is not the file that was mapped: its build-id differs.\n"
    assert done.stderr == error


@pytest.mark.parametrize("maker", MAKERS)
def test_cut_off(maker: str, tmp_path: Path) -> None:
    core = make_core(maker, cores(), tmp_path, "segv")
    size = core.stat().st_size
    os.truncate(core, size // 2)
    done = run("--batch", "-ex", "info threads", cores(), core)
    if maker == "gdb":  # Its notes are at the end of the file.
        expected = f'"{core}" is a core dump without threads: they are cut off\n'
        assert (done.stderr, done.returncode) == (expected, 1)
    else:
        assert f"warning: {core} is truncated: expected core file size >= " in done.stderr
        assert done.stdout.count("LWP") >= 6
    os.truncate(core, 30)
    done = run("--batch", "-ex", "info threads", "-c", core)
    assert done.stderr == f'"{core}" is not a core dump: truncated ELF header\n'


def test_files_that_are_no_cores(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no core\n")
    for path, error in (
        (text, f'"{text}" is not a core dump: not an ELF file'),
        (cores(), f'"{cores()}" is not a core dump: it is a program or library'),
        (tmp_path / "nosuch", f"{tmp_path}/nosuch: No such file or directory."),
        (tmp_path, f"{tmp_path}: not a regular file"),
    ):
        done = run("--batch", "-c", path, "-ex", "echo not reached")
        assert (done.stdout, done.stderr, done.returncode) == ("", error + "\n", 1)
        done = run("--batch", "-ex", f"core-file {path}", cores())
        assert (done.stderr, done.returncode) == (error + "\n", 1)
