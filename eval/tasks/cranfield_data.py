"""The Cranfield collection: 1,400 abstracts on aerodynamics, 225 queries, 1,837 judgements.

Judgements number the queries 1 … 225 as they stand in the file, not by their `<num>`. One judgement has grade 3 and
all other relevant ones 1, so linear gain it is.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from appkit.errors import EvaluationDataError
from eval.harness.data import read_text
from eval.tasks.collection import Collection, Query

_DOCUMENT = re.compile(r"<docno>\s*(\d+)\s*</docno>.*?<text>(.*?)</text>", re.DOTALL)
_QUERY = re.compile(r"<top>.*?<title>(.*?)</title>", re.DOTALL)


def load_cranfield(folder: Path) -> Collection:
    """The collection in `cran.all.1400.xml`, `cran.qry.xml` and `cranqrel.trec.txt`.

    Raises:
        EvaluationDataError: a file is missing or is not what it should be.
    """
    documents = _DOCUMENT.findall(read_text(folder / "cran.all.1400.xml"))
    passages = {number: " ".join(text.split()) for number, text in documents}
    texts = _QUERY.findall(read_text(folder / "cran.qry.xml"))
    grades = _grades(folder / "cranqrel.trec.txt")
    try:
        queries = (Query(str(n), " ".join(text.split()), grades[str(n)]) for n, text in enumerate(texts, start=1))
        return Collection(passages, tuple(queries))
    except (KeyError, ValueError) as error:
        raise EvaluationDataError(f"{folder} holds no Cranfield collection: {error}", str(folder)) from error


def half(queries: Sequence[Query], *, odd: bool) -> tuple[Query, ...]:
    """The queries with odd, or with even, numbers."""
    return tuple(query for query in queries if int(query.query_id) % 2 == odd)


def _grades(path: Path) -> dict[str, dict[str, int]]:
    """For each query the grade of every judged document."""
    grades: dict[str, dict[str, int]] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        try:
            query_id, _, document, grade = line.split()
            grades.setdefault(query_id, {})[document] = int(grade)
        except ValueError as error:
            raise EvaluationDataError(f"Line {number} of {path} is no judgement: {line[:60]!r}.", str(path)) from error
    return grades
