"""Is a question in a language its model was never taught? Found by script, so it costs microseconds.

Only Chinese is told apart so far: it is the case where a small English model answers with confident nonsense.
"""

import re
from collections.abc import Sequence

_HAN = re.compile(r"[㐀-䶿一-鿿豈-﫿\U00020000-\U0003ffff]")
_KANA = re.compile(r"[぀-ヿㇰ-ㇿ]")
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ɏ]+")


def is_chinese(text: str) -> bool:
    """True where Chinese characters are at least as many as words in Latin letters, and none is Japanese kana.

    A character is about a word, so a Chinese sentence with a few English names is Chinese, and an English one that
    asks about a Chinese word is not.
    """
    num_han = len(_HAN.findall(text))
    return num_han > 0 and not _KANA.search(text) and num_han >= len(_LATIN_WORD.findall(text))


def language_notice(text: str, model_name: str, languages: Sequence[str]) -> str | None:
    """One line for a Chinese `text` to a model that has no Chinese, in both languages; None where nothing is amiss.

    Args:
        languages: codes the model was made for ("en", "zh", …, or "multilingual"). Empty where nobody knows: then
            nothing is said.
    """
    if not languages or {"zh", "multilingual"} & set(languages) or not is_chinese(text):
        return None
    way_out = "appkit models recommend --language zh"
    return (
        f"{model_name} was not trained on Chinese (its languages: {', '.join(languages)}), so do not trust its answer; "
        f"a model that knows Chinese: {way_out} / {model_name} 没有学过中文，回答不可信；找一个懂中文的模型：{way_out}"
    )
