"""A file of examples, prepared to train on: read, encoded, split, mixed; everything left out is counted and named."""

import dataclasses
import datetime
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from runtime.errors import TrainingDataError
from runtime.tokenizer.base import Tokenizer
from runtime.tokenizer.chat_template import Template
from runtime.training.data.encode import EncodingSettings, encode_example, encode_preference
from runtime.training.data.example import PreferencePair, SkippedLine, TokenExample
from runtime.training.data.formats import PreferenceExample
from runtime.training.data.mixing import mix, split_validation
from runtime.training.data.read import RawData, RawLine, read_examples
from runtime.training.data.report import DatasetReport, EncodedLine, find_duplicates, length_statistics

MAX_NAMED = 5  # lines at fault that an error names


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """What is trained on, beyond the file itself.

    Args:
        fields: key of a format → what the file calls it; see `read_examples`.
        bad_lines: "refuse" a file with lines that cannot be trained on, or "skip" them, counted and named.
        validation: a share of the lines, or a file, to validate on; None for none.
        mix: files and their shares of the lines trained on; see `mix`.
        seed: decides the split, the mix and the order.
    """

    encoding: EncodingSettings
    fields: Mapping[str, str] = field(default_factory=dict)
    bad_lines: Literal["refuse", "skip"] = "refuse"
    validation: float | Path | None = None
    mix: tuple[tuple[Path, float], ...] = ()
    seed: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedData:
    """Sequences, or pairs where the file holds preferences: one of the two is empty."""

    lines: tuple[EncodedLine, ...]  # of the file itself, in its order, before anything was split off or mixed in
    train: tuple[TokenExample, ...]
    validation: tuple[TokenExample, ...]
    train_pairs: tuple[PreferencePair, ...]
    validation_pairs: tuple[PreferencePair, ...]
    reports: tuple[DatasetReport, ...]  # of the file, then of those mixed in, then of the file to validate on
    num_mixed: int  # lines trained on that come from files mixed in
    num_leaked: int  # lines validated on that are also trained on, where they come from a file of their own


def prepare_data(path: str | Path, tokenizer: Tokenizer, template: Template, settings: DataSettings) -> PreparedData:
    """What to train and to validate on. The same files and settings give the same, in the same order.

    Raises:
        TrainingDataError: a file cannot be read, has lines at fault (unless they are skipped) or lines that are too
            long (where those are refused), leaves nothing to learn, or the files hold different kinds of examples.
        ValueError: shares or fields that cannot be.
    """
    encoding = settings.encoding
    if encoding.now is None:  # the same for every line
        encoding = dataclasses.replace(encoding, now=datetime.datetime.now())
    codec = _Codec(tokenizer=tokenizer, template=template, encoding=encoding, bad_lines=settings.bad_lines)
    lines, report = codec.load(Path(path), settings.fields)
    of_file = tuple(lines)
    reports = [report]
    others: list[tuple[list[EncodedLine], float]] = []
    for other, share in settings.mix:
        mixed_in, report = codec.load(other, {})
        others.append((mixed_in, share))
        reports.append(report)
    validation: list[EncodedLine] = []
    num_leaked = 0
    if isinstance(settings.validation, Path):
        validation, report = codec.load(settings.validation, settings.fields)
        reports.append(report)
        trained = {line.digest for line in lines}
        num_leaked = sum(line.digest in trained for line in validation)
    elif settings.validation is not None:
        lines, validation = _split(lines, settings.validation, settings.seed, Path(path))
    _check_one_kind([lines, validation, *(examples for examples, _ in others)], reports)
    train = mix(lines, others, seed=settings.seed)
    return PreparedData(
        lines=of_file,
        train=_sequences(train),
        validation=_sequences(validation),
        train_pairs=_pairs(train),
        validation_pairs=_pairs(validation),
        reports=tuple(reports),
        num_mixed=len(train) - len(lines),
        num_leaked=num_leaked,
    )


