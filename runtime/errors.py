"""Every error the runtime raises on account of the world: files, memory, hardware.

    ModelRuntimeError
    ├─ LoadError                 has .path
    │  ├─ CorruptFileError       has .offset_bytes
    │  └─ UnsupportedModelError
    ├─ CatalogError              a model that cannot be found, pulled or verified
    │  └─ NotPulledError         has .name
    ├─ ConfinedPathError         a name that would lead out of its folder
    ├─ LockTimeoutError          another process keeps a lock for too long
    ├─ TokenizerError
    ├─ ChatTemplateError
    ├─ SequenceTooLongError      has .num_tokens, .limit
    ├─ ConstraintLimitError      has .num_tokens, .limit
    ├─ OutOfPagesError
    ├─ KernelUnavailableError    has .op, .backend
    ├─ AdapterError
    ├─ TrainingDataError         has .path, .line_number
    ├─ TrainingDivergedError     has .step
    └─ EngineClosedError

A caller's mistake is a `ValueError` or `TypeError`, raised at the boundary before any work.
A message says what happened, the values, and the way out.
"""

from pathlib import Path


class ModelRuntimeError(Exception):
    """Root of the tree: catch it to catch everything below."""


class LoadError(ModelRuntimeError):
    """A model file cannot be used."""

    def __init__(self, message: str, path: str | Path) -> None:
        super().__init__(message)
        self.path = Path(path)


class CorruptFileError(LoadError):
    """The bytes of a file contradict its format; `offset_bytes` is where, or None."""

    def __init__(self, message: str, path: str | Path, offset_bytes: int | None = None) -> None:
        super().__init__(message, path)
        self.offset_bytes = offset_bytes


class UnsupportedModelError(LoadError):
    """A well-formed file that needs something this build does not have."""


class CatalogError(ModelRuntimeError):
    """A model could not be found, pulled, verified or stored."""


class NotPulledError(CatalogError):
    """The model `name` can be had from the catalog or the hub but is not on this machine."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


class ConfinedPathError(ModelRuntimeError):
    """A name from outside that cannot be one plain component of a path."""


class LockTimeoutError(ModelRuntimeError):
    """Another process or thread held a file lock for longer than the caller would wait."""


class TokenizerError(ModelRuntimeError):
    """Text or ids that a vocabulary cannot represent."""


class ChatTemplateError(ModelRuntimeError):
    """A chat template failed, was refused by the sandbox or ran past its limits."""


class SequenceTooLongError(ModelRuntimeError):
    """A sequence does not fit: `num_tokens` were asked for, `limit` is what there is."""

    def __init__(self, message: str, num_tokens: int, limit: int) -> None:
        super().__init__(message)
        self.num_tokens = num_tokens
        self.limit = limit


class ConstraintLimitError(ModelRuntimeError):
    """What a constraint asks for takes at least `num_tokens`, as far as is known, where `limit` are allowed."""

    def __init__(self, message: str, num_tokens: int, limit: int) -> None:
        super().__init__(message)
        self.num_tokens = num_tokens
        self.limit = limit


class OutOfPagesError(ModelRuntimeError):
    """The KV pool cannot hold another page."""


class KernelUnavailableError(ModelRuntimeError):
    """No kernel for `op` on `backend` in this build or on this machine."""

    def __init__(self, message: str, op: str, backend: str) -> None:
        super().__init__(message)
        self.op = op
        self.backend = backend


class AdapterError(ModelRuntimeError):
    """An adapter that cannot be used: damaged, of a kind we do not run, or of another model than it is used with."""


class TrainingDataError(ModelRuntimeError):
    """A file of examples cannot be trained on; `line_number` is the first line at fault, or None."""

    def __init__(self, message: str, path: str | Path, line_number: int | None = None) -> None:
        super().__init__(message)
        self.path = Path(path)
        self.line_number = line_number


class TrainingDivergedError(ModelRuntimeError):
    """The loss of a training run grew beyond measure, or was no number, at step `step` and would not come back."""

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step


class EngineClosedError(ModelRuntimeError):
    """The engine was closed before the request was finished."""
