"""Renders one template of a prompt in the sandbox, and says in the prompt's own terms what went wrong there."""

from collections.abc import Mapping
from typing import Any

from appkit.errors import TemplateError
from appkit.templates.origin import Origin
from runtime.sandbox import (
    RenderOptions,
    SandboxError,
    SandboxLimitError,
    SandboxSyntaxError,
    SandboxUnavailableError,
    SandboxUndefinedError,
    shared_sandbox,
)

# White space is content: nothing is trimmed that the template does not trim itself, as with {%- … -%}.
OPTIONS = RenderOptions(strict=True, keep_trailing_newline=True)


def render_source(
    origin: Origin, source: str, first_line: int, values: Mapping[str, Any], partials: Mapping[str, str]
) -> str:
    """The text that a template makes of `values`.

    Args:
        first_line: line of the prompt's file where the template begins.

    Raises:
        TemplateError: the template cannot be read, needs what it was not given, or passed a limit.
        SandboxUnavailableError: no template can be rendered on this machine now.
    """
    try:
        return shared_sandbox().render(source, values, options=OPTIONS, partials=partials)
    except SandboxUnavailableError:
        raise
    except SandboxError as error:
        raise as_template_error(origin, error, first_line) from error
    except ValueError as error:  # a whole number of more than 4,300 digits
        raise origin.error(str(error)) from error


def as_template_error(origin: Origin, error: SandboxError, first_line: int) -> TemplateError:
    """What a sandbox says of a template that begins at `first_line`."""
    variable = error.variable if isinstance(error, SandboxUndefinedError) else None
    if error.partial is not None:
        line, where = None, f" in line {error.line} of {error.partial!r}"
    else:
        line, where = None if error.line is None else first_line + error.line - 1, ""
    return origin.error(_sentence(error, where), line, variable=variable)


def _sentence(error: SandboxError, where: str) -> str:
    reason = error.reason.rstrip(".")
    match error:
        case SandboxSyntaxError():
            return f"the template cannot be read{where}: {reason}."
        case SandboxUndefinedError():
            return f"the template needs what it was not given{where}: {reason}."
        case SandboxLimitError(limit="time"):
            return f"{reason[0].lower()}{reason[1:]}; look for a loop without end{where}, or give it less."
        case SandboxLimitError(limit="input"):
            return f"its template and values are more than the sandbox accepts{where}; give it shorter values."
        case SandboxLimitError(limit=limit):
            return f"the template passed the limit of {limit}{where}: {reason}; give it less, or have it write less."
        case _:
            return f"the template failed{where}: {reason}."
