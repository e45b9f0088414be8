"""The report in a browser: what is seen, what the keys do, and that nothing a model wrote can act."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eval.harness.record import record_of
from eval.harness.task import Answered, Sample
from eval.reports import write_report
from tests.helpers.browser import Browser, open_browser
from tests.helpers.evaluation_runs import figure, record, write_run

NUM_SAMPLES = 1_500
HOSTILE = (
    "</script><script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'><svg onload=window.pwned=3>"
    "<!--<script>\"'`{{7*7}}${window.pwned = 4}&lt;b&gt;\u202eright to left\u2066\x00\x1b[31m\ud800"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of many samples: the first is right in one of four, the second in one of two."""
    folder = tmp_path_factory.mktemp("runs")
    runs = []
    for name, period in (("small", 4), ("large", 2)):
        records = [answered(idx, name, float(idx % period == 0)) for idx in range(NUM_SAMPLES)]
        acc = figure(1 / period, 1 / period - 0.02, 1 / period + 0.02, n=NUM_SAMPLES)
        runs.append(write_run(folder / name, records, {"acc": acc}, model=name))
    write_report(runs, folder / "report.html")
    return folder / "report.html"


def answered(idx: int, name: str, acc: float) -> dict[str, Any]:
    answer = f"The {name} answer is {idx}." if idx % 3 else "The same answer."
    sample = record(idx, f"What is the number {idx}?", answer, str(idx), acc=acc)
    sample["token_logprobs"] = [["The", -0.05], [" answer", -1.5], [" is", None], ["\n", -9.0]]
    return sample


def text(browser: Browser, selector: str) -> str:
    found: str = browser.evaluate(f"document.querySelector({selector!r})?.textContent ?? ''")
    return found


def choose(browser: Browser, control: str, value: str, event: str = "change") -> None:
    browser.evaluate(
        f"{{ const control = document.getElementById({control!r}); control.value = {value!r};"
        f" control.dispatchEvent(new Event({event!r})) }}"
    )


def test_it_opens_quietly_and_asks_for_nothing(browser: Browser, page: Path) -> None:
    browser.look()
    browser.open(page)
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
    assert "0.250" in text(browser, "#scores")
    assert "0.500" in text(browser, "#scores")
    assert text(browser, "#count") == "1,500 of 1,500"


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("dark", [False, True])
def test_a_picture_of_it_is_a_picture_of_something(browser: Browser, page: Path, width: int, dark: bool) -> None:
    browser.look(width=width, height=800, dark=dark)
    browser.open(page)
    size, share_drawn = drawn(browser.screenshot())
    assert size == (width, 800)
    assert 0.01 < share_drawn < 0.5
    assert browser.evaluate("document.documentElement.scrollWidth") <= width  # nothing sticks out
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(22, 24, 29)" if dark else "rgb(255, 255, 255)"
    )


def test_a_blank_picture_is_known_as_one(browser: Browser, page: Path) -> None:
    browser.look(width=300, height=300)
    browser.open(page)
    browser.evaluate("document.body.replaceChildren()")
    assert drawn(browser.screenshot()) == ((300, 300), 0.0)


def test_it_speaks_chinese_when_asked_and_so_does_the_address(browser: Browser, page: Path) -> None:
    browser.look()
    browser.open(page)
    assert text(browser, "h1") == "Evaluation report"
    browser.evaluate("document.querySelector('[data-language=zh]').click()")
    assert text(browser, "h1") == "评测报告"
    assert browser.evaluate("document.documentElement.lang") == "zh"
    browser.open(page, browser.evaluate("location.hash"))
    assert text(browser, "h1") == "评测报告"
    assert text(browser, "#sample h3") == "样本 0"


def test_arrow_keys_walk_through_the_samples(browser: Browser, page: Path) -> None:
    browser.look()
    browser.open(page)
    browser.evaluate("document.getElementById('list').focus()")
    for key, number in (("ArrowDown", 1), ("ArrowDown", 2), ("ArrowUp", 1), ("End", NUM_SAMPLES - 1)):
        browser.press(key)
        assert text(browser, "#sample h3") == f"Sample {number}"
    active = "document.getElementById(document.getElementById('list').getAttribute('aria-activedescendant'))"
    assert browser.evaluate(f"{active}.getAttribute('aria-posinset')") == str(NUM_SAMPLES)
    browser.press("Enter")
    browser.press("ArrowLeft")
    browser.press("ArrowLeft")
    assert text(browser, "#sample h3") == f"Sample {NUM_SAMPLES - 3}"


