"""The functions and constants that an expression may name."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from appkit.tools.rational import (
    MAX_DIGITS,
    ROUNDED_DIGITS,
    ExpressionError,
    Number,
    as_decimal,
    context,
    number_text,
    power,
    rounded,
    settled,
    too_long,
)

CONSTANTS = {  # to 50 digits
    "pi": Number(Fraction("3.1415926535897932384626433832795028841971693993751"), is_exact=False),
    "e": Number(Fraction("2.7182818284590452353602874713526624977572470937000"), is_exact=False),
}


@dataclass(frozen=True)
class Function:
    """A function by name, and how many arguments it takes; None for any number."""

    name: str
    compute: Callable[..., Number]
    least: int = 1
    most: int | None = 1

    def apply(self, arguments: Sequence[Number]) -> Number:
        """Raises ExpressionError where there is no value, or another number of arguments."""
        if len(arguments) < self.least or (self.most is not None and len(arguments) > self.most):
            wanted = f"at least {self.least}" if self.most is None else f"{self.least} to {self.most}"
            wanted = "1 argument" if self.most == self.least else f"{wanted} arguments"
            raise ExpressionError(
                f"{self.name} takes {wanted}, not {len(arguments)}. In a function commas part arguments, "
                "never thousands."
            )
        return self.compute(*arguments)


def _absolute(number: Number) -> Number:
    return Number(abs(number.value), number.is_exact)


def _ceil(number: Number) -> Number:
    return Number(Fraction(math.ceil(settled(number))), number.is_exact)


def _exp(number: Number) -> Number:
    if number.value == 0:
        return Number(Fraction(1), number.is_exact)
    if abs(number.value) > 3 * MAX_DIGITS:  # e^3 > 10
        raise too_long()
    return rounded(context(ROUNDED_DIGITS).exp(as_decimal(number.value)))


def _factorial(number: Number) -> Number:
    return Number(Fraction(math.factorial(_whole("factorial", number, 0, 449))))  # 450! has 1,001 digits


def _floor(number: Number) -> Number:
    return Number(Fraction(math.floor(settled(number))), number.is_exact)


def _ln(number: Number) -> Number:
    if _positive("ln", number) == 1:
        return Number(Fraction(0), number.is_exact)
    return rounded(context(ROUNDED_DIGITS).ln(as_decimal(number.value)))


def _log10(number: Number) -> Number:
    logarithm = context(ROUNDED_DIGITS).log10(as_decimal(_positive("log10", number)))
    return _whole_logarithm(10, logarithm, number)


def _log2(number: Number) -> Number:
    exact = context(ROUNDED_DIGITS)
    logarithm = exact.divide(exact.ln(as_decimal(_positive("log2", number))), exact.ln(Decimal(2)))
    return _whole_logarithm(2, logarithm, number)


def _whole_logarithm(base: int, logarithm: Decimal, number: Number) -> Number:
    whole = round(logarithm)
    return Number(Fraction(whole), number.is_exact) if Fraction(base) ** whole == number.value else rounded(logarithm)


def _max(*numbers: Number) -> Number:
    return max(numbers, key=lambda number: number.value)


def _min(*numbers: Number) -> Number:
    return min(numbers, key=lambda number: number.value)


def _round(number: Number, digits: Number = Number(Fraction(0))) -> Number:  # noqa: B008 (frozen)
    """Half away from zero, as taught at school."""
    scale = Fraction(10) ** _whole("round", digits, -MAX_DIGITS, MAX_DIGITS, "as its second argument ")
    value = settled(number)
    whole = math.floor(abs(value) * scale + Fraction(1, 2))
    return Number((whole if value >= 0 else -whole) / scale, number.is_exact)


def _sqrt(number: Number) -> Number:
    if number.value < 0:
        raise ExpressionError(f"sqrt of the negative number {number_text(number)[:40]} is not real.")
    return power(number, Number(Fraction(1, 2)))


def _positive(name: str, number: Number) -> Fraction:
    if number.value <= 0:
        raise ExpressionError(f"{name} is only of positive numbers, not of {number_text(number)[:40]}.")
    return number.value


def _whole(name: str, number: Number, least: int, most: int, place: str = "") -> int:
    if not number.is_exact or number.value.denominator != 1 or not least <= number.value <= most:
        raise ExpressionError(
            f"{name} takes {place}a whole number from {least} to {most}, not {number_text(number)[:40]}."
        )
    return number.value.numerator


def _of_whole_numbers(name: str, function: Callable[..., int]) -> Callable[..., Number]:
    def compute(*numbers: Number) -> Number:
        if any(number.value.denominator != 1 or not number.is_exact for number in numbers):
            raise ExpressionError(f"{name} is only of whole numbers.")
        value = 1 if name == "lcm" else 0
        for number in numbers:  # one by one, so that a multiple that grows is stopped in time
            value = function(value, number.value.numerator)
            if value >= 10**MAX_DIGITS:
                raise too_long()
        return Number(Fraction(value))

    return compute


FUNCTIONS = {
    function.name: function
    for function in (
        Function("abs", _absolute),
        Function("ceil", _ceil),
        Function("exp", _exp),
        Function("factorial", _factorial),
        Function("floor", _floor),
        Function("gcd", _of_whole_numbers("gcd", math.gcd), 2, None),
        Function("lcm", _of_whole_numbers("lcm", math.lcm), 2, None),
        Function("ln", _ln),
        Function("log10", _log10),
        Function("log2", _log2),
        Function("max", _max, 1, None),
        Function("min", _min, 1, None),
        Function("round", _round, 1, 2),
        Function("sqrt", _sqrt),
    )
}
HINTS = {"log": "use ln, log10 or log2"}  # for names that a reader might expect
