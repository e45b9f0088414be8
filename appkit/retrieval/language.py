"""Which language a text is in, as far as retrieval must know: Chinese, English, or something else.

A count of characters and of a few dozen frequent words over a sample, no model: microseconds for a question, a
millisecond for a book. It decides defaults (which embedder, which sentences to show), so a mistake costs quality,
never correctness.
"""

import re
from typing import Literal

from appkit.retrieval.scripts import HAN, HANGUL, KANA

Language = Literal["zh", "en", "other"]

_SAMPLE_LEN = 6000  # characters, a third each from the beginning, the middle and the end
_MOSTLY = 0.9
_HAN = re.compile(f"[{HAN}]")
_KANA_OR_HANGUL = re.compile(f"[{KANA}{HANGUL}]")
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ɏ]+")
_OTHER_LETTER = re.compile(rf"[^\W\d_A-Za-zÀ-ɏ{HAN}{KANA}{HANGUL}]")

_ENGLISH = frozenset(
    "the of and to in is that it for was on are as with be by at this have from or not but what which when how who why "  # noqa: SIM905
    "where can does do did you your his her they we i an has had were will would there their if".split()
)
# The most frequent words of German, French, Spanish, Italian, Portuguese and Dutch that are no English words.
_FOREIGN = frozenset(
    "der und das ist nicht ein eine zu den von mit sich auf für im dem wie wird sind wann warum "  # noqa: SIM905
    "le la les et est une des du que qui dans pour pas sur ce il au avec sont quel quelle "
    "el los las y en es un por con para una se del como más qué cuál di e il che è non per della sono "
    "o os um uma não em da dos het van een de niet voor zijn".split()
)


def guess_language(text: str) -> Language:
    """The language most of `text` is in.

    "zh" where there are at least as many Chinese characters as Latin words, with hardly any Japanese or Korean letters
    among them: Chinese about technology is full of Latin names. "en" for Latin script with at least as many frequent
    English words as foreign ones, so code, names, numbers and no text at all count as English. "other" for the rest.
    """
    sample = _sample(text)
    num_han = len(_HAN.findall(sample))
    num_kana_or_hangul = len(_KANA_OR_HANGUL.findall(sample))
    words = [word.lower() for word in _LATIN_WORD.findall(sample)]
    num_other = len(_OTHER_LETTER.findall(sample))
    num_east_asian = num_han + num_kana_or_hangul
    if num_east_asian >= max(1, len(words)) and num_east_asian > num_other:
        return "zh" if num_kana_or_hangul <= num_east_asian / 10 else "other"
    if num_other > sum(map(len, words)):
        return "other"
    num_english = sum(word in _ENGLISH for word in words)
    num_foreign = sum(word in _FOREIGN for word in words)
    return "en" if num_english >= num_foreign else "other"


def is_mostly_english(text: str) -> bool:
    """Whether an embedder that knows only English will do: a tenth of the letters may be of other scripts."""
    sample = _sample(text)
    num_letters = sum(map(str.isalpha, sample))
    num_latin = sum(map(len, _LATIN_WORD.findall(sample)))
    return guess_language(sample) == "en" and num_latin >= _MOSTLY * num_letters


def _sample(text: str) -> str:
    if len(text) <= _SAMPLE_LEN:
        return text
    part = _SAMPLE_LEN // 3
    middle = len(text) // 2
    return f"{text[:part]} {text[middle : middle + part]} {text[-part:]}"
