"""The library under asyncio: the debugger has an OS thread of its own, the loop never blocks.

ptrace belongs to the OS thread that seized the program, and waiting for it blocks; so each
:class:`AsyncDebugger` has one dedicated thread in which its :class:`pydbg.Debugger` lives, and
its methods hand their work there. That thread waits for its own tracees only: children of the
host program stay the host's, and no signal handler is installed. The other way round the
kernel offers no fence: a host that calls ``os.wait()`` or ``os.waitpid(-1, ...)`` takes stops
away from every debugger in it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Mapping
from concurrent.futures import Future
from functools import partial, wraps
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from pydbg import library
from pydbg.errors import CommandError
from pydbg.events import Event, Exited, Killed
from pydbg.library import Debugger

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["AsyncDebugger", "attach", "launch"]

P = ParamSpec("P")
T = TypeVar("T")

_CALLBACKS = ("callback", "on_entry", "on_return")
_AGAIN = 0.02
"""Seconds until an interrupt that came before the program ran is tried again."""


class _Worker:
    """Be the OS thread of one debugger."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="pydbg", daemon=True)
        self._thread.start()

    @property
    def is_here(self) -> bool:
        """Tell whether the caller runs in this thread."""
        return threading.current_thread() is self._thread

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Have ``work()`` done in the thread."""
        future: Future[T] = Future()
        self._tasks.put(partial(_fulfil, future, work))
        return future

    def end(self) -> None:
        """Let the thread end when it has nothing left to do."""
        self._tasks.put(None)

    def wait_for(self, coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
        """Run a coroutine on the loop, from the thread, which meanwhile does what it asks for."""
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        future.add_done_callback(lambda _: self._tasks.put(_nothing))
        self._serve(future)
        return future.result()

    def _serve(self, until: Future[Any] | None = None) -> None:
        while until is None or not until.done():
            task = self._tasks.get()
            if task is None:
                self._tasks.put(None)  # For the outer one as well.
                return
            task()


def _nothing() -> None:
    """Wake the thread."""


def _fulfil(future: Future[T], work: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def _mirror(
    method: Callable[Concatenate[Debugger, P], T],
) -> Callable[Concatenate[AsyncDebugger, P], Coroutine[Any, Any, T]]:
    """Make a coroutine method of one of the debugger's."""

    @wraps(method)
    async def run(self: AsyncDebugger, /, *args: P.args, **named: P.kwargs) -> T:
        for name in _CALLBACKS:
            if named.get(name) is not None:
                named[name] = self.adapted(named[name])  # type: ignore[arg-type]
        return await self.do(method, *args, **named)

    return run


