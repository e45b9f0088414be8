"""`TerminalScreen`: what a person sees after a program wrote to a terminal, for the few codes that the command uses."""

import re

from appkit.cli.columns import char_columns

_CODE = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])")


class TerminalScreen:
    """Rows of text, those that scrolled away included. Wraps late, as real terminals do: on the character after the
    last column. A code it does not know is an error."""

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._height = height
        self._rows: list[list[str]] = [[]]  # one string a column; the right half of a wide character is ""
        self._row = self._column = 0
        self.num_scrolled = 0

    def write(self, text: str) -> int:
        """Show `text`; makes the screen usable as a text file."""
        position = 0
        while position < len(text):
            if (code := _CODE.match(text, position)) is not None:
                self._obey(int(code[1] or 1) if code[2] == "A" else 0, code[2])
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
            self._grow()
        elif char == "\r":
            self._column = 0
        else:
            assert char.isprintable(), f"{char!r} reached the terminal"
            size = char_columns(char)
            if self._column + size > self._width:
                self._put("\n")
            row = self._rows[self._row]
            if size:
                row[self._column : self._column + size] = [char, *[""] * (size - 1)]
            else:
                row[-1:] = ["".join([*row[-1:], char])]
            self._column += size

    def _grow(self) -> None:
        if self._row == len(self._rows):
            self._rows.append([])
        self.num_scrolled = max(self.num_scrolled, len(self._rows) - self._height)

    def _obey(self, count: int, letter: str) -> None:
        match letter:
            case "A":
                assert self._row - count >= self.num_scrolled, "the cursor would leave the screen"
                self._row -= count
            case "J":
                del self._rows[self._row + 1 :]
                del self._rows[self._row][self._column :]
            case "m":
                pass
            case _:
                raise AssertionError(f"unknown code {letter!r}")
