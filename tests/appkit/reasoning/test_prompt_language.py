"""Reasoning asks in the language of the question, unless a prompt's name says which."""

from pathlib import Path

import pytest

from appkit import Message, ScriptedModel, TemplateError, load_prompt
from appkit.reasoning import Worker, orchestrate, plan_and_solve, reflect, think
from appkit.reasoning.prompt_language import prompt_for

LETTER = "---\npurpose: A letter.\nvariables:\n  question: {type: str}\n---\n{{ question }}"


@pytest.mark.parametrize("name", ["think", "math", "plan", "solve", "critique", "revise", "route", "divide", "join"])
def test_every_prompt_of_reasoning_is_there_in_both_languages(name: str) -> None:
    english, chinese = prompt_for(f"reasoning/{name}", "Why?"), prompt_for(f"reasoning/{name}", "为什么？")
    assert (english.name, chinese.name) == (f"reasoning/{name}.en", f"reasoning/{name}.zh")
    assert set(english.variables) == set(chinese.variables)


def test_a_name_with_a_language_and_a_prompt_stay_what_they_are() -> None:
    assert prompt_for("reasoning/plan.en", "为什么？").language == "en"
    prompt = load_prompt("reasoning/plan.zh")
    assert prompt_for(prompt, "Why?") is prompt


def test_a_prompt_without_a_language_is_found_by_its_whole_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPKIT_HOME", str(tmp_path))
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "letter.prompt").write_text(LETTER, "utf-8")
    assert prompt_for("letter", "为什么？").purpose == "A letter."
    with pytest.raises(TemplateError, match="There is no prompt lettre; there is letter"):
        prompt_for("lettre", "Why?")


def test_a_chinese_question_is_planned_and_solved_in_chinese() -> None:
    model = ScriptedModel(['{"steps": ["相加"]}', "6 + 3 = 9。\n答案：9"])
    found = plan_and_solve(model, "红花有6朵，黄花有3朵，一共多少朵？")
    assert (found.steps, found.solution.answer) == (("相加",), "9")
    assert "计划：" in shown(model, 1)[-1].content


def test_a_chinese_draft_is_judged_by_a_chinese_verdict() -> None:
    model = ScriptedModel(["没有说出数目。\n结论：修改", "蜘蛛有八条腿。", "回答了数目。\n结论：接受"])
    found = reflect(model, "蜘蛛有几条腿？", "蜘蛛有很多腿。")
    assert (found.text, found.is_accepted) == ("蜘蛛有八条腿。", True)
    assert found.rounds[0].verdict.feedback == "没有说出数目。"


def test_a_chinese_task_is_divided_and_joined_in_chinese() -> None:
    model = ScriptedModel(['{"parts": [{"worker": "查找", "task": "查车票"}]}', "车票八元。"])
    done = orchestrate(model, "查出车票的价格。", {"查找": Worker(about="查资料", run=lambda _: "八元")})
    assert done.answer == "车票八元。"
    assert [shown(model, idx)[0].content[:4] for idx in (0, 1)] == ["把任务分", "根据各位"]


def test_chinese_reasoning_ends_in_a_chinese_line() -> None:
    assert think(ScriptedModel(["3 + 4 = 7。\n答案：7"]), "3 + 4 等于多少？").answer == "7"


def shown(model: ScriptedModel, idx: int) -> tuple[Message, ...]:
    """The messages of request `idx`."""
    prompt = model.requests[idx].prompt
    assert not isinstance(prompt, str)
    return prompt
