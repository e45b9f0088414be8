"""One HTML file about one or more runs: scores with intervals, how they were made, differences, and every sample.

The file is all there is: no network, no font, no script from elsewhere, which its Content-Security-Policy also forbids.
Only the style and the script that stand here may act, by their hashes, and the script cannot write HTML, so text of a
model or a document stays text whatever it says.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from appkit.errors import EvaluationError
from eval.harness.stored_run import load_run
from eval.reports.conditions import conditions_section
from eval.reports.differences import differences_section
from eval.reports.listed_runs import MAX_RUNS, ListedRun, by_task, list_runs
from eval.reports.markup import as_html, element
from eval.reports.page_text import page_file, page_texts, text
from eval.reports.sample_browser import browser_section
from eval.reports.sample_data import MAX_PAGE_BYTES, script_json, task_samples
from eval.reports.score_axis import scale_of
from eval.reports.scores import scores_section
from runtime.files import write_atomic

# In this order they make one script; each holds one part of the page.
_SCRIPTS = ("text.js", "data.js", "choice.js", "order.js", "words.js", "heat.js", "list.js", "sample.js", "page.js")


def write_report(runs: Sequence[Path], path: Path) -> None:
    """Write the report of `runs`, each the folder of a finished run, to `path`, whole or not at all.

    Runs of one task are compared, each with the first of it.

    Raises:
        ValueError: no run, or more than `MAX_RUNS`.
        appkit.errors.EvaluationError: a folder holds no run that this build reads, or `path` cannot be written.
    """
    if not 1 <= len(runs) <= MAX_RUNS:
        raise ValueError(f"A report shows 1 to {MAX_RUNS} runs, got {len(runs)}.")
    listed = list_runs([load_run(folder) for folder in runs])
    try:
        with write_atomic(path) as file:
            for piece in _page(listed):
                file.write(piece.encode())
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written: {error.strerror}.") from error


def _page(runs: Sequence[ListedRun]) -> Iterator[str]:
    style, script = page_file("style.css"), _script()
    yield "<!doctype html>\n<html lang=en>\n"
    yield as_html(_head(runs, style, script)) + "\n<body>\n"
    yield as_html(_header(runs)) + "\n<main>\n"
    for section in (scores_section(runs), differences_section(runs), conditions_section(runs), browser_section()):
        if section is not None:
            yield as_html(section) + "\n"
    yield "</main>\n"
    yield from _data(runs)
    yield f"<script>{script}</script>\n</body>\n</html>\n"


def _head(runs: Sequence[ListedRun], style: str, script: str) -> Element:
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return element(
        "head",
        {},
        element("meta", {"charset": "utf-8"}),
        element("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("meta", {"name": "referrer", "content": "no-referrer"}),
        element("meta", {"name": "color-scheme", "content": "light dark"}),
        element("title", {}, "Evaluation: " + ", ".join(dict.fromkeys(listed.run.task for listed in runs))),
        element("style", {}, style),
    )


def _header(runs: Sequence[ListedRun]) -> Element:
    tasks = ", ".join(dict.fromkeys(listed.run.task for listed in runs))
    links = element("nav", {"data-label": "sections"})
    has_pairs = len(by_task(runs)) < len(runs)
    for name in ("scores", *(["differences"] if has_pairs else []), "runs", "samples"):
        links.append(text("a", name, {"href": f"#{name}"}))
    languages = element("div", {"class": "languages", "role": "group", "data-label": "language"})
    for code, name in (("en", "English"), ("zh", "中文")):
        languages.append(element("button", {"type": "button", "data-language": code, "lang": code}, name))
    title = element("div", {}, text("h1", "title"), element("p", {"class": "about"}, element("bdi", {}, tasks)))
    return element("header", {}, title, links, languages)


def _data(runs: Sequence[ListedRun]) -> Iterator[str]:
    """Data blocks: of a type that no browser runs, and without a `<` that could end them."""
    tasks: list[dict[str, Any]] = []
    room = MAX_PAGE_BYTES
    for name, of_task in by_task(runs).items():
        samples = task_samples([listed.run for listed in of_task], room)
        room -= samples.num_bytes
        for part_idx, part in enumerate(samples.parts):
            yield f'<script type="application/json" id="part-{len(tasks)}-{part_idx}">{part}</script>\n'
        lower = {each.name for listed in of_task for each in listed.run.measures if not each.higher_is_better}
        own = [measure for measure in samples.index["measures"] if scale_of(measure, ()).startswith("own:")]
        shown = {"name": name, "runs": [listed.idx for listed in of_task], "lower": sorted(lower), "own": own}
        folders = [str(listed.run.folder) for listed in of_task]
        tasks.append({**shown, "folders": folders, "numAll": samples.num_all, **samples.index})
    named = [{"letter": listed.letter, "name": listed.name} for listed in runs]
    report = script_json({"runs": named, "tasks": tasks, "texts": page_texts()})
    yield f'<script type="application/json" id="report">{report}</script>\n'


def _script() -> str:
    """One strict function, so that nothing is left in the window for a page's own names to clash with."""
    script = "(() => {\n'use strict';\n" + "\n".join(page_file(name) for name in _SCRIPTS) + "\n})();"
    assert "</" not in script and "<!--" not in script, "the script would end its own element"
    return script


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
