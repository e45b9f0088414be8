"""A small `Task` for tests of what runs tasks: sums, answered by a model as text."""

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from appkit import GenerationSettings, LanguageModel
from eval.harness.task import Answered, Measure, OutputType, Sample
from eval.metrics import Figure, bootstrap_figure, mean_figure

ABOUT = "sums of small numbers"
SETTINGS: Mapping[str, str] = {
    "num_samples": "how many",
    "interrupt_at": "press Ctrl-C when this sample is asked",
    "fail_at": "raise OSError when this sample is asked",
}


def make_task(settings: Mapping[str, Any]) -> "SmallTask":
    """As task modules have it, so that a test can register this one."""
    for name in settings:
        if name not in SETTINGS:
            raise ValueError(f"sums has no setting {name!r}; it has {', '.join(SETTINGS)}.")
    return SmallTask(
        num_samples=int(settings.get("num_samples", 6)),
        interrupt_at=int(settings.get("interrupt_at", -1)),
        fail_at=int(settings.get("fail_at", -1)),
    )


@dataclass(frozen=True, kw_only=True)
class SmallTask:
    """Sums such as "3 + 4 =", right where the answer begins with the digits."""

    num_samples: int = 6
    in_flight: int = 1
    name: str = "sums"
    version: str = "1"
    step: int = 1  # what is added
    needs_model: bool = True
    seconds: float = 0.0  # that asking takes
    asked_log: Path | None = None  # the doc_id of every sample that is asked, one a line
    interrupt_at: int = -1
    fail_at: int = -1
    about: str = ABOUT
    output_type: OutputType = "generate_until"
    num_fewshot: int = 0
    measures: Sequence[Measure] = (Measure(name="acc"), Measure(name="chars", higher_is_better=False, is_mean=False))
    more_settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"num_samples": self.num_samples, "generation": {"temperature": 0.0}, **self.more_settings}

    @contextmanager
    def open(self, model: LanguageModel | None, limit: int | None) -> Iterator["SmallSession"]:
        samples = [
            Sample(
                doc_id=number,
                doc={"question": f"{number} + {self.step} ="},
                target=str(number + self.step),
                cluster=f"page {number // 2}",
            )
            for number in range(self.num_samples)
        ]
        yield SmallSession(task=self, model=model, samples=samples[:limit])


@dataclass(frozen=True, kw_only=True)
class SmallSession:
    """Under way."""

    task: SmallTask
    model: LanguageModel | None
    samples: Sequence[Sample]

    @property
    def max_in_flight(self) -> int:
        return self.task.in_flight

    def ask(self, sample: Sample) -> Answered:
        if self.task.asked_log is not None:
            with self.task.asked_log.open("a") as file:
                file.write(f"{sample.doc_id}\n")
        if sample.doc_id == self.task.interrupt_at:
            signal.raise_signal(signal.SIGINT)
        if sample.doc_id == self.task.fail_at:
            raise OSError("the line is dead")
        time.sleep(self.task.seconds)
        question = str(sample.doc["question"])
        settings = GenerationSettings(temperature=0.0, max_tokens=6)
        text = self.model.generate(question, settings).text if self.model else ""
        return Answered(
            arguments=[(question, {"max_gen_toks": 6})],
            resps=[text],
            filtered_resps=[text.strip()],
            values={"acc": float(text.strip().startswith(sample.target)), "length": len(text)},
            token_logprobs=[(char, -0.1 * (idx + 1)) for idx, char in enumerate(text)],
            notes={"said": text},
        )

    def figures(self, samples: Sequence[Sample], answers: Sequence[Answered]) -> Mapping[str, Figure]:
        lengths = np.array([[answer.values["length"], 1.0] for answer in answers])
        clusters = [sample.cluster for sample in samples]
        return {
            "acc": mean_figure([answer.values["acc"] for answer in answers], clusters=clusters),
            "chars": bootstrap_figure(lengths, lambda sums: sums[:, 0] / sums[:, 1], clusters=clusters),
        }
