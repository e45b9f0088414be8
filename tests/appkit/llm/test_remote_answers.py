"""What is asked of a server and what its answer becomes: tools, settings, counts, lengths, log-probabilities."""

from collections.abc import Iterator
from typing import Any

import pytest

from appkit import (
    CapabilityError,
    Constraint,
    ContextOverflowError,
    GenerationSettings,
    LocalModel,
    Message,
    ModelNotice,
    OutputParseError,
    RemoteModel,
    RemoteModelError,
    ScriptedModel,
    ToolCall,
    ToolSpec,
)
from appkit.llm.remote_refusal import as_overflow, refusal
from appkit.llm.remote_tokens import estimate_tokens
from appkit.messages import ToolChoice
from tests.helpers.openai_server import MODEL, OpenAIServer, serve
from tests.helpers.raw_answers import calls, ends, events, says
from tests.helpers.real_models import real_model

QUESTION = (Message(role="user", content="How warm is it in 北京?"),)
WEATHER = ToolSpec(
    name="weather",
    description="The weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
ASKING = Message(
    role="assistant", content="", tool_calls=(ToolCall(id="c1", name="weather", arguments={"city": "北京"}),)
)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serve(ScriptedModel(lambda prompt: "fine")) as server:
        yield server


@pytest.fixture
def model(server: OpenAIServer) -> Iterator[RemoteModel]:
    with RemoteModel(server.spec) as model:
        yield model


def test_a_tool_call_comes_back_and_its_result_goes_there() -> None:
    with serve(ScriptedModel([ASKING, "21 degrees"])) as server, RemoteModel(server.spec) as model:
        completion = model.chat(QUESTION, tools=[WEATHER])
        assert completion.tool_calls == ASKING.tool_calls
        assert completion.finish_reason == "stop"
        result = Message(role="tool", content="21", name="weather", tool_call_id="c1")
        said = Message(role="assistant", content=completion.text, tool_calls=completion.tool_calls)
        assert model.chat((*QUESTION, said, result), tools=[WEATHER]).text == "21 degrees"
        sent = server.bodies("/chat/completions")[-1]
    assert sent["tools"] == [
        {
            "type": "function",
            "function": {"name": "weather", "description": WEATHER.description, "parameters": WEATHER.parameters},
        }
    ]
    assert sent["messages"][1]["tool_calls"][0] == {
        "id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "北京"}'},
    }  # fmt: skip
    assert sent["messages"][2] == {"role": "tool", "content": "21", "name": "weather", "tool_call_id": "c1"}


@pytest.mark.parametrize("choice", ["auto", "required", "none"])
def test_whether_a_tool_must_be_called_is_said_where_there_are_tools(
    choice: ToolChoice, server: OpenAIServer, model: RemoteModel
) -> None:
    model.chat(QUESTION, tools=[WEATHER], tool_choice=choice)
    assert server.bodies("/chat/completions")[-1]["tool_choice"] == choice
    model.chat(QUESTION)
    assert "tool_choice" not in server.bodies("/chat/completions")[-1]


def test_calls_that_come_interleaved_are_put_together_in_order(server: OpenAIServer, model: RemoteModel) -> None:
    server.answer_next(
        events(
            calls(1, name="b", arguments='{"n"'),
            calls(0, name="a"),
            calls(1, arguments=": 1}"),
            ends("tool_calls"),
        )
    )
    found = model.chat(QUESTION, tools=[WEATHER]).tool_calls
    assert [(call.name, call.arguments) for call in found] == [("a", {}), ("b", {"n": 1})]


@pytest.mark.parametrize("arguments", ['{"city": ', "[1]", '"x"', "NaN", '{"city": NaN}', "[" * 5000])
def test_arguments_that_are_no_json_object_are_the_model_s_fault(
    arguments: str, server: OpenAIServer, model: RemoteModel
) -> None:
    server.answer_next(events(calls(0, name="weather", arguments=arguments), ends("tool_calls")))
    with pytest.raises(OutputParseError, match="'weather' with arguments that are not a JSON object") as caught:
        model.chat(QUESTION, tools=[WEATHER])
    assert caught.value.text == arguments


def test_a_call_that_was_cut_off_is_no_call(server: OpenAIServer, model: RemoteModel) -> None:
    server.answer_next(events(says("I look"), calls(0, name="weather", arguments='{"ci'), ends("length")))
    completion = model.chat(QUESTION, tools=[WEATHER])
    assert (completion.tool_calls, completion.finish_reason, completion.text) == ((), "length", "I look")


@pytest.mark.parametrize(
    ("reason", "meaning"), [("stop", "stop"), ("length", "length"), ("tool_calls", "stop"), ("eos_token", "stop")]
)
def test_why_an_answer_ended(reason: str, meaning: str, server: OpenAIServer, model: RemoteModel) -> None:
    server.answer_next(events(says("x"), ends(reason)))
    assert model.chat(QUESTION).finish_reason == meaning


def test_halves_of_a_character_do_not_get_in(server: OpenAIServer, model: RemoteModel) -> None:
    server.answer_next(events(r'{"choices": [{"delta": {"content": "a\ud800b\ud83d\ude00"}}]}', ends()))
    assert model.chat(QUESTION).text == "a\ufffdb😀"


def test_usage_is_the_server_s_where_it_says(server: OpenAIServer, model: RemoteModel) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 5}}
    server.answer_next(events(says("x"), ends(), {"choices": [], "usage": usage}))
    found = model.chat(QUESTION).usage
    assert (found.prompt_tokens, found.completion_tokens, found.cached_tokens) == (9, 2, 5)
    assert not found.is_estimate


