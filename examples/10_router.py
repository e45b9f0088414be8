"""A router with two specialists: the model's own probabilities say which agent takes a request.

python examples/10_router.py [MODEL [SEED]]

The default model sends all four requests to the right specialist on each of the seeds 1 to 10; all four answers are
right on 2 of them, as it counts the orders wrongly. For answers take a model of a billion parameters or more, such as
Qwen3 1.7B; none of that size was at hand when this was written.
"""

import sqlite3
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from appkit import Agent, GenerationSettings, open_model
from appkit.reasoning import route
from appkit.tools import calculator, query_sqlite

LABELS = {"sums": "numbers to work out", "orders": "customers and their orders"}
REQUESTS = (
    "A theatre has 28 rows of 34 seats. How many seats does it have?",
    "How many orders did Lena place?",
    "Two towns have 5,480 and 7,365 people. How many people live there together?",
    "Who ordered the lamp?",
)
ORDERS = [("Lena", "bicycle"), ("Omar", "helmet"), ("Lena", "lamp"), ("Ines", "bicycle"), ("Lena", "helmet")]
SELECT = "SELECT customer FROM orders WHERE product = "
COUNT = "SELECT COUNT(*) FROM orders WHERE customer = "
QUERIES = (  # question, SQL, what the database says, the answer
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


def worked_steps() -> list[dict[str, Any]]:
    """Each query as the two steps that an agent takes: a call, and the answer."""
    steps = []
    for question, sql, returned, answer in QUERIES:
        action = f'Action: query_sqlite\nAction Input: {{"sql":"{sql}"}}'
        steps.append({"question": question, "answer": f"Thought: I use the database.\n{action}"})
        steps.append(
            {"observation": returned, "answer": f"Thought: The database says {answer}.\nFinal Answer: {answer}"}
        )
    return steps


settings = GenerationSettings(temperature=0.1, seed=int(sys.argv[2]) if len(sys.argv) > 2 else 1)
with TemporaryDirectory() as folder, open_model(*sys.argv[1:2]) as model:
    shop = query_sqlite(build_database(Path(folder, "shop.sqlite")))
    specialists = {
        "sums": Agent(model, tools=[calculator()], dialect="react", settings=settings),
        "orders": Agent(model, tools=[shop], dialect="react", examples=worked_steps(), settings=settings),
    }
    for request in REQUESTS:
        chosen = route(model, request, LABELS)
        result = specialists[chosen.label].run(request)
        print(f"> {request}\n  {chosen.label} ({chosen.probabilities[chosen.label]:.0%})")
        print(result.output if result.is_complete else f"(stopped: {result.stopped_because})")
