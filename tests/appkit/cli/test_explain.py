"""`appkit explain` says where the tokens of a prompt would go, and asks no model."""

import json
from pathlib import Path
from typing import Any

import pytest

from appkit import GenerationSettings, LocalModel, Message, ScriptedModel
from appkit.chat import ConversationStore
from tests.appkit.cli.command import CommandHere, one_sentence
from tests.helpers.model_home import give_model
from tests.helpers.real_models import real_model

MODEL = ("-m", "scripted:never asked")
QUESTION = Message(role="user", content="Why so? 😀")
PROMPT = """---
purpose: A test.
variables:
  text: {type: str}
options: {max_tokens: 33}
---
=== system
Be brief.
=== example.user
{{ text }}
=== example.assistant
{{ answer }}
=== user
Sum up: {{ text }}
"""


def tokens(report: dict[str, Any]) -> dict[str, int]:
    return {section["name"]: section["tokens"] for section in report["sections"]}


def test_a_text_and_a_system_message(appkit_here: CommandHere, tmp_path: Path) -> None:
    done = appkit_here("explain", "Why?", "-s", "Be brief.", *MODEL, "--max-tokens", "50", home=tmp_path)
    length = len("system: Be brief.\nuser: Why?\nassistant: ")
    assert done.stdout.splitlines() == [
        "system           19  1 shown",
        "question         14  1 shown",
        "template          7  what the model's template, or the prompt's own words, add",
        f"prompt           {length}  in all, counted on what the model reads",
        "answer           50  kept free",
        "unused        8,102",
        "budget        8,192  for scripted",
    ]


def test_json_is_the_prompt_that_a_model_is_shown(appkit_here: CommandHere, tmp_path: Path) -> None:
    give_model("smollm2-135m", tmp_path)
    report = json.loads(appkit_here("explain", QUESTION.content, "--json", home=tmp_path).stdout)
    with LocalModel(real_model("smollm2-135m")) as model:
        prompt_ids = model.chat([QUESTION], GenerationSettings(max_tokens=1)).prompt_ids
    assert report["prompt_tokens"] == len(prompt_ids)
    assert (report["model"], report["budget"], report["is_exact"]) == ("smollm2-135m", 8192, True)
    assert report["prompt_tokens"] + report["answer_tokens"] + report["unused_tokens"] == 8192


def test_a_prompt_file_with_its_examples_and_its_own_answer_length(appkit_here: CommandHere, tmp_path: Path) -> None:
    (tmp_path / "sum.prompt").write_text(PROMPT.replace("options", "examples: sum.jsonl\noptions"))
    (tmp_path / "sum.jsonl").write_text('{"text": "One two three.", "answer": "Numbers."}\n')
    done = appkit_here(
        "explain", "-t", str(tmp_path / "sum.prompt"), "-p", "text=Long.", *MODEL, "--json", home=tmp_path
    )
    report = json.loads(done.stdout)
    assert report["answer_tokens"] == 33
    assert list(tokens(report)) == ["system", "examples", "question"]
    shown = "system: Be brief.\nuser: One two three.\nassistant: Numbers.\nuser: Sum up: Long.\nassistant: "
    assert report["prompt_tokens"] == len(shown)


@pytest.fixture
def conversation(tmp_path: Path) -> str:
    said = [Message(role=("user", "assistant")[idx % 2], content="." * 81) for idx in range(40)]
    with ConversationStore(tmp_path / "conversations.db") as store:
        return store.create(model="scripted:never asked", system="Be brief.", messages=said).id


def test_the_next_turn_of_a_conversation(appkit_here: CommandHere, tmp_path: Path, conversation: str) -> None:
    last = appkit_here("explain", "-c", "Why?", "--json", home=tmp_path)
    report = json.loads(last.stdout)
    history = next(section for section in report["sections"] if section["name"] == "history")
    assert (len(history["kept"]), history["dropped"]) == (20, [])
    assert appkit_here("explain", "--cid", conversation[:4], "Why?", "--json", home=tmp_path).stdout == last.stdout


def test_a_conversation_that_is_too_long_says_what_is_left_out_and_stays_as_it_is(
    appkit_here: CommandHere, tmp_path: Path, conversation: str
) -> None:
    path = tmp_path / "conversations.db"
    before = path.read_bytes()
    done = appkit_here("explain", "-c", "Why?", "--budget", "2000", home=tmp_path)
    assert "dropped: turn 1 (181), turn 2 (181)" in done.stdout
    assert path.read_bytes() == before


def test_a_question_to_documents(appkit_here: CommandHere, tmp_path: Path) -> None:
    give_model("minilm-l6", tmp_path)
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "warranty.md").write_text("# Warranty\n\nThe compressor is covered for ten years.\n")
    done = appkit_here("explain", "--docs", str(folder), "How long?", *MODEL, "--json", home=tmp_path)
    report = json.loads(done.stdout)
    assert [section["name"] for section in report["sections"]] == ["passages", "question"]
    assert report["sections"][0]["kept"][0]["id"] == "[1] warranty.md"
    assert report["template_tokens"] > 200  # the prompt's own words


def test_chinese_people_read_it_in_chinese(appkit_here: CommandHere, tmp_path: Path) -> None:
    lines = appkit_here("explain", "为什么？", *MODEL, home=tmp_path, LANG="zh_CN.UTF-8").stdout.splitlines()
    assert lines[0] == "问题               14  显示 1 项"
    assert lines[-1] == "预算            8,192  模型 scripted"


def test_text_can_be_piped_in(appkit_here: CommandHere, tmp_path: Path) -> None:
    from tests.appkit.cli.command import appkit

    piped = appkit("explain", *MODEL, "--json", home=tmp_path, stdin="Why?\n")
    assert json.loads(piped.stdout)["prompt_tokens"] == ScriptedModel(["x"]).count_tokens(
        [Message(role="user", content="Why?")]
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "There is no prompt"),
        (("-c", "Why?"), "No conversation was kept yet"),
        (("--cid", "abc", "Why?"), "abc"),
        (("-c", "--cid", "abc", "Why?"), "give one of them"),
        (("-t", "rag/answer.en", "--docs", ".", "Why?"), "give one of them"),
        (("-c", "-s", "Be brief.", "Why?"), "leave out --system"),
        (("-p", "text=x", "Why?"), "-t"),
        (("-t", "rag/answer.en"), "passages"),
        (("-t", "no/such", "Why?"), "no/such"),
        (("--docs", "no-such-folder", "Why?"), "There is no folder"),
        (("Why? " * 2000, *MODEL), "shorten question"),
        (("Why?", *MODEL, "--max-tokens", "9000"), "answer_tokens=9000 and budget=8192"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(
    arguments: tuple[str, ...], says: str, appkit_here: CommandHere, tmp_path: Path
) -> None:
    assert says in one_sentence(appkit_here("explain", *arguments, home=tmp_path))
