"""lm-evaluation-harness on our engine, in one process: the model `appkit` of its registry.

    python -m eval.lm_eval_model run --model appkit --model_args pretrained=smollm2-135m \
        --tasks my_task --include_path tasks

That is lm-eval's own command with one model more. In Python, give `AppkitLM(…)` to `lm_eval.simple_evaluate` as model.
Texts become tokens as its model `hf` has them become tokens, special tokens that are spelled out in a text included, so
that figures are the same for the same weights; `eval/harness` is where texts stay texts.

Source: lm-evaluation-harness 0.4.13, `TemplateLM` and `HFLM`.
"""

import hashlib
import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

try:
    from lm_eval.api.model import TemplateLM
    from lm_eval.api.registry import register_model
    from lm_eval.models.utils import normalize_gen_kwargs
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"lm-evaluation-harness is not installed ({error}). Install it: pip install 'appkit-llm[lm-eval]'",
        name=error.name,
    ) from error
from tqdm import tqdm  # comes with lm-eval

from appkit import LocalModel
from eval.harness.pair_encoding import EncodedPair, fit_pair, start_id
from eval.harness.scoring import score_encoded
from eval.metrics.perplexity_windows import rolling_windows
from runtime import DEFAULT_MODEL, ChatTemplateError, Handle, Request, SamplingParams, default_template

_logger = logging.getLogger(__name__)
BATCH_SIZE = 64  # requests handed to the engine at once, which makes its own batches of them
MAX_GENERATED = 256  # tokens, where a task does not say; as the model `hf`
GREEDY_SETTINGS = frozenset({"until", "do_sample", "max_gen_toks", "temperature"})
_HERE = "\U000f0000"  # marks the end of a message that is gone on with; a character without a meaning of its own
SAMPLING_SETTINGS = frozenset({"top_p", "top_k", "min_p", "repetition_penalty"})


