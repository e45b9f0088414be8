"""Options that commands share: the help tells the true defaults, and a command gets its own alone."""

from typing import Annotated, Any

import pytest
import typer

from appkit.cli.tune import app
from appkit.cli.tune_options import config_of_command, takes_run_options
from appkit.tuning.config import TuneConfig

DEFAULTS = TuneConfig(data="a.jsonl")


def options_of(command: str) -> dict[str, Any]:
    group: Any = typer.main.get_command(app)
    return {option.name: option.default for option in group.commands[command].params}


@pytest.mark.parametrize("command", ["run", "plan"])
def test_the_help_tells_the_defaults_of_the_options(command: str) -> None:
    shown = options_of(command)
    shared = set(shown) & set(TuneConfig.__dataclass_fields__) - {"data"}
    assert len(shared) > 25
    for name in shared - {"fields", "modules", "mix"}:  # None on the command line: typed in another form
        assert shown[name] == getattr(DEFAULTS, name), name


def test_what_describes_a_run_is_an_option_of_each_command_that_needs_it() -> None:
    assert set(options_of("run")) - set(options_of("plan")) == {"output", "fresh", "ignore_memory"}


def called(*args: str) -> tuple[dict[str, Any], TuneConfig]:
    """(what a command is called with, what it reads from its context)."""
    heard: list[Any] = []
    command = typer.Typer()

    @command.command()
    @takes_run_options
    def mine(ctx: typer.Context, number: Annotated[int, typer.Option()] = 3) -> None:
        heard.extend(({"number": number}, config_of_command(ctx)))

    typer.main.get_command(command).main(list(args), standalone_mode=False)
    return heard[0], heard[1]


def test_a_command_is_called_with_its_own_options_and_reads_the_others() -> None:
    own, config = called("a.jsonl", "--number", "7", "--rank", "4", "--modules", "q_proj, v_proj", "--mix", "g=0.5")
    assert own == {"number": 7}
    assert (config.data, config.rank, config.modules, config.mix) == ("a.jsonl", 4, ("q_proj", "v_proj"), {"g": 0.5})


@pytest.mark.parametrize(("typed", "kept"), [("0.1", 0.1), ("v.jsonl", "v.jsonl"), ("1e-1", 0.1)])
def test_a_validation_set_is_a_share_or_a_file(typed: str, kept: float | str) -> None:
    assert called("a.jsonl", "--validation", typed)[1].validation == kept


def test_fields_are_read_by_pairs() -> None:
    assert called("a.jsonl", "--fields", "prompt=q,completion=a")[1].fields == {"prompt": "q", "completion": "a"}
