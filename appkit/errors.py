"""Errors of the SDK. Those of the model runtime are in `runtime.errors`.

AppkitError
├─ TemplateError          has .template, .variable
├─ ConversationError
│  ├─ ConversationNotFoundError  has .conversation_id
│  ├─ StoreVersionError          has .path, .version
│  └─ StoreDamagedError          has .path
├─ RemoteModelError       has .url, .status
├─ RetrievalError
│  ├─ IndexLockedError        has .path, .holder
│  ├─ IndexVersionError       has .path, .version
│  ├─ IndexDamagedError       has .path
│  └─ EmbedderMismatchError   has .indexed, .given
├─ OutputParseError       has .text
├─ ToolError              has .tool_name; the model gets to see it
├─ AgentStoppedError      has .reason, .steps
├─ EvaluationError
│  └─ EvaluationDataError     has .path
├─ TuningError
├─ TraceError             has .path
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


class TemplateError(AppkitError):
    """A prompt cannot be read or rendered: `template` is its name, `variable` the one at fault, if one is."""

    def __init__(self, message: str, template: str, variable: str | None = None) -> None:
        super().__init__(message)
        self.template = template
        self.variable = variable


class ConversationError(AppkitError):
    """A stored conversation cannot be read, written or changed as asked."""


class ConversationNotFoundError(ConversationError):
    """The store holds no conversation, or more than one, that `conversation_id` names."""

    def __init__(self, message: str, conversation_id: str) -> None:
        super().__init__(message)
        self.conversation_id = conversation_id


class StoreVersionError(ConversationError):
    """The store was written in format `version`, which this build does not read."""

    def __init__(self, message: str, path: Path, version: int) -> None:
        super().__init__(message)
        self.path = path
        self.version = version


class StoreDamagedError(ConversationError):
    """What the store at `path` holds is not what was written there."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


class RemoteModelError(AppkitError):
    """A remote model did not answer, or not as agreed. `status` is the HTTP status, None where there was none."""

    def __init__(self, message: str, url: str, status: int | None = None) -> None:
        super().__init__(message)
        self.url = url
        self.status = status


class OutputParseError(AppkitError):
    """A model answered, but not in the form it was to answer in: `text` is what it wrote."""

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


class ToolError(AppkitError):
    """A tool could not do what it was asked. The message is shown to the model as it is, which may try again."""

    def __init__(self, message: str, tool_name: str = "") -> None:
        super().__init__(message)
        self.tool_name = tool_name


class AgentStoppedError(AppkitError):
    """An agent stopped before its answer: `reason` is a `StopReason`, `steps` how many it had taken."""

    def __init__(self, message: str, reason: str, steps: int) -> None:
        super().__init__(message)
        self.reason = reason
        self.steps = steps


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


class EvaluationError(AppkitError):
    """An evaluation that cannot be run, read or compared."""


class EvaluationDataError(EvaluationError):
    """Data that an evaluation needs is not there, or is not what it should be."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.path = path


class TuningError(AppkitError):
    """A run of fine-tuning cannot be begun, or gone on with, as asked."""


class TraceError(AppkitError):
    """A trace at `path` cannot be written, or what is there is none that this build reads."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path
