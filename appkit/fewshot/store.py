"""`ExampleStore`: labelled examples, and what selectors compare them by, worked out once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

from appkit.fewshot.example import Example, join_fields
from appkit.fewshot.reading import ExampleFileError, raise_faults, read_rows
from appkit.fewshot.rows import make_examples
from appkit.llm.base import Embedder
from appkit.retrieval.segmentation import search_words

if TYPE_CHECKING:
    import numpy as np

    from appkit.retrieval.store import Store

MAX_EXAMPLES = 100_000

Query = str | Mapping[str, Any]  # a question: its text, or the fields an example would have


class ExampleStore(Sequence[Example]):
    """Examples in a fixed order, all with the same input fields. It never changes, so threads may share it.

    Vectors, words and the keyword index are made when a selector first needs them and kept; parts of a store
    (`subset`) use those of the whole.

    Args:
        examples: at least one, at most 100,000; no two with one id.
        vectors_dir: a folder where vectors are kept for the next process; None keeps them in memory alone.

    Raises:
        TypeError: they are no `Example`s.
        ValueError: there are none or too many, two share an id, or their fields differ.
    """

    def __init__(self, examples: Iterable[Example], *, vectors_dir: Path | None = None) -> None:
        self._examples = tuple(examples)
        self._vectors_dir = vectors_dir
        self._vectors: list[tuple[Embedder, np.ndarray]] = []
        _check_are_examples(self._examples)
        self._row_of = {example.id: row for row, example in enumerate(self._examples)}
        self._check()

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        *,
        label: str = "answer",
        inputs: Sequence[str] | None = None,
        id_column: str | None = None,
        vectors_dir: Path | None = None,
    ) -> Self:
        """The rows of a .jsonl, .ndjson, .csv or .tsv file.

        Args:
            label: the column that holds the answer.
            inputs: the columns that hold what is asked; others are not looked at. None: all but label and id.
            id_column: the column of ids. None: "id" where a row has it, and an id made from the content where not.

        Raises:
            ExampleFileError: the file cannot be used; rows that cannot are named with their lines.
            OSError: it cannot be opened.
        """
        path = Path(path)
        rows = read_rows(path, max_rows=MAX_EXAMPLES)
        if not rows:
            raise ExampleFileError(path, "it holds no examples.")
        examples, faults = make_examples(rows, label, inputs, id_column, unit="line")
        raise_faults(path, faults, len(rows))
        return cls(examples, vectors_dir=vectors_dir)

    @classmethod
    def from_rows(
        cls,
        rows: Iterable[Mapping[str, Any]],
        *,
        label: str = "answer",
        inputs: Sequence[str] | None = None,
        id_column: str | None = None,
        vectors_dir: Path | None = None,
    ) -> Self:
        """Mappings as `from_file` would read them.

        Raises:
            ValueError: a row cannot be used; it is named with its number, counted from 1.
        """
        examples, faults = make_examples(list(enumerate(rows, start=1)), label, inputs, id_column, unit="row")
        if faults:
            number, what = faults[0]
            raise ValueError(f"Row {number} is no example: {what}.")
        return cls(examples, vectors_dir=vectors_dir)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input fields, in the order of the first example."""
        return tuple(self._examples[0].fields) if self._examples else ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label once, in order of first appearance."""
        return tuple(dict.fromkeys(example.label for example in self._examples))

    def text_of(self, query: Query) -> str:
        """A question as it is compared with examples.

        Raises:
            ValueError: it is blank, or lacks a field that the examples have.
        """
        if isinstance(query, str):
            text = query
        else:
            missing = [name for name in self.inputs if name not in query]
            if missing:
                raise ValueError(f"The question lacks the fields {missing}; these examples have {list(self.inputs)}.")
            text = join_fields(query, self.inputs)
        if not text.strip():
            raise ValueError("The question is empty: there is nothing to choose examples for.")
        return text

    def rows_of(self, ids: Iterable[str]) -> list[int]:
        """Places of examples in this store.

        Raises:
            ValueError: an id is not here.
        """
        listed = list(ids)
        unknown = [name for name in listed if name not in self._row_of]
        if unknown:
            raise ValueError(f"There is no example {unknown[0]!r} among these {len(self)}.")
        return [self._row_of[name] for name in listed]

    def subset(self, ids: Iterable[str]) -> "ExampleStore":
        """The examples with these ids, in the order given, sharing what this store has worked out."""
        return _Subset(self, self.rows_of(ids))

    def vectors(self, embedder: Embedder, rows: Sequence[int] | None = None) -> "np.ndarray":
        """[n, dim] float32, rows of length 1: of every example, or of some. All of them are made the first time."""
        found = next((vectors for known, vectors in self._vectors if known is embedder), None)
        if found is None:
            from appkit.fewshot.vectors import embed_or_load  # numpy, which a fixed choice does not need

            found = embed_or_load([example.text for example in self._examples], embedder, self._vectors_dir)
            self._vectors.append((embedder, found))
        return found if rows is None else found[rows]

    def words(self, rows: Sequence[int] | None = None) -> list[list[str]]:
        """Words of every example, or of some, as keyword search cuts them."""
        return self._words if rows is None else [self._words[row] for row in rows]

    def keyword_scores(
        self, words: Sequence[str], limit: int, rows: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """Examples that hold any of `words`, (row, BM25) best first, looked for among all or among some."""
        import numpy as np

        allowed = None if rows is None else np.asarray(rows, np.int64)
        return self._keyword_index.keyword_search(words, limit, allowed)

    def __len__(self) -> int:
        return len(self._examples)

    def __iter__(self) -> Iterator[Example]:
        return iter(self._examples)

    @overload
    def __getitem__(self, index: int) -> Example: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Example, ...]: ...

    def __getitem__(self, index: int | slice) -> Example | tuple[Example, ...]:
        return self._examples[index]

    @cached_property
    def _words(self) -> list[list[str]]:
        return [search_words(example.text) for example in self._examples]

    @cached_property
    def _keyword_index(self) -> "Store":
        from appkit.fewshot.keyword_index import build_keyword_index

        return build_keyword_index(self._words)

    def _check(self) -> None:
        if not self._examples:
            raise ValueError("There are no examples: give at least one.")
        if len(self._examples) > MAX_EXAMPLES:
            raise ValueError(
                f"There are {len(self._examples):,} examples; a store takes {MAX_EXAMPLES:,}. Sample them."
            )
        if len(self._row_of) < len(self._examples):
            ids = [example.id for example in self._examples]
            repeated = next(name for row, name in enumerate(ids) if self._row_of[name] != row)
            raise ValueError(f"Two examples have the id {repeated!r}; ids must differ.")
        names = set(self.inputs)
        other = next((example for example in self._examples if set(example.fields) != names), None)
        if other is not None:
            raise ValueError(
                f"Example {other.id!r} has the fields {sorted(other.fields)} and the first one {sorted(names)}; all "
                "examples of a store have the same."
            )


class _Subset(ExampleStore):
    """Some rows of a store, in an order of their own; may be empty, as a selector may find nothing."""

    def __init__(self, whole: ExampleStore, rows: list[int]) -> None:
        self._whole = whole
        self._rows = rows
        self._examples = tuple(whole[row] for row in rows)
        self._row_of = {example.id: row for row, example in enumerate(self._examples)}

    @property
    def inputs(self) -> tuple[str, ...]:
        return self._whole.inputs

    def vectors(self, embedder: Embedder, rows: Sequence[int] | None = None) -> "np.ndarray":
        return self._whole.vectors(embedder, self._of_whole(rows))

    def words(self, rows: Sequence[int] | None = None) -> list[list[str]]:
        return self._whole.words(self._of_whole(rows))

    def keyword_scores(
        self, words: Sequence[str], limit: int, rows: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        place = {row: idx for idx, row in enumerate(self._rows)}
        found = self._whole.keyword_scores(words, limit, self._of_whole(rows))
        return [(place[row], score) for row, score in found]

    def _of_whole(self, rows: Sequence[int] | None) -> list[int]:
        return self._rows if rows is None else [self._rows[row] for row in rows]


def _check_are_examples(examples: Sequence[object]) -> None:
    other = next((one for one in examples if not isinstance(one, Example)), None)
    if other is not None:
        raise TypeError(f"A store holds Examples, not {type(other).__name__}; ExampleStore.from_rows reads mappings.")
