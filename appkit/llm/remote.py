"""`RemoteModel`: a `LanguageModel` behind a server of the OpenAI protocol, such as vLLM, SGLang or llama.cpp.

What a server cannot do, or cannot be seen to do, is not offered: constraints, scores and forks need a model whose every
token is at hand, which is what `LocalModel` is for.
"""

import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from appkit.errors import AppkitError, CapabilityError, ContextOverflowError
from appkit.llm.base import DEFAULT_SETTINGS, Capability, Completion, GenerationSettings, LanguageModel
from appkit.llm.notices import Notices
from appkit.llm.remote_address import PREFIX, parse_address
from appkit.llm.remote_http import RemoteLimits
from appkit.llm.remote_key import api_key
from appkit.llm.remote_offer import ask_offer
from appkit.llm.remote_refusal import NO_SUCH_PATH, RemoteRefusal, as_overflow
from appkit.llm.remote_reply import RemoteReply
from appkit.llm.remote_request import chat_body, completion_body
from appkit.llm.remote_server import RemoteServer
from appkit.llm.remote_sse import SseParser
from appkit.llm.remote_stream import RemoteStream
from appkit.llm.remote_tokens import Estimate
from appkit.llm.tool_formats.schema import check_asked
from appkit.messages import Constraint, Message, ToolChoice, ToolSpec

if TYPE_CHECKING:
    import numpy as np

Prompt = str | Sequence[Message]

DEFAULT_MAX_SEQ_LEN = 8192  # where neither the server nor the address says
_TEMPLATE_TOKENS = 1024  # more than templates add by themselves


