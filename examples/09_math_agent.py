"""Sums that a small model would guess, computed: an agent with a calculator, taught its steps by worked examples.

python examples/09_math_agent.py [MODEL [SEED]]

The default model gets all three right on 9 of the seeds 1 to 10.
"""

import sys

from appkit import Agent, GenerationSettings
from appkit.tools import calculator

QUESTIONS = (
    "A theatre has 28 rows of 34 seats. How many seats does it have?",
    "A ladder costs 37 euros. What do 12 ladders cost?",
    "Two towns have 5,480 and 7,365 people. How many people live there together?",
)
WORKED = (
    ("A shelf has 6 boards with 15 books each. How many books does it hold?", "6 * 15", "90"),
    ("Tickets cost 8 euros each. What do 35 tickets cost?", "35 * 8", "280"),
    ("Two farmers have 348 and 291 sheep. How many sheep have they together?", "348 + 291", "639"),
    ("Two ships carry 1,420 and 2,375 tons. How many tons do they carry together?", "1420 + 2375", "3795"),
)
EXAMPLES = [
    step
    for question, expression, result in WORKED
    for step in (
        {
            "question": question,
            "answer": "Thought: I use the calculator.\n"
            f'Action: calculator\nAction Input: {{"expression":"{expression}"}}',
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
