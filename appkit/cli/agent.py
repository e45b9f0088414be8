"""`appkit agent`: a model that works with tools until the task is answered, with a person beside it or without."""

import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from appkit.cli.options import (
    DEFAULT_MODEL,
    AdapterOption,
    ModelOption,
    SeedOption,
    TemperatureOption,
    ThreadsOption,
)
from appkit.cli.texts import text

if TYPE_CHECKING:
    from appkit.agents import Agent, AgentResult
    from appkit.cli.agent_job import AgentJob
    from appkit.cli.agent_session import AgentSession

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Let a model work with tools. Exit status: 0 answered, 1 error, 2 wrong usage, 3 a call waits for approval, "
    "4 a limit ended it, 130 after Ctrl-C.",
)

LIMIT = 4
EXIT_STATUS = {"answered": 0, "approval": 3, "cancelled": 130}  # anything else is a limit

FunctionsOption = Annotated[
    Path | None,
    typer.Option("--functions", metavar="FILE.py", help="Add the @tool functions of this file. This runs the file."),
]
MaxStepsOption = Annotated[int | None, typer.Option(min=1, help="End after this many steps.")]
MaxTokensOption = Annotated[int | None, typer.Option(min=1, help="End after this many tokens in all.")]
MaxSecondsOption = Annotated[float | None, typer.Option(min=0.001, help="End after this many seconds.")]
TraceOption = Annotated[
    Path | None, typer.Option("--trace", metavar="FILE", help="Write every step, with token ids, to this new file.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Write one JSON object: output, stopped_because, steps, usage.")
]


@app.command()
def run(
    task: Annotated[str | None, typer.Argument(help="What to do. Text piped in is added after it.")] = None,
    tool: Annotated[
        list[str] | None,
        typer.Option("--tool", metavar="NAME", help="calculator, time, or files=FOLDER; may be repeated."),
    ] = None,
    sql: Annotated[
        Path | None, typer.Option("--sql", metavar="DB.sqlite", help="Let it query this SQLite database, read-only.")
    ] = None,
    docs: Annotated[
        Path | None, typer.Option("--docs", metavar="FOLDER", help="Let it search the documents of this folder.")
    ] = None,
    functions: FunctionsOption = None,
    approve: Annotated[
        bool,
        typer.Option(
            "--approve",
            help="Ask before every call, not only before those of functions that demand it (needs_approval=True).",
        ),
    ] = False,
    model: ModelOption = DEFAULT_MODEL,
    adapter: AdapterOption = None,
    dialect: Annotated[
        str, typer.Option(help="How calls are written: tools (the model's own format), react (text), or auto.")
    ] = "auto",
    instructions: Annotated[
        str | None, typer.Option("-s", "--instructions", help="What it should know and heed.")
    ] = None,
    max_steps: MaxStepsOption = None,
    max_tokens: MaxTokensOption = None,
    max_seconds: MaxSecondsOption = None,
    temperature: TemperatureOption = None,
    seed: SeedOption = None,
    threads: ThreadsOption = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="FILE", help="Where to keep a run that waits, for appkit agent resume."),
    ] = None,
    trace: TraceOption = None,
    json: JsonOption = False,
) -> None:
    """Give a model a task and tools. Steps are shown as they happen; the answer goes to standard output.

    Built-in tools only read. Where nobody is there to approve a call that needs it, the run is kept in --state FILE.
    """
    from appkit.cli.agent_job import AgentJob, read_dialect
    from appkit.cli.agent_tools import ToolOptions
    from appkit.cli.run import join_prompt, read_piped

    asked = join_prompt(task, read_piped())
    job = AgentJob(
        model=model,
        adapter=adapter.absolute() if adapter is not None else None,
        tools=ToolOptions.read(tool or (), database=sql, docs=docs, functions=functions, approve=approve),
        dialect=read_dialect(dialect),
        instructions=instructions or "",
        limits=_given(steps=max_steps, tokens=max_tokens, seconds=max_seconds),
        settings=_given(temperature=temperature, seed=seed),
    )
    if state is not None and state.exists():
        raise ValueError(text("file_exists", file=state))
    with ExitStack() as stack:
        agent = job.open(stack, threads=threads)
        if any(given.needs_approval for given in agent.tools) and state is None and not _is_attended(json):
            raise ValueError(text("agent_nobody_to_ask"))
        session = _open_session(agent, job, stack, state=state, trace=trace, json=json)
        _finish(session, session.start(asked), json=json)


