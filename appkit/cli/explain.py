"""`appkit explain`: what a model would be shown, token by token, without asking it."""

from pathlib import Path
from typing import Annotated

import typer

from appkit.cli.options import (
    DEFAULT_MODEL,
    AdapterOption,
    JsonOption,
    ParamOption,
    SystemOption,
    TemplateOption,
    ThreadsOption,
)
from appkit.cli.texts import text

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def explain(
    prompt: Annotated[str | None, typer.Argument(help="What would be asked. Text piped in is added after it.")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--model",
            help=f"A catalog name, or the path of a model file; {DEFAULT_MODEL} without it, or the conversation's own.",
        ),
    ] = None,
    adapter: AdapterOption = None,
    template: TemplateOption = None,
    param: ParamOption = None,
    system: SystemOption = None,
    last: Annotated[bool, typer.Option("-c", "--continue", help="As the next turn of the last conversation.")] = False,
    cid: Annotated[
        str | None, typer.Option("--cid", metavar="ID", help="As the next turn of this conversation.")
    ] = None,
    docs: Annotated[
        Path | None, typer.Option("--docs", metavar="FOLDER", help="As a question to the documents of this folder.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Keep so many tokens free for the answer.")] = None,
    budget: Annotated[
        int | None, typer.Option(min=2, help="Tokens of prompt and answer together; else all that the model holds.")
    ] = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show where the tokens of a prompt would go: sections, what is dropped, template, answer. Nothing is generated."""
    from appkit.cli.explain_plans import Limits, Plan, plan_conversation, plan_documents, plan_prompt
    from appkit.cli.explain_report import map_json, map_text
    from appkit.cli.open_model import open_for_terminal

    is_conversation = last or cid is not None
    if sum((template is not None, last, cid is not None, docs is not None)) > 1:
        raise ValueError(text("explain_one_of"))
    if system is not None and (docs is not None or is_conversation):
        raise ValueError(text("explain_own_system"))
    if param and template is None:
        raise ValueError(text("params_without_template"))
    limits = Limits(answer_tokens=max_tokens, budget=budget)
    plan: Plan
    if docs is not None:
        plan = plan_documents(docs, prompt, limits)
    elif is_conversation:
        plan = plan_conversation(cid, prompt, limits)
    else:
        plan = plan_prompt(prompt, template, param or (), system, limits)
    with open_for_terminal(model or plan.model, num_threads=threads, adapter=adapter) as llm:
        compiled = plan.compile(llm)
        typer.echo(map_json(compiled, llm) if as_json else map_text(compiled, llm))
