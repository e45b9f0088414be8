"""Fixtures of the command's tests."""

import pytest

from tests.appkit.cli.command import CommandHere


@pytest.fixture
def appkit_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandHere:
    """`appkit` in this process."""
    return CommandHere(monkeypatch, capsys)
