"""Perplexity and bits per byte of a text file, by a named recipe: how well a model foresees text nobody wrote for it.

A sample is a window. The figures are those of `eval.metrics.perplexity`, to the bit, of the windows within the limit.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from appkit import CapabilityError, LanguageModel, LocalModel
from appkit.errors import EvaluationDataError
from eval.harness.data import data_path, read_text
from eval.harness.notices import notice
from eval.harness.task import Answered, Measure, Sample
from eval.metrics import Figure
from eval.metrics.perplexity_figures import WindowSums, perplexity_figures, perplexity_per_word, token_error
from eval.metrics.perplexity_recipe import RecipeSettings, choose_settings
from eval.metrics.perplexity_scoring import ScoredDocument
from eval.metrics.perplexity_windows import RECIPES, Recipe
from eval.tasks.python_task import AskedSession, PythonTask
from eval.tasks.task_settings import check_known, one_of, text, truth, whole_number

ABOUT = "perplexity and bits per byte of a text file, window by window (WikiText-2 unless a file is named)"
SETTINGS = {
    "file": "a UTF-8 text file; the validation text of WikiText-2 in APPKIT_DATA unless given",
    "recipe": f"how the text is cut: {', '.join(RECIPES)}; rolling unless given",
    "window": "tokens the model sees at a time; 512 for llama.cpp, else all it holds",
    "stride": "tokens from one window to the next, for strided; 512 or half the window",
    "start_token": "yes or no: whether windows begin with the model's start token; as the model does unless given",
}
DATA = "wikitext2/valid.txt"
_SUMS = ("loss", "num_tokens", "num_bytes", "weight")  # what a window adds, by the names of `WindowSums`


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What was chosen of how the text is cut; None leaves it to the recipe and the model."""

    recipe: Recipe
    window: int | None
    stride: int | None
    start_token: bool | None


def make_task(settings: Mapping[str, Any]) -> PythonTask:
    """The task. Raises ValueError for settings it does not have or that are out of range."""
    check_known("perplexity", settings, SETTINGS)
    file = text(settings, "file")
    cut = Cut(
        recipe=one_of(settings, "recipe", RECIPES, "rolling"),
        window=whole_number(settings, "window"),
        stride=whole_number(settings, "stride"),
        start_token=truth(settings, "start_token"),
    )
    chosen = {"recipe": cut.recipe, "window": cut.window, "stride": cut.stride, "start_token": cut.start_token}
    return PythonTask(
        name="perplexity",
        about=ABOUT,
        version="1",
        output_type="loglikelihood_rolling",
        measures=_measures(cut),
        settings={"file": file, **chosen},
        open_session=partial(_open, file, cut),
    )


def _measures(cut: Cut) -> tuple[Measure, ...]:
    """Perplexities compare where all of the signature, and the tokenizer, is equal; bits per byte need no tokenizer."""
    start = {None: "model", True: "yes", False: "no"}[cut.start_token]
    signature = f"recipe:{cut.recipe}|window:{cut.window or 'default'}|stride:{cut.stride or 'default'}|start:{start}"
    names = ("perplexity", "bits_per_byte", *(("word_perplexity",) if cut.recipe == "rolling" else ()))
    return tuple(Measure(name=name, higher_is_better=False, is_mean=False, signature=signature) for name in names)


@contextmanager
def _open(file: str | None, cut: Cut, model: LanguageModel | None, limit: int | None) -> Iterator[AskedSession]:
    path = data_path(DATA) if file is None else Path(file)
    content = read_text(path)
    if not isinstance(model, LocalModel):
        name = model.name if model is not None else "no model"
        raise CapabilityError(
            f"Perplexity is measured on the tokens of a local model; {name} is none: name one, such as smollm2-135m.",
            name,
            "score",
        )
    engine = model.engine
    settings = choose_settings(
        engine.model.tokenizer,
        engine.max_seq_len,
        recipe=cut.recipe,
        window=cut.window,
        stride=cut.stride,
        start_token=cut.start_token,
    )
    try:
        document = ScoredDocument(engine, 0, content, settings)
    except ValueError as error:
        raise EvaluationDataError(f"{path}: {error}", str(path)) from error
    if len(document.windows) == 1 and document.num_tokens < settings.window:
        notice(f"{path} has {document.num_tokens} tokens, less than one window of {settings.window}: one sample.")
    windows = _Windows(document, settings, model)
    samples = [windows.sample(idx) for idx in range(len(document.windows))][:limit]
    yield AskedSession(samples=samples, ask=windows.ask, figures=partial(_figures, content, len(document.windows), cut))


