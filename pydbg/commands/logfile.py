"""``set logging``: a copy of what the session shows in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TextIO

from pydbg.errors import CommandError, FileError

if TYPE_CHECKING:
    from pydbg.commands.lines import Writer
    from pydbg.commands.session import Session
    from pydbg.settings import Settings, Value

__all__ = ["Logging"]


class _Copy:
    """Write to a file, and to where the text went before unless it is redirected."""

    def __init__(self, file: TextIO, before: Writer | None) -> None:
        self.file = file
        self.before = before

    def write(self, text: str, /) -> None:
        """Take a piece of text."""
        self.file.write(text)
        if self.before is not None:
            self.before.write(text)

    def flush(self) -> None:
        """Pass on what was taken."""
        self.file.flush()
        if self.before is not None:
            self.before.flush()


class Logging:
    """Follow the settings of ``logging`` for a session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._file: TextIO | None = None
        self._path = ""
        self._out: Writer = session.out
        self._err: Writer = session.err
        for name in ("file", "overwrite", "redirect"):
            session.settings.on_change(f"logging {name}", self._changed)

    @property
    def _settings(self) -> Settings:
        return self._session.settings

    def switch(self, on: bool) -> None:
        """Begin or end the log."""
        if on and self._file is not None:
            raise CommandError(f"Already logging to {self._path}.")
        if on:
            self._start()
        else:
            self.stop()
        for name in ("logging", "logging enabled"):
            self._settings.note(name, on)

    def _changed(self, value: Value) -> None:
        if self._file is not None:
            self._session.warn(
                f"warning: Currently logging to {self._path}.  Turn the logging off and on to "
                "make the new setting effective."
            )

    def _start(self) -> None:
        from os.path import expanduser

        session = self._session
        path = expanduser(self._settings.text("logging file"))
        mode: Literal["w", "a"] = "w" if self._settings.flag("logging overwrite") else "a"
        try:
            file: TextIO = open(  # noqa: SIM115  # it is closed by stop
                path, mode, encoding="utf-8", errors="backslashreplace"
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise FileError(f"{path}: {why}.") from None
        redirect = self._settings.flag("logging redirect")
        session.say_typed(f"{'Redirecting' if redirect else 'Copying'} output to {path}.")
        self._file, self._path = file, path
        self._out, self._err = session.out, session.err
        session.out = _Copy(file, None if redirect else self._out)
        session.err = _Copy(file, self._err)

    def stop(self) -> None:
        """End the log, if there is one."""
        if self._file is None:
            return
        session = self._session
        session.out.flush()
        session.out, session.err = self._out, self._err
        self._file.close()
        self._file = None
        session.say_typed(f"Done logging to {self._path}.")
