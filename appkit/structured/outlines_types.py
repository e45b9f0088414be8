"""Types of the `outlines` package as output types: JSON schemas, grammars, and everything it writes as a pattern.

Needs the extra `outlines`; its import takes a second where transformers is installed, so nothing else imports it.
"""

import json
from typing import Any

from appkit.messages import Constraint
from appkit.structured.output import OutputType
from appkit.structured.text_types import of_constraint, of_regex, of_schema


def is_outlines_term(output: Any) -> bool:
    """Whether `output` is a term of outlines, told without importing it."""
    return any(base.__module__ == "outlines.types.dsl" and base.__name__ == "Term" for base in type(output).__mro__)


def of_outlines(output: Any) -> OutputType[Any]:
    """What outlines would hold a model to for `output`, a term or any type that it knows.

    The answer of a JSON schema is plain data, any other a text. Types that appkit reads itself give Python objects when
    they are given to `output_type` directly.

    Raises:
        ImportError: outlines is not installed.
        ValueError: a schema or grammar that cannot be held to, or a wish for blanks within JSON, which is written
            without.
        TypeError: outlines does not know the type.
    """
    dsl = _dsl()
    try:
        term = dsl.python_types_to_terms(output)
    except RecursionError as error:
        raise TypeError(f"outlines cannot write this type as a pattern: {error}") from error
    if isinstance(term, dsl.JsonSchema):
        if term.whitespace_pattern is not None:
            raise ValueError("JSON is written without blanks here: leave out whitespace_pattern.")
        return of_schema(json.loads(term.schema))
    if isinstance(term, dsl.CFG):
        return of_constraint(Constraint("grammar", term.definition))
    return of_regex(dsl.to_regex(term))


def _dsl() -> Any:
    try:
        from outlines.types import dsl
    except ImportError as error:
        raise ImportError('Types of outlines need the package: pip install "appkit-llm[outlines]"') from error
    return dsl
