"""Examples chosen for the question at hand.

store = ExampleStore.from_file("requests.jsonl", label="team")
chosen = Semantic(embedder, 50).then(Balanced(8), FitTokens(model, 600)).select(question, store)
messages = prompt.render(examples=chosen.values(), text=question)
"""

from appkit.fewshot.balance import Balanced
from appkit.fewshot.example import Example, as_turn
from appkit.fewshot.fixed import Fixed, Random
from appkit.fewshot.reading import ExampleFileError
from appkit.fewshot.selection import Selection, SelectionStep
from appkit.fewshot.selector import Chain, Selector
from appkit.fewshot.semantic import MMR, Semantic
from appkit.fewshot.store import ExampleStore
from appkit.fewshot.tokens import ClosestLength, FitTokens
from appkit.fewshot.words import BM25, NgramOverlap

__all__ = [
    "BM25",
    "MMR",
    "Balanced",
    "Chain",
    "ClosestLength",
    "Example",
    "ExampleFileError",
    "ExampleStore",
    "FitTokens",
    "Fixed",
    "NgramOverlap",
    "Random",
    "Selection",
    "SelectionStep",
    "Selector",
    "Semantic",
    "as_turn",
]
