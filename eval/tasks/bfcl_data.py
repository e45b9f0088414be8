"""The questions of the Berkeley Function Calling Leaderboard, from the data files of its wheel; none of its code.

The wheel is fetched once, its files are checked against their SHA-256 and kept in the data folder.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from appkit import Message, ToolSpec
from appkit.errors import EvaluationDataError
from eval.harness.data import read_rows
from runtime import WheelMember, WheelSource, data_dir, fetch_members, is_offline
from runtime.errors import CatalogError

Category = Literal["simple", "multiple", "irrelevance"]
CATEGORIES: tuple[Category, ...] = get_args(Category)

SOURCE = WheelSource(
    requirement="bfcl-eval==2026.3.23",
    wheel_bytes=1_925_664,
    members=tuple(
        WheelMember(path=f"bfcl_eval/data/{path}", size_bytes=size_bytes, sha256=sha256)
        for path, size_bytes, sha256 in (
            ("BFCL_v4_simple_python.json", 283_274, "82dd63ba502eb2520c6b5d1d9a5c4b590e03ff261565175561f6228a367d1991"),
            ("BFCL_v4_multiple.json", 316_583, "aef168155ebd74b7ac2401198b201343bc7d16d7a3d7e0d4e6d8ee82c6969b2a"),
            ("BFCL_v4_irrelevance.json", 159_940, "2b6ed4c2e992cdcf5f1678a701851f944bef7550ee026ed1ddb89efed5be01a6"),
            (
                "possible_answer/BFCL_v4_simple_python.json",
                63_627,
                "90cd5bc653690ee8e459b5b3f3fc9458606f7f3fcbf795bb51b7dc581f8c86dc",
            ),
            (
                "possible_answer/BFCL_v4_multiple.json",
                32_254,
                "244e00ce9395df948bcafc7bee64e8f9c87ef70887587d83cae45b13699f3047",
            ),
        )
    ),
)
_FILES: Mapping[Category, str] = MappingProxyType(
    {
        "simple": "BFCL_v4_simple_python.json",
        "multiple": "BFCL_v4_multiple.json",
        "irrelevance": "BFCL_v4_irrelevance.json",
    }
)
_ANSWERS = "answers-"  # before the name of a file of references, which the wheel keeps in a folder of its own
# BFCL's words for types, and those of JSON Schema. "any" stands for no type.
_TYPES = MappingProxyType({"dict": "object", "float": "number", "tuple": "array"})


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked, with the functions there are. `reference` is as in `check_call`; None where none fits."""

    id: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...]
    reference: Mapping[str, Mapping[str, list[Any]]] | None


def fetch_bfcl() -> Path:
    """The folder with the data files, fetched the first time.

    Raises:
        EvaluationDataError: they are not here and cannot be had.
    """
    folder = data_dir() / "datasets" / SOURCE.requirement.replace("==", "-")
    if folder.exists():
        return folder
    if is_offline():
        raise EvaluationDataError(
            "The questions of BFCL are not on this machine, and offline mode forbids fetching them. "
            "Unset APPKIT_OFFLINE.",
            str(folder),
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        try:
            paths = fetch_members(SOURCE, Path(work))
        except CatalogError as error:
            raise EvaluationDataError(f"The questions of BFCL cannot be fetched: {error}", str(folder)) from error
        ready = Path(work) / "ready"
        ready.mkdir()
        for member, path in zip(SOURCE.members, paths, strict=True):
            prefix = _ANSWERS if "possible_answer" in member.path else ""
            path.rename(ready / f"{prefix}{member.path.rsplit('/', 1)[-1]}")
        if not folder.exists():
            ready.rename(folder)
    return folder


def load_bfcl(folder: Path, category: Category) -> list[Question]:
    """All questions of a category, in their order.

    Raises:
        EvaluationDataError: a file is not as it was fetched.
    """
    name = _FILES[category]
    answers = folder / f"{_ANSWERS}{name}"
    try:
        references = {row["id"]: row["ground_truth"][0] for row in read_rows(answers)} if answers.exists() else {}
        return [_question(row, references.get(row["id"])) for row in read_rows(folder / name)]
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise EvaluationDataError(
            f"{folder / name} is no longer as it was fetched: {type(error).__name__} {error}. Remove the folder "
            f"{folder}; the next run fetches it anew.",
            str(folder / name),
        ) from error


def to_json_schema(declared: Mapping[str, Any]) -> dict[str, Any]:
    """BFCL's description of a type as JSON Schema."""
    schema: dict[str, Any] = {key: value for key, value in declared.items() if key not in ("type", "optional")}
    name = declared.get("type", "any")
    if name != "any":
        schema["type"] = _TYPES.get(name, name)
    if "properties" in schema:
        schema["properties"] = {name: to_json_schema(member) for name, member in schema["properties"].items()}
    if "items" in schema:
        schema["items"] = to_json_schema(schema["items"])
    return schema


def _question(row: Mapping[str, Any], reference: Mapping[str, Mapping[str, list[Any]]] | None) -> Question:
    return Question(
        id=row["id"],
        messages=tuple(Message(role=turn["role"], content=turn["content"]) for turn in row["question"][0]),
        tools=tuple(
            ToolSpec(
                name=function["name"],
                description=function["description"],
                parameters=to_json_schema(function["parameters"]),
            )
            for function in row["function"]
        ),
        reference=reference,
    )
