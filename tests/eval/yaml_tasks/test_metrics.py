import math
import re
from pathlib import Path
from typing import Any

import pytest

from appkit.errors import EvaluationError
from eval.harness.notices import EvaluationNotice
from eval.harness.task import Answered, OutputType, Sample
from eval.yaml_tasks.metric_table import DEFAULTS, METRICS
from eval.yaml_tasks.metrics import Metric, read_metrics
from eval.yaml_tasks.strict_yaml import read_task_file


def read(tmp_path: Path, text: str, output_type: OutputType = "generate_until") -> tuple[Metric, ...]:
    path = tmp_path / "task.yaml"
    path.write_text(text)
    return read_metrics(read_task_file(path), output_type)


def samples(targets: list[Any], clusters: list[str | None] | None = None) -> list[Sample]:
    named = clusters or [None] * len(targets)
    return [
        Sample(doc_id=idx, doc={}, target=target, cluster=cluster)
        for idx, (target, cluster) in enumerate(zip(targets, named, strict=True))
    ]


def answers(values: list[dict[str, float]], judged: list[list[Any]] | None = None) -> list[Answered]:
    filtered = judged or [[]] * len(values)
    return [
        Answered(arguments=[], resps=[], filtered_resps=resps, values=of_sample)
        for of_sample, resps in zip(values, filtered, strict=True)
    ]


@pytest.mark.parametrize(
    ("options", "answer", "references", "value"),
    [
        ({}, "a b", ["a b"], 1),
        ({}, "a b ", ["a b"], 0),
        ({}, "A", ["a"], 0),
        ({}, "b", ["a", "b"], 1),
        ({}, "", [""], 1),
        ({"ignore_case": True}, "ÀB", ["àb"], 1),
        ({"ignore_punctuation": True}, "a-b!", ["ab"], 1),
        ({"ignore_punctuation": True}, "是。", ["是"], 0),  # ASCII alone, as lm-eval has it
        ({"ignore_numbers": True}, "a1", ["a22"], 1),
        ({"regexes_to_ignore": [",", r"\$"]}, "$1,200", ["1200"], 1),
        ({"regexes_to_ignore": ["(?s).*#### "]}, "so\n#### 5", ["#### 5"], 1),
        ({"ignore_case": True, "regexes_to_ignore": ["the "]}, "The a", ["a"], 0),  # patterns come first
    ],
)
def test_exact_match(options: dict[str, Any], answer: str, references: list[str], value: float) -> None:
    assert Metric(name="exact_match", options=options).of_text(answer, references) == value


def test_token_f1_and_rouge_take_the_best_reference() -> None:
    pytest.importorskip("rouge_score", reason="rouge_score is in the extra 'eval', which is not installed")
    assert Metric(name="token_f1").of_text("the red cat", ["a dog", "red fox"]) == 0.5
    assert Metric(name="rouge1").of_text("red cat", ["a dog", "red fox"]) == 0.5
    assert Metric(name="rougeL").of_text("北京的大学", ["北京的大学"]) == 1


def test_perplexity_is_e_to_the_mean_loss() -> None:
    figure = Metric(name="perplexity").figure(
        "perplexity", samples(["a", "b"]), answers([{"loss": 1.0}, {"loss": 3.0}]), 0
    )
    assert figure is not None and math.isclose(figure.value, math.exp(2))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("word_perplexity", math.exp(30 / 5)),
        ("byte_perplexity", math.exp(30 / 20)),
        ("bits_per_byte", 1.5 / math.log(2)),
    ],
)
def test_documents_count_by_their_length(name: str, value: float) -> None:
    given = answers(
        [{"loss": 10.0, "num_words": 2.0, "num_bytes": 8.0}, {"loss": 20.0, "num_words": 3.0, "num_bytes": 12.0}]
    )
    figure = Metric(name=name).figure(name, samples(["a", "b"]), given, 0)
    assert figure is not None and math.isclose(figure.value, value)


def test_a_figure_that_no_number_holds_is_left_out_with_a_notice() -> None:
    given = answers([{"loss": 5000.0, "num_words": 1.0, "num_bytes": 3000.0}] * 2)
    with pytest.warns(
        EvaluationNotice, match="word_perplexity is left out: of one text it is e to the 5,000, more than a"
    ):
        assert Metric(name="word_perplexity").figure("word_perplexity", samples(["文", "章"]), given, 0) is None
    assert Metric(name="bits_per_byte").figure("bits_per_byte", samples(["文", "章"]), given, 0) is not None


def test_f1_is_of_the_second_of_two_choices_and_macro_f1_of_all() -> None:
    judged = [[[-1.0, False], [-2.0, False]], [[-2.0, False], [-1.0, False]], [[-2.0, False], [-1.0, True]]]
    given = answers([{}] * 3, judged)  # 0, 1, 1
    f1 = Metric(name="f1").figure("f1", samples([0, 1, 0]), given, 0)
    macro = Metric(name="macro_f1").figure("macro_f1", samples([0, 1, 0]), given, 0)
    assert f1 is not None and math.isclose(f1.value, 2 / 3)  # one right, two given, one wanted
    assert macro is not None and math.isclose(macro.value, 2 / 3)
    none_given = Metric(name="f1").figure("f1", samples([0, 0]), answers([{}] * 2, judged[:1] * 2), 0)
    assert none_given is not None and none_given.value == 0