class AsyncDebugger:
    """Debug a program from a coroutine; made by :func:`launch` or :func:`attach`.

    >>> import asyncio, pydbg
    >>> async def main():
    ...     async with pydbg.aio.launch("/bin/echo", "hi", stdout="/dev/null") as dbg:
    ...         await dbg.catch_syscall("write")
    ...         async for event in dbg.events():
    ...             match event:
    ...                 case pydbg.SyscallCaught(phase="entry", args=args):
    ...                     print(await dbg.read(args[1], args[2]))
    ...                 case pydbg.Exited(code=code):
    ...                     print("exit", code)
    >>> asyncio.run(main())
    b'hi\\n'
    exit 0

    Its methods are those of :class:`pydbg.Debugger`, as coroutines. What has no method is done
    by ``await dbg.do(lambda d: d.regs.rip)``. A callback may be a coroutine function, which
    runs on the loop; a plain function is called in the debugger's thread, where it uses
    ``dbg.sync``. Cancelling a method that runs the program stops the program.
    """

    def __init__(self, worker: _Worker, sync: Debugger) -> None:
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self.sync = sync
        """The debugger itself: for its own thread, that is for plain callbacks and ``do``."""

    async def __aenter__(self) -> AsyncDebugger:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def do(
        self, work: Callable[Concatenate[Debugger, P], T], *args: P.args, **named: P.kwargs
    ) -> T:
        """Do ``work(debugger, ...)`` in the debugger's thread and return its result.

        >>> import asyncio, pydbg
        >>> async def main():
        ...     async with pydbg.aio.launch("/bin/true") as dbg:
        ...         return await dbg.do(lambda d: d.regs.rip == d.frames()[0].addr)
        >>> asyncio.run(main())
        True
        """
        if self._worker.is_here:
            raise CommandError("In the debugger's own thread use dbg.sync.")
        future = self._worker.submit(partial(work, self.sync, *args, **named))
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            await self._halt(future)
            raise

    async def _halt(self, future: Future[Any]) -> None:
        """Stop a program whose run nobody waits for any more, and wait until it is stopped."""
        if future.cancel():
            return
        ending = asyncio.wrap_future(future)
        while not future.done():
            self.sync.interrupt()
            try:
                await asyncio.wait([ending], timeout=_AGAIN)
            except asyncio.CancelledError:
                continue  # Whoever cancels twice gets a stopped program all the same.
        if not ending.cancelled():
            ending.exception()  # Nobody else looks at it.

    def adapted(self, callback: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Make a callback that the debugger's thread can call; a coroutine runs on the loop."""

        def call(what: Any) -> Any:
            answer = callback(what)
            if isinstance(answer, Coroutine):
                return self._worker.wait_for(answer, self._loop)
            return answer

        return call

    async def events(self, *, notices: bool = False) -> AsyncGenerator[Event, None]:
        """Run on and on, and give each stop, the last one being the end of the program.

        The program is stopped while the body of the loop looks at it. ``notices`` also gives
        what happens while it runs on (threads, children, libraries), as it happens.

        >>> import asyncio, pydbg
        >>> async def main():
        ...     async with pydbg.aio.launch("/bin/true") as dbg:
        ...         return [type(event).__name__ async for event in dbg.events(notices=True)]
        >>> asyncio.run(main())
        ['ModuleLoaded', 'Exited']
        """
        heard: asyncio.Queue[Event | Future[Event]] = asyncio.Queue()

        def tell(item: Event | Future[Event]) -> None:
            self._loop.call_soon_threadsafe(heard.put_nowait, item)

        silence = self.sync.on_event(tell) if notices else None
        run: Future[Event] | None = None
        try:
            while True:
                run = self._worker.submit(self._run_on)
                run.add_done_callback(tell)
                while (item := await heard.get()) is not run:
                    if isinstance(item, Event):
                        yield item
                event = run.result()
                yield event
                if isinstance(event, Exited | Killed) and self.sync.inferior is None:
                    return
        finally:
            if silence is not None:
                silence()
            if run is not None and not run.done():
                await self._halt(run)

    def _run_on(self) -> Event:
        dbg = self.sync
        return dbg.cont() if dbg.inferior is not None else dbg.run()

    def interrupt(self) -> None:
        """Stop the running program as soon as possible; callable from everywhere."""
        self.sync.interrupt()

    async def close(self) -> None:
        """Kill what was launched, let go what was attached to, and end the thread."""
        await self.do(Debugger.close)
        self._worker.end()

    async def read(self, addr: int, size: int) -> bytes:
        """Return memory of the program; raises MemoryFault."""
        return await self.do(lambda dbg: dbg.memory.read(addr, size))

    async def write(self, addr: int, data: bytes) -> None:
        """Write memory of the program; raises MemoryFault."""
        await self.do(lambda dbg: dbg.memory.write(addr, data))

    async def registers(self) -> dict[str, int]:
        """Return the general registers of the selected frame."""
        return await self.do(lambda dbg: dbg.regs.as_dict())

    run = _mirror(Debugger.run)
    cont = _mirror(Debugger.cont)
    stepi = _mirror(Debugger.stepi)
    nexti = _mirror(Debugger.nexti)
    step_to = _mirror(Debugger.step_to)
    finish = _mirror(Debugger.finish)
    until = _mirror(Debugger.until)
    advance = _mirror(Debugger.advance)
    jump = _mirror(Debugger.jump)
    signal = _mirror(Debugger.signal)
    call = _mirror(Debugger.call)
    kill = _mirror(Debugger.kill)
    detach = _mirror(Debugger.detach)
    break_at = _mirror(Debugger.break_at)
    catch_syscall = _mirror(Debugger.catch_syscall)
    catch = _mirror(Debugger.catch)
    watch = _mirror(Debugger.watch)
    delete = _mirror(Debugger.delete)
    frames = _mirror(Debugger.frames)
    select_frame = _mirror(Debugger.select_frame)
    select_thread = _mirror(Debugger.select_thread)
    eval = _mirror(Debugger.eval)

    async def execute(self, text: str) -> str:
        """Run a command as it is typed at the prompt and return what it shows."""
        return await self.do(lambda dbg: dbg.execute(text, to_string=True))


def _abandon(future: Future[Debugger]) -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().close()


class _Opening(Awaitable[AsyncDebugger]):
    """Be a debugger that is on its way: for ``await`` or ``async with``."""

    def __init__(self, make: Callable[[], Debugger]) -> None:
        self._make = make
        self._made: AsyncDebugger | None = None

    def __await__(self) -> Generator[Any, Any, AsyncDebugger]:
        return self._open().__await__()

    async def _open(self) -> AsyncDebugger:
        worker = _Worker()
        future = worker.submit(self._make)
        try:
            return AsyncDebugger(worker, await asyncio.shield(asyncio.wrap_future(future)))
        except BaseException:
            # Failed, or nobody waits for it any more: what was started ends.
            worker.submit(partial(_abandon, future))
            worker.end()
            raise

    async def __aenter__(self) -> AsyncDebugger:
        self._made = await self._open()
        return self._made

    async def __aexit__(self, *_: object) -> None:
        if self._made is not None:
            await self._made.close()


def launch(
    program: str | PathLike[str],
    *args: str,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    stdin: str | int | None = None,
    stdout: str | int | None = None,
    stderr: str | int | None = None,
    settings: Mapping[str, str] | None = None,
) -> _Opening:
    """Start a program under a debugger with a thread of its own; as :func:`pydbg.launch`.

    >>> import asyncio, pydbg
    >>> async def main():
    ...     dbg = await pydbg.aio.launch("/bin/sh", "-c", "exit 3")
    ...     event = await dbg.cont()
    ...     await dbg.close()
    ...     return event.code
    >>> asyncio.run(main())
    3
    """
    return _Opening(
        partial(
            library.launch,
            program,
            *args,
            env=env,
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            settings=settings,
        )
    )


def attach(pid: int, *, settings: Mapping[str, str] | None = None) -> _Opening:
    """Take over a running process in a thread of the debugger's own; as :func:`pydbg.attach`.

    A child of this process must not be waited for by another of its threads meanwhile: the
    kernel would give that thread the stops. asyncio up to Python 3.11 does so with its own
    subprocesses, unless a PidfdChildWatcher is set.

    >>> import asyncio, pydbg, subprocess
    >>> async def main(pid):
    ...     async with pydbg.aio.attach(pid) as dbg:
    ...         print(type(dbg.sync.last_event).__name__, len(await dbg.frames()) > 0)
    >>> child = subprocess.Popen(["/bin/sleep", "100"])
    >>> asyncio.run(main(child.pid))
    Attached True
    >>> child.kill(), child.wait()
    (None, -9)
    """
    return _Opening(partial(library.attach, pid, settings=settings))
