"""Decode a system call's registers and memory to text, as strace prints it.

The knowledge is in three places: a row a call (``rows.py``) names a kind for each argument; a
decoder a kind (``decoders/``) makes text of a value; a row a struct (``structs.py``) serves
those kinds that are a struct. To add a call is to add a row.

A decoder is ``function(context, value, param) -> str | None``; None leaves the argument out.
An argument marked ``>`` in its row is filled in by the kernel: at entry, and when the call
failed, it is an address; at the return the decoder is asked. A decoder for memory that the
kernel both reads and writes is a row of ``_IN_OUT`` and looks at ``context.returning``.

Whoever has the result of the entry gives it to the return (``entry=``): arguments that the
kernel only reads keep the text they had, as in strace, so that ``close(3</etc/passwd>)`` shows
the path although the descriptor is gone.

A call's decoders are looked up once (``_plan_of``): a trace decodes 100,000 calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydbg.errors import DebuggerError
from pydbg.records import NamedTuple
from pydbg.syscalls.context import DEFAULT, Context, Decoder, Options, Reader
from pydbg.syscalls.errno import error_name, error_text, is_restart
from pydbg.syscalls.flags import set_style, style, to_signed
from pydbg.syscalls.table import Arg, Syscall

__all__ = [
    "Context",
    "Decoded",
    "DecodedArg",
    "Decoder",
    "Options",
    "Reader",
    "changes",
    "decode",
    "decode_return",
    "error_result",
    "plain_at",
    "result_text",
]

_MAX_ERRNO = 4095

# strace prints these in another order than the registers'.
_ORDER = {"clone": ("stack", "flags", "parent_tid", "tls", "child_tid")}
# Calls of i386 that carry another call's number and arguments in theirs.
_MULTIPLEXED = ("socketcall", "ipc", "select", "mmap")


class DecodedArg(NamedTuple):
    """Hold one argument: its name, the register's value and the text of it."""

    name: str
    raw: int
    text: str


class Decoded:
    """Hold a decoded call; ``ret_text`` is None at entry.

    >>> Decoded("close", (DecodedArg("fd", 3, "3"),), "0")
    <Decoded close(3) = 0>
    """

    __slots__ = ("_args", "_context", "_texts", "_values", "call", "memo", "name", "ret_text")

    def __init__(
        self,
        name: str,
        args: Sequence[DecodedArg] = (),
        ret_text: str | None = None,
        memo: dict[str, object] | None = None,
    ) -> None:
        self.name = name
        self.ret_text = ret_text
        self.memo = memo or {}
        """What the return needs to know of the entry."""
        self._args: tuple[DecodedArg, ...] | None = tuple(args)
        self._texts: list[str | None] = [arg.text for arg in args]
        self._values: Sequence[int] = ()
        self._context: Context | None = None
        self.call: Syscall | None = None
        """The row that was decoded; of a call within another (socketcall) the one that is meant."""

    def __repr__(self) -> str:
        return f"<Decoded {self.line()}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Decoded):
            return NotImplemented
        mine = (self.name, self.args, self.ret_text)
        return mine == (other.name, other.args, other.ret_text)

    __hash__ = None  # type: ignore[assignment]

    @property
    def args(self) -> tuple[DecodedArg, ...]:
        """Return the arguments that are printed, in the order of printing."""
        if self._args is None:
            assert self.call is not None
            self._args = tuple(
                DecodedArg(self.call.args[at].name, self._values[at], text)
                for at in _order(self.call)
                if (text := self._texts[at]) is not None
            )
        return self._args

    def named(self) -> Decoded:
        """Return the same with the arguments' names before their texts.

        >>> Decoded("close", (DecodedArg("fd", 3, "3"),)).named()
        <Decoded close(fd=3)>
        """
        done = Decoded(
            self.name,
            [
                arg
                if arg.text.startswith(arg.name)
                else arg._replace(text=f"{arg.name}={arg.text}")
                for arg in self.args
            ],
            self.ret_text,
            self.memo,
        )
        done.call = self.call
        return done

    def line(self, column: int = 0, names: bool = False) -> str:
        """Return the call in one line, with the result where there is one.

        ``column`` is where the equals sign stands at least (strace: 40); ``names`` writes
        ``fd=1`` instead of ``1``.

        >>> Decoded("close", (DecodedArg("fd", 3, "3"),), "0").line(column=40)
        'close(3)                                = 0'
        """
        if names:
            return self.named().line(column)
        text = self.call_text()
        if self.ret_text is None:
            return text
        return f"{text.ljust(column - 1)} = {self.ret_text}"

    def resuming(self, interrupted: str) -> None:
        """Say what a restart_syscall goes on with, as strace does.

        >>> again = Decoded("restart_syscall")
        >>> again.resuming("nanosleep")
        >>> again
        <Decoded restart_syscall(<... resuming interrupted nanosleep ...>)>
        """
        text = f"<... resuming interrupted {interrupted} ...>"
        self._args = (DecodedArg("interrupted", 0, text),)

    def call_text(self) -> str:
        """Return the call without its result.

        >>> Decoded("close", (DecodedArg("fd", 3, "3"),), "0").call_text()
        'close(3)'
        """
        texts: list[str]
        if self._args is None and self.name not in _ORDER:
            texts = [text for text in self._texts if text is not None]
        else:
            texts = [arg.text for arg in self.args]
        return f"{self.name}({', '.join(texts)})"


