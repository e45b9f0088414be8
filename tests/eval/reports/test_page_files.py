"""The files of the page: both languages say the same things, and every colour can be read."""

import re
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest

import eval.reports.page_text as page_text_module
from eval.harness.compare import Reason
from eval.reports.page_text import page_file, page_texts, text

FOLDER = Path(page_text_module.__file__).parent
COLOURS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);", page_file("style.css"))
}
SCHEMES = [pytest.param(0, id="light"), pytest.param(1, id="dark")]


@pytest.mark.parametrize("key", sorted(page_texts()))
def test_both_languages_say_it_with_the_same_values(key: str) -> None:
    english, chinese = page_texts()[key]
    assert english and chinese
    assert set(re.findall(r"{(\w+)}", english)) == set(re.findall(r"{(\w+)}", chinese))


def test_every_text_is_used() -> None:
    sources = [path.read_text("utf-8") for pattern in ("*.py", "page/*.js") for path in FOLDER.glob(pattern)]
    quoted = set(re.findall(r"""['"](\w+)['"]""", "\n".join(sources)))
    unused = [key for key in page_texts() if key not in quoted and not key.startswith(("fact_", "show_", "reason_"))]
    assert not unused


def test_every_text_that_a_script_says_is_there() -> None:
    said = {key for path in FOLDER.glob("page/*.js") for key in re.findall(r"say\('(\w+)'", path.read_text("utf-8"))}
    assert said
    assert said <= page_texts().keys()


def test_every_reason_for_no_test_has_its_words() -> None:
    assert {f"reason_{reason}" for reason in get_args(Reason)} <= page_texts().keys()


def test_a_missing_value_is_an_error_not_a_hole() -> None:
    with pytest.raises(KeyError, match="count"):
        text("p", "facts_left")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("ground", ["paper", "panel", "chosen"])
@pytest.mark.parametrize("ink", ["ink", "quiet", "accent", "warning", "good", "bad"])
def test_text_can_be_read_on_every_ground(ink: str, ground: str, scheme: int) -> None:
    assert contrast(COLOURS[ink][scheme], COLOURS[ground][scheme]) >= 4.5  # WCAG 2.2, AA


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("level", range(1, 6))
def test_a_token_of_every_level_can_be_read(level: int, scheme: int) -> None:
    ink = COLOURS.get(f"heat-ink-{level}", COLOURS["ink"])
    assert contrast(ink[scheme], COLOURS[f"heat-{level}"][scheme]) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
def test_levels_of_tokens_differ_in_lightness_alone(scheme: int) -> None:
    """Whoever sees no hue sees the order all the same, and the first level already differs from the page."""
    lights = [luminance(COLOURS["paper"][scheme]), *(luminance(COLOURS[f"heat-{n}"][scheme]) for n in range(1, 6))]
    assert lights == sorted(lights, reverse=scheme == 0)
    assert all((max(pair) + 0.05) / (min(pair) + 0.05) >= 1.12 for pair in pairwise(lights))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("place", range(6))
def test_markers_stand_out(place: int, scheme: int) -> None:
    assert contrast(COLOURS[f"run-{place}"][scheme], COLOURS["paper"][scheme]) >= 3  # WCAG 2.2, 1.4.11


@pytest.mark.parametrize("scheme", SCHEMES)
def test_marked_words_can_be_read(scheme: int) -> None:
    assert contrast(COLOURS["ink"][scheme], COLOURS["differs"][scheme]) >= 4.5


def contrast(a: str, b: str) -> float:
    lights = sorted((luminance(a), luminance(b)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour: str) -> float:
    """Source: WCAG 2.2, relative luminance."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
