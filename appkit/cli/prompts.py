"""`appkit prompts`: prompts as files, from the first line to a test on a real model."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from appkit.cli.options import DEFAULT_MODEL, AdapterOption, JsonOption, ParamOption, ThreadsOption
from appkit.cli.printable import on_one_line, printable
from appkit.cli.texts import is_chinese_locale, text

if TYPE_CHECKING:
    from appkit.messages import Constraint
    from appkit.templates import Prompt, PromptFile

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="List, show, render, write and test prompts.",
)

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="As `appkit prompts list` shows it, or a .prompt file.")
]


@app.command("list")
def list_all(as_json: JsonOption = False) -> None:
    """Show every prompt, your own and those that come with appkit, and what each is for."""
    from appkit.templates import list_prompts

    rows = [_row(file) for file in list_prompts()]
    if as_json:
        _print_json(rows)
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        purpose = row["purpose"] if row["error"] is None else text("prompts_broken", message=row["error"])
        source = text("prompts_own") if row["is_own"] else text("prompts_shipped")
        typer.echo(f"{row['name']:{width}}  {source}  {on_one_line(purpose)}")


@app.command()
def show(name: NameArgument, as_json: JsonOption = False) -> None:
    """Show a prompt: where it is, what it takes, how it answers, and its text."""
    from appkit.cli.params import find_template

    prompt = find_template(name)
    facts = _facts(prompt)
    if as_json:
        _print_json(facts)
        return
    typer.echo(printable(_described(prompt, facts)))


@app.command()
def render(
    name: NameArgument,
    param: ParamOption = None,
    model: Annotated[str | None, typer.Option("-m", "--model", help="Also count the tokens of this model.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the messages that a prompt makes of values, byte for byte, without asking a model."""
    from appkit.cli.params import find_template, read_params

    prompt = find_template(name)
    values = read_params(prompt, param or ())
    messages = prompt.render(**values)
    report: dict[str, Any] = {
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "options": dict(prompt.options),
        "constraint": _constraint(prompt.constraint(**values)),
    }
    if model is not None:
        from appkit.cli.open_model import open_for_terminal

        with open_for_terminal(model) as llm:
            report["num_tokens"] = llm.count_tokens(messages)
            report["is_exact"] = "token_count" in llm.capabilities
    if as_json:
        _print_json(report)
        return
    for message in messages:
        typer.echo(f"=== {message.role}\n{message.content}")
    if model is not None:
        key = "prompts_tokens" if report["is_exact"] else "prompts_tokens_about"
        typer.echo(text(key, count=report["num_tokens"], model=model), err=True)


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as letters/reply.en.")],
    edit: Annotated[bool, typer.Option("--edit", help="Open it in $VISUAL or $EDITOR.")] = False,
) -> None:
    """Write a prompt to begin from, with comments, into your own folder of prompts."""
    from appkit.templates.library import prompt_path, user_root

    path = prompt_path(user_root(), name)
    language = "zh" if name.endswith(".zh") or (is_chinese_locale() and not name.endswith(".en")) else "en"
    editor = _editor() if edit else []
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:  # "x": a prompt that is there is never written over
            file.write(_starter(language))
    except FileExistsError:
        raise ValueError(text("prompts_exists", path=path)) from None
    typer.echo(text("prompts_written", path=path, name=name))
    if editor:
        subprocess.run([*editor, str(path)], check=False)


