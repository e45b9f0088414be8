"""HTML becomes what a reader sees."""

import pytest

from appkit.retrieval.loaders.html import read_html


def text_of(body: str) -> str:
    return read_html(f"<html><body>{body}</body></html>".encode()).text.strip("\n")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p>one\n  two</p><p>three</p>", "one two\n\nthree"),
        ("a<br>b", "a\nb"),
        ("<p>a <b>b</b><i> c </i>d</p>", "a b c d"),
        ("<p>x<sup>2</sup>, <a href=u>li</a>nk</p>", "x2, link"),
        ("<ul><li>a<li><p>b</p></ul>", "- a\n- b"),
        ("<ol><li>a<ul><li>b</ul><li>c</ol>", "1. a\n  - b\n2. c"),
        ("<table><tr><th>h<th>k<tr><td><p>1</p><p>x</p><td>2</table>", "h | k\n1 x | 2"),
        ("<pre>\nif x:\n    y</pre>after", "if x:\n    y\n\nafter"),
        ("<pre>one\n<b>two</b>\n\n  three\n</pre>", "one\ntwo\n\n  three"),
        ("<dl><dt>t<dd>d</dl>", "t\nd"),
        ("a &lt;b&gt; &amp; &#20445;", "a <b> & 保"),
        ("<p>水泵的保修\n    期是两年</p>", "水泵的保修期是两年"),
    ],
)
def test_blocks_are_lines_and_inline_markup_is_none(body: str, text: str) -> None:
    assert text_of(body) == text


@pytest.mark.parametrize(
    "hidden",
    ["<script>no</script>", "<style>no</style>", "<nav>no</nav>", "<p hidden>no</p>", "<!-- no -->",
     "<template>no</template>", "<svg><text>no", '<p style="color:red; display : none">no</p>',
     '<b aria-hidden="true">no</b>', "<noscript>no</noscript>"],
)  # fmt: skip
def test_what_a_reader_does_not_see_is_left_out(hidden: str) -> None:
    assert text_of(f"<p>yes</p>{hidden}") == "yes"


def test_headings_are_sections_that_begin_at_their_text() -> None:
    content = read_html(
        "<title>T</title><h1>保修 <em>terms</em></h1><p>x</p><h2>Pumps</h2><p>y</p><h1>End</h1>".encode()
    )
    assert [(s.title, s.level, content.text[s.start : s.end].split("\n")[0]) for s in content.sections] == [
        ("保修 terms", 1, "保修 terms"),
        ("Pumps", 2, "Pumps"),
        ("End", 1, "End"),
    ]
    assert content.title == "T"


def test_the_head_names_author_and_date() -> None:
    page = b'<head><meta name=Author content="Li"><meta name=date content="2024-05-01"></head><h1>Only</h1>'
    content = read_html(page)
    assert (content.title, content.metadata) == ("Only", {"author": "Li", "date": "2024-05-01"})


def test_a_declared_encoding_is_used() -> None:
    page = '<meta http-equiv="Content-Type" content="text/html; charset=gb2312"><p>保修期</p>'
    assert read_html(page.encode("gb18030")).text.strip() == "保修期"


def test_entities_bring_no_invisible_characters_in() -> None:
    content = read_html(b"<p>a&#8203;b&#x202E;c</p>")
    assert (content.text.strip(), content.metadata["removed_invisible"]) == ("abc", 2)


def test_a_deep_page_is_read_without_recursion() -> None:
    assert text_of("<div>" * 5000 + "deep") == "deep"
