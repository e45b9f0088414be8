"""Notebooks are Markdown with code in fences."""

import json

import pytest

from appkit.retrieval.loaders.errors import UnusableContentError
from appkit.retrieval.loaders.notebook import read_notebook


def notebook(*cells: tuple[str, object]) -> bytes:
    given = [{"cell_type": kind, "source": source, "outputs": [{"text": "no"}]} for kind, source in cells]
    return json.dumps({"cells": given, "metadata": {"kernelspec": {"language": "python"}}, "nbformat": 4}).encode()


def test_cells_are_text_and_code_is_fenced() -> None:
    content = read_notebook(notebook(("markdown", ["# 标题\n", "text"]), ("code", "print(1)\n"), ("code", " ")))
    assert content.text == "# 标题\ntext\n\n```python\nprint(1)\n```\n"


def test_headings_are_sections_over_the_cells_beneath() -> None:
    content = read_notebook(notebook(("markdown", "# One"), ("code", "# no heading"), ("markdown", "x\n\n## Two\n")))
    assert [(s.title, s.level) for s in content.sections] == [("One", 1), ("Two", 2)]
    assert [content.text[s.start :].split("\n")[0] for s in content.sections] == ["# One", "## Two"]
    assert content.title == "One"


def test_code_with_fences_of_its_own_stays_one_block() -> None:
    assert read_notebook(notebook(("code", "'```'"))).text == "````python\n'```'\n````\n"


def test_an_unclosed_fence_ends_with_its_cell() -> None:
    content = read_notebook(notebook(("markdown", "```\nopen"), ("markdown", "# Seen")))
    assert [s.title for s in content.sections] == ["Seen"]


def test_invisible_characters_in_escapes_are_removed() -> None:
    content = read_notebook(notebook(("markdown", "a\u200b\n\n# b\u202ec")))
    assert (content.sections[0].title, content.metadata["removed_invisible"]) == ("bc", 2)


@pytest.mark.parametrize("data", [b"[]", b'{"cells": 1}', b'{"worksheets": []}', b'{"cells": [1]}', b"{"])
def test_what_is_no_notebook_is_corrupt(data: bytes) -> None:
    with pytest.raises(UnusableContentError) as caught:
        read_notebook(data)
    assert caught.value.reason == "corrupt"
