"""What `appkit tune preview` shows: a file in figures, and examples as tokens with the loss mask.

On a terminal with colours what is learnt is green, and two shades tell tokens apart; elsewhere what is learnt stands
in ⟦brackets⟧. The JSON shape is promised to scripts.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

from appkit.cli.printable import is_colourful, on_one_line, printable
from appkit.cli.texts import text

if TYPE_CHECKING:
    from runtime import (
        DatasetReport,
        EncodedLine,
        EncodingSettings,
        ModelText,
        PreparedData,
        SkippedLine,
        TokenExample,
        Tokenizer,
    )

MAX_SHOWN_TOKENS = 300  # of an example, unless its line was asked for
MAX_LISTED = 10  # lines at fault, duplicates
_LEARNT = ("\x1b[30;42m", "\x1b[30;102m")  # black on two greens (ECMA-48, SGR; 102 is a common extension)
_READ = ("\x1b[2m", "\x1b[0m")  # faint, normal
_PLAIN = "\x1b[0m"


def print_preview(
    prepared: "PreparedData",
    shown: "Sequence[EncodedLine]",
    model: "ModelText",
    encoding: "EncodingSettings",
    *,
    is_whole: bool,
) -> None:
    """Figures of every file, then the examples of `shown`: whole, or their first tokens."""
    for report in prepared.reports:
        for words in _figures(report, encoding):
            typer.echo(printable(words))
    for words in _how_used(prepared, encoding):
        typer.echo(printable(words))
    for line in shown:
        for sequence in line.sequences:
            typer.echo("\n" + _heading(sequence, line))
            limit = None if is_whole else MAX_SHOWN_TOKENS
            typer.echo(_tokens(sequence, model.tokenizer, limit), color=is_colourful())


def preview_json(prepared: "PreparedData", shown: "Sequence[EncodedLine]", tokenizer: "Tokenizer") -> dict[str, Any]:
    """The same for a program. `tokens` are texts, of which one that ends within a character is empty."""
    return {
        "files": [_report_json(report) for report in prepared.reports],
        "train": {"examples": len(prepared.train) + len(prepared.train_pairs), "mixed_in": prepared.num_mixed},
        "validation": {
            "examples": len(prepared.validation) + len(prepared.validation_pairs),
            "also_trained_on": prepared.num_leaked,
        },
        "examples": [_example_json(sequence, tokenizer) for line in shown for sequence in line.sequences],
    }


def _figures(report: "DatasetReport", encoding: "EncodingSettings") -> Iterator[str]:
    yield text(
        "tune_file",
        path=report.path,
        format=report.format,
        lines=report.num_lines,
        tokens=report.num_tokens,
        learnt=report.num_supervised,
        share=report.num_supervised / max(report.num_tokens, 1),
    )
    if (lengths := report.lengths) is not None:
        yield text(
            "tune_lengths",
            shortest=lengths.shortest,
            median=lengths.median,
            p90=lengths.p90,
            longest=lengths.longest,
            mean=lengths.mean,
        )
    if report.too_long:
        key = "tune_dropped" if encoding.too_long == "drop" else "tune_nothing_left"
        yield text(key, count=len(report.too_long), limit=encoding.max_len, lines=_numbers(report.too_long))
    if report.num_truncated:
        yield text("tune_truncated", count=report.num_truncated, limit=encoding.max_len, policy=encoding.too_long)
    if report.num_rewritten:
        yield text("tune_rewritten", count=report.num_rewritten, sequences=report.num_sequences)
    if report.duplicates:
        pairs = ", ".join(f"{line} = {earlier}" for line, earlier in report.duplicates[:MAX_LISTED])
        yield text("tune_duplicates", count=len(report.duplicates), lines=pairs + _dots(report.duplicates))
    if report.ignored_keys:
        yield text("tune_ignored", keys=on_one_line(", ".join(report.ignored_keys[:MAX_LISTED])))
    if report.bad:
        yield text("tune_bad", count=len(report.bad))
        for bad in report.bad[:MAX_LISTED]:
            yield text("tune_bad_line", line=bad.line_number, reason=on_one_line(bad.reason))
        if len(report.bad) > MAX_LISTED:
            yield text("tune_bad_more", count=len(report.bad) - MAX_LISTED)


def _how_used(prepared: "PreparedData", encoding: "EncodingSettings") -> Iterator[str]:
    if prepared.num_mixed:
        yield text("tune_mixed", count=prepared.num_mixed)
    if num_validated := len(prepared.validation) + len(prepared.validation_pairs):
        num_trained = len(prepared.train) + len(prepared.train_pairs)
        yield text("tune_validation", train=num_trained, validation=num_validated)
    if prepared.num_leaked:
        yield text("tune_leaked", count=prepared.num_leaked)
    if encoding.system:
        yield text("tune_system", system=on_one_line(encoding.system))


def _heading(sequence: "TokenExample", line: "EncodedLine") -> str:
    key = "tune_example"
    if line.pair is not None:
        key = "tune_chosen" if sequence is line.pair.chosen else "tune_rejected"
    return text(key, line=sequence.line_number, tokens=len(sequence), learnt=sequence.num_supervised)


def _tokens(sequence: "TokenExample", tokenizer: "Tokenizer", limit: int | None) -> str:
    pieces = list(_pieces(sequence, tokenizer))[:limit]
    shown = (_coloured(pieces) if is_colourful() else _bracketed(pieces)).removesuffix("\n")
    rest = len(sequence) - len(pieces)
    return shown if rest <= 0 else f"{shown}\n{text('tune_tokens_more', count=rest, line=sequence.line_number)}"


def _pieces(sequence: "TokenExample", tokenizer: "Tokenizer") -> Iterator[tuple[str, bool]]:
    """Text of each token, and whether it is learnt. A character of several tokens is shown with its last."""
    stream = tokenizer.stream(skip_special=False)
    for token_id, is_learnt in zip(sequence.input_ids.tolist(), sequence.is_supervised.tolist(), strict=True):
        yield printable(stream.push(token_id)), is_learnt


def _coloured(pieces: Sequence[tuple[str, bool]]) -> str:
    """Colours end before a line does, which would fill it otherwise; a line break is shown by a sign too."""
    words = []
    for number, (piece, is_learnt) in enumerate(piece for piece in pieces if piece[0]):
        colour = (_LEARNT if is_learnt else _READ)[number % 2]
        first, *rest = piece.split("\n")
        words.append(f"{colour}{first}{_PLAIN}")
        words += [f"{colour}⏎{_PLAIN}\n" + (f"{colour}{row}{_PLAIN}" if row else "") for row in rest]
    return "".join(words)


def _bracketed(pieces: Sequence[tuple[str, bool]]) -> str:
    words, was_learnt = [], False
    for piece, is_learnt in [*pieces, ("", False)]:
        words.append(("⟦" if is_learnt else "⟧") * (is_learnt != was_learnt) + piece)
        was_learnt = is_learnt
    return "".join(words)


def _numbers(lines: "Sequence[SkippedLine]") -> str:
    return ", ".join(str(line.line_number) for line in lines[:MAX_LISTED]) + _dots(lines)


def _dots(items: Sequence[object]) -> str:
    return ", …" if len(items) > MAX_LISTED else ""


def _report_json(report: "DatasetReport") -> dict[str, Any]:
    lengths = report.lengths
    return {
        "path": str(report.path),
        "format": report.format,
        "lines": report.num_lines,
        "sequences": report.num_sequences,
        "rewritten_lines": report.num_rewritten,
        "tokens": report.num_tokens,
        "learnt_tokens": report.num_supervised,
        "lengths": None
        if lengths is None
        else {
            "shortest": lengths.shortest,
            "median": lengths.median,
            "p90": lengths.p90,
            "longest": lengths.longest,
            "mean": round(lengths.mean, 2),
        },
        "bad": [{"line": bad.line_number, "reason": bad.reason} for bad in report.bad],
        "too_long": [line.line_number for line in report.too_long],
        "truncated_sequences": report.num_truncated,
        "duplicates": [list(pair) for pair in report.duplicates],
        "ignored_keys": list(report.ignored_keys),
    }


def _example_json(sequence: "TokenExample", tokenizer: "Tokenizer") -> dict[str, Any]:
    stream = tokenizer.stream(skip_special=False)
    ids = sequence.input_ids.tolist()
    return {
        "line": sequence.line_number,
        "input_ids": ids,
        "is_learnt": sequence.is_supervised.tolist(),
        "tokens": [stream.push(token_id) for token_id in ids],
    }
