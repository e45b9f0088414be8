"""What is asked of a remote model, in the words of the OpenAI protocol and of the servers that know more than it.

Nothing that a caller set is dropped without a word. What the protocol lacks is sent to servers known to take it, and is
a `CapabilityError` for others, because most servers ignore fields they do not know.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from appkit.errors import CapabilityError
from appkit.llm.base import GenerationSettings
from appkit.messages import Message, ToolChoice, ToolSpec

_SHARED = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed")
_COMMON = ("top_k", "min_p", "repetition_penalty", "ignore_eos")  # that several servers take
_EXTRA = (
    *_COMMON,
    "typical_p",
    "dynamic_temperature",
    "no_repeat_ngram",
    "dry_multiplier",
    "dry_base",
    "dry_allowed_length",
)
_SAME = MappingProxyType({name: name for name in _COMMON})
_OF_LLAMA_CPP = ("typical_p", "dry_multiplier", "dry_base", "dry_allowed_length")  # as its server's page has them

# By what a server writes as `owned_by` in its list of models: our names of the extra settings, and its own.
_DIALECTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "vllm": _SAME,
        "sglang": _SAME,
        "llamacpp": MappingProxyType(
            {**_SAME, "repetition_penalty": "repeat_penalty", **{name: name for name in _OF_LLAMA_CPP}}
        ),
    }
)


_SERVER_NAMES = {"vllm": "vLLM", "sglang": "SGLang", "llamacpp": "llama.cpp"}


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one server and model want to be asked."""

    model: str
    extra_names: Mapping[str, str]  # settings beyond the protocol, and what the server calls them
    max_tokens_name: str = "max_tokens"  # in chats

    @classmethod
    def of(cls, model: str, owned_by: str, *, is_openai: bool) -> "Dialect":
        """The dialect of a server that says its models are `owned_by`."""
        return cls(
            model=model,
            extra_names=_DIALECTS.get(owned_by, {}),
            max_tokens_name="max_completion_tokens" if is_openai else "max_tokens",  # its newer models refuse the other
        )


def chat_body(
    dialect: Dialect,
    messages: Sequence[Message],
    settings: GenerationSettings,
    tools: Sequence[ToolSpec],
    tool_choice: ToolChoice = "auto",
) -> dict[str, Any]:
    """The body for `/chat/completions`. Raises CapabilityError for a setting the server may not know."""
    body = _body(dialect, settings, dialect.max_tokens_name) | {"messages": [message_json(m) for m in messages]}
    if tools:
        body |= {"tools": [tool.to_template() for tool in tools], "tool_choice": tool_choice}
    if settings.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": settings.logprobs}
    return body


def completion_body(dialect: Dialect, prompt: str, settings: GenerationSettings) -> dict[str, Any]:
    """The body for `/completions`. Raises CapabilityError for a setting the server may not know."""
    body = _body(dialect, settings, "max_tokens") | {"prompt": prompt}
    if settings.logprobs is not None:
        body["logprobs"] = settings.logprobs
    return body


def message_json(message: Message) -> dict[str, Any]:
    """A message as the protocol has it: like templates, but with the arguments of calls as JSON text."""
    data = message.to_template()
    for call in data.get("tool_calls", ()):
        call["function"]["arguments"] = json.dumps(call["function"]["arguments"], ensure_ascii=False)
    return data


def _body(dialect: Dialect, settings: GenerationSettings, max_tokens_name: str) -> dict[str, Any]:
    body: dict[str, Any] = {"model": dialect.model, "stream": True, "stream_options": {"include_usage": True}}
    given = {field.name: getattr(settings, field.name) for field in fields(settings)}
    body |= {name: given[name] for name in _SHARED if given[name] is not None}
    if settings.max_tokens is not None:
        body[max_tokens_name] = settings.max_tokens
    if settings.stop:
        body["stop"] = list(settings.stop)
    if settings.logit_bias:
        body["logit_bias"] = {str(token_id): bias for token_id, bias in settings.logit_bias.items()}
    for name in _EXTRA:
        if given[name] is None or given[name] is False:
            continue
        if name not in dialect.extra_names:
            raise CapabilityError(
                f"{dialect.model} is asked over the OpenAI protocol, which has no {name}, and its server is not known "
                f"to take it: leave {name} out. {_who_takes(name)}",
                dialect.model,
                name,
            )
        body[dialect.extra_names[name]] = given[name]
    return body


def _who_takes(name: str) -> str:
    servers = [_SERVER_NAMES[owner] for owner, names in _DIALECTS.items() if name in names]
    if not servers:
        return "A model on this machine takes it."
    *others, last = servers
    return f"Servers of {', '.join(others)} and {last} take it." if others else f"Servers of {last} take it."
