"""How downloaded files become the one file that is stored: by name, as catalog entries refer to them."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from runtime.loaders.catalog_entries import Conversion

Convert = Callable[[Sequence[Path], Path], None]


def join(parts: Sequence[Path], target: Path) -> None:
    """Make `target` from the bytes of `parts` in order. The parts are used up: moved or removed as it grows."""
    first, *others = parts
    first.replace(target)
    with target.open("ab") as file:
        for part in others:
            with part.open("rb") as content:
                shutil.copyfileobj(content, file, 1 << 20)
            part.unlink()


def _e5s1(parts: Sequence[Path], target: Path) -> None:
    from runtime.loaders.convert_e5s1 import convert_e5s1

    (source,) = parts
    convert_e5s1(source, target)


def _minilm(parts: Sequence[Path], target: Path) -> None:
    from runtime.loaders.convert_bert import convert_bert

    weights, vocabulary, config = parts
    convert_bert(weights, vocabulary, config, target, name="all-MiniLM-L6-v2", licence="apache-2.0")


CONVERSIONS: Mapping[Conversion, Convert] = MappingProxyType({"e5s1": _e5s1, "join": join, "minilm": _minilm})
