"""From messages to the text, and the ids, a model was trained to read as a conversation.

A model file carries its template as Jinja2 source from whoever made the file, so it runs in `runtime/sandbox`. A
template of a known shape is kept here for the models that were trained on it but do not carry it (ChatML), and a plain
one for base models, which know no chat at all. `chat_encoding.py` makes ids of what these render.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from runtime.errors import ChatTemplateError
from runtime.sandbox import RenderOptions, SandboxError, TemplateRaisedError, shared_sandbox
from runtime.tokenizer.base import Tokenizer

# What Hugging Face's renderer sets, and the templates of model files are written for.
CHAT_OPTIONS = RenderOptions(trim_blocks=True, lstrip_blocks=True, helpers="chat")

# A message's reasoning goes by several names; templates read the first, gpt-oss the second.
REASONING_KEYS = ("reasoning_content", "thinking", "reasoning")

CHATML_SOURCE = """\
{%- if tools %}{{ raise_exception('it has no template of its own, and plain ChatML knows no tools') }}{% endif %}
{%- for message in messages %}
{{- '<|im_start|>' ~ message.role ~ '\\n' }}
{%- if message.content is string %}{{- message.content }}
{%- else %}{% for part in message.content %}{{- part.text }}{% endfor %}{% endif %}
{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}
"""


class Template(Protocol):
    """What makes text of a conversation."""

    stops: tuple[str, ...]  # texts that end an answer, where no token does
    source: str
    has_special_tokens: bool  # whether special tokens spelled out in the text are meant

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        now: datetime.datetime | None = None,
        **variables: Any,
    ) -> str:
        """The conversation as text. Raises ChatTemplateError."""
        ...


class ChatTemplate:
    """A model's own template. Renders what `transformers`' `apply_chat_template` renders, byte for byte."""

    stops: tuple[str, ...] = ()
    has_special_tokens = True

    def __init__(
        self, source: str, *, bos_token: str, eos_token: str, special_tokens: Mapping[str, str] | None = None
    ) -> None:
        """Args: special_tokens: further ones by the name templates use, like "pad_token"."""
        self.source = source
        self._special_tokens = {"bos_token": bos_token, "eos_token": eos_token, **(special_tokens or {})}

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        now: datetime.datetime | None = None,
        **variables: Any,
    ) -> str:
        """The conversation as text.

        Args:
            messages: as in the OpenAI API: role, content, tool_calls …; plain data all through.
            tools: JSON schemas of functions.
            add_generation_prompt: end where the assistant's answer begins.
            now: what the template is told the time is; None is the present. Give it to render the same again.
            variables: more that this template reads, like enable_thinking; the others are ignored.

        Raises:
            TypeError: a message that is no mapping, or a value that is not plain data.
            ChatTemplateError: the template is broken, was stopped, or refuses this conversation.
        """
        for i, message in enumerate(messages):
            if not isinstance(message, Mapping):
                raise TypeError(f"messages[{i}] is a {type(message).__name__}; a message is a mapping with a role.")
        given = {
            "documents": None,
            **self._special_tokens,
            **variables,
            "messages": [_with_reasoning_names(message) for message in messages],
            "tools": None if tools is None else list(tools),
            "add_generation_prompt": add_generation_prompt,
        }
        try:
            return shared_sandbox().render(self.source, given, options=CHAT_OPTIONS, now=now)
        except TemplateRaisedError as error:
            raise ChatTemplateError(f"The model's chat template refuses this conversation: {error}") from error
        except SandboxError as error:
            raise ChatTemplateError(f"The model's chat template cannot be used. {error}") from error

    def variables(self) -> frozenset[str]:
        """Names this template reads: with "tools" among them it can show tools. Raises ChatTemplateError."""
        try:
            return shared_sandbox().variables(self.source, options=CHAT_OPTIONS)
        except SandboxError as error:
            raise ChatTemplateError(f"The model's chat template cannot be used. {error}") from error


@dataclass(frozen=True, kw_only=True)
class PlainTemplate:
    """Turns with names, for base models: they continue any text, so an answer ends where the next name begins.

    Nothing keeps a message that spells such a name from looking like a turn; use a chat model where that matters.
    """

    user_name: str = "User"
    assistant_name: str = "Assistant"

    source = ""
    has_special_tokens = False

    @property
    def stops(self) -> tuple[str, ...]:
        """Where the model begins to speak for somebody."""
        return f"\n{self.user_name}:", f"\n{self.assistant_name}:"

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        now: datetime.datetime | None = None,
        **variables: Any,
    ) -> str:
        """The conversation as text. A system message stands in front without a name.

        Raises:
            ChatTemplateError: tools, or a role or content that plain turns have no form for.
        """
        if tools:
            raise ChatTemplateError("A base model knows no tools; use a chat model whose template reads them.")
        pieces = [self._turn(message) for message in messages]
        if add_generation_prompt:
            pieces.append(f"{self.assistant_name}:")  # no blank after it: the model's first token brings its own
        return "".join(pieces)

    def _turn(self, message: Mapping[str, Any]) -> str:
        role, content = message.get("role"), message.get("content")
        if not isinstance(content, str):
            raise ChatTemplateError(f"A base model reads text; this message's content is a {type(content).__name__}.")
        if role == "system":
            return f"{content}\n\n"
        names = {"user": self.user_name, "assistant": self.assistant_name}
        if role not in names:
            raise ChatTemplateError(
                f"A base model has no turn for the role {role!r}; there are system, user, assistant."
            )
        return f"{names[role]}: {content}\n"


def default_template(tokenizer: Tokenizer) -> ChatTemplate | PlainTemplate:
    """The template for a model that carries none: ChatML if its tokenizer was made for it, else plain turns."""
    marks = [tokenizer.token_id(mark) for mark in ("<|im_start|>", "<|im_end|>")]
    if None in marks or tokenizer.encode("<|im_start|>", parse_special=True) != [marks[0]]:
        return PlainTemplate()
    return ChatTemplate(
        CHATML_SOURCE,
        bos_token=_spelling(tokenizer, tokenizer.bos_id),
        eos_token=_spelling(tokenizer, tokenizer.eos_id),
    )


def _spelling(tokenizer: Tokenizer, token_id: int | None) -> str:
    return "" if token_id is None else tokenizer.token_bytes(token_id).decode(errors="replace")


def _with_reasoning_names(message: Mapping[str, Any]) -> dict[str, Any]:
    reasoning = next((message[key] for key in REASONING_KEYS if message.get(key) is not None), None)
    if reasoning is None:
        return dict(message)
    return {"thinking": reasoning, **message, "reasoning_content": reasoning}
