"""Rows with columns become examples: which column is the label, which are inputs, which is the id; and what is wrong.

A row that is no example is never passed over: the caller gets its number and the reason.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from appkit.fewshot.example import Example, as_text, content_id
from appkit.fewshot.reading import Fault, name_some

MAX_EXAMPLE_CHARS = 100_000
MAX_ID_CHARS = 200
ID_COLUMN = "id"


def make_examples(
    rows: Sequence[tuple[int, Mapping[str, Any]]],
    label: str,
    inputs: Sequence[str] | None,
    id_column: str | None,
    *,
    unit: str,
) -> tuple[list[Example], list[Fault]]:
    """Examples, and the rows that are none with their numbers, which count what `unit` says: lines or rows."""
    if isinstance(inputs, str):
        raise TypeError(f"inputs is the text {inputs!r}; give a list of columns: [{inputs!r}].")
    if inputs is not None and label in inputs:
        raise ValueError(f"{label!r} is the label, so it cannot be an input too: the answer would be in the question.")
    examples: list[Example] = []
    faults: list[Fault] = []
    first_line: dict[str, int] = {}
    names = inputs
    for number, row in rows:
        try:
            fields = _fields(row, label, names, id_column or ID_COLUMN, is_whole=inputs is None)
            example = _example(fields, row[label], _given_id(row, id_column))
            if example.id in first_line:
                raise ValueError(f"it has the id {example.id!r}, as {unit} {first_line[example.id]} has")
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
    if not all(isinstance(cast(object, name), str) for name in row):
        raise ValueError("the names of its columns are not all texts")
    if row.get(label) is None or row[label] == "":
        columns = name_some(list(row))
        raise ValueError(
            f"it has no {label!r}, the label (another column is named by label=…); its columns are {columns}"
        )
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
    if not answer.strip():
        raise ValueError("its label is blank")
    return Example(id=content_id(fields, answer) if given_id is None else given_id, fields=fields, label=answer)
