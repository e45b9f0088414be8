"""Arithmetic written as text, evaluated by a grammar of its own: nothing of Python is reachable from it.

    expression = term {("+" | "-") term}
    term       = unary {("*" | "/" | "//" | "%" | "of") unary}
    unary      = ("+" | "-") unary | power
    power      = percent [("**" | "^") unary | "²" | "³"]
    percent    = atom ["%"]
    atom       = number | "pi" | "e" | name "(" expression {"," expression} ")" | "(" expression ")"

Operators bind as in Python, `^` is a power. A "%" with a number behind it is the remainder, else a percentage. Numbers
are exact fractions, so 0.1 + 0.2 is 0.3; see `rational.py` for what is rounded.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from appkit.tools.rational import (
    MAX_DIGITS,
    ExpressionError,
    Number,
    add,
    bounded,
    divide,
    floor_divide,
    multiply,
    power,
    remainder,
    subtract,
)
from appkit.tools.rational_functions import CONSTANTS, FUNCTIONS, HINTS

MAX_CHARACTERS = 1000
MAX_DEPTH = 50

# The signs of Chinese and of printed mathematics, one for one. Not by Unicode's compatibility forms: those make 3² 32.
_SIGNS = str.maketrans("０１２３４５６７８９（）＋－＊／％＾．，−×·⋅∙÷", "0123456789()+-*/%^.,-****/")
_NAMES = {"π": "pi", "√": "sqrt"}
_EXPONENTS = {"²": 2, "³": 3}
_TOKEN = re.compile(
    r"(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+(?![\w.]))?)"
    r"|(?P<name>[A-Za-z_]\w*|[π√])|(?P<sign>\*\*|//|[-+*/%^(),²³])",
    re.ASCII,
)
_GROUP = re.compile(r"\d{3}(?:\.\d*)?")  # behind a thousands separator


def evaluate(expression: str) -> Number:
    """The value of an expression.

    Raises:
        ExpressionError: it is no expression, has no value, or one that is too long; the message says where and why.
    """
    if len(expression) > MAX_CHARACTERS:
        raise ExpressionError(
            f"The expression has {len(expression):,} characters; at most {MAX_CHARACTERS:,} are read."
        )
    parser = _Parser(_tokens(expression.translate(_SIGNS)))
    value = parser.expression()
    parser.expect_end()
    return value


@dataclass(frozen=True)
class _Token:
    kind: str  # "number", "name", "sign", "end"
    text: str
    start: int
    end: int


def _tokens(text: str) -> list[_Token]:
    tokens = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        found = _TOKEN.match(text, position)
        if found is None:
            raise ExpressionError(f"{text[position]!r} at position {position + 1} is no part of an expression.")
        tokens.append(_Token(str(found.lastgroup), found[0], position, found.end()))
        position = found.end()
    return [*tokens, _Token("end", "", len(text), len(text))]


class _Parser:
    """Reads tokens from left to right and computes as it goes."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._idx = 0
        self._depth = 0
        self._in_call = False  # where a comma parts arguments, not thousands

    def expression(self) -> Number:
        value = self._term()
        while sign := self._take("+", "-"):
            start = self._idx
            right = self._term()
            if self._idx - start == 2 and self._tokens[self._idx - 1].text == "%":
                raise ExpressionError(
                    f"A percentage behind {sign!r} can be read in two ways: write x * (1 {sign} 20%) for a share of x, "
                    f"or x {sign} (20%) for {sign}0.2."
                )
            value = add(value, right) if sign == "+" else subtract(value, right)
        return value

    def expect_end(self) -> None:
        if self._token.kind != "end":
            raise self._unexpected("an operator or the end")

    @property
    def _token(self) -> _Token:
        return self._tokens[self._idx]

    def _take(self, *texts: str) -> str:
        """The next token if it is one of `texts`, which is then read; else nothing."""
        token = self._token
        if token.kind in ("sign", "name") and token.text in texts:
            self._idx += 1
            return token.text
        return ""

    def _unexpected(self, wanted: str) -> ExpressionError:
        token = self._token
        found = "the expression ends" if token.kind == "end" else f"{token.text[:40]!r} stands"
        return ExpressionError(f"At position {token.start + 1} {found}; {wanted} must come there.")

    def _term(self) -> Number:
        value = self._unary()
        while sign := self._take("*", "/", "//", "%", "of"):
            value = _OPERATIONS[sign](value, self._unary())
        return value

    def _unary(self) -> Number:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"The expression is nested more than {MAX_DEPTH} deep; use fewer parentheses.")
        sign = self._take("+", "-")
        value = self._unary() if sign else self._power()
        self._depth -= 1
        return Number(-value.value, value.is_exact) if sign == "-" else value

    def _power(self) -> Number:
        base = self._percent()
        if sign := self._take(*_EXPONENTS):
            return power(base, Number(Fraction(_EXPONENTS[sign])))
        return power(base, self._unary()) if self._take("**", "^") else base

    def _percent(self) -> Number:
        value = self._atom()
        if self._token.text != "%":
            return value
        behind = self._tokens[self._idx + 1]
        if behind.text in ("+", "-"):
            raise ExpressionError(
                f"The % at position {self._token.start + 1} can be read in two ways: put parentheses around the "
                "percentage, as in (5%) - 3, or around what follows, as in 5 % (-3)."
            )
        if (behind.kind in ("number", "name") and behind.text != "of") or behind.text == "(":
            return value  # the remainder, an operation of the term
        self._idx += 1
        return Number(value.value / 100, value.is_exact)

    def _atom(self) -> Number:
        token = self._token
        if token.kind == "number":
            return self._number()
        if token.kind == "name":
            return self._named()
        if self._take("("):
            return self._inside(in_call=False)[0]
        raise self._unexpected("a number")

    def _number(self) -> Number:
        text = self._token.text
        is_first = True
        while self._tokens[self._idx + 1].text == ",":
            if not self._is_thousands(is_first):
                break
            is_first = False
            text += self._tokens[self._idx + 2].text
            self._idx += 2
        self._idx += 1
        mantissa, _, exponent = text.lower().partition("e")
        if exponent and abs(int(exponent)) > MAX_DIGITS:
            raise ExpressionError(f"{text[:40]} has an exponent beyond {MAX_DIGITS:,}.")
        return bounded(Fraction(f"{mantissa}e{exponent}" if exponent else mantissa), is_exact=True)

    def _is_thousands(self, is_first: bool) -> bool:
        """Whether the comma behind a number parts thousands, as in 1,234, and not arguments.

        Raises:
            ExpressionError: it could do both, or neither.
        """
        number, comma, group = self._tokens[self._idx : self._idx + 3]
        is_tight = number.end == comma.start and comma.end == group.start
        is_short = number.text.isdigit() and (not is_first or (len(number.text) <= 3 and number.text[0] != "0"))
        looks_so = is_tight and is_short and group.kind == "number" and bool(_GROUP.fullmatch(group.text))
        if looks_so and self._in_call:
            raise ExpressionError(
                f"The comma at position {comma.start + 1} can be read in two ways: write {number.text}, {group.text} "
                f"with a space for two arguments, or {number.text}{group.text} for one."
            )
        if not looks_so and not self._in_call:
            raise ExpressionError(
                f"The comma at position {comma.start + 1} parts no thousands: write 1,234 or 1234, and a point for "
                "decimals."
            )
        return looks_so

    def _named(self) -> Number:
        name = _NAMES.get(self._token.text, self._token.text.lower())
        if name in CONSTANTS:
            self._idx += 1
            return CONSTANTS[name]
        if name not in FUNCTIONS:
            known = ", ".join([*sorted(FUNCTIONS), *CONSTANTS])
            hint = HINTS.get(name, f"there is: {known}")
            raise ExpressionError(f"{self._token.text[:40]!r} is not known here; {hint}.")
        self._idx += 1
        if not self._take("("):
            raise self._unexpected(f'the "(" of {name}(…)')
        return FUNCTIONS[name].apply(self._inside(in_call=True))

    def _inside(self, *, in_call: bool) -> list[Number]:
        """What stands between parentheses, of which the first is read."""
        outer, self._in_call = self._in_call, in_call
        values = [self.expression()]
        while in_call and self._take(","):
            values.append(self.expression())
        self._in_call = outer
        if not self._take(")"):
            raise self._unexpected('an operator or ")"')
        return values


_OPERATIONS = {"*": multiply, "of": multiply, "/": divide, "//": floor_divide, "%": remainder}
