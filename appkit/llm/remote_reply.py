"""One answer of a remote model, put together from the events of its stream."""

from dataclasses import dataclass, field

from appkit.errors import CapabilityError, OutputParseError, RemoteModelError
from appkit.llm.base import FinishReason, Usage
from appkit.llm.remote_json import Reader, parse_json, parse_object
from appkit.llm.remote_refusal import error_words
from appkit.messages import ToolCall

_DONE = "[DONE]"
_MAX_TOOL_CALLS = 128

# Servers' words for why an answer ended. Others mean that it did not end well.
_FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "tool_calls": "stop",
    "function_call": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "length": "length",
}


@dataclass
class _CallPieces:
    """A tool call as far as it has come."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class RemoteReply:
    """Takes events in and holds what they add up to. Of `/chat/completions` if `is_chat`, else of `/completions`."""

    def __init__(self, url: str, name: str, *, is_chat: bool) -> None:
        self.usage: Usage | None = None
        self.finish_reason: FinishReason | None = None
        self.is_done = False  # nothing more will come
        self._url = url
        self._name = name
        self._is_chat = is_chat
        self._texts: list[str] = []
        self._logprobs: list[float] = []
        self._calls: dict[int, _CallPieces] = {}

    @property
    def text(self) -> str:
        """All text so far."""
        return "".join(self._texts)

    def add(self, event: str) -> str:
        """The text that `event` adds; may be empty.

        Raises:
            RemoteModelError: the event is not what the protocol says, or reports an error.
        """
        if event.strip() == _DONE:
            self.is_done = True
            return ""
        value = parse_object(event, self._url)
        if value.get("error") is not None:
            said, _ = error_words(value)
            raise RemoteModelError(f"{self._url} broke its answer off: {said[:300] or 'it gives no reason'}", self._url)
        chunk = Reader(value, "the event", self._url)
        self._add_usage(chunk.child("usage"))
        text = "".join(map(self._add_choice, chunk.children("choices")))
        if text:
            self._texts.append(text)
        return text

    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls the model made, in its order; none where its answer was cut, and a call perhaps with it.

        Raises:
            OutputParseError: arguments are not a JSON object; `text` is what the model wrote in its place.
        """
        if self.finish_reason != "stop":
            return ()
        return tuple(self._tool_call(self._calls[index]) for index in sorted(self._calls))

    def logprobs(self) -> tuple[float, ...]:
        """Of each token. Raises CapabilityError where the server left them out: then it does not offer them."""
        if not self._logprobs and self.text:
            raise CapabilityError(
                f"The server of {self._name} was asked for log-probabilities and sent none: ask without logprobs, or "
                "use a local model.",
                self._name,
                "logprobs",
            )
        return tuple(self._logprobs)

    def _add_choice(self, choice: Reader) -> str:
        if choice.count("index"):
            raise RemoteModelError(f"{self._url} sent a second answer, though one was asked for.", self._url)
        if reason := choice.text("finish_reason"):
            if reason not in _FINISH_REASONS:
                raise RemoteModelError(
                    f"{self._url} ended its answer for the reason {reason[:60]!r}, so it is not whole. Ask otherwise, "
                    "or ask another model.",
                    self._url,
                )
            self.finish_reason = _FINISH_REASONS[reason]
        self._add_logprobs(choice.child("logprobs"))
        if not self._is_chat:
            return choice.text("text")
        delta = choice.child("delta")
        if delta is None:
            return ""
        for call in delta.children("tool_calls"):
            self._add_call(call)
        return delta.text("content")

    def _add_call(self, call: Reader) -> None:
        index = call.count("index") or 0
        if index >= _MAX_TOOL_CALLS:
            raise RemoteModelError(f"{self._url} sent more than {_MAX_TOOL_CALLS} tool calls.", self._url)
        pieces = self._calls.setdefault(index, _CallPieces())
        pieces.id = call.text("id") or pieces.id
        if (function := call.child("function")) is not None:
            pieces.name = function.text("name") or pieces.name
            pieces.arguments.append(function.text("arguments"))

    def _tool_call(self, pieces: _CallPieces) -> ToolCall:
        text = "".join(pieces.arguments)
        try:
            arguments = parse_json(text) if text.strip() else {}  # a tool without parameters
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict) or not pieces.name:
            raise OutputParseError(
                f"{self._name} called the tool {pieces.name[:60]!r} with arguments that are not a JSON object: "
                f"{text[:200]!r}. Ask again, or show the model this message.",
                text,
            )
        return ToolCall(name=pieces.name, arguments=arguments, id=pieces.id)

    def _add_logprobs(self, logprobs: Reader | None) -> None:
        if logprobs is None:
            return
        if self._is_chat:
            for token in logprobs.children("content"):
                self._logprobs.append(token.number("logprob"))
        else:
            self._logprobs += logprobs.numbers("token_logprobs")

    def _add_usage(self, usage: Reader | None) -> None:
        if usage is None:
            return
        prompt_tokens, completion_tokens = usage.count("prompt_tokens"), usage.count("completion_tokens")
        if prompt_tokens is None or completion_tokens is None:
            return
        details = usage.child("prompt_tokens_details")
        cached_tokens = (details.count("cached_tokens") if details else None) or 0
        self.usage = Usage(
            prompt_tokens=prompt_tokens, cached_tokens=cached_tokens, completion_tokens=completion_tokens
        )
