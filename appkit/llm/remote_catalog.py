"""What a server says of its models: which there are, who serves them, how much they hold."""

from collections.abc import Callable
from dataclasses import dataclass

from appkit.errors import RemoteModelError
from appkit.llm.remote_json import Reader
from appkit.llm.remote_refusal import NO_SUCH_PATH, RemoteRefusal

# Where servers write how many tokens a model holds: vLLM and SGLang, OpenRouter, Mistral, Groq.
_CONTEXT_NAMES = ("max_model_len", "context_length", "max_context_length", "context_window")
_MAX_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class RemoteModelInfo:
    """A model as its server lists it."""

    id: str
    owned_by: str = ""  # the kind of server, for those that are run at home
    max_seq_len: int | None = None  # None: it does not say


def find_model(get: Callable[[str], Reader], url: str, wanted: str | None) -> RemoteModelInfo:
    """The model called `wanted`, or the only one there is.

    Args:
        get: path to the JSON object that the server answers with.
        url: of the server, for messages.

    Raises:
        RemoteModelError: no answer, or `wanted` is None and the server lists none or several; the message lists them.
    """
    try:
        listed = [_info(model) for model in get("/models").children("data")]
    except RemoteRefusal as error:
        if wanted is None or error.status not in NO_SUCH_PATH:
            raise
        listed = []  # a server need not have a list to answer
    if wanted is not None:
        return next((info for info in listed if info.id == wanted), RemoteModelInfo(id=wanted))
    if len(listed) == 1:
        return listed[0]
    if not listed:
        raise RemoteModelError(f"{url} lists no model: name the one you mean, as in openai:{url}#model.", url)
    names = ", ".join(sorted(_shown(info.id) for info in listed)[:_MAX_SHOWN])
    more = f" and {len(listed) - _MAX_SHOWN} more" if len(listed) > _MAX_SHOWN else ""
    raise RemoteModelError(
        f"{url} has {len(listed)} models, so name one, as in openai:{url}#{_shown(listed[0].id)}. It lists: "
        f"{names}{more}.",
        url,
    )


def _info(model: Reader) -> RemoteModelInfo:
    model_id = model.text("id")
    if not model_id:
        raise model.missing("id")
    sizes = (model.count(name) for name in _CONTEXT_NAMES)
    return RemoteModelInfo(
        id=model_id, owned_by=model.text("owned_by"), max_seq_len=next((size for size in sizes if size), None)
    )


def _shown(model_id: str) -> str:
    """The name as far as a message may show it."""
    return "".join(c if c.isprintable() else "\ufffd" for c in model_id[:100])
