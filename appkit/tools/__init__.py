"""Functions that a model may call. Names are imported when they are first used."""

from typing import TYPE_CHECKING

from appkit.lazy_names import lazy_names

if TYPE_CHECKING:
    from appkit.tools.base import Tool, ToolResult, check_tools, tool
    from appkit.tools.context import ToolContext

_HOMES = {
    "Tool": "base",
    "ToolContext": "context",
    "ToolResult": "base",
    "check_tools": "base",
    "tool": "base",
}

__all__ = [
    "Tool",
    "ToolContext",
    "ToolResult",
    "check_tools",
    "tool",
]

__getattr__ = lazy_names(__name__, _HOMES, globals())
