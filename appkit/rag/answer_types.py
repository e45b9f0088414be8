"""What kind of thing a question asks for, and does a sentence hold one? English and Chinese, by plain patterns.

A hint, not an understanding: "who" wants a name, "多少" a number. A question of no known kind gets no hint at all.
"""

import re
from dataclasses import dataclass

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_NUMBER_WORDS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|twenty|thirty|forty|fifty|hundred|thousand|"
    "million|billion|half|once|twice"
)
_HAN_DIGITS = "〇零一二三四五六七八九十百千万亿两半"


@dataclass(frozen=True)
class AnswerType:
    """A kind of question and what an answer to it looks like."""

    name: str
    asks: re.Pattern[str]
    answers: re.Pattern[str]


# In order: the first that asks decides, so "how long" is seen before "how", and "什么时候" before "什么".
ANSWER_TYPES = (
    AnswerType(
        "time",
        re.compile(
            r"\b(when|what (year|date|day|month|time)|which year)\b|"
            r"什么时候|何时|哪[一]?[年天月]|几[月号点年]|什么日期",
            re.I,
        ),
        re.compile(
            rf"\b1\d{{3}}\b|\b20\d\d\b|\b({_MONTHS})\b|\d\s*[年月日号点]|\b\d{{1,2}}:\d\d\b|"
            r"\b(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|\bcentur(y|ies)\b|世纪|星期|周[一二三四五六日]"
        ),
    ),
    AnswerType(
        "quantity",
        re.compile(
            r"\bhow (many|much|long|old|far|tall|big|large|high|deep|often|fast|heavy|wide)\b|\bpercent|\bnumber of\b|"
            r"多少|多久|多长|多大|多高|多远|多重|多快|几[个位次天年小种条台名页]|第几|百分之",
            re.I,
        ),
        re.compile(rf"\d|\b({_NUMBER_WORDS})\b|[{_HAN_DIGITS}][{_HAN_DIGITS}个位次天年月小种条台名页倍米公]", re.I),
    ),
    AnswerType(
        "person",
        re.compile(r"\b(who|whom|whose)\b|谁|哪[一]?[位个]人|何人|什么人", re.I),
        # Two capitalised words, or one inside the sentence; Chinese names have no mark of their own but titles.
        re.compile(
            r"[A-Z][\w.'’-]+ [A-Z][\w.'’-]+|(?<=[a-z,] )[A-Z]\w+|先生|女士|教授|博士|经理|主任|老师|负责人|由|作者"
        ),
    ),
    AnswerType(
        "place",
        re.compile(
            r"\bwhere\b|\bwhat (place|city|country|state|town)\b|哪里|哪儿|在哪|何处|什么地方|哪[个座]?(城市|国家|省)",
            re.I,
        ),
        re.compile(
            r"\b(in|at|near|on|from|to|of|between|along|through) (the )?[A-Z]|位于|在|省|市|县|区|路|街|楼|室|国"
        ),
    ),
    AnswerType(
        "reason",
        re.compile(r"\bwhy\b|\breasons?\b|\bcauses? of\b|\bpurpose\b|为什么|为何|怎么会|原因|目的", re.I),
        re.compile(
            r"\b(because|since|due to|as a result|so that|in order to|caused|reason|therefore|thus|to \w+)\b|"
            r"因为|由于|因此|所以|以便|为了|导致|原因|目的",
            re.I,
        ),
    ),
    AnswerType(
        "definition",
        re.compile(
            r"\bwhat (is|are|was|were|does)\b|\bmeaning\b|\bmean\b|\bdefin|什么是|是什么|什么意思|定义|何谓", re.I
        ),
        re.compile(r"\b(is|are|was|were|means?|refers?|called|known as|defined)\b|是|指|即|称为|叫做", re.I),
    ),
)


def answer_type(question: str) -> AnswerType | None:
    """The kind of thing `question` asks for; None where no pattern knows."""
    return next((kind for kind in ANSWER_TYPES if kind.asks.search(question)), None)


def answer_type_hint(kind: AnswerType | None, sentence: str) -> float:
    """1 where `sentence` holds what the question asks for, -1 where it does not, 0 where the kind is unknown."""
    if kind is None:
        return 0.0
    return 1.0 if kind.answers.search(sentence) else -1.0
