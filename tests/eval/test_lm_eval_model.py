"""lm-evaluation-harness on our engine: the figures of its own `hf` on the same weights, and those of our YAML tasks.

One tiny model, one small set of questions, each of the three ways of asking once for the whole module, without network.
"""

import json
import logging
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from appkit import GenerationSettings, LocalModel
from eval.harness.run import evaluate
from tests.helpers.real_models import real_model
from tests.helpers.shared_data import ROOT
from tests.helpers.tiny_adapter import write_tiny_adapter
from tests.helpers.tiny_model import CHAT_TEMPLATE, write_tiny_model

lm_eval = pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed: pip install -e '.[lm-eval]'")

WORDS = ("the", "there", " other", "on", "in", "保修", "两年", "er", "here", "a", "cat ", "re\n\nthe")
CONTEXT_LEN = 96
NUM_DOCS = 10
SAME = 1e-4  # asked for; float32 on both sides, so what differs is the order of sums
DATA = """\
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/test.jsonl, train: {folder}/train.jsonl}}}}
test_split: test
"""
TASKS = {
    "choices": """\
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: answer
metric_list: [{metric: acc}, {metric: acc_norm}, {metric: acc_bytes}]
""",
    "choices_after_examples": """\
training_split: train
num_fewshot: 2
output_type: multiple_choice
description: "on the other\\n"
doc_to_text: "Q: {{question[:12]}}\\nA:"
doc_to_choice: "{{choices}}"
doc_to_target: answer
metric_list: [{metric: acc}, {metric: acc_norm}]
""",
    "continuations": """\
output_type: loglikelihood
doc_to_text: "{{question}}"
doc_to_target: "{{choices[0]}}"
metric_list: [{metric: acc}, {metric: perplexity}]
""",
    "documents": """\
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{document}}"
metric_list: [{metric: word_perplexity}, {metric: byte_perplexity}, {metric: bits_per_byte}]
""",
    "writing": """\
output_type: generate_until
doc_to_text: "{{question[:30]}}"
doc_to_target: "{{choices[0]}}"
generation_kwargs: {until: ["\\n", " t"], max_gen_toks: 16, do_sample: false}
filter_list:
  - name: first_letter
    filter: [{function: regex, regex_pattern: "([a-z])"}, {function: take_first}]
metric_list: [{metric: exact_match}]
""",
}
SCORED = ("choices", "choices_after_examples", "continuations", "documents")


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No connection, whatever a library tries; caches of data sets go to a folder of the test."""

    def refuse(self: socket.socket, address: Any) -> None:
        raise AssertionError(f"an evaluation on local files wanted to reach {address}")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
            patch.setenv(name, "1")
        patch.setenv("HF_DATASETS_CACHE", str(tmp_path_factory.mktemp("datasets")))
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr("lm_eval.evaluator.add_env_info", lambda results: None)  # seconds of asking the machine
        yield


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "start token"])
def tiny(request, tmp_path_factory, offline) -> Iterator[SimpleNamespace]:
    """A model with and without a start token in front of every text, as a file of ours and in transformers."""
    oracle = pytest.importorskip("tests.helpers.transformers_model", reason="the oracle is transformers on torch")
    tokenizers = pytest.importorskip("tests.helpers.transformers_tokenizer")
    folder = tmp_path_factory.mktemp("model")
    metadata = {"llama.context_length": CONTEXT_LEN, "tokenizer.ggml.add_bos_token": request.param}
    path = write_tiny_model(folder / "tiny.gguf", metadata={**metadata, "tokenizer.chat_template": CHAT_TEMPLATE})
    with LocalModel(path, num_threads=1, kv_dtype="f32") as model:
        yield SimpleNamespace(
            path=path,
            model=model,
            ours=_ours(model),
            theirs=_theirs(oracle.transformers_decoder(path), tokenizers.transformers_tokenizer(path)),
            adds_start=request.param,
        )


def _ours(model: LocalModel, **options: Any) -> Any:
    from eval.lm_eval_model import AppkitLM

    return AppkitLM(model, **options)


def _theirs(model: Any, tokenizer: Any) -> Any:
    pytest.importorskip("accelerate", reason="lm-eval's model hf imports accelerate")
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=model, tokenizer=tokenizer, batch_size=4)


@pytest.fixture(scope="module")
def task_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    rng = np.random.default_rng(1)

    def text(shortest: int, longest: int) -> str:
        return " ".join(rng.choice(WORDS, rng.integers(shortest, longest + 1)))

    for split in ("test", "train"):
        rows = [
            {
                "question": text(0, 25) if i else text(60, 60),  # the first does not fit
                "choices": [text(1, 3) for _ in range(4)],
                "answer": int(rng.integers(4)),
                "document": text(1, 60),
            }
            for i in range(NUM_DOCS)
        ]
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{split}.jsonl").write_text(lines, "utf-8")
    for name, task in TASKS.items():
        (folder / f"{name}.yaml").write_text(f"task: {name}\n{DATA.format(folder=folder)}{task}", "utf-8")
    return folder


@pytest.fixture(scope="module")
def run(tiny: SimpleNamespace, task_folder: Path) -> Any:
    """All tasks by lm-eval with one of the two models, once."""
    done: dict[str, Any] = {}

    def run(which: str) -> Any:
        if which not in done:
            from lm_eval.tasks import TaskManager

            manager = TaskManager(include_path=str(task_folder), include_defaults=False)
            done[which] = lm_eval.simple_evaluate(
                model=getattr(tiny, which), tasks=list(TASKS), task_manager=manager, bootstrap_iters=0
            )
        return done[which]

    return run


def figures(run: Any, task: str) -> dict[str, float]:
    return {
        name.partition(",")[0]: float(value)
        for name, value in run["results"][task].items()
        if "," in name and "_stderr" not in name
    }


def logprobs(samples: list[dict[str, Any]]) -> list[list[tuple[float, bool | None]]]:
    """Of each sample, of each request: the sum, and where it is told whether all was greedy."""
    ordered = sorted(samples, key=lambda sample: sample["doc_id"])
    return [
        [(answer, None) if isinstance(answer, float) else (answer[0], answer[1]) for (answer,) in sample["resps"]]
        for sample in ordered
    ]


@pytest.mark.parametrize("task", SCORED)
def test_figures_and_samples_are_those_of_the_model_hf_on_the_same_weights(run: Any, task: str) -> None:
    ours, theirs = run("ours"), run("theirs")
    assert figures(ours, task) == pytest.approx(figures(theirs, task), rel=SAME)
    assert len(figures(ours, task)) == len(ours["configs"][task]["metric_list"])
    for sample, other in zip(logprobs(ours["samples"][task]), logprobs(theirs["samples"][task]), strict=True):
        assert [value for value, _ in sample] == pytest.approx([value for value, _ in other], abs=SAME)
        assert [greedy for _, greedy in sample] == [greedy for _, greedy in other]


def test_what_is_written_is_what_the_model_hf_writes(run: Any) -> None:
    ours, theirs = ([sample["resps"] for sample in run(which)["samples"]["writing"]] for which in ("ours", "theirs"))
    assert ours == theirs
    assert len({text for ((text,),) in ours}) > 1
    assert not any("\n" in text or " t" in text for ((text,),) in ours)


@pytest.mark.parametrize("task", [*TASKS])
def test_our_yaml_tasks_give_what_lm_eval_gives_for_the_same_file(
    run: Any, tiny: SimpleNamespace, task_folder: Path, task: str, tmp_path: Path
) -> None:
    theirs, ours = run("ours"), evaluate(task_folder / f"{task}.yaml", tiny.model, output=tmp_path / "run")
    records = [json.loads(line) for line in (ours.folder / "samples.jsonl").read_text("utf-8").splitlines()]
    if task == "documents" and tiny.adds_start:  # lm-eval scores a document's start token too, unless told not to
        texts = [_instance(record["arguments"]["gen_args_0"]["arg_0"]) for record in records]
        told = _ours(tiny.model, add_bos_token=False).loglikelihood_rolling(texts, disable_tqdm=True)
        assert [value for sample in logprobs(records) for value, _ in sample] == pytest.approx(told, rel=1e-9)
        return
    found = {name: figure.value for name, figure in ours.figures.items()}
    expected = figures(theirs, task)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-9)
    if task == "writing":
        assert [r["resps"] for r in records] == [s["resps"] for s in theirs["samples"][task]]
        assert [r["filtered_resps"] for r in records] == [s["filtered_resps"] for s in theirs["samples"][task]]
        return
    for sample, other in zip(logprobs(records), logprobs(theirs["samples"][task]), strict=True):
        assert [value for value, _ in sample] == pytest.approx([value for value, _ in other], rel=1e-9)


def test_a_document_has_its_start_token_scored_only_where_lm_eval_scores_it(tiny: SimpleNamespace) -> None:
    text = "the other cat on the mat " * 30  # more windows than one
    (total,) = tiny.ours.loglikelihood_rolling([_instance(text)], disable_tqdm=True)
    engine, tokenizer = tiny.model.engine, tiny.model.engine.model.tokenizer
    ids, start = tokenizer.encode(text), [tokenizer.bos_id]
    assert len(ids) > 2 * CONTEXT_LEN
    if tiny.adds_start:
        ids = [*start, *ids]
    by_hand, position = 0.0, 0
    while position < len(ids):
        end = min(position + CONTEXT_LEN, len(ids))
        context = start if not position else ids[end - CONTEXT_LEN - 1 : position]
        by_hand += float(engine.score(context, ids[position:end]).sum())
        position = end
    assert total == pytest.approx(by_hand, rel=1e-6)
    (without,) = _ours(tiny.model, add_bos_token=False).loglikelihood_rolling([_instance(text)], disable_tqdm=True)
    assert (without != total) == tiny.adds_start


def test_texts_become_the_tokens_they_become_in_transformers(tiny: SimpleNamespace) -> None:
    for text in ("the other there", " a", "保修\n\n the", "<|im_start|>user\nhe<|im_end|>", "<|endoftext|>the", ""):
        assert tiny.ours.tok_encode(text) == tiny.theirs.tok_encode(text)
        for adds in (True, False):
            theirs = tiny.theirs.tok_encode(text, add_special_tokens=adds)
            assert tiny.ours.tok_encode(text, add_special_tokens=adds) == theirs
    for name in ("eot_token_id", "prefix_token_id", "max_length", "max_gen_toks"):
        assert getattr(tiny.ours, name) == getattr(tiny.theirs, name)


def test_greedy_is_true_where_every_token_is_the_likeliest(tiny: SimpleNamespace) -> None:
    prompt_ids = tiny.ours.tok_encode("the cat on the")
    ((result,),) = tiny.model.engine.generate([prompt_ids], _greedy(5))
    ids = list(result.token_ids)
    pairs = [(("a", "b"), prompt_ids, ids), (("a", "c"), prompt_ids, [*ids[:-1], ids[-1] ^ 1]), (None, prompt_ids, [5])]
    ours, theirs = (lm._loglikelihood_tokens(pairs, disable_tqdm=True) for lm in (tiny.ours, tiny.theirs))
    assert [greedy for _, greedy in ours] == [greedy for _, greedy in theirs] == [True, False, False]
    assert [value for value, _ in ours] == pytest.approx([value for value, _ in theirs], abs=SAME)


def test_an_adapter_is_what_answers(tiny: SimpleNamespace, tmp_path: Path) -> None:
    folder = write_tiny_adapter(tiny.path, tmp_path / "adapter")
    request = _instance("the cat on the", " other")
    ((plain, _),) = tiny.ours.loglikelihood([request], disable_tqdm=True)
    values = []
    for pretrained in (tiny.model, tiny.path):
        model = _ours(pretrained, adapter=str(folder), kv_dtype="f32", add_bos_token=tiny.adds_start)
        values += [value for value, _ in model.loglikelihood([request], disable_tqdm=True)]
        model.close()
    assert values[0] == pytest.approx(values[1], abs=SAME) and abs(values[0] - plain) > 0.01


def test_a_context_of_blanks_begins_at_the_start_token(tiny: SimpleNamespace) -> None:
    blank, none = tiny.ours.loglikelihood([_instance(" ", "cat"), _instance("", " cat")], disable_tqdm=True)
    assert blank == pytest.approx(none)


def test_chats_are_rendered_as_transformers_renders_them(tiny: SimpleNamespace) -> None:
    chat = [{"role": "user", "content": "there?"}, {"role": "assistant", "content": "the answer: "}]
    for begins in (True, False):
        expected = tiny.theirs.apply_chat_template(chat, add_generation_prompt=begins)
        assert tiny.ours.apply_chat_template(chat, add_generation_prompt=begins) == expected
    assert tiny.ours.chat_template(True) == CHAT_TEMPLATE
    assert tiny.ours.chat_template(False) is None
    assert tiny.ours.tokenizer_name.startswith("tiny-")
    with pytest.raises(ValueError, match="has one chat template"):
        tiny.ours.chat_template("tool_use")


def test_chat_tasks_give_what_the_model_hf_gives(tiny: SimpleNamespace, task_folder: Path) -> None:
    from lm_eval.tasks import TaskManager

    tasks = ("choices_after_examples", "writing")
    ours, theirs = (
        lm_eval.simple_evaluate(
            model=model,
            tasks=list(tasks),
            task_manager=TaskManager(include_path=str(task_folder), include_defaults=False),
            apply_chat_template=True,
            system_instruction="on the mat",
            limit=3,
            bootstrap_iters=0,
        )
        for model in (tiny.ours, tiny.theirs)
    )
    for task in tasks:
        assert figures(ours, task) == pytest.approx(figures(theirs, task), rel=SAME)
        assert [s["arguments"] for s in ours["samples"][task]] == [s["arguments"] for s in theirs["samples"][task]]
        assert ours["samples"][task][0]["arguments"][0][0].startswith("<|im_start|>system\non the mat")
    for sample, other in zip(*(logprobs(run["samples"][tasks[0]]) for run in (ours, theirs)), strict=True):
        assert [value for value, _ in sample] == pytest.approx([value for value, _ in other], abs=SAME)
    assert [s["resps"] for s in ours["samples"]["writing"]] == [s["resps"] for s in theirs["samples"]["writing"]]


def test_a_cache_of_lm_eval_gives_the_same_without_asking_again(
    tiny: SimpleNamespace, task_folder: Path, tmp_path: Path
) -> None:
    from lm_eval.tasks import TaskManager

    def run() -> dict[str, float]:
        manager = TaskManager(include_path=str(task_folder), include_defaults=False)
        done = lm_eval.simple_evaluate(
            model=tiny.ours, tasks=["choices", "documents", "writing"], task_manager=manager, bootstrap_iters=0,
            use_cache=str(tmp_path / "cache"), limit=3,
        )  # fmt: skip
        return {task: figures(done, task) for task in ("choices", "documents", "writing")}

    first = run()
    tiny.model.engine.clear_cache()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_scored", "_request"):
            patch.delattr(f"eval.lm_eval_model.AppkitLM.{name}")  # nobody may ask the model now
        assert run() == first


def test_what_does_not_fit_is_cut_from_the_left_and_said(tiny: SimpleNamespace, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING, "eval.lm_eval_model"):
        tiny.ours.generate_until([_instance("a " * 90, {"max_gen_toks": 16})], disable_tqdm=True)
        tiny.ours.loglikelihood([_instance("b" * 100, "cd")], disable_tqdm=True)
    more = tiny.adds_start
    assert [record.getMessage() for record in caplog.records] == [
        f"A context of {91 + more} tokens leaves no room for 16 new ones in 96: {11 + more} tokens are left out from "
        "the start.",
        f"A context of {100 + more} tokens and its continuation of 2 are more than the model reads, 96: {5 + more} "
        "tokens are left out from the start.",
    ]


def test_sampling_is_the_same_on_every_run_and_another_with_another_seed(tiny: SimpleNamespace) -> None:
    asked = [_instance("the cat", {"do_sample": True, "temperature": 1.5, "max_gen_toks": 12, "top_p": 0.9})] * 2
    first, again, other = (_ours(tiny.model, seed=seed).generate_until(asked, disable_tqdm=True) for seed in (3, 3, 8))
    assert first == again
    assert first[0] != first[1]  # repeats of one question differ
    assert first != other


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_beams": 4}, r"generation_kwargs holds num_beams; this model knows .*min_p"),
        ({"max_gen_toks": 96}, "max_gen_toks is 96, and the model holds 96 tokens, context included"),
    ],
)
def test_settings_it_cannot_keep_are_refused(tiny: SimpleNamespace, settings: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny.ours.generate_until([_instance("the", settings)], disable_tqdm=True)


def test_a_length_it_does_not_read_is_refused(tiny: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match="max_length is 97; tiny reads 1 to 96 tokens"):
        _ours(tiny.model, max_length=97)
    assert _ours(tiny.model, max_length=50).max_length == 50
    assert tiny.model.generate("a", GenerationSettings(max_tokens=1)).usage.completion_tokens == 1  # still open


def test_the_device_that_lm_eval_asks_for_is_said_to_be_unused(tiny: SimpleNamespace, caplog: Any) -> None:
    with caplog.at_level(logging.INFO, "eval.lm_eval_model"):
        _ours(tiny.model, device="cuda:0", batch_size="auto", max_batch_size=8)
    assert caplog.messages == ["The model appkit runs on the processor; the device cuda:0 is not used."]


def test_a_continuation_without_a_token_is_refused(tiny: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match=r"The continuation in \('the', ''\) adds no token"):
        tiny.ours.loglikelihood([_instance("the", "")], disable_tqdm=True)


# as the documentation has it -----------------------------------------------------------------------------------------
QUESTIONS = [
    {"question": "The capital of France is", "choices": ["Paris", "a mat"], "answer": 0},
    {"question": "The Earth moves around the", "choices": ["piano", "Sun"], "answer": 1},
]


@pytest.fixture
def my_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: None) -> Path:
    """A folder to work in, with the task that the documentation speaks of."""
    monkeypatch.chdir(tmp_path)
    for split in ("test", "train"):
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in QUESTIONS), "utf-8")
    (tmp_path / "my_tasks").mkdir()
    task = f"task: my_task\n{DATA.format(folder=tmp_path)}{TASKS['choices']}"
    (tmp_path / "my_tasks" / "my_task.yaml").write_text(task, "utf-8")
    return tmp_path


def test_the_example_of_the_documentation_runs(my_tasks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real_model("smollm2-135m")
    page = (ROOT / "docs" / "evaluation.md").read_text("utf-8")
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "lm_eval" in block)
    exec(compile(code, "docs/evaluation.md", "exec"), {})
    assert capsys.readouterr().out == "1.0\n"


@pytest.mark.slow  # the command reads the index of all tasks that lm-eval has
def test_the_command_of_the_documentation_runs(my_tasks: Path) -> None:
    real_model("smollm2-135m")
    page = (ROOT / "docs" / "evaluation.md").read_text("utf-8")
    (line,) = re.findall(r"^python (-m eval.lm_eval_model run .*)$", page, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, *shlex.split(line)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"\|my_task\|.*\|acc +\|↑ +\| +1\|", done.stdout)


def _instance(*arguments: Any) -> Any:
    from lm_eval.api.instance import Instance

    return Instance(request_type="loglikelihood", doc={}, arguments=arguments, idx=0)


def _greedy(max_tokens: int) -> Any:
    from runtime import SamplingParams

    return SamplingParams(temperature=0, max_tokens=max_tokens, ignore_eos=True)
