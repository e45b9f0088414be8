"""What every `LanguageModel` promises. A new model gets its tests by subclassing and giving a `model` fixture.

The model must answer any prompt with at least six tokens when it is let run; what it says does not matter.
"""

import numpy as np
import pytest

from appkit.errors import AppkitError, CapabilityError, ContextOverflowError
from appkit.llm.base import Completion, GenerationSettings, LanguageModel
from appkit.messages import Constraint, Message, ToolCall, ToolSpec

PROMPT = "The capital of France is"
QUESTION = (Message(role="user", content="Where is Paris?"),)
GREEDY = GenerationSettings(temperature=0.0, max_tokens=6)
LOOK = ToolSpec(
    name="look",
    description="Looks something up.",
    parameters={"type": "object", "properties": {"at": {"type": "string"}}},
)


class LanguageModelContract:
    """Subclasses give fixtures: `model`, open, and `fresh_model`, which the test may close."""

    long_answer = 400  # tokens that take long enough to be interrupted
    call_tokens = 120  # in which a model can call a tool

    def test_generate_counts_what_it_made(self, model: LanguageModel) -> None:
        completion = model.generate(PROMPT, GREEDY)
        assert completion.finish_reason == "length"
        assert completion.usage.completion_tokens == 6
        self.check_prompt_tokens(completion, model.count_tokens(PROMPT), model)

    def test_stream_pieces_join_to_the_text(self, model: LanguageModel) -> None:
        stream = model.stream(PROMPT, GREEDY)
        assert "".join(stream) == stream.result().text

    def test_chat_prompt_has_the_counted_tokens(self, model: LanguageModel) -> None:
        completion = model.chat(QUESTION, GREEDY)
        self.check_prompt_tokens(completion, model.count_tokens(QUESTION), model)

    def check_prompt_tokens(self, completion: Completion, counted: int, model: LanguageModel) -> None:
        """An exact count is the number the model was shown; an estimate is of its size."""
        shown = completion.usage.prompt_tokens
        assert shown > 0
        if "token_count" in model.capabilities:
            assert shown == counted
        else:
            assert shown / 4 <= counted <= shown * 4

    def test_cancel_keeps_what_was_made_and_is_harmless_twice(self, model: LanguageModel) -> None:
        stream = model.stream(PROMPT, GenerationSettings(temperature=0.0, max_tokens=self.long_answer, ignore_eos=True))
        first = next(iter(stream))
        stream.cancel()
        stream.cancel()
        completion = stream.result()
        assert completion.finish_reason == "cancelled"
        assert completion.text.startswith(first)
        assert completion.usage.completion_tokens < self.long_answer

    def test_leaving_a_with_block_cancels(self, model: LanguageModel) -> None:
        settings = GenerationSettings(temperature=0.0, max_tokens=self.long_answer, ignore_eos=True)
        with model.stream(PROMPT, settings) as stream:
            next(iter(stream))
        assert stream.result().finish_reason == "cancelled"

    def test_result_waits_without_iterating(self, model: LanguageModel) -> None:
        assert model.stream(PROMPT, GREEDY).result().usage.completion_tokens == 6

    def test_text_before_a_stop_is_kept_and_the_stop_is_not(self, model: LanguageModel) -> None:
        whole = model.generate(PROMPT, GREEDY).text
        stop = whole[len(whole) // 2]
        cut = model.generate(PROMPT, GenerationSettings(temperature=0.0, max_tokens=6, stop=(stop,)))
        assert cut.finish_reason == "stop"
        assert stop not in cut.text

    def test_ids_are_shown_where_promised(self, model: LanguageModel) -> None:
        completion = model.generate(PROMPT, GREEDY)
        if "token_ids" in model.capabilities:
            assert len(completion.token_ids) == completion.usage.completion_tokens
            assert len(completion.prompt_ids) == completion.usage.prompt_tokens
        else:
            assert completion.token_ids == completion.prompt_ids == ()

    def test_fork_goes_on_from_the_exact_ids(self, model: LanguageModel) -> None:
        if "fork" not in model.capabilities:
            pytest.skip("this model cannot fork")
        parent = model.generate(PROMPT, GREEDY)
        child = model.fork(parent, "", GREEDY)
        assert child.prompt_ids == parent.prompt_ids + parent.token_ids
        assert child.usage.completion_tokens > 0

    def test_a_choice_is_kept_to(self, model: LanguageModel) -> None:
        if "constraint" not in model.capabilities:
            with pytest.raises(CapabilityError):
                model.generate(PROMPT, constraint=Constraint("choice", ("yes", "no")))
            return
        completion = model.generate(PROMPT, GenerationSettings(), constraint=self.choice())
        assert completion.text in self.choice().source

    def choice(self) -> Constraint:
        """A choice that the model can keep to."""
        return Constraint("choice", ("yes", "no"))

    def test_score_gives_one_logprob_a_token(self, model: LanguageModel) -> None:
        if "score" not in model.capabilities:
            with pytest.raises(CapabilityError):
                model.score(PROMPT, " Paris")
            return
        logprobs = model.score(PROMPT, " Paris")
        assert logprobs.dtype == np.float32
        assert logprobs.ndim == 1
        assert (logprobs <= 0).all()

    def test_score_many_gives_what_score_gives_for_each(self, model: LanguageModel) -> None:
        continuations = (" Paris", " Paris, which is on the Seine", "!", " Paris")
        for prompt in (PROMPT, QUESTION):
            if "score" not in model.capabilities:
                with pytest.raises(CapabilityError):
                    model.score_many(prompt, continuations)
                continue
            together = model.score_many(prompt, continuations)
            alone = [model.score(prompt, continuation) for continuation in continuations]
            assert all(map(np.array_equal, together, alone))
            assert len(together) == len(alone)

    def test_score_many_refuses_one_text_and_nothing_to_score(self, model: LanguageModel) -> None:
        if "score" not in model.capabilities:
            pytest.skip("this model cannot score")
        assert model.score_many(PROMPT, []) == []
        with pytest.raises(TypeError, match=r"\[text\]"):
            model.score_many(PROMPT, " Paris")
        with pytest.raises(ValueError, match="empty"):
            model.score_many(PROMPT, [" Paris", ""])

    def test_tools_are_shown_or_refused(self, model: LanguageModel) -> None:
        if "tools" in model.capabilities:
            assert model.count_tokens(QUESTION, tools=(LOOK,)) > model.count_tokens(QUESTION)
        else:
            with pytest.raises(CapabilityError):
                model.chat(QUESTION, tools=(LOOK,))

    def test_an_answer_with_tools_streams_its_text_and_holds_its_calls(self, model: LanguageModel) -> None:
        if "tools" not in model.capabilities:
            pytest.skip("this model calls no tools")
        stream = model.stream(QUESTION, GenerationSettings(max_tokens=self.call_tokens), tools=(LOOK,))
        shown = "".join(stream)
        completion = stream.result()
        assert shown == completion.text
        for call in completion.tool_calls:
            assert call.id
            assert isinstance(call.arguments, dict)

    def test_a_call_and_its_result_go_back(self, model: LanguageModel) -> None:
        if "tools" not in model.capabilities:
            pytest.skip("this model calls no tools")
        call = ToolCall(name="look", arguments={"at": "the map"}, id="call_1")
        history = (
            *QUESTION,
            Message(role="assistant", content="", tool_calls=(call,)),
            Message(role="tool", content="on the Seine", name="look", tool_call_id=call.id),
        )
        assert model.count_tokens(history, tools=(LOOK,)) > model.count_tokens(QUESTION, tools=(LOOK,))
        answer = model.chat(history, GenerationSettings(max_tokens=self.call_tokens), tools=(LOOK,), tool_choice="none")
        self.check_prompt_tokens(answer, model.count_tokens(history, tools=(LOOK,)), model)

    def test_wishes_about_tools_that_make_no_sense_are_refused(self, model: LanguageModel) -> None:
        if "tools" not in model.capabilities:
            pytest.skip("this model calls no tools")
        with pytest.raises(ValueError, match="required"):
            model.chat(QUESTION, tool_choice="required")
        with pytest.raises(ValueError, match="Two tools are named 'look'"):
            model.chat(QUESTION, tools=(LOOK, LOOK))
        with pytest.raises(ValueError, match="with messages"):
            model.stream(PROMPT, tools=(LOOK,))

    def test_a_prompt_longer_than_the_context_names_both_numbers(self, model: LanguageModel) -> None:
        prompt = "word " * (model.max_seq_len + 1)
        with pytest.raises(ContextOverflowError) as caught:
            model.generate(prompt)
        assert caught.value.limit == model.max_seq_len
        assert f"{caught.value.num_tokens:,}" in str(caught.value)
        assert f"{caught.value.limit:,}" in str(caught.value)

    def test_an_empty_conversation_is_refused(self, model: LanguageModel) -> None:
        with pytest.raises(ValueError, match="no messages"):
            model.chat(())

    def test_a_closed_model_says_so(self, fresh_model: LanguageModel) -> None:
        fresh_model.close()
        fresh_model.close()
        with pytest.raises((AppkitError, self.closed_error())):
            fresh_model.generate(PROMPT)

    def closed_error(self) -> type[Exception]:
        """What the layer below raises once it is closed."""
        return AppkitError
