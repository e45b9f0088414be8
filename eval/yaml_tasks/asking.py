"""Asks a model one question, in each of the four ways a task can.

Source: lm-evaluation-harness 0.4.13, `ConfigurableTask.construct_requests` and `process_results`.
"""

import re
from collections.abc import Sequence
from typing import Any

from appkit import Completion, LanguageModel, LocalModel, Message
from eval.harness.scoring import Scored, score_answers, score_document, score_pairs
from eval.harness.task import Answered
from eval.yaml_tasks.config import TaskConfig
from eval.yaml_tasks.generation import cut_at_stops, sample_seed
from eval.yaml_tasks.metrics import likeliest
from eval.yaml_tasks.questions import Question


def ask(config: TaskConfig, model: LanguageModel, doc_id: int, question: Question) -> Answered:
    """What came of it. Raises what the model raises, and EvaluationError for a filter that ran out of time."""
    if config.output_type == "generate_until":
        return _ask_for_text(config, model, doc_id, question)
    if config.output_type == "multiple_choice":
        return _ask_for_choice(config, model, question)
    if config.output_type == "loglikelihood":
        return _ask_for_continuation(config, model, question)
    return _ask_for_document(model, question)


def value_name(config: TaskConfig, metric: str, pipeline: str) -> str:
    """Of a metric after a pipeline of filters, which is named only where there are several, as lm-eval names them."""
    return metric if len(config.pipelines) == 1 else f"{metric},{pipeline}"


def _ask_for_text(config: TaskConfig, model: LanguageModel, doc_id: int, question: Question) -> Answered:
    prompt: str | list[Message] = question.prompt(config, str(question.doc.text))
    if config.is_chat:
        prompt = question.messages(str(question.doc.text))
    written = _written(config, model, doc_id, prompt)
    tries = [cut_at_stops(completion.text, config.generation.until) for completion in written]
    judged = [pipeline(tries) for pipeline in config.pipelines]
    values = {
        value_name(config, metric.name, pipeline.name): metric.of_text(answer, question.references)
        for pipeline, answer in zip(config.pipelines, judged, strict=True)
        for metric in config.metrics
        if metric.is_mean
    }
    reasons = [completion.finish_reason for completion in written]
    return Answered(
        arguments=[[_shown(prompt), config.generation.as_json()]],
        resps=[tries],
        filtered_resps=judged,
        values=values,
        token_logprobs=_token_logprobs(model, written[0]),
        notes={"finish_reasons": reasons} if "length" in reasons else {},
    )


def _written(
    config: TaskConfig, model: LanguageModel, doc_id: int, prompt: str | Sequence[Message]
) -> list[Completion]:
    """Every try. Greedy ones are all the same, so the model writes but one."""
    generation = config.generation
    written = []
    for num_try in range(1 if generation.is_greedy else config.repeats):
        seed = sample_seed(config.seed, doc_id, num_try)
        settings = generation.settings(seed, is_local=isinstance(model, LocalModel))
        written.append(model.stream(prompt, settings).result())
    return written * config.repeats if generation.is_greedy else written


def _ask_for_choice(config: TaskConfig, model: LanguageModel, question: Question) -> Answered:
    arguments, scored = _scored_choices(config, model, question)
    logprobs = [one.logprob for one in scored]
    choices = question.doc.choices
    chosen = {
        "acc": likeliest(logprobs),
        "acc_norm": likeliest([value / len(text) for value, text in zip(logprobs, choices, strict=True)]),
        "acc_bytes": likeliest([value / len(text.encode()) for value, text in zip(logprobs, choices, strict=True)]),
    }
    values = {name: float(place in question.right) for name, place in chosen.items()}
    values["exact_match"] = float(any(scored[place].is_greedy for place in question.right))
    pairs = [[one.logprob, one.is_greedy] for one in scored]
    return Answered(
        arguments=arguments,
        resps=[[pair] for pair in pairs],
        filtered_resps=pairs,
        values={metric.name: values[metric.name] for metric in config.metrics if metric.is_mean},
        token_logprobs=_tokens(scored[question.right[0]]),
        notes={"choices": list(choices), "chosen": chosen["acc"]} | _cut(scored),
    )


def _scored_choices(
    config: TaskConfig, model: LanguageModel, question: Question
) -> tuple[list[list[Any]], list[Scored]]:
    """The requests and what came of them, a choice each."""
    delimiter = "" if config.is_chat else config.target_delimiter
    if question.asks_each_choice:
        answer = f"{delimiter}{question.references[0]}"
        contexts, answers = list(question.doc.choices), [answer] * len(question.doc.choices)
    else:
        contexts = [str(question.doc.text)] * len(question.doc.choices)
        answers = [f"{delimiter}{choice}" for choice in question.doc.choices]
    if config.is_chat:
        chats = [question.messages(context) for context in contexts]
        arguments = [[_shown(chat), answer] for chat, answer in zip(chats, answers, strict=True)]
        if not question.asks_each_choice:
            return arguments, score_answers(model, chats[0], answers)
        return arguments, [score_answers(model, chat, [answer])[0] for chat, answer in zip(chats, answers, strict=True)]
    pairs = [(question.prompt(config, context), answer) for context, answer in zip(contexts, answers, strict=True)]
    return [list(pair) for pair in pairs], score_pairs(model, pairs)


def _ask_for_continuation(config: TaskConfig, model: LanguageModel, question: Question) -> Answered:
    text, target = str(question.doc.text), question.references[0]
    shown: Any
    if config.is_chat:
        messages = question.messages(text)
        shown, scored = _shown(messages), score_answers(model, messages, [target])[0]
    else:
        shown = question.prompt(config, text)
        scored = score_pairs(model, [(shown, target)])[0]
    pair = [scored.logprob, scored.is_greedy]
    return Answered(
        arguments=[[shown, target]],
        resps=[[pair]],
        filtered_resps=[pair],
        values={"acc": float(scored.is_greedy), "loss": -scored.logprob},
        token_logprobs=_tokens(scored),
        notes=_cut([scored]),
    )


def _ask_for_document(model: LanguageModel, question: Question) -> Answered:
    text = question.references[0]
    scored = score_document(model, text)
    return Answered(
        arguments=[[text]],
        resps=[[scored.logprob]],
        filtered_resps=[scored.logprob],
        values={  # what `harness/measure_sums.py` sums up
            "loss": -scored.logprob,
            "num_words": float(len(re.split(r"\s+", text))),  # as lm-eval counts: a last line break ends in a word
            "num_bytes": float(len(text.encode())),
        },
        token_logprobs=_tokens(scored),
    )


def _shown(prompt: str | Sequence[Message]) -> Any:
    if isinstance(prompt, str):
        return prompt
    return [{"role": message.role, "content": message.content} for message in prompt]


def _tokens(scored: Scored) -> list[tuple[str, float | None]]:
    return list(zip(scored.tokens, scored.logprobs, strict=True))


def _token_logprobs(model: LanguageModel, completion: Completion) -> list[tuple[str, float | None]]:
    """Of what a model of our own wrote; others do not say which tokens it was."""
    if not isinstance(model, LocalModel) or completion.logprobs is None:
        return []
    tokenizer = model.engine.model.tokenizer
    texts = [tokenizer.token_bytes(token_id).decode("utf-8", "replace") for token_id in completion.token_ids]
    return list(zip(texts, completion.logprobs, strict=True))


def _cut(scored: Sequence[Scored]) -> dict[str, Any]:
    """Says so where a context did not fit."""
    num_cut = max(one.num_cut for one in scored)
    return {"context_tokens_left_out": num_cut} if num_cut else {}
