"""Constraints compiled by llguidance: at each step, which tokens keep the text on its way to a match.

llguidance works on the bytes of tokens, so a token may span several parts of a grammar and end inside a character.
Where only one text can follow, it asks for that text as the tokenizer would write it, since that is what the model
was trained to see.
"""

import json
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import llguidance
import numpy as np

from runtime.errors import TokenizerError
from runtime.grammar.base import Constraint, Matcher
from runtime.tokenizer.base import Tokenizer

MAX_SOURCE_CHARS = 1 << 18
MAX_SCHEMA_DEPTH = 64
WHAT_TO_CHANGE = {
    "regex": "Write it in the syntax of Rust's regex crate: no look-around, no back-references, balanced parentheses.",
    "json_schema": "Leave out what a grammar cannot express (not, if, uniqueItems, contains and the like).",
    "choice": "Give one or more different texts.",
    "grammar": "Write Lark as llguidance reads it: a rule `start`, and every name that is used defined.",
}


def compile_constraint(constraint: Constraint, tokenizer: Tokenizer) -> Matcher:
    """A matcher at the start of a completion.

    JSON is compact, without white space between its parts: free to write blanks, a model may never stop.

    Raises:
        ValueError: a constraint that cannot be read, is too large, or that no text matches; or a tokenizer without
            an end-of-generation token, which could never stop.
    """
    if not tokenizer.eog_ids:
        raise ValueError("This vocabulary has no end-of-generation token, so a constrained completion could not end.")
    grammar = _grammar(constraint)
    matcher = llguidance.LLMatcher(_ll_tokenizer(tokenizer), grammar, log_level=0)
    return _LLGuidanceMatcher(matcher, tokenizer, constraint.kind)


