"""Vocabularies small enough to work their ids out by hand, as metadata of a model file."""

from typing import Any

from runtime.tokenizer.bpe import byte_alphabet
from runtime.tokenizer.vocabulary import BYTE, CONTROL, NORMAL, UNKNOWN, USER_DEFINED

G = "tokenizer.ggml."


def byte_level(merges: tuple[str, ...] = ("h e", "l l", "he ll", "Ġ w"), *, pre: str = "gpt-2") -> dict[str, Any]:
    """All 256 bytes as ids 0–255, the products of `merges`, then <|end|> and <|im_end|> as control tokens."""
    products = [merge.replace(" ", "") for merge in merges]
    return {
        G + "model": "gpt2",
        G + "pre": pre,
        G + "tokens": [*byte_alphabet_in_order(), *products, "<|end|>", "<|im_end|>", "<tool>"],
        G + "token_type": [NORMAL] * (256 + len(products)) + [CONTROL, CONTROL, USER_DEFINED],
        G + "merges": list(merges),
        G + "bos_token_id": 256 + len(products),
        G + "eos_token_id": 256 + len(products),
    }


def sentence_piece(words: dict[str, float], **metadata: Any) -> dict[str, Any]:
    """<unk>, <s>, </s> as ids 0–2, byte tokens as 3–258, then `words` with their scores."""
    return {
        G + "model": "llama",
        G + "tokens": ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *words],
        G + "scores": [0.0] * 259 + list(words.values()),
        G + "token_type": [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * len(words),
        G + "unknown_token_id": 0,
        G + "bos_token_id": 1,
        G + "eos_token_id": 2,
        **{G + name: value for name, value in metadata.items()},
    }


def unigram(words: dict[str, float], **metadata: Any) -> dict[str, Any]:
    """<s>, <pad>, </s>, <unk> as ids 0–3, then `words` with their scores."""
    return {
        G + "model": "t5",
        G + "tokens": ["<s>", "<pad>", "</s>", "<unk>", *words],
        G + "scores": [0.0] * 4 + list(words.values()),
        G + "token_type": [CONTROL, CONTROL, CONTROL, UNKNOWN] + [NORMAL] * len(words),
        G + "bos_token_id": 0,
        G + "eos_token_id": 2,
        G + "unknown_token_id": 3,
        **{G + name: value for name, value in metadata.items()},
    }


def word_piece(words: tuple[str, ...]) -> dict[str, Any]:
    """[PAD], [UNK], [CLS], [SEP] as ids 0–3, then `words`, a word's start marked "▁"."""
    return {
        G + "model": "bert",
        G + "tokens": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words],
        G + "token_type": [CONTROL] * 4 + [NORMAL] * len(words),
        G + "unknown_token_id": 1,
        G + "cls_token_id": 2,
        G + "seperator_token_id": 3,
    }


def byte_alphabet_in_order() -> list[str]:
    return [byte_alphabet()[byte] for byte in range(256)]
