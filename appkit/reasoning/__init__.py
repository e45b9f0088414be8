"""Chain of thought, self-consistency and workflow patterns: plain functions over any `LanguageModel`."""

from appkit.reasoning.answer_line import AnswerLine, number_answer, plain_answer
from appkit.reasoning.best_of import Ranked, best_of, judged_by, mean_logprob
from appkit.reasoning.chaining import Chained, Stage, chain
from appkit.reasoning.orchestration import Orchestrated, Part, Report, Worker, divide, orchestrate
from appkit.reasoning.planning import Planned, plan, plan_and_solve
from appkit.reasoning.refining import Refined, Round, Verdict, refine, reflect
from appkit.reasoning.routing import Route, label_probabilities, route
from appkit.reasoning.sections import parallel
from appkit.reasoning.thinking import ChainOfThought, Reasoned, think
from appkit.reasoning.voting import Consensus, Vote, self_consistency, vote

__all__ = [
    "AnswerLine",
    "ChainOfThought",
    "Chained",
    "Consensus",
    "Orchestrated",
    "Part",
    "Planned",
    "Ranked",
    "Reasoned",
    "Refined",
    "Report",
    "Round",
    "Route",
    "Stage",
    "Verdict",
    "Vote",
    "Worker",
    "best_of",
    "chain",
    "divide",
    "judged_by",
    "label_probabilities",
    "mean_logprob",
    "number_answer",
    "orchestrate",
    "parallel",
    "plain_answer",
    "plan",
    "plan_and_solve",
    "refine",
    "reflect",
    "route",
    "self_consistency",
    "think",
    "vote",
]
