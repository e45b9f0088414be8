"""A missing model is offered to a person, and only to a person."""

import io
from pathlib import Path

import pytest

from appkit.cli import open_model
from runtime.errors import CatalogError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def pulled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Names that were pulled, in an empty home where nothing really is."""
    names: list[str] = []
    monkeypatch.setenv("APPKIT_HOME", str(tmp_path))
    monkeypatch.delenv("APPKIT_OFFLINE", raising=False)
    monkeypatch.setenv("LANG", "C")
    monkeypatch.setattr(open_model, "_pull", names.append)
    return names


def sit_at_terminal(monkeypatch: pytest.MonkeyPatch, typed: str) -> Terminal:
    """In the test itself, not in a fixture: pytest puts its own streams in place between the two."""
    screen = Terminal()
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    monkeypatch.setattr("sys.stderr", screen)
    return screen


@pytest.mark.parametrize(("answer", "expected"), [("\n", ["smollm2-135m"]), ("y\n", ["smollm2-135m"]), ("n\n", [])])
def test_a_person_is_asked(
    answer: str, expected: list[str], pulled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sit_at_terminal(monkeypatch, answer)
    with pytest.raises(CatalogError, match="appkit models pull"):  # nothing was really pulled here
        open_model.open_for_terminal("smollm2-135m")
    assert pulled == expected


def test_the_question_names_size_and_licence(pulled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    screen = sit_at_terminal(monkeypatch, "n\n")
    with pytest.raises(CatalogError):
        open_model.open_for_terminal("smollm2-135m")
    assert "93 MB" in screen.getvalue()
    assert "Apache-2.0" in screen.getvalue()


@pytest.mark.parametrize("name", ["no-such-model", "./nowhere.gguf"])
def test_nobody_is_asked_about_what_the_catalog_does_not_have(
    name: str, pulled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sit_at_terminal(monkeypatch, "y\n")
    with pytest.raises(CatalogError):
        open_model.open_for_terminal(name)
    assert pulled == []


def test_a_pipe_is_not_asked(pulled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(CatalogError):
        open_model.open_for_terminal("smollm2-135m")
    assert pulled == []