class _LLGuidanceMatcher:
    """A `Matcher`. The next mask is computed once, when first asked for."""

    def __init__(self, matcher: llguidance.LLMatcher, tokenizer: Tokenizer, kind: str) -> None:
        self._matcher = matcher
        self._kind = kind
        self._eog_ids = tokenizer.eog_ids
        self._num_words = -(-tokenizer.vocab_size // 32)
        self._mask: np.ndarray | None = None
        self._has_ended = False
        self.mask()  # some constraints turn out impossible only now

    def mask(self) -> np.ndarray:
        """As `Matcher.mask`; read-only. Raises ValueError where the constraint became too complex to follow."""
        if self._mask is None:
            # llguidance gives a word more than needed where the vocabulary fills its last word
            mask = np.frombuffer(self._matcher.compute_bitmask(), np.uint32)[: self._num_words]
            self._check()  # in an error llguidance allows the end, which would pass for a match
            self._mask = mask
        return self._mask

    def accept(self, token_id: int) -> None:
        """As `Matcher.accept`. Raises ValueError for a token that may not come, and stays where it was."""
        if self._has_ended:
            raise ValueError(f"Token {token_id} follows the end of a constrained completion.")
        if token_id in self._eog_ids:
            if not self._matcher.is_accepting():
                raise ValueError(
                    f"Token {token_id} ends the completion, but its text does not match the constraint yet."
                )
            self._has_ended = True
            return
        if self._matcher.try_consume_tokens([token_id]) != 1:
            self._check()
            raise ValueError(f"Token {token_id} may not come here under the constraint; draw from its mask.")
        self._mask = None

    def is_finished(self) -> bool:
        """As `Matcher.is_finished`."""
        return self._has_ended or (self._matcher.is_stopped() and self._matcher.is_accepting())

    def _check(self) -> None:
        if self._matcher.is_error():
            raise _refusal(self._kind, self._matcher.get_error())


def _grammar(constraint: Constraint) -> str:
    kind, source = constraint.kind, constraint.source
    if kind == "choice":
        if isinstance(source, str) or not source or not all(isinstance(text, str) for text in source):
            raise ValueError(f'A constraint of kind "choice" takes a tuple of one or more texts, got {source!r}.')
        source = "start: " + " | ".join(map(json.dumps, source))
        _check_size(kind, source)
        return str(llguidance.LLMatcher.grammar_from_lark(source))
    if not isinstance(source, str):
        raise ValueError(f'A constraint of kind "{kind}" takes text, got {source!r}.')
    _check_size(kind, source)
    match kind:
        case "regex":
            return str(llguidance.LLMatcher.grammar_from_regex(source))
        case "grammar":
            return str(llguidance.LLMatcher.grammar_from_lark(source))
        case "json_schema":
            schema = json.dumps(_parsed_schema(source))
            return str(llguidance.LLMatcher.grammar_from_json_schema(schema, overrides={"whitespace_flexible": False}))
    raise ValueError(f'A constraint has the kind {kind!r}; there are "regex", "json_schema", "choice" and "grammar".')


def _check_size(kind: str, source: str) -> None:
    if len(source) > MAX_SOURCE_CHARS:
        raise ValueError(f"This {kind} has {len(source):,} characters; at most {MAX_SOURCE_CHARS:,} are compiled.")


def _parsed_schema(source: str) -> Any:
    try:
        schema = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The JSON schema is not JSON: {error}") from error
    if not isinstance(schema, dict | bool):
        raise ValueError(f"A JSON schema is an object, got {source[:80]!r}.")
    for depth, _ in enumerate(_levels(schema)):
        if depth >= MAX_SCHEMA_DEPTH:
            raise ValueError(f"The JSON schema is nested more than {MAX_SCHEMA_DEPTH} deep; use $defs and $ref.")
    return schema


def _levels(value: Any) -> Iterator[list[Any]]:
    level = [value]
    while level:
        yield level
        nested = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        level = [item for items in nested for item in items]


def _refusal(kind: str, reason: str) -> ValueError:
    """llguidance's reason without the dump of its state, and what to do."""
    reason = reason.split("\n<state>")[0].strip()
    if reason.startswith("NoExtension"):
        return ValueError(f"No text matches this {kind}: nothing may come next. Allow at least one text.")
    return ValueError(f"This {kind} cannot be followed: {reason[:1000]}\n{WHAT_TO_CHANGE[kind]}")


class _BytesTokenizer:
    """Our tokenizer as llguidance asks for one. Holds it weakly, lest the cache below keep it alive."""

    bos_token_id = None

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = weakref.ref(tokenizer)
        self.tokens = [tokenizer.token_bytes(i) for i in range(tokenizer.vocab_size)]
        self.eos_token_id = tokenizer.eos_id if tokenizer.eos_id is not None else min(tokenizer.eog_ids)
        self.special_token_ids = sorted(tokenizer.special_ids | tokenizer.eog_ids)
        self._longest = max(map(len, self.tokens), default=0)
        self._ids: dict[bytes, int] = {}

    def __call__(self, text: str | bytes) -> list[int]:
        """Ids whose bytes are exactly `text`'s, as the tokenizer writes them in the middle of a text."""
        data = text.encode() if isinstance(text, str) else text
        tokenizer = self._tokenizer()
        if tokenizer is not None:
            for prefix in ("", "\n"):  # some vocabularies put a blank before a text, but none after a line break
                try:
                    ids = tokenizer.encode(prefix + data.decode())
                except (TokenizerError, UnicodeDecodeError):
                    continue
                ids = ids[1:] if prefix else ids
                if b"".join(self.tokens[i] for i in ids) == data:
                    return ids
        return self._longest_matches(data)

    def _longest_matches(self, data: bytes) -> list[int]:
        """Ids by the longest token that fits, over and over; a byte that no token has is left out."""
        if not self._ids:
            special = set(self.special_token_ids)
            self._ids = {token: i for i, token in enumerate(self.tokens) if token and i not in special}
        ids, position = [], 0
        while position < len(data):
            for size in range(min(self._longest, len(data) - position), 0, -1):
                token_id = self._ids.get(data[position : position + size])
                if token_id is not None:
                    ids.append(token_id)
                    position += size - 1
                    break
            position += 1
        return ids


_built: weakref.WeakKeyDictionary[Tokenizer, llguidance.LLTokenizer] = weakref.WeakKeyDictionary()
_building = threading.Lock()


def _ll_tokenizer(tokenizer: Tokenizer) -> llguidance.LLTokenizer:
    """llguidance's tables for a vocabulary: 0.1 s and 20 MB for 49,000 tokens, so they are made once for each."""
    with _building:
        if tokenizer not in _built:
            wrapper = llguidance.TokenizerWrapper(_BytesTokenizer(tokenizer))
            _built[tokenizer] = llguidance.LLTokenizer(
                wrapper, tokenizer.vocab_size, eos_token=sorted(tokenizer.eog_ids)
            )
        return _built[tokenizer]
