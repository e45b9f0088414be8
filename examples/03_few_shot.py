"""Examples that fit the question: the nearest of a file, each team in turn, as many as a budget of tokens holds.

python examples/03_few_shot.py [MODEL [QUESTION …]]
"""

import sys
from pathlib import Path

from appkit import Constraint, GenerationSettings, LocalEmbedder, Message, open_model
from appkit.fewshot import Balanced, ExampleStore, FitTokens, Semantic

BUDGET = 200  # tokens of examples
questions = sys.argv[2:] or ["The pump has been ticking all night.", "You took the money for my order two times."]
store = ExampleStore.from_file(Path(__file__).with_name("support_requests.csv"), label="team")
system = Message(role="system", content=f"Which team answers this request? One of: {', '.join(store.labels)}.")

with open_model(*sys.argv[1:2]) as model, LocalEmbedder("e5-small-multilingual") as embedder:
    choose = Semantic(embedder, 12).then(Balanced(6), FitTokens(model, BUDGET))
    for question in questions:
        chosen = choose.select(question, store)
        examples = [message for item in chosen.section().items for message in item.messages]
        asked = [system, *examples, Message(role="user", content=question)]
        only_teams = Constraint("choice", store.labels)
        print(f"> {question}\n{model.chat(asked, GenerationSettings(temperature=0), constraint=only_teams).text}")
        fitted = chosen.steps[-1]
        for example, tokens in zip(reversed(chosen.examples), fitted.tokens, strict=True):  # shown nearest last
            print(f"  {example.id}, {tokens} tokens: {example.text} → {example.label}")
        print(f"  {sum(fitted.tokens)} of {BUDGET} tokens; left out: {', '.join(fitted.left_out) or 'none'}")
