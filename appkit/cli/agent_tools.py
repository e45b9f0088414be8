"""The tools an agent gets on the command line: built-in ones by name, folders, a database, a file of one's own."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from appkit.cli.texts import text

if TYPE_CHECKING:
    from types import ModuleType

    from appkit.tools import Tool

NAMED = ("calculator", "time")


@dataclass(frozen=True, kw_only=True)
class ToolOptions:
    """What was asked for. Paths are absolute, so that the run can be gone on with from another folder."""

    names: tuple[str, ...] = ()  # calculator, time
    files: Path | None = None
    database: Path | None = None
    docs: Path | None = None
    functions: Path | None = None
    approve: bool = False  # ask before every call

    @classmethod
    def read(
        cls,
        tools: Sequence[str],
        *,
        database: Path | None = None,
        docs: Path | None = None,
        functions: Path | None = None,
        approve: bool = False,
    ) -> "ToolOptions":
        """What `--tool` and its kin say. Raises ValueError for a name that is none, or two folders."""
        names: list[str] = []
        folders: list[str] = []
        for given in tools:
            name, _, value = given.partition("=")
            if name == "files" and value:
                folders.append(value)
            elif given in NAMED:
                names.append(given)
            else:
                raise ValueError(text("agent_tool_unknown", tool=given, known=", ".join((*NAMED, "files=FOLDER"))))
        if len(folders) > 1:
            raise ValueError(text("agent_two_folders"))
        return cls(
            names=tuple(dict.fromkeys(names)),
            files=_absolute(folders[0] if folders else None),
            database=_absolute(database),
            docs=_absolute(docs),
            functions=_absolute(functions),
            approve=approve,
        )


def open_tools(options: ToolOptions, stack: ExitStack) -> "tuple[Tool, ...]":
    """The tools, each opened; what has to be closed is left to `stack`.

    Raises:
        ValueError: two tools of one name, a folder or file that is not there, or functions that cannot be loaded.
    """
    from appkit.tools import (
        calculator,
        check_tools,
        current_time,
        list_files,
        query_sqlite,
        read_file,
        search_documents,
    )

    tools = [calculator() if name == "calculator" else current_time() for name in options.names]
    if options.files is not None:
        tools += [list_files(options.files), read_file(options.files)]
    if options.database is not None:
        tools.append(query_sqlite(options.database))
    if options.docs is not None:
        from appkit.cli.open_index import open_for_questions

        tools.append(search_documents(stack.enter_context(open_for_questions(options.docs))))
    if options.functions is not None:
        tools += load_functions(options.functions)
    if options.approve:
        tools = [replace(tool, needs_approval=True) for tool in tools]
    return check_tools(tools)


def load_functions(path: Path) -> "list[Tool]":
    """The tools that a Python file defines, in order. This runs the file: it is the user's own code, named by them.

    Raises:
        ValueError: there is no such file, it fails, or it defines no tool.
    """
    from appkit.tools import Tool

    module = _run_file(path)
    tools = [value for value in vars(module).values() if isinstance(value, Tool)]
    if not tools:
        raise ValueError(text("agent_functions_none", path=path))
    return list(dict.fromkeys(tools))


def _absolute(path: Path | str | None) -> Path | None:
    return None if path is None else Path(path).absolute()


def _run_file(path: Path) -> "ModuleType":
    from importlib.util import module_from_spec, spec_from_file_location

    name = "appkit_agent_functions"
    spec = spec_from_file_location(name, path) if path.suffix == ".py" and path.is_file() else None
    if spec is None or spec.loader is None:
        raise ValueError(text("agent_functions_missing", path=path))
    module = module_from_spec(spec)
    sys.modules[name] = module  # annotations are looked up in it
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(text("agent_functions_fail", path=path, reason=f"{type(error).__name__}: {error}")) from error
    return module