class _Plan:
    """Hold what decoding a call takes: each argument's decoder, and which wait for the return.

    A step is (index, decoder, param, whether the kernel fills it in).
    """

    __slots__ = ("late", "multiplexed", "outs_only", "result", "steps")

    def __init__(self, call: Syscall) -> None:
        from pydbg.syscalls.decoders import decoder_of, result_decoder

        self.multiplexed = call.abi == "i386" and call.name in _MULTIPLEXED
        self.steps = tuple(
            (index, decoder_of(arg.kind), arg.param, arg.out) for index, arg in enumerate(call.args)
        )
        self.late = tuple(
            step
            for step, arg in zip(self.steps, call.args, strict=True)
            if arg.out or arg.kind in _IN_OUT
        )
        self.outs_only = all(step[3] for step in self.late)
        self.result = result_decoder(call.ret)


def _plan_of(call: Syscall) -> _Plan:
    found: _Plan | None = call.cache.get("plan")
    if found is None:
        found = call.cache["plan"] = _Plan(call)
    return found


def _order(call: Syscall) -> Sequence[int]:
    names = _ORDER.get(call.name)
    if not names:
        return range(len(call.args))
    return [call.places[name] for name in names]


def decode(
    call: Syscall,
    args: Sequence[int],
    reader: Reader,
    *,
    ret: int | None = None,
    phase: str = "entry",
    entry: Decoded | None = None,
    limit: int = 32,
    options: Options | None = None,
) -> Decoded:
    """Decode one call at its "entry" or "return".

    ``args`` are the raw registers, ``ret`` the result (signed; None at the return: the call
    does not come back), ``entry`` what was decoded at the entry. ``options`` say how values are
    printed; without them ``limit`` is the bytes of a string that are.

    >>> from pydbg.syscalls.table import table_for
    >>> class Memory:
    ...     word_size = 8
    ...     def read(self, addr, size): return b"hello\\n"[:size]
    ...     def fd_path(self, fd): return "/dev/pts/0"
    >>> call = table_for("x86_64").by_name("write")
    >>> print(decode(call, (1, 0x1000, 6), Memory(), ret=6, phase="return").line())
    write(1</dev/pts/0>, "hello\\n", 6) = 6
    """
    if options is None:
        options = DEFAULT if limit == DEFAULT.limit else Options(limit)
    if options.xlat != style():
        set_style(options.xlat)
    returning = phase == "return"
    if returning and entry is not None and entry.call is not None:
        # The entry's row: what a multiplexed call points to may have changed since.
        memo = dict(entry.memo)
        known = Context(entry.call, entry._values, reader, None, False, memo, options)
        return _returned(entry, ret, known)
    plan = _plan_of(call)
    if plan.multiplexed:
        from pydbg.syscalls.multiplexed import unfold

        call, args = unfold(call, args, _word_reader(reader))
        plan = _plan_of(call)
    mask = 0xFFFFFFFFFFFFFFFF if reader.word_size == 8 else 0xFFFFFFFF
    count = len(plan.steps)
    raw = [value & mask for value in args[:count]]
    if len(raw) < count:
        raw += [0] * (count - len(raw))
    if ret is not None:
        ret = to_signed(ret, 8 * reader.word_size)
    memo = dict(entry.memo) if entry is not None else {}
    context = Context(call, raw, reader, ret, returning, memo, options)
    pointers = not returning or context.failed or ret is None
    texts: list[str | None] = []
    for index, decoder, param, out in plan.steps:
        value = raw[index]
        if out and pointers:
            texts.append(f"{value:#x}" if value else "NULL")
        else:
            context.index = index
            texts.append(decoder(context, value, param))
    return _decoded(context, texts, _result(context, plan.result) if returning else None)


def decode_return(entry: Decoded, ret: int, reader: Reader) -> Decoded:
    """Decode the return of a call whose entry was decoded.

    ``ret`` is the result, signed. It is :func:`decode` with ``phase="return"``, in less time:
    what was set up for the entry is used again, so a call has one return only. An entry that
    was decoded from registers alone (:func:`plain_at`) may serve several calls that are the same.

    >>> from pydbg.syscalls.table import table_for
    >>> class Memory:
    ...     word_size = 8
    ...     def fd_path(self, fd): return None
    >>> entry = decode(table_for("x86_64").by_name("close"), (3,), Memory())
    >>> decode_return(entry, -9, Memory()).line()
    'close(3) = -1 EBADF (Bad file descriptor)'
    """
    context = entry._context
    if context is None:
        raise ValueError("the entry was not decoded")
    context.reader = reader
    return _returned(entry, ret, context)


