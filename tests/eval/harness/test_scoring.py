"""Scores of continuations, answers and documents: the engine's own, token by token, whatever is asked beside them."""

import math
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from appkit import CapabilityError, ContextOverflowError, GenerationSettings, LocalModel, Message, ScriptedModel
from appkit.llm.base import LanguageModel
from eval.harness.scoring import Scored, score_answers, score_document, score_pairs
from eval.metrics import perplexity
from tests.helpers.tiny_model import CHAT_TEMPLATE, write_tiny_model

CONTEXT_LEN = 96
QUESTION = (Message(role="user", content="Where is the cat?"),)
DOCUMENT = "the cat on the mat, 保修期为两年。 and here it is "


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalModel]:
    metadata = {"llama.context_length": CONTEXT_LEN, "tokenizer.chat_template": CHAT_TEMPLATE}
    path = write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.gguf", metadata=metadata)
    with LocalModel(path, num_threads=1) as model:
        yield model


def by_hand(model: LocalModel, context: str, continuation: str) -> np.ndarray:
    """Of a pair whose texts are cut where tokens are: each encoded by itself."""
    tokenizer = model.engine.model.tokenizer
    return model.engine.score(tokenizer.encode(context), tokenizer.encode(continuation))


def test_a_score_is_the_engines_for_every_token(model: LocalModel) -> None:
    (scored,) = score_pairs(model, [("on the", " mat 保")])
    np.testing.assert_array_equal(np.float32(scored.logprobs), by_hand(model, "on the", " mat 保"))
    assert scored.tokens == (" ", "m", "a", "t", " ", "\ufffd", "\ufffd", "\ufffd")
    assert scored.logprob == pytest.approx(by_hand(model, "on the", " mat 保").sum())
    assert (scored.num_bytes, scored.context_len, scored.num_cut) == (8, 2, 0)


def test_order_and_company_change_no_bit(model: LocalModel) -> None:
    contexts = ["the cat on the mat and here " * 2, "in", "the cat on the mat and there " * 2, ""]
    pairs = [
        (contexts[i % 4], f" {word}") for i, word in enumerate(["the", "a", "here", "保", "er he", "in", "th", "b"])
    ]
    together = score_pairs(model, pairs)
    assert together == [score_pairs(model, [one])[0] for one in pairs]
    assert together[::-1] == score_pairs(model, pairs[::-1])
    assert score_pairs(model, []) == []


