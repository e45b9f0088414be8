"""What can go wrong with a template.

SandboxError                     has .line, .partial, .reason
├─ SandboxSyntaxError            it is not a template, or includes what it may not
├─ SandboxRefusedError           it reached for what the sandbox forbids
├─ SandboxUndefinedError         has .variable
├─ TemplateRaisedError           it called raise_exception: a message from its author
├─ TemplateFailedError           any other error while it ran
├─ SandboxLimitError             has .limit
└─ SandboxUnavailableError       the worker process cannot be started
"""

from typing import Literal

from runtime.errors import ModelRuntimeError

Limit = Literal["time", "memory", "input", "output", "recursion"]


class SandboxError(ModelRuntimeError):
    """Root: a template could not be rendered. `line` is where in its source, or None.

    `partial` names the included template that the line counts in, None for the template itself. `reason` is what went
    wrong without where, for a caller who says where in words of its own.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line
        self.partial: str | None = None
        self.reason = message


class SandboxSyntaxError(SandboxError):
    """The source is no template, names an unknown filter, or wants to include what it was not given."""


class SandboxRefusedError(SandboxError):
    """The template reached for what the sandbox forbids."""


class SandboxUndefinedError(SandboxError):
    """A variable that was not given; `variable` is its name where it is known."""

    def __init__(self, message: str, line: int | None = None, variable: str | None = None) -> None:
        super().__init__(message, line)
        self.variable = variable


class TemplateRaisedError(SandboxError):
    """The template itself refused its input, with this message."""


class TemplateFailedError(SandboxError):
    """The template ran into an error, as any program may."""


class SandboxLimitError(SandboxError):
    """The template took too much of something."""

    def __init__(self, message: str, limit: Limit, line: int | None = None) -> None:
        super().__init__(message, line)
        self.limit = limit


class SandboxUnavailableError(SandboxError):
    """No worker process can be started here."""