def facts(samples: Sequence[tuple[Sample, Answered]]) -> dict[str, str]:
    """How a finished run was cut and what was scored, for a page of results."""
    cut = samples[0][0].doc
    logprobs = np.array([logprob for _, answered in samples for _, logprob in answered.token_logprobs], np.float64)
    sums = [_sums(answered) for _, answered in samples]
    value = perplexity_figures(sums)[0].value
    return {
        "window": f"{cut['window']:,} tokens",
        "stride": f"{cut['stride']:,} tokens",
        "start token": f"`{cut['start_token']}`" if cut["start_token"] else "none",
        "scored": f"{sum(one.num_tokens for one in sums):,} tokens, {sum(one.num_bytes for one in sums):,} bytes",
        "± of the perplexity, were tokens independent, as llama.cpp prints it": f"{token_error(logprobs, value):.3f}",
    }


class _Windows:
    """The windows of a text as samples."""

    def __init__(self, document: ScoredDocument, settings: RecipeSettings, model: LocalModel) -> None:
        self._document = document
        self._settings = settings
        self._tokenizer = model.engine.model.tokenizer
        self._start_token = settings.start_token(self._tokenizer)

    def sample(self, idx: int) -> Sample:
        """Its `doc` holds all that the model is shown, and how it was cut."""
        cut = self._document.windows[idx]
        return Sample(
            doc_id=idx,
            doc={
                "recipe": self._settings.recipe,
                "window": self._settings.window,
                "stride": self._settings.stride,
                "start_token": self._start_token,
                "start": cut.start,
                "end": cut.end,
                "context": self._text(cut.context_ids),
                "text": self._text(self._document.scored_ids(cut)),
            },
            target=None,
        )

    def ask(self, sample: Sample) -> Answered:
        cut = self._document.windows[sample.doc_id]
        scored = self._document.score(cut)
        tokens = [self._text([token_id]) for token_id in self._document.scored_ids(cut)]
        return Answered(
            arguments=[(sample.doc["context"], sample.doc["text"])],
            resps=[-scored.sums.loss],
            filtered_resps=[-scored.sums.loss],
            values={name: getattr(scored.sums, name) for name in _SUMS},
            token_logprobs=list(zip(tokens, scored.logprobs.tolist(), strict=True)),
        )

    def _text(self, token_ids: Sequence[int]) -> str:
        return b"".join(map(self._tokenizer.token_bytes, token_ids)).decode("utf-8", "replace")


def _figures(
    content: str, num_windows: int, cut: Cut, samples: Sequence[Sample], answers: Sequence[Answered]
) -> dict[str, Figure]:
    sums = [_sums(answer) for answer in answers]
    per_token, per_byte = perplexity_figures(sums)
    figures = {"perplexity": per_token, "bits_per_byte": per_byte}
    if cut.recipe == "rolling" and len(samples) == num_windows:
        num_bytes = sum(part.num_bytes for part in sums)
        figures["word_perplexity"] = perplexity_per_word(per_byte, num_bytes, [content])
    return figures


def _sums(answered: Answered) -> WindowSums:
    """As they went into the values of a sample."""
    values = answered.values
    return WindowSums(
        document=0,
        loss=values["loss"],
        num_tokens=int(values["num_tokens"]),
        num_bytes=int(values["num_bytes"]),
        weight=int(values["weight"]),
    )
