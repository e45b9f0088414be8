"""The public face changes only on purpose: with the golden file, and a line in CHANGELOG.md."""

import importlib
import pkgutil

import pytest

from tests.helpers import public_api


def test_public_signatures_equal_the_golden_file() -> None:
    assert public_api.describe() == public_api.GOLDEN.read_text("utf-8"), (
        "if the change is meant: python -m tests.helpers.public_api --write, and a line in CHANGELOG.md"
    )


def _packages_with_all() -> list[str]:
    names = []
    for top in public_api.PACKAGES:
        package = importlib.import_module(top)
        names.append(top)
        names.extend(info.name for info in pkgutil.iter_modules(package.__path__, f"{top}.") if info.ispkg)
    return [name for name in names if hasattr(importlib.import_module(name), "__all__")]


@pytest.mark.parametrize("package", _packages_with_all())
def test_all_names_what_is_importable_once(package: str) -> None:
    module = importlib.import_module(package)
    assert len(set(module.__all__)) == len(module.__all__)  # ruff keeps them sorted (RUF022)
    for name in module.__all__:
        assert getattr(module, name) is not None
