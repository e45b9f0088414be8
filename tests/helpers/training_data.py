"""Files of examples and tokenizers for tests of training data."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runtime.tokenizer.base import Tokenizer
from runtime.tokenizer.build import build_tokenizer
from runtime.tokenizer.chat_template import ChatTemplate
from runtime.training.data.example import TokenExample
from tests.helpers.fake_tokenizer import FakeTokenizer
from tests.helpers.tiny_model import CHAT_TEMPLATE, byte_vocabulary

CHATML = ChatTemplate(CHAT_TEMPLATE, bos_token="", eos_token="<|im_end|>")


@functools.cache
def byte_tokenizer() -> Tokenizer:
    """Of the tiny models: bytes, a few merges, and a token that ends answers, turns and texts alike."""
    return build_tokenizer(byte_vocabulary())


class MarkedTokenizer(FakeTokenizer):
    """Characters and the special tokens of a template; `ends` end a generation, the last of them a text."""

    def __init__(self, special: tuple[str, ...], ends: Sequence[str]) -> None:
        super().__init__(special)
        self.eog_ids = frozenset(map(special.index, ends))
        self.eos_id = special.index(ends[-1])


def write_lines(path: Path, *lines: Any) -> Path:
    """A JSON Lines file; a line that is bytes is written as it is."""
    path.write_bytes(
        b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    )
    return path


def chat_line(*said: str, **more: Any) -> dict[str, Any]:
    """A line of messages in which the user and the assistant take turns."""
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": text} for i, text in enumerate(said)], **more}


def learnt(example: TokenExample, tokenizer: Tokenizer) -> list[str]:
    """Text of every stretch that is learnt, special tokens by name."""
    stretches: list[list[int]] = []
    was_learnt = False
    for token_id, is_learnt in zip(example.input_ids.tolist(), example.is_supervised.tolist(), strict=True):
        if is_learnt and not was_learnt:
            stretches.append([])
        if is_learnt:
            stretches[-1].append(token_id)
        was_learnt = is_learnt
    return [tokenizer.decode(ids, skip_special=False, continues=True) for ids in stretches]


def shown(example: TokenExample, tokenizer: Tokenizer) -> str:
    """All of the text, special tokens by name."""
    return tokenizer.decode(example.input_ids.tolist(), skip_special=False)
