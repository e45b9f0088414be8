"""Which model a run is of: two runs mix only where the very same model answers."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from appkit import LanguageModel, LocalModel, RemoteModel, ScriptedModel, open_model
from runtime import installed, weight_path
from runtime.files import sha256_file

_SCRIPTED = "scripted:"


@dataclass(frozen=True, kw_only=True)
class ModelIdentity:
    """A model, as far as it can be told from others.

    `digest` is the SHA-256 of a local model's file and of a script's text. What stands behind a server cannot be seen:
    there it is None, and the address with the model's name is all that is known.
    """

    name: str
    kind: Literal["local", "remote", "scripted", "other", "none"]
    digest: str | None
    backend: str | None = None  # of a local model: the kernels that ran it
    kv_dtype: str | None = None  # and how keys and values are stored

    def as_json(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)


NO_MODEL = ModelIdentity(name="none", kind="none", digest=None)  # of a task that measures no language model


@contextmanager
def open_identified(spec: str | None) -> Iterator[tuple[LanguageModel | None, ModelIdentity]]:
    """The model that `spec` names, closed at the end, and who it is; None for nothing to open.

    Raises:
        What `open_model` raises.
    """
    if spec is None:
        yield None, NO_MODEL
        return
    with open_model(spec) as model:
        yield model, identify(model, spec)


def identify(model: LanguageModel, spec: str | None = None) -> ModelIdentity:
    """Who `model` is.

    Args:
        spec: the name it was opened by, which for a scripted model is its script.
    """
    if isinstance(model, LocalModel):
        loaded = model.engine.model
        return ModelIdentity(
            name=model.name,
            kind="local",
            digest=_file_digest(loaded.path),
            backend=loaded.backend.name,
            kv_dtype=loaded.kv_dtype,
        )
    if isinstance(model, RemoteModel):
        return ModelIdentity(name=model.name, kind="remote", digest=None)
    if isinstance(model, ScriptedModel):
        digest = hashlib.sha256(spec.encode()).hexdigest() if spec and spec.startswith(_SCRIPTED) else None
        return ModelIdentity(name=model.name, kind="scripted", digest=digest)
    return ModelIdentity(name=model.name, kind="other", digest=None)


def _file_digest(path: Path) -> str:
    """SHA-256 of a weight file: as the catalogue noted it, where the file is one of its own and unchanged since."""
    found = path.stat()
    for manifest in installed():
        is_unchanged = (found.st_size, found.st_mtime_ns) == (manifest.size_bytes, manifest.mtime_ns)
        if is_unchanged and weight_path(manifest).resolve() == path.resolve():
            return manifest.sha256
    return sha256_file(path)
