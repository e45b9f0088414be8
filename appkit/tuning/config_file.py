"""Options in a file: read as YAML or JSON, written so that a run can be repeated.

Paths in a file are relative to the folder the command is started in, as they are on the command line.
"""

import json
from pathlib import Path
from typing import Any

from appkit.errors import TuningError
from appkit.strict_yaml import Located, StrictYamlError, read_yaml
from appkit.tuning.config import TuneConfig, checked
from runtime.files import write_atomic

MAX_FILE_BYTES = 64 << 10


def read_options(path: Path) -> dict[str, Any]:
    """The options that a file sets, checked one by one. JSON is read as the YAML it is.

    Raises:
        TuningError: the file cannot be read, or holds something else.
    """
    try:
        found = read_yaml(_text(path))
    except StrictYamlError as error:
        place = f", line {error.line}" if error.line is not None else ""
        raise TuningError(f"{path}{place}: this is no YAML that is read here: {error}.") from error
    if found is None:
        return {}
    if not isinstance(found, Located):
        raise TuningError(f"{path} holds a {type(found).__name__}; write 'option: value' lines, as in rank: 16.")
    for name, line in found.lines.items():
        try:
            checked(name, found[name])
        except ValueError as error:
            raise TuningError(f"{path}, line {line}: {error}") from error
    return dict(found)


def write_options(path: Path, config: TuneConfig) -> None:
    """Write every option to `path`, whole or not at all. Raises OSError where the disk is full."""
    lines = ["# Every option of this run: appkit tune run --config FILE repeats it.\n"]
    for name, value in config.as_mapping().items():
        lines.append(f"{name}: {_as_yaml(value)}\n")
    with write_atomic(path) as file:
        file.write("".join(lines).encode())


def _as_yaml(value: Any) -> str:
    """JSON, which is YAML, with what YAML takes for no text escaped: names of files may hold anything."""
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in text)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise TuningError(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(data) > MAX_FILE_BYTES:
        raise TuningError(f"{path} is larger than {MAX_FILE_BYTES >> 10} KiB, which no settings need.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TuningError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8.") from error
