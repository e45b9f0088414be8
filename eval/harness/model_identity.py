"""Which model a run is of: two runs mix only where the very same model answers."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from os import PathLike
from typing import Any, Literal

from appkit import LanguageModel, LocalModel, RemoteModel, ScriptedModel, open_model
from runtime import weights_digest

_SCRIPTED = "scripted:"


@dataclass(frozen=True, kw_only=True)
class ModelIdentity:
    """A model, as far as it can be told from others.

    `digest` is the SHA-256 of a local model's file and of a script's text. What stands behind a server cannot be seen:
    there it is None, and the address with the model's name is all that is known. An adapter's name is part of the name,
    so that tables tell it from its base.
    """

    name: str
    kind: Literal["local", "remote", "scripted", "other", "none"]
    digest: str | None
    adapter: str | None = None  # digest of what a local model's adapter does
    backend: str | None = None  # of a local model: the kernels that ran it
    kv_dtype: str | None = None  # and how keys and values are stored

    def as_json(self) -> dict[str, Any]:
        """Its fields; an adapter only where there is one."""
        fields = asdict(self)
        if self.adapter is None:
            del fields["adapter"]
        return fields


NO_MODEL = ModelIdentity(name="none", kind="none", digest=None)  # of a task that measures no language model


@contextmanager
def open_identified(
    spec: str | None, adapter: str | PathLike[str] | None = None
) -> Iterator[tuple[LanguageModel | None, ModelIdentity]]:
    """The model that `spec` names, closed at the end, and who it is; None for nothing to open.

    Args:
        adapter: the folder of a LoRA adapter for it.

    Raises:
        ValueError: an adapter for no model.
        What `open_model` raises.
    """
    if spec is None:
        if adapter is not None:
            raise ValueError("The task asks no language model, so an adapter changes nothing: leave it out.")
        yield None, NO_MODEL
        return
    with open_model(spec, adapter=adapter) as model:
        yield model, identify(model, spec)


def identify(model: LanguageModel, spec: str | None = None) -> ModelIdentity:
    """Who `model` is.

    Args:
        spec: the name it was opened by, which for a scripted model is its script.
    """
    if isinstance(model, LocalModel):
        loaded = model.engine.model
        adapter = model.adapter
        return ModelIdentity(
            name=model.name if adapter is None else f"{model.name}+{adapter.name}",
            kind="local",
            digest=weights_digest(loaded.path),
            adapter=None if adapter is None else adapter.digest,
            backend=loaded.backend.name,
            kv_dtype=loaded.kv_dtype,
        )
    if isinstance(model, RemoteModel):
        return ModelIdentity(name=model.name, kind="remote", digest=None)
    if isinstance(model, ScriptedModel):
        digest = hashlib.sha256(spec.encode()).hexdigest() if spec and spec.startswith(_SCRIPTED) else None
        return ModelIdentity(name=model.name, kind="scripted", digest=digest)
    return ModelIdentity(name=model.name, kind="other", digest=None)
