"""Verdicts on fatal signals from made-up facts: every kind, and the borders between them."""

from __future__ import annotations

from typing import Any

import pytest

from pydbg.arch.access import Access, Effect, effect, is_canonical
from pydbg.crash.places import place
from pydbg.crash.verdict import Facts, classify
from pydbg.linux.procfs import parse_maps
from pydbg.syscalls.siginfo import SigInfo

MAPS = parse_maps(
    "00400000-00401000 r-xp 00000000 08:01 1 /bin/prog\n"
    "00401000-00402000 r--p 00001000 08:01 1 /bin/prog\n"
    "00402000-00403000 rw-p 00002000 08:01 1 /bin/prog\n"
    "00500000-00521000 rw-p 00000000 00:00 0 [heap]\n"
    "7f0000000000-7f0000001000 ---p 00000000 00:00 0 \n"
    "7f0000001000-7f0000801000 rw-p 00000000 00:00 0 \n"
    "7f0001000000-7f0001002000 r--s 00003000 08:01 2 /data/file\n"
    "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]\n"
)
SP = 0x7FFFFFFFE000
PC = 0x400100


def access(kind: str, addr: int, base: str = "rax", value: int | None = None) -> Effect:
    value = addr if value is None else value
    return Effect("mov", 3, (Access(kind, addr, 4, base, "", value, addr - value),))


def verdict(signo: int, code: int, addr: int | None = None, **more: Any) -> Any:
    fields = {} if addr is None else {"si_addr": addr}
    facts = {"pc": PC, "sp": SP, "maps": MAPS, **more}
    return classify(Facts(SigInfo(signo, 0, code, fields), 42, **facts))


@pytest.mark.parametrize(
    ("code", "addr", "more", "kind"),
    [
        (1, 0, {"effect": access("read", 0)}, "null-dereference"),
        (1, 0xFFFF, {"effect": access("read", 0xFFFF)}, "null-dereference"),
        (1, 0x10000, {"effect": access("read", 0x10000)}, "unmapped"),
        (1, 0x18, {}, "null-dereference"),
        (1, 0, {"pc": 0}, "null-call"),
        (1, 0x700000, {"pc": 0x700000}, "execute-unmapped"),
        (2, 0x402010, {"pc": 0x402010}, "execute-no-execute"),
        (2, 0x401010, {"effect": access("write", 0x401010)}, "write-read-only"),
        (2, 0x401010, {"effect": access("read and write", 0x401010)}, "write-read-only"),
        (2, 0x7F0000000800, {"effect": access("read", 0x7F0000000800)}, "protected"),
        (
            2,
            0x7F0000000FF8,
            {"effect": access("write", 0x7F0000000FF8), "sp": 0x7F0000001000},
            "stack-overflow",
        ),
        (
            1,
            0x7FFFFFFDDFF8,
            {"effect": access("write", 0x7FFFFFFDDFF8), "sp": 0x7FFFFFFDE000},
            "stack-overflow",
        ),
        # The stack pointer is elsewhere: a wild pointer that happens to hit the guard.
        (
            1,
            0x7FFFFFFDDFF8,
            {"effect": access("write", 0x7FFFFFFDDFF8), "sp": 0x500100},
            "unmapped",
        ),
        (1, 0x521010, {"effect": access("read", 0x521010)}, "unmapped"),
        (4, 0x402010, {"effect": access("read", 0x402010)}, "protection-key"),
        (0x80, None, {"effect": access("read", 0x4141414141414141)}, "non-canonical"),
        (0x80, None, {"effect": Effect("hlt", 1, is_privileged=True)}, "privileged"),
        (0x80, None, {"effect": Effect("ret", 1)}, "non-canonical"),
        (0x80, None, {"pc": 0x4141414141414141}, "non-canonical"),
        (0x80, None, {}, "protection-fault"),
    ],
)  # fmt: skip
def test_segmentation_faults(code: int, addr: int | None, more: dict[str, Any], kind: str) -> None:
    assert verdict(11, code, addr, **more).kind == kind


def test_a_member_of_a_null_pointer() -> None:
    found = verdict(11, 1, 0x18, effect=access("write", 0x18, "rbx", 0))
    assert (found.register, found.offset, found.access) == ("rbx", 0x18, "write")
    assert "$rbx is null, the member is at offset 0x18 (24)" in found.details[0]


def test_a_misaligned_vector() -> None:
    moved = effect(b"\x0f\x29\x00", PC, {"rax": 0x402001}.get)
    found = verdict(11, 0x80, effect=moved)
    assert found.kind == "misaligned"
    assert found.details[0].endswith("movaps needs a multiple of 16")


def test_text_in_a_pointer_is_shown() -> None:
    found = verdict(11, 0x80, effect=access("read", 0x4142434441424344))
    assert any('which is text: "DCBADCBA"' in line for line in found.details)