def test_one_context_is_read_once_however_often_it_comes(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    network = model.engine.model.network
    num_read, forward = [], network.forward
    monkeypatch.setattr(network, "forward", lambda ids, *rest: (num_read.append(len(ids)), forward(ids, *rest))[1])
    model.engine.clear_cache()
    long, other = "b" * 64, "c" * 64
    score_pairs(model, [(long, " x"), (other, " y"), (long, " z"), (other, " x"), (long, " y")])
    # 64 of the context and the blank; each of the others goes on from the last whole page of 16 that is behind it
    assert sum(num_read) == 2 * 65 + 3 * (16 + 1)


def test_many_threads_get_what_one_gets(model: LocalModel) -> None:
    pairs = [(f"the {i} cat ", f"on {i}") for i in range(12)]
    expected = score_pairs(model, pairs)
    found: dict[int, Scored] = {}
    threads = [
        threading.Thread(target=lambda i=i: found.update({i: score_pairs(model, [pairs[i]])[0]})) for i in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(12)] == expected


def test_what_is_cut_is_told(model: LocalModel) -> None:
    whole, cut = score_pairs(model, [("b" * 94, "xyz"), ("a" * 10 + "b" * 94, "xyz")])
    assert (whole.num_cut, whole.context_len) == (0, 94)
    assert (cut.num_cut, cut.context_len) == (10, 94)
    assert cut.logprobs == whole.logprobs


def test_greedy_is_what_the_model_would_write(model: LocalModel) -> None:
    greedy = GenerationSettings(temperature=0, max_tokens=1, ignore_eos=True)
    contexts = [f"{chr(97 + i)}{chr(97 + j)}" for i in range(6) for j in range(26)]
    # most of what random weights write is a part of a character
    context, written = next((c, text) for c in contexts if (text := model.generate(c, greedy).text) in {*"!?.,:;()-"})
    right, wrong = score_pairs(model, [(context, written), (context, "~")])
    assert (right.is_greedy, wrong.is_greedy) == (True, False)


def test_answers_come_after_what_chat_shows(model: LocalModel) -> None:
    tokenizer = model.engine.model.tokenizer
    answers = ["on the mat", "保修"]
    shown = model.encode_prompt(QUESTION)
    assert len(shown) == model.count_tokens(QUESTION)
    for scored, answer in zip(score_answers(model, QUESTION, answers), answers, strict=True):
        np.testing.assert_array_equal(np.float32(scored.logprobs), model.score(QUESTION, answer))
        assert (scored.context_len, scored.num_bytes) == (len(shown), len(answer.encode()))
        assert len(scored.tokens) == len(tokenizer.encode(answer))


def test_messages_are_not_cut(model: LocalModel) -> None:
    with pytest.raises(ContextOverflowError, match=r"Messages and answer are 1\d\d tokens and tiny holds 96: shorten"):
        score_answers(model, QUESTION, ["b" * 90])
    with pytest.raises(ValueError, match="The answer is empty"):
        score_answers(model, QUESTION, [""])


@pytest.mark.parametrize("window", [8, None])
def test_a_document_has_the_loss_that_perplexity_sums_up(model: LocalModel, window: int | None) -> None:
    text = DOCUMENT * 5
    scored = score_document(model, text, window=window)
    assert "".join(scored.tokens[:6]) == "the cat on "[: len("".join(scored.tokens[:6]))]
    assert len(scored.logprobs) == len(scored.tokens) == len(model.engine.model.tokenizer.encode(text)) > CONTEXT_LEN
    assert scored.num_bytes == len(text.encode())
    bits = perplexity(model.engine, text, recipe="rolling", window=window).bits_per_byte.value
    assert -scored.logprob / scored.num_bytes / math.log(2) == pytest.approx(bits)


@pytest.mark.parametrize(
    ("text", "window", "message"),
    [
        ("", None, "The document is empty"),
        ("the", 0, "window is 0; tiny reads 1 to 96 tokens at a time"),
        ("the", 97, "window is 97; tiny reads 1 to 96"),
    ],
)
def test_a_document_that_cannot_be_scored_is_refused(
    model: LocalModel, text: str, window: int | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        score_document(model, text, window=window)


def test_one_continuation_that_is_refused_stops_all_before_any_work(model: LocalModel) -> None:
    with pytest.raises(ValueError, match="adds no token"):
        score_pairs(model, [("the", " cat"), ("the", "")])
    with pytest.raises(ContextOverflowError, match="The continuation is 97 tokens and the model holds 96"):
        score_pairs(model, [("the", " cat"), ("the", "b" * 97)])


# other models --------------------------------------------------------------------------------------------------------
def test_a_scripted_model_is_asked_character_by_character() -> None:
    asked: list[tuple[str, str]] = []

    def logprobs(shown: str, continuation: str) -> list[float]:
        asked.append((shown, continuation))
        return [-0.1 * (i + 1) for i in range(len(continuation))]

    scripted = ScriptedModel(["-"], score=logprobs)
    moved, plain = score_pairs(scripted, [("a b ", "cd"), ("a b", "é")])
    assert asked == [("a b", " cd"), ("a b", "é")]
    assert moved.logprobs == pytest.approx((-0.1, -0.2, -0.3))
    assert (moved.tokens, moved.num_bytes, moved.context_len, moved.is_greedy) == ((" ", "c", "d"), 2, 3, True)
    assert (plain.tokens, plain.num_bytes) == (("é",), 2)
    (answer,) = score_answers(scripted, QUESTION, ["0123456789"])
    assert (answer.is_greedy, answer.context_len) == (False, scripted.count_tokens(QUESTION))  # -1.0 is under a half


class _OtherModel(LanguageModel):
    """Somebody's own model, which scores in tokens that nobody sees."""

    name = "other"
    capabilities = frozenset({"score"})
    max_seq_len = 100

    def score(self, prompt: object, continuation: str) -> np.ndarray:
        return np.full(len(continuation), -1.0, np.float32)


@pytest.mark.parametrize("ask", [lambda m: score_pairs(m, [("a", "b")]), lambda m: score_document(m, "a")])
def test_models_whose_tokens_are_not_known_are_refused(ask) -> None:
    with pytest.raises(CapabilityError, match="other does not show how it cuts texts into tokens") as caught:
        ask(_OtherModel())
    assert caught.value.capability == "score"


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: score_pairs(model, [("a", "b")]),
        lambda model: score_answers(model, QUESTION, ["a"]),
        lambda model: score_document(model, "a"),
    ],
)
def test_a_model_that_cannot_score_says_so_in_one_sentence(ask) -> None:
    with pytest.raises(CapabilityError, match=r"^scripted gives no probabilities of given texts.*use a local model\.$"):
        ask(ScriptedModel(["-"]))