def test_usage_is_an_estimate_and_says_so_where_the_server_is_silent() -> None:
    with serve(ScriptedModel(["fine, thank you"]), reports_usage=False) as server, RemoteModel(server.spec) as model:
        usage = model.chat(QUESTION).usage
    assert usage.is_estimate
    assert usage.completion_tokens == estimate_tokens("fine, thank you")


def test_every_setting_reaches_a_server_that_takes_it(server: OpenAIServer, model: RemoteModel) -> None:
    settings = GenerationSettings(
        temperature=0.5, top_p=0.9, top_k=40, min_p=0.1, repetition_penalty=1.1, presence_penalty=0.2,
        frequency_penalty=0.3, seed=7, max_tokens=5, stop=("x",), ignore_eos=True, logprobs=2, logit_bias={17: -5.0},
    )  # fmt: skip
    server.answer_next(
        events({"choices": [{"delta": {"content": "a"}, "logprobs": {"content": [{"logprob": -0.5}]}}]}, ends())
    )
    assert model.chat(QUESTION, settings).logprobs == (-0.5,)
    body = server.bodies("/chat/completions")[-1]
    del body["messages"]
    assert body == {
        "model": MODEL, "stream": True, "stream_options": {"include_usage": True}, "temperature": 0.5, "top_p": 0.9,
        "top_k": 40, "min_p": 0.1, "repetition_penalty": 1.1, "presence_penalty": 0.2, "frequency_penalty": 0.3,
        "seed": 7, "max_tokens": 5, "stop": ["x"], "ignore_eos": True, "logprobs": True, "top_logprobs": 2,
        "logit_bias": {"17": -5.0},
    }  # fmt: skip


def test_llama_cpp_has_its_own_word_for_the_repetition_penalty() -> None:
    scripted = ScriptedModel(["x"])
    with serve(scripted, owned_by="llamacpp", tokenize="llamacpp") as server, RemoteModel(server.spec) as model:
        model.chat(QUESTION, GenerationSettings(repetition_penalty=1.1))
        assert server.bodies("/chat/completions")[-1]["repeat_penalty"] == 1.1
    assert scripted.requests[-1].settings.repetition_penalty == 1.1