@app.command()
def test(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME…]", help="Prompts or folders; else all.")] = None,
    model: Annotated[
        str | None,
        typer.Option("-m", "--model", help=f"Run all on this one; else each on the one it names, or {DEFAULT_MODEL}."),
    ] = None,
    adapter: AdapterOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the test cases of prompts on a model. The exit status is 1 where one fails."""
    from appkit.cli.open_model import open_for_terminal
    from appkit.cli.prompt_tests import model_for, run_cases

    if adapter is not None and model is None:
        raise ValueError(text("prompts_adapter_without_model"))
    files = _chosen(names or ())
    models = {file: model or model_for(file) for file in files}
    results = []
    for name in dict.fromkeys(models.values()):
        with open_for_terminal(name, num_threads=threads, adapter=adapter) as llm:
            for result in run_cases([file for file in files if models[file] == name], llm):
                results.append(result)
                if not as_json:
                    typer.echo(printable(_told(result)))
    if not results:
        raise ValueError(text("prompts_no_tests"))
    failed = sum(not result["passed"] for result in results)
    if as_json:
        _print_json(results)
    else:
        typer.echo(
            text("prompts_tested", count=len(results), failed=failed, model=", ".join(dict.fromkeys(models.values())))
        )
    if failed:
        raise typer.Exit(1)


def _row(file: "PromptFile") -> dict[str, Any]:
    """What the list shows of a prompt; one that cannot be read is listed with the reason."""
    from appkit.errors import TemplateError
    from appkit.templates.library import SHIPPED

    row: dict[str, Any] = {"name": file.name, "purpose": "", "language": "", "version": None}
    row |= {"path": str(file.path), "is_own": file.root != SHIPPED, "error": None}
    try:
        prompt = file.load()
    except TemplateError as error:
        return row | {"error": str(error)}
    return row | {"purpose": prompt.purpose, "language": prompt.language, "version": prompt.version}


def _facts(prompt: "Prompt") -> dict[str, Any]:
    return {
        "name": prompt.name,
        "path": str(prompt.path),
        "purpose": prompt.purpose,
        "version": prompt.version,
        "language": prompt.language,
        "variables": [
            {"name": each.name, "type": each.type, "about": each.about, "is_required": each.is_required}
            | ({} if each.is_required else {"default": each.default})
            for each in prompt.variables.values()
        ],
        "options": dict(prompt.options),
        "output": {"kind": prompt.output.kind, "source": prompt.output.source, "variable": prompt.output.variable},
        "num_examples": len(prompt.examples),
        "tests": [case.name for case in prompt.tests],
        "source": prompt.source,
    }


def _described(prompt: "Prompt", facts: dict[str, Any]) -> str:
    """The facts as a person reads them, then the messages as the file has them."""
    lines = [text("prompts_path", path=facts["path"])]
    if facts["purpose"]:
        lines.append(text("prompts_purpose", purpose=facts["purpose"]))
    lines.append(text("prompts_version", version=facts["version"], language=facts["language"] or "-"))
    for each in facts["variables"]:
        default = "" if each["is_required"] else text("prompts_default", value=_compact(each["default"]))
        lines.append(text("prompts_variable", name=each["name"], type=each["type"]) + default + _after(each["about"]))
    for name, value in facts["options"].items():
        lines.append(text("prompts_option", name=name, value=_compact(value)))
    output = facts["output"]
    if output["kind"] != "text":
        lines.append(
            text("prompts_output", kind=output["kind"], source=output["variable"] or _compact(output["source"]))
        )
    lines.append(text("prompts_counts", examples=facts["num_examples"], tests=len(facts["tests"])))
    for part in prompt.parts:
        lines += ["", f"=== {part.speaker}", part.source]
    return "\n".join(lines)


def _after(about: str) -> str:
    return f"  {about}" if about else ""


def _compact(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _constraint(constraint: "Constraint | None") -> dict[str, Any] | None:
    return None if constraint is None else {"kind": constraint.kind, "source": constraint.source}


def _starter(language: str) -> bytes:
    from appkit.templates.library import SHIPPED

    return (SHIPPED / f"starter.{language}.prompt").read_bytes()


def _editor() -> list[str]:
    """The command of the user's editor. Raises ValueError where there is none, or no terminal to use it at."""
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")
    if not editor or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ValueError(text("prompts_no_editor"))
    return editor


def _chosen(names: "list[str] | tuple[str, ...]") -> "list[PromptFile]":
    """The prompts that are named, or lie in a folder that is; all where nothing is named."""
    from appkit.templates import PromptFile, list_prompts
    from appkit.templates.library import find_prompt
    from appkit.templates.partials import SUFFIX

    everything = list_prompts()
    if not names:
        return list(everything)
    chosen: list[PromptFile] = []
    for name in names:
        if name.endswith(SUFFIX):
            path = Path(name)
            chosen.append(PromptFile(name=path.name.removesuffix(SUFFIX), path=path, root=path.parent))
        else:
            inside = [file for file in everything if file.name.startswith(f"{name.rstrip('/')}/")]
            chosen += inside or [find_prompt(name)]
    return chosen


def _told(result: dict[str, Any]) -> str:
    """A result as a person reads it: a line, and where it failed, why, and what the model wrote."""
    key = "prompts_passed" if result["passed"] else "prompts_failed"
    lines = [text(key, prompt=result["prompt"], case=result["case"], seconds=result["seconds"])]
    if not result["passed"]:
        lines += [f"    {fault}" for fault in result["faults"]]
        if result["text"] is not None:
            lines.append(text("prompts_wrote", text=_compact(result["text"])))
    return "\n".join(lines)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))
