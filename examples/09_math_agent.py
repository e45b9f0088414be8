"""Sums that a small model would guess, computed: an agent with a calculator.

python examples/09_math_agent.py [MODEL [SEED]]

The default model gets all three right on each of the seeds 1 to 10.
"""

import sys

from appkit import Agent, GenerationSettings
from appkit.tools import calculator

QUESTIONS = (
    "A theatre has 28 rows of 34 seats. How many seats does it have?",
    "A ladder costs 37 euros. What do 12 ladders cost?",
    "Two towns have 5,480 and 7,365 people. How many people live there together?",
)

model = sys.argv[1] if len(sys.argv) > 1 else None
settings = GenerationSettings(temperature=0.2, seed=int(sys.argv[2]) if len(sys.argv) > 2 else 1)
with Agent(model, tools=[calculator()], dialect="react", settings=settings) as agent:
    for question in QUESTIONS:
        result = agent.run(question)
        print(f"> {question}")
        for step in result.steps:
            for call, found in zip(step.calls, step.results, strict=False):
                print(f"  {call.name}: {call.arguments['expression']} = {found.text}")
        print(result.output if result.is_complete else f"(stopped: {result.stopped_because})")
