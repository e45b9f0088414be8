"""From a file of examples to the rows that a run trains and evaluates on. Nothing here needs torch."""

import dataclasses
import datetime
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from appkit.tuning.config import TuneConfig
from runtime.errors import TrainingDataError
from runtime.files import sha256_file

if TYPE_CHECKING:
    from runtime import ModelText, Packed, PreparedData

TRAIN_FILE, VALIDATION_FILE = "train.jsonl", "valid.jsonl"  # of a folder of data, as mlx-lm lays it out
MAX_ROW_TOKENS = 1024
MIN_ROW_TOKENS = 256  # shorter rows waste the matrix units
MIN_STEPS = 100  # a run should have, where the data allow: an adapter moves by steps
MAX_EVALUATIONS = 10
EVALUATION_SHARE = 0.2  # of the time of training, at most
_FORWARD_SHARE = 1 / 3  # of a training step


@dataclass(frozen=True, kw_only=True, eq=False)
class TuneData:
    """What a run reads, packed."""

    prepared: "PreparedData"
    rows: "tuple[Packed, ...]"
    eval_rows: "tuple[Packed, ...]"
    num_steps: int
    eval_every: int | None  # steps; None where there is nothing to evaluate on

    @property
    def is_preference(self) -> bool:
        """Whether it is pairs of which one answer is the better."""
        return bool(self.prepared.train_pairs)

    @property
    def num_tokens(self) -> int:
        """Of one epoch."""
        return sum(map(len, self.rows))


def with_absolute_paths(config: TuneConfig) -> TuneConfig:
    """The same run, whatever folder it is gone on with in."""
    changes: dict[str, object] = {"data": str(Path(config.data).expanduser().absolute())}
    if isinstance(config.validation, str):
        changes["validation"] = str(Path(config.validation).expanduser().absolute())
    changes["mix"] = {str(Path(path).expanduser().absolute()): share for path, share in config.mix.items()}
    if Path(config.model).is_file():
        changes["model"] = str(Path(config.model).absolute())
    return dataclasses.replace(config, **changes)  # type: ignore[arg-type]


def find_files(config: TuneConfig) -> tuple[Path, float | Path | None]:
    """The file to train on, and the share of it or the file to evaluate on.

    Raises:
        TrainingDataError: a folder without the file to train on.
    """
    data = Path(config.data)
    validation = Path(config.validation) if isinstance(config.validation, str) else config.validation
    if not data.is_dir():
        return data, validation
    if not (data / TRAIN_FILE).is_file():
        raise TrainingDataError(
            f"{data} is a folder without {TRAIN_FILE}: name a file, or put {TRAIN_FILE} (and {VALIDATION_FILE}) there.",
            data,
        )
    if validation is None and (data / VALIDATION_FILE).is_file():
        validation = data / VALIDATION_FILE
    return data / TRAIN_FILE, validation


def file_digests(config: TuneConfig) -> dict[str, str]:
    """SHA-256 of every file of examples, by path. Raises TrainingDataError where one cannot be read."""
    train, validation = find_files(config)
    paths = [train, *map(Path, config.mix), *([validation] if isinstance(validation, Path) else [])]
    digests = {}
    for path in paths:
        try:
            digests[str(path)] = sha256_file(path)
        except OSError as error:
            raise TrainingDataError(f"{path} cannot be read: {error.strerror or error}.", path) from error
    return digests


def prepare_rows(config: TuneConfig, model: "ModelText") -> TuneData:
    """What the run that `config` describes trains `model` on.

    Raises:
        TrainingDataError: a file that cannot be trained on; the message names lines and reasons.
        ValueError: options that do not fit the model or each other.
    """
    from appkit.llm.training_encoding import training_encoding
    from runtime import DataSettings, pack, pack_pairs, prepare_data

    template, encoding = training_encoding(
        model,
        max_len=config.max_len,
        supervise=config.learn,
        too_long=config.too_long,
        prompts=config.prompts,
        system=config.system,
        now=_date(config.date),
    )
    train, validation = find_files(config)
    settings = DataSettings(
        encoding=encoding,
        fields=config.fields,
        bad_lines="skip" if config.skip_bad else "refuse",
        validation=validation,
        mix=tuple((Path(path), share) for path, share in config.mix.items()),
        seed=config.seed,
    )
    prepared = prepare_data(train, model.tokenizer, template, settings)
    sequences = [*prepared.train, *(side for pair in prepared.train_pairs for side in (pair.chosen, pair.rejected))]
    row_tokens = _row_tokens(config, [len(sequence) for sequence in sequences])
    eval_tokens = max(row_tokens, encoding.max_len)
    if prepared.train_pairs:
        rows = pack_pairs(prepared.train_pairs, row_tokens)
        eval_rows = pack_pairs(prepared.validation_pairs, eval_tokens)
    else:
        rows, eval_rows = pack(prepared.train, row_tokens), pack(prepared.validation, eval_tokens)
    steps = math.ceil(len(rows) / config.accumulation) * config.epochs
    num_steps = steps if config.max_steps is None else min(steps, config.max_steps)
    return TuneData(
        prepared=prepared,
        rows=tuple(rows),
        eval_rows=tuple(eval_rows),
        num_steps=num_steps,
        eval_every=_eval_every(config, num_steps, rows, eval_rows) if eval_rows else None,
    )


def _row_tokens(config: TuneConfig, lengths: list[int]) -> int:
    """Long rows run quicker; of few data they would make few steps. No example is cut."""
    if config.batch_tokens is not None:
        return config.batch_tokens
    wanted = sum(lengths) * config.epochs // (MIN_STEPS * config.accumulation)
    return max(*lengths, min(MAX_ROW_TOKENS, max(MIN_ROW_TOKENS, wanted)))


def _eval_every(config: TuneConfig, num_steps: int, rows: "list[Packed]", eval_rows: "list[Packed]") -> int:
    """So often that evaluating takes at most a fifth of the time of training, and no more than ten times."""
    if config.eval_every is not None:
        return config.eval_every
    num_trained = sum(map(len, rows)) / len(rows) * config.accumulation * num_steps
    affordable = EVALUATION_SHARE * num_trained / (_FORWARD_SHARE * sum(map(len, eval_rows)))
    return math.ceil(num_steps / max(1, min(MAX_EVALUATIONS, int(affordable))))


def _date(text: str | None) -> datetime.datetime | None:
    if text is None:
        return None
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"date is {text!r}; give one as 2026-01-31 or 2026-01-31T12:00:00.") from None