@app.command()
def resume(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What --state wrote.")],
    approve: Annotated[
        list[str] | None, typer.Option("--approve", metavar="ID", help="Make this call; all makes every one.")
    ] = None,
    deny: Annotated[
        list[str] | None, typer.Option("--deny", metavar="ID", help="Do not make this call; all makes none.")
    ] = None,
    edit: Annotated[
        list[str] | None, typer.Option("--edit", metavar="ID=JSON", help="Make this call with these arguments instead.")
    ] = None,
    functions: FunctionsOption = None,
    max_steps: MaxStepsOption = None,
    max_tokens: MaxTokensOption = None,
    max_seconds: MaxSecondsOption = None,
    threads: ThreadsOption = None,
    trace: TraceOption = None,
    json: JsonOption = False,
) -> None:
    """Go on with a run that waits. FILE is brought up to date, and removed once the task is answered.

    At a terminal, calls that no option decides are asked about.
    """
    from appkit.cli.agent_approval import ask_approvals, read_approvals, waiting_calls
    from appkit.cli.agent_job import WaitingRun
    from appkit.cli.agent_report import print_unknown, print_waiting

    waiting = WaitingRun.read(file)
    limits = {**waiting.job.limits, **_given(steps=max_steps, tokens=max_tokens, seconds=max_seconds)}
    tools = replace(waiting.job.tools, functions=_confirmed(waiting.job.tools.functions, functions))
    job = replace(waiting.job, limits=limits, tools=tools)
    with ExitStack() as stack:
        agent = job.open(stack, threads=threads)
        calls = waiting_calls(waiting.state, agent.tools)
        print_unknown(waiting.state)
        approvals = read_approvals(calls, approve=approve or (), deny=deny or (), edit=edit or ())
        undecided = [call for call in calls if call.id not in approvals]
        if undecided:
            said = ask_approvals(undecided) if _is_attended(json) else None
            if said is None:
                print_waiting(undecided, file)
                raise typer.Exit(EXIT_STATUS["approval"])
            approvals |= said
        session = _open_session(agent, job, stack, state=file, trace=trace, json=json)
        _finish(session, session.go_on(waiting.state, approvals), json=json)


def _open_session(
    agent: "Agent", job: "AgentJob", stack: ExitStack, *, state: Path | None, trace: Path | None, json: bool
) -> "AgentSession":
    from appkit.cli.agent_session import AgentSession
    from appkit.cli.agent_view import NoView, open_view
    from appkit.cli.trace_about import trace_about
    from appkit.trace import TraceWriter

    about = trace_about(job.model, agent.model) if trace is not None else {}
    return AgentSession(
        agent=agent,
        job=job,
        open_view=NoView if json else lambda: open_view(agent.limits),
        trace=stack.enter_context(TraceWriter(trace, about=about)),
        state_path=state,
        is_attended=_is_attended(json),
    )


def _finish(session: "AgentSession", result: "AgentResult", *, json: bool) -> NoReturn:
    """Keep what waits, print the answer, and leave with the status that says how it ended."""
    from appkit.cli.agent_report import print_result, result_json
    from appkit.cli.printable import json_text

    if json:
        typer.echo(json_text(result_json(result)))
    else:
        print_result(result, session.state_path)
    raise typer.Exit(EXIT_STATUS.get(result.stopped_because, LIMIT))


def _is_attended(json: bool) -> bool:
    """Whether a person is there to approve calls."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not json


def _confirmed(kept: Path | None, given: Path | None) -> Path | None:
    """The functions to load: a file of unknown origin is no reason to run code, so they are named again."""
    if kept is not None and given is None:
        raise ValueError(text("agent_functions_again", path=kept))
    return given


def _given(**values: float | None) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}
