"""The frame of the sample browser, which the script of the page fills: controls, a list, a place for one sample."""

from xml.etree.ElementTree import Element

from eval.reports.markup import element
from eval.reports.page_text import text

_FILTERS = ("all", "right", "wrong", "gained", "lost", "value_changed", "answer_changed")
_SORTS = ("by_number", "value_up", "value_down", "change")


def browser_section() -> Element:
    """The controls name what they are; what they offer depends on the task and is put in by the script."""
    controls = element("div", {"class": "controls"})
    for name in ("task", "run_a", "run_b", "measure"):
        controls.append(_choice(name, ()))
    controls.append(_choice("filter", _FILTERS))
    controls.append(_choice("sort", _SORTS))
    search = element("input", {"id": "search", "type": "search", "autocomplete": "off", "spellcheck": "false"})
    controls.append(element("label", {"class": "search"}, text("span", "search"), search))
    options = {"id": "list", "role": "listbox", "tabindex": "0", "data-label": "samples"}
    listing = element("div", {"class": "listing"}, element("p", {"id": "count", "role": "status"}))
    listing.append(element("div", options, element("div", {"id": "list-height"})))
    browser = element("div", {"class": "browser"}, listing, element("article", {"id": "sample", "tabindex": "-1"}))
    return element(
        "section",
        {"id": "samples"},
        text("h2", "samples"),
        text("noscript", "needs_script"),
        controls,
        element("p", {"id": "left-out", "class": "warning", "hidden": ""}),
        browser,
    )


def _choice(name: str, values: tuple[str, ...]) -> Element:
    select = element("select", {"id": name})
    for value in values:
        select.append(element("option", {"value": value}))
    return element("label", {"data-for": name}, text("span", name), select)
