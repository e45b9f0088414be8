"""Tokens of a text as measures compare them, in any script: words in lower case, and every CJK character by itself.

Chinese and Japanese have no spaces, and Korean words carry their particles: between such texts the character is what
can be compared. On ASCII text these are exactly the tokens of the rouge-score package, `[a-z0-9]+` of the text in lower
case; it deletes all else, and so finds two identical Chinese texts to have nothing in common.
"""

import re
import unicodedata

TOKENIZER_NAME = "words-cjk"  # as signatures name it

_CJK = (
    "々〆〇"
    "\u3041-\u3096\u30a1-\u30fa\u30fc\u31f0-\u31ff"  # Hiragana and Katakana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # Han
    "\uac00-\ud7a3"  # Hangul
)
_TOKEN = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")


def text_tokens(text: str) -> list[str]:
    """The tokens in order, of the text in NFKC (full-width letters are letters) and lower case."""
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).lower())