@pytest.mark.parametrize("name", ["top_k", "min_p", "repetition_penalty", "ignore_eos"])
def test_a_setting_that_the_server_may_not_know_is_refused_before_asking(name: str) -> None:
    values: dict[str, Any] = {"top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1, "ignore_eos": True}
    settings = GenerationSettings(**{name: values[name]})
    with serve(ScriptedModel(["x"]), owned_by="somebody") as server, RemoteModel(server.spec) as model:
        with pytest.raises(CapabilityError, match=f"has no {name}") as caught:
            model.chat(QUESTION, settings)
        assert caught.value.capability == name
        assert server.bodies("/chat/completions") == []


@pytest.fixture(scope="module")
def local_model() -> Iterator[LocalModel]:
    with LocalModel(real_model("smollm2-135m"), num_threads=1, kv_budget_bytes=16 << 20) as model:
        yield model


@pytest.mark.parametrize("is_chat", [True, False])
def test_logprobs_of_a_real_model_arrive_one_a_token(is_chat: bool, local_model: LocalModel) -> None:
    settings = GenerationSettings(temperature=0, max_tokens=4, logprobs=1)
    prompt: Any = QUESTION if is_chat else "The capital of France is"
    with serve(local_model) as server, RemoteModel(server.spec) as model:
        found = model.stream(prompt, settings).result().logprobs
    assert found == pytest.approx(local_model.stream(prompt, settings).result().logprobs)
    assert found is not None
    assert len(found) == 4


def test_logprobs_that_were_asked_for_and_not_sent_are_an_error(model: RemoteModel) -> None:
    with pytest.raises(CapabilityError, match="sent none") as caught:
        model.chat(QUESTION, GenerationSettings(logprobs=1))
    assert caught.value.capability == "logprobs"


@pytest.mark.parametrize("text", ["How warm is it?", "北京今天多少度？", "😀👍🏽", "def f(x):\n    return {x: 1}\n"])
def test_exact_counts_are_those_of_the_model_behind(text: str, local_model: LocalModel) -> None:
    conversation = (
        Message(role="system", content="Be brief."), Message(role="user", content=text),
        Message(role="assistant", content=text), Message(role="user", content="Go on."),
    )  # fmt: skip
    with serve(local_model) as server, RemoteModel(server.spec) as model:
        assert "token_count" in model.capabilities
        assert model.count_tokens(conversation) == local_model.count_tokens(conversation)
        assert model.count_tokens(text) == local_model.count_tokens(text)


def test_llama_cpp_counts_what_the_model_is_shown() -> None:
    scripted = ScriptedModel(["x"])
    with (
        serve(scripted, owned_by="llamacpp", tokenize="llamacpp", shows_context=False) as server,
        RemoteModel(server.spec) as model,
    ):
        assert "token_count" in model.capabilities
        assert model.max_seq_len == scripted.max_seq_len  # from its settings
        for tools in ((), (WEATHER,)):
            assert model.count_tokens(QUESTION, tools=tools) == scripted.count_tokens(QUESTION, tools=tools)


def test_a_server_that_counts_plain_text_alone_gives_estimates() -> None:
    with serve(ScriptedModel(["x"]), tokenize=None) as server, RemoteModel(server.spec) as model:
        assert "token_count" not in model.capabilities
        assert model.count_tokens("数一数") == 3


@pytest.mark.parametrize(
    ("text", "num_tokens"),
    [("", 0), ("a", 1), ("word " * 100, 125), ("你好", 2), ("2024", 4), ("😀", 2), ("{}", 2), ("é", 1), ("\n", 1)],
)
def test_an_estimate_by_hand(text: str, num_tokens: int) -> None:
    assert estimate_tokens(text) == num_tokens


ENGLISH = (
    "One process holds the application, the model's weights, its KV cache and the grammar that constrains it. The SDK "
    "never guesses what the runtime did: it sees token ids, counts and log-probabilities, and it says so. "
)
CODE = "def keep_top_p(logits: np.ndarray, p: float) -> np.ndarray:\n    order = np.argsort(-logits, axis=-1)\n" * 3


@pytest.mark.parametrize("text", [ENGLISH, CODE])
def test_estimates_lean_to_more_than_there_is(text: str, local_model: LocalModel) -> None:
    assert 1 <= estimate_tokens(text) / local_model.count_tokens(text) < 1.3


TOO_LONG = {
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.": (9001, 8192),
    "This model's maximum context length is 2048 tokens. However, you requested 3000 tokens (2900 in the messages, "
    "100 in the completion).": (3000, 2048),
    "the request exceeds the available context size, try increasing it": (77, 4096),  # then our own numbers
    "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it": (5000, 4096),
    "The decoder prompt (length 5000) is longer than the maximum model length of 1024.": (5000, 1024),
    "The input (5000 tokens) is longer than the model's context length (1024 tokens).": (5000, 1024),
}


@pytest.mark.parametrize("said", TOO_LONG)
def test_servers_words_for_too_long_are_understood(said: str) -> None:
    error = refusal("http://host/v1", 400, said.encode(), location="", retry_after=None, key=None)
    overflow = as_overflow(error, "name", 77, 4096)
    assert overflow is not None
    assert (overflow.num_tokens, overflow.limit) == TOO_LONG[said]
    assert said in str(overflow)


def test_other_refusals_are_not_taken_for_too_long() -> None:
    error = refusal("http://host/v1", 400, b"temperature is out of range", location="", retry_after=None, key=None)
    assert as_overflow(error, "name", 77, 4096) is None


def test_a_prompt_that_only_the_server_finds_too_long_is_an_overflow() -> None:
    """A token a character: our estimate of the prompt fits, the true count does not."""
    scripted = ScriptedModel(["x"], max_seq_len=1000)
    with serve(scripted, tokenize=None) as server, RemoteModel(server.spec) as model:
        with pytest.raises(ContextOverflowError, match="holds 1,000") as caught:
            model.chat([Message(role="user", content="word " * 300)])
        assert caught.value.num_tokens == len("user: " + "word " * 300 + "\nassistant: ")


def test_a_short_prompt_is_not_counted_first(server: OpenAIServer, model: RemoteModel) -> None:
    before = len(server.bodies("/tokenize"))
    model.chat(QUESTION)
    assert len(server.bodies("/tokenize")) == before


def test_the_only_model_of_a_server_needs_no_name(server: OpenAIServer) -> None:
    with RemoteModel(f"openai:{server.url}") as model:
        assert model.name == f"openai:{server.url}#{MODEL}"


def test_several_models_are_listed_where_none_was_named() -> None:
    with (
        serve(ScriptedModel(["x"]), models=("b", "a")) as server,
        pytest.raises(RemoteModelError, match=r"has 2 models, so name one, .*It lists: a, b\."),
    ):
        RemoteModel(f"openai:{server.url}")


def test_no_models_at_all_is_said() -> None:
    with serve(ScriptedModel(["x"]), models=()) as server, pytest.raises(RemoteModelError, match="lists no model"):
        RemoteModel(f"openai:{server.url}")


def test_the_name_opens_the_same_model_again(server: OpenAIServer) -> None:
    with RemoteModel(f"openai:{server.url}?context=500") as model:
        assert model.max_seq_len == 500
        with RemoteModel(model.name) as again:
            assert (again.name, again.max_seq_len) == (model.name, 500)


def test_a_size_that_nobody_says_is_assumed_and_said() -> None:
    with (
        serve(ScriptedModel(["x"]), shows_context=False) as server,
        pytest.warns(ModelNotice, match=r"8,192 are assumed; say it in the name, as in openai:.*\?context=32768#"),
    ):
        RemoteModel(server.spec).close()


def test_a_server_without_completions_continues_no_text() -> None:
    with serve(ScriptedModel(["x"]), has_completions=False) as server, RemoteModel(server.spec) as model:
        assert "complete" not in model.capabilities
        with pytest.raises(CapabilityError, match="ask with messages"):
            model.generate("Once")
        assert model.chat(QUESTION).text == "x"


def test_text_goes_on_for_as_long_as_there_is_room(server: OpenAIServer, model: RemoteModel) -> None:
    model.generate("Once")
    assert server.bodies("/completions")[-1]["max_tokens"] == model.max_seq_len - len("Once")


def test_what_is_not_offered_is_refused_with_a_way_out(model: RemoteModel) -> None:
    answer = model.chat(QUESTION)
    for ask in (
        lambda: model.score("a", "b"),
        lambda: model.score_many("a", ["b"]),
        lambda: model.fork(answer),
        lambda: model.chat(QUESTION, constraint=Constraint("choice", ("a", "b"))),
    ):
        with pytest.raises(CapabilityError, match="use a local model, such as smollm2-135m"):
            ask()


def test_tools_with_plain_text_are_refused(model: RemoteModel) -> None:
    with pytest.raises(ValueError, match="Tools are for chats"):
        model.stream("Once", tools=[WEATHER])


def test_half_a_character_is_not_sent(model: RemoteModel) -> None:
    with pytest.raises(ValueError, match="half a character"):
        model.chat([Message(role="user", content="\ud800")])
