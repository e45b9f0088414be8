"""The ways of writing calls that are known here. All are JSON; what stands around it differs.

A call is `{"name": "add", "arguments": {"a": 1, "b": 2}}` with blanks as `json.dumps` and the `tojson` of templates
put them, so that a call which is shown again is spelled as it was written.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from appkit.messages import ToolCall


@dataclass(frozen=True, kw_only=True)
class CallSyntax:
    """Where calls begin and end: `opening`, calls with `between` between them, `closing`.

    With a `mark`, which `opening` starts with, text may come before it, and no answer holds it. Without one, a call is
    the whole answer, and no other answer begins as it does, with "{". Where `answer_opening` is not empty, an answer
    that calls nothing begins with it, and none has text before its calls.
    """

    name: str
    mark: str
    opening: str
    between: str
    closing: str
    arguments_key: Literal["arguments", "parameters"] = "arguments"
    answer_opening: str = ""
    max_calls: int = 8  # in one answer

    def write(self, calls: Sequence[ToolCall]) -> str:
        """The calls as a model writes them."""
        written = [self.call_start(call.name) + _json(dict(call.arguments)) + "}" for call in calls]
        return self.opening + self.between.join(written) + self.closing

    def call_start(self, name: str) -> str:
        """A call up to its arguments, which "}" follows."""
        return f'{{"name": {_json(name)}, "{self.arguments_key}": '


# Nous Research's Hermes models, and Qwen 2.5 and 3.
HERMES = CallSyntax(
    name="hermes",
    mark="<tool_call>",
    opening="<tool_call>\n",
    between="\n</tool_call>\n<tool_call>\n",
    closing="\n</tool_call>",
)

# Llama 3.1 and 3.2 with tools of the user's own; their template refuses several calls in one message.
LLAMA3 = CallSyntax(
    name="llama3", mark="", opening="", between="", closing="", arguments_key="parameters", max_calls=1
)  # fmt: skip

# Mistral from its third tokenizer on, where the mark is a token of its own.
MISTRAL = CallSyntax(name="mistral", mark="[TOOL_CALLS]", opening="[TOOL_CALLS][", between=", ", closing="]")

# For models that know no tools. Small ones never begin a call of their own accord, but say rather well whether a tool
# fits when that is what they are asked first (docs/log.md). One call an answer: a model that was not trained to call
# repeats itself, and may call again once it has seen the result.
OWN = CallSyntax(
    name="own",
    mark="<tool>yes</tool>",
    opening="<tool>yes</tool>\n<tool_call>",
    between="",
    closing="</tool_call>",
    answer_opening="<tool>no</tool>\n",
    max_calls=1,
)

NATIVE = (HERMES, LLAMA3, MISTRAL)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
