"""`appkit ask FOLDER "question"`: an answer from the folder's documents, with the places it rests on."""

import json
import time
from contextlib import ExitStack
from typing import Annotated

import typer

from appkit.cli.options import AdapterOption, FilterOption, FolderArgument, JsonOption, ThreadsOption
from appkit.cli.texts import text

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def ask(
    folder: FolderArgument,
    question: Annotated[str, typer.Argument(help="What to ask, in a language of the documents.")],
    sync: Annotated[bool, typer.Option("--sync", help="Look for changed files first.")] = False,
    model: Annotated[
        str | None,
        typer.Option("-m", "--model", help="A model that writes the answer; sentences are quoted without it."),
    ] = None,
    adapter: AdapterOption = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=100, help="How many passages to read.")] = 10,
    filter: FilterOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question from the documents of a folder. A folder without an index is indexed first."""
    started = time.perf_counter()
    from appkit.cli.answer_report import print_sources, print_text
    from appkit.cli.open_index import open_for_questions
    from appkit.cli.open_model import open_for_terminal

    if not question.strip():
        raise ValueError(text("question_missing"))
    if adapter is not None and model is None:
        raise ValueError(text("adapter_without_model"))
    with ExitStack() as stack:
        index = stack.enter_context(open_for_questions(folder, sync=sync))
        llm = (
            None
            if model is None
            else stack.enter_context(open_for_terminal(model, num_threads=threads, adapter=adapter))
        )
        load_s = time.perf_counter() - started
        turn = stack.enter_context(index.stream(question, model=llm, limit=limit, filter=filter))
        if not as_json:
            print_text(turn)
        answer = turn.result()
    if as_json:
        report = answer.to_json()
        report["timings"] = {"load_s": round(load_s, 4)} | report["timings"]
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        print_sources(answer)
