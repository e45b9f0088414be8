"""llama.cpp's side of a benchmark, through the low-level functions of llama-cpp-python.

It runs as llama.cpp's own benchmark does: the model mapped, one batch a forward, flash attention where that is
faster, and between two tokens nothing but its own greedy sampler.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.speed.cases import Case
from eval.speed.ours import Timed

BATCH = 512  # tokens of a prompt a forward, llama.cpp's own default


def measure(path: Path, cases: Sequence[Case], repetitions: int, num_threads: int) -> Timed:
    """Load, warm up, and time each case `repetitions` times.

    Raises:
        RuntimeError: llama.cpp refuses the file or a batch.
    """
    import llama_cpp

    llama_cpp.llama_log_set(_quiet(llama_cpp), None)
    llama_cpp.llama_backend_init()
    began = time.perf_counter()
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
    if not model:
        raise RuntimeError(f"llama.cpp cannot load {path}.")
    loaded = time.perf_counter()
    with _Context(llama_cpp, model, Case(name="warm-up", prompt_len=8), num_threads) as context:
        context.run(0)
        timed = Timed(load_s=loaded - began, first_token_s=time.perf_counter() - loaded)
    for case in cases:
        with _Context(llama_cpp, model, case, num_threads) as context:
            timed.tokens_per_s[case.name] = [context.run(repetition) for repetition in range(repetitions)]
    llama_cpp.llama_model_free(model)
    return timed


class _Context:
    """A KV cache of the size that a case needs."""

    def __init__(self, llama: Any, model: Any, case: Case, num_threads: int) -> None:
        self._llama, self._case = llama, case
        params = llama.llama_context_default_params()
        params.n_ctx = case.num_positions * case.num_sequences
        params.n_batch = params.n_ubatch = BATCH
        params.n_seq_max = case.num_sequences
        params.n_threads = params.n_threads_batch = num_threads
        params.kv_unified = True
        self._context = llama.llama_init_from_model(model, params)
        if not self._context:
            raise RuntimeError(f"llama.cpp makes no context of {params.n_ctx} positions.")
        self._batch = llama.llama_batch_init(max(BATCH, case.num_sequences), 0, case.num_sequences)
        self._sampler = llama.llama_sampler_init_greedy()
        self._vocab_size = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))

    def __enter__(self) -> "_Context":
        return self

    def __exit__(self, *error: object) -> None:
        self._llama.llama_sampler_free(self._sampler)
        self._llama.llama_batch_free(self._batch)
        self._llama.llama_free(self._context)

    def run(self, repetition: int) -> float:
        """Tokens a second: read, or written by all sequences."""
        case = self._case
        self._llama.llama_memory_clear(self._llama.llama_get_memory(self._context), True)
        prompts = case.prompts(self._vocab_size, repetition)
        began = time.perf_counter()
        ids = [self._read(sequence, prompt) for sequence, prompt in enumerate(prompts)]
        read = time.perf_counter()
        if not case.new_tokens:
            return case.num_sequences * case.prompt_len / (read - began)
        for step in range(case.new_tokens):
            self._decode([(token_id, case.prompt_len + step, sequence, True) for sequence, token_id in enumerate(ids)])
            ids = [self._sample(sequence) for sequence in range(len(ids))]
        return case.num_sequences * case.new_tokens / (time.perf_counter() - read)

    def _read(self, sequence: int, prompt: list[int]) -> int:
        """The token after a prompt."""
        for start in range(0, len(prompt), BATCH):
            part = prompt[start : start + BATCH]
            last = start + len(part) == len(prompt)
            tokens = [(token_id, start + place, sequence, False) for place, token_id in enumerate(part)]
            if last:
                tokens[-1] = (*tokens[-1][:3], True)
            self._decode(tokens)
        return self._sample(-1)

    def _sample(self, row: int) -> int:
        return int(self._llama.llama_sampler_sample(self._sampler, self._context, row))

    def _decode(self, tokens: Sequence[tuple[int, int, int, bool]]) -> None:
        """One forward over (id, position, sequence, whether its logits are wanted)."""
        batch = self._batch
        batch.n_tokens = len(tokens)
        for place, (token_id, position, sequence, is_wanted) in enumerate(tokens):
            batch.token[place], batch.pos[place], batch.logits[place] = token_id, position, is_wanted
            batch.n_seq_id[place] = 1
            batch.seq_id[place][0] = sequence
        if status := self._llama.llama_decode(self._context, batch):
            raise RuntimeError(f"llama.cpp's decode gives status {status}.")


def _quiet(llama: Any) -> Any:
    """A log callback that says nothing; kept for as long as the module is."""
    global _log_callback
    _log_callback = llama.llama_log_callback(lambda level, text, data: None)
    return _log_callback


_log_callback: Any = None
