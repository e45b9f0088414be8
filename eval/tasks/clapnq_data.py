"""CLAPNQ as documents and questions: Wikipedia passages, real questions, long answers written from one passage.

An answerable question comes with the passage that answers it, one or two reference answers, and the sentences its
annotators used. An unanswerable one comes with a passage of the article a search engine gave, which annotators found
not to answer it: nobody looked whether another passage of the collection does.

Source: Rosenthal et al., arXiv:2404.02103.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appkit.errors import EvaluationDataError
from eval.harness.data import read_rows


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question. `answers` and `sentences` are empty where it is unanswerable.

    Attributes:
        file: document of its passage.
        title: of the article the passage is from.
        same_title: documents of passages from the same article, its own among them.
        is_held_out: whether nothing was learned from it: every other question of each kind.
    """

    id: str
    text: str
    file: str
    title: str
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

    def write_documents(self, folder: Path) -> None:
        """One Markdown file a passage, its article's title as heading."""
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in self.documents.items():
            (folder / file).write_text(text, "utf-8")


def load_clapnq(folder: Path) -> Clapnq:
    """Read `answerable.jsonl` and `unanswerable.jsonl`.

    Raises:
        EvaluationDataError: they are not in `folder`, or hold rows that are no questions.
    """
    kinds = [_rows(folder / f"{kind}.jsonl") for kind in ("answerable", "unanswerable")]
    rows = [row for kind in kinds for row in kind]
    documents: dict[str, str] = {}
    for row in rows:
        documents.setdefault(row.document, f"passage_{len(documents):03}.md")
    titles: dict[str, list[str]] = {}
    for row in rows:
        files = titles.setdefault(row.title, [])
        if documents[row.document] not in files:
            files.append(documents[row.document])
    answerable, unanswerable = (
        tuple(_question(row, idx, documents, titles) for idx, row in enumerate(kind)) for kind in kinds
    )
    return Clapnq({file: text for text, file in documents.items()}, answerable, unanswerable)


@dataclass(frozen=True, kw_only=True)
class _Row:
    """What is used of a line of the files."""

    id: str
    text: str
    title: str
    document: str  # its passage as a Markdown page
    answers: tuple[str, ...]
    sentences: frozenset[str]


def _rows(path: Path) -> list[_Row]:
    rows = []
    for number, fields in enumerate(read_rows(path), start=1):
        try:
            rows.append(_row(fields))
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise EvaluationDataError(
                f"Row {number} of {path} is no question of CLAPNQ: {type(error).__name__} {error}.", str(path)
            ) from error
    return rows


def _row(fields: Mapping[str, Any]) -> _Row:
    passage = fields["passages"][0]
    outputs = [output for output in fields["output"] if output["answer"].strip()]
    sentences = [sentence for output in fields["output"] for sentence in output["selected_sentences"]]
    return _Row(
        id=str(fields["id"]),
        text=fields["input"].strip(),
        title=passage["title"].strip(),
        document=f"# {passage['title']}\n\n{passage['text'].strip()}\n",
        answers=tuple(output["answer"] for output in outputs),
        sentences=frozenset(map(squeeze, sentences)) if outputs else frozenset(),
    )


def _question(row: _Row, idx: int, documents: Mapping[str, str], titles: Mapping[str, list[str]]) -> Question:
    return Question(
        id=row.id,
        text=row.text,
        file=documents[row.document],
        title=row.title,
        same_title=tuple(titles[row.title]),
        answers=row.answers,
        sentences=row.sentences,
        is_held_out=idx % 2 == 1,
    )


def squeeze(text: str) -> str:
    """`text` without white space, to compare sentences however they were joined."""
    return "".join(text.split())
