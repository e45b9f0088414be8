"""ROUGE-1, -2, -L and -Lsum of a set of summaries, through rouge-score, with tokens for every script.

rouge-score deletes whatever is not a to z or a digit. Its own tokenizer is here as "rouge-score", to compare with
figures published so; the usual one is `text_tokens`, which gives the same tokens of ASCII text. The signature names it.

Source: Lin, "ROUGE: a package for automatic evaluation of summaries", 2004.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from eval.metrics.figures import Figure
from eval.metrics.means import mean_figure
from eval.metrics.references import References, checked_pairs
from eval.metrics.tokens import TOKENIZER_NAME, text_tokens

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer

ROUGE_TYPES = ("rouge1", "rouge2", "rougeL", "rougeLsum")
RougeTokenizer = Literal["words-cjk", "rouge-score"]
Stems = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class RougeScore:
    """One kind of ROUGE, 0 to 1: means over samples, the F1 with its interval and sample by sample."""

    f1: Figure
    precision: Figure
    recall: Figure
    f1_of_each: tuple[float, ...]  # in the order of the predictions, for `compare_pairs`


@dataclass(frozen=True, kw_only=True)
class Rouge:
    """All kinds of ROUGE of a set: `scores["rougeL"].f1`, or `rouge(…)["rougeL"].f1`."""

    scores: Mapping[str, RougeScore]
    signature: str

    def __getitem__(self, name: str) -> RougeScore:
        return self.scores[name]

    def __str__(self) -> str:
        figures = ", ".join(f"{name} {score.f1}" for name, score in self.scores.items())
        return f"{figures} ({self.signature})"


def rouge(
    predictions: Sequence[str],
    references: References,
    *,
    tokenizer: RougeTokenizer = "words-cjk",
    stemmer: bool = False,
    clusters: Sequence[Hashable] | None = None,
) -> Rouge:
    """All four kinds of ROUGE; of several references the one with the best F1 counts, for each kind.

    ROUGE-Lsum compares sentence by sentence and takes a line for a sentence, as rouge-score does. Without line breaks
    it equals ROUGE-L.

    Args:
        references: one text for each prediction, or several for each.
        tokenizer: "rouge-score" is that package's own, for ASCII alone.
        stemmer: compare words of over three letters by their Porter stem, as the original ROUGE-1.5.5 can (-m).
        clusters: of each prediction, what it shares with others, such as its document.

    Raises:
        ModuleNotFoundError: the extra `eval` is not installed.
        TypeError, ValueError: see `references.checked_pairs`; an unknown tokenizer.
    """
    texts, checked = checked_pairs(predictions, references)
    scorer, version = _scorer(tokenizer, stemmer)
    rows = [scorer.score_multi(wanted, text) for text, wanted in zip(texts, checked, strict=True)]
    return Rouge(
        scores=MappingProxyType({name: _collect([row[name] for row in rows], clusters) for name in ROUGE_TYPES}),
        signature="|".join([
            f"nrefs:{_num_references(checked)}",
            f"tok:{tokenizer}",
            f"stem:{'porter' if stemmer else 'no'}",
            "sents:lines",
            "agg:mean",
            f"rouge-score:{version}",
        ]),
    )  # fmt: skip


class _Tokenizer:
    """`text_tokens` in the form that rouge-score calls."""

    def __init__(self, stemmer: bool) -> None:
        from nltk.stem.porter import PorterStemmer

        self._stemmer = PorterStemmer() if stemmer else None

    def tokenize(self, text: str) -> list[str]:
        tokens = text_tokens(text)
        if self._stemmer is None:
            return tokens
        return [self._stemmer.stem(token) if len(token) > 3 else token for token in tokens]


def _scorer(tokenizer: RougeTokenizer, stemmer: bool) -> tuple["RougeScorer", str]:
    """rouge-score's scorer and the version of the package. Loading it takes a second, for it loads all of NLTK."""
    if tokenizer not in ("words-cjk", "rouge-score"):
        raise ValueError(f"tokenizer is {tokenizer!r}; choose words-cjk or rouge-score.")
    try:
        from importlib.metadata import version

        from rouge_score.rouge_scorer import RougeScorer
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "ROUGE needs the package rouge-score: pip install 'appkit-llm[eval]'", name="rouge_score"
        ) from error
    own = _Tokenizer(stemmer) if tokenizer == TOKENIZER_NAME else None
    return RougeScorer(list(ROUGE_TYPES), use_stemmer=stemmer, tokenizer=own), version("rouge-score")


def _collect(rows: Sequence["tuple[float, float, float]"], clusters: Sequence[Hashable] | None) -> RougeScore:
    precisions, recalls, f1s = zip(*rows, strict=True)
    return RougeScore(
        f1=mean_figure(f1s, clusters=clusters),
        precision=mean_figure(precisions, clusters=clusters),
        recall=mean_figure(recalls, clusters=clusters),
        f1_of_each=tuple(map(float, f1s)),
    )


def _num_references(references: Sequence[Sequence[str]]) -> str:
    sizes = {len(item) for item in references}
    return str(sizes.pop()) if len(sizes) == 1 else "var"
