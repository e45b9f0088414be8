"""The index as an MCP server, driven by the official client over standard input and output."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.appkit.cli.command import appkit, environment, one_sentence
from tests.helpers.model_home import give_model

pytest.importorskip("mcp", reason="the extra [mcp] is not installed")

WARRANTY = """# Warranty

The compressor is covered for ten years. The circulation pump is covered for two years.

## Claims

Report a fault within 30 days of noticing it.
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    give_model("minilm-l6", home)
    return home


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "warranty.md").write_text(WARRANTY)
    return folder


def with_client(command: list[str], home: Path, use: Callable[[Any], Awaitable[None]]) -> None:
    """Start a server, connect the official client to it, and do `use` with it."""
    import anyio
    from mcp import Client, StdioServerParameters, stdio_client

    async def connect() -> None:
        server = StdioServerParameters(command=sys.executable, args=command, env=environment(home))
        with anyio.fail_after(60):
            async with Client(stdio_client(server)) as client:
                await use(client)

    anyio.run(connect)


def test_a_client_searches_asks_and_opens_the_citation(folder: Path, home: Path) -> None:
    async def use(client: Any) -> None:
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == ["search", "ask", "open_citation"]
        assert all(tool.annotations.read_only_hint for tool in tools)

        found = await client.call_tool("search", {"query": "how long is the compressor covered?", "limit": 1})
        [passage] = found.structured_content["passages"]
        assert passage["file"] == "warranty.md"
        assert set(passage["scores"]) >= {"dense", "bm25", "rrf"}

        answer = (await client.call_tool("ask", {"question": "How long is the compressor covered?"})).structured_content
        assert answer["answerable"] is True
        citation = answer["citations"][0]
        assert "ten years" in citation["quote"]

        place = {key: citation[key] for key in ("file", "start", "end")}
        opened = (await client.call_tool("open_citation", {**place, "context_characters": 12})).structured_content
        assert opened["quote"] == citation["quote"]
        assert WARRANTY[: citation["start"]].endswith(opened["before"])
        assert WARRANTY[citation["end"] :].startswith(opened["after"])

    with_client(["-m", "appkit", "mcp", str(folder)], home, use)


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("open_citation", {"file": "../../etc/passwd", "start": 0, "end": 5}, "no document"),
        ("open_citation", {"file": "warranty.md", "start": 0, "end": 10**9}, "is no part of it"),
        ("open_citation", {"file": "warranty.md", "start": 0, "end": 5, "context_characters": 10**9}, "0 to 5,000"),
        ("search", {"query": "pump", "limit": 10**9}, "1 to 50"),
        ("search", {"query": "pump", "filter": "drop table chunks"}, "drop"),
        ("search", {"query": "  "}, "empty"),
        ("ask", {}, "question"),
        ("format_disk", {}, "format_disk"),
    ],
)
def test_what_a_client_gets_wrong_is_one_answer_and_the_server_goes_on(
    tool: str, arguments: dict[str, Any], says: str
) -> None:
    """In one process, without a transport: a transport adds a second to each."""
    import anyio
    from mcp import Client, MCPError

    async def use() -> None:
        async with Client(server_over_one_document()) as client:
            try:
                result = await client.call_tool(tool, arguments)
            except MCPError as error:
                message = str(error)
            else:
                assert result.is_error
                message = result.content[0].text
            assert says in message
            assert "Traceback" not in message
            assert not (await client.call_tool("open_citation", {"file": "warranty.md", "start": 0, "end": 5})).is_error

    anyio.run(use)


def server_over_one_document() -> Any:
    from appkit.cli.main import sentence_of
    from appkit.errors import RetrievalError
    from appkit.retrieval.filters import compile_filter
    from appkit.server.index_tools import IndexTools
    from appkit.server.mcp_server import build_server

    class OneDocument:
        def document_text(self, source: str) -> str:
            if source != "warranty.md":
                raise RetrievalError(f"The index has no document {source!r}.")
            return WARRANTY

        def search(self, query: str, *, limit: int, filter: str | None) -> list[Any]:
            if not query.strip():
                raise ValueError("The query is empty: say what to search for.")
            if filter is not None:
                compile_filter(filter)
            return []

    return build_server(IndexTools(OneDocument), sentence_of=sentence_of)  # type: ignore[arg-type]


# A server with a tool that never returns and code that writes where it should not: the deadline and the protocol hold.
HANGING = """
import time
from appkit.server.index_tools import IndexTools
IndexTools.ask = lambda self, question: time.sleep(1000)
IndexTools.open = lambda self: print("a stray line", flush=True)
from appkit.cli.main import main
main(["mcp", FOLDER, "--timeout", TIMEOUT])
"""


def hanging(folder: Path, timeout: str) -> list[str]:
    return ["-c", HANGING.replace("FOLDER", repr(str(folder))).replace("TIMEOUT", repr(timeout))]


def test_a_call_that_hangs_is_answered_by_its_deadline_and_the_next_one_says_why_it_waits(
    folder: Path, home: Path
) -> None:
    async def use(client: Any) -> None:
        for expected in ("it goes on", "an earlier call"):
            started = time.monotonic()
            result = await client.call_tool("ask", {"question": "How long?"})
            assert time.monotonic() - started < 2
            assert result.is_error
            assert expected in result.content[0].text

    with_client(hanging(folder, "1"), home, use)


def speak(process: "subprocess.Popen[str]", **message: Any) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    process.stdin.flush()


def test_the_server_ends_when_its_client_is_gone_although_a_call_hangs(folder: Path, home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, *hanging(folder, "600")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(home),
        text=True,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        speak(process, id=1, method="initialize", params=hello)
        assert json.loads(process.stdout.readline())["id"] == 1  # and not a stray line
        speak(process, method="notifications/initialized")
        speak(process, id=2, method="tools/call", params={"name": "ask", "arguments": {"question": "How long?"}})
        speak(process, id=3, method="tools/list")
        assert json.loads(process.stdout.readline())["id"] == 3  # the server goes on while a call hangs
        process.stdin.close()
        assert process.wait(timeout=5) == 0
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        process.stdout.close()


def test_a_folder_that_is_not_there_is_one_sentence_on_standard_error(tmp_path: Path) -> None:
    assert "There is no folder" in one_sentence(appkit("mcp", str(tmp_path / "nowhere"), home=tmp_path))


def test_without_the_package_the_extra_is_named(tmp_path: Path) -> None:
    code = f"import sys; sys.modules['mcp'] = None\nfrom appkit.cli.main import main\nmain(['mcp', {str(tmp_path)!r}])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(tmp_path), timeout=60
    )
    assert "appkit-llm[mcp]" in one_sentence(done)
