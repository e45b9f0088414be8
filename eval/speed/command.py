"""`appkit bench`: how fast a model runs here, beside a peer on the same file in the same minutes."""

from typing import Annotated, Any, Literal

import typer

from runtime import DEFAULT_MODEL

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def bench(
    model: Annotated[str, typer.Option("-m", "--model", help="A catalog name or a model file.")] = DEFAULT_MODEL,
    vs: Annotated[
        Literal["llama-cpp", "peft"] | None,
        typer.Option("--vs", help="Who runs the same tests in turns with us; peft: training."),
    ] = None,
    tests: Annotated[
        list[str] | None, typer.Option("--test", help="Only tests whose name contains this; may be repeated.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Of both sides; else all this process may use.")] = None,
    processes: Annotated[int, typer.Option(min=1, max=100, help="Of each side.")] = 3,
    repetitions: Annotated[int, typer.Option(min=1, max=100, help="Of each test in a process.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    save: Annotated[bool, typer.Option("--save", help="Keep the figures in eval/results.")] = False,
) -> None:
    """Time reading, writing, many sequences at once, loading and memory, and compare with a peer.

    Figures are medians, with the least and the most. What memory allows is measured in the same run.
    """
    from eval.speed.bench import Plan, run
    from eval.speed.cases import find_cases
    from eval.speed.peers import check_peer
    from runtime import default_num_threads, resolve

    try:
        cases = find_cases(tests or ())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if vs is not None:
        check_peer(vs)
    if vs == "peft":
        if save:
            raise typer.BadParameter("figures of training are kept by python -m eval.speed.finetune --save")
        _show(_fine_tuning(model, threads, processes, repetitions), model, as_json=as_json, save=False)
        return
    plan = Plan(
        path=resolve(model),
        cases=cases,
        peer=vs,
        num_threads=threads or default_num_threads(),
        processes=processes,
        repetitions=repetitions,
    )
    total = processes * (1 if vs is None else 2)
    found: dict[str, Any] = run(plan, lambda side, place: typer.echo(f"{place + 1} of {total}: {side} …", err=True))
    _show(found, model, as_json=as_json, save=save)


def _fine_tuning(model: str, threads: int | None, processes: int, repetitions: int) -> dict[str, Any]:
    from eval.speed.bench_finetune import run
    from runtime import default_num_threads, resolve

    return run(
        resolve(model),
        threads or default_num_threads(),
        processes,
        repetitions + 1,  # the first step of a process is left out
        lambda side, place: typer.echo(f"{side}, {place + 1} of {4 * processes} …", err=True),
    )


def _show(found: dict[str, Any], model: str, *, as_json: bool, save: bool) -> None:
    import json

    from eval.speed.bench_page import keep, print_table

    if as_json:
        typer.echo(json.dumps(found, indent=1))
    else:
        print_table(found)
    if save:
        typer.echo(str(keep(found, model)), err=True)