@dataclass(frozen=True, kw_only=True)
class _Codec:
    tokenizer: Tokenizer
    template: Template
    encoding: EncodingSettings
    bad_lines: Literal["refuse", "skip"]

    def load(self, path: Path, fields: Mapping[str, str]) -> tuple[list[EncodedLine], DatasetReport]:
        """Every line that can be trained on, and what there is to say of the file."""
        data = read_examples(path, fields=fields)
        encoded = [self._encode(line, path.name) for line in data.lines]
        lines = [line for line in encoded if isinstance(line, EncodedLine)]
        skipped = [line for line in encoded if isinstance(line, SkippedLine)]
        bad = sorted((*data.bad, *(line for line in skipped if not line.is_too_long)), key=lambda s: s.line_number)
        too_long = [line for line in skipped if line.is_too_long]
        if bad and self.bad_lines == "refuse":
            raise _at_fault(path, bad, "cannot be trained on", "Mend them, or have bad lines skipped")
        if too_long and self.encoding.too_long == "refuse":
            raise _at_fault(path, too_long, "are too long", "Allow more tokens, or drop or cut them with --too-long")
        if not lines:
            raise _nothing_to_learn(path, bad, too_long)
        return lines, self._report(data, lines, bad, too_long)

    def _encode(self, line: RawLine, source: str) -> EncodedLine | SkippedLine:
        if isinstance(line.example, PreferenceExample):
            pair = encode_preference(line, self.tokenizer, self.template, self.encoding, source=source)
            if isinstance(pair, SkippedLine):
                return pair
            return _encoded_line(line.line_number, (pair.chosen, pair.rejected), pair)
        sequences = encode_example(line, self.tokenizer, self.template, self.encoding, source=source)
        if isinstance(sequences, SkippedLine):
            return sequences
        return _encoded_line(line.line_number, tuple(sequences), None)

    def _report(
        self, data: RawData, lines: Sequence[EncodedLine], bad: Sequence[SkippedLine], too_long: Sequence[SkippedLine]
    ) -> DatasetReport:
        sequences = [sequence for line in lines for sequence in line.sequences]
        return DatasetReport(
            path=data.path,
            format=data.format,
            num_lines=len(lines),
            num_sequences=len(sequences),
            num_rewritten=sum(len(line.sequences) > 1 for line in lines) if data.format in _CONVERSATIONS else 0,
            num_tokens=sum(map(len, sequences)),
            num_supervised=sum(sequence.num_supervised for sequence in sequences),
            lengths=length_statistics([len(sequence) for sequence in sequences]),
            bad=tuple(bad),
            too_long=tuple(too_long),
            num_truncated=sum(sequence.is_truncated for sequence in sequences),
            duplicates=find_duplicates(lines),
            ignored_keys=data.ignored_keys,
        )


_CONVERSATIONS = ("chat", "sharegpt")  # the others have one answer, or are windows of a text


def _encoded_line(line_number: int, sequences: tuple[TokenExample, ...], pair: PreferencePair | None) -> EncodedLine:
    digest = hashlib.sha256()
    for sequence in sequences:
        digest.update(len(sequence).to_bytes(8, "little"))
        digest.update(sequence.input_ids.tobytes())
        digest.update(sequence.is_supervised.tobytes())
    return EncodedLine(line_number=line_number, sequences=sequences, pair=pair, digest=digest.digest())


def _split(
    lines: list[EncodedLine], share: float, seed: int, path: Path
) -> tuple[list[EncodedLine], list[EncodedLine]]:
    try:
        return split_validation(lines, share, seed=seed, key=lambda line: line.digest)
    except ValueError as error:
        raise TrainingDataError(f"{path}: {error}", path) from error


def _check_one_kind(sides: Sequence[Sequence[EncodedLine]], reports: Sequence[DatasetReport]) -> None:
    if len({line.pair is None for side in sides for line in side}) > 1:
        formats = ", ".join(f"{report.path} ({report.format})" for report in reports)
        raise TrainingDataError(
            f"Preference pairs and other examples are not trained on together: {formats}.", reports[0].path
        )


def _sequences(lines: Sequence[EncodedLine]) -> tuple[TokenExample, ...]:
    return tuple(sequence for line in lines if line.pair is None for sequence in line.sequences)


def _pairs(lines: Sequence[EncodedLine]) -> tuple[PreferencePair, ...]:
    return tuple(line.pair for line in lines if line.pair is not None)


def _at_fault(path: Path, lines: Sequence[SkippedLine], fault: str, way_out: str) -> TrainingDataError:
    named = "; ".join(f"line {line.line_number}: {line.reason}" for line in lines[:MAX_NAMED])
    more = f"; and {len(lines) - MAX_NAMED:,} more" if len(lines) > MAX_NAMED else ""
    return TrainingDataError(
        f"{path}: {len(lines):,} of its lines {fault}. {named}{more}. {way_out}.", path, lines[0].line_number
    )


def _nothing_to_learn(path: Path, bad: Sequence[SkippedLine], too_long: Sequence[SkippedLine]) -> TrainingDataError:
    first = min((*bad, *too_long), key=lambda line: line.line_number)
    return TrainingDataError(
        f"{path} leaves nothing to learn: {len(bad):,} lines are at fault and {len(too_long):,} too long. Line "
        f"{first.line_number}: {first.reason}.",
        path,
        first.line_number,
    )
