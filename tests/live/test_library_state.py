"""Threads, frames, registers and memory through the library, selected or not."""

from __future__ import annotations

import pytest

import pydbg
from tests.support.live import addr_of, program


def test_each_thread_has_a_name_registers_and_a_stack() -> None:
    with program("threads.c", "4") as dbg:
        dbg.break_at("worker")
        seen: list[int] = []
        while isinstance(event := dbg.cont() if seen else dbg.run(), pydbg.BreakpointHit):
            seen.append(event.tid)
            selected = dbg.thread
            assert selected is not None and selected.tid == event.tid
            for thread in dbg.threads:
                assert thread.name
                assert thread.regs.rip == thread.pc == thread.frames(1)[0].addr
                assert thread.frames()[-1].level == len(thread.frames()) - 1
            assert dbg.thread is selected and dbg.frames()[0].function == "worker"
        assert len(set(seen)) == len(seen) > 1


def test_a_thread_that_is_gone_says_so() -> None:
    with program("plain.c") as dbg:
        dbg.run(stop="main")
        thread = dbg.thread
        assert thread is not None
        dbg.cont()
        assert dbg.thread is None and dbg.threads == []
        assert thread.name == ""
        with pytest.raises(pydbg.NoProcess):
            thread.regs.rip  # noqa: B018
        with pytest.raises(pydbg.NoProcess):
            dbg.regs.rip  # noqa: B018


def test_registers_of_a_caller() -> None:
    with program("recurse.c", "3") as dbg:
        dbg.break_at("descend", condition="$rdi == 0")
        dbg.run()
        frames = dbg.frames()
        assert [frame.function for frame in frames] == ["descend"] * 4 + ["main"]
        for frame in frames:
            assert frame.regs.rip == frame.addr
            assert frame.regs.rsp >= dbg.regs.rsp
        dbg.select_frame(1)
        assert dbg.regs.rip == frames[1].addr
        frames[1].regs.rbx = 77
        assert [frame.regs.rbx for frame in dbg.frames(2)] == [77, 77]
        assert dbg.frame is not None and dbg.frame.level == 1


def test_registers_by_every_way() -> None:
    with pydbg.launch("/bin/true") as dbg:
        regs = dbg.regs
        regs.rax = 0x1122334455667788
        assert (regs.eax, regs.ax, regs.al, regs.ah) == (0x55667788, 0x7788, 0x88, 0x77)
        regs["al"] = 0x1FF
        assert regs.rax == 0x11223344556677FF
        regs.rbx = dbg.eval("$rax + 1")
        assert regs.rbx == regs.rax + 1
        assert list(regs)[:2] == ["rax", "rbx"] and "rip" in dir(regs)
        assert "rip=0x7ff" in repr(regs)
        assert regs.as_dict("float")["st0"] == 0 and regs.xmm0 == 0
        with pytest.raises(AttributeError):
            regs.nosuch  # noqa: B018
        with pytest.raises(pydbg.UsageError):
            regs["nosuch"] = 1


def test_memory_by_index_and_slice() -> None:
    with pydbg.launch("/bin/true") as dbg:
        memory, sp = dbg.memory, dbg.regs.rsp
        memory[sp : sp + 4] = b"abcd"
        memory[sp] = 0x41
        memory[sp + 1] = b"XY"
        assert memory[sp : sp + 4] == b"AXYd" and memory[sp] == 0x41 and memory[sp:sp] == b""
        assert memory[dbg.eval("$sp") : dbg.eval("$sp + 2")] == b"AX"
        for wrong in (lambda: memory[sp:], lambda: memory[sp : sp + 8 : 2]):
            with pytest.raises(pydbg.UsageError):
                wrong()
        with pytest.raises(pydbg.UsageError, match="3 bytes do not fit"):
            memory[sp : sp + 2] = b"abc"
        with pytest.raises(pydbg.MemoryFault) as fault:
            memory[0:8]
        assert fault.value.addr == 0


def test_an_int3_of_ours_is_not_seen() -> None:
    with program("plain.c") as dbg:
        dbg.run(stop="main")
        main = addr_of(dbg, "main")
        before = dbg.memory[main : main + 16]
        dbg.break_at(main)
        dbg.break_at(main + 4)
        dbg.stepi()
        assert dbg.memory[main : main + 16] == before
        assert list(dbg.memory.find(before, main, main + 16)) == [main]


def test_search_of_everything() -> None:
    text = "a-needle-that-is-nowhere-else"
    with pydbg.launch("/bin/echo", text) as dbg:
        found = list(dbg.memory.find(text.encode()))
        assert len(found) == 1
        assert dbg.memory.read_cstring(found[0]) == text.encode()
        assert list(dbg.memory.find(b"")) == []
        with pytest.raises(pydbg.MemoryFault):
            list(dbg.memory.find(b"x", 0, 4096))


def test_typed_memory_of_a_32_bit_program() -> None:
    with program("plain.c", variant="m32") as dbg:
        dbg.run(stop="entry")
        memory = dbg.memory
        assert memory.read_pointer(dbg.regs.esp) == 1  # argc
        assert memory.read_cstring(memory.read_pointer(dbg.regs.esp + 4)).endswith(b"plain")
        memory.write_pointer(dbg.regs.esp, 2**32 - 1)
        assert memory.unpack("<iI", dbg.regs.esp)[0] == -1
        assert dbg.eval("$esp + 1") == dbg.regs.esp + 1
