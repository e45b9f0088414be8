"""How many tokens a remote model is shown: counted by its server where that can be done, else estimated.

Two kinds of servers count whole conversations, their template included: vLLM's `/tokenize` takes messages, llama.cpp
writes them out with `/apply-template` and counts the text. Which one it is, is asked once. Anything less, such as a
`/tokenize` for plain text alone, would leave the template out, so its server's counts are estimates.
"""

import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from appkit.errors import RemoteModelError
from appkit.llm.remote_json import Reader, to_json
from appkit.llm.remote_refusal import NoAnswerError
from appkit.llm.remote_request import message_json
from appkit.messages import Message, ToolSpec

Prompt = str | Sequence[Message]
Fetch = Callable[[str, Mapping[str, Any]], Reader]  # path and body to the object the server answers with

_PROBE = (Message(role="user", content="Hi"),)

# An estimate, in sixtieths of a token: English words of four letters and a blank, digits one by one, most signs of
# code, and three bytes of anything else, which is a Chinese character. English and code come out at 1.0 to 1.2 times
# the true counts of SmolLM2 and Gemma 3. Chinese comes out at 1.4 times that of Gemma, whose vocabulary knows it, and
# at half that of SmolLM2, whose vocabulary does not.
_LETTERS = (string.ascii_letters + " ").encode()
_DIGITS = string.digits.encode()
_LETTER, _DIGIT, _SIGN, _OTHER_BYTE, _TOKEN = 15, 60, 48, 20, 60
_MESSAGE_TOKENS = 5  # a template's markers and the role
_ANSWER_TOKENS = 3  # where the assistant begins to speak


class TokenCounter(Protocol):
    """Tokens of a text or of messages as the model is shown them."""

    is_exact: bool

    def count(self, prompt: Prompt, tools: Sequence[ToolSpec]) -> int: ...


class Estimate:
    """Counts by the kinds of characters. Leans to more than there are, so that what fits by it mostly does."""

    is_exact = False

    def count(self, prompt: Prompt, tools: Sequence[ToolSpec]) -> int:
        """At least 1 for anything but an empty text."""
        if isinstance(prompt, str):
            return estimate_tokens(prompt)
        texts = [to_json(tool.to_template()).decode("utf-8") for tool in tools]
        texts += [message.content for message in prompt]
        texts += [to_json(call).decode("utf-8") for m in prompt for call in message_json(m).get("tool_calls", ())]
        return sum(map(estimate_tokens, texts)) + _MESSAGE_TOKENS * len(prompt) + _ANSWER_TOKENS


class VllmCounter:
    """vLLM's `/tokenize`, which applies the chat template itself."""

    is_exact = True

    def __init__(self, fetch: Fetch, model: str) -> None:
        self._fetch = fetch
        self._model = model

    def count(self, prompt: Prompt, tools: Sequence[ToolSpec]) -> int:
        """Length of the ids the server would show the model. Raises RemoteModelError."""
        body: dict[str, Any] = {"model": self._model}
        if isinstance(prompt, str):
            body |= {"prompt": prompt, "add_special_tokens": True}
        else:
            body |= {"messages": [message_json(m) for m in prompt], "add_generation_prompt": True}
            if tools:
                body["tools"] = [tool.to_template() for tool in tools]
        reply = self._fetch("/tokenize", body)
        count = reply.count("count")
        if count is None:
            raise reply.missing("count")
        return count


class LlamaCppCounter:
    """llama.cpp's `/apply-template` and `/tokenize`, which together do what its chat endpoint does."""

    is_exact = True

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    def count(self, prompt: Prompt, tools: Sequence[ToolSpec]) -> int:
        """Length of the ids the server would show the model. Raises RemoteModelError."""
        text = prompt if isinstance(prompt, str) else self._text(prompt, tools)
        body = {"content": text, "add_special": True, "parse_special": True}
        return len(self._fetch("/tokenize", body).items("tokens"))

    def _text(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> str:
        body: dict[str, Any] = {"messages": [message_json(m) for m in messages]}
        if tools:
            body["tools"] = [tool.to_template() for tool in tools]
        return self._fetch("/apply-template", body).text("prompt")


def find_counter(fetch: Fetch, model: str) -> TokenCounter:
    """The exact counter that the server behind `fetch` has, or an estimate.

    Raises:
        RemoteModelError: the server cannot be reached any more.
    """
    for counter in (VllmCounter(fetch, model), LlamaCppCounter(fetch)):
        try:
            if counter.count(_PROBE, ()) > 0:
                return counter
        except NoAnswerError:
            raise
        except RemoteModelError:
            continue  # it has no such endpoint, or another one of that name
    return Estimate()


def estimate_tokens(text: str) -> int:
    """About how many tokens `text` is; see the top of the file."""
    data = text.encode("utf-8", errors="surrogatepass")
    ascii_part = text.encode("ascii", errors="ignore")
    num_letters = len(ascii_part) - len(ascii_part.translate(None, _LETTERS))
    num_digits = len(ascii_part) - len(ascii_part.translate(None, _DIGITS))
    num_signs = len(ascii_part) - num_letters - num_digits
    sixtieths = num_letters * _LETTER + num_digits * _DIGIT + num_signs * _SIGN
    sixtieths += (len(data) - len(ascii_part)) * _OTHER_BYTE
    return -(-sixtieths // _TOKEN)
