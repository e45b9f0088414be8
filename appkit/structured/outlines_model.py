"""Our models under the `outlines` package: its generators, driven by our runtime.

    from appkit.structured.outlines_model import outlines_generator

    generator = outlines_generator(model, Character)
    text = generator("Describe a character.", max_tokens=100)      # as outlines gives it: text

outlines takes only models it knows, but for generators that are made from a logits processor. So ours carries the
constraint to the model, whose engine applies it while it draws; no logits go through Python. Needs the extra
`outlines`, version 1.3.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

from appkit.llm.base import DEFAULT_SETTINGS, GenerationSettings, LanguageModel
from appkit.messages import Constraint, Message
from appkit.structured.outlines_types import of_outlines
from appkit.structured.output import output_type

try:
    from outlines.generator import SteerableGenerator
    from outlines.inputs import Chat
    from outlines.models.base import Model, ModelTypeAdapter
    from outlines.processors import OutlinesLogitsProcessor
except ImportError as missing:
    raise ImportError('Generators of outlines need the package: pip install "appkit-llm[outlines]"') from missing


def outlines_generator(
    model: LanguageModel, output: Any = None, settings: GenerationSettings = DEFAULT_SETTINGS
) -> SteerableGenerator:
    """A generator of outlines over `model`: call it with a prompt, or use its `stream` and `batch`.

    Args:
        output: a type that outlines knows, or what `appkit.structured.output_type` takes; None for any text.
        settings: how to sample. Fields of it are keyword arguments of a call, too.

    A prompt is text, which the model continues, or an `outlines.inputs.Chat`, which it answers.

    Raises:
        CapabilityError: when it is called, for a model that does not take constraints.
        TypeError, ValueError: as `output_type`.
    """
    return OutlinesModel(model, settings).generator(output)


class ConstraintProcessor(OutlinesLogitsProcessor):
    """Carries a constraint through outlines to the engine, which applies it itself."""

    def __init__(self, constraint: Constraint | None) -> None:
        super().__init__("numpy")
        self.constraint = constraint

    def reset(self) -> None:
        """Nothing to do: every request has a matcher of its own."""

    def process_logits(self, input_ids: Any, logits: Any) -> Any:
        """Not called by our models. Raises TypeError where another one calls it."""
        raise TypeError("This processor works with models of appkit alone, whose engine applies the constraint.")


class OutlinesModel(Model):
    """A `LanguageModel` as outlines sees one. The model stays its owner's."""

    tensor_library_name = "numpy"

    def __init__(self, model: LanguageModel, settings: GenerationSettings = DEFAULT_SETTINGS) -> None:
        self.model = model
        self.settings = settings
        self.type_adapter = _TypeAdapter()

    def generator(self, output: Any = None) -> SteerableGenerator:
        """See `outlines_generator`."""
        processor = ConstraintProcessor(_constraint_of(output))
        return cast(SteerableGenerator, SteerableGenerator.from_processor(cast(Any, self), processor))

    def __call__(
        self, model_input: Any, output_type: Any = None, backend: str | None = None, **inference_kwargs: Any
    ) -> str:
        """The text of one answer. `backend` is outlines' choice of a grammar engine; ours is the runtime's."""
        return cast(str, self.generator(output_type)(model_input, **inference_kwargs))

    def batch(
        self, model_input: list[Any], output_type: Any = None, backend: str | None = None, **inference_kwargs: Any
    ) -> list[str]:
        """The texts of several answers, one after the other."""
        return self.generator(output_type).batch(model_input, **inference_kwargs)

    def stream(
        self, model_input: Any, output_type: Any = None, backend: str | None = None, **inference_kwargs: Any
    ) -> Iterator[str]:
        """The text of one answer, piece by piece."""
        return self.generator(output_type).stream(model_input, **inference_kwargs)

    def generate(self, model_input: Any, output_type: Any = None, **inference_kwargs: Any) -> str:
        """What a generator calls, with its processor as `output_type`."""
        return "".join(self.generate_stream(model_input, output_type, **inference_kwargs))

    def generate_batch(self, model_input: list[Any], output_type: Any = None, **inference_kwargs: Any) -> list[str]:
        """`generate` of each."""
        return [self.generate(one, output_type, **inference_kwargs) for one in model_input]

    def generate_stream(self, model_input: Any, output_type: Any = None, **inference_kwargs: Any) -> Iterator[str]:
        """The text piece by piece; closing the iterator ends the request."""
        constraint = self.type_adapter.format_output_type(output_type)
        prompt = self.type_adapter.format_input(model_input)
        settings = replace(self.settings, **inference_kwargs)
        with self.model.stream(prompt, settings, constraint=constraint) as pieces:
            yield from pieces


class _TypeAdapter(ModelTypeAdapter):
    def format_input(self, model_input: Any) -> str | Sequence[Message]:
        if isinstance(model_input, str):
            return model_input
        if isinstance(model_input, Chat):
            return [Message(role=said["role"], content=_text_of(said["content"])) for said in model_input.messages]
        raise TypeError(f"A prompt is text or an outlines.inputs.Chat, not {type(model_input).__name__}.")

    def format_output_type(self, output_type: Any = None) -> Constraint | None:
        if output_type is None:
            return None
        if isinstance(output_type, ConstraintProcessor):
            return output_type.constraint
        raise TypeError(
            f"{type(output_type).__name__} works on logits, which the engine does not hand out: make the generator "
            "with outlines_generator(model, output)."
        )


def _text_of(content: Any) -> str:
    if not isinstance(content, str):
        raise TypeError("A message of a chat holds text here, nothing else.")
    return content


def _constraint_of(output: Any) -> Constraint | None:
    if output is None:
        return None
    try:
        return output_type(output).constraint
    except TypeError:
        return of_outlines(output).constraint
