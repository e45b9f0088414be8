"""`appkit mcp FOLDER`: the index of a folder as a server for tool-using programs."""

import logging
import os
import sys
from typing import Annotated

import typer

from appkit.cli.options import FolderArgument

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def mcp(
    folder: FolderArgument,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds after which a call is given up.")] = 60.0,
) -> None:
    """Serve the folder's index to an MCP client over standard input and output. Changed files are read first."""
    from appkit.cli.main import sentence_of
    from appkit.cli.open_index import open_for_questions, require_folder
    from appkit.server.index_tools import IndexTools
    from appkit.server.mcp_server import serve_stdio

    require_folder(folder)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    tools = IndexTools(lambda: open_for_questions(folder, sync=True))
    serve_stdio(tools, timeout_s=timeout, sentence_of=sentence_of)
    sys.stdout.flush()
    os._exit(0)  # a call that never ends must not keep the process, and its thread cannot be ended
