"""The Debian Reference in English and Chinese: does a section's title find its section?

    apt-get install debian-reference-en debian-reference-zh-cn
    python -m eval.tasks.debian_reference [--embedder NAME] [--json] [--write]

A passage is the text of one section without its heading and without its subsections; the query is the heading without
its number. So the title is not in the passage unless the author said it again. Other sections may name the title in a
reference, as the book has it. Sections are paired across languages by the anchors that both editions share. Sections
of fewer than 40 characters are left out; so are titles that two sections share, as no one could tell which is meant.
"""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from selectolax.lexbor import LexborHTMLParser, LexborNode

from appkit import LocalEmbedder
from appkit.retrieval.index import DocumentIndex
from appkit.retrieval.search import SearchMethod, search
from eval.tasks.collection import Collection, Query, indexed, ranked_passages
from eval.tasks.provenance import provenance
from eval.tasks.results import write_results
from eval.tasks.retrieval_figures import as_table, compare, means, measure

DATA = Path("/usr/share/debian-reference")
NAMES = ("recall@1", "recall@10", "MRR")
METHODS: tuple[SearchMethod, ...] = ("bm25", "dense", "hybrid")
Edition = Literal["en", "zh"]
PAIRS: tuple[tuple[Edition, Edition], ...] = (("en", "en"), ("zh", "zh"), ("zh", "en"), ("en", "zh"))
MIN_CHARS = 40
_FILES: dict[Edition, str] = {"en": "*.en.html", "zh": "*.zh-cn.html"}
_NUMBER = re.compile(r"^(?:第\s*\d+\s*章|Chapter\s+\d+\.|附录\s*[A-Z]\.?|Appendix\s+[A-Z]\.|(?:[A-Z]\.)?(?:\d+\.)+)\s*")
_EMPTY_ANCHOR = re.compile(r"(<a id=\"[^\"]*\")/>")


def load_sections(folder: Path, edition: Edition) -> dict[str, tuple[str, str]]:
    """For each section's anchor its title and its own text.

    Raises:
        FileNotFoundError: the package is not installed.
    """
    files = sorted(folder.glob(_FILES[edition]))
    if not files:
        package = {"en": "debian-reference-en", "zh": "debian-reference-zh-cn"}[edition]
        raise FileNotFoundError(f"{folder} holds no {_FILES[edition]}: apt-get install {package}")
    return {anchor: (title, text) for path in files for anchor, title, text in _sections(path)}


def _sections(path: Path) -> Iterator[tuple[str, str, str]]:
    """Anchor, title and own text of every section of a page; inner ones are taken out before outer ones are read."""
    closed = _EMPTY_ANCHOR.sub(r"\1></a>", path.read_text("utf-8"))  # XHTML; an HTML parser would leave them open
    tree = LexborHTMLParser(closed)
    for node in reversed(tree.css("div.section, div.chapter, div.appendix, div.preface")):
        heading = node.css_first("h1.title, h2.title, h3.title, h4.title, h5.title")
        anchor = node.css_first("a[id]")
        if heading is not None and anchor is not None:
            title = _NUMBER.sub("", _plain(heading))
            for furniture in node.css("div.titlepage, div.toc"):
                furniture.decompose()
            yield anchor.attributes["id"] or "", title, _plain(node)
        node.decompose()


def _plain(node: LexborNode) -> str:
    """A node's text with single spaces, the no-break ones of the numbers included."""
    return " ".join(node.text(separator=" ").split())


def build_collection(
    sections: Mapping[Edition, Mapping[str, tuple[str, str]]],
) -> dict[tuple[Edition, Edition], Collection]:
    """For each pair of languages the titles of the first as queries for the passages of the second."""
    passages = {
        edition: {f"{edition}/{anchor}": text for anchor, (_, text) in found.items() if len(text) >= MIN_CHARS}
        for edition, found in sections.items()
    }
    collections = {}
    for asked, searched in PAIRS:
        titles = {anchor: title for anchor, (title, _) in sections[asked].items()}
        times = Counter(titles.values())
        queries = (
            Query(anchor, title, {f"{searched}/{anchor}": 1})
            for anchor, title in titles.items()
            if f"{searched}/{anchor}" in passages[searched] and times[title] == 1
        )
        collections[asked, searched] = Collection(passages[searched], tuple(queries))
    return collections


def evaluate(index: DocumentIndex, collection: Collection, searched: Edition) -> dict[str, dict[str, list[float]]]:
    """Each method's measures for every query, among the passages of one language."""
    values: dict[str, dict[str, list[float]]] = {}
    only = f'source startswith "{searched}/"'
    for method in METHODS:
        found = [search(index, query.text, method=method, limit=50, filter=only) for query in collection.queries]
        rankings = [ranked_passages(hits) for hits in found]
        values[method] = measure(collection.queries, rankings, NAMES)
    return values


def as_markdown(figures: Mapping[str, Any]) -> str:
    """One embedder's figures as a section of a results page."""
    lines = [f"## {figures['embedder']}"]
    for pair, found in figures["pairs"].items():
        lines += [
            f"{pair}: {found['queries']} titles, {found['passages']} passages.",
            as_table(found["means"], "search"),
        ]
    return "\n\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.tasks.debian_reference", description=__doc__.splitlines()[0])
    parser.add_argument("--embedder", default="e5-small-multilingual")
    parser.add_argument("--data", type=Path, default=DATA, help="where the Debian packages put the HTML pages")
    parser.add_argument("--work", type=Path, default=None, help="keep the index here for the next run")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="also put the figures into eval/results")
    options = parser.parse_args()

    editions: tuple[Edition, ...] = ("en", "zh")
    collections = build_collection({edition: load_sections(options.data, edition) for edition in editions})
    passages = {name: text for pair in collections.values() for name, text in pair.passages.items()}
    work = options.work / options.embedder if options.work else None
    source = provenance("eval.tasks.debian_reference", "--embedder", options.embedder)
    figures: dict[str, Any] = {"embedder": options.embedder, **source, "pairs": {}}
    with LocalEmbedder(options.embedder) as embedder, indexed(passages, embedder, work) as index:
        for (asked, searched), collection in collections.items():
            values = evaluate(index, collection, searched)
            figures["pairs"][f"{asked}→{searched}"] = {
                "queries": len(collection.queries),
                "passages": len(collection.passages),
                "means": {method: means(columns) for method, columns in values.items()},
                "hybrid - dense, recall@1": compare(values["hybrid"]["recall@1"], values["dense"]["recall@1"]),
            }
    if options.write:
        about = " ".join(__doc__.split("\n\n")[2].split())
        write_results("debian-reference", options.embedder, figures, title="The Debian Reference", about=about,
                      as_markdown=as_markdown)  # fmt: skip
    sys.stdout.write((json.dumps(figures, ensure_ascii=False) if options.json else as_markdown(figures)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
