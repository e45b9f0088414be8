"""What a figure is, how it is shown, and that nothing but a number is one."""

import math
import subprocess
import sys

import pytest

import eval.metrics as metrics
from eval.metrics import Figure

FIGURE = Figure(value=0.5, interval=(0.4, 0.625), n=20, method="by hand")


def test_it_is_shown_with_its_interval() -> None:
    assert str(FIGURE) == "0.5 [0.4, 0.625] (n=20)"


def test_without_an_interval_it_says_why() -> None:
    alone = Figure(value=0.5, interval=None, n=1, method="no interval: 1 sample has no spread")
    assert str(alone) == "0.5 (n=1; no interval: 1 sample has no spread)"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"value": math.nan}, "must be finite"),
        ({"interval": (0.1, math.inf)}, "must be finite"),
        ({"interval": (0.6, 0.4)}, "ends before it begins"),
        ({"n": 0}, "0 samples says nothing"),
    ],
)
def test_what_is_no_figure_is_refused(changed, message) -> None:
    with pytest.raises(ValueError, match=message):
        Figure(**({"value": 0.5, "interval": (0.4, 0.6), "n": 2, "method": ""} | changed))


def test_every_public_name_is_there_and_sorted() -> None:
    assert metrics.__all__ == sorted(metrics.__all__)
    assert all(getattr(metrics, name) is not None for name in metrics.__all__)
    assert set(metrics.__all__) <= set(dir(metrics))
    with pytest.raises(AttributeError, match="no attribute 'meteor'"):
        metrics.meteor  # noqa: B018


def test_a_name_stays_itself_after_its_module_is_imported() -> None:
    """A module called like a public name would take its place."""
    code = "import eval.metrics.rouge_scores, eval.metrics as m; print(all(callable(getattr(m, n)) for n in m.__all__))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "True\n"


def test_packages_of_the_extra_load_only_when_they_are_needed() -> None:
    code = (
        "import sys; from eval.metrics import bleu, rouge, accuracy; accuracy([1], [1]);"
        "print(sorted({'sacrebleu', 'rouge_score', 'nltk', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
