"""Elements escape what they hold, and show what cannot be seen."""

from eval.reports.markup import as_html, element, visible


def test_text_and_attributes_are_escaped() -> None:
    made = element("b", {"title": '"><i>'}, "</b><script>", element("i", {}, "&"), "<tail>")
    assert as_html(made) == '<b title="&quot;&gt;<i&gt;">&lt;/b&gt;&lt;script&gt;<i>&amp;</i>&lt;tail&gt;</b>'


def test_strings_between_elements_keep_their_places() -> None:
    assert as_html(element("p", {}, "a", "b", element("br"), "c", "d")) == "<p>ab<br>cd</p>"


def test_characters_that_hide_or_move_others_are_spelled_out() -> None:
    assert visible("a\u202eb\x00\ud800\U000e0041") == "a⟨U+202E⟩b⟨U+0000⟩⟨U+D800⟩⟨U+E0041⟩"


def test_line_breaks_and_the_joiners_of_scripts_and_emoji_stay() -> None:
    text = "a\tb\nمی\u200cخواهم 👩\u200d🔬"
    assert visible(text) == text
