"""Typed extraction: texts become Python objects, and what a text does not say is sent back to the model.

python examples/06_extract.py [MODEL [SEED]]      with SmolLM2 135M, the default, all three are right on 10 of 10 seeds
"""

import sys

from pydantic import BaseModel, Field

from appkit import GenerationSettings, LanguageModel, Retry, generate_typed, load_prompt, open_model, output_type

TEXTS = (
    "Maria Keller, 34, works as a nurse.",
    "Tom Hughes, 52, is a baker in York.",
    "At 29, Aisha Khan became a pilot.",
)


class Person(BaseModel):
    """Who a text is about."""

    name: str = Field(min_length=2)
    age: int = Field(ge=0, le=130)
    job: str = Field(min_length=2)


def extract(model: LanguageModel, text: str, seed: int) -> Person:
    """The person in `text`, in words that stand there."""

    def is_in_text(person: Person) -> Person:
        for value in (person.name, str(person.age), person.job):
            if value.lower() not in text.lower():
                raise Retry(f"{value} does not stand in the text.")
        return person

    wanted = output_type(Person).then(is_in_text)
    messages = load_prompt("data/extract.en").render(text=text, schema=wanted.schema)
    settings = GenerationSettings(temperature=0.3, seed=seed, max_tokens=64)
    return generate_typed(model, messages, wanted, settings, tell_form=False)


with open_model(*sys.argv[1:2]) as model:
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for text in TEXTS:
        print(f"{text}\n  {extract(model, text, seed)!r}")
