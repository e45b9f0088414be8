"""How much of a reference an answer says: exact match, token F1 and ROUGE-L, all on normalised tokens.

Normalising is SQuAD's: lower case, no punctuation, no English articles; a CJK character is a token. ROUGE-L is the
F-measure over the longest common subsequence of these tokens, for tasks that compare answers; `rouge` is the one whose
figures are comparable with others'. Several references: the best counts.

Source: Rajpurkar et al., arXiv:1606.05250 (exact match, F1); Lin, "ROUGE", 2004, §3 (ROUGE-L, with beta = 1).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from eval.metrics.tokens import text_tokens

_ARTICLES = frozenset(("a", "an", "the"))


def normalised_tokens(text: str) -> list[str]:
    """Tokens as all three measures compare them."""
    return [token for token in text_tokens(text.replace("'", "").replace("’", "")) if token not in _ARTICLES]


def exact_match(answer: str, reference: str) -> float:
    """1 where both are the same tokens, else 0."""
    return float(normalised_tokens(answer) == normalised_tokens(reference))


def token_f1(answer: str, reference: str) -> float:
    """Harmonic mean of precision and recall over tokens as a bag, 0 to 1; 1 where both are empty."""
    said, wanted = normalised_tokens(answer), normalised_tokens(reference)
    return _f1((Counter(said) & Counter(wanted)).total(), len(said), len(wanted))


def rouge_l(answer: str, reference: str) -> float:
    """Harmonic mean of precision and recall over the longest common subsequence, 0 to 1."""
    said, wanted = normalised_tokens(answer), normalised_tokens(reference)
    return _f1(_common_subsequence_len(said, wanted), len(said), len(wanted))


def best_of(measure: Callable[[str, str], float], answer: str, references: Iterable[str]) -> float:
    """The highest value over the references. Raises ValueError where there is none."""
    return max(measure(answer, reference) for reference in references)


def _f1(num_common: int, num_said: int, num_wanted: int) -> float:
    return 2 * num_common / (num_said + num_wanted) if num_said + num_wanted else 1.0


def _common_subsequence_len(a: Sequence[str], b: Sequence[str]) -> int:
    row = [0] * (len(b) + 1)  # row[j]: of the tokens of `a` so far and the first j of `b`
    for token in a:
        diagonal = 0
        for j, other in enumerate(b, start=1):
            diagonal, row[j] = row[j], diagonal + 1 if token == other else max(row[j], row[j - 1])
    return row[-1]
