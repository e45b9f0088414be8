"""`ExampleStore`: labelled examples, and what selectors compare them by, worked out once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast, overload

from appkit.fewshot.example import Example, as_text, content_id, join_fields
from appkit.fewshot.reading import ExampleFileError, Fault, raise_faults, read_rows
from appkit.llm.base import Embedder
from appkit.retrieval.segmentation import search_words

if TYPE_CHECKING:
    import numpy as np

    from appkit.retrieval.store import Store

MAX_EXAMPLES = 100_000
MAX_EXAMPLE_CHARS = 100_000
MAX_ID_CHARS = 200
ID_COLUMN = "id"

Query = str | Mapping[str, Any]  # a question: its text, or the fields an example would have


class ExampleStore(Sequence[Example]):
    """Examples in a fixed order, all with the same input fields. It never changes, so threads may share it.

    Vectors, words and the keyword index are made when a selector first needs them and kept; parts of a store
    (`subset`) use those of the whole.

    Args:
        examples: at least one, at most 100,000; no two with one id.
        vectors_dir: a folder where vectors are kept for the next process; None keeps them in memory alone.

    Raises:
        ValueError: there are none or too many, two share an id, or their fields differ.
    """

    def __init__(self, examples: Iterable[Example], *, vectors_dir: Path | None = None) -> None:
        self._examples = tuple(examples)
        self._vectors_dir = vectors_dir
        self._vectors: list[tuple[Embedder, np.ndarray]] = []
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
        rows = read_rows(path)
        if not rows:
            raise ExampleFileError(path, "it holds no examples.")
        if len(rows) > MAX_EXAMPLES:
            raise ExampleFileError(path, f"it holds {len(rows):,} rows; a store takes {MAX_EXAMPLES:,}. Sample them.")
        examples, faults = _examples(rows, label, inputs, id_column)
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
        examples, faults = _examples(list(enumerate(rows, start=1)), label, inputs, id_column)
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


def _examples(
    rows: Sequence[tuple[int, Mapping[str, Any]]], label: str, inputs: Sequence[str] | None, id_column: str | None
) -> tuple[list[Example], list[Fault]]:
    """Examples, and the rows that are none with their numbers."""
    examples: list[Example] = []
    faults: list[Fault] = []
    first_line: dict[str, int] = {}
    names = inputs
    for number, row in rows:
        try:
            fields = _fields(row, label, names, id_column or ID_COLUMN, is_whole=inputs is None)
            example = _example(fields, row[label], _given_id(row, id_column))
            if example.id in first_line:
                raise ValueError(f"it has the id of row {first_line[example.id]}, {example.id!r}")
        except ValueError as error:
            faults.append((number, str(error)))
            continue
        first_line[example.id] = number
        examples.append(example)
        names = list(fields) if names is None else names  # the first good row says which columns there are
    return examples, faults


def _fields(
    row: Mapping[str, Any], label: str, names: Sequence[str] | None, id_column: str, *, is_whole: bool
) -> dict[str, Any]:
    """The input columns. `is_whole`: every column is one, so none may be beside them."""
    if not isinstance(cast(object, row), Mapping):
        raise ValueError(f"it is a {type(row).__name__}, not a mapping of columns")
    if row.get(label) in (None, ""):
        raise ValueError(f"it has no {label!r}, the label; its columns are {', '.join(map(repr, row)) or 'none'}")
    fields = {name: value for name, value in row.items() if name not in (label, id_column)}
    if names is None:
        return fields
    missing = [name for name in names if row.get(name) is None]
    if missing:
        raise ValueError(f"it has no {missing[0]!r}")
    more = [name for name in fields if name not in names]
    if is_whole and more:
        raise ValueError(f"it has {more[0]!r}, which the rows before have not; say which columns count: inputs=[…]")
    return {name: row[name] for name in names}


def _given_id(row: Mapping[str, Any], id_column: str | None) -> str | None:
    given = row.get(id_column or ID_COLUMN)
    if given is None:
        if id_column is not None:
            raise ValueError(f"it has no {id_column!r}, the id")
        return None
    text = as_text(given)
    if not text.strip() or len(text) > MAX_ID_CHARS:
        raise ValueError(f"its id has {len(text):,} characters; give 1 to {MAX_ID_CHARS}")
    return text


def _example(fields: Mapping[str, Any], label: Any, given_id: str | None) -> Example:
    try:
        texts = [*map(as_text, fields.values()), as_text(label), given_id or ""]
        "".join(texts).encode()  # half of a surrogate pair can be shown to no model
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"a value of it is no JSON value: {error}") from error
    num_chars = sum(map(len, texts))
    if num_chars > MAX_EXAMPLE_CHARS:
        raise ValueError(f"it holds {num_chars:,} characters; an example takes {MAX_EXAMPLE_CHARS:,}")
    if not any(text.strip() for text in texts[:-2]):
        raise ValueError("its inputs are empty")
    answer = as_text(label)
    return Example(id=content_id(fields, answer) if given_id is None else given_id, fields=fields, label=answer)
