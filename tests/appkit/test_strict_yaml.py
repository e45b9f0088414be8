import pytest

from appkit.strict_yaml import plain_scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("no", "no"),
        ("Yes", "Yes"),
        ("2024-01-31", "2024-01-31"),
        ("0x10", "0x10"),
        ("12:30", "12:30"),
        ("-7", -7),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1e999", "1e999"),  # no float can hold it
        ("٣", "٣"),  # a digit, but no number in YAML
    ],
)
def test_a_text_without_quotes_stands_for_what_json_has(text: str, value: object) -> None:
    assert plain_scalar(text) == value
    assert type(plain_scalar(text)) is type(value)
