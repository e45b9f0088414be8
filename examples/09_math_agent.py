"""Sums that a small model would guess, computed: an agent with a calculator, taught its steps by three examples.

python examples/09_math_agent.py [MODEL [SEED]]
"""

import sys

from appkit import Agent, GenerationSettings
from appkit.tools import calculator

QUESTIONS = (
    "A theatre has 28 rows of 34 seats. How many seats does it have?",
    "A school has 1,250 pupils and 387 of them are ill. How many pupils are well?",
    "Two towns have 5,480 and 7,365 people. How many people live there together?",
)
WORKED = (
    ("A shelf has 6 boards with 15 books each. How many books does it hold?", "6 * 15", "90"),
    ("Two farmers have 348 and 291 sheep. How many sheep have they together?", "348 + 291", "639"),
    ("A cook has 500 eggs and breaks 135 of them. How many eggs are left?", "500 - 135", "365"),
)
EXAMPLES = [
    step
    for question, expression, result in WORKED
    for step in (
        {
            "question": question,
            "answer": "Thought: I use the calculator.\n"
            f'Action: calculator\nAction Input: {{"expression": "{expression}"}}',
        },
        {"observation": result, "answer": f"Thought: The calculator says {result}.\nFinal Answer: {result}"},
    )
]

model = sys.argv[1] if len(sys.argv) > 1 else None
settings = GenerationSettings(temperature=0.2, seed=int(sys.argv[2]) if len(sys.argv) > 2 else 1)
with Agent(model, tools=[calculator()], dialect="react", examples=EXAMPLES, settings=settings) as agent:
    for question in QUESTIONS:
        result = agent.run(question)
        print(f"> {question}")
        for step in result.steps:
            for call, found in zip(step.calls, step.results, strict=False):
                print(f"  {call.name}: {call.arguments['expression']} = {found.text}")
        print(result.output if result.is_complete else f"(stopped: {result.stopped_because})")