def _returned(entry: Decoded, ret: int | None, context: Context) -> Decoded:
    plan = _plan_of(context.call)
    if ret is not None:
        ret = to_signed(ret, 8 * context.word)
    context.ret = ret
    context.returning = True
    context.failed = ret is not None and -_MAX_ERRNO <= ret < 0
    texts = entry._texts
    pointers = context.failed or ret is None
    kept = True
    if plan.late and not (pointers and plan.outs_only):
        # The kernel does not write to the others: their text of the entry holds.
        kept = False
        texts = texts.copy()
        raw = context.args
        for index, decoder, param, out in plan.late:
            if not out or not pointers:
                context.index = index
                texts[index] = decoder(context, raw[index], param)
    done = _decoded(context, texts, _result(context, plan.result))
    if kept:
        done._args = entry._args
    return done


def _decoded(context: Context, texts: list[str | None], ret_text: str | None) -> Decoded:
    done = Decoded.__new__(Decoded)
    done._args = None
    done._context = context
    done._texts = texts
    done._values = context.args
    done.call = context.call
    done.memo = context.memo
    done.name = context.call.name
    done.ret_text = ret_text
    return done


def _word_reader(reader: Reader) -> Callable[[int], int | None]:
    def read_word(addr: int) -> int | None:
        try:
            return int.from_bytes(reader.read(addr, 4), "little")
        except DebuggerError:
            return None

    return read_word


def changes(arg: Arg) -> bool:
    """Tell whether the kernel both reads and writes what an argument points to."""
    return arg.kind in _IN_OUT


def plain_at(call: Syscall, phase: str) -> bool:
    """Tell whether a call is decoded from its registers alone at its "entry" or "return".

    Such a call may go on while it is being decoded.

    >>> from pydbg.syscalls.table import table_for
    >>> table = table_for("x86_64")
    >>> [plain_at(table.by_name("read"), phase) for phase in ("entry", "return")]
    [True, False]
    >>> [plain_at(table.by_name("write"), phase) for phase in ("entry", "return")]
    [False, True]
    """
    plan = _plan_of(call)
    if plan.multiplexed:
        return False
    if phase == "return":
        return not plan.late
    return all(arg.out or arg.kind in _PLAIN for arg in call.args)


# Kinds whose decoders look at nothing but the register (and, with paths wanted, at descriptors).
_PLAIN = frozenset(
    (
        *("", "size", "fd", "dirfd", "flags", "flags64", "ptr", "hex", "hex32", "int", "uint"),
        *("long", "enum", "enum64", "off", "pid", "uid", "mode", "sig", "clockid", "mmap_flags"),
    )
)

# Kinds that the kernel both reads and writes; all others without ">" are read only.
_IN_OUT = frozenset(
    (
        *("arch_prctl_arg", "bpf_attr", "quota_arg", "clone_args", "clone_ptid", "clone_tls"),
        *("fcntl_arg", "fdset", "file_handle", "io_uring_params", "ioctl_arg"),
        *("iovec_filled", "ipc_arg", "keyctl_arg", "mmsghdrs_in"),
        *("msghdr_in", "offset_inout", "page_status", "pollfds", "prctl_arg"),
        *(
            "lsm_ctx_got",
            "size_inout",
            "xattr_args",
            "ptrace_data",
            "seccomp_arg",
            "socklen",
            "syslog_buf",
        ),
        *("thread_area", "thread_area_got", "timespec64_left", "timespec64_mmsg"),
        *("timespec64_rem", "timespec64_select", "timespec_left", "timespec_mmsg"),
        *("timespec_rem", "timespec_select", "timeval_select"),
    )
)


def result_text(context: Context) -> str:
    """Return the result as strace prints it after the equals sign.

    A decoder may have left a note (``context.note``), printed in brackets.
    """
    from pydbg.syscalls.decoders import result_decoder

    return _result(context, result_decoder(context.call.ret))


def error_result(ret: int) -> str:
    """Return a failed call's result as strace prints it.

    >>> error_result(-2), error_result(-512)[:13]
    ('-1 ENOENT (No such file or directory)', '? ERESTARTSYS')
    """
    name = error_name(-ret)
    if name is None:
        return f"-1 (errno {-ret})"
    mark = "?" if is_restart(-ret) else "-1"
    return f"{mark} {name} ({error_text(-ret)})"


def _result(context: Context, decoder: Decoder | None) -> str:
    ret = context.ret
    if ret is None:
        return "?"
    if context.failed:
        return error_result(ret)
    text = decoder(context, ret, "") if decoder is not None else None
    if text is None:
        text = str(ret)
    return f"{text} ({context.note})" if context.note else text
