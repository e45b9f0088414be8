"""From a model file's metadata to its tokenizer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.errors import TokenizerError
from runtime.tokenizer.base import Tokenizer
from runtime.tokenizer.bounds import DEFAULT_MAX_TEXT_BYTES
from runtime.tokenizer.metadata import PREFIX
from runtime.tokenizer.vocabulary import read_vocabulary

_MODELS = {
    "gpt2": "byte-level BPE",
    "llama": "SentencePiece BPE",
    "t5": "SentencePiece Unigram",
    "bert": "WordPiece",
}


def build_tokenizer(
    metadata: Mapping[str, Any], cache_path: Path | None = None, *, max_text_bytes: int = DEFAULT_MAX_TEXT_BYTES
) -> Tokenizer:
    """The tokenizer that `metadata` describes.

    What `encode` alone needs is built at its first call (0.03–0.3 s by size of the vocabulary); where that matters,
    call `prepare()` of the result in a thread of your own.

    Args:
        metadata: as `GGUFFile.metadata` gives it; plain lists do as well.
        cache_path: file to keep derived arrays in, so that the next call takes a fraction of the time. Damaged, of
            another vocabulary or not writable, it is ignored.
        max_text_bytes: longest text, in bytes of UTF-8, that `encode` takes.

    Raises:
        TokenizerError: a kind of tokenizer or pre-tokenizer this build does not have, or data that contradicts itself.
    """
    model = metadata.get(PREFIX + "model")
    match model if isinstance(model, str) else None:
        case "gpt2":
            from runtime.tokenizer.bpe import ByteLevelTokenizer
            from runtime.tokenizer.pretokenizers import pre_tokenizer

            pre = pre_tokenizer(str(metadata.get(PREFIX + "pre", "")))
            vocabulary = read_vocabulary(metadata, adds_bos=pre.adds_bos, adds_eos=False)
            return ByteLevelTokenizer(vocabulary, pre, cache_path, max_text_bytes)
        case "llama":
            from runtime.tokenizer.spm import SentencePieceTokenizer

            vocabulary = read_vocabulary(
                metadata,
                adds_bos=True,
                adds_eos=False,
                default_ids={"bos_token_id": 1, "eos_token_id": 2, "unknown_token_id": 0},
            )
            return SentencePieceTokenizer(vocabulary, cache_path, max_text_bytes)
        case "t5":
            from runtime.tokenizer.unigram import UnigramTokenizer

            vocabulary = read_vocabulary(
                metadata, adds_bos=None, adds_eos=True, default_ids={"eos_token_id": 1, "unknown_token_id": 2}
            )
            return UnigramTokenizer(vocabulary, max_text_bytes)
        case "bert":
            from runtime.tokenizer.wordpiece import WordPieceTokenizer

            return WordPieceTokenizer(WordPieceTokenizer.read_vocabulary(metadata), max_text_bytes)
    supported = ", ".join(f"{name!r} ({what})" for name, what in _MODELS.items())
    raise TokenizerError(f"The model file's tokenizer is of kind {model!r}; this build has {supported}.")
