"""Functions that a model may call. Names are imported when they are first used."""

from typing import TYPE_CHECKING

from appkit.lazy_names import lazy_names

if TYPE_CHECKING:
    from appkit.tools.base import Tool, ToolResult, check_tools, tool
    from appkit.tools.calculator_tool import calculator
    from appkit.tools.context import ToolContext
    from appkit.tools.example import ToolExample
    from appkit.tools.file_tools import list_files, read_file
    from appkit.tools.search_tool import Searchable, search_documents
    from appkit.tools.sqlite_tool import query_sqlite
    from appkit.tools.time_tool import current_time

_HOMES = {
    "Searchable": "search_tool",
    "Tool": "base",
    "ToolContext": "context",
    "ToolExample": "example",
    "ToolResult": "base",
    "calculator": "calculator_tool",
    "check_tools": "base",
    "current_time": "time_tool",
    "list_files": "file_tools",
    "query_sqlite": "sqlite_tool",
    "read_file": "file_tools",
    "search_documents": "search_tool",
    "tool": "base",
}

__all__ = [
    "Searchable",
    "Tool",
    "ToolContext",
    "ToolExample",
    "ToolResult",
    "calculator",
    "check_tools",
    "current_time",
    "list_files",
    "query_sqlite",
    "read_file",
    "search_documents",
    "tool",
]

__getattr__ = lazy_names(__name__, _HOMES, globals())
