"""Arithmetic is right, exact where it can be, and ends at once where it cannot."""

import math
import time
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from appkit.tools import calculator
from appkit.tools.arithmetic import MAX_CHARACTERS, MAX_DEPTH, evaluate
from appkit.tools.rational import MAX_DIGITS, ExpressionError, number_text

BINARY = ["+", "-", "*", "/", "//", "%", "**"]


def shown(expression: str) -> str:
    return number_text(evaluate(expression))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("0.1 + 0.2", "0.3"),
        ("1.10 * 3", "3.3"),
        ("2 + 3 * 4", "14"),
        ("(2 + 3) * 4", "20"),
        ("2 ** 3 ** 2", "512"),
        ("-2 ** 2", "-4"),
        ("2 ** -1", "0.5"),
        ("2^10", "1024"),
        ("7 // 2", "3"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("7.5 % 2", "1.5"),
        ("10 / 4", "2.5"),
        ("2 / 3 * 3", "2"),
        ("10 / 3", "≈ 3.333333333333333"),
        ("1e3 + .5", "1000.5"),
        ("1,234,567.5 + 1", "1234568.5"),
        ("15% of 200", "30"),
        ("200 * 15%", "30"),
        ("50%", "0.5"),
        ("(20 + 30)% * 8", "4"),
        ("100 - (20%)", "99.8"),
        ("17 % 5 % 2", "0"),
        ("2 ** 100", "1267650600228229401496703205376"),
        ("8 ** (1/3)", "2"),
        ("27 ** (2/3)", "9"),
        ("(9/4) ** 0.5", "1.5"),
        ("0 ** 0", "1"),
        ("sqrt(16/9)", "≈ 1.333333333333333"),
        ("sqrt(2)", "≈ 1.414213562373095"),
        ("sqrt(2) ** 2", "≈ 2"),
        ("floor(sqrt(2) ** 2)", "≈ 2"),
        ("pi", "≈ 3.141592653589793"),
        ("PI * 2", "≈ 6.283185307179586"),
        ("exp(1) - e", "≈ 0"),
        ("ln(1)", "0"),
        ("log10(0.001)", "-3"),
        ("log2(1/8)", "-3"),
        ("abs(-3)", "3"),
        ("min(3, 1, 2) + max(3, 1, 2)", "4"),
        ("round(2.5)", "3"),
        ("round(-2.675, 2)", "-2.68"),
        ("round(1234, -2)", "1200"),
        ("ceil(0.2) + floor(-0.2)", "0"),
        ("factorial(20)", "2432902008176640000"),
        ("gcd(12, 18) + lcm(4, 6, 10)", "66"),
        ("１２×（３＋４）÷２", "42"),
        ("１，０００ ＋ ２５", "1025"),
        ("3² + 2³", "17"),
        ("√(16) − 1", "3"),
        ("2·3", "6"),
        ("1 / 1e30", "1e-30"),
        ("(1 + 0.045/365) ** 3650", "≈ 1.568268685118501"),
    ],
)
def test_expressions_have_these_values(expression: str, value: str) -> None:
    assert shown(expression) == value


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "At position 1 the expression ends; a number must come there."),
        ("1 +", "At position 4 the expression ends"),
        ("(1", 'an operator or "\\)" must come there'),
        ("1)", "an operator or the end must come there"),
        ("2(3)", r"At position 2 '\(' stands"),
        ("2 3", "At position 3 '3' stands"),
        ("1 = 1", "'=' at position 3 is no part of an expression"),
        ("__import__('os')", "is no part of an expression"),
        ("().__class__", r"'\.' at position 3 is no part"),
        ("lambda: 1", "is no part"),
        ("1_000", "'_000' stands"),
        ("0x10", "'x10' stands"),
        ("1.2.3", "'.3' stands"),
        ("1 / 0", "Division by zero"),
        ("1 // 0", "Division by zero"),
        ("1 % 0", "Division by zero"),
        ("0 ** -1", "Division by zero"),
        ("(-8) ** (1/3)", "no real value"),
        ("sqrt(-1)", "sqrt of the negative number -1"),
        ("ln(0)", "ln is only of positive numbers, not of 0"),
        ("log(3)", "'log' is not known here; use ln, log10 or log2"),
        ("sin(3)", "'sin' is not known here; there is: abs, ceil"),
        ("factorial(2.5)", "a whole number from 0 to 449, not 2.5"),
        ("gcd(1.5, 2)", "gcd is only of whole numbers"),
        ("sqrt(1, 2)", "sqrt takes 1 argument, not 2"),
        ("round(1, 2, 3)", "round takes 1 to 2 arguments, not 3"),
        ("gcd(4)", "gcd takes at least 2 arguments, not 1"),
        ("max(1,234)", r"two ways: write 1, 234 .* or 1234 for one"),
        ("1,23", "the comma at position 2 parts no thousands"),
        ("1234,567", "parts no thousands"),
        ("0,125", "parts no thousands: write 1,234 or 1234, and a point for decimals"),
        ("1,000,00", "at position 6 parts no thousands"),
        ("100 - 20%", "two ways"),
        ("10 % -3", "two ways"),
        ("3 \ud800", "is no part"),
        ("1" * (MAX_CHARACTERS + 1), "1,001 characters"),
        ("(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1), "nested more than 50 deep"),
        ("-" * (MAX_DEPTH + 1) + "1", "nested more than 50 deep"),
        ("2**" * (MAX_DEPTH + 1) + "1", "nested more than 50 deep"),
    ],
)
def test_what_is_no_expression_is_refused_with_place_and_reason(expression: str, reason: str) -> None:
    with pytest.raises(ExpressionError, match=f"(?i){reason}"):
        evaluate(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "9**9**9",
        "9**9**9**9",
        "0.5**10**9",
        "2**(10**400)",
        "1.5**(10**400)",
        "(1/3)**99999999",
        "10**1000*10",
        "1e999*1e999",
        "1e99999999999",
        "exp(10**300)",
        "exp(-5000)",
        "factorial(450)",
        "factorial(10**300)",
        "2**0.5**-99",
        "lcm(" + ", ".join(f"{'9' * 90}{idx}" for idx in range(10)) + f", {'7' * 80})",
        "round(1, 10**300)",
        "9**900 * 9**900",
    ],
)
def test_what_would_take_for_ever_is_refused_at_once(expression: str) -> None:
    started = time.perf_counter()
    with pytest.raises(ExpressionError):
        evaluate(expression)
    assert time.perf_counter() - started < 0.2


