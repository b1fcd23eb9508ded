"""Call frame programs: from a CIE's and an FDE's instructions to rows of rules.

Source: DWARF 5 section 6.4.2, and the GNU extensions that compilers write. Where DWARF is
silent, GCC's unwinder and gdb decide: ``DW_CFA_restore_state`` brings back the CFA too.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from pydbg.records import NamedTuple, Record
from pydbg.symbols.cursor import damaged, fixed, sleb, take, uleb

__all__ = ["CfaRule", "Cie", "Fde", "Row", "Rule", "row_at", "rows"]


class Rule(NamedTuple):
    """Say where a caller's register is.

    ``kind`` is "offset" (in memory at CFA + value), "val_offset" (is CFA + value),
    "register" (in register ``value``), "expression" (in memory at ``expression``),
    "val_expression", "same", or "undefined".

    >>> Rule("offset", -16)
    Rule(kind='offset', value=-16, expression=b'')
    """

    kind: str
    value: int = 0
    expression: bytes = b""


class CfaRule(NamedTuple):
    """Say what the canonical frame address is: register + offset, or an expression.

    >>> CfaRule(7, 8)
    CfaRule(register=7, offset=8, expression=None)
    """

    register: int
    offset: int
    expression: bytes | None = None


class Row(Record):
    """Hold the rules for the pcs from ``low`` to before ``high`` (link addresses)."""

    low: int
    high: int
    cfa: CfaRule | None
    """None where the program says nothing of the CFA: a damaged or hand-written one."""
    rules: dict[int, Rule]
    ra_column: int
    signal_frame: bool
    function_low: int
    """Where the FDE starts: the function, as far as unwinding is concerned."""
    args_size: int = 0
    """Bytes of pushed arguments (DW_CFA_GNU_args_size)."""

    @cached_property
    def plain(self) -> tuple[tuple[int, int], ...] | None:
        """Give (register, its distance from the CFA) where all rules are of the usual kind.

        Then registers are saved in memory or as they were, and the CFA is a register's content
        and a distance.
        """
        usual = self.cfa is not None and self.cfa.expression is None
        if not usual or any(r.kind not in ("offset", "same") for r in self.rules.values()):
            return None
        return tuple((n, r.value) for n, r in self.rules.items() if r.kind == "offset")


class Cie(Record):
    """Hold a common information entry: what a group of FDEs shares."""

    offset: int
    version: int
    augmentation: str
    code_align: int
    data_align: int
    ra_column: int
    fde_encoding: int
    lsda_encoding: int
    signal_frame: bool
    address_size: int
    instructions: bytes


class Fde(Record):
    """Hold a frame description entry: the program for the code from ``low`` to ``high``."""

    offset: int
    cie: Cie
    low: int
    high: int
    lsda: int | None
    instructions: bytes


_NO_CFA = CfaRule(-1, 0)
_UNDEFINED = Rule("undefined")
_SAME = Rule("same")


class _State:
    """What a program changes: the current row, the remembered ones, the location."""

    __slots__ = ("args_size", "cfa", "cie", "fde_initial", "loc", "rules", "saved", "set_loc")

    def __init__(self, cie: Cie, loc: int) -> None:
        self.cie = cie
        self.loc = loc
        self.cfa = _NO_CFA
        self.rules: dict[int, Rule] = {}
        self.fde_initial: dict[int, Rule] = {}
        self.saved: list[tuple[CfaRule, dict[int, Rule]]] = []
        self.args_size = 0


def row_at(fde: Fde, link_addr: int) -> Row:
    """Run an FDE's program up to a pc and give the row that holds there.

    >>> cie = Cie(0, 1, "zR", 1, -8, 16, 0x1b, 0xff, False, 8, bytes([0x0c, 7, 8, 0x90, 1]))
    >>> push_rbp = Fde(24, cie, 0x1139, 0x1160, None, bytes([0x41, 0x0e, 16, 0x86, 2]))
    >>> row_at(push_rbp, 0x1139).cfa
    CfaRule(register=7, offset=8, expression=None)
    >>> row_at(push_rbp, 0x113a).cfa
    CfaRule(register=7, offset=16, expression=None)
    """
    last = None
    for last in rows(fde):
        if link_addr < last.high:
            break
    assert last is not None  # rows() gives one at least
    return last


def rows(fde: Fde) -> Iterator[Row]:
    """Give the rows of an FDE's table in the order of the code; FileError for a damaged one."""
    with damaged("a call frame program"):
        yield from _rows(fde)


def _rows(fde: Fde) -> Iterator[Row]:
    cie = fde.cie
    state = _State(cie, fde.low)
    for _ in _run(state, cie.instructions):
        pass
    state.fde_initial = dict(state.rules)
    state.loc = start = fde.low
    for end in _run(state, fde.instructions):
        if end > start:
            yield _row(fde, state, start, end)
            start = end
    yield _row(fde, state, start, max(fde.high, start))


