"""Markdown as styled lines for a terminal, made so that a line once final never changes.

An answer is shown while it is written, and what scrolled away cannot be taken back. So a line depends only on text up
to the end of its block: lists keep the spacing and the numbers they were written with, code is not padded, a line
break of the source stays one, link definitions (which may follow their use) are plain text. The syntax is CommonMark
0.31 with tables and strikethrough; HTML is shown as text, and LaTeX's `\\(` and `\\[` keep their backslashes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from appkit.cli.columns import columns, line_breaks
from appkit.cli.printable import printable

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

# Select Graphic Rendition parameters (ECMA-48 §8.3.117).
BOLD, DIM, ITALIC, UNDERLINE, STRIKE, CODE = "1", "2", "3", "4", "9", "36"
_INLINE_STYLES = {"strong": BOLD, "em": ITALIC, "s": STRIKE, "code_inline": CODE}
_HEADING_STYLES = {"h1": f"{BOLD};{UNDERLINE}", "h2": BOLD, "h3": BOLD}
_TAB = "    "
_LATEX_BRACKETS = ("\\(", "\\)", "\\[", "\\]")
_MIN_WIDTH = 10  # deeper nesting than fits is let run over the edge


class Run(NamedTuple):
    """Text in one style; "" is plain."""

    text: str
    style: str = ""


Line = tuple[Run, ...]


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """The lines of one paragraph, heading, code block or table, with the bullets and bars before it."""

    lines: tuple[Line, ...]
    block_start: int  # source line where the top-level block around it begins
    num_settled: int = 0  # lines that stay as they are even while the leaf is being written


def render(source: str, width: int) -> list[Leaf]:
    """Every leaf of `source` in order. Text is made printable; lines are at most `width` columns, code aside."""
    from markdown_it.tree import SyntaxTreeNode

    tree = SyntaxTreeNode(_parser().parse(source))
    renderer = _Renderer(source.split("\n"), width)
    for node in tree.children:
        renderer.block_start = _start(node)
        renderer.block(node, (), (), ())
    return renderer.leaves


def is_gap(source_line: str) -> bool:
    """Whether a source line sets apart the blocks around it: it is empty, or empty inside a quotation."""
    return not source_line.strip(" \t>")


def plain(line: Line) -> str:
    """A line without its styles."""
    return "".join(run.text for run in line)


def styled(line: Line) -> str:
    """A line with the terminal's codes for its styles; it ends in the plain style."""
    return "".join(f"\x1b[{run.style}m{run.text}\x1b[0m" if run.style else run.text for run in line)


class _Renderer:
    def __init__(self, source_lines: Sequence[str], width: int) -> None:
        self._source_lines = source_lines
        self._width = width
        self._above: Line = ()
        self.block_start = 0
        self.leaves: list[Leaf] = []

    def block(self, node: "SyntaxTreeNode", above: Line, first: Line, rest: Line) -> None:
        """Add the leaves of a block.

        An empty line above it begins with `above`, its own first line with `first`, later ones with `rest`.
        """
        self._above = above
        match node.type:
            case "bullet_list" | "ordered_list":
                self._list(node, above, first, rest)
            case "blockquote":
                bar = Run("│ ", DIM)
                self._blocks(node, above, (*first, bar), (*rest, bar))
            case "fence" | "code_block":
                self._code(node, first, rest)
            case "heading":
                style = _HEADING_STYLES.get(node.tag, ITALIC)
                self._text(node, first, rest, style)
            case "hr":
                self._leaf(node, [(Run("─" * max(3, min(self._width, 40) - _columns(first)), DIM),)], first, rest)
            case "table":
                self._leaf(node, _table(node, self._room(rest)), first, rest)
            case _:
                self._text(node, first, rest, "")

    def _blocks(self, node: "SyntaxTreeNode", above: Line, first: Line, rest: Line) -> None:
        for idx, child in enumerate(node.children):
            self.block(child, rest if idx else above, rest if idx else first, rest)
        if not node.children:
            self._leaf(node, [], first, rest)

    def _list(self, node: "SyntaxTreeNode", above: Line, first: Line, rest: Line) -> None:
        number = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
        for idx, item in enumerate(node.children):
            bullet = "• " if number is None else f"{number + idx}{item.markup} "
            before = rest if idx else first
            self._blocks(item, rest if idx else above, (*before, Run(bullet)), (*rest, Run(" " * columns(bullet))))

    def _text(self, node: "SyntaxTreeNode", first: Line, rest: Line, style: str) -> None:
        width = self._room(rest)
        lines = [row for line in _inline(node, style) for row in _wrapped(line, width)]
        self._leaf(node, lines, first, rest)

    def _code(self, node: "SyntaxTreeNode", first: Line, rest: Line) -> None:
        code = printable(node.content).removesuffix("\n")
        lines = [(Run(line.expandtabs(len(_TAB)), CODE),) for line in code.split("\n")] if code else []
        num_settled = len(code.rstrip("\n").split("\n")) if code.strip() and node.type == "fence" else 0
        self._leaf(node, lines, first, rest, num_settled)

    def _leaf(
        self, node: "SyntaxTreeNode", lines: Sequence[Line], first: Line, rest: Line, num_settled: int = 0
    ) -> None:
        """Add `lines`, after an empty line where the source has one."""
        start = _start(node)
        gap: list[Line] = []
        if start and is_gap(self._source_lines[start - 1]):
            gap = [_without_trailing_spaces(self._above)]
        body = [(*(rest if idx else first), *line) for idx, line in enumerate(lines or [()])]
        self.leaves.append(
            Leaf(
                lines=tuple(map(_without_trailing_spaces, [*gap, *body])),
                block_start=self.block_start,
                num_settled=num_settled and num_settled + len(gap),
            )
        )

    def _room(self, prefix: Line) -> int:
        return max(_MIN_WIDTH, self._width - _columns(prefix))


