"""A model as judge: grades by a rubric, and preferences between two answers asked in both orders.

    from appkit import open_model
    from eval.judge import judge_figures, prefer, rate

    with open_model(judge) as model:
        print(rate(model, "How many legs has a spider?", "Eight.").grade)
        print(prefer(model, "How many legs has a spider?", "Eight.", "I like spiders.").winner)

A verdict is never NaN: it is one of the choices, or says why there is none. The task `judge_pairs` measures how far a
judge is to be trusted, before it is used.
"""

from eval.judge.aggregate import judge_figures
from eval.judge.preference import Preference, prefer
from eval.judge.rating import Rating, rate
from eval.judge.verdict import Verdict, decide

__all__ = ["Preference", "Rating", "Verdict", "decide", "judge_figures", "prefer", "rate"]
