"""Exact fractions of bounded size: the numbers of the calculator, and the operations on them.

Sums, products, whole powers and roots that come out are exact. What no fraction holds (most roots) has 50 significant
digits, and so has a fraction whose exact form would be longer than 1,000 digits; such a number says so.
"""

import decimal
import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

MAX_DIGITS = 1000
ROUNDED_DIGITS = 50
SETTLED_DIGITS = 40  # of a rounded number: what is nearer to a whole number than this is meant to be one
EXACT_DIGITS = 30  # decimals up to this long are written whole
SHOWN_DIGITS = 16  # of others

_MAX_BITS = int(MAX_DIGITS * math.log2(10))
_MAX_ROOT = 100


class ExpressionError(ValueError):
    """An expression cannot be computed; the message is for who wrote it."""


@dataclass(frozen=True)
class Number:
    """A value, and whether it is exact or rounded."""

    value: Fraction
    is_exact: bool = True


def context(digits: int) -> decimal.Context:
    """Arithmetic with so many significant digits."""
    traps = [decimal.Overflow, decimal.InvalidOperation, decimal.DivisionByZero]
    return decimal.Context(prec=digits, Emin=-10 * MAX_DIGITS, Emax=10 * MAX_DIGITS, traps=traps)


def bounded(value: Fraction, *, is_exact: bool) -> Number:
    """`value`, rounded to 50 digits where its exact form is too long.

    Raises:
        ExpressionError: it is beyond 10^1000, or nearer to zero than 10^-1000.
    """
    if max(value.numerator.bit_length(), value.denominator.bit_length()) <= _MAX_BITS:
        return Number(value, is_exact)
    if value.denominator == 1:
        raise too_long()
    return rounded(as_decimal(value))


def rounded(number: Decimal) -> Number:
    """A number that is not exact. Raises ExpressionError as `bounded` does."""
    if number and abs(number.adjusted()) > MAX_DIGITS:
        raise too_long()
    return Number(Fraction(number), is_exact=False)


def as_decimal(value: Fraction, digits: int = ROUNDED_DIGITS) -> Decimal:
    """`value` with so many significant digits."""
    return context(digits).divide(Decimal(value.numerator), Decimal(value.denominator))


def too_long() -> ExpressionError:
    """To raise for a value that is too large or too small."""
    return ExpressionError(f"The value is too large or too small: it would have more than {MAX_DIGITS:,} digits.")


def add(left: Number, right: Number) -> Number:
    """The sum."""
    return bounded(left.value + right.value, is_exact=left.is_exact and right.is_exact)


def subtract(left: Number, right: Number) -> Number:
    """The difference."""
    return bounded(left.value - right.value, is_exact=left.is_exact and right.is_exact)


def multiply(left: Number, right: Number) -> Number:
    """The product."""
    return bounded(left.value * right.value, is_exact=left.is_exact and right.is_exact)


def divide(left: Number, right: Number) -> Number:
    """The quotient. Raises: ExpressionError: by zero."""
    if right.value == 0:
        raise ExpressionError("Division by zero has no value.")
    return bounded(left.value / right.value, is_exact=left.is_exact and right.is_exact)


def floor_divide(left: Number, right: Number) -> Number:
    """The quotient rounded down, as Python's `//`."""
    quotient = divide(left, right)
    return Number(Fraction(math.floor(settled(quotient))), quotient.is_exact)


def remainder(left: Number, right: Number) -> Number:
    """What `floor_divide` leaves; it has the sign of `right`, as Python's `%`."""
    return subtract(left, multiply(right, floor_divide(left, right)))


def settled(number: Number) -> Fraction:
    """The value to round: of one that is rounded already, without its last digits, which are noise."""
    return number.value if number.is_exact else Fraction(as_decimal(number.value, SETTLED_DIGITS))


def power(base: Number, exponent: Number) -> Number:
    """`base ** exponent`; 0 ** 0 is 1.

    Raises:
        ExpressionError: it has no real value, or one that is too large or too small.
    """
    if base.value == 0 and exponent.value < 0:
        raise ExpressionError("Division by zero has no value: 0 to a negative power.")
    if base.value < 0 and exponent.value.denominator != 1:
        raise ExpressionError("A negative number to a power that is not whole has no real value.")
    value = _simple_power(base.value, exponent.value)
    if value is None:
        value = _exact_power(base.value, exponent.value)
    if value is not None:
        return bounded(value, is_exact=base.is_exact and exponent.is_exact)
    return rounded(context(ROUNDED_DIGITS).power(as_decimal(base.value), as_decimal(exponent.value)))


def _simple_power(base: Fraction, exponent: Fraction) -> Fraction | None:
    """The powers that stay small whatever the exponent."""
    if exponent == 0 or base == 1:
        return Fraction(1)
    if base == 0:
        return Fraction(0)
    if base == -1:
        return Fraction(-1 if exponent.numerator % 2 else 1)
    return None


def _exact_power(base: Fraction, exponent: Fraction) -> Fraction | None:
    """The power as a fraction; None where there is none of at most 1,000 digits."""
    log10 = math.log10(abs(base.numerator)) - math.log10(base.denominator)
    if abs(exponent) * Fraction(abs(log10)) > MAX_DIGITS:  # before anything is computed: 9 ** 9 ** 9
        raise too_long()
    root = _exact_root(base, exponent.denominator)
    if root is None:
        return None
    num_digits = abs(exponent.numerator) * Fraction(math.log10(max(abs(root.numerator), root.denominator)))
    return Fraction(root**exponent.numerator) if num_digits <= MAX_DIGITS else None


def _exact_root(value: Fraction, degree: int) -> Fraction | None:
    """The root that is a fraction; None where there is none."""
    if degree == 1:
        return value
    if degree > _MAX_ROOT:
        return None
    numerator, denominator = _whole_root(value.numerator, degree), _whole_root(value.denominator, degree)
    if numerator**degree != value.numerator or denominator**degree != value.denominator:
        return None
    return Fraction(numerator, denominator)


def _whole_root(value: int, degree: int) -> int:
    """The root of a number that is not negative, rounded down, by Newton's method from above."""
    if value < 2:
        return value
    root = 1 << -(-value.bit_length() // degree)
    while True:
        better = ((degree - 1) * root + value // root ** (degree - 1)) // degree
        if better >= root:
            return root
        root = better


def number_text(number: Number) -> str:
    """A number in decimals, behind "≈ " where it had to be rounded: to 16 significant digits."""
    if number.is_exact and number.value.denominator == 1:
        return str(number.value.numerator)
    exact = context(EXACT_DIGITS)
    quotient = exact.divide(Decimal(number.value.numerator), Decimal(number.value.denominator))
    if number.is_exact and not exact.flags[decimal.Inexact]:
        return _plain_text(quotient)
    return f"≈ {_plain_text(as_decimal(number.value, SHOWN_DIGITS))}"


def _plain_text(number: Decimal) -> str:
    shortest = context(EXACT_DIGITS).plus(number).normalize(context(EXACT_DIGITS))
    return f"{shortest:f}" if -10 <= shortest.adjusted() < EXACT_DIGITS else f"{shortest:e}"
