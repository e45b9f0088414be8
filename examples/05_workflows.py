"""Workflow patterns as plain functions: chain with a gate, parallel sections, a vote, evaluate and improve, route.

python examples/05_workflows.py [MODEL]
"""

import sys

from appkit import GenerationSettings, LanguageModel, Message, open_model
from appkit.reasoning import Stage, Verdict, chain, parallel, refine, route, vote

SETTINGS = GenerationSettings(temperature=0.0, max_tokens=60)
LABELS = {"billing": "invoices, payments and refunds", "technical": "errors, crashes and installation"}


def ask(model: LanguageModel, text: str) -> str:
    """The model's answer to one message."""
    return model.chat([Message(role="user", content=text)], SETTINGS).text.strip()


def judge(text: str) -> Verdict:
    """A draft is good when it is short: any test, rule or model may judge."""
    return Verdict(is_accepted=len(text) <= 200, feedback=f"It has {len(text)} characters; at most 200 are wanted.")


with open_model(*sys.argv[1:2]) as model:
    stages = [
        Stage(name="outline", run=lambda topic: ask(model, f"Name one fact about {topic}."), gate=bool),
        Stage(name="headline", run=lambda fact: ask(model, f"Write a headline for this: {fact}")),
    ]
    chained = chain("heat pumps", stages)
    print(f"Chain: {chained.value}" if chained.is_complete else f"Chain: refused by {chained.refused_by}")

    cities = ("France", "Japan", "Italy")
    capitals = parallel([lambda land=land: ask(model, f"What is the capital of {land}?") for land in cities])
    for land, capital in zip(cities, capitals, strict=True):
        print(f"Parallel: {land}: {capital}")

    wordings = ("What is the capital of Japan?", "Name the capital of Japan.", "Which city is the capital of Japan?")
    found = vote([ask(model, wording).split()[-1] for wording in wordings])
    print(f"Vote: {found.winner} ({found.share:.0%})")

    refined = refine(
        ask(model, "What does a heat pump do?"), judge, lambda text, _: text[: text.rfind(".", 0, 200) + 1]
    )
    print(f"Refine: {refined.stopped_by} after {len(refined.rounds)} rounds: {refined.text}")

    if "score" in model.capabilities:
        for request in ("The app crashes when I open it.", "I was charged twice, please refund me."):
            chosen = route(model, request, LABELS)
            print(f"Route: {request} → {chosen.label} ({chosen.probabilities[chosen.label]:.0%})")
