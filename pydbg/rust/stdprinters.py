"""Rust's locks, times, atomics, C strings, lists and shared slices.

rust-gdb has no printers for them, so the texts are ours, in the manner of those that it has.
Layouts: library/std/src/sync, library/std/src/sys/sync, library/core/src/time.rs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydbg.errors import ExprError
from pydbg.expr.types import ArrayType, IntType, PointerType, StructType, strip
from pydbg.printers.model import Child, Printed, Printer, StringAt
from pydbg.rust.kinds import active, members, slice_parts
from pydbg.rust.library import has, number, pointer, struct

if TYPE_CHECKING:
    from pydbg.expr.values import Value
    from pydbg.printers.program import Program

__all__ = ["BYTE", "PRINTERS", "shared_slice"]

BYTE = IntType("u8", 1, False)
_MOST_DEPTH = 8
_MOST_NODES = 1 << 20
_READERS = (1 << 30) - 1
"""Of a RwLock's state: how many read; all bits mean that one writes (sys/sync/rwlock/futex.rs)."""
_NANOS = 10**9


def _find(value: Value, names: tuple[str, ...], depth: int = 0) -> Value | None:
    """Return the member of one of these names, however deep it is in structs around it."""
    inner = struct(value)
    if inner is None or depth > _MOST_DEPTH:
        return None
    for name in names:
        if has(value, name):
            return value.member(name)
    for field in members(inner):
        found = _find(value.member(field.name), names, depth + 1)
        if found is not None:
            return found
    return None


def _content(cell: Value) -> Value:
    """Return what is in ``UnsafeCell<T>``."""
    return cell.member("value")


# --- locks -----------------------------------------------------------------------------------


def _states(value: Value, lock: str) -> Iterator[str]:
    if lock:
        yield lock
    poison = _find(value.member("poison"), ("failed",)) if has(value, "poison") else None
    if poison is not None and number(poison):
        yield "poisoned"


def _lock(word: str, state: str, value: Value) -> Printed:
    states = ", ".join(_states(value, state))
    kept: list[Child] = [("value", _content(value.member("data")))]
    return Printed(f"{word}({states})" if states else word, kept)


def _mutex(value: Value, program: Program) -> Printed | None:
    word = _find(value.member("inner"), ("futex",))
    if word is None:
        return None
    return _lock("Mutex", "locked" if number(word) else "", value)


def _rw_lock(value: Value, program: Program) -> Printed | None:
    word = _find(value.member("inner"), ("state",))
    if word is None:
        return None
    count = number(word) & _READERS
    state = "write" if count == _READERS else f"read={count}" if count else ""
    return _lock("RwLock", state, value)


def _guard(word: str) -> Printer:
    def show(value: Value, program: Program) -> Printed | None:
        if has(value, "data"):
            held = pointer(value.member("data"))
            found = held.deref() if isinstance(strip(held.type), PointerType) else None
        else:
            found = _content(value.member("lock").deref().member("data"))
        return None if found is None else Printed(word, [("*value", found)])

    return show


def _once(word: str) -> Printer:
    def show(value: Value, program: Program) -> Printed | None:
        held = _content(value.member("inner" if has(value, "inner") else "value"))
        outer = struct(held)
        if outer is None or outer.variant_part is None:
            return None
        chosen = active(held, outer)
        if not has(chosen, "__0"):
            return Printed(f"{word}(empty)")
        return Printed(word, [("value", chosen.member("__0"))])

    return show


# --- numbers ---------------------------------------------------------------------------------


def _atomic(value: Value, program: Program) -> Printed:
    held = _content(value.member("p" if has(value, "p") else "v"))
    inner = struct(held)
    while inner is not None and members(inner):  # From 1.9x a number in the type that aligns it.
        held = held.member(members(inner)[0].name)
        inner = struct(held)
    if strip(value.type).name.endswith("AtomicBool"):
        return Printed("true" if int(held) else "false")
    return Printed(program.text(held))


def _pointer(value: Value, program: Program) -> Printed | None:
    held = pointer(value)
    return Printed(program.text(held)) if isinstance(strip(held.type), PointerType) else None


def _seconds(seconds: int, nanos: int) -> str:
    if not 0 <= nanos < _NANOS:
        raise ExprError("a corrupt time")
    return f"{seconds}.{nanos:09}".rstrip("0").rstrip(".")


def _duration(value: Value, program: Program) -> Printed:
    """Show a duration as Rust's ``{:?}`` does: in the largest unit that is not 0."""
    seconds, nanos = number(value.member("secs")), number(value.member("nanos"))
    if seconds or not nanos:
        return Printed(f"{_seconds(seconds, nanos)}{'s' if seconds or nanos else 'ns'}")
    unit, size = next(row for row in (("ms", 10**6), ("µs", 10**3), ("ns", 1)) if nanos >= row[1])
    whole, rest = divmod(nanos, size)
    fraction = f".{rest:0{len(str(size)) - 1}}".rstrip("0") if rest else ""
    return Printed(f"{whole}{fraction}{unit}")


