"""Errors of the SDK. Those of the model runtime are in `runtime.errors`.

AppkitError
├─ TemplateError          has .template, .variable
├─ RetrievalError
├─ OutputParseError       has .text
├─ ToolError              has .tool_name; the model gets to see it
├─ AgentStoppedError      has .reason, .steps
├─ CapabilityError        has .model, .capability
└─ ContextOverflowError   has .num_tokens, .limit
"""


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
