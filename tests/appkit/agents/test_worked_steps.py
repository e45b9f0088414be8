from appkit import Agent
from appkit.agents.react_words import WORDS
from appkit.agents.worked_steps import MAX_EXAMPLES, worked_steps
from appkit.llm.scripted import ScriptedModel
from appkit.tools import ToolExample, calculator, tool

DOUBLE = (
    ToolExample(question="Twice 4?", arguments={"number": 4}, result="8", answer="It is 8."),
    ToolExample(question="4 的两倍？", arguments={"number": 4}, result="8", answer="是 8。"),
)


@tool(examples=DOUBLE)
def double(number: int) -> int:
    """Double a number."""
    return 2 * number


def test_an_example_is_two_steps_in_the_words_of_the_task() -> None:
    assert worked_steps([double], WORDS["en"], has_answers=True) == (
        {
            "question": "Twice 4?",
            "answer": 'Thought: I use double.\nAction: double\nAction Input: {"number":4}',
        },
        {"observation": "8", "answer": "Thought: The result answers it.\nFinal Answer: It is 8."},
    )
    call, answer = worked_steps([double], WORDS["zh"], has_answers=True)
    assert call == {"question": "4 的两倍？", "answer": '想法：我用 double。\n动作：double\n动作输入：{"number":4}'}
    assert answer["answer"].endswith("最终答案：是 8。")


def test_answers_that_have_a_form_are_not_shown_others() -> None:
    assert [list(step) for step in worked_steps([double], WORDS["en"], has_answers=False)] == [["question", "answer"]]


def test_tools_take_turns_and_the_first_example_of_each_stands_nearest_to_the_task() -> None:
    steps = worked_steps([calculator(), double], WORDS["en"], has_answers=False)
    assert len(steps) == MAX_EXAMPLES
    nearest = [step["answer"].partition("Action: ")[2].partition("\n")[0] for step in steps[::-1]]
    assert nearest[:3] == ["calculator", "double", "calculator"]
    assert "1,420" in steps[-1]["question"]


def shown_to(agent: Agent, model: ScriptedModel, task: str) -> str:
    agent.run(task)
    messages = model.requests[0].prompt
    assert not isinstance(messages, str)
    return "\n".join(message.content for message in messages)


def test_a_react_agent_is_shown_the_examples_of_its_tools_unless_it_has_its_own() -> None:
    final = "Thought: I know.\nFinal Answer: 8"
    model = ScriptedModel([final])
    assert "Twice 4?" in shown_to(Agent(model, tools=[double], dialect="react"), model, "Twice 9?")
    model = ScriptedModel([final])
    own = [{"question": "Mine?", "answer": final}]
    text = shown_to(Agent(model, tools=[double], dialect="react", examples=own), model, "Twice 9?")
    assert "Mine?" in text
    assert "Twice 4?" not in text


def test_examples_of_the_built_in_tools_are_what_they_give() -> None:
    from appkit.tools import current_time

    for example in calculator().examples:
        assert calculator().run(example.arguments).text == example.result
    for example in current_time().examples:
        assert not current_time().run(example.arguments).is_error
