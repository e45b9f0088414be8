"""The words of the page itself, in English and in Chinese: `page/texts.json`, one pair a key.

The page is written in English; its script puts in the other language where the reader's browser asks for it, or the
reader does. What came out of an evaluation is never translated.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any
from xml.etree.ElementTree import Element

from eval.reports.markup import element


def page_file(name: str) -> str:
    """The text of a file of `page/`, which is installed with the package."""
    return (files("eval.reports") / "page" / name).read_text("utf-8")


@cache
def page_texts() -> dict[str, tuple[str, str]]:
    """Every text by key: English, Chinese."""
    return {key: (english, chinese) for key, (english, chinese) in json.loads(page_file("texts.json")).items()}


def text(tag: str, key: str, attributes: dict[str, str] | None = None, **values: Any) -> Element:
    """An element that shows a text of the page in the language of the reader.

    Args:
        values: what stands in its braces: numbers, which are written with the reader's separators, or strings.

    Raises:
        KeyError: there is no such text, or a value for it is missing.
    """
    shown = {name: f"{value:,}" if isinstance(value, int) else str(value) for name, value in values.items()}
    marks = {"data-text": key}
    if values:
        marks["data-values"] = json.dumps(values, ensure_ascii=False)
    return element(tag, {**(attributes or {}), **marks}, page_texts()[key][0].format(**shown))
