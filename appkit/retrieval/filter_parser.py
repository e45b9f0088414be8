"""Filters as people write them, read into a tree: `source = "a.md" and year >= 2020`.

    expression = conjunction { "or" conjunction }
    conjunction = condition { "and" condition }
    condition = "not" condition | "(" expression ")" | comparison
    comparison = field ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
               | field ( "contains" | "startswith" ) text
               | field [ "not" ] "in" "(" value { "," value } ")"
    field = word | "metadata" "." ( word | text )
    value = text | number | "true" | "false"

Words of the grammar may be written in any case. Chinese keyboards' brackets, commas, signs and quotation marks are
taken for their ASCII forms. What a field means is decided in `filters.py`. Nothing here runs, or becomes SQL.
"""

import math
import re
from dataclasses import dataclass
from typing import NoReturn

from appkit.retrieval.documents import Scalar

MAX_FILTER_CHARS = 4_000
MAX_FILTER_DEPTH = 32  # of brackets and `not`: the reader calls itself once for each
MAX_FILTER_COMPARISONS = 100  # each may look through every document's metadata
MAX_FILTER_VALUES = 500  # SQLite of old takes 999 parameters, and a comparison may need one more or twice its value

_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
_WORDS = frozenset({"and", "or", "not", "in", "contains", "startswith", "true", "false"})
_FULL_WIDTH = str.maketrans({"（": "(", "）": ")", "，": ",", "＝": "=", "＜": "<", "＞": ">", "！": "!"})
_CLOSING = {'"': '"', "'": "'", "“": "”", "‘": "’"}
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?(?![\w.]))
      | (?P<word>[^\W\d]\w*(?:-\w+)*)
      | (?P<sign>[!<>！＜＞]?[=＝]{1,2}|[<>＜＞]|[(),.（），])
      | (?P<quote>["'“‘])
    )""",
    re.VERBOSE,
)


class FilterSyntaxError(ValueError):
    """A filter that cannot be understood. `position` counts characters of `filter` from 0."""

    def __init__(self, problem: str, filter: str, position: int) -> None:
        super().__init__(f"The filter is wrong at character {position + 1}: {problem}\n  {_show(filter, position)}")
        self.problem = problem
        self.filter = filter
        self.position = position


@dataclass(frozen=True)
class Field:
    """What is compared: a property every document has, or an entry of its metadata."""

    name: str
    is_metadata: bool  # written as metadata.NAME
    position: int = 0


@dataclass(frozen=True)
class Comparison:
    """`field operator value`; several values only for "in"."""

    field: Field
    operator: str  # one of _COMPARISONS, "contains", "startswith", "in"
    values: tuple[Scalar, ...]
    position: int = 0  # of the operator


@dataclass(frozen=True)
class Not:
    """True where `part` is not."""

    part: "Expression"


@dataclass(frozen=True)
class And:
    """True where all parts are."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True)
class Or:
    """True where one part is."""

    parts: tuple["Expression", ...]


Expression = Comparison | Not | And | Or


def parse_filter(filter: str) -> Expression:
    """The tree of a filter.

    Raises:
        FilterSyntaxError: it is empty, too long, too deep, or not of the grammar; says where and what was expected.
    """
    if len(filter) > MAX_FILTER_CHARS:
        raise FilterSyntaxError(
            f"it is {len(filter):,} characters long and may be {MAX_FILTER_CHARS:,}.", filter, MAX_FILTER_CHARS
        )
    parser = _Parser(filter, _tokens(filter))
    expression = parser.expression(depth=0)
    parser.expect_end()
    return expression


@dataclass(frozen=True)
class _Token:
    kind: str  # "text", "number", "word", "sign", "end"
    value: Scalar
    position: int
    shown: str  # as written


def _tokens(filter: str) -> list[_Token]:
    tokens, position = [], 0
    while filter[position:].strip():
        match = _TOKEN.match(filter, position)
        if match is None:
            start = len(filter) - len(filter[position:].lstrip())
            raise FilterSyntaxError(f"{filter[start]!r} has no meaning in a filter.", filter, start)
        kind = match.lastgroup or ""
        start, position = match.span(kind)
        if kind == "quote":
            token, position = _text(filter, start)
        else:
            token = _token(kind, filter, start, position)
        tokens.append(token)
    return [*tokens, _Token("end", "", len(filter), "the end")]


def _text(filter: str, start: int) -> tuple[_Token, int]:
    """The quoted text that starts at `start`, and where it ends. A backslash takes the next character as it is."""
    closing, characters, position = _CLOSING[filter[start]], [], start + 1
    while position < len(filter) and filter[position] != closing:
        position += filter[position] == "\\" and position + 1 < len(filter)
        character = filter[position]
        if character == "\0" or "\ud800" <= character <= "\udfff":  # neither can be stored or sent to SQLite
            raise FilterSyntaxError(f"the character {character!r} cannot be searched for.", filter, position)
        characters.append(character)
        position += 1
    if position >= len(filter):
        raise FilterSyntaxError(f"the text that starts here has no closing {closing}", filter, start)
    position += 1
    return _Token("text", "".join(characters), start, filter[start:position]), position


def _token(kind: str, filter: str, start: int, end: int) -> _Token:
    shown = filter[start:end]
    if kind == "number":
        return _Token(kind, _number(shown, filter, start), start, shown)
    if kind == "sign":
        return _Token(kind, {"==": "="}.get(sign := shown.translate(_FULL_WIDTH), sign), start, shown)
    return _Token(kind, shown, start, shown)


def _number(shown: str, filter: str, start: int) -> int | float:
    try:
        number: int | float = int(shown) if re.fullmatch(r"[-+]?[0-9]+", shown) else float(shown)
    except ValueError:  # Python refuses to read thousands of digits
        number = math.inf
    if not -(2**63) <= number < 2**63 if isinstance(number, int) else math.isinf(number):
        raise FilterSyntaxError("the number is too large.", filter, start)
    return number


class _Parser:
    """Recursive descent, one method a rule of the grammar above."""

    def __init__(self, filter: str, tokens: list[_Token]) -> None:
        self._filter = filter
        self._tokens = tokens
        self._idx = 0
        self._num_comparisons = 0
        self._num_values = 0

    def expression(self, depth: int) -> Expression:
        parts = [self._conjunction(depth)]
        while self._take_word("or"):
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def expect_end(self) -> None:
        if self._now.kind != "end":
            self._fail(f'"and", "or" or the end was expected, not {self._now.shown}')

    def _conjunction(self, depth: int) -> Expression:
        parts = [self._condition(depth)]
        while self._take_word("and"):
            parts.append(self._condition(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _condition(self, depth: int) -> Expression:
        if depth > MAX_FILTER_DEPTH:
            self._fail(f"brackets and `not` go deeper than {MAX_FILTER_DEPTH}.")
        if self._take_word("not"):
            return Not(self._condition(depth + 1))
        if self._take_sign("("):
            inner = self.expression(depth + 1)
            self._expect_sign(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Expression:
        self._num_comparisons += 1
        if self._num_comparisons > MAX_FILTER_COMPARISONS:
            self._fail(f"there are more than {MAX_FILTER_COMPARISONS} comparisons.")
        field = self._field()
        operator = self._now
        if operator.kind == "sign" and operator.value in _COMPARISONS:
            self._idx += 1
            comparison = Comparison(field, str(operator.value), (self._value(),), operator.position)
            if isinstance(comparison.values[0], bool) and operator.value not in ("=", "!="):
                self._fail("true and false have no order: use = or !=.", operator.position)
            return comparison
        for word in ("contains", "startswith"):
            if self._take_word(word):
                if self._now.kind != "text":
                    self._fail(f'a text in quotes was expected after "{word}", not {self._now.shown}')
                return Comparison(field, word, (self._value(),), operator.position)
        is_negated = self._take_word("not")
        if self._take_word("in"):
            comparison = Comparison(field, "in", self._values(), operator.position)
            return Not(comparison) if is_negated else comparison
        signs = " ".join(_COMPARISONS)
        return self._fail(f"after a field, one of {signs} contains startswith in was expected, not {self._now.shown}")

    def _field(self) -> Field:
        token = self._now
        if token.kind == "text":
            self._fail(f"a field was expected before its value; write metadata.{token.shown} for a field of this name.")
        if token.kind != "word" or self._is_word(*_WORDS):
            self._fail(f"a field such as source, title or page was expected, not {token.shown}")
        self._idx += 1
        if token.value == "metadata" and self._take_sign("."):
            key = self._now
            if key.kind not in ("word", "text"):
                self._fail(f"the name of a metadata field was expected, not {key.shown}")
            self._idx += 1
            return Field(str(key.value), True, token.position)
        return Field(str(token.value), False, token.position)

    def _values(self) -> tuple[Scalar, ...]:
        self._expect_sign("(")
        values = [self._value()]
        while self._take_sign(","):
            values.append(self._value())
        self._expect_sign(")")
        return tuple(values)

    def _value(self) -> Scalar:
        token = self._now
        value = token.value
        if self._is_word("true", "false"):
            value = str(token.value).lower() == "true"
        elif token.kind == "word":
            self._fail(f'a value was expected; write "{token.shown}" in quotes if it is a text.')
        elif token.kind not in ("text", "number"):
            self._fail(f"a value was expected, not {token.shown}")
        self._num_values += 1
        if self._num_values > MAX_FILTER_VALUES:
            self._fail(f"there are more than {MAX_FILTER_VALUES} values.")
        self._idx += 1
        return value

    @property
    def _now(self) -> _Token:
        return self._tokens[self._idx]

    def _is_word(self, *words: str) -> bool:
        return self._now.kind == "word" and str(self._now.value).lower() in words

    def _take_word(self, word: str) -> bool:
        taken = self._is_word(word)
        self._idx += taken
        return taken

    def _take_sign(self, sign: str) -> bool:
        taken = self._now.kind == "sign" and self._now.value == sign
        self._idx += taken
        return taken

    def _expect_sign(self, sign: str) -> None:
        if not self._take_sign(sign):
            self._fail(f"{sign} was expected, not {self._now.shown}")

    def _fail(self, problem: str, position: int | None = None) -> NoReturn:
        raise FilterSyntaxError(problem, self._filter, self._now.position if position is None else position)


def _show(filter: str, position: int, radius: int = 40) -> str:
    """The neighbourhood of a character, with a mark before it; on one line whatever was typed."""
    before, after = filter[max(0, position - radius) : position], filter[position : position + radius]
    return f"{before}▸{after}".translate(dict.fromkeys((*range(32), 127, 133, 8232, 8233), " "))
