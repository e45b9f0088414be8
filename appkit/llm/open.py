"""One name for any model."""

import contextlib
from pathlib import Path

from appkit.llm.base import LanguageModel
from runtime import DEFAULT_MODEL
from runtime.sandbox import SandboxUnavailableError, warm_up

__all__ = ["DEFAULT_MODEL", "open_model"]

_SCRIPTED = "scripted:"


def open_model(spec: str | Path = DEFAULT_MODEL, *, num_threads: int | None = None) -> LanguageModel:
    """The model `spec` names, ready to be used; close it, or use it in a `with` block.

    Args:
        spec: a name from the catalog ("smollm2-135m"), the path of a model file, or "scripted:…" with answers
            separated by "|", given in turn and over again.
        num_threads: for local models; None takes what affinity and quota allow.

    Raises:
        runtime.errors.CatalogError: no such model, or not on this machine; the message says how to get it.
        runtime.errors.LoadError: a file that is not a model this build runs.
        CapabilityError: an embedding model.
    """
    if isinstance(spec, str) and spec.startswith(_SCRIPTED):
        from appkit.llm.scripted import ScriptedModel

        return ScriptedModel(spec.removeprefix(_SCRIPTED).split("|"), name="scripted", repeats=True)
    with contextlib.suppress(SandboxUnavailableError):  # whoever needs a template will hear of it
        warm_up()  # templates run in a process of their own, which starts while the weights are read
    from appkit.llm.local import LocalModel

    return LocalModel(spec, num_threads=num_threads)
