r"""How byte-level BPE vocabularies cut a text into pieces before merging: one entry for each name in model files.

A model file says `tokenizer.ggml.pre = "qwen2"` and means a pattern that only the vocabulary's authors wrote down. An
entry gives the pattern, the engine that merges the pieces, and two habits of the family. Patterns are applied one
after the other, each to the pieces the ones before left; text that none matches is a piece too.

Engine "tiktoken" merges by the rank of the token made, "tokenizers" by the rank of the pair merged. The first is
several times faster and gives the same ids only for vocabularies where every token is made by merges that stand
together in the list; the names that use it are those where `tests/runtime/tokenizer/test_pretokenizers.py` shows that.
"""

from dataclasses import dataclass
from typing import Literal

from runtime.errors import TokenizerError

_CONTRACTIONS = r"'s|'t|'re|'ve|'m|'ll|'d"
_ANY_CASE = rf"(?i:{_CONTRACTIONS})"
_SPACE = r"\s+(?!\S)|\s+"  # all of a run of blanks but the last, which goes with the word after it

_GPT2 = rf"{_CONTRACTIONS}| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|{_SPACE}"
_DIGIT = r"\p{N}"
# "digits first, one by one, then the GPT-2 pattern" said in one pattern, for an engine that takes only one: a blank
# before a digit cannot join it, so it stays a piece of blanks.
_DIGIT_THEN_GPT2 = rf"{_CONTRACTIONS}|\p{{N}}| ?\p{{L}}+| ?[^\s\p{{L}}\p{{N}}]+|\s+(?=\p{{N}})|{_SPACE}"  #
_WORD = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_OTHER = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
_LLAMA3 = rf"{_ANY_CASE}|{_WORD}|\p{{N}}{{1,3}}|{_OTHER}|{_SPACE}"
_QWEN2 = rf"{_ANY_CASE}|{_WORD}|\p{{N}}|{_OTHER}|{_SPACE}"
_QWEN35 = (
    rf"{_ANY_CASE}|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}"
    rf"| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|{_SPACE}"
)
_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CASED = r"[^\r\n\p{L}\p{N}]?"
_CASED_OTHER = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+"
_TEKKEN = rf"{_CASED}{_UPPER}*{_LOWER}+|{_CASED}{_UPPER}+{_LOWER}*|\p{{N}}|{_CASED_OTHER}|{_SPACE}"
_GPT4O = (
    rf"{_CASED}{_UPPER}*{_LOWER}+{_ANY_CASE}?|{_CASED}{_UPPER}+{_LOWER}*{_ANY_CASE}?"
    rf"|\p{{N}}{{1,3}}|{_CASED_OTHER}|{_SPACE}"
)
_DEEPSEEK_V3 = (
    r"\p{N}{1,3}",
    "[一-龥\u3040-ゟ゠-ヿ]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|" + _SPACE,
)


@dataclass(frozen=True, kw_only=True)
class PreTokenizer:
    """What one name stands for.

    whole_pieces: a piece that is a token as it stands is not merged from its parts ("ignore_merges").
    adds_bos: the start token is wanted where the model file does not say.
    """

    patterns: tuple[str, ...]
    engine: Literal["tiktoken", "tokenizers"] = "tokenizers"
    whole_pieces: bool = False
    adds_bos: bool = False


def _named(names: str, entry: PreTokenizer) -> dict[str, PreTokenizer]:
    return dict.fromkeys(names.split(), entry)


PRE_TOKENIZERS: dict[str, PreTokenizer] = {
    **_named("gpt-2", PreTokenizer(patterns=(_GPT2,), engine="tiktoken")),
    **_named(
        "phi-2 mpt olmo jais jina-es jina-de jina-v2-es jina-v2-de gigachat mellum exaone4 trillion granite-docling",
        PreTokenizer(patterns=(_GPT2,)),
    ),
    **_named("smollm", PreTokenizer(patterns=(_DIGIT_THEN_GPT2,), engine="tiktoken")),
    **_named(
        "starcoder refact command-r codeshell exaone minerva-7b mellum2",
        PreTokenizer(patterns=(_DIGIT, _GPT2)),
    ),
    **_named(
        "llama-bpe",
        PreTokenizer(patterns=(_LLAMA3,), engine="tiktoken", whole_pieces=True, adds_bos=True),
    ),
    **_named(
        "llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2",
        PreTokenizer(patterns=(_LLAMA3,), whole_pieces=True, adds_bos=True),
    ),
    **_named("dbrx smaug-bpe glm4 chatglm-bpe", PreTokenizer(patterns=(_LLAMA3,))),
    **_named("qwen2", PreTokenizer(patterns=(_QWEN2,), engine="tiktoken")),
    **_named(
        "stablelm2 deepseek-r1-qwen megrez hunyuan solar-open grok-2 kormo",
        PreTokenizer(patterns=(_QWEN2,)),
    ),
    **_named("qwen35", PreTokenizer(patterns=(_QWEN35,))),
    **_named("tekken", PreTokenizer(patterns=(_TEKKEN,), whole_pieces=True, adds_bos=True)),
    **_named("gpt-4o llama4 kanana2 minimax-m2", PreTokenizer(patterns=(_GPT4O,))),
    **_named("deepseek-v3 hunyuan-dense joyai-llm", PreTokenizer(patterns=_DEEPSEEK_V3)),
}


def pre_tokenizer(name: str) -> PreTokenizer:
    """The entry for `name`.

    Raises:
        TokenizerError: a name not in the table; a guess would give ids the model was not trained on.
    """
    if name not in PRE_TOKENIZERS:
        raise TokenizerError(
            f"This model cuts text by the pre-tokenizer {name!r}, which this build does not have; "
            f"it has {', '.join(sorted(PRE_TOKENIZERS))}."
        )
    return PRE_TOKENIZERS[name]
