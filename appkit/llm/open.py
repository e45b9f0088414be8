"""One name for any model."""

from pathlib import Path

from appkit.llm.base import LanguageModel
from appkit.llm.scripted import ScriptedModel

DEFAULT_MODEL = "smollm2-135m"
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
        return ScriptedModel(spec.removeprefix(_SCRIPTED).split("|"), name="scripted", repeats=True)
    from appkit.llm.local import LocalModel  # imports the runtime, which a scripted model does without

    return LocalModel(spec, num_threads=num_threads)
