"""Texts under a constraint, byte by byte: whether one matches, and random ones that do."""

import functools
import random

from appkit import Constraint
from runtime import Constraint as RuntimeConstraint
from runtime import compile_constraint
from runtime.grammar.base import Matcher
from tests.helpers.byte_tokenizer import ByteTokenizer

MAX_BYTES = 400  # of a random text


@functools.cache
def tokenizer() -> ByteTokenizer:
    return ByteTokenizer([])


def start(constraint: Constraint, max_tokens: int | None = None) -> Matcher:
    """The matcher of `constraint`, over single bytes."""
    return compile_constraint(RuntimeConstraint(constraint.kind, constraint.source), tokenizer(), max_tokens)


def matches(constraint: Constraint, text: str) -> bool:
    """Whether the mask of `constraint` lets `text` be written and ended."""
    matcher = start(constraint)
    for byte in text.encode():
        if not matcher.mask()[byte // 32] >> (byte % 32) & 1:
            return False
        matcher.accept(byte)
    return matcher.is_accepting()


def random_text(constraint: Constraint, seed: int) -> str:
    """A text that a model of random weights might write under `constraint`, closed within `MAX_BYTES`."""
    draw = random.Random(seed)
    matcher = start(constraint, MAX_BYTES)
    written: list[int] = []
    while not matcher.is_finished():
        room = MAX_BYTES - len(written) - 1
        if matcher.is_accepting() and draw.random() < 0.3:
            break
        allowed = [byte for byte in range(256) if matcher.mask()[byte // 32] >> (byte % 32) & 1]
        likely = [byte for byte in allowed if byte < 128] or allowed
        byte = draw.choice(likely) if likely else -1
        if byte < 0 or not matcher.try_accept(byte, room):
            written += matcher.ending()
            break
        written.append(byte)
    return bytes(written).decode()
