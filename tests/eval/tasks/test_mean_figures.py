"""Figures over samples: who has no value says nothing, who shares a cluster stands and falls together."""

from collections.abc import Mapping, Sequence

from eval.harness.task import Answered, Measure, Sample
from eval.metrics import mean_figure
from eval.tasks.mean_figures import clusters_of, mean_figures, ratio_figure


def samples(*clusters: str | None) -> list[Sample]:
    return [Sample(doc_id=idx, doc={}, target=None, cluster=cluster) for idx, cluster in enumerate(clusters)]


def answers(rows: Sequence[Mapping[str, float]]) -> list[Answered]:
    return [Answered(arguments=(), resps=(), filtered_resps=(), values=row) for row in rows]


def test_a_mean_is_of_the_samples_that_have_a_value() -> None:
    measures = [
        Measure(name="acc"),
        Measure(name="acc_hard"),
        Measure(name="acc_none"),
        Measure(name="x", is_mean=False),
    ]
    rows = [{"acc": 1.0, "x": 2.0}, {"acc": 0.0, "acc_hard": 0.0}, {"acc": 1.0, "acc_hard": 1.0}]
    found = mean_figures(measures, samples(None, None, None), answers(rows))
    assert found == {"acc": mean_figure([1.0, 0.0, 1.0]), "acc_hard": mean_figure([0.0, 1.0])}


def test_whole_clusters_are_drawn_where_samples_share_one() -> None:
    rows = answers([{"acc": 1.0}, {"acc": 0.0}, {"acc": 1.0}])
    shared = mean_figures([Measure(name="acc")], samples("page", "page", None), rows)["acc"]
    assert "over 2 clusters" in shared.method
    alone = mean_figures([Measure(name="acc")], samples("a", "b", "c"), rows)["acc"]
    assert alone.method == "Wilson interval"
    assert clusters_of(samples("page", "page", None)) == ["page", "page", 2]


def test_a_ratio_is_of_sums_over_samples_that_have_a_whole() -> None:
    found = ratio_figure(samples(None, None, None), [1, 0, 2], [4, 0, 2])
    assert found is not None
    assert (found.value, found.n) == (0.5, 2)
    assert ratio_figure(samples(None), [0], [0]) is None
