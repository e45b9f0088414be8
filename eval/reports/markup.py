"""HTML as a tree of elements: text is escaped by the serialiser, so nothing that a model wrote can become markup.

Characters that reorder or hide what stands around them (bidirectional controls, other control characters) are spelled
out, since a report must show what is there.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias
from xml.etree.ElementTree import Element, tostring

Child: TypeAlias = Element | str

# Control characters without tab and newline, zero-width and bidirectional formatting, line separators, surrogates,
# tags. The joiners of Persian, Indic scripts and emoji stay: they belong to what is seen.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)


def element(tag: str, attributes: Mapping[str, str] | None = None, *children: Child) -> Element:
    """A new element. Attributes keep their order; a string child becomes a text node."""
    made = Element(tag, {name: visible(value) for name, value in (attributes or {}).items()})
    append_(made, children)
    return made


def append_(parent: Element, children: Iterable[Child]) -> None:
    """Add children at the end of `parent`."""
    for child in children:
        if isinstance(child, Element):
            parent.append(child)
        elif len(parent):
            parent[-1].tail = (parent[-1].tail or "") + visible(child)
        else:
            parent.text = (parent.text or "") + visible(child)


def as_html(root: Element) -> str:
    """The tree as HTML text."""
    return tostring(root, encoding="unicode", method="html")


def visible(text: Any) -> str:
    """`text` with every character that cannot be seen, or that moves others, written as `⟨U+202E⟩`."""
    return _UNSEEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", str(text))
