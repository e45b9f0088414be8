"""`TerminalScreen`: what a person sees after a program wrote to a terminal, for the codes that the command uses."""

import re

from appkit.cli.columns import char_columns

_CODE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])|\x1b[=>]")
_NO_EFFECT = {"m"}  # colours
_MODES = {
    "1",
    "7",
    "12",
    "25",
    "1000",
    "1003",
    "1006",
    "1015",
    "2004",
}  # of prompt-toolkit: keys, wrapping, cursor, paste


class TerminalScreen:
    """Rows of text, those that scrolled away included. Wraps late, as real terminals do: on the character after the
    last column. A code that it does not know is an error, and so is a cursor that would leave the screen."""

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._height = height
        self._rows: list[list[str]] = [[]]  # one text a column; that of the right half of a wide character is ""
        self._row = self._column = 0
        self._top = 0  # rows that scrolled away, which no cursor reaches

    def write(self, text: str) -> int:
        """Show `text`; makes the screen usable as a text file."""
        position = 0
        while position < len(text):
            if (code := _CODE.match(text, position)) is not None:
                if code[3] is not None:
                    self._obey(code[1], code[2], code[3])
                position = code.end()
                continue
            self._put(text[position])
            position += 1
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    @property
    def text(self) -> str:
        """All rows, without spaces at their ends."""
        return "\n".join("".join(row).rstrip() for row in self._rows)

    def _put(self, char: str) -> None:
        if char == "\n":
            self._row, self._column = self._row + 1, 0
            if self._row == len(self._rows):
                self._rows.append([])
            self._top = max(self._top, len(self._rows) - self._height)
        elif char == "\r":
            self._column = 0
        elif char == "\b":
            self._column -= 1
        elif char != "\x07":
            self._show(char)

    def _show(self, char: str) -> None:
        assert char.isprintable(), f"{char!r} reached the terminal"
        size = char_columns(char)
        if self._column + size > self._width:
            self._put("\n")
        row = self._rows[self._row]
        row += [" "] * (self._column - len(row))
        if size:
            row[self._column : self._column + size] = [char, *[""] * (size - 1)]
        elif row:
            row[self._column - 1] += char
        self._column += size

    def _obey(self, private: str, values: str, letter: str) -> None:
        count = int(values) if values.isdigit() and not private else 1
        match letter:
            case "A":
                assert self._row - count >= self._top, f"{count} rows up from {self._row} leaves the screen"
                self._row -= count
            case "B":
                self._row = min(self._row + count, len(self._rows) - 1)
            case "C":
                self._column = min(self._column + count, self._width - 1)
            case "D":
                self._column = max(0, min(self._column, self._width - 1) - count)
            case "J" | "K":
                assert values in ("", "0") or (letter, values) == ("K", "2"), f"erasing {values!r} is not known here"
                del self._rows[self._row][0 if values == "2" else self._column :]
                if letter == "J":
                    del self._rows[self._row + 1 :]
            case "h" | "l" if private and set(values.split(";")) <= _MODES:
                pass
            case _:
                assert letter in _NO_EFFECT, f"the code {private}{values}{letter} is not known here"
