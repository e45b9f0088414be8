"""Runs the `sentencepiece` library on the vocabulary of one of our tokenizers, as an oracle.

The library reads a protobuf message; the few fields it needs are written here by hand.
Source: github.com/google/sentencepiece, sentencepiece_model.proto.
"""

import struct
from collections.abc import Sequence

import pytest

from runtime.tokenizer.vocabulary import UNKNOWN
from runtime.tokenizer.vocabulary_tokenizer import VocabularyTokenizer

_UNIGRAM, _BPE = 1, 2


def sentence_piece_ids(
    tokenizer: VocabularyTokenizer, texts: Sequence[str], *, rule: str | None = None
) -> list[list[int]]:
    """What sentencepiece gives for `texts`; `rule` names its normalisation, None is the identity and BPE.

    The calling test is skipped where the library is not installed.
    """
    library = pytest.importorskip("sentencepiece", reason="sentencepiece, the oracle, is not installed")
    charsmap = b"" if rule is None else _charsmap(library.SentencePieceNormalizer(rule_name=rule))
    processor = library.SentencePieceProcessor(model_proto=_model(tokenizer, charsmap))
    return [processor.encode(text) for text in texts]


def _model(tokenizer: VocabularyTokenizer, charsmap: bytes) -> bytes:
    vocabulary = tokenizer._vocabulary
    kinds = vocabulary.kinds.tolist()
    assert vocabulary.unknown_id is not None
    kinds[vocabulary.unknown_id] = UNKNOWN  # the library insists
    pieces = b"".join(
        _bytes(1, _bytes(1, text.replace(" ", "▁").encode()) + _float(2, score) + _int(3, kind))
        for text, score, kind in zip(vocabulary.spellings, vocabulary.scores().tolist(), kinds, strict=True)
    )
    names = [vocabulary.spellings[i or 0].encode() for i in (vocabulary.bos_id, vocabulary.eos_id)]
    trainer = (
        _int(3, _UNIGRAM if charsmap else _BPE)
        + _int(35, 0 if charsmap else 1)  # byte_fallback
        + _int(40, vocabulary.unknown_id)
        + _int(43, -1)
        + _bytes(46, names[0])
        + _bytes(47, names[1])
    )
    normalizer = (
        _bytes(2, charsmap) + _int(3, vocabulary.flag("add_space_prefix", True)) + _int(4, bool(charsmap)) + _int(5, 1)
    )
    return pieces + _bytes(2, trainer) + _bytes(3, normalizer)


def _charsmap(normalizer: object) -> bytes:
    """The library's own map, cut out of the normalizer's message: field 3 of the model, field 2 in that."""
    return _field(_field(normalizer.serialized_model_proto(), 3), 2)  # type: ignore[attr-defined]


def _field(message: bytes, number: int) -> bytes:
    position = 0
    while position < len(message):
        tag, position = _read_int(message, position)
        value, position = _read_int(message, position) if tag & 7 != 5 else (4, position)
        content_end = position if tag & 7 == 0 else position + value
        if tag == number << 3 | 2:
            return message[position:content_end]
        position = content_end
    raise AssertionError(f"the message has no field {number}")


def _read_int(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position += 1
        shift += 7
        if byte < 0x80:
            return value, position


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(int(value))


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value