def _inline(node: "SyntaxTreeNode", style: str) -> list[list[Run]]:
    """The text of a paragraph, heading or table cell: a list of runs for each line of the source."""
    lines: list[list[Run]] = [[]]

    def add(text: str, style: str) -> None:
        for idx, part in enumerate(printable(text).replace("\t", " ").split("\n")):
            if idx:
                lines.append([])
            if part:
                lines[-1].append(Run(part, style))

    def walk(node: "SyntaxTreeNode", style: str) -> None:
        inner = ";".join(filter(None, (style, _INLINE_STYLES.get(node.type, ""))))
        match node.type:
            case "softbreak" | "hardbreak":
                add("\n", style)
            case "text_special":
                add(node.markup if node.markup in _LATEX_BRACKETS else node.content, style)
            case "text" | "code_inline":
                add(node.content, inner)
            case "image":
                add(f"[{node.content}] ({node.attrs['src']})", style)
            case _:
                for child in node.children:
                    walk(child, inner)
                if node.type == "link":
                    _add_target(node)

    def _add_target(node: "SyntaxTreeNode") -> None:
        """A link's address, which must not hide behind its text."""
        target = str(node.attrs["href"])
        if node.markup != "autolink":
            add(f" ({target})", DIM)

    walk(node, style)
    return lines


def _wrapped(line: Sequence[Run], width: int) -> list[Line]:
    """One line of text as rows of at most `width` columns."""
    breaks = line_breaks("".join(run.text for run in line), width)
    rows: list[list[Run]] = [[]]
    position = 0
    for text, style in line:
        start = 0
        for at in breaks:
            if position + start <= at < position + len(text):
                rows[-1].append(Run(text[start : at - position], style))
                rows.append([])
                start = at - position
        rows[-1].append(Run(text[start:], style))
        position += len(text)
    return [tuple(run for run in row if run.text) for row in map(_without_trailing_spaces, map(tuple, rows))]


def _table(node: "SyntaxTreeNode", width: int) -> list[Line]:
    """A table with its columns side by side where they fit, else each row as a list of `head: cell` lines."""
    cells = [list(row.children) for part in node.children for row in part.children]
    rows = [[_cell(cell) for cell in row] for row in cells]
    is_right = ["right" in str(cell.attrs.get("style", "")) for cell in cells[0]]
    sizes = [max(_columns(row[idx]) for row in rows) for idx in range(len(rows[0]))]
    if sum(sizes) + 3 * (len(sizes) - 1) > width:
        return _table_as_list(rows, width)
    bar = Run(" │ ", DIM)
    lines: list[Line] = []
    for row in rows:
        line: list[Run] = []
        for cell, size, right in zip(row, sizes, is_right, strict=True):
            line += [bar] if line else []
            filler = Run(" " * (size - _columns(cell)))
            line += [filler, *cell] if right else [*cell, filler]
        lines.append(tuple(line))
    rule = (Run("─┼─".join("─" * size for size in sizes), DIM),)
    return [lines[0], rule, *lines[1:]]


def _table_as_list(rows: list[list[Line]], width: int) -> list[Line]:
    head, *body = rows
    if not body:
        return [line for cell in head for line in _wrapped(cell, width)]
    lines: list[Line] = []
    for row in body:
        lines += [(Run("─" * min(width, 10), DIM),)] if lines else []
        for name, cell in zip(head, row, strict=True):
            lines += _wrapped([*name, Run(": "), *cell], width)
    return lines


def _cell(node: "SyntaxTreeNode") -> Line:
    return tuple(run for line in _inline(node, BOLD if node.type == "th" else "") for run in line)


def _columns(line: Line) -> int:
    return columns(plain(line))


def _without_trailing_spaces(line: Line) -> Line:
    runs = list(line)
    while runs and not runs[-1].text.rstrip():
        runs.pop()
    if runs:
        runs[-1] = Run(runs[-1].text.rstrip(), runs[-1].style)
    return tuple(runs)


def _start(node: "SyntaxTreeNode") -> int:
    return node.map[0] if node.map else 0


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    from appkit.cli.markdown_emphasis import emphasis

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.disable(["reference", "text_join"])
    parser.inline.ruler.at("emphasis", emphasis)
    return parser