def _clock(value: Value) -> tuple[int, int]:
    seconds, nanos = _find(value, ("tv_sec",)), _find(value, ("tv_nsec",))
    if seconds is None or nanos is None:
        raise ExprError("a time of an unknown layout")
    return number(seconds), number(nanos)


def _instant(value: Value, program: Program) -> Printed:
    return Printed(f"Instant({_seconds(*_clock(value))}s)")


def _system_time(value: Value, program: Program) -> Printed:
    from datetime import UTC, datetime, timedelta

    seconds, nanos = _clock(value)
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return Printed(f"SystemTime({_seconds(seconds, nanos)}s)")
    fraction = _seconds(0, nanos)[1:]
    return Printed(f"SystemTime({moment:%Y-%m-%d %H:%M:%S}{fraction} UTC)")


# --- texts and sequences -----------------------------------------------------------------------


def _boxed_text(value: Value, program: Program) -> Printed:
    _, addr, length = slice_parts(value)
    return Printed(StringAt(addr, BYTE, length), hint="string")


def _c_string(value: Value, program: Program) -> Printed:
    inner = value.member("inner") if has(value, "inner") else value
    _, addr, length = slice_parts(inner)
    return Printed(StringAt(addr, BYTE, max(length - 1, 0)), hint="string")


def _linked_list(value: Value, program: Program) -> Printed:
    count = number(value.member("len"))

    def items() -> Iterator[Child]:
        node = value.member("head")
        for at in range(min(count, _MOST_NODES)):
            outer = struct(node)
            if outer is not None and outer.variant_part is not None:
                node = active(node, outer).member("__0")
            whole = pointer(node).deref()
            yield f"[{at}]", whole.member("element")
            node = whole.member("next")

    return Printed(f"LinkedList(size={count})", items(), "array")


def _heap(value: Value, program: Program) -> Printed | None:
    found = program.printed(value.member("data"))
    if found is None:
        return None
    count = number(value.member("data").member("len"))
    return Printed(f"BinaryHeap(size={count})", found.children, "array")


def shared_slice(word: str, held: Value, program: Program) -> Printed | None:
    """Return how ``Rc<str>`` or ``Rc<[T]>`` is shown, None for trait objects.

    ``held`` is the pointer to the counts and what is behind them, with the length.
    """
    if not has(held, "data_ptr") or not has(held, "length"):
        return None
    inner, addr, length = slice_parts(held)
    box = strip(inner.target) if inner is not None else None
    if not isinstance(box, StructType):
        return None
    shared = program.at(box, addr)
    field = next((box.field(name) for name in ("value", "data") if has(shared, name)), None)
    if field is None or addr + 1 in (0, 1 << 8 * program.pointer_size):
        return None
    strong, weak = number(shared.member("strong")), number(shared.member("weak")) - 1
    kept: Child = ("value", StringAt(addr + field.offset, BYTE, length))
    if not box.name.endswith("<str>"):
        size = field.type.size * length
        if not 0 <= size < 1 << 47:
            return None
        kept = "value", program.at(ArrayType("", size, field.type, length), addr + field.offset)
    children: list[Child] = [kept, ("strong", str(strong)), ("weak", str(weak))]
    return Printed(f"{word}(strong={strong}, weak={weak})", children)


PRINTERS: dict[str, tuple[str, Printer]] = {
    "std::sync::mutex::Mutex": ("Mutex", _mutex),
    "std::sync::poison::mutex::Mutex": ("Mutex", _mutex),
    "std::sync::mutex::MutexGuard": ("MutexGuard", _guard("MutexGuard")),
    "std::sync::poison::mutex::MutexGuard": ("MutexGuard", _guard("MutexGuard")),
    "std::sync::rwlock::RwLock": ("RwLock", _rw_lock),
    "std::sync::poison::rwlock::RwLock": ("RwLock", _rw_lock),
    "core::cell::once::OnceCell": ("OnceCell", _once("OnceCell")),
    "core::ptr::non_null::NonNull": ("NonNull", _pointer),
    "core::time::Duration": ("Duration", _duration),
    "std::time::Instant": ("Instant", _instant),
    "std::time::SystemTime": ("SystemTime", _system_time),
    "alloc::ffi::c_str::CString": ("CString", _c_string),
    "&core::ffi::c_str::CStr": ("CStr", _c_string),
    "alloc::collections::linked_list::LinkedList": ("LinkedList", _linked_list),
    "alloc::collections::binary_heap::BinaryHeap": ("BinaryHeap", _heap),
    **{
        f"std::sync::{room}rwlock::RwLock{kind}Guard": (
            f"RwLock{kind}Guard", _guard(f"RwLock{kind}Guard"),
        )
        for room in ("", "poison::")
        for kind in ("Read", "Write")
    },
    **{
        f"core::sync::atomic::Atomic{kind}": ("Atomic", _atomic)
        for kind in (
            "", "Bool", "Ptr", "I8", "I16", "I32", "I64", "Isize", "U8", "U16", "U32", "U64",
            "Usize",
        )
    },
    "alloc::boxed::Box<str>": ("Box", _boxed_text),
}  # fmt: skip
"""By a type's name without its arguments: the printer's name, and the printer."""
