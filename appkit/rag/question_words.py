"""The words of a question that its answer should share: all but those that only make it a question.

Of "where is mount logan located" these are "mount", "logan" and "located".
"""

from collections.abc import Iterable
from functools import cache

from appkit.retrieval.segmentation import search_words

# Written as people write them; compared in the form in which words are searched for.
_FUNCTION_WORDS = (
    "a an the of to in on at by for with from as into about and or but if than then so not no "
    "is are was were be been being am do does did done have has had can could will would shall should may might must "
    "i you he she it we they me him her us them my your his its our their this that these those there here "
    "who whom whose what when where why which how many much s t "
    "的 了 是 在 有 和 与 及 或 也 都 就 还 而 但 被 把 从 到 对 为 于 以 之 其 得 地 着 过 吗 呢 吧 啊 呀 么 "
    "我 你 您 他 她 它 我们 你们 他们 这 那 这个 那个 这些 那些 哪 哪个 哪些 哪里 哪儿 哪年 谁 什么 怎么 怎样 如何 "
    "为什么 为何 多少 多久 多长 多大 多 几 几个 何时 何处 时候 请问 请 能 可以 会 要 应该 需要 一个 一下"
)


@cache
def _function_words() -> frozenset[str]:
    return frozenset(search_words(_FUNCTION_WORDS))


def question_words(question: str) -> tuple[str, ...]:
    """The telling words of `question`, each once, as `search_words` gives them; all its words where none is telling."""
    return telling_words(question) or tuple(dict.fromkeys(search_words(question)))


def telling_words(text: str) -> tuple[str, ...]:
    """The words of any text that say what it is about, each once; none where none does."""
    return tuple(word for word in dict.fromkeys(search_words(text)) if word not in _function_words())


def share_of_words(words: Iterable[str], text: str) -> float:
    """Which part of `words` occurs in `text`, 0 to 1; 0 where there are no words."""
    wanted = set(words)
    return len(wanted & set(search_words(text))) / len(wanted) if wanted else 0.0
