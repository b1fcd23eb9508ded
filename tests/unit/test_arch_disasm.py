"""The disassembler against objdump and gdb, line by line."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pydbg.arch import I386, X86_64, Arch
from pydbg.arch.disasm import FLAVORS, disassemble
from pydbg.errors import UsageError

_LINE = re.compile(r"^ *([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *(?:\t(.*))?$")
_SYMBOL = re.compile(r"\b([0-9a-f]+) <.*>$")

# Instructions in which binutils and iced-x86 differ, or that need a rule: one of each kind.
_BOTH_WIDTHS = """
    nopw %cs:0x0(%eax,%eax,1)
    lock; cmpxchg %edx,(%ebx)
    xacquire lock addl $1,(%ecx)
    xrelease movl $0,(%ecx)
    rep stosl
    rep movsb
    repz cmpsb
    repnz scasb
    lodsw
    lodsl %fs:(%esi)
    insb
    outsl
    in (%dx),%al
    out %eax,$0x10
    xlat
    shrl %eax
    sarb 4(%ebx)
    shll $1,%ecx
    imul $3,%eax,%eax
    imul $300,(%ebx),%ecx
    bnd jmp .
    bnd ret
    repz ret
    notrack call *(%ebx)
    je,pt .
    call *%gs:0x10
    lretl
    lretl $8
    iretl
    ljmp *(%ebx)
    fxch
    fxch %st(3)
    faddp
    fsubrp %st,%st(2)
    fldt (%ebx)
    fstps 4(%ebx)
    fistpll (%ebx)
    filds (%ebx)
    fucomip %st(1),%st
    fcmovne %st(2),%st
    fstcw (%ebx)
    fnstcw (%ebx)
    fstsw %ax
    fwait
    finit
    ffreep %st(1)
    endbr32
    endbr64
    ud2
    hlt
    pause
    rdtscp
    cpuid
    xgetbv
    movzbl (%ebx),%ecx
    movswl %ax,%ecx
    movzwl 0x10(%ebx),%eax
    cvtsi2sdl (%ebx),%xmm0
    vcvtsi2sdl (%ebx),%xmm1,%xmm0
    cmpltps %xmm1,%xmm0
    pclmulqdq $0x11,%xmm1,%xmm0
    pblendvb %xmm0,(%ebx),%xmm2
    sha256rnds2 %xmm0,%xmm1,%xmm2
    lddqu (%ebx),%xmm0
    aesenc (%ebx),%xmm0
    prefetcht0 (%ebx)
    clflush (%ebx)
    vaddpd (%ebx){1to8},%zmm1,%zmm2
    vaddpd {rn-sae},%zmm1,%zmm2,%zmm3{%k1}{z}
    vgetmantps $0xab,{sae},%zmm1,%zmm2
    vgatherdpd 8(%ebx,%ymm1,8),%zmm2{%k3}
    vpternlogd $0xde,(%ebx),%ymm1,%ymm2
    vpcmpltud %zmm1,%zmm2,%k1
    kmovw %k1,%eax
    push $0x10
    pushw $0x10
    push 4(%ebx)
    pop (%ebx)
    mov %eax,%es
    mov %ds,%ecx
    movl $1,0x1234
    movb $0xff,-1(%ebx,%ecx,8)
"""
_ONLY_64 = """
    mov %rsp,%rbp
    mov 0x10(%rip),%rax
    lea -0x16e(%rip),%rdi
    call *%rax
    call *0x8(%rsp)
    jmp *0x2fe2(%rip)
    push %r12
    movabs $0x1122334455667788,%rax
    movabs 0x1122334455667788,%al
    mov %fs:0x28,%rax
    mov %fs:0xfffffffffffffff8,%rcx
    data16 lea 0x10(%rip),%rdi
    .byte 0x66, 0x66, 0x48, 0xe8, 0, 0, 0, 0
    .byte 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0
    .byte 0x48, 0xff, 0xe0
    .byte 0x40, 0x53
    notrack jmp *%rax
    .byte 0x8b, 0x04, 0x64
    movslq %eax,%rcx
    movsbq (%rdi),%rdx
    movzwq %ax,%rdx
    bswap %r8
    xchg %rax,%r8
    cmpxchg16b (%rdi)
    cvtsi2sdq %rax,%xmm0
    movq %xmm0,%rax
    movd %xmm0,%eax
    pextrq $1,%xmm0,%rax
    syscall
    sysretq
    iretq
    leave
    enter $8,$0
    jrcxz .
    jecxz .
    loop .
    .byte 0x67, 0xe8, 0, 0, 0, 0
    mov %spl,%al
    pushf
    popf
    wrfsbase %rax
    {vex} vpdpbusd %xmm1,%xmm2,%xmm3
    .byte 0x2e, 0x48, 0x8d, 0x45, 4
    .byte 0x65, 0x8d, 0x45, 4
"""
_ONLY_32 = """
    mov %gs:0x14,%eax
    mov 0x1234,%eax
    mov %eax,0x1234
    pusha
    popa
    aaa
    daa
    into
    bound %eax,(%ebx)
    les (%ebx),%eax
    push %ds
    inc %eax
    decw %cx
    call .+0x100
    lcall $0x33,$0x1234
    arpl %ax,(%ebx)
    jcxz .
    sysexit
    notrack jmp *%eax
    addr16 mov (%bx,%si),%al
    .byte 0x8d, 0x74, 0x26, 0
    .byte 0x8b, 0x04, 0x25, 0, 0, 0, 0
    .byte 0x2e, 0x8d, 0xb4, 0x26, 0, 0, 0, 0
    .byte 0x3e, 0x8d, 0x74, 0x26, 0
    .byte 0x65, 0x8d, 0x05, 4, 0, 0, 0
    .byte 0x2e, 0x8d, 0xb6, 0, 0, 0, 0
    .byte 0x2e, 0x66, 0x8d, 0x45, 4
