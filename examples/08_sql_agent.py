"""Questions to a database in plain words: an agent that writes the SQL, on a connection that can only read.

python examples/08_sql_agent.py [MODEL [SEED]]

The default model answers all three questions right on each of the seeds 1 to 10.
"""

import sqlite3
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from appkit import Agent, GenerationSettings
from appkit.tools import query_sqlite

ORDERS = [
    (1, "Lena", "bicycle", 2, 640.0),
    (2, "Omar", "helmet", 5, 35.0),
    (3, "Lena", "lamp", 4, 18.5),
    (4, "Ines", "bicycle", 1, 720.0),
    (5, "Omar", "bicycle", 3, 590.0),
    (6, "Lena", "helmet", 1, 42.0),
]
QUESTIONS = ("How many orders did Lena place?", "What is the highest price of a bicycle?", "Who ordered the lamp?")
WORKED = (  # question, what is selected, the column that comes back, its one value
    ("How many orders did Paul place?", "COUNT(*) FROM orders WHERE customer = 'Paul'", '"COUNT(*)"', "2"),
    ("How many orders did Mia place?", "COUNT(*) FROM orders WHERE customer = 'Mia'", '"COUNT(*)"', "5"),
    ("What is the lowest price of a tent?", "MIN(price) FROM orders WHERE product = 'tent'", '"MIN(price)"', "89.5"),
    ("What is the highest price of a stove?", "MAX(price) FROM orders WHERE product = 'stove'", '"MAX(price)"', "24.0"),
    ("Who ordered the kayak?", "customer FROM orders WHERE product = 'kayak'", "customer", "Nora"),
    ("Who ordered the rope?", "customer FROM orders WHERE product = 'rope'", "customer", "Igor"),
)
EXAMPLES = [
    step
    for question, selected, column, answer in WORKED
    for step in (
        {
            "question": question,
            "answer": "Thought: I ask the database.\n"
            f'Action: query_sqlite\nAction Input: {{"sql":"SELECT {selected}"}}',
        },
        {
            "observation": f"{column}\n{answer}\n(1 row)",
            "answer": f"Thought: The database says {answer}.\nFinal Answer: {answer}",
        },
    )
]


def build_database(path: Path) -> Path:
    """A shop's orders."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE orders (id INTEGER, customer TEXT, product TEXT, quantity INTEGER, price REAL)")
        database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", ORDERS)
    database.close()
    return path


model = sys.argv[1] if len(sys.argv) > 1 else None
settings = GenerationSettings(temperature=0.1, seed=int(sys.argv[2]) if len(sys.argv) > 2 else 1)
with TemporaryDirectory() as folder:
    shop = query_sqlite(build_database(Path(folder, "shop.sqlite")))
    with Agent(model, tools=[shop], dialect="react", examples=EXAMPLES, settings=settings) as agent:
        for question in QUESTIONS:
            result = agent.run(question)
            print(f"> {question}")
            for call in (call for step in result.steps for call in step.calls):
                print(f"  {call.arguments['sql']}")
            print(result.output if result.is_complete else f"(stopped: {result.stopped_because})")
