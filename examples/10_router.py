"""A router with two specialists: the model's own probabilities say which agent takes a request.

python examples/10_router.py [MODEL [SEED]]

The default model sends all four requests to the right specialist on each of the seeds 1 to 10; all four answers are
right on 2 of them, as it counts the orders wrongly. For answers take a model of a billion parameters or more.
"""

import sqlite3
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from appkit import Agent, GenerationSettings, LanguageModel, open_model
from appkit.reasoning import route
from appkit.tools import Tool, calculator, query_sqlite

LABELS = {"sums": "numbers to work out", "orders": "customers and their orders"}
REQUESTS = (
    "A theatre has 28 rows of 34 seats. How many seats does it have?",
    "How many orders did Lena place?",
    "Two towns have 5,480 and 7,365 people. How many people live there together?",
    "Who ordered the lamp?",
)
ORDERS = [("Lena", "bicycle"), ("Omar", "helmet"), ("Lena", "lamp"), ("Ines", "bicycle"), ("Lena", "helmet")]
SUMS = (  # question, what the tool is given, what it returns, the answer
    ("A shelf has 6 boards with 15 books each. How many books does it hold?", "6 * 15", "90", "90"),
    ("Tickets cost 8 euros each. What do 35 tickets cost?", "35 * 8", "280", "280"),
    ("Two farmers have 348 and 291 sheep. How many sheep have they together?", "348 + 291", "639", "639"),
    ("Two ships carry 1,420 and 2,375 tons. How many tons do they carry together?", "1420 + 2375", "3795", "3795"),
)
SELECT = "SELECT customer FROM orders WHERE product = "
COUNT = "SELECT COUNT(*) FROM orders WHERE customer = "
QUERIES = (
    ("How many orders did Paul place?", f"{COUNT}'Paul'", '"COUNT(*)"\n2\n(1 row)', "2"),
    ("How many orders did Mia place?", f"{COUNT}'Mia'", '"COUNT(*)"\n5\n(1 row)', "5"),
    ("Who ordered the kayak?", f"{SELECT}'kayak'", "customer\nNora\n(1 row)", "Nora"),
    ("Who ordered the rope?", f"{SELECT}'rope'", "customer\nIgor\n(1 row)", "Igor"),
)


def build_database(path: Path) -> Path:
    """A shop's orders."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE orders (customer TEXT, product TEXT)")
        database.executemany("INSERT INTO orders VALUES (?, ?)", ORDERS)
    database.close()
    return path


def worked_steps(tool: Tool, source: str, cases: tuple[tuple[str, str, str, str], ...]) -> list[dict[str, Any]]:
    """Each case as the two steps that an agent takes: a call of `tool`, and the answer."""
    (argument,) = tool.spec.parameters["properties"]
    steps = []
    for question, given, returned, answer in cases:
        action = f'Action: {tool.name}\nAction Input: {{"{argument}":"{given}"}}'
        steps.append({"question": question, "answer": f"Thought: I use the {source}.\n{action}"})
        steps.append(
            {"observation": returned, "answer": f"Thought: The {source} says {answer}.\nFinal Answer: {answer}"}
        )
    return steps


def build_specialist(
    model: LanguageModel,
    tool: Tool,
    source: str,
    cases: tuple[tuple[str, str, str, str], ...],
    settings: GenerationSettings,
) -> Agent:
    """An agent for one kind of request, taught by worked examples."""
    examples = worked_steps(tool, source, cases)
    return Agent(model, tools=[tool], dialect="react", examples=examples, settings=settings)


settings = GenerationSettings(temperature=0.1, seed=int(sys.argv[2]) if len(sys.argv) > 2 else 1)
with TemporaryDirectory() as folder, open_model(*sys.argv[1:2]) as model:
    shop = query_sqlite(build_database(Path(folder, "shop.sqlite")))
    specialists = {
        "sums": build_specialist(model, calculator(), "calculator", SUMS, settings),
        "orders": build_specialist(model, shop, "database", QUERIES, settings),
    }
    for request in REQUESTS:
        chosen = route(model, request, LABELS)
        result = specialists[chosen.label].run(request)
        print(f"> {request}\n  {chosen.label} ({chosen.probabilities[chosen.label]:.0%})")
        print(result.output if result.is_complete else f"(stopped: {result.stopped_because})")
