"""The words of ReAct, in the language of the task."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ReactWords:
    """Labels that begin lines, what goes before them included, and what the model is told when it leaves them out."""

    language: str
    thought: str
    action: str
    action_input: str
    answer: str
    observation: str
    question: str
    form_fault: str
    input_fault: str
    closing: str
    to_call: str  # the thought before a call of {tool}, in examples
    to_answer: str  # and after one


ENGLISH = ReactWords(
    language="en",
    thought="Thought: ",
    action="Action: ",
    action_input="Action Input: ",
    answer="Final Answer: ",
    observation="Observation:",
    question="Question: ",
    form_fault="That has no action and no answer. After the thought write a line 'Action: ' with the name of a tool "
    "and a line 'Action Input: ' with its arguments as a JSON object, or a line 'Final Answer: ' with the answer.",
    input_fault="The line 'Action Input: ' holds no JSON object. Write the arguments as one, on one line.",
    closing="No tool can be called any more. Write 'Final Answer: ' and the best answer you can give.",
    to_call="I use {tool}.",
    to_answer="The result answers it.",
)
CHINESE = ReactWords(
    language="zh",
    thought="想法：",
    action="动作：",
    action_input="动作输入：",
    answer="最终答案：",
    observation="观察：",
    question="问题：",
    form_fault="没有动作，也没有答案。想法之后请写一行“动作：”加工具名和一行“动作输入：”加 JSON 对象，"
    "或者写一行“最终答案：”加答案。",
    input_fault="“动作输入：”后面不是 JSON 对象。请把参数写成一行 JSON 对象。",
    closing="不能再调用工具了。请写“最终答案：”和你能给出的最好的答案。",
    to_call="我用 {tool}。",
    to_answer="结果给出了答案。",
)
WORDS = {"en": ENGLISH, "zh": CHINESE}
