"""The perplexity of a file, window by window, is that of the metric; what cannot be measured is one sentence."""

import json

import pytest

from appkit import CapabilityError, LocalModel, ScriptedModel
from appkit.errors import EvaluationDataError
from eval.harness.notices import EvaluationNotice
from eval.harness.task import Answered
from eval.metrics import perplexity
from eval.tasks.perplexity import make_task
from tests.helpers.tiny_model import write_tiny_model

TEXT = "the cat on the other mat, 猫在垫子上。 " * 20


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    with LocalModel(write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf"), num_threads=1) as opened:
        yield opened


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "some.txt"
    path.write_text(TEXT, "utf-8")
    return str(path)


def ask_all(model, settings, limit=None):
    with make_task(settings).open(model, limit) as session:
        answers = [session.ask(sample) for sample in session.samples]
        # as a run keeps them
        kept = [Answered(**json.loads(json.dumps(vars(answer)))) for answer in answers]
        return session.samples, kept, session.figures(session.samples, kept)


@pytest.mark.parametrize(
    ("chosen", "options"),
    [
        ({"window": "64"}, {"window": 64}),
        ({"recipe": "strided", "window": 64, "stride": "48"}, {"recipe": "strided", "window": 64, "stride": 48}),
        ({"recipe": "window", "window": "64"}, {"recipe": "window", "window": 64}),
        ({"recipe": "llama.cpp", "window": "64"}, {"recipe": "llama.cpp", "window": 64}),
    ],
    ids=["rolling", "strided", "window", "llama.cpp"],
)
def test_figures_are_those_of_the_metric_to_the_bit(model, file, chosen, options) -> None:
    samples, _, figures = ask_all(model, {"file": file, **chosen})
    found = perplexity(model.engine, TEXT, **options)
    assert (figures["perplexity"], figures["bits_per_byte"]) == (found.perplexity, found.bits_per_byte)
    assert figures.get("word_perplexity") == found.word_perplexity
    assert len(samples) == found.num_windows > 3
    first, _, limited = ask_all(model, {"file": file, **chosen}, limit=2)
    assert [sample.doc_id for sample in first] == [0, 1]
    assert limited["perplexity"] == perplexity(model.engine, TEXT, **options, max_windows=2).perplexity
    assert "word_perplexity" not in limited  # lm-eval's is of whole texts


def test_a_sample_shows_what_was_read_and_how_likely_each_token_was(model, tmp_path) -> None:
    path = tmp_path / "ascii.txt"
    path.write_text("the cat on the other mat. " * 20, "utf-8")
    samples, answers, _ = ask_all(model, {"file": str(path), "window": "64"})
    assert "".join(sample.doc["text"] for sample in samples) == path.read_text("utf-8")
    assert samples[0].doc["start_token"] == samples[0].doc["context"]
    for sample, answer in zip(samples, answers, strict=True):
        tokens, logprobs = zip(*answer.token_logprobs, strict=True)
        assert len(tokens) == sample.doc["end"] - sample.doc["start"]
        assert -sum(logprobs) == pytest.approx(answer.values["loss"])


def test_a_text_shorter_than_a_window_is_measured_and_said(model, tmp_path) -> None:
    path = tmp_path / "short.txt"
    path.write_text("the cat", "utf-8")
    with pytest.warns(EvaluationNotice, match=r"short\.txt has 6 tokens, less than one window of \d+: one sample"):
        _, _, figures = ask_all(model, {"file": str(path)})
    assert figures["perplexity"].interval is None


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        (None, {}, "cannot be read: No such file or directory"),
        (b"\xff\xfe", {}, "is not UTF-8 text: byte 0 is 0xff."),
        (b"", {}, "given.txt: Text 0 has 0 tokens"),
        (b"short", {"recipe": "llama.cpp"}, "needs two windows"),
    ],
    ids=["missing", "not text", "empty", "too short"],
)
def test_a_file_that_cannot_be_measured_is_one_sentence(content, settings, message, model, tmp_path) -> None:
    path = tmp_path / "given.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EvaluationDataError, match=message) as raised:
        ask_all(model, {"file": str(path), **settings})
    assert raised.value.path == str(path)


def test_the_usual_text_is_looked_for_in_the_data_folder(model, monkeypatch) -> None:
    monkeypatch.delenv("APPKIT_DATA", raising=False)
    with pytest.raises(EvaluationDataError, match=r"WikiText-2.*set APPKIT_DATA to the folder that holds wikitext2"):
        ask_all(model, {})


def test_a_model_without_tokens_of_its_own_is_refused(file) -> None:
    with pytest.raises(CapabilityError, match="scripted is none: name one"):
        ask_all(ScriptedModel(["x"], name="scripted"), {"file": file})


@pytest.mark.parametrize("settings", [{"recipe": "sliding"}, {"window": "few"}, {"files": "x"}, {"start_token": "si"}])
def test_settings_that_are_none_are_refused_at_once(settings) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        make_task(settings)
