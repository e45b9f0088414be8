"""Emphasis that also works in Chinese: in `**注意：**请` the second `**` closes, which CommonMark does not see.

CommonMark asks for a space or punctuation on the far side of a marker that touches punctuation, and Chinese has no
spaces. Here an ideograph counts like a space. Source: CommonMark 0.31 §6.2 with the amendment of the
"markdown-cjk-friendly" specification, rules 2b of left- and right-flanking delimiter runs.
"""

import re
from typing import TYPE_CHECKING

from markdown_it.rules_inline.state_inline import Delimiter

if TYPE_CHECKING:
    from markdown_it.rules_inline.state_inline import StateInline

# CJK scripts; punctuation of theirs is punctuation to CommonMark already.
_IDEOGRAPH = re.compile(r"[\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\U00020000-\U0003fffd]")


def emphasis(state: "StateInline", silent: bool) -> bool:
    """The inline rule for `*` and `_`: each marker becomes a text token and a delimiter that may open or close."""
    marker = state.src[state.pos]
    if silent or marker not in "*_":
        return False
    scanned = state.scanDelims(state.pos, marker == "*")
    can_open, can_close = scanned.can_open, scanned.can_close
    if marker == "*":  # `_` never splits words, and a Chinese sentence is one to it
        end = state.pos + scanned.length
        before = state.src[state.pos - 1] if state.pos else " "
        after = state.src[end] if end < state.posMax else " "
        can_open |= _IDEOGRAPH.match(before) is not None and not after.isspace()
        can_close |= _IDEOGRAPH.match(after) is not None and not before.isspace()
    for _ in range(scanned.length):
        state.push("text", "", 0).content = marker
        state.delimiters.append(
            Delimiter(
                marker=ord(marker),
                length=scanned.length,
                token=len(state.tokens) - 1,
                end=-1,
                open=can_open,
                close=can_close,
            )
        )
    state.pos += scanned.length
    return True
