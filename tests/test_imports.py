"""Dependencies point one way: a folder imports only from rows above it (see docs/architecture.md)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.shared_data import ROOT

ROWS = {
    "runtime": [
        ["errors", "strict_json"],
        ["config", "files", "sandbox"],
        ["quant", "tokenizer"],
        ["kernels", "grammar"],
        ["kvcache", "sampling"],
        ["layers"],
        ["models"],
        ["program", "loaders"],
        ["adapters", "embedding"],
        ["engine"],
        ["training"],
    ],
    "appkit": [
        ["errors", "lazy_names", "strict_json", "strict_yaml"],
        ["messages", "trace"],
        ["llm", "templates"],
        ["context", "structured", "retrieval", "tuning"],
        ["tools", "fewshot"],
        ["reasoning", "chat"],
        ["rag"],
        ["agents"],
        ["server"],
        ["cli"],
    ],
}
ROW_OF = {f"{top}.{folder}": idx for top, rows in ROWS.items() for idx, row in enumerate(rows) for folder in row}
RUNTIME_ROW_ONE = {f"runtime.{folder}" for row in ROWS["runtime"][:2] for folder in row}
SEES_RUNTIME = {"appkit.llm", "appkit.tuning", "appkit.server", "appkit.cli"}
TORCH_HOMES = (
    "runtime.kernels.reference",
    "runtime.kernels.triton",
    "runtime.training",
    "appkit.llm.sentence_transformers",
    "eval.speed.finetune",  # times a peer that runs on it
)
FORBIDDEN = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}


def modules(top: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / top).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, also lazily and for types; `from a import b` gives both `a` and `a.b`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import: name the folder instead"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def folder_of(module: str) -> str:
    """`runtime.kernels.cpu.backend` → `runtime.kernels`."""
    return ".".join(module.split(".")[:2])


SOURCES = [(name, path) for top in ("runtime", "appkit", "eval", "prompts") for name, path in modules(top)]
IDS = [name for name, _ in SOURCES]


@pytest.mark.parametrize(("module", "path"), SOURCES, ids=IDS)
def test_a_module_imports_only_from_rows_above(module: str, path: Path) -> None:
    here = folder_of(module)
    if here not in ROW_OF:
        return  # a package's own __init__ gathers from everywhere
    for target in imports(path):
        there = folder_of(target)
        if there == here or there not in ROW_OF or there.split(".")[0] != here.split(".")[0]:
            continue
        assert ROW_OF[there] < ROW_OF[here], f"{module} imports {target}, which is not above it"


@pytest.mark.parametrize(("module", "path"), SOURCES, ids=IDS)
def test_packages_keep_to_their_side(module: str, path: Path) -> None:
    top = module.split(".")[0]
    for target in imports(path):
        goal = target.split(".")[0]
        if top == "runtime":
            assert goal not in {"appkit", "eval", "prompts"}, (
                f"{module} imports {target}: the runtime knows no application"
            )
        if top == "appkit":
            assert goal not in {"eval", "examples", "tests"}, (
                f"{module} imports {target}: commands come in by entry point"
            )
            if goal == "runtime" and target != "runtime" and folder_of(target) not in RUNTIME_ROW_ONE:
                is_public_name = len(target.split(".")) == 2 and folder_of(target) not in ROW_OF
                assert folder_of(module) in SEES_RUNTIME, f"{module} imports {target}: go through appkit.llm"
                assert is_public_name, f"{module} imports {target}: only runtime's public names"


@pytest.mark.parametrize(("module", "path"), SOURCES, ids=IDS)
def test_heavy_and_unsafe_packages_stay_where_they_belong(module: str, path: Path) -> None:
    for target in imports(path):
        goal = target.split(".")[0]
        assert goal not in FORBIDDEN, f"{module} imports {goal}: files are hostile until checked"
        if goal in {"torch", "sentence_transformers"}:
            assert module.startswith(TORCH_HOMES), f"{module} imports {goal}: torch is a tool, not a toll"
        if goal == "triton":
            assert module.startswith("runtime.kernels.triton"), f"{module} imports triton"
        if goal in {"fastapi", "starlette", "uvicorn"}:
            assert module.startswith("appkit.server"), f"{module} imports {goal}: the web framework lives in the server"
        if goal in {"typer", "rich", "prompt_toolkit", "click"}:
            assert module.startswith(("appkit.cli", "eval")), f"{module} imports {goal}: the terminal lives in the cli"


def test_every_folder_of_the_house_has_a_row() -> None:
    for top, rows in ROWS.items():
        known = {folder for row in rows for folder in row}
        found = {p.stem if p.is_file() else p.name for p in (ROOT / top).iterdir() if p.suffix == ".py" or p.is_dir()}
        assert found - {"__init__", "__pycache__", "__main__"} <= known
