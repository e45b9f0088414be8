"""What one server offers for one model, asked once when the model is opened. Nothing is generated for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from appkit.errors import RemoteModelError
from appkit.llm.base import Capability
from appkit.llm.remote_address import RemoteAddress
from appkit.llm.remote_catalog import RemoteModelInfo, find_model
from appkit.llm.remote_http import RemoteLimits
from appkit.llm.remote_json import Reader
from appkit.llm.remote_key import OPENAI_HOST
from appkit.llm.remote_refusal import NO_SUCH_PATH, NoAnswerError, RemoteRefusal
from appkit.llm.remote_request import Dialect
from appkit.llm.remote_server import RemoteServer
from appkit.llm.remote_tokens import TokenCounter, find_counter

# What the protocol itself has. A server that lacks one of them says so when it is asked for it.
_OF_THE_PROTOCOL: frozenset[Capability] = frozenset({"chat", "tools", "logprobs"})


@dataclass(frozen=True, kw_only=True)
class RemoteOffer:
    """A model, how to ask it, and what it can do. `max_seq_len` is None where nobody says."""

    model: str
    dialect: Dialect
    counter: TokenCounter
    capabilities: frozenset[Capability]
    max_seq_len: int | None


def ask_offer(server: RemoteServer, address: RemoteAddress, limits: RemoteLimits) -> RemoteOffer:
    """What the server at `address` has. Errors are those of `find_model`."""
    asking = _Asking(server, address, limits)
    info = find_model(asking.get, address.url, address.model)
    counter = find_counter(asking.count, info.id)
    offered = _OF_THE_PROTOCOL
    if counter.is_exact:
        offered |= {"token_count"}
    if asking.has_completions():
        offered |= {"complete"}
    return RemoteOffer(
        model=info.id,
        dialect=Dialect.of(info.id, info.owned_by, is_openai=address.host == OPENAI_HOST),
        counter=counter,
        capabilities=offered,
        max_seq_len=address.max_seq_len or info.max_seq_len or asking.llama_cpp_context(info),
    )


class _Asking:
    """The small questions. Only the first is asked again where it fails: later ones may well have no answer."""

    def __init__(self, server: RemoteServer, address: RemoteAddress, limits: RemoteLimits) -> None:
        self._server = server
        self._address = address
        patient = replace(limits, read_timeout_s=min(limits.read_timeout_s, 30.0))
        self._limits = replace(patient, deadline_s=min(limits.deadline_s, 60.0))
        self._short = replace(self._limits, deadline_s=min(limits.deadline_s, 20.0), max_attempts=1)
        self._counting = limits

    def get(self, path: str) -> Reader:
        """The object at `path`."""
        return self._ask(self._address.url + path, self._limits)

    def count(self, path: str, body: Mapping[str, Any]) -> Reader:
        """The answer of a path beside the protocol; used later too, for every count."""
        return self._ask(self._address.root_url + path, self._counting, body)

    def has_completions(self) -> bool:
        """An empty request is wrong everywhere, but a server that knows the path says what is wrong with it."""
        try:
            self._server.fetch(f"{self._address.url}/completions", self._short, {})
        except NoAnswerError:
            raise
        except RemoteRefusal as error:
            return error.status not in NO_SUCH_PATH
        except RemoteModelError:
            return True  # it answered something
        return True

    def llama_cpp_context(self, info: RemoteModelInfo) -> int | None:
        """llama.cpp lists what its model was trained for; what it holds now is among its settings."""
        if info.owned_by != "llamacpp":
            return None
        try:
            settings = self._ask(f"{self._address.root_url}/props", self._short)
            generation = settings.child("default_generation_settings")
            return generation.count("n_ctx") or None if generation else None
        except RemoteModelError:
            return None

    def _ask(self, url: str, limits: RemoteLimits, body: Mapping[str, Any] | None = None) -> Reader:
        return Reader(self._server.fetch(url, limits, body), "the answer", url)
