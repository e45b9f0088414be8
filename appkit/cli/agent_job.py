"""An agent as the command line was told to make it, and the file that holds one which waits for a person.

The file holds the job beside the agent's own state, so that `appkit agent resume` needs only its name. It may come from
anyone: every value is checked, and code of the user's own is never run because a file says so.
"""

import json
import os
import stat
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from appkit.cli.agent_tools import NAMED, ToolOptions, open_tools
from appkit.cli.texts import text
from appkit.strict_json import loads

if TYPE_CHECKING:
    from appkit.agents import Agent, AgentState

FORMAT, VERSION = "appkit-agent-run", 1
MAX_STATE_BYTES = 64 << 20

Dialect = Literal["auto", "tools", "react"]

_LIMITS = ("steps", "tool_calls", "tokens", "seconds", "repeats")
_SETTINGS = ("temperature", "seed")


def read_dialect(given: str) -> Dialect:
    """The dialect of that name. Raises ValueError for any other."""
    if given not in (known := get_args(Dialect)):
        raise ValueError(text("agent_dialect_unknown", given=given, known=", ".join(known)))
    return cast(Dialect, given)


@dataclass(frozen=True, kw_only=True)
class AgentJob:
    """What makes an agent: a model by name, tools by name, how it is asked and how far it may go."""

    model: str
    adapter: Path | None = None  # absolute
    tools: ToolOptions
    dialect: Dialect = "auto"
    instructions: str = ""
    limits: Mapping[str, float] = field(default_factory=dict)  # those that were given
    settings: Mapping[str, float] = field(default_factory=dict)

    def open(self, stack: ExitStack, *, threads: int | None = None) -> "Agent":
        """The agent, with its model loaded and its tools opened; `stack` closes them.

        Raises:
            ValueError: a tool that cannot be opened, or a limit or setting out of its range.
            runtime.errors.CatalogError: the model is not here.
            runtime.errors.AdapterError: the adapter is damaged, or of another model.
        """
        from appkit.agents import Agent, Limits
        from appkit.cli.open_model import open_for_terminal
        from appkit.llm.base import GenerationSettings

        limits = Limits(**cast(dict[str, Any], dict(self.limits)))
        tools = open_tools(
            self.tools, stack
        )  # before the model, which takes longer to open than to find a typing error
        return Agent(
            stack.enter_context(open_for_terminal(self.model, num_threads=threads, adapter=self.adapter)),
            tools=tools,
            instructions=self.instructions,
            dialect=self.dialect,
            limits=limits,
            settings=GenerationSettings(**cast(dict[str, Any], dict(self.settings))),
        )


@dataclass(frozen=True, kw_only=True)
class WaitingRun:
    """A run that waits: the agent that made it, and where it stands."""

    job: AgentJob
    state: "AgentState"

    def write(self, path: Path) -> None:
        """Put it where `path` is, whole or not at all, for its owner alone to read.

        Raises:
            OSError: it cannot be written.
        """
        from runtime.files import write_atomic

        record = {"format": FORMAT, "version": VERSION, "job": _job_record(self.job), "state": self.state.to_json()}
        data = json.dumps(record, allow_nan=False, indent=1).encode()
        with write_atomic(path) as file:
            os.fchmod(file.fileno(), stat.S_IRUSR | stat.S_IWUSR)
            file.write(data)

    @classmethod
    def read(cls, path: Path) -> "WaitingRun":
        """What `write` wrote.

        Raises:
            ValueError: it is not that; the message says what is wrong.
            OSError: it cannot be read.
        """
        from appkit.agents import AgentState

        try:
            record = _object(loads(_read(path)), "the file")
            if record.get("format") != FORMAT:
                raise ValueError("it was not written by appkit agent run")
            if record.get("version") != VERSION or type(record["version"]) is not int:
                raise ValueError(f"it is of version {record.get('version')!r:.20}; this build reads {VERSION}")
            job, state = _read_job(_object(record.get("job"), "job")), AgentState.from_json(_text(record, "state"))
            return cls(job=job, state=state)
        except RecursionError as error:
            raise ValueError(text("agent_state_bad", path=path, reason="nested too deeply")) from error
        except ValueError as error:
            raise ValueError(text("agent_state_bad", path=path, reason=error)) from error


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_STATE_BYTES + 1)
    if len(data) > MAX_STATE_BYTES:
        raise ValueError(f"it is larger than {MAX_STATE_BYTES >> 20} MiB")
    return data


def _job_record(job: AgentJob) -> dict[str, Any]:
    tools = job.tools
    paths = {name: getattr(tools, name) for name in ("files", "database", "docs", "functions")}
    paths["adapter"] = job.adapter
    return {
        "model": job.model,
        "dialect": job.dialect,
        "instructions": job.instructions,
        "limits": dict(job.limits),
        "settings": dict(job.settings),
        "tools": list(tools.names),
        "approve": tools.approve,
        **{name: str(path) for name, path in paths.items() if path is not None},
    }


def _read_job(record: Mapping[str, Any]) -> AgentJob:
    names = record.get("tools")
    if not isinstance(names, list) or not all(isinstance(name, str) and name in NAMED for name in names):
        raise ValueError("job.tools are not tools of this build")
    if not isinstance(record.get("approve"), bool):
        raise ValueError("job.approve is no truth value")
    tools = ToolOptions(
        names=tuple(names),
        files=_path(record, "files"),
        database=_path(record, "database"),
        docs=_path(record, "docs"),
        functions=_path(record, "functions"),
        approve=record["approve"],
    )
    return AgentJob(
        model=_text(record, "model"),
        adapter=_path(record, "adapter"),
        tools=tools,
        dialect=read_dialect(_text(record, "dialect")),
        instructions=_text(record, "instructions"),
        limits=_numbers(record, "limits", _LIMITS),
        settings=_numbers(record, "settings", _SETTINGS),
    )


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is no JSON object")
    return cast(dict[str, Any], value)


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value


def _path(record: Mapping[str, Any], name: str) -> Path | None:
    if name not in record:
        return None
    path = Path(_text(record, name))
    if not path.is_absolute() or "\0" in str(path):
        raise ValueError(f"job.{name} is no absolute path")
    return path


def _numbers(record: Mapping[str, Any], name: str, known: tuple[str, ...]) -> dict[str, float]:
    values = _object(record.get(name), f"job.{name}")
    for key, value in values.items():
        if key not in known or isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"job.{name} holds {key[:40]!r}, which is no number this build knows")
    return dict(values)
