"""Every kind of output on a tiny real model, against figures worked out here from its log-probabilities."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appkit import LocalModel
from eval.harness.task import Answered, Session
from eval.yaml_tasks.task import YamlTask
from tests.eval.yaml_tasks.task_files import HEAD, make_task
from tests.helpers.tiny_model import write_tiny_model

ROWS: list[dict[str, Any]] = [
    {
        "q": "the cat sat on",
        "c": ["the mat", "a hat in the rain", "it"],
        "label": 1,
        "text": "the cat sat on the mat\n",
    },
    {"q": "the sun is in", "c": ["the sky", "nothing", "her other hat"], "label": 0, "text": "the sun is in the sky"},
    {"q": "猫坐在", "c": ["垫子上", "雨里", "the rain"], "label": 1, "text": "猫坐在垫子上。 the end"},
    {"q": "he ate", "c": ["猫猫", "猫the he the", "in the hat"], "label": 2, "text": "on and on and on"},
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalModel]:
    with LocalModel(write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.gguf")) as opened:
        yield opened


def run(task: YamlTask, model: LocalModel) -> tuple[Session, list[Answered]]:
    """As the runner does: several at once."""
    with task.open(model, None) as session:
        assert session.max_in_flight == 4
        with ThreadPoolExecutor(session.max_in_flight) as pool:
            return session, list(pool.map(session.ask, session.samples))


def encode(model: LocalModel, text: str) -> list[int]:
    return list(model.engine.model.tokenizer.encode(text))


def logprobs(model: LocalModel, context: str, continuation: str) -> np.ndarray:
    """Of each token of the continuation. None of these texts ends its context in a blank."""
    context_ids, ids = encode(model, context), encode(model, context + continuation)
    assert ids[: len(context_ids)] == context_ids
    return np.asarray(model.engine.score(context_ids, ids[len(context_ids) :]), np.float64)


def all_logprobs(model: LocalModel, ids: list[int]) -> np.ndarray:
    """Of every token of the vocabulary as the next one."""
    num_tokens = model.engine.model.config.vocab_size
    return np.array([float(row[0]) for row in model.engine.score_many(ids, [[token] for token in range(num_tokens)])])


def test_multiple_choice(tmp_path: Path, model: LocalModel) -> None:
    names = ("acc", "acc_norm", "acc_bytes")
    text = HEAD + (
        "output_type: multiple_choice\ndoc_to_text: q\ndoc_to_target: label\ndoc_to_choice: c\n"
        f"metric_list: [{', '.join(f'{{metric: {name}}}' for name in names)}]\n"
    )
    session, answers = run(make_task(tmp_path, text, ROWS), model)
    right: dict[str, list[bool]] = {name: [] for name in names}
    for row, answer in zip(ROWS, answers, strict=True):
        sums = [float(logprobs(model, row["q"], f" {choice}").sum()) for choice in row["c"]]
        assert [pair[0] for pair in answer.filtered_resps] == pytest.approx(sums, abs=1e-5)
        right["acc"].append(np.argmax(sums) == row["label"])
        right["acc_norm"].append(np.argmax(np.divide(sums, [len(c) for c in row["c"]])) == row["label"])
        right["acc_bytes"].append(np.argmax(np.divide(sums, [len(c.encode()) for c in row["c"]])) == row["label"])
    figures = session.figures(session.samples, answers)
    assert {name: figure.value for name, figure in figures.items()} == {name: np.mean(right[name]) for name in names}
    assert [sum(right[name]) for name in names] == [1, 3, 2]  # three ways that the test tells apart


def test_loglikelihood(tmp_path: Path, model: LocalModel) -> None:
    likeliest = model.engine.model.tokenizer.token_bytes(
        int(np.argmax(all_logprobs(model, encode(model, "on and on"))))
    )
    rows = [{"q": row["q"], "a": f" {row['c'][0]}"} for row in ROWS[:3]] + [{"q": "on and on", "a": likeliest.decode()}]
    text = HEAD + "output_type: loglikelihood\ndoc_to_text: q\ndoc_to_target: a\n"
    session, answers = run(make_task(tmp_path, text, rows), model)
    sums = [float(logprobs(model, row["q"], row["a"]).sum()) for row in rows]
    figures = session.figures(session.samples, answers)
    assert [answer.values["loss"] for answer in answers] == pytest.approx([-value for value in sums], abs=1e-5)
    assert figures["perplexity"].value == pytest.approx(math.exp(-np.mean(sums)), rel=1e-5)
    assert [answer.values["acc"] for answer in answers] == [0, 0, 0, 1]
    assert figures["acc"].value == 0.25


def test_loglikelihood_rolling(tmp_path: Path, model: LocalModel) -> None:
    text = HEAD + "output_type: loglikelihood_rolling\ndoc_to_target: text\n"
    session, answers = run(make_task(tmp_path, text, ROWS), model)
    start = model.engine.model.tokenizer.bos_id
    assert start is not None
    loss = -sum(float(np.sum(model.engine.score([start], encode(model, row["text"])))) for row in ROWS)
    num_words = 7 + 6 + 3 + 5  # of the first, an empty one after the line break
    num_bytes = sum(len(row["text"].encode()) for row in ROWS)
    figures = session.figures(session.samples, answers)
    assert figures["word_perplexity"].value == pytest.approx(math.exp(loss / num_words), rel=1e-5)
    assert figures["byte_perplexity"].value == pytest.approx(math.exp(loss / num_bytes), rel=1e-5)
    assert figures["bits_per_byte"].value == pytest.approx(loss / num_bytes / math.log(2), rel=1e-5)


def test_generate_until(tmp_path: Path, model: LocalModel) -> None:
    """What a loop over the likeliest next token writes, up to the second character of the first answer."""
    tokenizer = model.engine.model.tokenizer
    written = []
    for row in ROWS:
        ids = encode(model, row["q"])
        for _ in range(5):
            ids.append(int(np.argmax(all_logprobs(model, ids))))
        written.append(b"".join(map(tokenizer.token_bytes, ids[-5:])).decode("utf-8", "replace"))
    rows = [{"q": row["q"], "a": answer} for row, answer in zip(ROWS, written, strict=True)]
    text = HEAD + "doc_to_text: q\ndoc_to_target: a\ngeneration_kwargs: {until: [], max_gen_toks: 5}\n"
    session, answers = run(make_task(tmp_path, text, rows), model)
    assert [answer.resps for answer in answers] == [[[answer]] for answer in written]
    assert session.figures(session.samples, answers)["exact_match"].value == 1
    assert len(answers[0].token_logprobs) == 5
    stop = written[0][1]
    _, stopped = run(make_task(tmp_path, text.replace("[]", f'["{stop}"]'), rows), model)
    assert [answer.resps for answer in stopped] == [[[answer.partition(stop)[0]]] for answer in written]


def test_the_same_seed_samples_the_same_whatever_is_asked_beside_it(tmp_path: Path, model: LocalModel) -> None:
    text = HEAD + (
        "doc_to_text: q\ndoc_to_target: label\nrepeats: 2\n"
        "generation_kwargs: {until: [], max_gen_toks: 8, do_sample: true, temperature: 1.0}\n"
        "filter_list: [{name: vote, filter: [{function: majority_vote}, {function: take_first}]}]\n"
    )
    _, first = run(make_task(tmp_path, text, ROWS), model)
    with make_task(tmp_path, text, ROWS).open(model, None) as session:
        alone = [session.ask(sample) for sample in reversed(session.samples)]
    assert alone[::-1] == first
    assert first[0].resps[0][0] != first[0].resps[0][1]
    _, other = run(make_task(tmp_path, text, ROWS, {"seed": 1}), model)
    assert [answer.resps for answer in other] != [answer.resps for answer in first]


def test_choices_after_a_conversation(tmp_path: Path, model: LocalModel) -> None:
    text = HEAD + (
        "output_type: multiple_choice\napply_chat_template: true\n"
        "doc_to_text: q\ndoc_to_target: label\ndoc_to_choice: c\n"
    )
    _, answers = run(make_task(tmp_path, text, ROWS), model)
    assert [request[1] for request in answers[0].arguments] == ROWS[0]["c"]  # no delimiter in front
    assert answers[0].arguments[0][0] == [{"role": "user", "content": "the cat sat on"}]
    assert all(pair[0] < 0 for answer in answers for pair in answer.filtered_resps)