def _row(fde: Fde, state: _State, low: int, high: int) -> Row:
    cie = fde.cie
    cfa = None if state.cfa is _NO_CFA else state.cfa
    rules = dict(state.rules)
    return Row(
        low, high, cfa, rules, cie.ra_column, cie.signal_frame, fde.low, state.args_size
    )  # fmt: skip


def _run(state: _State, code: bytes) -> Iterator[int]:
    """Execute instructions; yield the next location before each advance takes effect."""
    pos, end = 0, len(code)
    cie = state.cie
    align = cie.data_align
    rules = state.rules
    while pos < end:
        op = code[pos]
        pos += 1
        high, low = op & 0xC0, op & 0x3F
        if high == 0x80:  # DW_CFA_offset
            value, pos = uleb(code, pos)
            rules[low] = Rule("offset", value * align)
        elif high == 0x40:  # DW_CFA_advance_loc
            yield state.loc + low * cie.code_align
            state.loc += low * cie.code_align
        elif high == 0xC0:  # DW_CFA_restore
            _restore(state, low)
        elif op == 0x0E:  # DW_CFA_def_cfa_offset
            value, pos = uleb(code, pos)
            state.cfa = CfaRule(state.cfa.register, value)
        elif op == 0x00:  # DW_CFA_nop
            pass
        elif 0x02 <= op <= 0x04:  # DW_CFA_advance_loc1, 2, 4
            value, pos = fixed(code, pos, 1 << (op - 2))
            yield state.loc + value * cie.code_align
            state.loc += value * cie.code_align
        elif op == 0x01:  # DW_CFA_set_loc
            value, pos = fixed(code, pos, cie.address_size)
            yield value
            state.loc = value
        elif op == 0x0A:  # DW_CFA_remember_state
            if len(state.saved) > 1000:
                raise IndexError("DW_CFA_remember_state without an end")
            state.saved.append((state.cfa, dict(rules)))
        elif op == 0x0B:  # DW_CFA_restore_state
            state.cfa, saved = state.saved.pop()
            rules.clear()
            rules.update(saved)
        else:
            pos = _rare(state, op, code, pos, align)


def _restore(state: _State, register: int) -> None:
    initial = state.fde_initial.get(register)
    if initial is None:
        state.rules.pop(register, None)
    else:
        state.rules[register] = initial


def _rare(state: _State, op: int, code: bytes, pos: int, align: int) -> int:
    """Execute the instructions that are not in every prologue; give the new position."""
    if op == 0x2E:  # DW_CFA_GNU_args_size
        state.args_size, pos = uleb(code, pos)
        return pos
    if op == 0x2D:  # DW_CFA_GNU_window_save / AARCH64_negate_ra_state: not on x86
        return pos
    if op == 0x0F:  # DW_CFA_def_cfa_expression
        size, pos = uleb(code, pos)
        expression, pos = take(code, pos, size)
        state.cfa = CfaRule(0, 0, expression)
        return pos
    if op == 0x13:  # DW_CFA_def_cfa_offset_sf
        value, pos = sleb(code, pos)
        state.cfa = CfaRule(state.cfa.register, value * align)
        return pos
    register, pos = uleb(code, pos)  # all others begin with a register
    rules = state.rules
    if op == 0x0C:  # DW_CFA_def_cfa
        value, pos = uleb(code, pos)
        state.cfa = CfaRule(register, value)
    elif op == 0x12:  # DW_CFA_def_cfa_sf
        value, pos = sleb(code, pos)
        state.cfa = CfaRule(register, value * align)
    elif op == 0x0D:  # DW_CFA_def_cfa_register
        state.cfa = CfaRule(register, state.cfa.offset)
    elif op == 0x05:  # DW_CFA_offset_extended
        value, pos = uleb(code, pos)
        rules[register] = Rule("offset", value * align)
    elif op == 0x11:  # DW_CFA_offset_extended_sf
        value, pos = sleb(code, pos)
        rules[register] = Rule("offset", value * align)
    elif op == 0x2F:  # DW_CFA_GNU_negative_offset_extended
        value, pos = uleb(code, pos)
        rules[register] = Rule("offset", -value * align)
    elif op == 0x06:  # DW_CFA_restore_extended
        _restore(state, register)
    elif op == 0x07:  # DW_CFA_undefined
        rules[register] = _UNDEFINED
    elif op == 0x08:  # DW_CFA_same_value
        rules[register] = _SAME
    elif op == 0x09:  # DW_CFA_register
        value, pos = uleb(code, pos)
        rules[register] = Rule("register", value)
    elif op in (0x10, 0x16):  # DW_CFA_expression, DW_CFA_val_expression
        size, pos = uleb(code, pos)
        expression, pos = take(code, pos, size)
        rules[register] = Rule("expression" if op == 0x10 else "val_expression", 0, expression)
    elif op == 0x14:  # DW_CFA_val_offset
        value, pos = uleb(code, pos)
        rules[register] = Rule("val_offset", value * align)
    elif op == 0x15:  # DW_CFA_val_offset_sf
        value, pos = sleb(code, pos)
        rules[register] = Rule("val_offset", value * align)
    else:
        raise ValueError(f"call frame instruction {op:#x}")
    return pos
