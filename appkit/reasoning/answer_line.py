"""`AnswerLine`: the fixed last line that a final answer is read from, and what makes two answers the same.

An answer is never searched for in running text: it stands behind a label at the end, or there is none.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

_MULTIPLIERS = {
    "hundred": 100,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "百": 100,
    "千": 10**3,
    "万": 10**4,
    "亿": 10**8,
}
_NUMBER = re.compile(
    r"(?<![\w.,])(?P<sign>[-+]?)\s*[$€£¥]?\s*(?P<digits>\d{1,3}(?:,\d{3})+|\d+)(?P<fraction>\.\d+)?"
    rf"(?P<exponent>e[-+]?\d{{1,2}}(?!\d))?(?:\s*(?P<multiplier>{'|'.join(_MULTIPLIERS)}))?",
    re.IGNORECASE,
)
_MAX_DIGITS = 40
_DRESS = " \"'`*_“”‘’"


def plain_answer(text: str) -> str | None:
    """`text` without case, outer quotes, emphasis and final punctuation, blanks single; None if nothing is left."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split()).lstrip(_DRESS).rstrip(_DRESS + ".。!,;") or None


def number_answer(text: str) -> str | None:
    """The one number that `text` holds, in plain digits: "$1,234.50 a day" is "1234.5".

    Currency signs, separators of thousands and units are left out; "2 million" and "3 万" are multiplied. None where
    there is no number or more than one ("3 or 4", "1,5"), for then a reader would have to guess.
    """
    folded = unicodedata.normalize("NFKC", text).replace("−", "-")
    found = list(_NUMBER.finditer(folded))
    if len(found) != 1 or any(char.isdigit() for char in folded[: found[0].start()] + folded[found[0].end() :]):
        return None
    digits = found[0]["digits"].replace(",", "") + (found[0]["fraction"] or "")
    if len(digits) > _MAX_DIGITS:
        return None
    value = Decimal(found[0]["sign"] + digits + (found[0]["exponent"] or ""))
    value *= _MULTIPLIERS.get((found[0]["multiplier"] or "").casefold(), 1)
    plain = f"{value:f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain == "-0" else plain


@dataclass(frozen=True, kw_only=True)
class AnswerLine:
    """What the last line of a reasoned answer looks like.

    `label` begins the line, as the prompt asks for it: "Answer: ". `pattern` is a regular expression, without
    look-around, for what follows where a model is made to answer. `normalise` gives what equal answers have in common,
    or None for what is no answer.
    """

    label: str = "Answer: "
    pattern: str = r"[^\n ][^\n]{0,199}"
    normalise: Callable[[str], str | None] = plain_answer

    def __post_init__(self) -> None:
        if not self.label.strip(" :：") or "\n" in self.label:
            raise ValueError(f"label is {self.label!r}; give the words that begin the line, such as 'Answer: '.")

    @classmethod
    def number(cls, label: str = "Answer: ") -> Self:
        """A line whose answer is one number."""
        return cls(label=label, pattern=r"-?[0-9]{1,12}(\.[0-9]{1,6})?", normalise=number_answer)

    @classmethod
    def choice(cls, choices: tuple[str, ...], label: str = "Answer: ") -> Self:
        """A line whose answer is one of `choices`, letter case and final punctuation aside."""
        by_key = {plain_answer(choice): choice for choice in choices}
        if None in by_key or len(by_key) < max(1, len(choices)):
            raise ValueError(f"choices are {choices!r}; give different words.")
        pattern = "|".join(re.escape(choice) for choice in choices)
        return cls(label=label, pattern=pattern, normalise=lambda text: by_key.get(plain_answer(text)))

    def split(self, text: str) -> tuple[str, str | None]:
        """What stands before the last line of `text`, and the answer in it as it was written.

        All of `text` and None where the last line does not begin with the label or holds no answer. Blanks, letter
        case, bold type and the width of the colon do not count.
        """
        before, _, last = text.rstrip().rpartition("\n")
        found = re.fullmatch(rf"\s*{self._label_pattern()}\s*(.+)", last.replace("**", ""), re.IGNORECASE)
        if found is None or self.normalise(found[1]) is None:
            return text.strip(), None
        return before.strip(), found[1].strip()

    def end_of(self, text: str, start: int = 0) -> int | None:
        """Where the first finished line that answers ends, looked for from character `start` on; None where none."""
        for found in re.finditer("\n", text[start:]):
            end = start + found.start()
            if self.split(text[:end])[1] is not None:
                return end
        return None

    def _label_pattern(self) -> str:
        words = self.label.strip(" :：")
        has_colon = self.label.rstrip().endswith((":", "："))
        return re.escape(words) + (r"\s*[:：]" if has_colon else r"\b")


ANSWER_LINES = {"en": AnswerLine(), "zh": AnswerLine(label="答案：")}
