"""The folder of a run: the adapter, and beside it, in `training/`, what it was made with and how it went.

    adapter_config.json, adapter_model.safetensors   the adapter, as PEFT has it; there once the run is finished
    training/run.json              what the run is of: options, and digests of the data and the model
    training/config.yaml           its options, for `--config`
    training/checkpoint.safetensors   where it stands, exactly
    training/log.jsonl             a line a step
    training/best/                 the best adapter so far, where that is the one to keep
    training/loss.png, result.json   written last: with a result the run is finished

A process that is killed anywhere leaves a folder that the next one goes on from. A run that begins anew leaves the old
adapter in its place until the new one is complete.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from appkit import strict_json
from appkit.errors import TuningError
from appkit.tuning.config import TuneConfig, config_of, differences
from appkit.tuning.config_file import write_options
from appkit.tuning.result import TuneResult, parse_result, result_bytes
from runtime.errors import LockTimeoutError
from runtime.files import FileLock, write_atomic

FORMAT, VERSION = "appkit-tuning", 1
TRAINING = "training"
LOCK, RUN, CONFIG, LOG, BEST = ".lock", "run.json", "config.yaml", "log.jsonl", "best"
RESULT, PLOT = "result.json", "loss.png"
CHECKPOINT = "checkpoint.safetensors"  # the trainer's name for it
ADAPTER_CONFIG = "adapter_config.json"
MAX_JSON_BYTES = 256 << 20
_OURS = (LOCK, RUN, CONFIG, LOG, BEST, RESULT, PLOT, CHECKPOINT)


class TuneFolder:
    """A folder and the run that is in it, or may be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.training = path / TRAINING

    @property
    def log_path(self) -> Path:
        """A line a step."""
        return self.training / LOG

    @property
    def best_path(self) -> Path:
        """The adapter with the lowest loss on the validation set so far."""
        return self.training / BEST

    @property
    def plot_path(self) -> Path:
        """The curve of the loss."""
        return self.training / PLOT

    @property
    def holds_run(self) -> bool:
        """Whether a run was begun here."""
        return (self.training / RUN).exists()

    def agreed(self, config: TuneConfig, digests: Mapping[str, str]) -> TuneConfig:
        """The options of the run that is here, or of the new one: those given, with the date filled in.

        Raises:
            TuningError: what is here is something else, or a run of other options, data or another model.
        """
        if not self.holds_run:
            self._check_is_free()
            return config
        kept, kept_digests = self._read_run()
        if config.date is None:
            config = replace(config, date=kept.date)
        state = "a finished run" if self.is_finished else "an unfinished run"
        way_out = "Give the same, another folder (-o), or begin anew with --fresh (fresh=True)."
        if names := differences(kept, config):
            name = names[0]
            more = f" (and {len(names) - 1} more differ)" if len(names) > 1 else ""
            raise TuningError(
                f"{self.path} holds {state} with other options: {name} is {getattr(kept, name)!r} there and "
                f"{getattr(config, name)!r} here{more}. {way_out}"
            )
        if changed := [name for name in digests if digests[name] != kept_digests.get(name)]:
            raise TuningError(f"{self.path} holds {state}, and {changed[0]} has changed since it was begun. {way_out}")
        return config

    @property
    def is_finished(self) -> bool:
        """Whether the adapter of the run that is here is complete."""
        return (self.training / RESULT).exists() and (self.path / ADAPTER_CONFIG).exists()

    def result(self) -> TuneResult:
        """What the finished run came to. Raises TuningError where its file is damaged."""
        with (self.training / RESULT).open("rb") as file:
            return parse_result(file.read(MAX_JSON_BYTES), self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """For this process alone; made where it is missing.

        Raises:
            TuningError: another process trains here, or it cannot be written.
        """
        lock = FileLock(self.training / LOCK, timeout_s=0)
        try:
            lock.acquire()
        except LockTimeoutError as error:
            raise TuningError(f"Another process trains in {self.path}: wait for it, or give another folder.") from error
        except OSError as error:
            raise TuningError(f"{self.path} cannot be written: {error.strerror or error}.") from error
        try:
            yield
        finally:
            lock.release()

    def begin(self, config: TuneConfig, digests: Mapping[str, str], *, fresh: bool) -> None:
        """Make the folder that of a run, unless it is already; `fresh` forgets what was there of one, adapter aside."""
        if self.holds_run and not fresh:
            return
        if self.holds_run:
            self._read_run()  # raises where the files are of another program
        for name in (RESULT, CHECKPOINT, LOG, PLOT):  # stopped after any, what is left is a run without its steps
            (self.training / name).unlink(missing_ok=True)
        shutil.rmtree(self.best_path, ignore_errors=True)
        write_options(self.training / CONFIG, config)
        run = {"format": FORMAT, "version": VERSION, "config": config.as_mapping(), "digests": dict(digests)}
        with write_atomic(self.training / RUN) as file:
            file.write(json.dumps(run, indent=1).encode() + b"\n")

    def finish(self, result: TuneResult) -> None:
        """Keep what the run came to; it is finished then."""
        with write_atomic(self.training / RESULT) as file:
            file.write(result_bytes(result))
        shutil.rmtree(self.best_path, ignore_errors=True)

    def _check_is_free(self) -> None:
        """Raise TuningError where there is anything that no run left."""
        if self.path.exists() and not self.path.is_dir():
            raise TuningError(f"{self.path} is a file; name a folder for the adapter.")
        strays = [path for path in _entries(self.path) if path != self.training]
        strays += [path for path in _entries(self.training) if path.name not in _OURS and not _is_temporary(path)]
        if not strays:
            return
        if any(path.name == ADAPTER_CONFIG for path in strays):
            raise TuningError(f"{self.path} holds an adapter that was not trained here: give another folder.")
        raise TuningError(f"{self.path} is not empty ({strays[0].name}): give a new folder for the adapter.")

    def _read_run(self) -> tuple[TuneConfig, dict[str, str]]:
        path = self.training / RUN
        try:
            with path.open("rb") as file:
                run: Any = strict_json.loads(file.read(MAX_JSON_BYTES))
            if (run["format"], run["version"]) != (FORMAT, VERSION):
                raise ValueError("of another version")
            return config_of(run["config"]), {str(name): str(digest) for name, digest in run["digests"].items()}
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise TuningError(f"{path} is no run of this version: give another folder, or remove it.") from error


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _is_temporary(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(".tmp")
