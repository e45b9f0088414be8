"""A router with two specialists: the model's own probabilities say which agent takes a request.

python examples/10_router.py [MODEL [SEED]]
"""

import sqlite3
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from appkit import Agent, GenerationSettings, open_model
from appkit.reasoning import route
from appkit.tools import Tool, calculator, query_sqlite

LABELS = {"sums": "numbers to work out", "orders": "customers and their orders"}
REQUESTS = (
    "A theatre has 28 rows of 34 seats. How many seats does it have?",
    "How many orders did Lena place?",
    "A school has 1,250 pupils and 387 of them are ill. How many pupils are well?",
    "Who ordered the lamp?",
)
ORDERS = [("Lena", "bicycle"), ("Omar", "helmet"), ("Lena", "lamp"), ("Ines", "bicycle"), ("Lena", "helmet")]
SUMS = (  # question, what the tool is given, what it returns, the answer
    ("A shelf has 6 boards with 15 books each. How many books does it hold?", "6 * 15", "90", "90"),
    ("Two farmers have 348 and 291 sheep. How many sheep have they together?", "348 + 291", "639", "639"),
    ("A cook has 500 eggs and breaks 135 of them. How many eggs are left?", "500 - 135", "365", "365"),
)
QUERIES = (
    (
        "Who ordered the kayak?",
        "SELECT customer FROM orders WHERE product = 'kayak'",
        "customer\nNora\n(1 row)",
        "Nora",
    ),
    (
        "How many orders did Paul place?",
        "SELECT COUNT(*) FROM orders WHERE customer = 'Paul'",
        '"COUNT(*)"\n2\n(1 row)',
        "2",
    ),
    ("Who ordered the rope?", "SELECT customer FROM orders WHERE product = 'rope'", "customer\nIgor\n(1 row)", "Igor"),
    (
        "How many orders did Mia place?",
        "SELECT COUNT(*) FROM orders WHERE customer = 'Mia'",
        '"COUNT(*)"\n5\n(1 row)',
        "5",
    ),
)


def build_database(path: Path) -> Path:
    """A shop's orders."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE orders (customer TEXT, product TEXT)")
        database.executemany("INSERT INTO orders VALUES (?, ?)", ORDERS)
    database.close()
    return path


def worked_steps(tool: Tool, cases: tuple[tuple[str, str, str, str], ...]) -> list[dict[str, Any]]:
    """Each case as the two steps that an agent takes: a call of `tool`, and the answer."""
    (argument,) = tool.spec.parameters["properties"]
    steps = []
    for question, given, returned, answer in cases:
        action = f'Action: {tool.name}\nAction Input: {{"{argument}": "{given}"}}'
        steps.append({"question": question, "answer": f"Thought: I use {tool.name}.\n{action}"})
        steps.append({"observation": returned, "answer": f"Thought: It says {answer}.\nFinal Answer: {answer}"})
    return steps


settings = GenerationSettings(temperature=0.1, seed=int(sys.argv[2]) if len(sys.argv) > 2 else 1)
with TemporaryDirectory() as folder, open_model(*sys.argv[1:2]) as model:
    tools = {"sums": calculator(), "orders": query_sqlite(build_database(Path(folder, "shop.sqlite")))}
    cases = {"sums": SUMS, "orders": QUERIES}
    specialists = {
        name: Agent(
            model,
            name=name,
            tools=[tool],
            dialect="react",
            examples=worked_steps(tool, cases[name]),
            settings=settings,
        )
        for name, tool in tools.items()
    }
    for request in REQUESTS:
        chosen = route(model, request, LABELS)
        result = specialists[chosen.label].run(request)
        print(f"> {request}\n  {chosen.label} ({chosen.probabilities[chosen.label]:.0%})")
        print(result.output if result.is_complete else f"(stopped: {result.stopped_because})")
