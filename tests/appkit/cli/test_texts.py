"""Both languages say the same things, and the locale chooses between them."""

import string

import pytest

from appkit.cli import texts


@pytest.mark.parametrize("key", texts._TEXTS)
def test_both_languages_take_the_same_values(key: str) -> None:
    english, chinese = texts._TEXTS[key]
    fields = [sorted(name for _, name, _, _ in string.Formatter().parse(text) if name) for text in (english, chinese)]
    assert fields[0] == fields[1]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "en_GB.UTF-8"}, False),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "C", "LC_MESSAGES": "zh_TW"}, True),
        ({}, False),
    ],
)
def test_the_locale_chooses(variables: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert texts.is_chinese_locale() is expected
