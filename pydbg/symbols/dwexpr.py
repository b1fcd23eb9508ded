"""DWARF expressions: the stack machine of CFI rules and of variable locations.

Source: DWARF 5, section 2.5. Only operations that compute an address or a value are here;
what describes a place (``DW_OP_reg0``, ``DW_OP_piece``, ``DW_OP_implicit_value``) belongs to the
reader of locations, which is asked about these operations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from pydbg.errors import FileError
from pydbg.symbols.cursor import fixed, signed, sleb, uleb

__all__ = ["evaluate", "number_of", "simple"]

_MASK = 0xFFFFFFFFFFFFFFFF
_MAX_STEPS = 10_000  # DW_OP_bra can loop for ever; no real expression is near this
_MAX_DEPTH = 1024

Extra = Callable[[int, bytes, int, "list[int]"], int]
EXTRA = frozenset(
    (0x90, 0x93, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9D, 0x9E, 0x9F,
     *range(0xA0, 0xAA), 0xE0, *range(0xF2, 0xFE))
)  # fmt: skip
"""regx, piece, push_object_address, call2, call4, call_ref, form_tls_address, bit_piece,
implicit_value, stack_value, implicit_pointer to reinterpret, and their GNU forerunners."""

_FIXED = {0x08: 1, 0x0A: 2, 0x0C: 4, 0x0E: 8}  # DW_OP_const1u … const8u; +1 is signed


@lru_cache(maxsize=4096)
def simple(expression: bytes, pointer_size: int = 8) -> tuple[str, int, int] | None:
    """Say what an expression of a single operation means, as most are; None for any other.

    It is ("register", number, 0) for a value in a register; the others are in memory: ("based",
    number, offset) from a register, ("frame", 0, offset) from the frame base, ("cfa", 0, offset)
    from the canonical frame address, or ("addr", 0, link address).

    >>> simple(b"\\x91\\x6c"), simple(b"\\x55"), simple(b"\\x77\\x08"), simple(b"\\x30\\x9f")
    (('frame', 0, -20), ('register', 5, 0), ('based', 7, 8), None)
    """
    if not expression:
        return None
    op, size = expression[0], len(expression)
    try:
        if 0x50 <= op <= 0x6F:
            return ("register", op - 0x50, 0) if size == 1 else None
        if op == 0x9C:
            if size == 1:
                return "cfa", 0, 0
            if expression[1] == 0x11 and expression[-1] == 0x22:  # consts, plus: as Go has it
                offset, end = sleb(expression, 2)
                return ("cfa", 0, offset) if end == size - 1 else None
            return None
        if op == 0x03:
            addr, end = fixed(expression, 1, pointer_size)
            return ("addr", 0, addr) if end == size else None
        if op == 0x91 or 0x70 <= op <= 0x8F:
            offset, end = sleb(expression, 1)
            if end != size:
                return None
            return ("frame", 0, offset) if op == 0x91 else ("based", op - 0x70, offset)
    except IndexError:
        pass  # What is damaged is said by who runs it.
    return None


def number_of(expression: bytes) -> tuple[int | None, int] | None:
    """Say which number an expression of a single operation leaves, None for any other.

    It is (register, what is added to it), or (None, number).

    >>> number_of(b"\\x73\\x01"), number_of(b"\\x35"), number_of(b"\\x09\\xff"), number_of(b"\\x55")
    ((3, 1), (None, 5), (None, -1), None)
    """
    op, size = expression[0], len(expression)
    try:
        if 0x30 <= op <= 0x4F:
            return (None, op - 0x30) if size == 1 else None
        if 0x70 <= op <= 0x8F:
            offset, end = sleb(expression, 1)
            return (op - 0x70, offset) if end == size else None
        if 0x08 <= op <= 0x0F:
            if size != 1 + (1 << (op - 0x08) // 2):
                return None
            return None, int.from_bytes(expression[1:], "little", signed=bool(op & 1))
        if op in (0x10, 0x11):
            number, end = (sleb if op == 0x11 else uleb)(expression, 1)
            return (None, number) if end == size else None
    except IndexError:
        pass  # What is damaged is said by who runs it.
    return None


def evaluate(
    expression: bytes,
    *,
    register: Callable[[int], int],
    read: Callable[[int, int], bytes],
    pointer_size: int = 8,
    bias: int = 0,
    stack: Sequence[int] = (),
    frame_base: Callable[[], int] | None = None,
    cfa: Callable[[], int] | None = None,
    extra: Extra | None = None,
) -> int:
    """Run an expression and return the number on top of the stack, cut to a pointer.

    ``register`` gives a register's value by DWARF number, ``read`` gives memory, ``bias``
    is added to the link addresses of ``DW_OP_addr``. The lazy PLT's rule is one such
    expression (``breg7 + 8 + ((breg16 & 15) >= 11) << 3``):

    >>> plt = bytes([0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22])
    >>> evaluate(plt, register={7: 0x7000, 16: 0x401026}.get, read=lambda a, n: b"")
    28680
    >>> evaluate(plt, register={7: 0x7000, 16: 0x40102b}.get, read=lambda a, n: b"")
    28688

    ``extra(op, code, pos, stack)`` is asked first about operations that describe a place or
    need more than a number (``EXTRA``) and returns the position behind what it has done.

    A damaged expression raises ``FileError``, unreadable memory what ``read`` raises.
    """
    machine = list(stack)
    mask = (1 << (8 * pointer_size)) - 1
    try:
        _run(expression, machine, register, read, pointer_size, bias, frame_base, cfa, extra)
        return machine[-1] & mask if machine or extra is None else 0
    except (IndexError, ZeroDivisionError, TypeError, OverflowError) as error:
        raise FileError(f"a DWARF expression is damaged ({error})") from error


def _run(
    code: bytes,
    stack: list[int],
    register: Callable[[int], int],
    read: Callable[[int, int], bytes],
    pointer_size: int,
    bias: int,
    frame_base: Callable[[], int] | None,
    cfa: Callable[[], int] | None,
    extra: Extra | None,
) -> None:
    pos = steps = 0
    mask = (1 << (8 * pointer_size)) - 1
    while pos < len(code):
        steps += 1
        if steps > _MAX_STEPS or len(stack) > _MAX_DEPTH:
            raise FileError("a DWARF expression does not end")
        op = code[pos]
        pos += 1
        if extra is not None and (0x50 <= op <= 0x6F or op in EXTRA):
            pos = extra(op, code, pos, stack)
        elif 0x30 <= op <= 0x4F:  # DW_OP_lit0 … 31
            stack.append(op - 0x30)
        elif 0x70 <= op <= 0x8F:  # DW_OP_breg0 … 31
            offset, pos = sleb(code, pos)
            stack.append((register(op - 0x70) + offset) & mask)
        elif 0x50 <= op <= 0x6F:  # DW_OP_reg0 … 31: only as a value here
            stack.append(register(op - 0x50))
        elif op == 0x92:  # DW_OP_bregx
            number, pos = uleb(code, pos)
            offset, pos = sleb(code, pos)
            stack.append((register(number) + offset) & mask)
        elif op == 0x90:  # DW_OP_regx
            number, pos = uleb(code, pos)
            stack.append(register(number))
        elif 0x08 <= op <= 0x0F:
            size = _FIXED[op & ~1]
            value, pos = fixed(code, pos, size)
            stack.append((signed(value, size) if op & 1 else value) & mask)
        elif op == 0x03:  # DW_OP_addr
            value, pos = fixed(code, pos, pointer_size)
            stack.append((value + bias) & mask)
        elif op == 0x10:  # DW_OP_constu
            value, pos = uleb(code, pos)
            stack.append(value & mask)
        elif op == 0x11:  # DW_OP_consts
            value, pos = sleb(code, pos)
            stack.append(value & mask)
        elif op == 0x06:  # DW_OP_deref
            stack.append(int.from_bytes(read(stack.pop(), pointer_size), "little"))
        elif op == 0x94:  # DW_OP_deref_size
            size = code[pos]
            pos += 1
            if not 1 <= size <= pointer_size:
                raise FileError("a DWARF expression is damaged (DW_OP_deref_size)")
            stack.append(int.from_bytes(read(stack.pop(), size), "little"))
        elif op == 0x23:  # DW_OP_plus_uconst
            value, pos = uleb(code, pos)
            stack.append((stack.pop() + value) & mask)
        elif op in (0x28, 0x2F):  # DW_OP_bra, DW_OP_skip
            value, pos = fixed(code, pos, 2)
            if op == 0x2F or stack.pop() != 0:
                pos += signed(value, 2)
                if not 0 <= pos <= len(code):
                    raise IndexError("branch out of the expression")
        elif op == 0x15:  # DW_OP_pick
            stack.append(stack[_depth(stack, code[pos])])
            pos += 1
        elif op == 0x91 and frame_base is not None:  # DW_OP_fbreg
            offset, pos = sleb(code, pos)
            stack.append((frame_base() + offset) & mask)
        elif op == 0x9C and cfa is not None:  # DW_OP_call_frame_cfa
            stack.append(cfa())
        elif op == 0x9F:  # DW_OP_stack_value: the number is the value; nothing to do
            pass
        elif op != 0x96:  # DW_OP_nop
            _arithmetic(op, stack, pointer_size)


def _depth(stack: list[int], index: int) -> int:
    if index >= len(stack):
        raise IndexError("pick below the stack")
    return len(stack) - 1 - index


def _arithmetic(op: int, stack: list[int], size: int) -> None:
    """Do one operation that only moves or computes, on numbers of pointer size."""
    mask = (1 << (8 * size)) - 1
    if op == 0x12:  # DW_OP_dup
        stack.append(stack[-1])
    elif op == 0x13:  # DW_OP_drop
        stack.pop()
    elif op == 0x14:  # DW_OP_over
        stack.append(stack[_depth(stack, 1)])
    elif op == 0x16:  # DW_OP_swap
        _depth(stack, 1)
        stack[-1], stack[-2] = stack[-2], stack[-1]
    elif op == 0x17:  # DW_OP_rot
        _depth(stack, 2)
        stack[-1], stack[-2], stack[-3] = stack[-2], stack[-3], stack[-1]
    elif op == 0x19:  # DW_OP_abs
        stack.append(abs(signed(stack.pop() & mask, size)) & mask)
    elif op == 0x1F:  # DW_OP_neg
        stack.append(-stack.pop() & mask)
    elif op == 0x20:  # DW_OP_not
        stack.append(~stack.pop() & mask)
    else:
        right = stack.pop() & mask
        left = stack.pop() & mask
        stack.append(_binary(op, left, right, size) & mask)


def _binary(op: int, left: int, right: int, size: int) -> int:
    bits = 8 * size
    signed_left, signed_right = signed(left, size), signed(right, size)
    if op == 0x1A:  # DW_OP_and
        return left & right
    if op == 0x1B:  # DW_OP_div, signed, towards zero
        quotient = abs(signed_left) // abs(signed_right)
        return quotient if (signed_left < 0) == (signed_right < 0) else -quotient
    if op == 0x1C:  # DW_OP_minus
        return left - right
    if op == 0x1D:  # DW_OP_mod, unsigned
        return left % right
    if op == 0x1E:  # DW_OP_mul
        return left * right
    if op == 0x21:  # DW_OP_or
        return left | right
    if op == 0x22:  # DW_OP_plus
        return left + right
    if op == 0x24:  # DW_OP_shl
        return left << right if right < bits else 0
    if op == 0x25:  # DW_OP_shr
        return left >> right if right < bits else 0
    if op == 0x26:  # DW_OP_shra
        return signed_left >> min(right, bits)
    if op == 0x27:  # DW_OP_xor
        return left ^ right
    compare = {
        0x29: signed_left == signed_right,
        0x2A: signed_left >= signed_right,
        0x2B: signed_left > signed_right,
        0x2C: signed_left <= signed_right,
        0x2D: signed_left < signed_right,
        0x2E: signed_left != signed_right,
    }
    if op not in compare:
        raise FileError(f"DWARF operation {op:#x} is not known here")
    return int(compare[op])