def test_recursion_is_named() -> None:
    found = verdict(
        11, 1, 0x7FFFFFFDDFF8, sp=0x7FFFFFFDE000, recursion=("even", "odd"),
        effect=access("write", 0x7FFFFFFDDFF8),
    )  # fmt: skip
    assert "endless recursion: even -> odd -> even" in found.details


@pytest.mark.parametrize(
    ("divisor", "kind"),
    [(0, "division-by-zero"), (0xFFFFFFFF, "division-overflow"), (None, "division")],
)
def test_divisions(divisor: int | None, kind: str) -> None:
    divide = Effect("idiv", 3, is_division=True, divisor=divisor)
    assert verdict(8, 1, PC, effect=divide).kind == kind


@pytest.mark.parametrize(
    ("signo", "code", "addr", "more", "kind"),
    [
        (8, 3, PC, {}, "floating-point"),
        (4, 2, PC, {"effect": Effect("ud2", 2)}, "trap"),
        (4, 2, PC, {}, "illegal-instruction"),
        (4, 2, PC, {"effect": Effect("vpaddd", 6)}, "illegal-instruction"),
        (5, 0x80, None, {}, "breakpoint-trap"),
        (7, 2, 0x7F0001001010, {"file_size": 0x3100}, "bus-beyond-end"),
        (7, 2, 0x402010, {}, "bus-beyond-end"),
        (7, 2, 0x500010, {}, "bus-error"),
        (7, 4, 0x402010, {}, "bus-memory-failure"),
        (7, 0x80, None, {}, "bus-alignment"),
        (31, 1, None, {"syscall": "clone3 (number 435)"}, "bad-syscall"),
        (24, 0x80, None, {}, "signal"),
        (9, 0, None, {}, "signal"),
    ],
)
def test_other_signals(
    signo: int, code: int, addr: int | None, more: dict[str, Any], kind: str
) -> None:
    assert verdict(signo, code, addr, **more).kind == kind


def test_beyond_a_file() -> None:
    found = verdict(7, 2, 0x7F0001001010, file_size=0x3100)
    assert found.details[-1] == "it is offset 0x4010 of the file, which has 0x3100 bytes"


def sent(signo: int, pid: int, code: int = 0, **more: Any) -> Any:
    info = SigInfo(signo, 0, code, {"si_pid": pid, "si_uid": 0})
    return classify(Facts(info, 42, **more))


def test_who_sent_it() -> None:
    assert sent(15, 7, sender="init").title == "SIGTERM was sent by process 7 (init)"
    assert sent(15, 42, -6).kind == "raised"
    assert sent(11, 7).kind == "sent"
    assert sent(13, 42).details == ("written to a pipe or socket that nobody reads any more",)
    assert sent(6, 7).kind == "sent"


def test_abort_says_its_last_words() -> None:
    found = sent(6, 42, -6, abort_message="prog: a.c:3: main: Assertion `x' failed.\n")
    assert (found.kind, found.details) == ("abort", ("prog: a.c:3: main: Assertion `x' failed.",))


def test_places() -> None:
    assert place(0x402010, MAPS) == "in /bin/prog (rw-p)"
    assert place(0x521000, MAPS) == "in no mapping, 0x0 bytes past the end of [heap]"
    assert place(0x4FFFF0, MAPS) == "in no mapping, 0x10 bytes before [heap]"
    assert place(0x123456780000, MAPS) == "in no mapping, nor near one"


@pytest.mark.parametrize(
    ("code", "registers", "accesses"),
    [
        ("488b04cd10000000", {"rcx": 4}, [("read", 0x30)]),
        ("64488b042528000000", {"fs_base": 0x700}, [("read", 0x728)]),
        ("488b0510000000", {}, [("read", PC + 7 + 0x10)]),
        ("f048ff00", {"rax": 0x50}, [("read and write", 0x50)]),
        ("50", {"rsp": 0x1000}, [("write", 0xFF8)]),
        ("a4", {"rsi": 0x10, "rdi": 0x20}, [("read", 0x10), ("write", 0x20)]),
        ("488d00", {"rax": 1}, []),
        ("488b00", {}, []),
    ],
)
def test_addresses_of_instructions(
    code: str, registers: dict[str, int], accesses: list[tuple[str, int]]
) -> None:
    found = effect(bytes.fromhex(code), PC, registers.get)
    assert found is not None
    assert sorted((one.kind, one.addr) for one in found.accesses) == sorted(accesses)


def test_no_instruction() -> None:
    assert effect(b"\x06", PC, {}.get) is None
    assert effect(b"", PC, {}.get) is None


def test_canonical_addresses() -> None:
    assert is_canonical(0) and is_canonical(0xFFFF800000000000)
    assert not is_canonical(0x800000000000) and not is_canonical(0xFFFF7FFFFFFFFFFF)