@pytest.mark.parametrize(
    "expression",
    ["+".join(["1/7"] * 240), "*".join(["1.1"] * 240), "+".join(["pi*e"] * 190), "sqrt(2)*" * 120 + "1", "9**9**3"],
)
def test_the_longest_that_is_computed_takes_little_time(expression: str) -> None:
    started = time.perf_counter()
    assert len(shown(expression)) <= MAX_DIGITS
    assert time.perf_counter() - started < 0.5


@st.composite
def expressions(draw: st.DrawFn, depth: int = 4) -> str:
    """An expression that Python reads alike: percentages and functions aside, the grammar is the same."""
    if depth == 0 or draw(st.booleans()):
        return str(draw(st.integers(0, 999)))
    if draw(st.integers(0, 5)) == 0:
        return f"({draw(st.sampled_from('+-'))}{draw(expressions(depth=depth - 1))})"
    left, right = draw(expressions(depth=depth - 1)), draw(expressions(depth=depth - 1))
    operator = draw(st.sampled_from(BINARY))
    text = f"{left} {operator} {right if operator != '**' else draw(st.integers(0, 4))}"
    return f"({text})" if draw(st.booleans()) else text


@settings(max_examples=500, deadline=None)
@given(expressions())
def test_values_are_those_of_python_on_fractions(expression: str) -> None:
    wrapped = "".join(
        f"Fraction({piece})" if piece.isdigit() else piece for piece in _pieces(expression)
    )  # Fraction ** Fraction with a whole exponent is exact
    try:
        expected: Any = eval(wrapped, {"Fraction": Fraction})
    except ZeroDivisionError:
        with pytest.raises(ExpressionError, match="Division by zero"):
            evaluate(expression)
        return
    assume(isinstance(expected, Fraction) and max(abs(expected.numerator), expected.denominator) < 10**300)
    number = evaluate(expression)
    assert (number.value, number.is_exact) == (expected, True)


def _pieces(expression: str) -> list[str]:
    pieces: list[str] = []
    for character in expression:
        if character.isdigit() and pieces and pieces[-1].isdigit():
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces


@settings(max_examples=200, deadline=None)
@given(st.decimals(-1000, 1000, places=4), st.integers(-2, 4))
def test_rounding_is_half_away_from_zero(number: Decimal, digits: int) -> None:
    expected = number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    assert evaluate(f"round({number:f}, {digits})").value == Fraction(expected)


@settings(max_examples=200, deadline=None)
@given(st.fractions(min_value=Fraction(1, 1000), max_value=1000), st.integers(1, 12))
def test_roots_of_powers_come_back_exactly(base: Fraction, degree: int) -> None:
    text = f"(({base.numerator}/{base.denominator}) ** {degree}) ** (1/{degree})"
    number = evaluate(text)
    assert (number.value, number.is_exact) == (base, True)


@settings(max_examples=200, deadline=None)
@given(st.floats(0.001, 500), st.sampled_from(["sqrt", "exp", "ln", "log10", "log2"]))
def test_functions_agree_with_those_of_the_machine(number: float, name: str) -> None:
    expected = {"sqrt": math.sqrt, "exp": math.exp, "ln": math.log, "log10": math.log10, "log2": math.log2}[name](
        number
    )
    assert float(evaluate(f"{name}({number:.12f})").value) == pytest.approx(expected, rel=1e-8, abs=1e-9)


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="0123456789.,+-*/%^()eE sqrtmaxof πｘ²√，（）%", max_size=30))
def test_any_text_has_a_value_or_a_reason(text: str) -> None:
    try:
        assert shown(text)
    except ExpressionError as error:
        assert str(error).endswith(".")


def test_the_tool_answers_with_the_number_or_the_reason() -> None:
    tool = calculator()
    assert tool.name == "calculator"
    assert not tool.needs_approval
    assert tool.run({"expression": "17 * 23"}).text == "391"
    refused = tool.run({"expression": "9**9**9"})
    assert refused.is_error
    assert refused.text == "The value is too large or too small: it would have more than 1,000 digits."