class RemoteModel(LanguageModel):
    """A model of a server. Opening it asks the server what it has; nothing is generated before it is asked for.

    Args:
        address: "openai:http://host:port/v1#model"; `#model` may be left out where the server has only one. With
            `?context=32768` before the `#`, how many tokens the model holds.
        limits: how long to wait, how often to try, how much to accept.

    The key is taken from the environment; see `remote_key.api_key`.

    Raises:
        ValueError: the address is not of that form, or holds a password, or the key would travel unencrypted.
        RemoteModelError: the server cannot be reached, refuses, or lists several models.
    """

    def __init__(self, address: str, *, limits: RemoteLimits | None = None) -> None:
        self._limits = limits or RemoteLimits()
        self._address = parse_address(address)
        self._server = RemoteServer(self._address, api_key(self._address))
        self._notices = Notices()
        self._streams: weakref.WeakSet[RemoteStream] = weakref.WeakSet()
        try:
            self._offer = ask_offer(self._server, self._address, self._limits)
        except BaseException:
            self._server.close()
            raise
        if self._offer.max_seq_len is None:
            self._notices.say(
                f"{self.name}: the server does not say how many tokens the model holds, so {DEFAULT_MAX_SEQ_LEN:,} are "
                f"assumed; say it in the name, as in {PREFIX}{self._address.url}?context=32768#{self._offer.model}."
            )

    @property
    def name(self) -> str:
        """The name that opens this model again: the address, which holds no secret, with the model."""
        context = f"?context={self._address.max_seq_len}" if self._address.max_seq_len else ""
        return f"{PREFIX}{self._address.url}{context}#{self._offer.model}"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Fixed when the model is opened. "tools" and "logprobs" are the protocol's; a server without them says so."""
        return self._offer.capabilities

    @property
    def max_seq_len(self) -> int:
        """What the address says, else the server, else 8,192, with a notice."""
        return self._offer.max_seq_len or DEFAULT_MAX_SEQ_LEN

    def stream(
        self,
        prompt: Prompt,
        settings: GenerationSettings = DEFAULT_SETTINGS,
        *,
        tools: Sequence[ToolSpec] = (),
        tool_choice: ToolChoice = "auto",
        constraint: Constraint | None = None,
    ) -> RemoteStream:
        """Piece by piece. The request is under way when this returns; what goes wrong later is raised by the stream.

        Raises:
            CapabilityError: a constraint or a setting that is not offered here.
            ContextOverflowError: the prompt is longer than the model holds, as far as its tokens can be counted.
        """
        self._check_asked(prompt, tools, tool_choice, constraint)
        is_chat = not isinstance(prompt, str)
        if isinstance(prompt, str):
            body = completion_body(self._offer.dialect, prompt, self._with_end(prompt, settings))
        else:
            body = chat_body(self._offer.dialect, prompt, settings, tools, tool_choice)
        estimate = Estimate().count(prompt, tools)
        self._check_fits(prompt, tools, estimate)
        url = f"{self._address.url}/{'chat/' if is_chat else ''}completions"
        stream = RemoteStream(
            self._server.stream(url, body, self._limits),
            RemoteReply(url, self.name, is_chat=is_chat),
            SseParser(self._limits.max_event_bytes),
            estimated_prompt_tokens=estimate,
            wants_logprobs=settings.logprobs is not None,
            explain=lambda error: self._explain(error, estimate, is_chat=is_chat),
        )
        self._streams.add(stream)
        return stream

    def count_tokens(self, prompt: Prompt, *, tools: Sequence[ToolSpec] = ()) -> int:
        """Exact where the server counts ("token_count" is a capability); else an estimate, see `remote_tokens`.

        Raises:
            RemoteModelError: the server was asked to count and did not.
        """
        self._server.check_open()
        return self._offer.counter.count(prompt, tools)

    def score(self, prompt: Prompt, continuation: str) -> "np.ndarray":
        """Not offered. Raises CapabilityError."""
        self._refuse("score", "scores of a given continuation")

    def score_many(self, prompt: Prompt, continuations: Sequence[str]) -> "list[np.ndarray]":
        """Not offered. Raises CapabilityError."""
        self._refuse("score", "scores of a given continuation")

    def fork(
        self,
        parent: Completion,
        text: str = "",
        settings: GenerationSettings = DEFAULT_SETTINGS,
        *,
        constraint: Constraint | None = None,
    ) -> Completion:
        """Not offered. Raises CapabilityError."""
        self._refuse("fork", "going on from exact token ids")

    def close(self) -> None:
        """Cancel what is under way and send nothing any more. Twice is harmless."""
        for stream in list(self._streams):
            stream.cancel()
        self._server.close()

    def __repr__(self) -> str:
        return f"RemoteModel({self.name!r})"

    def _check_asked(
        self, prompt: Prompt, tools: Sequence[ToolSpec], tool_choice: ToolChoice, constraint: Constraint | None
    ) -> None:
        """Refuse what cannot be asked, before anything is sent."""
        self._server.check_open()
        if constraint is not None:
            self._refuse("constraint", "answers that are held to a constraint")
        if not prompt:
            raise ValueError(
                "The prompt is empty: there is nothing to continue."
                if isinstance(prompt, str)
                else "There are no messages: give at least one."
            )
        check_asked(prompt, tools, tool_choice)
        if isinstance(prompt, str) and "complete" not in self.capabilities:
            self._refuse("complete", "continuing plain text (it has no /completions)", "ask with messages")

    def _with_end(self, prompt: str, settings: GenerationSettings) -> GenerationSettings:
        """Servers end plain text after 16 tokens where nothing is said, so what there is room for is said."""
        if settings.max_tokens is not None:
            return settings
        return replace(settings, max_tokens=max(1, self.max_seq_len - self.count_tokens(prompt)))

    def _check_fits(self, prompt: Prompt, tools: Sequence[ToolSpec], estimate: int) -> None:
        """Raise ContextOverflowError for what is too long; it is counted by the server only where it may be."""
        num_tokens = estimate
        if self._offer.counter.is_exact:
            if 2 * estimate + _TEMPLATE_TOKENS < self.max_seq_len:
                return  # the server judges as well; this spares a request where there is no doubt
            num_tokens = self.count_tokens(prompt, tools=tools)
        if num_tokens < self.max_seq_len:
            return
        about = "" if self._offer.counter.is_exact else "about "
        raise ContextOverflowError(
            f"The prompt is {about}{num_tokens:,} tokens and {self.name} holds {self.max_seq_len:,}, answer included: "
            "shorten it, use a model with a longer context, or, if this one holds more, say so in its name with "
            "?context=TOKENS.",
            num_tokens,
            self.max_seq_len,
        )

    def _explain(self, error: AppkitError, num_tokens: int, *, is_chat: bool) -> AppkitError:
        """The error of an exchange as what it means for a model."""
        if not isinstance(error, RemoteRefusal):
            return error
        if error.status in NO_SUCH_PATH and not is_chat:
            return CapabilityError(f"{self.name} does not continue plain text: ask with messages. {error}",
                                   self.name, "complete")  # fmt: skip
        return as_overflow(error, self.name, num_tokens, self.max_seq_len) or error

    def _refuse(
        self, capability: Capability, what: str, way_out: str = "use a local model, such as smollm2-135m"
    ) -> NoReturn:
        raise CapabilityError(f"{self.name} does not offer {what}: {way_out}.", self.name, capability)
