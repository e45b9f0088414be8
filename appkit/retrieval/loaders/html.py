"""HTML: what a reader sees, blocks on lines of their own, headings as sections."""

import re
from typing import TYPE_CHECKING

from appkit.retrieval.documents import Scalar
from appkit.retrieval.loaders.content import Content, Heading, TextBuilder, text_metadata
from appkit.retrieval.loaders.plain_text import decode_clean

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

DROPPED = frozenset([
    "audio", "button", "canvas", "datalist", "dialog", "embed", "head", "iframe", "input", "math", "nav", "noscript",
    "object", "script", "select", "style", "svg", "template", "textarea", "video",
])  # fmt: skip
PARAGRAPHS = frozenset([
    "article", "aside", "blockquote", "dl", "figure", "footer", "header", "main", "ol", "p", "pre", "section", "table",
    "ul",
])  # fmt: skip
LINES = frozenset([
    "address", "caption", "center", "dd", "details", "div", "dt", "fieldset", "figcaption", "form", "hr", "legend",
    "li", "summary", "tr",
])  # fmt: skip
HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6"])
_CELL_KEEPS_BREAKS = HEADINGS | {"table", "pre", "ul", "ol", "li", "tr"}  # inside a cell other blocks are a space
_DECLARED = re.compile(
    rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w:.-]{1,40})|<\?xml[^>]{0,100}encoding=["']([\w.-]{1,40})""", re.I
)
_DECLARED_WITHIN_BYTES = 4096
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
_CJK = "\u2e80-\u303f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"
_BREAK_IN_CJK = re.compile(rf"(?<=[{_CJK}])[ \t]*\n\s*(?=[{_CJK}])")  # a line end in the source is no space there
_MAX_LIST_DEPTH = 8  # of indentation


def read_html(data: bytes) -> Content:
    """The body without scripts, styles, navigation and what is hidden; title, author and date from the head."""
    from selectolax.lexbor import LexborHTMLParser

    match = _DECLARED.search(data[:_DECLARED_WITHIN_BYTES])
    declared = (match[1] or match[2]).decode("ascii") if match else None
    text, metadata = decode_clean(data, declared)
    tree = LexborHTMLParser(text)
    title_node = tree.css_first("title")
    renderer = _Renderer()
    if tree.body is not None:
        renderer.render(tree.body)
    title = title_node.text() if title_node is not None else ""
    first = next(iter(renderer.builder.headings), None)
    return renderer.builder.content(
        title=title if title.strip() or first is None else first.title, metadata={**_metadata(tree), **metadata}
    )


def _metadata(tree: "LexborHTMLParser") -> dict[str, Scalar]:
    found: dict[str, object] = {}
    for node in tree.css("meta[name][content]"):
        name = (node.attributes.get("name") or "").lower()
        if name in ("author", "date", "description", "keywords"):
            found.setdefault(name, node.attributes.get("content"))
    return text_metadata(found)


class _Renderer:
    """Walks a tree once, without recursion (a page may nest as deep as it likes), and writes its text."""

    def __init__(self) -> None:
        self.builder = TextBuilder()
        self._is_space_due = False  # between the last word and the next
        self._is_marker_last = False  # "- " has been written and nothing after it
        self._pre_depth = 0
        self._cell_depth = 0
        self._counters: list[int | None] = []  # of the lists we are in; None for one without numbers
        self._heading: tuple[int, list[str]] | None = None  # where the heading that we are in began, its pieces

    def render(self, root: "LexborNode") -> None:
        """Write everything under `root`."""
        node: LexborNode | None = root
        root_id = root.mem_id
        while node is not None:
            if self._enter(node) and node.child is not None:
                node = node.child
                continue
            while node is not None:
                self._leave(node)
                if node.mem_id == root_id:
                    return
                if node.next is not None:
                    node = node.next
                    break
                node = node.parent

    def _enter(self, node: "LexborNode") -> bool:
        """Begin a node; whether to go on with its children."""
        if node.is_text_node:
            self._add_text(node.text_content or "")
            return False
        tag = node.tag or ""
        if not node.is_element_node or tag in DROPPED or _is_hidden(node):
            return False
        self._break_before(tag)
        if tag == "br":
            self._break(1)
        elif tag == "pre":
            self._pre_depth += 1
        elif tag in ("ul", "ol"):
            self._counters.append(0 if tag == "ol" else None)
        elif tag == "li":
            self._add_marker()
        elif tag in ("td", "th"):
            self._begin_cell(node)
        elif tag in HEADINGS and self._heading is None:
            self._heading = (self.builder.length, [])
            self.builder.add_heading("", int(tag[1]))
        return True

    def _leave(self, node: "LexborNode") -> None:
        """End a node that was entered, with all its children; one that was not has no effect here."""
        tag = node.tag or ""
        if not node.is_element_node or tag in DROPPED or _is_hidden(node):
            return
        if tag == "pre":
            self._pre_depth -= 1
        elif tag in ("ul", "ol"):
            self._counters.pop()
        elif tag in ("td", "th"):
            self._cell_depth -= 1
            self._is_space_due = False
        elif tag in HEADINGS and self._heading is not None:
            start, pieces = self._heading
            self._heading = None
            self.builder.headings[-1] = Heading(title="".join(pieces), level=int(tag[1]), start=start)
        self._break_before(tag)

    def _break_before(self, tag: str) -> None:
        """What separates an element of this kind from its neighbours."""
        num_breaks = 2 if tag in PARAGRAPHS or tag in HEADINGS else 1 if tag in LINES else 0
        if tag in ("ul", "ol") and self._counters:
            num_breaks = 1  # a list in a list goes on with its lines
        if not num_breaks:
            return
        if self._cell_depth and tag not in _CELL_KEEPS_BREAKS:
            self._is_space_due = True
        else:
            self._break(num_breaks)

    def _break(self, num_breaks: int) -> None:
        if not self._is_marker_last:  # "- " stays with the paragraph it introduces
            self.builder.end_line(num_breaks)
        self._is_space_due = False

    def _add_text(self, text: str) -> None:
        if self._pre_depth:
            self._write(text)
            return
        text = _BREAK_IN_CJK.sub("", text)
        words = text.split()
        if not words:
            self._is_space_due = self._is_space_due or bool(text)
            return
        is_apart = self._is_space_due or text[0].isspace()
        if is_apart and not self.builder.is_at_line_start and not self._is_marker_last:
            words.insert(0, "")
        self._write(" ".join(words))
        self._is_space_due = text[-1].isspace()

    def _write(self, text: str) -> None:
        if text:
            self.builder.add(text)
            self._is_marker_last = False
            if self._heading is not None:
                self._heading[1].append(text)

    def _add_marker(self) -> None:
        """ "- ", or the number of the item, under the item it belongs to."""
        depth = len(self._counters)
        marker = "- "
        if depth and (count := self._counters[-1]) is not None:
            self._counters[-1] = count + 1
            marker = f"{count + 1}. "
        self._is_marker_last = False
        self._break(1)
        self.builder.add("  " * min(depth - 1, _MAX_LIST_DEPTH) + marker)
        self._is_marker_last = True

    def _begin_cell(self, node: "LexborNode") -> None:
        self._cell_depth += 1
        if not self.builder.is_at_line_start:
            self.builder.add(" | ")
            self._is_space_due = False


def _is_hidden(node: "LexborNode") -> bool:
    attributes = node.attributes
    return bool(attributes) and (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or bool(_HIDDEN_STYLE.search(attributes.get("style") or ""))
    )
