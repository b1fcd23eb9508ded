"""Debug files and sources from a debuginfod server on this machine, beside gdb."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from pydbg.symbols.elf import ElfFile
from tests.live.test_commands_gdb import both
from tests.support.build import source
from tests.support.run import batch
from tests.support.screen import Terminal

COMMANDS = ("info line inner", "list inner", "break inner", "run", "bt", "info source",
            "info locals", "info args", "kill")  # fmt: skip


class Server:
    """Be a debuginfod that knows one program, whose stripped copy is ``program``."""

    def __init__(self, folder: Path) -> None:
        known, sources = folder / "known", folder / "sources"
        known.mkdir()
        sources.mkdir()
        self.source = sources / "plain.c"
        self.source.write_bytes(source("plain.c").read_bytes())
        self.program = folder / "plain"
        whole = known / "plain"
        subprocess.run(["gcc", "-g", "-O0", str(self.source), "-o", str(whole)], check=True)
        subprocess.run(["strip", "-o", str(self.program), str(whole)], check=True)
        # The database has the source's contents from the file: gdb and pydbg look elsewhere.
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log: list[str] = []
        self.process = subprocess.Popen(
            ["debuginfod", "-v", "-p", str(self.port), "-d", ":memory:", "-F", str(known),
             str(sources)],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if "fts traversed" in line:
                break
        while self._pending():
            pass  # Each question waits for its answer.

    def _pending(self) -> bool:
        text = self._metrics()
        found = re.findall(r'^thread_(?:work_pending|busy)\{role="scan"\} (\d+)', text, re.M)
        return any(int(number) for number in found)

    def _metrics(self) -> str:
        with urlopen(f"{self.url}/metrics") as answer:
            text: str = answer.read().decode()
        return text

    def asked(self) -> int:
        """Return how often something was asked for by build-id."""
        found = re.findall(r'^http_requests_total\{type="(?!metrics)[^}]*\} (\d+)',
                           self._metrics(), re.M)  # fmt: skip
        return sum(map(int, found))

    def close(self) -> None:
        self.process.terminate()
        self.process.communicate()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("debuginfod"))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEBUGINFOD_CACHE_PATH", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


def _lines(server: Server, *commands: str) -> tuple[str, ...]:
    return (
        f"set debuginfod urls {server.url}",
        "set debuginfod enabled on",
        f"set substitute-path {server.source.parent} /nonexistent",
        f"file {server.program}",
        *commands,
    )


def test_files_and_sources_as_in_gdb(server: Server, cache: Path) -> None:
    theirs, ours = both(server.program, *_lines(server, *COMMANDS))
    for key, text in theirs.items():
        if key.split(" ", 1)[1] in COMMANDS:
            assert ours[key] == re.sub(r"^Downloading .*\n", "", text, flags=re.M), key
    # gdb has filled the cache, with its client library; a new one is filled by pydbg alone.
    build_id = ElfFile(str(server.program)).build_id
    theirs_names = sorted(path.name for path in cache.glob(f"{build_id}/*"))
    asked = server.asked()
    cache.rename(cache.with_name("theirs"))
    done = batch(None, *_lines(server, *COMMANDS))
    assert done.returncode == 0
    assert "Downloading separate debug info for" in done.stderr
    assert f"Downloading source file {server.source}..." in done.stderr
    assert sorted(path.name for path in cache.glob(f"{build_id}/*")) == theirs_names
    assert server.asked() == asked + 2
    assert batch(None, *_lines(server, *COMMANDS)).stderr.count("Downloading") == 0
    assert server.asked() == asked + 2


@pytest.mark.parametrize("enabled", ["ask", "off"])
def test_nothing_is_asked_unasked(server: Server, enabled: str) -> None:
    asked = server.asked()
    done = batch(server.program, f"set debuginfod enabled {enabled}", "info line inner",
                 env={"DEBUGINFOD_URLS": server.url})  # fmt: skip
    assert done.stderr == 'Function "inner" not defined.\n'
    assert server.asked() == asked


def test_what_a_server_does_not_have_is_remembered(server: Server, cache: Path) -> None:
    stranger = cache.parent / "stranger"
    text = source("plain.c").read_text() + "\nint of_its_own;\n"
    subprocess.run(["gcc", "-s", "-x", "c", "-", "-o", str(stranger)], input=text, text=True,
                   check=True)  # fmt: skip
    asked = server.asked()
    for downloads in (1, 0):
        done = batch(None, *_lines(server)[:2], f"file {stranger}", "info line inner")
        assert done.stderr.count("Downloading") == downloads
    assert server.asked() == asked + 1
    assert [path.stat().st_size for path in cache.glob("*/debuginfo")] == [0]


@pytest.mark.parametrize(
    ("url", "reason"), [("closed", "Connection refused"), ("gopher:x", "Invalid argument")]
)
def test_a_server_that_is_not_there(server: Server, cache: Path, url: str, reason: str) -> None:
    if url == "closed":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}"
    lines = (f"set debuginfod urls {url}", "set debuginfod enabled on",
             f"file {server.program}", "info line inner", "info line inner")  # fmt: skip
    done = batch(None, *lines, options=("--keep-going",))
    what = f"separate debug info for {server.program}"
    failed = f"Download failed: {reason}.  Continuing without {what}.\n"
    assert done.stderr.startswith(f"Downloading {what}...\n{failed}")
    assert done.stderr.count("Download") == 2
    assert not list(cache.glob("*/*"))


def test_a_download_is_cancelled_and_asked_for(server: Server) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        terminal = Terminal("-q", DEBUGINFOD_URLS=url)
        try:
            terminal.ready()
            terminal.send(f"file {server.program}\rinfo line inner\r")
            terminal.shows("Enable debuginfod for this session? (y or [n])")
            terminal.send("y\r")
            terminal.shows("Debuginfod has been enabled.")
            terminal.send("info line inner\r")
            terminal.shows("Downloading separate debug info for")
            client, _ = silent.accept()
            with client:
                assert client.recv(4096).startswith(b"GET /buildid/")
                terminal.send("\x03")
                terminal.shows("Cancelling download of separate debug info for")
                terminal.shows('Function "inner" not defined.')
            terminal.run("print 6 * 7")
            terminal.shows("= 42")
        finally:
            terminal.close()


def test_settings_as_in_gdb(server: Server) -> None:
    lines = ("show debuginfod enabled", "show debuginfod urls", "show debuginfod verbose",
             "set debuginfod urls http://a http://b", "show debuginfod urls",
             "set debuginfod enabled off", "show debuginfod enabled",
             "set debuginfod enabled", "set debuginfod verbose 0",
             "show debuginfod verbose", "set debuginfod verbose -1", "show debuginfod verbose",
             "show debug-file-directory", "set debug-file-directory /a:/b",
             "show debug-file-directory")  # fmt: skip
    theirs, ours = both(server.program, *lines)
    assert os.environ["DEBUGINFOD_CACHE_PATH"]
    assert ours == theirs
