"""A model as judge: grades by a rubric, and preferences between two answers asked in both orders.

    from appkit import open_model
    from eval.judge import judge_figures, prefer, rate

    with open_model(judge) as model:
        print(rate(model, "How many legs has a spider?", "Eight.").grade)
        print(prefer(model, "How many legs has a spider?", "Eight.", "I like spiders.").winner)

`judge_run` judges the answers that a run holds; at a command line that is

    appkit eval run judge_grade --set run=FOLDER -m JUDGE
    appkit eval run judge_prefer --set run=FOLDER --set against=FOLDER -m JUDGE

A verdict is never NaN: it is one of the choices, or says why there is none. The task `judge_pairs` measures how far a
judge is to be trusted, before it is used.
"""

from eval.judge.aggregate import judge_figures
from eval.judge.preference import Preference, prefer
from eval.judge.rating import Rating, rate
from eval.judge.run import judge_run
from eval.judge.verdict import Verdict, decide

__all__ = ["Preference", "Rating", "Verdict", "decide", "judge_figures", "judge_run", "prefer", "rate"]
