"""The words that keyword search compares: the same function reads documents and questions.

Chinese has no spaces, so `rjieba` cuts it, in search mode (a long word and the words inside it). Japanese, Korean and
the scripts of South-East Asia become overlapping pairs of characters, which need no dictionary. Which choices were
measured, and how they came out, is in docs/log.md.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache

from appkit.retrieval.scripts import HAN, HANGUL, KANA, MARKS, UNSPACED
from appkit.retrieval.stemming import stem

MAX_WORD_LEN = 64  # characters; base64 and minified code would otherwise fill an index with words nobody asks for

_LETTERS = rf"(?:[^\W_{HAN}{KANA}{HANGUL}{UNSPACED}]|[{MARKS}])"
_RUNS = re.compile(
    rf"(?P<han>[{HAN}]+)"
    rf"|(?P<pairs>[{KANA}]+|[{HANGUL}]+|[{UNSPACED}]+)"
    rf"|(?P<word>{_LETTERS}+(?:[-_.'’]+{_LETTERS}+)*(?:\+\+|\#)?)"
)
_PARTS = re.compile(rf"{_LETTERS}+")
_COMPOUND = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)+")
_IS_CAMEL = re.compile(r"[a-z][A-Z]")
_HUMP = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|[^A-Za-z]+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NUMBER = re.compile(r"\d+(?:\.\d+)+")


def search_words(text: str) -> list[str]:
    """Words of `text` in order, lower-cased and normalised (NFKC), English ones without their endings.

    An identifier gives itself and its parts: `max_seq_len` → max_seq_len, max, seq, len; `getUser` → getuser, get,
    user. Words joined by hyphens give their parts alone. Numbers stay whole: 3.14; 1,000 → 1000. No word holds white
    space, and punctuation gives none.
    """
    words: list[str] = []
    for run in _RUNS.finditer(_THOUSANDS.sub("", unicodedata.normalize("NFKC", text))):
        if run.lastgroup == "word":
            words.extend(_latin_words(run[0]))
        elif run.lastgroup == "han":
            words.extend(_chinese_words(run[0]))
        else:
            words.extend(character_pairs(run[0]))
    return words


def character_pairs(run: str) -> list[str]:
    """Every two neighbouring characters; a lone character as it is."""
    return [run[idx : idx + 2] for idx in range(len(run) - 1)] or [run]


def _latin_words(run: str) -> Iterator[str]:
    if run.isalpha() and (run[1:].islower() or run.isupper() or len(run) == 1):  # nearly every word
        yield stem(run.casefold())[:MAX_WORD_LEN]
        return
    if _NUMBER.fullmatch(run):
        yield run[:MAX_WORD_LEN]
        return
    run = run.replace("’", "'").removesuffix("'s").removesuffix("'S").replace("'", "")
    parts = [hump for part in _PARTS.findall(run) for hump in _humps(part)]
    is_compound = _COMPOUND.fullmatch(run) is not None
    if len(parts) == 1 and not is_compound:
        yield stem(run.casefold())[:MAX_WORD_LEN]
    else:
        if not is_compound:
            yield run.casefold()[:MAX_WORD_LEN]
        yield from (stem(part.casefold())[:MAX_WORD_LEN] for part in parts)


def _humps(part: str) -> list[str]:
    """`getHTTPResponse` → get, HTTP, Response. IPv6 and e5 have no humps and stay whole."""
    return _HUMP.findall(part) if _IS_CAMEL.search(part) else [part]


def _chinese_words(run: str) -> list[str]:
    cut = _chinese_cutter()
    return cut(run) if cut else character_pairs(run)


@cache
def _chinese_cutter() -> Callable[[str], list[str]] | None:
    """rjieba's cutter, loaded at the first Chinese text (0.1 s); None where it is not installed."""
    try:
        import rjieba
    except ImportError:
        return None
    return rjieba.cut_for_search
