"""Errors of the SDK. Those of the model runtime are in `runtime.errors`.

AppkitError
├─ TemplateError          has .template, .variable
├─ RetrievalError
│  ├─ IndexLockedError        has .path, .holder
│  ├─ IndexVersionError       has .path, .version
│  ├─ IndexDamagedError       has .path
│  └─ EmbedderMismatchError   has .indexed, .given
├─ OutputParseError       has .text
├─ ToolError              has .tool_name; the model gets to see it
├─ AgentStoppedError      has .reason, .steps
├─ CapabilityError        has .model, .capability
└─ ContextOverflowError   has .num_tokens, .limit
"""

from pathlib import Path


class AppkitError(Exception):
    """Root of the tree."""


class CapabilityError(AppkitError):
    """A model was asked for something it does not offer."""

    def __init__(self, message: str, model: str, capability: str) -> None:
        super().__init__(message)
        self.model = model
        self.capability = capability


class ContextOverflowError(AppkitError):
    """What a model should read is longer than it can hold: `num_tokens` where `limit` is what there is."""

    def __init__(self, message: str, num_tokens: int, limit: int) -> None:
        super().__init__(message)
        self.num_tokens = num_tokens
        self.limit = limit


class RetrievalError(AppkitError):
    """Documents could not be read, indexed or searched."""


class IndexLockedError(RetrievalError):
    """Another process writes to the index: the one with id `holder`, None where that is not known."""

    def __init__(self, message: str, path: Path, holder: int | None) -> None:
        super().__init__(message)
        self.path = path
        self.holder = holder


class IndexVersionError(RetrievalError):
    """The index was written in format `version`, which this build does not read."""

    def __init__(self, message: str, path: Path, version: int) -> None:
        super().__init__(message)
        self.path = path
        self.version = version


class IndexDamagedError(RetrievalError):
    """What is stored at `path` is not what was written there."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


class EmbedderMismatchError(RetrievalError):
    """The index holds vectors of the embedder `indexed`; those of `given` cannot be compared with them."""

    def __init__(self, message: str, indexed: str, given: str) -> None:
        super().__init__(message)
        self.indexed = indexed
        self.given = given
