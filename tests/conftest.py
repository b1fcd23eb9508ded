"""Fixtures for all tests, and the rule that CI accepts no skipped test."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import leftovers

_LIVE = ("live", "sessions")


@pytest.fixture(autouse=True)
def no_process_left(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Fail a live test that leaves a process behind, whoever started it."""
    if not set(_LIVE) & set(Path(request.node.path).parts):
        yield
        return
    token = uuid.uuid4().hex
    monkeypatch.setenv(leftovers.TOKEN, token)
    with leftovers.none_left(token):
        yield


_skipped: pytest.StashKey[list[str]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Make room for the names of skipped tests."""
    config.stash[_skipped] = []
    config.pluginmanager.register(_NoSkips(config), "pydbg-no-skips")


class _NoSkips:
    """Turn a run with a skipped test into a failed one when CI is set."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped:
            self.config.stash[_skipped].append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.config.stash[_skipped].append(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if os.environ.get("CI") and self.config.stash[_skipped] and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for name in self.config.stash[_skipped]:
            terminalreporter.write_line(f"skipped, which CI does not accept: {name}")
