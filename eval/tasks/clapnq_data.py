"""CLAPNQ as documents and questions: Wikipedia passages, real questions, long answers written from one passage.

An answerable question comes with the passage that answers it, one or two reference answers, and the sentences its
annotators used. An unanswerable one comes with a passage of the article a search engine gave, which annotators found
not to answer it: nobody looked whether another passage of the collection does.

Source: Rosenthal et al., arXiv:2404.02103.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question. `answers` and `sentences` are empty where it is unanswerable.

    Attributes:
        file: document of its passage.
        same_title: documents of passages from the same article, its own among them.
        is_held_out: whether nothing was learned from it: every other question of each kind.
    """

    id: str
    text: str
    file: str
    same_title: tuple[str, ...]
    answers: tuple[str, ...]
    sentences: frozenset[str]
    is_held_out: bool

    @property
    def is_answerable(self) -> bool:
        return bool(self.answers)


@dataclass(frozen=True)
class Clapnq:
    """All questions, and the text of every document by file name."""

    documents: Mapping[str, str]
    answerable: tuple[Question, ...]
    unanswerable: tuple[Question, ...]

    def first(self, limit: int | None) -> list[Question]:
        """The first `limit` answerable and as many unanswerable questions; those held out come before the others."""
        return [
            question
            for kind in (self.answerable, self.unanswerable)
            for question in sorted(kind, key=lambda q: not q.is_held_out)[:limit]
        ]

    def write_documents(self, folder: Path) -> None:
        """One Markdown file a passage, its article's title as heading."""
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in self.documents.items():
            (folder / file).write_text(text, "utf-8")


def load_clapnq(folder: Path) -> Clapnq:
    """Read `answerable.jsonl` and `unanswerable.jsonl`.

    Raises:
        FileNotFoundError: they are not in `folder`.
    """
    kinds = [_rows(folder / f"{kind}.jsonl") for kind in ("answerable", "unanswerable")]
    rows = [row for kind in kinds for row in kind]
    documents: dict[str, str] = {}
    for row in rows:
        documents.setdefault(_document(row), f"passage_{len(documents):03}.md")
    titles: dict[str, list[str]] = {}
    for row in rows:
        files = titles.setdefault(row["passages"][0]["title"], [])
        if documents[_document(row)] not in files:
            files.append(documents[_document(row)])
    answerable, unanswerable = (
        tuple(_question(row, idx, documents, titles) for idx, row in enumerate(kind)) for kind in kinds
    )
    return Clapnq({file: text for text, file in documents.items()}, answerable, unanswerable)


def _rows(path: Path) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _document(row: Mapping) -> str:  # type: ignore[type-arg]
    passage = row["passages"][0]
    return f"# {passage['title']}\n\n{passage['text'].strip()}\n"


def _question(row, idx: int, documents: Mapping[str, str], titles: Mapping[str, Sequence[str]]) -> Question:  # type: ignore[no-untyped-def]
    answers = tuple(output["answer"] for output in row["output"] if output["answer"].strip())
    return Question(
        id=row["id"],
        text=row["input"],
        file=documents[_document(row)],
        same_title=tuple(titles[row["passages"][0]["title"]]),
        answers=answers,
        sentences=frozenset(_squeezed(row["output"])) if answers else frozenset(),
        is_held_out=idx % 2 == 1,
    )


def _squeezed(outputs: Iterable[Mapping]) -> Iterable[str]:  # type: ignore[type-arg]
    return (squeeze(sentence) for output in outputs for sentence in output["selected_sentences"])


def squeeze(text: str) -> str:
    """`text` without white space, to compare sentences however they were joined."""
    return "".join(text.split())
