"""`generate_typed`: what is asked, what is told, and how often."""

from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field, field_validator

from appkit import GenerationSettings, Message, OutputParseError, ScriptedModel, open_model
from appkit.structured import Choice, Retry, generate_typed
from runtime.errors import ConstraintLimitError
from tests.appkit.structured.models import UnmaskedModel
from tests.helpers.real_models import real_model

ROOMS = (101, 102)


class Room(BaseModel):
    """A room of the house."""

    number: int = Field(description="as on the door")

    @field_validator("number")
    @classmethod
    def exists(cls, number: int) -> int:
        if number not in ROOMS:
            raise Retry(f"There is no room {number}; there are {ROOMS}.")
        return number


def test_a_model_is_held_to_the_type_and_told_its_form() -> None:
    model = ScriptedModel(['{"number":101}'])
    assert generate_typed(model, "Which room?", Room) == Room(number=101)
    (request,) = model.requests
    assert request.constraint is not None
    assert request.constraint.kind == "json_schema"
    (message,) = request.prompt
    assert isinstance(message, Message)
    assert message.content == (
        'Which room?\n\nAnswer with JSON of this form:\n{"number": whole number (as on the door)}'
    )


def test_nothing_is_told_where_the_prompt_says_it_and_nothing_at_all_for_text() -> None:
    model = ScriptedModel(["12", "free text"])
    assert generate_typed(model, "How many?", int, tell_form=False) == 12
    assert generate_typed(model, "How many?", str) == "free text"
    assert [request.prompt[0].content for request in model.requests] == ["How many?"] * 2  # type: ignore[union-attr]
    assert model.requests[1].constraint is None


def test_what_a_validator_wants_is_told_and_the_model_tries_again() -> None:
    model = ScriptedModel(['{"number":7}', '{"number":102}'])
    assert generate_typed(model, "Which room?", Room).number == 102
    asked = model.requests[1].prompt
    assert [message.role for message in asked] == ["user", "assistant", "user"]  # type: ignore[union-attr]
    assert asked[1].content == '{"number":7}'  # type: ignore[union-attr]
    assert "There is no room 7; there are (101, 102)." in asked[2].content  # type: ignore[union-attr]


@pytest.mark.parametrize("tries", [1, 2, 3])
def test_a_validator_is_obeyed_a_bounded_number_of_times(tries: int) -> None:
    model = ScriptedModel(['{"number":7}'], repeats=True)
    with pytest.raises(OutputParseError, match=rf"no usable Room in {tries} tr.*no room 7") as caught:
        generate_typed(model, "Which room?", Room, tries=tries)
    assert caught.value.text == '{"number":7}'
    assert len(model.requests) == tries
    assert len(model.requests[-1].prompt) <= 3, "only the last failure is shown"


def test_a_value_error_of_a_validator_is_heard_too() -> None:
    def even(number: int) -> int:
        if number % 2:
            raise ValueError("it is odd")
        return number

    model = ScriptedModel(["3", "4"])
    assert generate_typed(model, "An even number.", Annotated[int, AfterValidator(even)]) == 4
    assert "is 3: it is odd." in model.requests[1].prompt[2].content  # type: ignore[union-attr]


def test_a_mistake_in_a_validator_is_not_the_models_fault() -> None:
    def broken(number: int) -> int:
        raise KeyError("typo")

    with pytest.raises(KeyError, match="typo"):
        generate_typed(ScriptedModel(["3"]), "A number.", Annotated[int, AfterValidator(broken)])


def test_a_model_that_nothing_holds_is_told_the_form_and_its_fence_is_opened() -> None:
    model = UnmaskedModel(["Sure!", 'Here it is:\n```json\n{"number": 101}\n```\nAnything else?'])
    assert generate_typed(model, "Which room?", Room).number == 101
    assert model.requests[0].constraint is None
    assert "JSON Schema" in model.requests[0].prompt[-1].content  # type: ignore[union-attr]
    assert "It is not JSON" in model.requests[1].prompt[-1].content  # type: ignore[union-attr]


def test_a_chinese_question_is_told_in_chinese() -> None:
    model = UnmaskedModel(["三", "3"])
    assert generate_typed(model, "有几个苹果？", int) == 3
    assert "只用符合下面 JSON Schema" in model.requests[0].prompt[0].content  # type: ignore[union-attr]
    assert "这个回答不能用" in model.requests[1].prompt[-1].content  # type: ignore[union-attr]


def test_an_answer_that_was_cut_off_is_no_answer() -> None:
    model = UnmaskedModel(["12345", "12"])
    assert generate_typed(model, "How many?", int, GenerationSettings(max_tokens=3)) == 12
    assert "cut off" in model.requests[1].prompt[-1].content  # type: ignore[union-attr]


def test_another_try_has_another_seed() -> None:
    model = UnmaskedModel(["?", "3"])
    generate_typed(model, "How many?", int, GenerationSettings(seed=2**64 - 1))
    assert [request.settings.seed for request in model.requests] == [2**64 - 1, 0]


def test_thoughts_come_before_the_answer() -> None:
    unmasked = UnmaskedModel(["I count: 1, 2.</think>2", "So: 3 = 3. ANSWER:3", "<think>4?</think>5"])
    assert generate_typed(unmasked, "How many?", int, think=True) == 2
    assert generate_typed(unmasked, "How many?", int, think="ANSWER:") == 3
    assert generate_typed(unmasked, "How many?", int) == 5


def test_a_prompt_ending_with_an_answer_gets_the_form_as_a_message() -> None:
    model = UnmaskedModel(["yes"])
    messages = [Message(role="user", content="Hello."), Message(role="assistant", content="Hello!")]
    assert generate_typed(model, messages, Literal["yes", "no"]) == "yes"
    assert [message.role for message in model.requests[0].prompt] == ["user", "assistant", "user"]  # type: ignore[union-attr]


def test_a_second_try_that_does_not_fit_ends_the_tries() -> None:
    model = UnmaskedModel(["x" * 100], max_seq_len=350, repeats=True)
    with pytest.raises(OutputParseError, match="no room to tell it so"):
        generate_typed(model, "?", int)
    assert len(model.requests) == 1


def test_a_limit_that_no_answer_fits_is_an_error_before_anything_is_written() -> None:
    with open_model(str(real_model("smollm2-135m"))) as model:
        with pytest.raises(ConstraintLimitError, match=r"takes \d tokens.* may have 3: allow more tokens") as caught:
            generate_typed(model, "Which room?", Room, GenerationSettings(max_tokens=3))
        assert caught.value.limit == 3
        with pytest.raises(ValueError, match=r"'a' is unsatisfiable"):
            generate_typed(model, "?", {"type": "object", "required": ["a"], "additionalProperties": False})


def test_a_real_model_answers_in_types() -> None:
    with open_model(str(real_model("smollm2-135m"))) as model:
        settings = GenerationSettings(temperature=0, max_tokens=32)
        mood = generate_typed(model, "I love this film! Is that good or bad?", Choice(["good", "bad"]), settings)
        count = generate_typed(model, "How many legs has a cat?", Annotated[int, Field(ge=0, le=9)], settings)
        thought = generate_typed(model, "Is the sky blue?", bool, GenerationSettings(max_tokens=24, seed=1), think=True)
    assert mood == "good"
    assert 0 <= count <= 9
    assert isinstance(thought, bool)


def test_a_model_is_asked_at_least_once() -> None:
    with pytest.raises(ValueError, match="tries is 0"):
        generate_typed(ScriptedModel(["1"]), "?", int, tries=0)
