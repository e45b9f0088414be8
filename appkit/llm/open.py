"""One name for any model."""

import contextlib
import re
from os import PathLike
from pathlib import Path

from appkit.llm.base import LanguageModel
from runtime import DEFAULT_MODEL
from runtime.sandbox import SandboxUnavailableError, warm_up

__all__ = ["DEFAULT_MODEL", "open_model"]

_SCRIPTED = "scripted:"
_REMOTE = "openai:"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")  # of two letters or more: one is a drive
_FORMS = (
    f"a catalog name such as {DEFAULT_MODEL}, the path of a GGUF file, hf:owner/repo/file.gguf, "
    "openai:http://host/v1#model, or scripted:answer|answer"
)


def open_model(
    spec: str | Path = DEFAULT_MODEL, *, num_threads: int | None = None, adapter: str | PathLike[str] | None = None
) -> LanguageModel:
    """The model `spec` names, ready to be used; close it, or use it in a `with` block.

    Args:
        spec: a name from the catalog ("smollm2-135m"), the path of a model file, "hf:owner/repo/file.gguf" for one that
            was pulled from the hub, "openai:http://host/v1#model" for a model behind a server (see `RemoteModel`), or
            "scripted:…" with answers separated by "|", given in turn and over again.
        num_threads: for local models; None takes what affinity and quota allow.
        adapter: for local models: a folder with a LoRA adapter, which the model answers with.

    Raises:
        ValueError: a name of no known form, an address that is not one, or an adapter for a model that is not local.
        runtime.errors.AdapterError: an adapter that is damaged, or of another model.
        runtime.errors.CatalogError: no such model, or not on this machine; the message says how to get it.
        runtime.errors.LoadError: a file that is not a model this build runs.
        CapabilityError: an embedding model.
        RemoteModelError: the server cannot be reached, refuses, or has several models and none was named.
    """
    if isinstance(spec, str):
        if adapter is not None and spec.startswith((_SCRIPTED, _REMOTE)):
            raise ValueError(
                f"An adapter changes the weights of a local model; what {spec.partition(':')[0]}: names has none here. "
                "Leave the adapter out."
            )
        if spec.startswith(_SCRIPTED):
            from appkit.llm.scripted import ScriptedModel

            return ScriptedModel(spec.removeprefix(_SCRIPTED).split("|"), name="scripted", repeats=True)
        if spec.startswith(_REMOTE):
            from appkit.llm.remote import RemoteModel

            return RemoteModel(spec)
        _check_form(spec)
    with contextlib.suppress(SandboxUnavailableError):  # whoever needs a template will hear of it
        warm_up()  # templates run in a process of their own, which starts while the weights are read
    from appkit.llm.local import LocalModel

    return LocalModel(spec, num_threads=num_threads, adapter=adapter)


def _check_form(spec: str) -> None:
    """Refuse a scheme that names no kind of model; what follows it may be secret and is not shown."""
    scheme = _SCHEME.match(spec)
    if scheme is None or scheme[1] == "hf" or Path(spec).exists():
        return
    hint = " Put openai: before the address of a server." if scheme[1] in ("http", "https") else ""
    raise ValueError(f"No kind of model begins with {scheme[1]}: give {_FORMS}.{hint}")
