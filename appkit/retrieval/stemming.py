"""English words without their endings: "connected", "connection" and "connecting" all give "connect".

Source: M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980. Its steps and conditions are kept as
published; words of one or two letters and words that are not plain ASCII letters stay as they are.
"""

import re
from functools import lru_cache

_Rules = tuple[tuple[str, str], ...]  # ending, replacement; the first that fits decides

_STEP_2: _Rules = (
    *(("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("abli", "able")),
    *(("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate")),
    *(("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al")),
    *(("iviti", "ive"), ("biliti", "ble")),
)
_STEP_3: _Rules = (
    *(("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")),
)
_STEP_4 = re.compile(
    r"(?:ement|ance|ence|able|ible|ment|ant|ent|ism|ate|iti|ous|ive|ize|(?<=[st])ion|al|er|ic|ou)$"
)  # the longest first: "ement" is no "ment"


@lru_cache(maxsize=1 << 16)  # texts repeat their words: most are looked up
def stem(word: str) -> str:
    """The stem of a lower-case English word. It need not be a word itself: "happy" gives "happi"."""
    if len(word) < 3 or not (word.isascii() and word.isalpha()):
        return word
    word = _strip_plural(word)
    word = _strip_past(word)
    if word.endswith("y") and "v" in _shape(word[:-1]):
        word = word[:-1] + "i"
    word = _replace_ending(word, _STEP_2)
    word = _replace_ending(word, _STEP_3)
    ending = _STEP_4.search(word)
    if ending and _measure(word[: ending.start()]) > 1:
        word = word[: ending.start()]
    return _tidy_end(word)


def _strip_plural(word: str) -> str:
    if word.endswith(("sses", "ies")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _strip_past(word: str) -> str:
    """Without -ed or -ing, and with an e where the bare stem needs one: hoping → hope, hopping → hop."""
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    bare = word.removesuffix("ed") if word.endswith("ed") else word.removesuffix("ing")
    if bare == word or "v" not in _shape(bare):
        return word
    if bare.endswith(("at", "bl", "iz")):
        return bare + "e"
    if len(bare) > 1 and bare[-1] == bare[-2] and bare[-1] not in "aeioulsz":
        return bare[:-1]
    return bare + "e" if _measure(bare) == 1 and _ends_short(bare) else bare


def _replace_ending(word: str, rules: _Rules) -> str:
    for ending, replacement in rules:
        if word.endswith(ending):
            bare = word[: -len(ending)]
            return bare + replacement if _measure(bare) > 0 else word
    return word


def _tidy_end(word: str) -> str:
    if word.endswith("e"):
        measure = _measure(word[:-1])
        if measure > 1 or (measure == 1 and not _ends_short(word[:-1])):
            word = word[:-1]
    return word[:-1] if word.endswith("ll") and _measure(word) > 1 else word


def _shape(word: str) -> str:
    """Each letter as v (vowel) or c (consonant); y is a vowel after a consonant."""
    shape = ""
    for letter in word:
        is_vowel = letter in "aeiou" or (letter == "y" and shape[-1:] == "c")
        shape += "v" if is_vowel else "c"
    return shape


def _measure(word: str) -> int:
    """How many times a consonant follows a vowel: Porter's m, about the number of syllables."""
    return _shape(word).count("vc")


def _ends_short(word: str) -> bool:
    """Whether the last syllable is consonant, vowel, consonant, the last none of w, x, y: "hop", not "snow"."""
    return _shape(word)[-3:] == "cvc" and word[-1] not in "wxy"