@register_model("appkit")
class AppkitLM(TemplateLM):  # type: ignore[misc]  # lm-eval is not typed
    """A local model as lm-eval asks it.

    Args:
        pretrained: a catalog name or a model file; or a `LocalModel`, which stays open after `close`.
        backend, num_threads, kv_budget_bytes, kv_dtype: as for `LocalModel`, where one is opened here.
        adapter: the folder of a LoRA adapter to answer with, also for a model that is open already.
        max_length: tokens the model reads at a time; None: all it holds.
        add_bos_token: whether its start token goes in front of every text; None: as the model was made to be asked.
        seed: of tasks that sample; their request i is drawn with seed + i.
        batch_size, max_batch_size, device: taken because lm-eval gives them, its command "cuda:0" for want of another;
            the engine makes its own batches, and runs on the processor.

    Raises:
        ValueError: a length or a start token that the model does not have.
        What `LocalModel` raises.
    """

    def __init__(
        self,
        pretrained: str | Path | LocalModel = DEFAULT_MODEL,
        *,
        backend: Literal["cpu", "reference"] = "cpu",
        num_threads: int | None = None,
        kv_budget_bytes: int | None = None,
        kv_dtype: Literal["f16", "f32"] = "f16",
        adapter: str | Path | None = None,
        max_length: int | None = None,
        add_bos_token: bool | None = None,
        seed: int = 0,
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,
        device: str | None = None,
    ) -> None:
        super().__init__()
        if device not in (None, "cpu"):
            _logger.info("The model appkit runs on the processor; the device %s is not used.", device)
        self._owns_model = not isinstance(pretrained, LocalModel)
        if isinstance(pretrained, LocalModel):
            self.model = pretrained if adapter is None else pretrained.with_adapter(adapter)
        else:
            self.model = LocalModel(
                pretrained,
                backend=backend,
                num_threads=num_threads,
                kv_budget_bytes=kv_budget_bytes,
                kv_dtype=kv_dtype,
                adapter=adapter,
            )
        self._engine = self.model.engine
        self._tokenizer = self._engine.model.tokenizer
        self._template = self._engine.model.chat_template or default_template(self._tokenizer)
        self._seed = seed
        self.max_length = self._engine.max_seq_len if max_length is None else max_length
        try:
            self._check(add_bos_token)
        except ValueError:
            self.close()
            raise
        adds_start = self._tokenizer.adds_bos if add_bos_token is None else add_bos_token
        self._start_ids = [self.prefix_token_id] if adds_start and self._tokenizer.bos_id is not None else []
        self._start_text = self._tokenizer.token_bytes(self.prefix_token_id).decode("utf-8", "replace")

    def _check(self, add_bos_token: bool | None) -> None:
        if not 1 <= self.max_length <= self._engine.max_seq_len:
            raise ValueError(
                f"max_length is {self.max_length}; {self.model.name} reads 1 to {self._engine.max_seq_len} tokens."
            )
        if add_bos_token and self._tokenizer.bos_id is None:
            raise ValueError(f"add_bos_token is true, and {self.model.name} has no start token: leave it out.")
        start_id(self._tokenizer)

    def close(self) -> None:
        """Give memory and threads back, of a model that was opened here."""
        if self._owns_model:
            self.model.close()

    # tokens --------------------------------------------------------------------------------------------------------
    @property
    def eot_token_id(self) -> int:
        end_id = self._tokenizer.eos_id
        return self.prefix_token_id if end_id is None else end_id

    @property
    def prefix_token_id(self) -> int:
        return start_id(self._tokenizer)

    @property
    def max_gen_toks(self) -> int:
        return MAX_GENERATED

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
        """Ids, with the start token in front where the model wants it and the text does not begin with it."""
        adds_start = add_special_tokens
        if adds_start is None:
            adds_start = not string.startswith(self._start_text)
        ids = self._tokenizer.encode(string, parse_special=True)
        return [*self._start_ids, *ids] if adds_start else ids

    # scoring -------------------------------------------------------------------------------------------------------
    def _loglikelihood_tokens(
        self, requests: list[tuple[Any, list[int], list[int]]], disable_tqdm: bool = False, **kwargs: Any
    ) -> list[tuple[float, bool]]:
        pairs = [self._fitted(*request) for request in requests]
        answers = self._scored(pairs, "Running loglikelihood requests", disable_tqdm)
        for (texts, _, _), answer in zip(requests, answers, strict=True):
            self.cache_hook.add_partial("loglikelihood", texts, answer)
        return answers

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = False) -> list[float]:
        """The log-probability of each document: every token once, in windows that do not overlap."""
        pairs: list[EncodedPair] = []
        ends: list[int] = []
        for (text,) in (request.args for request in requests):
            ids = self.tok_encode(text)
            for cut in rolling_windows(ids, self.max_length, self.prefix_token_id):
                pairs.append(fit_pair(cut.context_ids, ids[cut.start : cut.end], self.max_length))
            ends.append(len(pairs))
        answers = self._scored(pairs, "Running loglikelihood_rolling requests", disable_tqdm)
        totals = []
        for request, start, end in zip(requests, [0, *ends], ends, strict=False):
            totals.append(sum(logprob for logprob, _ in answers[start:end]))
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, totals[-1])
        return totals

    def _fitted(self, texts: Any, context_ids: Sequence[int], continuation_ids: Sequence[int]) -> EncodedPair:
        if not continuation_ids:
            raise ValueError(f"The continuation in {texts!r} adds no token to its context: there is nothing to score.")
        context_ids = context_ids or [self.prefix_token_id]  # of blanks alone, which went to the continuation
        pair = fit_pair(context_ids, continuation_ids, self.max_length)
        if pair.num_cut:
            _logger.warning(
                "A context of %d tokens and its continuation of %d are more than the model reads, %d: %d tokens are "
                "left out from the start.",
                len(context_ids), len(continuation_ids), self.max_length, pair.num_cut,
            )  # fmt: skip
        return pair

    def _scored(self, pairs: Sequence[EncodedPair], label: str, disable_tqdm: bool) -> list[tuple[float, bool]]:
        """Sum and greediness of each pair. Contexts that begin alike follow each other, so that it is read once."""
        order = sorted(range(len(pairs)), key=lambda idx: pairs[idx].context_ids)
        answers: dict[int, tuple[float, bool]] = {}
        with tqdm(total=len(pairs), desc=label, disable=disable_tqdm) as progress:
            for indices in _batches(order):
                found = score_encoded(self._engine, [pairs[idx] for idx in indices])
                for idx, scores in zip(indices, found, strict=True):
                    answers[idx] = (float(scores.logprobs.sum(dtype=float)), bool(scores.is_likeliest.all()))
                progress.update(len(indices))
        return [answers[idx] for idx in range(len(pairs))]

    # generating ----------------------------------------------------------------------------------------------------
    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """What the model writes after each context, up to the first of its stop texts."""
        order = sorted(range(len(requests)), key=lambda idx: str(requests[idx].args[0]))
        texts: dict[int, str] = {}
        waiting: deque[tuple[int, Handle]] = deque()
        with tqdm(total=len(requests), desc="Running generate_until requests", disable=disable_tqdm) as progress:

            def collect() -> None:
                idx, handle = waiting[0]
                texts[idx] = handle.result().text
                waiting.popleft()
                self.cache_hook.add_partial("generate_until", requests[idx].args, texts[idx])
                progress.update()

            try:
                for idx in order:
                    if len(waiting) == BATCH_SIZE:
                        collect()
                    request = self._request(*requests[idx].args, seed=(self._seed + idx) % 2**64)
                    waiting.append((idx, self._engine.submit(request)))
                while waiting:
                    collect()
            finally:
                for _, handle in waiting:
                    handle.cancel()
        return [texts[idx] for idx in range(len(requests))]

    def _request(self, context: str, settings: Mapping[str, Any], *, seed: int) -> Request:
        wanted = dict(normalize_gen_kwargs(dict(settings), MAX_GENERATED))
        unknown = sorted(wanted.keys() - GREEDY_SETTINGS - SAMPLING_SETTINGS)
        if unknown:
            known = ", ".join(sorted(GREEDY_SETTINGS | SAMPLING_SETTINGS))
            raise ValueError(f"generation_kwargs holds {', '.join(unknown)}; this model knows {known}.")
        num_new = wanted["max_gen_toks"]
        room = self.max_length - num_new
        if room < 1:
            raise ValueError(
                f"max_gen_toks is {num_new}, and the model holds {self.max_length} tokens, context included."
            )
        ids = self.tok_encode(context) or [self.prefix_token_id]
        if len(ids) > room:
            _logger.warning(
                "A context of %d tokens leaves no room for %d new ones in %d: %d tokens are left out from the start.",
                len(ids), num_new, self.max_length, len(ids) - room,
            )  # fmt: skip
        params = SamplingParams(
            temperature=float(wanted.get("temperature", 1.0)) if wanted["do_sample"] else 0.0,
            max_tokens=num_new,
            stop=tuple(text for text in wanted["until"] if text),
            seed=seed,
            **{name: wanted[name] for name in SAMPLING_SETTINGS & wanted.keys() if wanted[name] is not None},
        )
        return Request(prompt_ids=tuple(ids[-room:]), params=params)

    # chat ----------------------------------------------------------------------------------------------------------
    @property
    def tokenizer_name(self) -> str:
        """Names what the prompts of a cached request depend on."""
        return f"{self.model.name}-{hashlib.sha256(self._template.source.encode()).hexdigest()[:8]}"

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The source of the model's template; None where none is asked for. Raises ValueError for a name."""
        if isinstance(chat_template, str):
            raise ValueError(
                f"{self.model.name} has one chat template and no name for it: ask for it without {chat_template!r}."
            )
        return self._template.source if chat_template else None

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """The conversation as text, up to where the assistant begins, or goes on with the last message.

        A template that refuses a system message is given the others, with a warning, as the model `hf` does.
        """
        try:
            return self._render(chat_history, add_generation_prompt)
        except ChatTemplateError as error:
            others = [message for message in chat_history if message["role"] != "system"]
            if len(others) == len(chat_history):
                raise
            _logger.warning("The system message is left out: %s", error)
            return self._render(others, add_generation_prompt)

    def _render(self, messages: Sequence[Mapping[str, str]], add_generation_prompt: bool) -> str:
        if add_generation_prompt:
            return self._template.render(messages, add_generation_prompt=True)
        begun = {**messages[-1], "content": messages[-1]["content"] + _HERE + " "}
        before, here, after = self._template.render([*messages[:-1], begun], add_generation_prompt=False).rpartition(
            _HERE
        )
        if not here:
            raise ChatTemplateError("The model's chat template leaves the last message out: it cannot be gone on with.")
        return before if after.startswith(" ") else before.rstrip()  # a template that strips messages strips this one


def _batches(indices: Sequence[int]) -> Iterator[Sequence[int]]:
    return (indices[start : start + BATCH_SIZE] for start in range(0, len(indices), BATCH_SIZE))


def main() -> None:
    """lm-eval's own command, which knows the model `appkit` once this module is imported."""
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()


if __name__ == "__main__":
    main()
