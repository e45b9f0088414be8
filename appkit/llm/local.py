"""`LocalModel`: a `LanguageModel` on the project's own runtime, in this process."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import fields
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

import numpy as np

from appkit.errors import CapabilityError, ContextOverflowError
from appkit.llm.base import DEFAULT_SETTINGS, Capability, Completion, GenerationSettings, LanguageModel
from appkit.llm.language import language_notice
from appkit.llm.local_stream import CallReader, LocalStream
from appkit.llm.local_tools import LocalTools, to_runtime
from appkit.llm.notices import Notices
from appkit.llm.prompt_ids import PromptEncoder
from appkit.llm.tool_formats.schema import check_asked
from appkit.messages import Constraint, Message, ToolChoice, ToolSpec
from runtime import (
    DEFAULT_MODEL,
    AdapterWeights,
    Engine,
    Model,
    Request,
    SamplingParams,
    Template,
    default_template,
    load_model,
    read_peft,
)
from runtime.errors import ChatTemplateError

# For models that the catalog does not know: the runtime's own default, every token at its bare probability, is what
# research wants and lets small models ramble.
FALLBACK_SYSTEM = "You are a helpful assistant."
FALLBACK_SAMPLING: Mapping[str, Any] = MappingProxyType({"temperature": 0.7, "top_p": 0.95, "min_p": 0.05})

_CHAT: frozenset[Capability] = frozenset(
    {"chat", "complete", "constraint", "score", "fork", "token_ids", "token_count", "tools", "logprobs"}
)


class LocalModel(LanguageModel):
    """A model file and the engine that runs it. Owns both; `close` gives them back.

    Args:
        name_or_path: a catalog name or a model file.
        backend: "cpu", or "reference" (torch, slow: the specification).
        num_threads: None takes what affinity and quota allow.
        kv_budget_bytes: memory for keys and values; None lets the engine choose.
        kv_dtype: how keys and values are kept: "f32" takes twice the memory, for figures to compare to the last digit.
        adapter: a folder with an adapter of this model, as `tune` and PEFT write them, a result of `tune`, or one that
            was read.

    Raises:
        runtime.errors.AdapterError: the adapter is damaged, or of another model.
        runtime.errors.CatalogError: the name is unknown or not pulled; the message says how to pull it.
        runtime.errors.LoadError: the file is not a model this build runs.
        CapabilityError: the model makes embeddings.
    """

    def __init__(
        self,
        name_or_path: str | Path = DEFAULT_MODEL,
        *,
        backend: Literal["cpu", "reference"] = "cpu",
        num_threads: int | None = None,
        kv_budget_bytes: int | None = None,
        kv_dtype: Literal["f16", "f32"] = "f16",
        adapter: str | PathLike[str] | AdapterWeights | None = None,
    ) -> None:
        model = load_model(name_or_path, backend=backend, num_threads=num_threads, kv_dtype=kv_dtype)
        if model.kind == "embed":
            model.close()
            raise CapabilityError(
                f"{model.name} turns texts into vectors and cannot write: use a chat model such as smollm2-135m.",
                model.name,
                "complete",
            )
        self._model: Model = model
        try:
            loaded = _read_adapter(adapter, model)
            engine = Engine(model, kv_budget_bytes=kv_budget_bytes)
        except BaseException:
            model.close()
            raise
        self._engine = engine if loaded is None else engine.with_adapter(loaded)
        self._notices = Notices()
        self._entry = model.entry
        own = model.chat_template if model.kind == "chat" else None
        self._template = cast(Template, own or default_template(model.tokenizer))
        self._encoder = PromptEncoder(self._template, model.tokenizer)
        self._tools = LocalTools(self._template, model.tokenizer, self._encoder)
        self._masks_tool_calls = True

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def engine(self) -> Engine:
        """What runs the model, for work on token ids: `engine.score_pairs`, `engine.model.tokenizer`."""
        return self._engine

    @property
    def adapter(self) -> AdapterWeights | None:
        """The adapter it answers with; None for the base model."""
        return self._engine.adapter

    @property
    def capabilities(self) -> frozenset[Capability]:
        return _CHAT if self._is_chat_model else _CHAT - {"chat"}

    @property
    def max_seq_len(self) -> int:
        return self._engine.max_seq_len  # less than the model's own where memory for keys and values is short

    @property
    def has_own_tool_format(self) -> bool:
        return self._tools.format.is_native

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages the model was made for; empty where the catalog does not know it."""
        return tuple(self._entry.languages) if self._entry else ()

    @property
    def system_prompt(self) -> str:
        """The tested system message that is sent when the caller gives none; "" where none is."""
        if self._entry is not None:
            return self._entry.system_prompt or ""
        return FALLBACK_SYSTEM if self._is_chat_model else ""

    def with_adapter(self, adapter: str | PathLike[str] | AdapterWeights | None) -> "LocalModel":
        """This very model with another adapter, or with None the base model, without loading the weights again.

        Both share weights and engine, may be asked at the same time, and are closed together.

        Raises:
            runtime.errors.AdapterError: the adapter is damaged, or of another model.
        """
        other = copy(self)
        other._engine = self._engine.with_adapter(_read_adapter(adapter, self._model))
        return other

    def without_tool_masks(self) -> "LocalModel":
        """This very model, not held to the tools it is given: it writes what it will, and only what reads as a call is
        one. For comparing. Both share weights and engine, and are closed together.
        """
        free = copy(self)
        free._masks_tool_calls = False
        return free

    def stream(
        self,
        prompt: str | Sequence[Message],
        settings: GenerationSettings = DEFAULT_SETTINGS,
        *,
        tools: Sequence[ToolSpec] = (),
        tool_choice: ToolChoice = "auto",
        constraint: Constraint | None = None,
    ) -> LocalStream:
        """Piece by piece. The request is under way when this returns; a prompt that does not fit raises here.

        Raises:
            ValueError: tools that are named alike, or whose parameters no grammar can hold; the message names the tool.
            ConstraintLimitError: no answer fits in `max_tokens`.
        """
        check_asked(prompt, tools, tool_choice)
        prompt_ids = self._prompt_ids(prompt, tools)
        self._say_what_is_odd(prompt)
        if isinstance(prompt, str):
            return self._submit(prompt_ids, self._params(settings), constraint)
        stops = self._template.stops  # a plain dialogue has some, and its answers begin with a blank
        params = self._params(settings, stops)
        if not tools:
            return self._submit(prompt_ids, params, constraint, strips_start=bool(stops))
        if self._masks_tool_calls:
            constraint = self._tools.constraint(tools, tool_choice, constraint)
        reader = self._tools.reader(tools)
        try:
            return self._submit(prompt_ids, params, constraint, strips_start=bool(stops), reader=reader)
        except ValueError:
            self._tools.check_parameters(tools)  # says which tool it was
            raise

    def score(self, prompt: str | Sequence[Message], continuation: str) -> np.ndarray:
        """[n] float32: log-probability of each token of `continuation` after `prompt`, encoded apart from it.

        Raises:
            ValueError: `continuation` is empty, or `prompt` is and the model has no start token.
            ContextOverflowError: the two together do not fit.
        """
        return self.score_many(prompt, [continuation])[0]

    def score_many(self, prompt: str | Sequence[Message], continuations: Sequence[str]) -> list[np.ndarray]:
        """`score` of each continuation, to the bit. The prompt is read once and short continuations share a forward.

        Raises:
            What `score` raises, before any work where one continuation is at fault.
        """
        if isinstance(continuations, str):
            raise TypeError("score_many takes a list of texts; give [text] for one.")
        prompt_ids = self.encode_prompt(prompt)
        encoded = [tuple(self._model.tokenizer.encode(continuation)) for continuation in continuations]
        for continuation_ids in encoded:
            if not continuation_ids:
                raise ValueError("The continuation is empty: there is nothing to score.")
            self._check_fits((*prompt_ids, *continuation_ids[1:]))
        logprobs: list[np.ndarray] = self._engine.score_many(prompt_ids, encoded)
        return logprobs

    def encode_prompt(self, prompt: str | Sequence[Message], *, tools: Sequence[ToolSpec] = ()) -> tuple[int, ...]:
        """The very ids `stream` would show the model, whether they fit or not."""
        return self._text_ids(prompt) if isinstance(prompt, str) else self._message_ids(prompt, tools)

    def count_tokens(self, prompt: str | Sequence[Message], *, tools: Sequence[ToolSpec] = ()) -> int:
        """Length of the very ids `stream` would show the model."""
        return len(self.encode_prompt(prompt, tools=tools))

    def cached_tokens(self, prompt: str | Sequence[Message], *, tools: Sequence[ToolSpec] = ()) -> int:
        """How many tokens of `prompt` need not be computed, were it asked now; asking changes nothing."""
        return self._engine.reusable_len(self.encode_prompt(prompt, tools=tools))

    def fork(
        self,
        parent: Completion,
        text: str = "",
        settings: GenerationSettings = DEFAULT_SETTINGS,
        *,
        constraint: Constraint | None = None,
    ) -> Completion:
        """Go on from `parent`; see `LanguageModel.fork`. Keys and values of the parent are used again.

        Raises:
            ValueError: `parent` carries no token ids, because another kind of model made it.
        """
        if not parent.prompt_ids:
            raise ValueError("This completion carries no token ids, so it cannot be gone on from.")
        ids = [*parent.prompt_ids, *parent.token_ids]
        while len(ids) > len(parent.prompt_ids) and ids[-1] in self._model.tokenizer.eog_ids:
            ids.pop()
        ids += self._model.tokenizer.encode(text)
        self._check_fits(ids)
        return self._submit(tuple(ids), self._params(settings), constraint).result()

    def close(self) -> None:
        """Stop the engine and unmap the weights."""
        self._engine.close()
        self._model.close()

    @property
    def _is_chat_model(self) -> bool:
        return self._model.kind == "chat"

    def _prompt_ids(self, prompt: str | Sequence[Message], tools: Sequence[ToolSpec]) -> tuple[int, ...]:
        ids = self.encode_prompt(prompt, tools=tools)
        self._check_fits(ids)
        return ids

    def _text_ids(self, prompt: str) -> tuple[int, ...]:
        ids = tuple(self._model.tokenizer.encode(prompt, add_special=True))
        if not ids:
            raise ValueError("The prompt is empty: there is nothing to continue.")
        return ids

    def _message_ids(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> tuple[int, ...]:
        if not messages:
            raise ValueError("There are no messages: give at least one.")
        # Tools that we describe ourselves are a system message; ours asks for an answer and would have none called.
        describes_tools = bool(tools) and not self._tools.format.is_native
        is_ours = messages[0].role != "system" and bool(self.system_prompt) and not describes_tools
        shown = [Message(role="system", content=self.system_prompt), *messages] if is_ours else messages
        try:
            return self._encode(shown, tools)
        except ChatTemplateError:
            if self._entry is not None or not is_ours:
                raise
            return self._encode(messages, tools)  # some templates refuse any system message; nobody asked for ours

    def _encode(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> tuple[int, ...]:
        if tools or any(message.tool_calls or message.role == "tool" for message in messages):
            return self._tools.encode(messages, tools)
        return self._encoder.encode(messages)

    def _check_fits(self, ids: Sequence[int]) -> None:
        if len(ids) >= self.max_seq_len:
            raise ContextOverflowError(
                f"The prompt is {len(ids):,} tokens and {self.name} holds {self.max_seq_len:,}, answer included: "
                "shorten it, or use a model with a longer context.",
                len(ids),
                self.max_seq_len,
            )

    def _say_what_is_odd(self, prompt: str | Sequence[Message]) -> None:
        if not isinstance(prompt, str) and not self._is_chat_model:
            self._notices.say(
                f"{self.name} is a base model: it was not trained to chat, so it goes on with a written dialogue "
                "instead; to continue plain text use `appkit run --raw` or generate()."
            )
        text = prompt if isinstance(prompt, str) else prompt[-1].content
        if notice := language_notice(text, self.name, self.languages):
            self._notices.say(notice)

    def _params(self, settings: GenerationSettings, extra_stops: tuple[str, ...] = ()) -> SamplingParams:
        """The caller's choices over the catalog's tested ones over the runtime's."""
        params: dict[str, Any] = dict(self._entry.sampling if self._entry else FALLBACK_SAMPLING)
        for field in fields(settings):
            value = getattr(settings, field.name)
            if value != field.default and not (field.name == "logit_bias" and not value):
                params[field.name] = value
        params["stop"] = (*params.get("stop", ()), *(stop for stop in extra_stops if stop not in settings.stop))
        return SamplingParams(**params)

    def _submit(
        self,
        prompt_ids: tuple[int, ...],
        params: SamplingParams,
        constraint: Constraint | None,
        *,
        strips_start: bool = False,
        reader: CallReader | None = None,
    ) -> LocalStream:
        request = Request(
            prompt_ids=prompt_ids,
            params=params,
            constraint=None if constraint is None else to_runtime(constraint),
        )
        return LocalStream(self._engine.submit(request), prompt_ids, strips_start=strips_start, reader=reader)


def _read_adapter(adapter: str | PathLike[str] | AdapterWeights | None, model: Model) -> AdapterWeights | None:
    return read_peft(Path(adapter), model) if isinstance(adapter, str | PathLike) else adapter
