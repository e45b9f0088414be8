"""Which writing system a character belongs to, as character classes for regular expressions.

Only what search and splitting must tell apart: Chinese characters, Japanese and Korean letters, and the scripts of
South-East Asia that put no spaces between words.

Source: the block ranges of the Unicode Standard 15.
"""

import re

HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
KANA = "\u3041-\u309f\u30a0-\u30ff\u31f0-\u31ff"
HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3"
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
# Accents and vowel signs, which \w leaves out: of Latin, Greek and Cyrillic, Hebrew, Arabic and the scripts of India.
MARKS = "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"

_EAST_ASIAN = re.compile(f"[{HAN}{KANA}{HANGUL}\u3000-\u303f\uff00-\uffef]")


def is_east_asian(character: str) -> bool:
    """Whether this one character (or "") is Chinese, Japanese or Korean, their full-width punctuation included."""
    return _EAST_ASIAN.match(character) is not None
