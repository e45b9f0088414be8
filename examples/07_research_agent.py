"""Document research: an agent that looks things up in a folder and names the file that says so.

python examples/07_research_agent.py [MODEL [SEED]]

Its tool asks the index, which quotes sentences; the agent decides what to ask, and answers from what it was told.
SmolLM2 135M, the default, looks up the right thing, names the right file and gives the figure that was asked for on 10
of 10 seeds. Two of the answers are the quotes, letter by letter. The first is not: its sentence is long, and the model
gives a depth of its own beside the right thickness, which is why each answer is compared with what was found.
"""

import sys
from pathlib import Path

from appkit import Agent, GenerationSettings, Index, tool

FOLDER = Path(__file__).with_name("documents")
QUESTIONS = (
    "How thick must the concrete be?",
    "How often must the heat pump be serviced?",
    "How long is the warranty on the compressor?",
)
WORKED = (  # question, what the documents say, the file
    ("How long is the hose?", "The machine comes with a hose of 2.5 m, two brushes and a bag.", "handbook.md"),
    ("When is the shop open?", "Our shop is open from Tuesday to Saturday.", "visit.html"),
    ("How heavy is the lamp?", "Without its foot the lamp weighs 740 grams.", "data-sheet.pdf"),
)
EXAMPLES = [
    step
    for question, quote, file in WORKED
    for step in (
        {
            "question": question,
            "answer": f'Thought: I look it up.\nAction: look_up\nAction Input: {{"question":"{question}"}}',
        },
        {"observation": f"{quote} [{file}]", "answer": f"Thought: {file} says it.\nFinal Answer: {quote} [{file}]"},
    )
]

model = sys.argv[1] if len(sys.argv) > 1 else None
settings = GenerationSettings(temperature=0.2, seed=int(sys.argv[2]) if len(sys.argv) > 2 else 1)
with Index.sync(FOLDER) as index:

    @tool
    def look_up(question: str) -> str:
        """Quote what the documents say on a question, with the file in brackets."""
        found = index.ask(question)
        quotes = [f"{citation.quote.strip()} [{citation.file}]" for citation in found.citations[:1]]
        return " ".join(" ".join(quotes).split()) or "The documents do not say."

    with Agent(model, tools=[look_up], dialect="react", examples=EXAMPLES, settings=settings) as agent:
        for question in QUESTIONS:
            result = agent.run(question)
            print(f"> {question}\n{result.output if result.is_complete else f'(stopped: {result.stopped_because})'}")
            told = [found.text for step in result.steps for found in step.results]
            print("  quoted as it was found" if result.text.strip() in told else "  in its own words")
