"""Debian sections: which packages become examples and questions, how the model is asked, and what is counted."""

import pytest

from appkit.fewshot import Example, ExampleStore
from appkit.llm.scripted import ScriptedModel
from eval.tasks import debian_sections_data
from eval.tasks.debian_sections import answer, as_markdown, build_prompt, evaluate, summarise, vote
from eval.tasks.debian_sections_data import SECTIONS, load_packages, split
from tests.helpers.tiny_embedder import TinyEmbedder

STANZA = "Package: {name}\nSource: {source}\nSection: {section}\nDescription: {text}\n a longer text\nDepends: libc6\n"


def listed(*packages: tuple[str, str, str, str]) -> str:
    names = ("name", "source", "section", "text")
    return "\n".join(STANZA.format(**dict(zip(names, package, strict=True))) for package in packages)


def package(name: str, section: str, text: str | None = None) -> Example:
    return Example(id=name, fields={"description": text or f"a tool called {name}"}, label=section)


def test_a_package_is_its_first_line_and_its_section() -> None:
    packages = load_packages(listed(("nethack", "nethack (3.6)", "games", "dungeon crawl game")))
    assert packages == {"games": [package("nethack", "games", "dungeon crawl game")]}


@pytest.mark.parametrize(
    "second",
    [
        ("b", "source-a", "games", "another game"),
        ("b", "source-b", "web", "a game"),
        ("b", "source-b", "libs", "a library"),
        ("b", "source-b", "games", "transitional package"),
        ("b", "source-b", "games", ""),
    ],
    ids=["same source", "same words", "section that is not asked", "transitional", "no description"],
)
def test_siblings_repetitions_and_empty_shells_are_left_out(second: tuple[str, str, str, str]) -> None:
    packages = load_packages(listed(("a", "source-a (1.0)", "games", "a game"), second))
    assert sum(map(len, packages.values())) == 1


def test_examples_and_questions_are_apart_and_every_section_has_its_share() -> None:
    packages = {section: [package(f"{section}{n}", section) for n in range(130)] for section in SECTIONS}
    examples, questions = split(packages)
    assert not {one.id for one in examples} & {one.id for one in questions}
    for listed_ones, share in ((examples, 100), (questions, 25)):
        assert [sum(one.label == section for one in listed_ones) for section in SECTIONS] == [share] * len(SECTIONS)
    assert len({one.label for one in questions[:10]}) > 3  # mixed, so that the first few are a fair sample


def test_too_few_packages_of_a_section_are_said() -> None:
    with pytest.raises(ValueError, match="apt lists 1 usable packages of admin; 125 needed"):
        split({"admin": [package("a", "admin")]})


@pytest.mark.parametrize(
    ("lists", "what"), [(None, "no apt-cache here"), ("Package: a\n", "apt has no lists .*: apt-get update")]
)
def test_missing_lists_are_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch, lists: str | None, what: str) -> None:
    class Done:
        stdout = (lists or "").encode()

    monkeypatch.setattr(debian_sections_data.shutil, "which", lambda name: None if lists is None else "/bin/true")
    monkeypatch.setattr(debian_sections_data.subprocess, "run", lambda *args, **options: Done)
    with pytest.raises(FileNotFoundError, match=what):
        debian_sections_data.available_packages()


def test_a_vote_is_the_most_frequent_section_and_the_nearest_of_equals() -> None:
    def voted(*sections: str) -> str | None:
        return vote([package(str(n), section) for n, section in enumerate(sections)])

    assert voted("web", "web", "mail") == "web"
    assert voted("web", "mail", "mail", "web", "net") == "web"
    assert voted("web", "mail") == "mail"
    assert voted() is None


def prefers(section: str) -> ScriptedModel:
    """A model that thinks one section likely, whatever it reads, and answers nothing else."""
    return ScriptedModel(["-"], score=lambda prompt, text: [-0.1 if text == f" {section}" else -1.0] * len(text))


def test_the_answer_is_the_section_of_the_highest_probability() -> None:
    assert answer(prefers("sound"), build_prompt([package("a", "mail")], "a player")) == "sound"


def test_the_prompt_ends_where_the_section_is_due() -> None:
    prompt = build_prompt([package("a", "mail", "a reader")], "a player")
    assert prompt.endswith("\n\nPackage: a reader\nSection: mail\n\nPackage: a player\nSection:")


def test_every_way_to_choose_is_measured_on_every_question() -> None:
    store = ExampleStore([package(f"{section}{n}", section) for section in ("games", "web") for n in range(4)])
    questions = [package("games9", "games"), package("web9", "web")]
    rows = evaluate(prefers("web"), TinyEmbedder(), store, questions, budget=150)
    assert rows["no examples"]["is_right"] == rows["semantic"]["is_right"] == [False, True]
    assert rows["no examples"]["tokens"] == 0 < rows["semantic"]["tokens"] <= 150
    figures = summarise(rows)
    assert figures["accuracy"]["random"]["mean"] == 0.5
    assert figures["differences"]["semantic - random"] == {"mean": 0, "low": 0, "high": 0}
    page = as_markdown(
        {**figures, "model": "m", "embedder": "e", "budget": 150, "examples": 8, "embed_s": 0.1, "total_s": 1}
    )
    assert "| semantic | 0.500 | 0.000 … 1.000 |" in page
