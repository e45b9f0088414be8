"""The package outlines over our models, and its types as output types. Run against outlines 1.3."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel

from appkit import CapabilityError, LanguageModel, ScriptedModel, open_model
from appkit.structured import generate_typed, output_type
from tests.appkit.structured.models import UnmaskedModel
from tests.helpers.real_models import real_model

outlines = pytest.importorskip("outlines", reason="the extra outlines is not installed")

from outlines import types  # noqa: E402 (after the skip)
from outlines.generator import SteerableGenerator  # noqa: E402
from outlines.inputs import Chat  # noqa: E402
from outlines.processors import OutlinesLogitsProcessor  # noqa: E402
from outlines.types import dsl  # noqa: E402

from appkit.structured.outlines_model import OutlinesModel, outlines_generator  # noqa: E402


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture(scope="module")
def model() -> Any:
    with open_model(str(real_model("smollm2-135m"))) as opened:
        yield opened


@pytest.mark.parametrize(
    ("output", "pattern"),
    [
        (dsl.Regex("[a-c]{3}"), "[a-c]{3}"),
        (dsl.either("yes", "no"), "yes|no"),
        (dsl.CFG('start: "a"+ "b"'), "a+b"),
        (types.date, r"\d{4}-\d{2}-\d{2}"),
        (bool, "true|false"),
        ("exactly this", "exactly this"),
    ],
    ids=["regex", "either", "cfg", "date", "bool", "text"],
)
def test_a_generator_of_outlines_draws_what_its_type_allows(output: Any, pattern: str, model: LanguageModel) -> None:
    generator = outlines_generator(model, output)
    assert isinstance(generator, SteerableGenerator)
    for seed in range(3):
        assert re.fullmatch(pattern, generator("Well: ", max_tokens=20, seed=seed))


def test_json_is_drawn_in_pieces_batches_and_chats(model: LanguageModel) -> None:
    generator = outlines_generator(model, Person)
    chat = Chat([{"role": "user", "content": "Describe a person."}])
    pieces = list(generator.stream(chat, max_tokens=40, seed=1))
    assert len(pieces) > 3
    for text in ["".join(pieces), *generator.batch(["A person: ", "Another: "], max_tokens=40, seed=2)]:
        Person.model_validate_json(text)
    called = OutlinesModel(model)("A person: ", Person, max_tokens=40, seed=3)
    assert list(json.loads(called)) == ["name", "age"]


def test_terms_of_outlines_are_output_types(model: LanguageModel) -> None:
    assert generate_typed(ScriptedModel(["12"]), "?", types.integer) == "12"
    assert output_type(dsl.JsonSchema(Person)).parse('{"name":"Ann","age":3}') == {"name": "Ann", "age": 3}
    with pytest.raises(ValueError, match="whitespace_pattern"):
        output_type(dsl.JsonSchema(Person, whitespace_pattern=r"\s*"))
    with pytest.raises(ValueError, match="does not match"):
        output_type(dsl.either("yes", "no")).parse("maybe")


def test_what_is_not_ours_is_refused(model: LanguageModel) -> None:
    with pytest.raises(CapabilityError, match="constraint"):
        outlines_generator(_Refusing(["x"]), int)("?")
    with pytest.raises(TypeError, match="works on logits"):
        SteerableGenerator.from_processor(OutlinesModel(model), _OwnProcessor("numpy"))("?")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"text or an outlines\.inputs\.Chat"):
        outlines_generator(model, int)(3)
    with pytest.raises(TypeError, match="unexpected keyword"):
        outlines_generator(model, int)("?", warmth=3)


class _OwnProcessor(OutlinesLogitsProcessor):
    def reset(self) -> None: ...

    def process_logits(self, input_ids: Any, logits: Any) -> Any:
        return logits


class _Refusing(UnmaskedModel):
    """Refuses constraints, as a model without the capability does."""

    def stream(self, prompt: Any, settings: Any = None, **options: Any) -> Any:
        if options.get("constraint") is not None:
            raise CapabilityError("no constraint here", self.name, "constraint")
        return super().stream(prompt, settings, **options)


def test_nothing_else_imports_outlines() -> None:
    code = (
        "import sys\nfrom appkit import ScriptedModel, generate_typed\n"
        "generate_typed(ScriptedModel(['3']), '?', int)\nprint('outlines' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
