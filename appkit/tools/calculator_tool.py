"""The calculator as a tool."""

from typing import Annotated

from appkit.errors import ToolError
from appkit.tools.arithmetic import evaluate
from appkit.tools.base import Tool, tool
from appkit.tools.example import ToolExample
from appkit.tools.rational import ExpressionError, number_text

_WORKED = (  # one of each operation; the first, the sum with two words for numbers, stands nearest to the task
    ("Two ships carry 1,420 and 2,375 tons. How many tons do they carry together?", "1420 + 2375", "3795"),
    ("Tickets cost 8 euros each. What do 35 tickets cost?", "35 * 8", "280"),
    ("A box holds 84 pens, and 29 are taken out. How many are left?", "84 - 29", "55"),
    ("What is 15% of 640?", "15% * 640", "96"),
    ("What is 96 divided by 15?", "96 / 15", "6.4"),
    ("What is the square root of 81, times 5?", "sqrt(81) * 5", "45"),
    ("两艘船各装 1420 吨和 2375 吨，一共多少吨？", "1420 + 2375", "3795"),
    ("一张票 8 元，35 张票多少钱？", "35 * 8", "280"),
    ("盒子里有 84 支笔，拿走 29 支，还剩多少支？", "84 - 29", "55"),
    ("640 的 15% 是多少？", "15% * 640", "96"),
    ("96 除以 15 等于多少？", "96 / 15", "6.4"),
    ("81 的平方根乘以 5 等于多少？", "sqrt(81) * 5", "45"),
)
EXAMPLES = tuple(
    ToolExample(question=question, arguments={"expression": expression}, result=result, answer=result)
    for question, expression, result in _WORKED
)


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

    return tool(calculator, timeout_s=10.0, examples=EXAMPLES)
