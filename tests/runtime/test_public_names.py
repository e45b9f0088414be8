"""`import runtime` costs next to nothing, and every public name is there when asked for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import runtime


def run(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_runtime_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'torch', 'tokenizers', 'tiktoken', 'llguidance', 'jinja2'}"
    assert run(f"import sys, runtime; print({heavy} & set(sys.modules))") == "set()"


def test_importing_runtime_takes_no_time() -> None:
    script = "import time; t = time.perf_counter(); import runtime; print(time.perf_counter() - t)"
    assert min(float(run(script)) for _ in range(3)) < 0.05


@pytest.mark.parametrize("name", ["Engine", "load_model", "Model"])
def test_no_name_brings_torch_or_a_grammar_engine_in(name: str) -> None:
    script = f"import sys; from runtime import {name}; print({{'torch', 'llguidance'}} & set(sys.modules))"
    assert run(script) == "set()"


def test_the_three_lists_of_names_agree() -> None:
    source = ast.parse(Path(runtime.__file__).read_text("utf-8"))
    branch = next(node for node in source.body if isinstance(node, ast.If))
    for_types = {
        (node.module, alias.name) for node in branch.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert {(module, name) for name, module in runtime._MODULE_OF.items()} == for_types
    assert sorted(runtime._MODULE_OF) == runtime.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        runtime.nothing  # noqa: B018
    assert "Engine" in dir(runtime)
