"""What a trace is told of a run: enough to see each step again, token for token."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appkit.llm.base import Completion, GenerationSettings
from appkit.messages import ToolCall
from appkit.tools import ToolResult

if TYPE_CHECKING:
    from appkit.agents.result import AgentResult
    from appkit.agents.run import Run
    from appkit.trace import TraceWriter


def open_trace(trace: "TraceWriter | Path | str | None") -> "tuple[TraceWriter | None, Callable[[], None]]":
    """The writer to use, and what ends it: one that was given stays its owner's. Raises TraceError."""
    if isinstance(trace, Path | str):
        from appkit.trace import TraceWriter

        writer = TraceWriter(trace)
        return writer, writer.close
    return trace, lambda: None


class Recorder:
    """Writes the records of one run; without a writer, nothing."""

    def __init__(self, writer: "TraceWriter | None", agent: str) -> None:
        self.writer = writer
        self._agent = agent

    def run(self, run: "Run") -> None:
        """How the run begins."""
        self._write(
            "run",
            task=run.messages[run.task_start].content,
            num_messages=len(run.messages),
            model=run.model.name,
            dialect=run.dialect.name,
            seed=run.seed,
            limits=asdict(run.budget.limits),
            tools=[
                {
                    "name": tool.name,
                    "description": tool.spec.description,
                    "parameters": _plain(tool.spec.parameters),
                    "needs_approval": tool.needs_approval,
                }
                for tool in run.setup.tools
            ],
        )

    def step(self, number: int, completion: Completion, calls: Sequence[ToolCall], how: GenerationSettings) -> None:
        """What the model was shown and wrote, in its ids, and how it sampled."""
        settings = {name: value for name, value in asdict(how).items() if value not in (None, (), {}, False)}
        settings["logit_bias"] = {str(token_id): bias for token_id, bias in how.logit_bias.items()}
        self._write(
            "step",
            number=number,
            text=completion.text,
            finish_reason=completion.finish_reason,
            calls=[_call(call) for call in calls],
            prompt_ids=completion.prompt_ids,
            token_ids=completion.token_ids,
            usage=asdict(completion.usage),
            settings=settings,
        )

    def tool(self, call: ToolCall, result: ToolResult) -> None:
        """What came of a call."""
        self._write("tool", call=_call(call), text=result.text, is_error=result.is_error, seconds=result.seconds)

    def finished(self, result: "AgentResult") -> None:
        """How the run ended."""
        self._write(
            "finished",
            stopped_because=result.stopped_because,
            text=result.text,
            usage=asdict(result.usage),
            pending=[_call(call) for call in result.pending],
        )

    def _write(self, kind: str, **data: Any) -> None:
        if self.writer is not None:
            self.writer.write(kind, agent=self._agent, **data)


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "name": call.name, "arguments": _plain(call.arguments)}


def _plain(value: Any) -> Any:
    """Tuples and mappings of other kinds as JSON has them."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value