def test_the_buttons_turn_to_the_next_sample_and_keep_the_focus(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.evaluate("document.getElementById('turn-next').focus()")
    browser.evaluate("document.activeElement.click()")
    browser.evaluate("document.activeElement.click()")
    assert text(browser, "#sample h3") == "Sample 2"


def test_only_the_rows_in_view_exist(browser: Browser, page: Path) -> None:
    browser.look()
    browser.open(page)
    assert 5 < browser.evaluate("document.querySelectorAll('.row').length") < 60
    assert browser.evaluate("document.getElementById('list').scrollHeight") > 20 * NUM_SAMPLES


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ("right", NUM_SAMPLES // 4),
        ("wrong", NUM_SAMPLES * 3 // 4),
        ("gained", NUM_SAMPLES // 4),
        ("lost", 0),
        ("value_changed", NUM_SAMPLES // 4),
        ("answer_changed", NUM_SAMPLES * 2 // 3),
    ],
)
def test_samples_are_filtered(browser: Browser, page: Path, wanted: str, count: int) -> None:
    browser.open(page)
    choose(browser, "filter", wanted)
    assert text(browser, "#count") == f"{count:,} of 1,500"


def test_samples_are_found_by_any_of_their_texts(browser: Browser, page: Path) -> None:
    browser.open(page)
    choose(browser, "search", "LARGE ANSWER is 1234", "input")
    browser.wait_until("document.getElementById('count').textContent === '1 of 1,500'")
    assert text(browser, "#sample h3") == "Sample 1234"
    choose(browser, "search", "nobody wrote this", "input")
    browser.wait_until("document.getElementById('count').textContent === '0 of 1,500'")
    assert text(browser, "#sample") == "No sample is like that."
    choose(browser, "search", "", "input")
    browser.wait_until("document.getElementById('count').textContent === '1,500 of 1,500'")
    assert text(browser, "#sample h3") == "Sample 0"


def test_samples_are_sorted_by_value_and_by_change(browser: Browser, page: Path) -> None:
    browser.open(page)
    choose(browser, "sort", "value_down")
    assert [row[:4] for row in rows(browser, 3)] == ["#0A ", "#4A ", "#8A "]
    choose(browser, "sort", "change")
    assert [row[:4] for row in rows(browser, 3)] == ["#2A ", "#6A ", "#10A"]


def rows(browser: Browser, count: int) -> list[str]:
    found: list[str] = browser.evaluate("[...document.querySelectorAll('.row')].map((row) => row.textContent)")
    return found[:count]


def test_an_address_of_anyones_making_does_no_harm(browser: Browser, page: Path) -> None:
    browser.open(page, "#task=9&run_a=-1&run_b=x&measure=1e9&filter=__proto__&sort=toString&constructor=1&sample=%00")
    assert browser.complaints() == []
    assert text(browser, "#sample h3") == "Sample 0"


def test_the_words_that_differ_are_marked_in_both_answers(browser: Browser, page: Path) -> None:
    browser.open(page, "#sample=7")
    marked = browser.evaluate("[...document.querySelectorAll('#sample mark')].map((mark) => mark.textContent)")
    assert marked == ["small", "large"]


def test_a_changed_sample_is_one_click_from_the_figures(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.evaluate("document.querySelector('[data-show]').click()")
    assert text(browser, "#count") == f"{NUM_SAMPLES // 4} of 1,500"
    assert text(browser, "#sample h3") == "Sample 2"


def test_a_token_says_its_value_and_rank_to_the_keyboard(browser: Browser, page: Path) -> None:
    browser.open(page, "#sample=7")
    browser.evaluate("document.querySelector('.heat .token').focus()")
    assert text(browser, ".token-about") == (
        '"The": log-probability −0.050, probability 95.1 %; surprise 3 of 4 in this sample'
    )
    browser.press("ArrowRight")
    browser.press("ArrowRight")
    assert text(browser, ".token-about") == '" is": its log-probability is not known'
    browser.press("ArrowRight")
    assert text(browser, ".token-about").startswith(r'"\n": log-probability −9.000, probability 0.0123 %; surprise 1')
    assert text(browser, "#sample h3") == "Sample 7"  # the same arrow did not turn to the next sample
    classes = browser.evaluate("[...document.querySelectorAll('.heat')[0].children].map((token) => token.classList[1])")
    assert classes == ["heat-0", "heat-2", "heat-none", "heat-5"]


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs in which every text, name and key is an attack."""
    folder = tmp_path_factory.mktemp("hostile")
    runs = []
    for name in ("<img src=x onerror=window.pwned=5>", "b"):
        sample = Sample(doc_id=0, doc={HOSTILE: HOSTILE, "question": HOSTILE}, target=HOSTILE, cluster=HOSTILE)
        asked = Answered(
            arguments=[(HOSTILE, {HOSTILE: HOSTILE})],
            resps=[HOSTILE + name],
            filtered_resps=[{HOSTILE: HOSTILE}],
            values={HOSTILE: 1.0},
            token_logprobs=[(HOSTILE, -1.0), (HOSTILE, None)],
            notes={HOSTILE: [HOSTILE]},
        )
        shown = figure(0.5, 0.4, 0.6, n=1, method=HOSTILE, signature=HOSTILE)
        runs.append(
            write_run(
                folder / name,
                [record_of(sample, asked)],
                {HOSTILE: shown},
                task=HOSTILE,
                model=HOSTILE,
                settings={HOSTILE: {HOSTILE: HOSTILE}},
                conditions={HOSTILE: HOSTILE, "command": HOSTILE},
            )
        )
    write_report(runs, folder / "report.html")
    return folder / "report.html"


def test_nothing_that_was_written_can_act(browser: Browser, hostile_page: Path) -> None:
    browser.look()
    browser.open(hostile_page)
    browser.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
    for language in ("zh", "en"):
        browser.evaluate(f"document.querySelector('[data-language={language}]').click()")
    choose(browser, "search", "onerror", "input")
    browser.wait_until("document.getElementById('count').textContent === '1 of 1'")
    browser.evaluate("document.querySelectorAll('.heat .token').forEach((token) => token.focus())")
    assert browser.evaluate("window.pwned") is None
    assert browser.complaints() == []
    assert browser.requests() == [hostile_page.as_uri()]
    assert browser.evaluate("document.querySelectorAll('img, iframe, object, embed, link, base').length") == 0
    assert browser.evaluate("document.scripts.length") == 3  # one part of samples, the report, the page's own
    assert text(browser, "#sample .answered .text").startswith("</script><script>window.pwned = 1</script><img src=x")


def test_characters_that_reorder_a_line_are_spelled_out_everywhere(browser: Browser, hostile_page: Path) -> None:
    browser.open(hostile_page)
    shown = browser.evaluate(
        "[...document.querySelectorAll('header, #scores, #differences, #runs, #samples')]"
        ".map((part) => part.textContent)"
    )
    assert len(shown) == 5
    for part in shown:
        assert "⟨U+202E⟩right to left⟨U+2066⟩⟨U+0000⟩⟨U+001B⟩[31m⟨U+D800⟩" in part
        assert not set("\u202e\u2066\x00\x1b") & set(part)


def test_a_run_without_samples_opens(browser: Browser, tmp_path: Path) -> None:
    write_report([write_run(tmp_path / "a", [], {})], tmp_path / "report.html")
    browser.open(tmp_path / "report.html")
    assert browser.complaints() == []
    assert text(browser, "#sample") == "No sample is like that."


def test_even_its_own_script_cannot_write_html(browser: Browser, page: Path) -> None:
    browser.open(page)
    with pytest.raises(AssertionError, match="requires 'TrustedHTML'"):
        browser.evaluate("document.body.innerHTML = '<b>bold</b>'")
    with pytest.raises(AssertionError, match="Failed to fetch"):
        browser.evaluate("fetch('https://example.invalid/')")
    assert any("Content Security Policy" in complaint for complaint in browser.complaints())


def drawn(png: bytes) -> tuple[tuple[int, int], float]:
    """Width and height of a PNG, and the share of its bytes that differ from what their neighbours would foretell.

    Rows are stored as differences, so where nothing is drawn there are zeros, but for the first pixel.
    """
    width, height = struct.unpack(">II", png[16:24])
    compressed, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            compressed += png[at + 8 : at + 8 + length]
        at += 12 + length
    rows = zlib.decompress(compressed)
    row_len = len(rows) // height
    colours = b"".join(rows[start + 1 : start + row_len] for start in range(0, len(rows), row_len))
    num_differing = len(colours) - colours.count(0)
    first_pixels = height * (row_len - 1) // width  # filters may leave one pixel a row, or one in all, as it is
    return (width, height), max(0, num_differing - first_pixels) / len(colours)