"""


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Assemble the instructions above."""
    folder = tmp_path_factory.mktemp("disasm")
    files = {}
    for bits, extra in ((64, _ONLY_64), (32, _ONLY_32)):
        files[bits] = folder / f"samples{bits}.o"
        subprocess.run(
            ["as", f"--{bits}", "-o", str(files[bits]), "-"],
            input=_BOTH_WIDTHS + extra,
            text=True,
            check=True,
        )
    return files


def _objdump(path: str, flavor: str, *options: str) -> list[tuple[int, bytes, str]]:
    out = subprocess.run(
        ["objdump", "-d", "-w", "-M", flavor, *options, path],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = []
    for line in out.splitlines():
        if found := _LINE.match(line):
            text = _SYMBOL.sub(r"0x\1", found[3] or "")
            rows.append((int(found[1], 16), bytes.fromhex(found[2]), text))
    return rows


def _differences(rows: list[tuple[int, bytes, str]], arch: Arch, flavor: str) -> list[str]:
    bad = []
    for addr, raw, text in rows:
        lines = disassemble(raw, addr, arch=arch, flavor=flavor)
        ours = [line.text for line in lines]
        if ours != [text] or lines[0].size != len(raw):
            bad.append(f"{raw.hex(' ')}: {text!r}, not {ours!r}")
    return bad


@pytest.mark.parametrize("flavor", FLAVORS)
@pytest.mark.parametrize("arch", [X86_64, I386], ids=lambda arch: arch.name)
def test_samples_are_as_in_objdump(samples: dict[int, Path], arch: Arch, flavor: str) -> None:
    rows = _objdump(str(samples[arch.bitness]), flavor)
    assert len(rows) > 90
    assert _differences(rows, arch, flavor) == []


@pytest.mark.parametrize("flavor", FLAVORS)
def test_a_stretch_of_libc_is_as_in_objdump(flavor: str) -> None:
    """Take the string functions too: they are in AVX2 and AVX-512."""
    libc = next(Path("/lib/x86_64-linux-gnu").glob("libc.so.6"))
    rows = _objdump(str(libc), flavor)
    unique = list({raw: (addr, raw, text) for addr, raw, text in rows[::3]}.values())
    assert len(unique) > 10_000
    assert _differences(unique, X86_64, flavor) == []


def test_linear_decoding_keeps_in_step_with_objdump() -> None:
    """Decode a whole section at once, as `disassemble` does a function."""
    rows = _objdump("/bin/true", "att", "-j", ".text")
    code = b"".join(raw for _, raw, _ in rows)
    lines = disassemble(code, rows[0][0])
    assert [(line.addr, line.raw, line.text) for line in lines] == rows


def test_symbols_are_where_gdb_puts_them(tmp_path: Path) -> None:
    """Targets of branches and rip-relative operands get `<symbol>`, other numbers do not."""
    source = tmp_path / "a.c"
    source.write_text(
        "int counter; int add(int a) { return a + counter; }\n"
        "int main(void) { return add(2) + (counter > 3 ? add(4) : 0); }\n"
    )
    program = tmp_path / "a"
    subprocess.run(["gcc", "-O0", "-no-pie", "-o", str(program), str(source)], check=True)
    nm = subprocess.run(["nm", str(program)], capture_output=True, text=True, check=True).stdout
    symbols = {name: int(value, 16) for value, _, name in re.findall(r"(\w+) (\w) (\w+)", nm)}
    start = symbols["main"]
    out = subprocess.run(
        ["gdb", "-nx", "-batch", "-ex", "disassemble /r main", str(program)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = re.findall(r"^ +0x([0-9a-f]+) <\+\d+>:\t([0-9a-f ]+)\t(.*)$", out, re.M)
    assert len(rows) > 8

    def symbolize(addr: int) -> str | None:
        if addr in (symbols["add"], symbols["counter"]):
            return "<add>" if addr == symbols["add"] else "<counter>"
        return f"<main+{addr - start}>" if start <= addr < start + 99 else None

    code = b"".join(bytes.fromhex(raw) for _, raw, _ in rows)
    lines = disassemble(code, start, symbolize=symbolize)
    assert [line.text for line in lines] == [text for _, _, text in rows]
    calls = [line for line in lines if line.text.startswith("call")]
    assert [line.target for line in calls] == [symbols["add"]] * 2
    assert any(line.comment == f"{symbols['counter']:#x} <counter>" for line in lines)


@given(
    st.binary(min_size=1, max_size=40), st.sampled_from(FLAVORS), st.sampled_from([X86_64, I386])
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_bytes_are_covered_without_gaps(code: bytes, flavor: str, arch: Arch) -> None:
    addr = 0x401000
    lines = disassemble(code, addr, arch=arch, flavor=flavor)
    at = addr
    for line in lines:
        assert line.addr == at and line.size == len(line.raw) > 0 and line.text
        assert line.raw == code[at - addr : at - addr + line.size]
        at += line.size
    assert addr + len(code) - at < X86_64.max_insn


def test_count_and_flavor() -> None:
    assert [line.text for line in disassemble(b"\x90" * 10, 0, count=3)] == ["nop"] * 3
    with pytest.raises(UsageError):
        disassemble(b"\x90", 0, flavor="masm")
