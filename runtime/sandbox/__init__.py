"""The one place where templates run: Jinja2's sandbox in a process that can be killed.

`render` is all that callers need. Jinja2's sandbox keeps a template from reaching Python; it does not bound work, and
no signal or thread stops a C loop. So templates run in a worker with limits on processor time and memory and a
deadline, and a worker that passed them is killed and replaced.
"""

from runtime.sandbox.errors import (
    SandboxError,
    SandboxLimitError,
    SandboxRefusedError,
    SandboxSyntaxError,
    SandboxUnavailableError,
    SandboxUndefinedError,
    TemplateFailedError,
    TemplateRaisedError,
)
from runtime.sandbox.render import RenderOptions, Sandbox, SandboxLimits, TemplateNames, render, shared_sandbox, warm_up

__all__ = [
    "RenderOptions",
    "Sandbox",
    "SandboxError",
    "SandboxLimitError",
    "SandboxLimits",
    "SandboxRefusedError",
    "SandboxSyntaxError",
    "SandboxUnavailableError",
    "SandboxUndefinedError",
    "TemplateFailedError",
    "TemplateNames",
    "TemplateRaisedError",
    "render",
    "shared_sandbox",
    "warm_up",
]