def test_texts_are_judged_by_the_pipeline_that_is_meant() -> None:
    pytest.importorskip("sacrebleu", reason="sacrebleu is in the extra 'eval', which is not installed")
    given = answers([{}] * 2, [["wrong words here now", "the cat sat down"], ["x", "a dog ran away"]])
    figure = Metric(name="bleu").figure("bleu", samples(["the cat sat down", ["a dog ran away", "or not"]]), given, 1)
    assert figure is not None and math.isclose(figure.value, 100)


def test_clusters_widen_the_interval() -> None:
    values = answers([{"acc": float(idx < 8)} for idx in range(16)])
    alone = Metric(name="acc").figure("acc", samples([0] * 16), values, 0)
    together = Metric(name="acc").figure("acc", samples([0] * 16, [str(idx // 8) for idx in range(16)]), values, 0)
    assert alone is not None and together is not None and alone.standard_error and together.standard_error
    assert together.standard_error > 2 * alone.standard_error


@pytest.mark.parametrize(
    ("metric", "wanted", "signature"),
    [
        (Metric(name="bleu"), [("a b",), ("c",)], "nrefs:1|case:mixed|eff:no|tok:13a|"),
        (Metric(name="bleu"), [("北京", "上海"), ("天津",)], "nrefs:var|case:mixed|eff:no|tok:zh|"),
        (Metric(name="bleu", options={"tokenizer": "char"}), [("a", "b")], "nrefs:2|case:mixed|eff:no|tok:char|"),
        (Metric(name="ter"), [("北京",)], "asian:yes"),
        (Metric(name="ter"), [("Paris",)], "asian:no"),
        (Metric(name="chrf++"), [("Paris",)], "nw:2"),
        (Metric(name="rouge2", options={"stemmer": True}), [("a", "b")], "nrefs:2|tok:words-cjk|stem:porter"),
        (Metric(name="exact_match", options={"ignore_case": True}), [], "ignore_case:True"),
        (Metric(name="f1"), [], "of:choice-1"),
        (Metric(name="acc"), [], ""),
    ],
)
def test_signatures_say_what_must_be_equal(metric: Metric, wanted: list[tuple[str, ...]], signature: str) -> None:
    for package in ("sacrebleu", "rouge_score"):
        pytest.importorskip(package, reason=f"{package} is in the extra 'eval', which is not installed")
    measure = metric.measure(metric.name, wanted)
    assert signature in measure.signature
    assert measure.higher_is_better == (metric.name != "ter")


def test_every_kind_of_output_has_its_usual_metrics(tmp_path: Path) -> None:
    for output_type, names in DEFAULTS.items():
        assert tuple(metric.name for metric in read(tmp_path, "a: b", output_type)) == names  # type: ignore[arg-type]
        assert all(output_type in METRICS[name].outputs for name in names)


def test_options_and_lm_evals_own_words_are_read(tmp_path: Path) -> None:
    text = "metric_list: [{metric: ter, aggregation: ter, higher_is_better: false, lowercase: true}]"
    assert read(tmp_path, text) == (Metric(name="ter", options={"lowercase": True}),)


@pytest.mark.parametrize(
    ("listed", "problem"),
    [
        ("acc", "metric_list must be a list of entries with 'metric'"),
        ("[]", "metric_list must be a list"),
        ("[acc]", "metric_list must hold entries with 'metric'"),
        ("[{name: acc}]", "metric_list must hold entries with 'metric'"),
        ("[{metric: exact_mach}]", "is 'exact_mach', which generate_until does not have; did you mean exact_match"),
        ("[{metric: acc}]", "is 'acc', which generate_until does not have; known are exact_match, token_f1"),
        ("[{metric: exact_match}, {metric: exact_match}]", "names a metric twice"),
        ("[{metric: exact_match, ignorecase: true}]", "did you mean ignore_case"),
        ("[{metric: exact_match, ignore_case: yes}]", "ignore_case is 'yes'; write true or false"),
        ("[{metric: exact_match, regexes_to_ignore: x}]", "regexes_to_ignore must be a list of regular expressions"),
        ("[{metric: exact_match, regexes_to_ignore: ['*']}]", "which is no regular expression"),
        ("[{metric: exact_match, aggregation: median}]", "aggregation is 'median'; exact_match has 'mean' alone"),
        ("[{metric: ter, higher_is_better: true}]", "higher_is_better must be false for ter"),
        ("[{metric: bleu, tokenizer: ja-mecab}]", "tokenizer is 'ja-mecab'; choose one of 13a, zh, intl, char, none"),
        ("[{metric: rougeL, tokenizer: zh}]", "tokenizer is 'zh'; choose one of words-cjk, rouge-score"),
        ("[{metric: exact_match, hf_evaluate: true}]", "hf_evaluate is not known here"),
    ],
)
def test_what_is_no_metric_is_refused(tmp_path: Path, listed: str, problem: str) -> None:
    with pytest.raises(EvaluationError, match=re.escape(problem)):
        read(tmp_path, f"metric_list: {listed}")
