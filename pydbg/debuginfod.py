"""Debug files and sources from a debuginfod server, by build-id.

Nothing is asked of any server until ``debuginfod enabled`` is on. What came is kept where the
elfutils' client library keeps it (debuginfod_find_debuginfo(3), debuginfod-client-config(7)), so
that gdb and pydbg find what the other has fetched.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pydbg.errors import UsageError

if TYPE_CHECKING:
    from pydbg.settings import Settings

__all__ = ["Debuginfod", "cache_directory", "source_name"]

_TIMEOUT = 90.0
"""Seconds without a byte after which a server is given up, as in the client library."""
_MISS_SECONDS = 600
"""How long a server that knows nothing of a file is not asked again (cache_miss_s)."""
_CHUNK = 1 << 16
_PROGRESS = 1 << 20
"""From this size on it is told how far the download is."""
_SCHEMES = ("http", "https", "file")


def cache_directory(environment: dict[str, str]) -> str:
    """Return the directory that the client library keeps files in.

    >>> cache_directory({"DEBUGINFOD_CACHE_PATH": "/c"}), cache_directory({"XDG_CACHE_HOME": "/x"})
    ('/c', '/x/debuginfod_client')
    """
    found = environment.get("DEBUGINFOD_CACHE_PATH")
    if found:
        return found
    home = environment.get("HOME") or os.path.expanduser("~")
    old = os.path.join(home, ".debuginfod_client_cache")
    if os.path.isdir(old):
        return old
    base = environment.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    return os.path.join(base, "debuginfod_client")


def source_name(path: str) -> str:
    """Return the name that the client library gives a source file in its cache.

    >>> source_name("/src/a.c")
    'source##src##a.c'
    """
    return "source" + path.replace("/", "##")


class Debuginfod:
    """Ask the servers of ``debuginfod urls``, when the user has allowed it.

    ``say`` shows a line to the user; ``progress`` how far a download is, "" when it has ended.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.say: Callable[[str], None] = lambda text: None
        self.progress: Callable[[str], None] = lambda text: None
        self.wanted = False
        """Whether a server would have been asked if the user had been."""
        self._refused: set[str] = set()
        settings.note("debuginfod urls", os.environ.get("DEBUGINFOD_URLS", "").strip())
        settings.on_change("debuginfod verbose", _not_negative)

    @property
    def urls(self) -> list[str]:
        """Return the servers, in the order in which they are asked."""
        return self._settings.text("debuginfod urls").split()

    def forget(self) -> None:
        """Ask once more for what was not found."""
        self._refused.clear()
        self.wanted = False

    def debuginfo(self, build_id: str, name: str) -> str | None:
        """Return the path of a debug file; ``name`` is the program's, to show."""
        return self._find(build_id, "debuginfo", "", f"separate debug info for {name}")

    def source(self, build_id: str, path: str) -> str | None:
        """Return the path of a source file, which has to be named by its whole path."""
        if not path.startswith("/"):
            return None
        return self._find(build_id, "source", path, f"source file {path}")

    def _find(self, build_id: str, kind: str, path: str, what: str) -> str | None:
        allowed = self._settings["debuginfod enabled"]
        if not self.urls or allowed == "off" or not re.fullmatch(r"[0-9a-f]{2,128}", build_id):
            return None
        if allowed != "on":
            self.wanted = True
            return None
        folder = os.path.join(cache_directory(dict(os.environ)), build_id)
        place = os.path.join(folder, source_name(path) if path else kind)
        known = _cached(place)
        if known is not None:
            return place if known else None
        key = f"{build_id}/{kind}{path}"
        if key in self._refused:
            return None
        self._refused.add(key)  # Once in a session is enough.
        if self._settings["debuginfod verbose"] != 0:
            self.say(f"Downloading {what}...")
        try:
            return self._download(key, folder, place, what)
        except KeyboardInterrupt:
            self.say(f"Cancelling download of {what}...")
            return None

    def _download(self, key: str, folder: str, place: str, what: str) -> str | None:
        """Ask one server after the other; note that none of them has it."""
        from http.client import HTTPException
        from urllib.error import HTTPError

        failure: str | None = None
        with suppress(OSError):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        for url in self.urls:
            try:
                with _interruptible():
                    self._fetch(url, key, place)
                return place
            except HTTPError as error:
                error.close()
                if error.code != 404:
                    failure = f"server said {error.code}"
            except (OSError, HTTPException, ValueError) as error:
                failure = _reason(error)
        if failure is None:
            with suppress(OSError), open(place, "xb"):
                pass
        elif self._settings["debuginfod verbose"] != 0:
            self.say(f"Download failed: {failure}.  Continuing without {what}.")
        return None

    def _fetch(self, url: str, key: str, place: str) -> None:
        from tempfile import NamedTemporaryFile
        from urllib.parse import quote, urlsplit
        from urllib.request import Request, urlopen

        if urlsplit(url).scheme not in _SCHEMES:
            raise ValueError("Invalid argument")
        address = f"{url.rstrip('/')}/buildid/{quote(key)}"
        request = Request(address, headers={"User-Agent": "pydbg"})
        with (
            urlopen(request, timeout=_seconds()) as answer,
            NamedTemporaryFile(dir=os.path.dirname(place), prefix=".", delete=False) as file,
        ):
            try:
                self._copy(answer, file)
                file.flush()
                os.chmod(file.name, 0o400)
                os.replace(file.name, place)
            except BaseException:  # Ctrl-C above all: half a file is not to be found later.
                os.unlink(file.name)
                raise
            finally:
                self.progress("")

    def _copy(self, answer: Any, file: Any) -> None:
        expected = int(answer.headers.get("Content-Length") or 0)
        most = 1024 * int(os.environ.get("DEBUGINFOD_MAXSIZE") or 0)
        done = shown = 0
        while data := answer.read(_CHUNK):
            done += len(data)
            if most and max(done, expected) > most:
                raise ValueError("File too large")
            file.write(data)
            percent = 100 * done // expected if expected > _PROGRESS else 0
            if percent > shown:
                shown = percent
                self.progress(f"{percent} % of {expected / 1e6:.1f} MB")
        if done < expected:
            raise ValueError("the connection ended early")


def _not_negative(value: object) -> None:
    if isinstance(value, int) and value < 0:
        raise UsageError(f"integer {value} out of range")


def _cached(place: str) -> bool | None:
    """Tell whether a file is in the cache (True) or known to be nowhere (False)."""
    import time

    try:
        status = os.stat(place)
    except OSError:
        return None
    if status.st_size:
        return True
    if time.time() - status.st_mtime < _MISS_SECONDS:
        return False
    with suppress(OSError):
        os.unlink(place)
    return None


def _seconds() -> float:
    try:
        return float(os.environ.get("DEBUGINFOD_TIMEOUT") or _TIMEOUT) or _TIMEOUT
    except ValueError:
        return _TIMEOUT


def _reason(error: Exception) -> str:
    from urllib.error import URLError

    inner = error.reason if isinstance(error, URLError) else error
    if isinstance(inner, TimeoutError):
        return "Timer expired"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return str(inner) or type(inner).__name__


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end a download, also where it would stop the program otherwise."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
