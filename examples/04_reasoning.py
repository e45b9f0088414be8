"""Reasoning in writing: one chain of thought, a vote of several, and the best by the model's own probability.

python examples/04_reasoning.py [MODEL]

The answer always stands in a last line: a model that forgets it is made to write it.
"""

import sys

from appkit import open_model
from appkit.reasoning import AnswerLine, ChainOfThought, best_of, self_consistency, think

QUESTION = "Tom has 3 boxes with 4 apples each and eats 2 apples. How many apples are left?"
HOW = ChainOfThought(prompt="reasoning/math.en", line=AnswerLine.number())

with open_model(*sys.argv[1:2]) as model:
    print(f"> {QUESTION}")
    found = think(model, QUESTION, HOW)
    print(found.text)

    consensus = self_consistency(model, QUESTION, HOW, n=5)
    votes = ", ".join(f"{answer}: {count}" for answer, count in consensus.vote.counts.items())
    print(f"A vote of up to {consensus.num_asked} samples says {consensus.answer} ({votes}).")

    if "score" in model.capabilities:
        ranked = best_of(model, QUESTION, HOW, n=3)
        print(f"The likeliest of 3 says {ranked.best.answer} (mean log-probability {ranked.scores[0]:.2f}).")
