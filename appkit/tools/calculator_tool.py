"""The calculator as a tool."""

from typing import Annotated

from appkit.errors import ToolError
from appkit.tools.arithmetic import evaluate
from appkit.tools.base import Tool, tool
from appkit.tools.rational import ExpressionError, number_text


def calculator() -> Tool:
    """A tool that computes arithmetic exactly: see `arithmetic.py` for what can be written."""
    from pydantic import Field

    def calculator(expression: Annotated[str, Field(min_length=1)]) -> str:
        """Compute an arithmetic expression, such as 17 * (3 + 4.5) or sqrt(2) ** 3. The result is a number.

        Args:
            expression: numbers with + - * / // % ** and parentheses, and abs, ceil, exp, factorial, floor, gcd, lcm,
                ln, log10, log2, max, min, round, sqrt, pi, e. 15% is 0.15.
        """
        try:
            return number_text(evaluate(expression))
        except ExpressionError as error:
            raise ToolError(str(error), "calculator") from error

    return tool(calculator, timeout_s=10.0)
