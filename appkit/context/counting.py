"""What an item costs, counted once for each text and model and then remembered.

The cost is an estimate in one respect: tokens at a seam depend on what stands beside them. `compile.py` therefore
counts the whole prompt in the end; this is for finding out quickly what that prompt should be.
"""

import hashlib
import json
import weakref
from collections.abc import Iterator

from appkit.context.items import Item
from appkit.llm.base import LanguageModel
from appkit.messages import Message

MAX_KNOWN = 100_000  # counts remembered for a model; some 10 MB

# In front of every text that is counted: some models cannot count an empty one, others add a start token to each.
_PROBE = "\n"
_MARKS = b"marks"  # not a digest, so no text has this key

_known: weakref.WeakKeyDictionary[LanguageModel, dict[bytes, int]] = (
    weakref.WeakKeyDictionary()
)  # a cache, nothing else


def item_tokens(model: LanguageModel, item: Item) -> int:
    """What `item` adds to a prompt, to within a token or two a message: its texts, tool calls and message marks.

    An estimate where the model's own counts are (no capability "token_count").
    """
    marks = -(-_marks_of_pair(model) * len(item.messages) // 2) if item.messages else 0
    return marks + sum(text_tokens(model, text) for text in _texts(item))


def text_tokens(model: LanguageModel, text: str) -> int:
    """Tokens of `text` inside a prompt: without a start token, 0 for an empty one."""
    if not text:
        return 0
    known = _known_counts(model)
    key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    num_tokens = known.get(key)
    if num_tokens is None:
        num_tokens = known[key] = max(0, model.count_tokens(_PROBE + text) - model.count_tokens(_PROBE))
    return num_tokens


def _texts(item: Item) -> Iterator[str]:
    yield item.text
    for message in item.messages:
        yield message.content
        for call in message.tool_calls:
            yield json.dumps({"name": call.name, "arguments": dict(call.arguments)}, ensure_ascii=False, default=str)


def _marks_of_pair(model: LanguageModel) -> int:
    """What the template writes around a question and an answer. Both at once: many take them in turn only."""
    known = _known_counts(model)
    num_tokens = known.get(_MARKS)
    if num_tokens is None:
        question, answer = Message(role="user", content="a"), Message(role="assistant", content="a")
        pair = model.count_tokens([question, answer, question]) - model.count_tokens([question])
        num_tokens = known[_MARKS] = max(0, pair - 2 * text_tokens(model, "a"))
    return num_tokens


def _known_counts(model: LanguageModel) -> dict[bytes, int]:
    try:
        known = _known.setdefault(model, {})
    except TypeError:  # a model that cannot be a key, as a dataclass with __eq__: its texts are counted each time
        return {}
    if len(known) > MAX_KNOWN:
        known.clear()
    return known
