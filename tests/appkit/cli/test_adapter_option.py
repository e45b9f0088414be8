"""`--adapter` of the commands that open a model."""

import json
from pathlib import Path

import pytest

from appkit.agents.state import AgentState
from appkit.cli.agent_job import AgentJob, WaitingRun
from appkit.cli.agent_tools import ToolOptions
from appkit.messages import Message
from runtime import load_model, read_peft
from tests.appkit.cli.command import SCRIPTED, CommandHere, one_sentence
from tests.helpers.tiny_adapter import write_tiny_adapter
from tests.helpers.tiny_model import CHAT_TEMPLATE, write_tiny_model

GREEDY = ("--temperature", "0", "--max-tokens", "12")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base") / "tiny.gguf"
    return write_tiny_model(path, metadata={"tokenizer.chat_template": CHAT_TEMPLATE, "llama.context_length": 4096})


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_adapter(base, tmp_path_factory.mktemp("adapters") / "one")


@pytest.fixture
def appkit_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandHere:
    return CommandHere(monkeypatch, capsys)


def test_run_and_chat_answer_with_it(appkit_here: CommandHere, base: Path, adapter: Path, tmp_path: Path) -> None:
    plain = appkit_here("run", "hi there", "-m", str(base), *GREEDY, home=tmp_path)
    adapted = appkit_here("run", "hi there", "-m", str(base), "--adapter", str(adapter), *GREEDY, home=tmp_path)
    assert (plain.returncode, adapted.returncode) == (0, 0)
    assert plain.stdout != adapted.stdout
    chat = ("chat", "-m", str(base), "--adapter", str(adapter), "--no-log", *GREEDY)
    done = appkit_here(*chat, home=tmp_path, stdin="hi there\n")
    assert done.stdout.strip() == adapted.stdout.strip()


def test_a_folder_that_is_no_adapter_is_one_sentence(appkit_here: CommandHere, base: Path, tmp_path: Path) -> None:
    done = appkit_here("run", "hi", "-m", str(base), "--adapter", str(tmp_path), home=tmp_path)
    assert "has no adapter_config.json" in one_sentence(done)


def test_a_model_behind_a_server_takes_none(appkit_here: CommandHere, adapter: Path, tmp_path: Path) -> None:
    done = appkit_here("run", "hi", "-m", SCRIPTED, "--adapter", str(adapter), home=tmp_path)
    assert "Leave the adapter out" in one_sentence(done)


@pytest.mark.parametrize("command", [("ask", "{folder}", "why?"), ("chat", "--docs", "{folder}")])
def test_quoting_sentences_takes_none(
    appkit_here: CommandHere, command: tuple[str, ...], adapter: Path, tmp_path: Path
) -> None:
    arguments = [part.format(folder=tmp_path) for part in command]
    done = appkit_here(*arguments, "--adapter", str(adapter), home=tmp_path)
    assert "name the model" in one_sentence(done)


def test_extract_reads_with_it(appkit_here: CommandHere, base: Path, adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("hi there")
    command = ("extract", str(tmp_path / "note.txt"), "--schema", "age int", "-m", str(base), "--temperature", "0")
    plain = appkit_here(*command, home=tmp_path)
    adapted = appkit_here(*command, "--adapter", str(adapter), home=tmp_path)
    assert (plain.returncode, adapted.returncode) == (0, 0), adapted.stderr
    assert plain.stdout != adapted.stdout


def test_explain_shows_what_the_same_run_would_read(
    appkit_here: CommandHere, base: Path, adapter: Path, tmp_path: Path
) -> None:
    command = ("explain", "hi there", "-m", str(base), "--json")
    plain = appkit_here(*command, home=tmp_path)
    adapted = appkit_here(*command, "--adapter", str(adapter), home=tmp_path)
    assert json.loads(adapted.stdout) == json.loads(plain.stdout), "a LoRA adapter adds no token"
    refused = appkit_here(*command, "--adapter", str(tmp_path), home=tmp_path)
    assert "has no adapter_config.json" in one_sentence(refused)


def test_an_agent_works_with_it_and_its_trace_says_so(
    appkit_here: CommandHere, base: Path, adapter: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "trace.jsonl"
    options = ("--tool", "calculator", "--dialect", "react", "--max-steps", "1", "--temperature", "0", "--json")
    command = ("agent", "run", "hi there", "-m", str(base), *options)
    plain = appkit_here(*command, home=tmp_path)
    adapted = appkit_here(*command, "--adapter", str(adapter), "--trace", str(trace), home=tmp_path)
    assert json.loads(plain.stdout)["steps"] != json.loads(adapted.stdout)["steps"]
    with load_model(base) as model:
        digest = read_peft(adapter, model).digest
    assert digest in trace.read_text().splitlines()[0]


def test_an_agent_that_waited_goes_on_with_it(appkit_here: CommandHere, adapter: Path, tmp_path: Path) -> None:
    job = AgentJob(model="scripted:x", adapter=adapter, tools=ToolOptions(names=("calculator",)))
    question = Message(role="user", content="Sum")
    state = AgentState(agent="agent", dialect="react", tools={}, messages=(question,), task_start=0)
    WaitingRun(job=job, state=state).write(tmp_path / "state.json")
    done = appkit_here("agent", "resume", str(tmp_path / "state.json"), home=tmp_path)
    assert "Leave the adapter out" in one_sentence(done), "the adapter was asked for, and this model takes none"


def test_prompts_are_tested_with_the_adapter_of_a_named_model(
    appkit_here: CommandHere, base: Path, adapter: Path, tmp_path: Path
) -> None:
    case = "{name: one, variables: {}, expect: {contains: [hi]}}"
    source = f"---\npurpose: Greets.\nlanguage: en\ntests: [{case}]\n---\n=== user\nhi\n"
    (tmp_path / "greet.en.prompt").write_text(source)
    command = ("prompts", "test", str(tmp_path / "greet.en.prompt"), "--adapter", str(adapter), "--json")
    assert "give the adapter's with -m" in one_sentence(appkit_here(*command, home=tmp_path))
    plain = appkit_here(*command[:3], "--json", "-m", str(base), home=tmp_path)
    adapted = appkit_here(*command, "-m", str(base), home=tmp_path)
    assert json.loads(plain.stdout)[0]["text"] != json.loads(adapted.stdout)[0]["text"]
